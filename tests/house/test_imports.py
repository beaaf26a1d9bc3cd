"""The house is a column: imports point down only, and nothing names the simulator but the demo and the tests."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("recsys", "bot", "handlers", "run", "setup")  # from the cellar to the door, and who builds
MAY_NAME_THE_SIMULATOR = {"handlers/cli/demo.py"}


def sources():
    for floor in FLOORS:
        yield from sorted((ROOT / floor).rglob("*.py"))
    yield from sorted(ROOT.glob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            yield node.module


def test_imports_point_down_only():
    for path in sources():
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for name in imported(path):
            floor = name.split(".")[0]
            if floor in FLOORS:
                assert FLOORS.index(floor) <= FLOORS.index(own), f"{path.relative_to(ROOT)} imports {name}"


def test_only_the_demo_names_the_simulator_and_it_names_nothing_of_ours():
    for path in sources():
        where = path.relative_to(ROOT).as_posix()
        for name in imported(path):
            if where.startswith("bot/simulator/"):
                assert name.split(".")[0] not in FLOORS or name.startswith("bot.simulator"), f"{where}: {name}"
            elif name.startswith("bot.simulator"):
                assert where in MAY_NAME_THE_SIMULATOR, f"{where} imports {name}"


def test_sql_lives_in_the_store_only():
    verbs = ("select ", "insert into ", "update ", "delete from ")
    for path in sources():
        where = path.relative_to(ROOT).as_posix()
        if where.startswith(("bot/store/", "bot/simulator/")):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not node.value.lower().startswith(verbs) or "\n" in node.value, f"{where}: {node.value!r}"
