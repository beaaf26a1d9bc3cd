"""Compile what every message passes through: ``make fast``. Without it Python does the same, only slower.

mypyc turns typed modules into C. They are built in ``build/fast`` beside a copy of all the code, and ``run.py``
takes that copy while it is of the same code; the code itself stays as it is.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from run import FAST, FLOORS, HERE, STAMP, fingerprint

COMPILED = (
    "bot/access.py",
    "bot/counters.py",
    "bot/models.py",
    "bot/offers/coupons.py",
    "bot/suggestions.py",
    "bot/texts/markup.py",
    "bot/store/inbox.py",
    "bot/store/notes.py",
    "bot/store/people.py",
    "bot/store/rows.py",
    "handlers/chat/answers.py",
    "handlers/chat/inbox.py",
    "handlers/chat/reading.py",
    "handlers/chat/replies.py",
    "handlers/chat/replies_lists.py",
    "handlers/chat/routes.py",
    "handlers/chat/talk.py",
    "handlers/chat/topics/find.py",
    "handlers/chat/topics/offers.py",
    "handlers/chat/turn.py",
    "recsys/base.py",
    "recsys/cutting.py",
    "recsys/evidence.py",
    "recsys/index.py",
    "recsys/profile.py",
    "recsys/recommender.py",
    "recsys/text.py",
    "recsys/search/course_search.py",
    "recsys/search/fold.py",
    "recsys/search/postings.py",
    "recsys/search/scoring.py",
    "recsys/search/spelling.py",
    "recsys/search/synonyms.py",
    "recsys/search/understand.py",
    "recsys/search/wording.py",
)


def check_tools() -> None:
    """Say what is missing, and leave what was compiled before as it is."""
    compiler = os.environ.get("CC") or "cc"
    if shutil.which(compiler.split()[0]) is None:
        sys.exit(f"找不到 C 编译器 {compiler}：先安装 gcc（Debian：apt-get install gcc）。不编译也照常运行")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        sys.exit("找不到 Python 的头文件：先安装它（Debian：apt-get install python3-dev）。不编译也照常运行")


def main() -> None:
    """Copy the code, compile it where it lies, and note of which code it is."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles needs these
    from setuptools import setup  # noqa: PLC0415

    if STAMP.is_file() and STAMP.read_text("ascii") == fingerprint():
        sys.stdout.write("编译过的就是现在的代码，不用再编译\n")
        return
    check_tools()
    making = FAST.with_name("making")  # a server that runs the former copy keeps it until the new one is ready
    shutil.rmtree(making, ignore_errors=True)
    for floor in FLOORS:
        shutil.copytree(HERE / floor, making / floor, ignore=shutil.ignore_patterns("__pycache__"))
    for beside in ("config.toml", "data"):
        (making / beside).symlink_to(HERE / beside)
    os.chdir(making)
    modules = mypycify(["--ignore-missing-imports", *COMPILED], opt_level="3")
    setup(name="zhike", ext_modules=modules, script_args=["--quiet", "build_ext", "--inplace"])
    shutil.rmtree(FAST, ignore_errors=True)
    making.rename(FAST)
    STAMP.write_text(fingerprint(), "ascii")
    sys.stdout.write("编译好了：python3 run.py 会自己用上；改了源码、升级了版本，就再运行一次 make fast\n")


if __name__ == "__main__":
    main()
