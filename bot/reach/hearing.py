"""What WeChat's own events say: who allows notices, and whether what was sent arrived.

Each runs inside the transaction of its event. What did not arrive is left for the next chat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.reach.kinds import Channel
from bot.store import Tx
from bot.store.reach import Sending, SendingState

ACCEPT = "accept"
DELIVERED = "success"
MOST_ANSWERS = 20


def consents(tx: Tx, openid: str, answers: Iterable[Mapping[str, str]], now: datetime) -> int:
    """Note what a follower allowed or refused, template by template; returns how many answers were understood."""
    understood = 0
    for answer in list(answers)[:MOST_ANSWERS]:
        template_id = answer.get("TemplateId", "")[:64]
        if not template_id:
            continue
        if answer.get("SubscribeStatusString") == ACCEPT:
            tx.consents.allow(openid, template_id, now)
        else:
            tx.consents.refuse(openid, template_id, now)
        understood += 1
    return understood


def template_finished(tx: Tx, openid: str, msg_id: str, status: str, now: datetime) -> bool:
    """Note how a template message ended; False when none of ours bears that number.

    The event may be faster than the answer of the call, or come where that was lost: then it is about the one
    message on its way to that follower.
    """
    under_way = tx.sendings.under_way(openid, Channel.TEMPLATE)
    sending = tx.sendings.numbered(openid, msg_id) or (under_way[0] if len(under_way) == 1 else None)
    if sending is None:
        return False
    _ended(tx, sending, now, detail="" if status == DELIVERED else status[:64], msg_id=msg_id)
    return True


def notice_sent(tx: Tx, openid: str, answers: Iterable[Mapping[str, str]], now: datetime) -> int:
    """Note which 订阅通知 arrived; returns how many of them are ours."""
    found = 0
    for answer in list(answers)[:MOST_ANSWERS]:
        under_way = tx.sendings.under_way(openid, Channel.SUBSCRIBE, answer.get("TemplateId", ""))
        if under_way and answer.get("TemplateId"):
            code = answer.get("ErrorCode", "0")
            detail = "" if code == "0" else f"{code} {answer.get('ErrorStatus', '')}"[:64]
            _ended(tx, under_way[0], now, detail=detail, msg_id=answer.get("MsgID", ""))
            found += 1
    return found


def _ended(tx: Tx, sending: Sending, now: datetime, *, detail: str, msg_id: str) -> None:
    kind, key = sending.kind, sending.key
    if detail:
        tx.sendings.settle(kind, key, SendingState.FAILED, msg_id=msg_id, detail=detail)
        tx.outbox.reopen(kind, key)
    else:
        tx.sendings.settle(kind, key, SendingState.ARRIVED, msg_id=msg_id)
        tx.outbox.arrived(kind, key, now)
