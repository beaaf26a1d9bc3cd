"""Making spellings of one word equal: width, case, spaces and Traditional characters.

Which words are near to each other (typos, sound) is ``spelling.py``; cutting text into words is ``recsys/text.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from recsys.text import normalise

# The CJK blocks whose characters can be Traditional; the rarer planes hold nothing people type.
_BLOCKS = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0xF900, 0xFB00))


def fold(text: str) -> str:
    """Return ``text`` normalised as the tokenizer does it, and in Simplified characters.

    "ＰＰＴ" becomes "ppt" and "數據分析" "数据分析". The first call loads OpenCC's tables (50 ms); then text
    without a Traditional character costs little more than the normalising.
    """
    plain = normalise(text)
    if plain.isascii():
        return plain
    traditional, convert = _tables()
    return plain if traditional.isdisjoint(plain) else convert(plain)


@lru_cache(1)
def _tables() -> tuple[frozenset[str], Callable[[str], str]]:
    """Return the characters that OpenCC would change, and its conversion, which looks at whole words."""
    from opencc import OpenCC  # noqa: PLC0415 - loads a shared library and its tables: not at import

    convert: Callable[[str], str] = OpenCC("t2s").convert
    every = [chr(code) for block in _BLOCKS for code in block]
    folded = convert("\n".join(every)).split("\n")
    return frozenset(char for char, other in zip(every, folded, strict=True) if char != other), convert
