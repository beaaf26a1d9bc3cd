"""Reads customer-service messages as strictly as message/custom/send does, and draws them for the screen."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.people import Article, Received, links_in
from bot.simulator.replies import MAX_TEXT_BYTES, BadReply, check_text


class Refusal(Exception):
    """An answer with an errcode other than 0."""

    def __init__(self, errcode: int, errmsg: str, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{errcode} {errmsg}")
        self.errcode, self.errmsg, self.more = errcode, errmsg, more or {}


def refuse_escapes(raw: bytes) -> None:
    r"""Refuse bodies that spell non-ASCII characters as \uXXXX: they would show literally."""
    for escape in re.findall(rb"(?<!\\)(?:\\\\)*\\u([0-9a-fA-F]{4})", raw):
        if int(escape, 16) > 0x7F:  # noqa: PLR2004 (the end of ASCII)
            raise Refusal(40033, "invalid charset. please check your request, if include \\uxxxx will create fail!")


def read_message(message: Mapping[str, Any], now: float) -> Received:
    """Return what the follower will see. Raises Refusal."""
    kind = message.get("msgtype")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise Refusal(40008, "invalid message type")
    content = message.get(str(kind))
    if not isinstance(content, Mapping):
        raise Refusal(44004, "empty content")
    return reader(content, now)


def _need(content: Mapping[str, Any], name: str, errcode: int = 40035) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(errcode, f"invalid parameter {name}")
    return value


def _text(content: Mapping[str, Any], now: float) -> Received:
    text = content.get("content")
    if not isinstance(text, str) or not text.strip():
        raise Refusal(44004, "empty content")
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise Refusal(45002, "content size out of limit")
    try:
        check_text(text)
    except BadReply as error:
        raise Refusal(40035, f"invalid parameter content: {error}") from error
    return Received("text", text, links_in(text), via="customer_service", at=now)


def _media(kind: str, *names: str) -> Callable[[Mapping[str, Any], float], Received]:
    def read(content: Mapping[str, Any], now: float) -> Received:
        ids = [_need(content, name, 40007) for name in names]
        title = content.get("title", "")
        return Received(kind, str(title), via="customer_service", at=now, media_id=ids[0])

    return read


def _news(content: Mapping[str, Any], now: float) -> Received:
    items = content.get("articles")
    if not isinstance(items, list) or not items:
        raise Refusal(44003, "empty news")
    if len(items) > 1:
        raise Refusal(45008, "article size out of limit")
    item = items[0]
    article = Article(
        _need(item, "title"), str(item.get("description", "")), _need(item, "url"), str(item.get("picurl", ""))
    )
    return Received("news", articles=(article,), via="customer_service", at=now)


def _menu(content: Mapping[str, Any], now: float) -> Received:
    items = content.get("list")
    if not isinstance(items, list) or not items:
        raise Refusal(40035, "invalid parameter list")
    lines = [
        f'<a href="weixin://bizmsgmenu?msgmenucontent={_need(item, "content")}&msgmenuid={_need(item, "id")}">'
        f"{item['content']}</a>"
        for item in items
    ]
    ends = [str(content.get(name, "")) for name in ("head_content", "tail_content")]
    text = "\n".join(part for part in (ends[0], *lines, ends[1]) if part)
    return Received("msgmenu", text, links_in(text), via="customer_service", at=now)


_READERS: dict[str, Callable[[Mapping[str, Any], float], Received]] = {
    "text": _text,
    "image": _media("image", "media_id"),
    "voice": _media("voice", "media_id"),
    "video": _media("video", "media_id", "thumb_media_id"),
    "music": _media("music", "thumb_media_id", "musicurl"),
    "mpnewsarticle": _media("mpnewsarticle", "article_id"),
    "wxcard": _media("wxcard", "card_id"),
    "miniprogrampage": _media("miniprogrampage", "appid", "pagepath", "thumb_media_id"),
    "news": _news,
    "msgmenu": _menu,
}
