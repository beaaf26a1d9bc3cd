"""People instead of the bot: handing over to them, keeping silent while they serve, and messages left for them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from handlers.chat import replies, summary
from handlers.chat.answers import Answer, Silence, Text, Transfer
from handlers.chat.turn import Turn

LONGEST = 4000  # characters of a left message; WeChat's own limit is lower
MEDIA = {"image": "PicUrl", "voice": "MediaId", "video": "MediaId", "shortvideo": "MediaId", "link": "Url"}


def human(message: Any, turn: Turn) -> Answer:
    """Hand over to a person and say so. WeChat shows nothing of a hand-over, so a message of ours follows it.

    Outside the office hours the hours answer, and a message may be left. Where a contact is set, or no message can
    follow, or the last ones did not get through, words answer instead.
    """
    event = turn.tx.events.add(turn.openid, "human", turn.now)
    hours = turn.shop.texts.book.hours
    if hours is not None and not hours.open_at(turn.now):
        turn.talk.leave = True
        opening = hours.next_opening(turn.now)
        return Text(turn.word("human_closed", replies.closed(hours.told, opening), next=opening))
    if turn.chat.human_contact or not turn.chat.message_quota or turn.news or message.type.endswith("_event"):
        turn.talk.leave = not turn.chat.human_contact
        return Text(turn.word("human_message", replies.human(turn.chat.human_contact)))
    known = summary.words(summary.of(turn.tx, turn.openid, turn.now))
    told = {"content": turn.word("human", replies.handed_over(known))}
    turn.talk.leave = False
    turn.tx.services.start(turn.openid, turn.now, turn.now + timedelta(minutes=turn.chat.human_minutes))
    turn.tx.outbox.put("human", str(event), turn.openid, told, turn.now, due=turn.now)
    return Transfer()


def over(_message: Any, turn: Turn) -> Answer:
    """Let the bot answer again; a session that an agent has is closed at WeChat a moment later."""
    turn.tx.services.leave(turn.openid)
    turn.talk.leave = False
    return Text(turn.word("human_over", replies.human_over()))


def aside(message: Any, turn: Turn) -> Answer:
    """Say nothing while a person serves; what comes before somebody has taken the follower is passed on to them.

    WeChat passes messages on by itself only from then on.
    """
    waits = turn.service is not None and not turn.service.account
    return Transfer() if waits and not message.type.endswith("_event") else Silence()


def leave(message: Any, turn: Turn) -> Answer:
    """Keep the message for people to read."""
    medium = getattr(message, MEDIA.get(message.type, ""), "") or ""
    text = turn.said or str(medium)
    turn.tx.left_messages.add(turn.openid, message.type, text[:LONGEST], turn.now)
    turn.talk.leave = False
    hours = turn.shop.texts.book.hours
    return Text(turn.word("left", replies.left(hours.next_opening(turn.now) if hours is not None else "")))


def taken(message: Any, turn: Turn) -> Answer:
    """Note who serves the follower from now on."""
    account = getattr(message, "ToKfAccount", "") or getattr(message, "KfAccount", "") or "?"
    turn.tx.followers.ensure(turn.openid, turn.now)
    until = turn.now + timedelta(minutes=turn.chat.human_minutes)
    turn.tx.services.take(turn.openid, str(account), turn.now, until)
    return Silence()


def closed(_message: Any, turn: Turn) -> Answer:
    """Note that the person has finished."""
    turn.tx.services.end(turn.openid)
    return Silence()
