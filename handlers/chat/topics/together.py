"""Group buying in the chat: the groups somebody is in, and leaving one that is not full yet."""

from __future__ import annotations

from typing import Any

from bot.offers import groups
from bot.store.groups import SeatState
from handlers.chat import replies_offers
from handlers.chat.answers import Answer, Text
from handlers.chat.turn import Turn


def mine(_message: Any, turn: Turn) -> Answer:
    """List the follower's groups."""
    rows = []
    for group, seat in turn.tx.groups.of(turn.openid):
        course = turn.tx.courses.get(group.course_id)
        state = "return" if seat.state is SeatState.RETURN else group.state.value.lower()
        if course is not None and seat.state is not SeatState.HELD:
            url = f"{turn.shop.config.server.public_url}/group/{group.group_id}"
            rows.append((course.title, state, groups.seats_left(turn.tx, group), url))
    return Text(replies_offers.my_groups(rows))


def leave(_message: Any, turn: Turn) -> Answer:
    """Give up a seat; the money goes back by itself."""
    seat = groups.leave(turn.tx, turn.openid)
    order = turn.tx.orders.get(seat.order_no) if seat is not None else None
    if order is None:
        return Text(replies_offers.no_group_to_leave())
    turn.news = True
    return Text(replies_offers.left_group(order.title, order.amount_fen))
