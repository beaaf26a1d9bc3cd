"""What the account sends to one follower: customer-service messages, templates, 订阅通知, the typing state."""

import secrets
from typing import Any

from bot.simulator.messages import Repeated, Value
from bot.simulator.notes import Sort, take_consent
from bot.simulator.people import Follower, Received
from bot.simulator.requests import Answer, Calls, Request, follower_of, ok
from bot.simulator.sending import Refusal, read_message
from bot.simulator.stage import Stage

_TYPING_SECONDS = 30


def _custom_send(stage: Stage, request: Request) -> Answer:
    body = request.json()
    if stage.faults.take("send_busy"):
        raise Refusal(-1, "system error")
    if stage.faults.message_errcode:
        raise Refusal(stage.faults.message_errcode, "refused")
    follower = follower_of(stage, body.get("touser"))
    received = read_message(body, stage.now())
    if not follower.subscribed:
        raise Refusal(45015, "response out of time limit or subscription is canceled")
    if errcode := follower.quota.spend(stage.now()):
        told = {
            45015: "response out of time limit or subscription is canceled",
            45047: "out of response count limit",
        }
        raise Refusal(errcode, told[errcode])
    follower.see(received)
    return ok()


def _template_send(stage: Stage, request: Request) -> Answer:
    body = request.json()
    follower, received = _read_notice(stage, body, "template")
    if not follower.subscribed:
        raise Refusal(43004, "require subscribe")
    if number := stage.notes.remembered(follower.openid, body.get("client_msg_id"), stage.now()):
        return ok() | {"msgid": number}
    number = secrets.randbelow(10**18)
    if body.get("client_msg_id"):
        stage.notes.sent[follower.openid, body["client_msg_id"]] = (stage.now(), number)
    status = stage.faults.template_result
    if status == "success":
        follower.see(received)
    stage.background(stage.push(follower, "TEMPLATESENDJOBFINISH", {"MsgID": number, "Status": status}))
    return ok() | {"msgid": number}


def _subscribe_send(stage: Stage, request: Request) -> Answer:
    """Send a 订阅通知: to the chat of a follower, to 服务通知 of anybody else who allowed it."""
    body = request.json()
    follower, received = _read_notice(stage, body, "subscribe")
    take_consent(follower, body["template_id"])
    code = stage.faults.subscribe_result
    if not code:
        follower.see(received)
    part: dict[str, Value] = {"TemplateId": body["template_id"], "MsgID": str(secrets.randbelow(10**18))}
    part |= {"ErrorCode": code, "ErrorStatus": "failed" if code else "success"}
    fields: dict[str, Value] = {"SubscribeMsgSentEvent": {"List": Repeated([part])}}
    stage.background(stage.push(follower, "subscribe_msg_sent_event", fields))
    return ok()


def _read_notice(stage: Stage, body: dict[str, Any], sort: Sort) -> tuple[Follower, Received]:
    if stage.faults.take("template_busy"):
        raise Refusal(-1, "system error")
    if stage.faults.template_errcode:
        raise Refusal(stage.faults.template_errcode, "refused")
    return follower_of(stage, body.get("touser")), stage.notes.read(body, sort, stage.now())


def _typing(stage: Stage, request: Request) -> Answer:
    body = request.json()
    follower = follower_of(stage, body.get("touser"))
    command = body.get("command")
    if command not in {"Typing", "CancelTyping"}:
        raise Refusal(45072, "command field must be either of: 'Typing', 'CancelTyping'")
    if stage.now() - follower.last_sent > _TYPING_SECONDS:
        raise Refusal(45080, "cannot send typing: no message from this user in the last 30 seconds")
    if command == "Typing" and follower.typing:
        raise Refusal(45081, "already typing")
    follower.typing = command == "Typing"
    follower.bell.ring()
    return ok()


CALLS: Calls = {
    ("POST", "/cgi-bin/message/custom/send"): _custom_send,
    ("POST", "/cgi-bin/message/custom/typing"): _typing,
    ("POST", "/cgi-bin/message/template/send"): _template_send,
    ("POST", "/cgi-bin/message/subscribe/bizsend"): _subscribe_send,
}
