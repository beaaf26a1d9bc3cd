"""How much a promise gives back at a moment: pure arithmetic on fen, days and lessons. No store, no WeChat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.models import RefundTerms


class Basis(StrEnum):
    """By which part of the promise money goes back."""

    FULL = "full"
    PRO_RATA = "pro_rata"


@dataclass(frozen=True, slots=True)
class Learnt:
    """How far somebody got: ``done`` of ``lessons``. A course without lessons cannot have been learnt here."""

    done: int
    lessons: int


@dataclass(frozen=True, slots=True)
class Due:
    """What goes back of a payment, and by which part of the promise. 0 fen: everything was learnt."""

    basis: Basis
    fen: int


def due(terms: RefundTerms, total_fen: int, paid_at: datetime, now: datetime, learnt: Learnt) -> Due | None:
    """Return what the terms give back of ``total_fen`` now; None once their time is over.

    Never more than was paid, and never more later or after another lesson. What is not a whole fen stays with us.
    """
    since = now - paid_at
    little = learnt.done * 100 < terms.full_percent * max(learnt.lessons, 1)
    if terms.full_days and since <= timedelta(days=terms.full_days) and little:
        return Due(Basis.FULL, total_fen)
    if terms.until_days and since <= timedelta(days=terms.until_days):
        rest = max(learnt.lessons - learnt.done, 0)
        return Due(Basis.PRO_RATA, total_fen * rest // learnt.lessons if learnt.lessons else total_fen)
    return None
