"""How amounts of money are written: the fen of our books as the yuan that people read."""

from __future__ import annotations


def yuan(fen: int) -> str:
    """Write an amount of fen in yuan: 9900 is "99.00", -5 is "-0.05"."""
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"
