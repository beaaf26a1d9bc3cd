"""Messages to many: what message/mass/* takes and refuses, whom they reach, and the event that tells the end."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from bot.simulator.massbook import MassBook, Message, day
from bot.simulator.messages import Value
from bot.simulator.people import Follower, Received
from bot.simulator.sending import Refusal, read_message
from bot.simulator.stage import Stage

Answer = dict[str, Any]

LEAST, MOST = 2, 10_000
_CLIENT_ID_BYTES = 32
_REMEMBERED, _TOO_SOON = 86400, 60
_A_MINUTE, _PREVIEWS_A_DAY, _A_MONTH = 60, 100, 4
_FIRST_MSG_ID = 3_147_483_650
_SENDER = "oR5Gjjl_eiZoUpGozMo7dbBJ362A"  # whom the events come from: nobody who follows
PATHS = ("/cgi-bin/message/mass/send", "/cgi-bin/message/mass/sendall")


def send(stage: Stage, body: Mapping[str, Any]) -> Answer:
    """Play message/mass/send: a list of openids."""
    openids = body.get("touser")
    if not isinstance(openids, list) or len(openids) < LEAST:
        raise Refusal(40130, "invalid openid list size, at least two openid")
    if len(openids) > MOST:
        raise Refusal(40032, "invalid openid list size")
    people = [stage.people.get(openid) if isinstance(openid, str) else None for openid in openids]
    if None in people:
        raise Refusal(40003, "invalid openid")
    return _take(stage, body, [each for each in dict.fromkeys(openids) if isinstance(each, str)])


def send_all(stage: Stage, body: Mapping[str, Any]) -> Answer:
    """Play message/mass/sendall: everybody, or everybody with a tag."""
    chosen = body.get("filter")
    if not isinstance(chosen, Mapping) or not isinstance(chosen.get("is_to_all"), bool):
        raise Refusal(40035, "invalid parameter filter")
    if chosen["is_to_all"]:
        return _take(stage, body, [each.openid for each in stage.people])
    tag_id = stage.tags.known(chosen.get("tag_id"))
    return _take(stage, body, sorted(stage.tags.members.get(tag_id, ())))


def preview(stage: Stage, body: Mapping[str, Any]) -> Answer:
    """Play message/mass/preview: to one follower, not counted as a message to many."""
    openid, now = body.get("touser"), stage.now()
    follower = stage.people.get(openid) if isinstance(openid, str) else None
    if follower is None:
        raise Refusal(40003, "invalid openid")
    received = _read(body, now)
    if not follower.subscribed:
        raise Refusal(43004, "require subscribe")
    if sum(day(at) == day(now) for at in stage.mass.previews) >= _PREVIEWS_A_DAY:
        raise Refusal(45009, "reach max api daily quota limit")
    stage.mass.previews.append(now)
    follower.see(received)
    return {"errcode": 0, "errmsg": "preview success", "msg_id": _FIRST_MSG_ID - 1}


def status(stage: Stage, body: Mapping[str, Any]) -> Answer:
    """Play message/mass/get."""
    asked = str(body.get("msg_id", ""))
    for each in stage.mass.messages:
        if str(each.msg_id) == asked:
            return {"msg_id": each.msg_id, "msg_status": each.status}
    raise Refusal(40059, "invalid msg id")


def quota(stage: Stage) -> Answer:
    """Say what openapi/quota/get says of the ``PATHS``, which share one number a day."""
    limit = stage.settings.mass_calls_a_day
    used = limit if stage.faults.mass_no_quota else stage.mass.today(stage.now())
    return {"errcode": 0, "errmsg": "ok", "quota": {"daily_limit": limit, "used": used, "remain": limit - used}}


def _read(body: Mapping[str, Any], now: float) -> Received:
    if body.get("msgtype") not in {"text", "image", "voice", "mpnews", "mpvideo", "wxcard"}:
        raise Refusal(40008, "invalid message type")
    received = read_message(body, now)
    return Received(received.kind, received.text, received.links, via="mass", at=now, media_id=received.media_id)


def _take(stage: Stage, body: Mapping[str, Any], openids: Sequence[str]) -> Answer:
    """Check what is said, take it, and let it go out by and by: a success means queued."""
    book, now = stage.mass, stage.now()
    received = _read(body, now)
    client_id = body.get("clientmsgid", "")
    if not isinstance(client_id, str) or len(client_id.encode()) > _CLIENT_ID_BYTES:
        raise Refusal(45067, "clientmsgid size out of limit")
    client_id = client_id or f"digest {received.text} {openids}"
    _refuse_again(book, client_id, now)
    if stage.faults.take("mass_refused"):
        raise Refusal(45028, "has no masssend quota")
    if stage.faults.mass_no_quota or book.today(now) >= stage.settings.mass_calls_a_day:
        raise Refusal(45028, "has no masssend quota")
    if sum(now - each.at < 60 for each in book.messages) >= _A_MINUTE:  # noqa: PLR2004  seconds in a minute
        raise Refusal(45011, "api minute-quota reach limit, must slower, retry next minute")
    message = Message(_FIRST_MSG_ID + len(book.messages), client_id, now)
    book.messages.append(message)
    stage.background(_go_out(stage, message, received, openids))
    return {
        "errcode": 0,
        "errmsg": "send job submission success",
        "msg_id": message.msg_id,
        "msg_data_id": message.msg_id - 1_000_000_000,
    }


def _refuse_again(book: MassBook, client_id: str, now: float) -> None:
    for each in book.messages:
        if each.client_id == client_id and now - each.at < _REMEMBERED:
            if now - each.at < _TOO_SOON:
                raise Refusal(45066, "clientmsgid retry too fast")
            raise Refusal(45065, "clientmsgid exist", {"msg_id": each.msg_id})


async def _go_out(stage: Stage, message: Message, received: Received, openids: Sequence[str]) -> None:
    await asyncio.sleep(stage.faults.mass_delay)
    fans = [each for openid in openids if (each := stage.people.get(openid)) is not None and each.subscribed]
    told = stage.faults.mass_status or "send success"
    month = day(stage.now())[:7]
    reached: list[Follower] = []
    if told == "send success":
        reached = [each for each in fans if stage.mass.received.get((each.openid, month), 0) < _A_MONTH]
        for each in reached:
            stage.mass.received[each.openid, month] = stage.mass.received.get((each.openid, month), 0) + 1
            each.see(received)
    message.status = "SEND_SUCCESS" if told == "send success" else "SEND_FAIL"
    fields: dict[str, Value] = {
        "ToUserName": stage.settings.original_id,
        "FromUserName": _SENDER,
        "CreateTime": int(stage.now()),
        "MsgType": "event",
        "Event": "MASSSENDJOBFINISH",
        "MsgID": message.msg_id,
        "Status": told,
        "TotalCount": len(fans),
        "FilterCount": len(reached),
        "SentCount": len(reached),
        "ErrorCount": 0,
    }
    if not stage.faults.mass_event_lost and stage.report is not None:
        await stage.report(fields)
