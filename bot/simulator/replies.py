"""Reads the shop's passive reply as strictly as WeChat does. Knows no HTTP and no screen."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from bot.simulator import crypto
from bot.simulator.people import Article, Received, links_in
from bot.simulator.settings import SimulatorSettings

MAX_TEXT_BYTES = 2048
_MAX_ARTICLES_FOR_EVENT = 8
_ANCHOR = re.compile(r"<a(?:\s+[a-z-]+=(?:\"[^\"<>]*\"|'[^'<>]*'))+\s*>[^<>]+</a>")
_HREF_OK = re.compile(r"(?:https?://[^\s]+|weixin://bizmsgmenu\?\S+|tel:\S+|mailto:\S+)", re.DOTALL)
_MENU_LINK = re.compile(r"weixin://bizmsgmenu\?msgmenucontent=[^&\s]+&msgmenuid=[^&\s]+")


class BadReply(Exception):
    """The shop answered something that WeChat would not accept; the follower sees the 故障 line."""


@dataclass(frozen=True)
class Question:
    """What the reply must fit: who asked, and whether it was a message or an event."""

    openid: str
    is_event: bool


def read_reply(body: bytes, question: Question, settings: SimulatorSettings, now: float) -> Received | None:
    """Return what the follower sees, None for `success` and the empty body. Raises BadReply."""
    if body in {b"", b"success"}:
        return None
    root = _parse(_decode(body))
    if settings.mode == "safe" or (settings.mode == "compatible" and root.find("Encrypt") is not None):
        root = _parse(_open_envelope(root, settings))
    elif root.find("Encrypt") is not None:
        raise BadReply("an encrypted reply in plain mode")
    _check_head(root, question, settings)
    kind = _text_of(root, "MsgType")
    reader = _READERS.get(kind)
    if reader is None:
        raise BadReply(f"unknown MsgType {kind!r}")
    return reader(root, question, now)


def check_text(text: str) -> None:
    """Raise BadReply unless WeChat would show `text` as it is meant: not empty, not too long, links well formed."""
    if not text.strip():
        raise BadReply("empty text")
    size = len(text.encode())
    if size > MAX_TEXT_BYTES:
        raise BadReply(f"text of {size} bytes, more than {MAX_TEXT_BYTES}")
    rest = _ANCHOR.sub("", text)
    if re.search(r"<a\b|</a", rest):
        raise BadReply(f"a broken <a> in the text: {rest!r}")
    anchors = len(_ANCHOR.findall(text))
    links = links_in(text)
    if len(links) != anchors:
        raise BadReply("an <a> without href")
    for anchor in _ANCHOR.findall(text):
        _check_mini_program(anchor)
    for label, href in links:
        if not _HREF_OK.fullmatch(href):
            raise BadReply(f"the link {label!r} leads to {href!r}")
        if href.startswith("weixin:") and not _MENU_LINK.fullmatch(href):
            raise BadReply(f"a message-menu link without msgmenucontent and msgmenuid: {href!r}")


def _check_mini_program(anchor: str) -> None:
    """Raise BadReply for a mini-program link without app id, page, or a web page to fall back to."""
    given = dict(re.findall(r"data-miniprogram-([a-z-]+)=[\"']([^\"']*)[\"']", anchor))
    if not given:
        return
    if set(given) != {"appid", "path"} or not given["path"]:
        raise BadReply(f"a mini-program link needs data-miniprogram-appid and data-miniprogram-path: {anchor!r}")
    if not re.fullmatch(r"wx[0-9a-z]{16}", given["appid"]):
        raise BadReply(f"no app id of a mini-program: {given['appid']!r}")
    if not re.search(r"\shref=[\"']https?://", anchor):
        raise BadReply(f"a mini-program link without a web page to fall back to: {anchor!r}")


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadReply("not UTF-8") from error


def _parse(text: str) -> ET.Element:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadReply("a document type in the reply")
    try:
        root = ET.fromstring(text)  # noqa: S314 (entities were refused on the line above)
    except ET.ParseError as error:
        raise BadReply(f"not well-formed XML: {error}; it begins {text[:80]!r}") from error
    if root.tag != "xml":
        raise BadReply(f"the root is <{root.tag}>, not <xml>")
    return root


def _open_envelope(root: ET.Element, settings: SimulatorSettings) -> str:
    encrypted, nonce, signature, timestamp = (
        _text_of(root, name) for name in ("Encrypt", "Nonce", "MsgSignature", "TimeStamp")
    )
    if not re.fullmatch(r"[0-9]{9,11}", timestamp):
        raise BadReply(f"TimeStamp {timestamp!r} is not in seconds")
    if crypto.sorted_sha1(settings.token, timestamp, nonce, encrypted) != signature:
        raise BadReply("wrong MsgSignature")
    try:
        xml, app_id = crypto.unseal(encrypted, settings.encoding_aes_key)
    except ValueError as error:
        raise BadReply(f"cannot be decrypted: {error}") from error
    if app_id != settings.app_id:
        raise BadReply(f"encrypted for app id {app_id!r}")
    return xml


def _check_head(root: ET.Element, question: Question, settings: SimulatorSettings) -> None:
    if _text_of(root, "ToUserName") != question.openid:
        raise BadReply("ToUserName is not the follower who asked")
    if _text_of(root, "FromUserName") != settings.original_id:
        raise BadReply("FromUserName is not the account")
    created = _text_of(root, "CreateTime")
    if not re.fullmatch(r"[0-9]{9,11}", created):
        raise BadReply(f"CreateTime {created!r} is not in seconds")


def _text_of(root: ET.Element, path: str) -> str:
    found = root.findall(path)
    if len(found) != 1:
        raise BadReply(f"{len(found)} × {path}, expected one")
    if len(found[0]):
        raise BadReply(f"{path} holds elements, expected text")
    return found[0].text or ""


def _full(root: ET.Element, path: str) -> str:
    text = _text_of(root, path)
    if not text.strip():
        raise BadReply(f"{path} is empty")
    return text


def _read_text(root: ET.Element, _: Question, now: float) -> Received:
    text = _text_of(root, "Content")
    check_text(text)
    return Received("text", text, links_in(text), at=now)


def _read_news(root: ET.Element, question: Question, now: float) -> Received:
    items = root.findall("Articles/item")
    most = _MAX_ARTICLES_FOR_EVENT if question.is_event else 1
    if _text_of(root, "ArticleCount") != str(len(items)):
        raise BadReply("ArticleCount is not the number of items")
    if not 1 <= len(items) <= most:
        raise BadReply(f"{len(items)} articles where 1 to {most} are shown")
    return Received("news", articles=tuple(_read_article(item) for item in items), at=now)


def _read_article(item: ET.Element) -> Article:
    url = _text_of(item, "Url")
    if not url.startswith(("http://", "https://")):
        raise BadReply(f"an article leads to {url!r}")
    return Article(_full(item, "Title"), _text_of(item, "Description"), url, _text_of(item, "PicUrl"))


def _read_media(kind: str, path: str) -> Callable[[ET.Element, Question, float], Received]:
    def read(root: ET.Element, _: Question, now: float) -> Received:
        return Received(kind, at=now, media_id=_full(root, path))

    return read


def _read_transfer(_root: ET.Element, question: Question, now: float) -> Received:
    if question.is_event:
        raise BadReply("an event cannot be transferred to customer service")
    return Received("transfer", "已转接人工客服", via="system", at=now)


_READERS: dict[str, Callable[[ET.Element, Question, float], Received]] = {
    "text": _read_text,
    "news": _read_news,
    "image": _read_media("image", "Image/MediaId"),
    "voice": _read_media("voice", "Voice/MediaId"),
    "video": _read_media("video", "Video/MediaId"),
    "music": _read_media("music", "Music/ThumbMediaId"),
    "transfer_customer_service": _read_transfer,
}
