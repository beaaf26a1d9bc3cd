"""What the bot may answer, as types, and how each becomes the XML of a passive reply.

Everything is CDATA-safe and free of control characters; a text never exceeds what WeChat delivers.
Wire facts: passive user reply, https://developers.weixin.qq.com/doc/ (Passive_user_reply_message).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

TEXT_BYTES = 2000
SUCCESS = "success"
ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Text:
    """Words, with in-text links."""

    content: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the follower over to a person; allowed in answer to messages only."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Handled, and nothing is to be said."""


Answer = Text | Transfer | Silence


@dataclass(frozen=True, slots=True)
class Later:
    """The answer needs slow work: it runs outside any transaction, and its result is the answer."""

    work: Callable[[], Awaitable[Answer]]


def clean(text: str) -> str:
    """Drop what XML 1.0 does not allow."""
    return ILLEGAL.sub("", text)


def split(content: str, limit: int = TEXT_BYTES) -> tuple[str, str]:
    """Cut a text that is too long between lines, else between characters; return what fits and the rest."""
    if len(content.encode("utf-8")) <= limit:
        return content, ""
    head = content.encode("utf-8")[:limit].decode("utf-8", "ignore")
    line = head.rfind("\n")
    cut = line if line > len(head) // 2 else len(head)
    return content[:cut], content[cut:].lstrip("\n")


def render(answer: Answer, *, to: str, sender: str, at: int) -> str:
    """Return the reply's XML, or ``success`` when there is nothing to say. ``at`` is in epoch seconds."""
    match answer:
        case Text():
            rest = f"<MsgType><![CDATA[text]]></MsgType><Content>{_cdata(clean(answer.content))}</Content>"
        case Transfer():
            rest = "<MsgType><![CDATA[transfer_customer_service]]></MsgType>"
        case Silence():
            return SUCCESS
    return (
        f"<xml><ToUserName>{_cdata(to)}</ToUserName><FromUserName>{_cdata(sender)}</FromUserName>"
        f"<CreateTime>{at}</CreateTime>{rest}</xml>"
    )


def _cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
