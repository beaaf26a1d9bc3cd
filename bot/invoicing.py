"""Invoices: what may be asked for, what an order's invoice comes to, and when one has to be taken back (红冲).

The tax number of a company is its 统一社会信用代码 (GB 32100-2015): eighteen characters, the last a check digit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.amounts import yuan
from bot.errors import NotAllowed, NotFound
from bot.models import Order, OrderState
from bot.store import Tx
from bot.store.invoices import Invoice, InvoiceState, TitleKind
from bot.store.ledger import Movement

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
CODE = re.compile(rf"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{10}}")
LOOKS_LIKE_CODE = re.compile(r"[0-9A-Za-z]{15,20}")
LOOKS_LIKE_TAIL = re.compile(r"(?=.*[0-9])[0-9A-Z]{6}")
TAIL_OF_A_PERSON = re.compile(r"\s*[A-Za-z]{6}[\s,，、]+个人")  # before a person's title stands nothing else
TAIL = 6  # characters of an order's number that name it to its buyer
LONGEST_TITLE = 100
PERSON = "个人"
LABELS = frozenset({"抬头", "发票抬头", "名称", "税号", "尾号", "订单", "订单尾号", "单位"})
EVERY = 1_000_000


@dataclass(frozen=True, slots=True)
class Form:
    """What a follower filled in; ``tail`` ends the number of the order, empty where they named none."""

    kind: TitleKind
    title: str
    tax_no: str
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Billable:
    """A paid order, what of its money is still with us, and its request if there is one."""

    order: Order
    kept_fen: int
    invoice: Invoice | None

    @property
    def open(self) -> bool:
        """Whether an invoice may be asked for, or what was asked for be changed."""
        return self.kept_fen > 0 and (self.invoice is None or self.invoice.state is InvoiceState.REQUESTED)

    @property
    def excess_fen(self) -> int:
        """How much of the invoice that is out is no longer true, so that it is to be reversed."""
        issued = self.invoice is not None and self.invoice.state is InvoiceState.ISSUED
        return max(0, self.invoice.amount_fen - self.kept_fen) if issued and self.invoice else 0


class FormWrong(NotAllowed):
    """A form that cannot be taken; ``why`` is one of "title", "tax_no", "no_tax_no", "tail"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def valid_code(code: str) -> bool:
    """Tell whether a text is a 统一社会信用代码 whose check digit is right."""
    if CODE.fullmatch(code) is None:
        return False
    total = sum(ALPHABET.index(char) * weight for char, weight in zip(code, WEIGHTS, strict=False))
    return ALPHABET[(31 - total % 31) % 31] == code[-1]


def read_form(text: str, tails: Sequence[str]) -> Form:
    """Read 「尾号 抬头 税号」 in any order; ``tails`` are the endings of the orders it may be about.

    A person's title begins with 个人 and needs no number. ``FormWrong`` says what is missing.
    """
    words = [word for word in re.split(r"[\s,，、;；:：|]+", text) if word and word not in LABELS]
    tail = next((word.upper() for word in words if word.upper() in tails), "")
    words = [word for word in words if word.upper() != tail]
    code = next((word for word in reversed(words) if LOOKS_LIKE_CODE.fullmatch(word)), "")
    named = any(LOOKS_LIKE_TAIL.fullmatch(word.upper()) for word in words) or TAIL_OF_A_PERSON.match(text)
    if named and not tail:
        raise FormWrong("tail")
    title = " ".join(word for word in words if word is not code)
    if not title or len(title) > LONGEST_TITLE or not title.isprintable() or set(title) & set("<>"):
        raise FormWrong("title")
    if title.startswith(PERSON) and not code:
        return Form(TitleKind.PERSON, title.removeprefix(PERSON).strip() or PERSON, "", tail)
    if not code:
        raise FormWrong("no_tax_no")
    if not valid_code(code.upper()):
        raise FormWrong("tax_no")
    return Form(TitleKind.COMPANY, title, code.upper(), tail)


def billable(tx: Tx, openid: str) -> list[Billable]:
    """Return a follower's orders that cost money and were paid, the newest first."""
    found = (of_order(tx, order) for order in tx.orders.of(openid, limit=EVERY))
    return [each for each in found if each is not None]


def of_order(tx: Tx, order: Order) -> Billable | None:
    """Return what an order's invoice comes to by the ledger; None for an order that nobody paid money for."""
    paid = tx.ledger.get(Movement.PAYMENT, order.paid_attempt) if order.paid_attempt else None
    if paid is None:
        return None
    back = 0
    for refund in tx.refunds.of(order.order_no):
        row = tx.ledger.get(Movement.REFUND, refund.out_refund_no)
        if row is not None and refund.out_trade_no == order.paid_attempt:
            back += row.amount_fen
    return Billable(order, paid.amount_fen + back, tx.invoices.get(order.order_no))


def request(tx: Tx, openid: str, order_no: str, form: Form, now: datetime) -> Billable:
    """Write a follower's request down, or change it; ``NotFound`` and ``NotAllowed`` where that cannot be."""
    found = _get(tx, order_no)
    if found.order.openid != openid:
        raise NotFound(f"没有订单 {order_no}")
    if not found.open or not tx.invoices.request(order_no, form.kind, form.title, form.tax_no, now):
        raise NotAllowed(f"订单 {order_no} 不能再申请发票")
    return _get(tx, order_no)


def issue(tx: Tx, order_no: str, number: str, now: datetime) -> Invoice:
    """Note that the invoice of an order is out, over what has not gone back. Errors say what is in the way."""
    found = _requested(tx, order_no)
    if found.kept_fen <= 0:
        raise NotAllowed(f"订单 {order_no} 已经全部退款，不用开发票")
    same = next((each for each in tx.invoices.all() if each.number == number), None)
    if same is not None:
        raise NotAllowed(f"发票号码 {number} 已经登记过，是订单 {same.order_no} 的")
    if not tx.invoices.issue(order_no, found.kept_fen, number, now):
        raise NotAllowed(f"订单 {order_no} 的发票已经登记过；用 invoices list --all 查看")
    if found.order.owner:
        told = {"title": found.order.title, "amount_fen": found.kept_fen, "number": number}
        tx.outbox.put("invoice_issued", order_no, found.order.owner, told, now, due=now)
    return _kept(tx, order_no)


def reversible(tx: Tx, order_no: str) -> tuple[Billable, Invoice]:
    """Return an order with its invoice that is out and may be taken back; errors say what is in the way."""
    found = _requested(tx, order_no)
    if found.invoice is None or found.invoice.state is not InvoiceState.ISSUED:
        raise NotAllowed(f"订单 {order_no} 没有开出的发票，不用红冲")
    return found, found.invoice


def reverse(tx: Tx, order_no: str, number: str, now: datetime) -> Invoice:
    """Note that an invoice was taken back by a red one, whose number this is; what asked for it is settled."""
    reversible(tx, order_no)
    tx.invoices.reverse(order_no, number)
    for anomaly in tx.anomalies.open():
        if (anomaly.kind, anomaly.key) == ("invoice_reversal", order_no):
            tx.anomalies.resolve(anomaly.anomaly_id, f"已红冲，红字发票 {number}", now)
    return _kept(tx, order_no)


def after_refund(tx: Tx, order_no: str, now: datetime) -> None:
    """Let a person know when a refund has made an invoice untrue that is out; in the refund's own transaction."""
    order = tx.orders.get(order_no)
    found = of_order(tx, order) if order is not None and tx.invoices.get(order_no) else None
    if found is not None and found.excess_fen:
        whole = found.order.state is OrderState.REFUNDED
        detail = f"发票已开，但订单{'全部' if whole else '部分'}退款，其中 {yuan(found.excess_fen)} 元要红冲"
        tx.anomalies.report("invoice_reversal", order_no, detail, now)


def _get(tx: Tx, order_no: str) -> Billable:
    order = tx.orders.get(order_no)
    found = of_order(tx, order) if order is not None else None
    if order is None:
        raise NotFound(f"没有订单 {order_no}；用 orders list 看有哪些")
    if found is None:
        raise NotAllowed(f"订单 {order_no} 没有付过款，不能开发票")
    return found


def _requested(tx: Tx, order_no: str) -> Billable:
    found = _get(tx, order_no)
    if found.invoice is None:
        raise NotFound(f"订单 {order_no} 没有申请过发票；用 invoices list 看有哪些")
    return found


def _kept(tx: Tx, order_no: str) -> Invoice:
    kept = tx.invoices.get(order_no)
    assert kept is not None, "it was found a moment ago"
    return kept
