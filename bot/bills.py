"""What WeChat's daily bills say: facts only. How the files are read is ``bot/wechatpay/bills.py``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Account(StrEnum):
    """The accounts of a merchant whose movements of funds have a bill each."""

    BASIC = "BASIC"
    OPERATION = "OPERATION"


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One line of the trade bill: a payment or, with ``refund_no``, a refund that was applied for.

    ``fee_fen`` is what WeChat keeps, negative where it gives some back. ``status`` is that of the refund when the
    bill was made; it never changes afterwards.
    """

    at: datetime
    app_id: str
    transaction_id: str
    out_trade_no: str
    total_fen: int
    fee_fen: int
    refund_no: str = ""
    refund_fen: int = 0
    status: str = ""


@dataclass(frozen=True, slots=True)
class TradeBill:
    """All trades of a Beijing day."""

    day: date
    payments: tuple[TradeLine, ...] = ()
    refunds: tuple[TradeLine, ...] = ()


@dataclass(frozen=True, slots=True)
class FundLine:
    """One movement of funds; ``numbers`` are those it carries, ours or WeChat's."""

    at: datetime
    numbers: tuple[str, ...]
    business: str
    kind: str
    income: bool
    amount_fen: int


@dataclass(frozen=True, slots=True)
class FundBill:
    """All movements of funds of one account on a Beijing day."""

    day: date
    account: Account
    lines: tuple[FundLine, ...] = ()
