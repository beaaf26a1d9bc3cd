"""The door: hands the command line to the front desk, from inside the virtual environment if need be."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

VENV = Path(__file__).absolute().parent / ".venv"
PACKAGES = (
    "click",
    "cryptography",
    "jieba",
    "numpy",
    "regex",
    "segno",
    "sklearn",
    "sqlite_utils",
    "tornado",
    "werobot",
)


def enter() -> None:
    """Make sure that the packages are here: this Python has them, or the virtual environment's takes over."""
    if all(find_spec(name) for name in PACKAGES):
        return
    python = VENV / "bin" / "python"
    if python.is_file() and Path(sys.prefix) != VENV:
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 - the same command, in our own environment
    sys.exit("还缺依赖包：先运行 make demo 或 make test，它会装好依赖")


if __name__ == "__main__":
    enter()
    from handlers.cli import main

    main()
