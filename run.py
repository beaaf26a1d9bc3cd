"""The door: hands the command line to the front desk, from inside the virtual environment if need be."""

import os
import sys
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).absolute().parent
VENV = HERE / ".venv"
FLOORS = ("bot", "handlers", "recsys")
FAST = HERE / "build" / "fast"  # where ``make fast`` puts them
STAMP = FAST / "STAMP"
PACKAGES = (
    "click",
    "cryptography",
    "jieba",
    "numpy",
    "orjson",
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


def fingerprint() -> str:
    """Return what tells one state of the code, and of all that lies beside it, from another."""
    digest = blake2b(sys.version.encode())
    for path in sorted(path for floor in FLOORS for path in (HERE / floor).rglob("*")):
        if path.is_file() and path.parent.name != "__pycache__":
            digest.update(f"\n{path.relative_to(HERE)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def take_compiled() -> bool:
    """Take the compiled code of ``make fast`` if it is there and of this very code; tell whether it is."""
    if not STAMP.is_file():
        return False
    if STAMP.read_text("ascii") != fingerprint():
        sys.stderr.write("编译过的是旧代码，这次照源码运行；再运行一次 make fast 就会用上新的。\n")
        return False
    sys.path.insert(0, str(FAST))
    return True


if __name__ == "__main__":
    enter()
    take_compiled()
    from handlers.cli import main

    main()
