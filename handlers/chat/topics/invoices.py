"""Invoices: what one may be asked for, and the form for it, which is one line of the chat."""

from __future__ import annotations

from typing import Any

from bot import invoicing
from bot.invoicing import Billable, FormWrong
from handlers.chat import replies_money
from handlers.chat.answers import Answer, Text
from handlers.chat.turn import Turn


def ask(_message: Any, turn: Turn) -> Answer:
    """List the paid orders with what became of their invoices, and show how to ask for one."""
    found = invoicing.billable(turn.tx, turn.openid)
    return Text(turn.word("invoice", replies_money.invoices(found, turn.chat.human_contact)))


def fill_in(form: str, _message: Any, turn: Turn) -> Answer:
    """Write a request down, or change it; whatever is missing or wrong is said, and then nothing is written."""
    found = invoicing.billable(turn.tx, turn.openid)
    if not any(each.open for each in found):
        return Text(replies_money.invoices(found, turn.chat.human_contact))
    try:
        read = invoicing.read_form(form, [_tail(each) for each in found])
    except FormWrong as wrong:
        return Text(replies_money.invoice_wrong(wrong.why, found))
    chosen = [each for each in found if (_tail(each) == read.tail if read.tail else each.open)]
    if len(chosen) > 1 and not read.tail:
        return Text(replies_money.invoice_wrong("which", found))
    order = chosen[0]
    if not order.open:
        return Text(replies_money.invoice_settled(order, turn.chat.human_contact))
    changed = order.invoice is not None
    noted = invoicing.request(turn.tx, turn.openid, order.order.order_no, read, turn.now)
    return Text(replies_money.invoice_noted(noted, changed=changed))


def _tail(each: Billable) -> str:
    return each.order.order_no[-invoicing.TAIL :]
