"""One word, however it is spelt."""

from __future__ import annotations

import subprocess
import sys

import pytest

from recsys.search.fold import fold


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("ＰＰＴ", "ppt"),
        ("  Ｐｙｔｈｏｎ　入門 ", "python 入门"),
        ("數據分析", "数据分析"),
        ("Excel函數", "excel函数"),
        ("头发和发财", "头发和发财"),
        ("頭髮和發財", "头发和发财"),
        ("C＋＋", "c++"),
        ("", ""),
    ],
)
def test_spellings_of_one_word_become_equal(typed, folded) -> None:
    assert fold(typed) == folded


@pytest.mark.parametrize("text", ["想学做饭，有课吗", "數據分析", "ＰＰＴ", "著名的瞭望塔", "👍"])
def test_folding_twice_changes_nothing(text) -> None:
    assert fold(fold(text)) == fold(text)


def test_nothing_is_loaded_before_it_is_needed() -> None:
    heavy = "print(sorted({'opencc', 'pypinyin', 'jieba'} & set(sys.modules)))"
    script = f"import sys; import recsys.search.course_search; {heavy}"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
