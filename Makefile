# Another port for the demo: make demo PORT=9000 (it takes that one and the two after it).
# Every target sets up its own virtual environment from requirements.lock; nothing else needs installing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo check test fast test-fast bench lock

$(READY): requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "需要 Python 3.11 或更新的版本")'
	@echo "第一次运行，正在装依赖，要一两分钟……"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $(READY)

demo: $(READY)  ## the whole business in a browser, no WeChat account needed
	$(BIN)/python run.py demo $(if $(PORT),--port $(PORT))

check: $(READY)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: $(READY)  ## every test
	$(BIN)/pytest -q

fast: $(READY)  ## compile what every message passes through: needs a C compiler, takes two minutes
	$(BIN)/python setup.py

test-fast: fast  ## the stories, told to the compiled code
	COMPILED=1 $(BIN)/pytest -q tests/scenarios

bench: $(READY)  ## messages per second per core beside WeRoBot's echo and a bare Tornado handler; compiled where it can be
	-$(BIN)/python setup.py
	$(BIN)/python -m tests.bench.run
	$(BIN)/python -m tests.bench.recommend

lock: $(READY)  ## write requirements.lock anew from pyproject.toml
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --extra dev --extra picture --generate-hashes --allow-unsafe --strip-extras --no-header \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml
