from __future__ import annotations

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from recsys.text import Tokenizer, normalise

ROOT = str(Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("我想学 Python 数据分析", ("python", "数据分析")),
        ("excel技巧", ("excel", "技巧")),
        ("C++", ("c++",)),
        ("ＰＰＴ", ("ppt",)),
        ("有没有便宜的瑜伽课", ("瑜伽",)),
        ("我想学剪映", ("剪映",)),
        (".NET 和 Node.js 入门", (".net", "node.js", "入门")),
        ("C语言", ("c语言",)),
        ("Power BI报表", ("power bi", "报表")),
        ("power bike", ("power", "bike")),
        ("3D打印", ("3d", "打印")),
        ("想学会计", ("会计",)),
        ("短视频剪辑课程推荐", ("短视频", "剪辑")),
        ("UI/UX设计", ("ui", "ux", "设计")),
        ("Python+Excel", ("python", "excel")),
        ("C#，F#", ("c#", "f#")),
        ("钢琴班", ("钢琴",)),
        ("想象力", ("想象力",)),
    ],
)
def test_what_is_asked_for_remains(tokenizer, said, words):
    assert tokenizer.words(said) == words


@pytest.mark.parametrize(
    "said", ["", "   ", "？！……", "2024", "3.14", "谢谢老师", "有没有课程推荐", "的", "a", "😀"]
)
def test_what_says_nothing_leaves_nothing(tokenizer, said):
    assert tokenizer.words(said) == ()


def test_single_characters_and_numbers_stay_only_as_names(tokenizer):
    assert tokenizer.words("茶，花，1688，1699") == ("茶", "1688")


def test_words_keep_their_order_and_repeat(tokenizer):
    assert tokenizer.words("瑜伽、钢琴、瑜伽") == ("瑜伽", "钢琴", "瑜伽")


def test_pieces_let_a_short_word_find_a_long_one(tokenizer):
    assert set(tokenizer.terms("数据分析")) == {"数据分析", "数据", "分析"}
    assert set(tokenizer.terms("Node.js")) == {"node.js", "node", "js"}
    assert tokenizer.terms("瑜伽瑜伽") == ("瑜伽",)


def test_normalising_folds_width_case_and_spaces():
    assert normalise(" Ｅｘｃｅｌ \n 2019\t技巧 ") == "excel 2019 技巧"


def test_a_name_of_the_catalogue_is_kept_whole_at_once(learning_tokenizer):
    before = learning_tokenizer.words("雪球投资法")
    added = learning_tokenizer.add_words(["雪球投资法", "Adobe XD", "excel技巧", "超" * 13])

    assert added == 2
    assert before != ("雪球投资法",)
    assert learning_tokenizer.words("雪球投资法") == ("雪球投资法",)
    assert learning_tokenizer.words("学adobe xd") == ("adobe xd",)
    assert learning_tokenizer.words("excel技巧") == ("excel", "技巧")
    assert learning_tokenizer.add_words(["雪球投资法"]) == 0


def test_other_text_is_cut_as_before_a_name_was_added(learning_tokenizer):
    others = ["短视频剪辑与自媒体运营", "零基础学吉他弹唱", "考研英语真题精讲"]
    before = [learning_tokenizer.words(text) for text in others]
    learning_tokenizer.add_words(["自媒体变现", "短视频带货", "吉他谱"])

    assert [learning_tokenizer.words(text) for text in others] == before


def test_a_cut_that_was_remembered_is_made_anew_when_a_name_in_it_is_added(learning_tokenizer):
    said = ["想学量子烘焙术", "量子烘焙术和插花", "有没有量子烘焙术的课"]
    before = [learning_tokenizer.words(text) for text in said]
    learning_tokenizer.add_words(["量子烘焙术"])

    assert not any("量子烘焙术" in words for words in before)
    assert all("量子烘焙术" in learning_tokenizer.words(text) for text in said)


def test_a_text_is_cut_alike_whether_its_parts_are_remembered_or_not(tokenizer, learning_tokenizer):
    rng = Random(3)
    parts = [
        "我想学",
        "有没有",
        "数据分析",
        "瑜伽",
        "和",
        "短视频剪辑",
        "，",
        " ",
        "python",
        "的课",
        "龘靐",
        "C语言",
        "入门",
    ]
    texts = ["".join(rng.choices(parts, k=rng.randint(1, 7))) for _ in range(300)]
    alone = [learning_tokenizer.words(text) for text in texts]
    long = [tokenizer.words(text + " " * 121) for text in texts]  # nothing of a long text is remembered

    assert [tokenizer.words(text) for text in texts] == alone == long


def test_threads_cut_while_names_are_added(learning_tokenizer):
    texts = [f"数据分析与瑜伽 {n}" for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        cuts = pool.map(learning_tokenizer.words, texts)
        learning_tokenizer.add_words(f"名{chr(0x4E00 + n)}字" for n in range(50))

        assert set(cuts) == {("数据分析", "瑜伽")}


def test_one_string_in_place_of_several_is_refused():
    with pytest.raises(ValueError, match="iterable"):
        Tokenizer("的")


def test_jieba_keeps_silent_and_out_of_the_temporary_folder(tmp_path):
    code = "from recsys.text import Tokenizer; print(Tokenizer().words('瑜伽'))"
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"TMPDIR": str(tmp_path), "PYTHONPATH": ROOT, "PYTHONIOENCODING": "utf-8"},
    )

    assert ran.stdout == "('瑜伽',)\n"
    assert ran.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_loads_neither_jieba_nor_scikit_learn():
    code = (
        "import sys, recsys.recommender, recsys.popularity, recsys.profile\n"
        "print(sorted({'jieba', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ROOT}
    )

    assert ran.stdout == "[]\n"


def test_warming_leaves_logging_of_others_alone(tokenizer):
    assert tokenizer.words("瑜伽") == ("瑜伽",)
    assert logging.getLogger("jieba").handlers == []
