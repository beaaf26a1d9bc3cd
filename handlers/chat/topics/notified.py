"""Events about notices and about the follower's account: taken note of, and never answered."""

from __future__ import annotations

from typing import Any

from bot.reach import hearing
from handlers.chat.answers import Answer, Silence
from handlers.chat.topics import desk
from handlers.chat.turn import Turn


def template_finished(message: Any, turn: Turn) -> Answer:
    """Note whether a template message arrived; what did not is told at the next chat."""
    status = str(getattr(message, "Status", "") or "").lower()
    hearing.template_finished(turn.tx, turn.openid, str(getattr(message, "MsgID", "") or ""), status, turn.now)
    return Silence()


def answered(message: Any, turn: Turn) -> Answer:
    """Note which notices a follower allowed or refused, in our page or in WeChat's own settings."""
    if hearing.consents(turn.tx, turn.openid, message.parts, turn.now):
        turn.tx.followers.ensure(turn.openid, turn.now)
    return Silence()


def notice_sent(message: Any, turn: Turn) -> Answer:
    """Note which 订阅通知 arrived."""
    hearing.notice_sent(turn.tx, turn.openid, message.parts, turn.now)
    return Silence()


def revoked(_message: Any, turn: Turn) -> Answer:
    """Note that consent to the use of data was taken back: from now on nothing is learnt from this follower."""
    turn.tx.events.add(turn.openid, "revoke", turn.now)
    turn.tx.followers.set_personalised(turn.openid, on=False)
    return Silence()


def cancelled(message: Any, turn: Turn) -> Answer:
    """Treat a closed WeChat account as an unfollow: everything that would be sent stops."""
    return desk.unfollow(message, turn)
