"""What WeChat reports by events of its own: the result of a broadcast. Nobody is answered."""

from __future__ import annotations

from typing import Any

from werobot.messages.entries import IntEntry, StringEntry
from werobot.messages.events import WeChatEvent

from bot.mailing import MassResult
from handlers.chat.answers import Answer, Silence
from handlers.chat.turn import Turn

MASS_SENT = "masssendjobfinish_event"
LONGEST_STATUS = 64


class MassSendJobFinishEvent(WeChatEvent):  # type: ignore[misc]  # WeRoBot ships no types
    """The end of one call of a broadcast; WeRoBot does not know it."""

    __type__ = MASS_SENT
    status = StringEntry("Status")
    total = IntEntry("TotalCount", 0)
    filtered = IntEntry("FilterCount", 0)
    sent = IntEntry("SentCount", 0)
    failed = IntEntry("ErrorCount", 0)


def mass_sent(message: Any, turn: Turn) -> Answer:
    """Keep the result; it may come before the answer to the call itself."""
    status = (message.status or "")[:LONGEST_STATUS]
    counts = (message.total, message.filtered, message.sent, message.failed)
    if message.message_id and status:
        turn.tx.broadcasts.report(MassResult(message.message_id, status, *counts), turn.now)
    return Silence()
