"""WeRoBot's message classes, crypto and handler registry, made safe: what is parsed, decrypted and dispatched here.

The HTTP rules (size, signature, freshness, mode) are the gateway's; running once and in time is the inbox's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any
from xml.parsers import expat

from werobot.parser import process_message
from werobot.robot import BaseRoBot

from bot.config import WeChatSettings
from handlers.chat import routes
from handlers.chat.answers import ILLEGAL, Answer, Later, Silence, clean
from handlers.chat.turn import Turn

COMMON_TAGS = {"ToUserName", "FromUserName", "CreateTime", "MsgType", "MsgId", "MsgDataId", "Idx", "Encrypt"}
MESSAGE_TAGS = {
    "Content",
    "bizmsgmenuid",
    "PicUrl",
    "MediaId",
    "MediaId16K",
    "ThumbMediaId",
    "Format",
    "Recognition",
}
PLACE_TAGS = {"Location_X", "Location_Y", "Scale", "Label", "Title", "Description", "Url"}
EVENT_TAGS = {"Event", "EventKey", "Ticket", "MenuId", "MsgID", "Status", "KfAccount", "ToKfAccount"}
REPORT_TAGS = {"TotalCount", "FilterCount", "SentCount", "ErrorCount"}
KNOWN_TAGS = frozenset(COMMON_TAGS | MESSAGE_TAGS | PLACE_TAGS | EVENT_TAGS | REPORT_TAGS)
# What 订阅通知 events nest: <SubscribeMsg…Event><List>…</List><List>…</List></SubscribeMsg…Event>.
LISTS = frozenset({"SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"})
LIST = "List"
MOST_PARTS = 50
NOT_OF_THE_MESSAGE = frozenset({"Encrypt", LIST})
NUMBERS = ("CreateTime", "MsgId", "MsgID", "Scale", *sorted(REPORT_TAGS))
DEEPEST = 6
FIELD_DEPTH = 2  # <xml><Name>
LONGEST_NAME = 64
_START, _END = "<xml>", "</xml>"
# Without what expat would take another way: a CR, a reference, anything nested, attributes.
_FIELD = re.compile(r"[ \t\n]*<([A-Za-z]\w*)>(?:<!\[CDATA\[([^\]\r]*)\]\]>|([^<&\]\r]*))</\1>", re.ASCII)


class Unreadable(Exception):
    """A signed body that is not a message we understand."""


def read_fields(body: bytes | bytearray | str) -> dict[str, str]:
    """Parse the flat fields of a WeChat XML body. ``Unreadable`` for anything else, entities and DTDs included.

    Of what is nested only the lists of 订阅通知 events are kept: as JSON, under ``List``.
    """
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(str(error)) from None
    if ILLEGAL.search(text):
        text = clean(text)
    fields = _flat(text)
    return _parsed(text) if fields is None else fields


def _flat(text: str) -> dict[str, str] | None:
    """Return the fields of a body in the form that nearly all have, each on one level and once; else None."""
    if not text.startswith(_START):
        return None
    fields: dict[str, str] = {}
    at = len(_START)
    while field := _FIELD.match(text, at):
        name, marked, plain = field.groups()
        if name in fields:
            return None
        fields[name] = marked or plain or ""
        at = field.end()
    if text[at:].strip(" \t\n") != _END:
        return None
    return {name: fields[name] for name in fields if name in KNOWN_TAGS}


def _parsed(body: str) -> dict[str, str]:
    """Return the fields of any body."""
    fields: dict[str, str] = {}
    parts: list[dict[str, str]] = []
    path: list[str] = []
    text: list[str] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        path.append(name)
        if len(path) > FIELD_DEPTH:
            if len(path) > DEEPEST:
                raise Unreadable("nested too deeply")
            if _in_a_list(path) == LIST and len(parts) < MOST_PARTS:
                parts.append({})
        text.clear()

    def end(name: str) -> None:
        if len(path) == FIELD_DEPTH and name in KNOWN_TAGS:
            if name in fields:
                raise Unreadable(f"{name} twice")
            fields[name] = "".join(text)
        elif len(path) > FIELD_DEPTH and _in_a_list(path) and name != LIST and parts:
            parts[-1][name] = "".join(text)
        path.pop()
        text.clear()

    parser = expat.ParserCreate("utf-8")  # whatever the body says of itself
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise Unreadable(str(error)) from None
    if parts:
        fields[LIST] = json.dumps(parts)
    return fields


def _refuse(*_arguments: object) -> None:
    raise Unreadable("a document type has no place in a message")


def _in_a_list(path: list[str]) -> str:
    """Return the innermost name where the path is in the list of a 订阅通知 event, else nothing."""
    inside = len(path) in {3, 4} and path[1] in LISTS and path[2] == LIST
    return path[-1] if inside else ""


class Robot(BaseRoBot):  # type: ignore[misc]  # WeRoBot ships no types
    """The registry of topics. Unlike its base it opens nothing, swallows nothing and never blocks."""

    message_types = [*{*BaseRoBot.message_types, *routes.EVENTS}]  # noqa: RUF012  the base class's own shape

    def __init__(self, settings: WeChatSettings) -> None:
        super().__init__(
            token=settings.token,
            SESSION_STORAGE=False,
            app_id=settings.app_id,
            encoding_aes_key=settings.encoding_aes_key,
        )
        self.original_id = settings.original_id
        self._secret = settings.token
        self.cipher = self.crypto if settings.encoding_aes_key else None
        self.add_handler(routes.text, type="text")
        self.add_handler(routes.click, type="click_event")
        for kind, topic in routes.EVENTS.items():
            self.add_handler(topic, type=kind)

    def get_handlers(self, type: str) -> list[tuple[Any, int]]:  # noqa: A002  the base class's own name
        """Return the handlers of a type; unknown ones reach the catch-alls instead of nobody."""
        known = self._handlers.get(type)
        if known:
            return list(known)
        return list(self._handlers["unknown_event" if type.endswith("_event") else "unknown"])

    def check(self, parts: list[str], signature: str) -> bool:
        """Compare a signature in constant time: sha1 over the sorted token and parts."""
        wanted = hashlib.sha1("".join(sorted([self._secret, *parts])).encode()).hexdigest()  # noqa: S324  WeChat's rule
        return hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace"))

    def open_envelope(self, encrypted: str) -> str:
        """Decrypt a body whose msg_signature was checked. ``Unreadable`` unless it is ours, app id included."""
        if self.cipher is None:
            raise Unreadable("no AES key is set")
        try:
            return bytes(self.cipher.prp_crypto.decrypt(encrypted, self.cipher.app_id)).decode("utf-8")
        except Exception as error:  # noqa: BLE001  whatever the bytes do to the cipher, they are not ours
            raise Unreadable(f"cannot decrypt: {type(error).__name__}") from None

    def seal(self, reply: str) -> str:
        """Encrypt a reply for a request that came encrypted."""
        assert self.cipher is not None, "an encrypted request was opened with this cipher"
        return str(self.cipher.encrypt_message(reply))

    def message(self, fields: dict[str, str]) -> Any:
        """Turn fields into WeRoBot's message object. ``Unreadable`` when they are no message to us."""
        if fields.get("ToUserName") != self.original_id:
            raise Unreadable("not for this account")
        sender = fields.get("FromUserName", "")
        if not sender or len(sender) > LONGEST_NAME or not fields.get("MsgType"):
            raise Unreadable("no sender or no type")
        fields["MsgType"] = fields["MsgType"].lower()
        for name in NUMBERS:
            if name in fields and not (fields[name].isascii() and fields[name].isdigit()):
                raise Unreadable(f"{name} is not a number")
        if fields["MsgType"] == "event" and not fields.get("Event"):
            raise Unreadable("an event without a name")
        kept = {name: value for name, value in fields.items() if name not in NOT_OF_THE_MESSAGE}
        event = fields["Event"].lower() if fields["MsgType"] == "event" else ""
        if fields["MsgType"] == "location" or event not in PLAIN_EVENTS:
            kept = _bare(kept)
        try:
            message = process_message(kept)
        except (KeyError, ValueError, TypeError) as error:
            raise Unreadable(f"not a message: {type(error).__name__}") from None
        message.source, message.target = sender, self.original_id  # at hand from now on, not looked up each time
        message.event = event
        if event and f"{event}_event" in routes.EVENTS:
            message.type = f"{event}_event"
        message.parts = json.loads(fields[LIST]) if LIST in fields else []
        return message

    def answer(self, message: Any, turn: Turn) -> Answer | Later:
        """Let the first handler answer; one that has nothing to say says ``Silence``."""
        for handler, _count in self.get_handlers(message.type):
            answer: Answer | Later = handler(message, turn)
            return answer
        return Silence()


PLAIN_EVENTS = frozenset({"", "subscribe", "unsubscribe", "scan", "click", "view", "masssendjobfinish"})


def _bare(fields: dict[str, str]) -> dict[str, str]:
    """Keep what every event has: WeRoBot's richer classes insist on parts that may be missing."""
    if fields["MsgType"] != "event":
        return {
            name: value for name, value in fields.items() if not name.startswith("Location_") and name != "Scale"
        }
    return {**fields, "Event": "unknown"}
