"""Money back: which order, what would go back and why, and the confirmation that is bound to both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from bot.errors import CannotRefund, NoRefund
from bot.models import Order
from bot.refunds import TIME_TO_CONFIRM, Preview
from bot.shop import Shop
from handlers.chat import replies, replies_refunds
from handlers.chat.answers import Answer, Later, Text
from handlers.chat.turn import Turn

MOST_LISTED = 10
MOST_REASONS = 3
MINUTES = TIME_TO_CONFIRM // timedelta(minutes=1)


def ask(_message: Any, turn: Turn) -> Answer:
    """Show what may go back: the one order at once, several as a list; where there is none, say why.

    What only a person gives back is named below it.
    """
    if not turn.shop.config.refund.enabled:
        return Text(_stock(turn))
    previews = turn.shop.refunds.refundable(turn.tx, turn.openid, turn.now)[:MOST_LISTED]
    begun = turn.shop.refunds.under_way(turn.tx, turn.openid)[:MOST_REASONS]
    told = [replies_refunds.refund_state(order.title, refund) for order, refund in begun]
    obstacles = list(turn.shop.refunds.obstacles(turn.tx, turn.openid, turn.now))
    if previews:
        told.append(_show(turn, previews[0]) if len(previews) == 1 else _list(turn, previews))
    elif not told and (why := _nothing(turn, obstacles)):
        told.append(why)
    if by_person := list(dict.fromkeys(order.title for order, why in obstacles if why is NoRefund.PERSON)):
        told.append(replies_refunds.by_person(by_person, turn.chat.human_contact))
    return Text("\n\n".join(told))


def of_order(tail: str, _message: Any, turn: Turn) -> Answer:
    """Show what would go back for the order whose number ends so."""
    return _only(turn, tail) or Text(_previewed(turn, _named(turn, tail)[0]))


def by_number(number: int, _message: Any, turn: Turn) -> Answer:
    """Show what would go back for an order of the list."""
    listed = turn.talk.refundable
    order = turn.tx.orders.get(listed[number - 1]) if 0 < number <= len(listed) else None
    return Text(_previewed(turn, order) if order is not None else replies.expired_number())


def confirm(tail: str, _message: Any, turn: Turn) -> Answer | Later:
    """Give back what was shown for that order a few minutes ago; anything else is shown first."""
    if (refusal := _only(turn, tail)) is not None:
        return refusal
    order, talk = _named(turn, tail)[0], turn.talk
    shown = _tap_id(talk.refund_order, talk.refund_fen)
    fresh = talk.refund_order == order.order_no and turn.now.timestamp() < talk.refund_until
    if not fresh or (turn.tap.startswith("r:") and turn.tap != shown):
        return Text(_previewed(turn, order))
    try:
        preview = turn.shop.refunds.preview(turn.tx, turn.openid, order.order_no, turn.now)
    except CannotRefund as error:
        return Text(_refusal(turn, order, error.why))
    if preview.amount_fen != talk.refund_fen:
        return Text(_show(turn, preview))
    return Later(partial(_request, turn.shop, turn.openid, order, preview.amount_fen))


async def _request(shop: Shop, openid: str, order: Order, fen: int) -> Answer:
    try:
        refund = await shop.refunds.request(openid, order.order_no, fen, "chat")
    except CannotRefund as error:
        if error.why is not NoRefund.UNDER_WAY:
            return Text(replies_refunds.no_refund(error.why, order.title, shop.config.refund.terms))
        begun = await shop.store.read(lambda tx: shop.refunds.under_way(tx, openid))
        told = [
            replies_refunds.refund_state(each.title, refund)
            for each, refund in begun
            if each.order_no == order.order_no
        ]
        return Text(
            "\n".join(told) or replies_refunds.no_refund(NoRefund.CHANGED, order.title, shop.config.refund.terms)
        )
    return Text(replies_refunds.refund_state(order.title, refund))


def keep(_message: Any, turn: Turn) -> Answer:
    """Let nothing go back of what was only shown."""
    turn.talk.refund_until = 0
    return Text(replies_refunds.not_refunded(under_way=bool(turn.shop.refunds.under_way(turn.tx, turn.openid))))


def _named(turn: Turn, tail: str) -> list[Order]:
    orders = turn.shop.refunds.by_tail(turn.tx, turn.openid, tail)
    pending = [order for order in orders if order.order_no == turn.talk.refund_order]
    return pending or list(orders)


def _only(turn: Turn, tail: str) -> Answer | None:
    """Refuse where the end of a number names no order of theirs, or refunds are for people alone."""
    if not turn.shop.config.refund.enabled:
        return Text(_stock(turn))
    if not _named(turn, tail):
        return Text(replies_refunds.no_refund(NoRefund.NOT_THEIRS, "", turn.shop.config.refund.terms))
    return None


def _previewed(turn: Turn, order: Order) -> str:
    try:
        return _show(turn, turn.shop.refunds.preview(turn.tx, turn.openid, order.order_no, turn.now))
    except CannotRefund as error:
        return _refusal(turn, order, error.why)


def _show(turn: Turn, preview: Preview) -> str:
    """Show a preview, and remember it as what a confirmation means for the next minutes."""
    talk, order_no = turn.talk, preview.order.order_no
    talk.refund_order, talk.refund_fen = order_no, preview.amount_fen
    talk.refund_until = int((turn.now + TIME_TO_CONFIRM).timestamp())
    return replies_refunds.refund_preview(preview, _tap_id(order_no, preview.amount_fen), MINUTES)


def _list(turn: Turn, previews: list[Preview]) -> str:
    turn.talk.show_own([])
    turn.talk.refundable = [each.order.order_no for each in previews]
    return replies_refunds.refund_list(previews)


def _refusal(turn: Turn, order: Order, why: NoRefund) -> str:
    if why is NoRefund.UNDER_WAY:
        begun = turn.shop.refunds.under_way(turn.tx, turn.openid)
        told = [
            replies_refunds.refund_state(each.title, refund)
            for each, refund in begun
            if each.order_no == order.order_no
        ]
        return "\n".join(told)
    terms = turn.tx.refund_terms.of(order.order_no) or turn.shop.config.refund.terms
    return replies_refunds.no_refund(why, order.title, terms)


def _nothing(turn: Turn, obstacles: Sequence[tuple[Order, NoRefund]]) -> str:
    """Say why nothing goes back by itself; empty where all of it is for a person to decide."""
    if not obstacles:
        return replies_refunds.nothing_paid(courses=bool(turn.owned)) + _stock(turn)
    reasons = [(order, why) for order, why in obstacles if why is not NoRefund.PERSON]
    return "\n".join(_refusal(turn, order, why) for order, why in reasons[:MOST_REASONS])


def _stock(turn: Turn) -> str:
    """Say how to get money back from a person, within the rule of the shop."""
    terms = turn.shop.config.refund.terms
    return turn.word(
        "refund", replies_refunds.refund(terms, turn.chat.human_contact), rule=replies_refunds.refund_rule(terms)
    )


def _tap_id(order_no: str, fen: int) -> str:
    return f"r:{order_no}:{fen}"
