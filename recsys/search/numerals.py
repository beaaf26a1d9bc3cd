"""Reading numbers as people write them: Arabic, Chinese, and the spoken short forms.

What a number counts (yuan, minutes) is said by the words around it: ``understand.py``.
"""

from __future__ import annotations

DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_UNITS = {"十": 10, "百": 100, "千": 1_000}
NUMBER = r"(?:\d+(?:\.\d+)?|[〇零一二两三四五六七八九十百千万]+)"  # what ``number`` reads, as a pattern


def number(text: str) -> float:
    """Return the value of "99.5", "一百二十" or "一百二" (120); ValueError for anything else."""
    if text[:1].isdigit():
        return float(text)
    whole, separator, rest = text.partition("万")
    if separator:
        return number(whole) * 10_000 + (number(rest) * (1_000 if len(rest) == 1 else 1) if rest else 0)
    return float(_below_ten_thousand(text))


def _below_ten_thousand(text: str) -> int:
    total, digit, unit = 0, -1, 1
    for char in text:
        if char in _UNITS:
            unit = _UNITS[char]
            total += (1 if digit < 0 else digit) * unit
            digit = -1
        elif char in DIGITS:
            digit = DIGITS[char]
            unit = 1 if digit == 0 else unit
        else:
            raise ValueError(f"not a number: {text!r}")
    if not text:
        raise ValueError("not a number: nothing at all")
    # "一百二" is 120: the last digit counts the next smaller unit, unless a zero stands before it ("一百零二").
    return total + max(digit, 0) * (unit // 10 if unit >= 100 else 1)  # noqa: PLR2004 - from hundreds on
