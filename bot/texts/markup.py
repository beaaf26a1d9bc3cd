"""What stands inside a text: placeholders in braces, and links in WeChat's one tag. Pure functions.

``{account}`` is filled in, ``{tap:热门课程}`` becomes a link that sends those words and ``{tap:热门课程|看看热门}``
one that shows others, ``{{`` and ``}}`` are braces. What is wrong raises ``Slip`` with a sentence for the operator.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

LONGEST_URL = 1024
TAP = "weixin://bizmsgmenu"
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_TAG = re.compile(r"<\s*(/?)\s*([A-Za-z][A-Za-z0-9]*)([^<>]*)(>?)")
_ATTRIBUTE = re.compile(r"""\s+([A-Za-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ATTRIBUTES = frozenset({"href", "data-miniprogram-appid", "data-miniprogram-path"})
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


class Slip(ValueError):
    """Something in a text is wrong; the sentence says what, and what it should be."""


def tap(text: str, label: str, tap_id: str = "") -> str:
    """Return an in-text link that sends ``text`` as if it had been typed."""
    content = text if text.isascii() and text.isalnum() else quote(text)
    name = tap_id.replace(":", "%3A") if tap_id else content
    return link(f"{TAP}?msgmenucontent={content}&msgmenuid={name}", label)


def link(url: str, label: str) -> str:
    """Return an in-text link to a page. A chat decodes no entities, so the label's own < and > become wide ones."""
    return f'<a href="{url}">{label.replace("<", "＜").replace(">", "＞")}</a>'


@dataclass(frozen=True, slots=True)
class Field:
    """A placeholder that is filled in when the text is said."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with what is known already filled in."""

    parts: tuple[str | Field, ...]

    def render(self, values: Mapping[str, str]) -> str:
        """Fill in the rest; ``values`` has every field."""
        return "".join(part if isinstance(part, str) else values[part.name] for part in self.parts)

    @property
    def fields(self) -> frozenset[str]:
        """The placeholders that are still open."""
        return frozenset(part.name for part in self.parts if isinstance(part, Field))


def template(text: str, known: Mapping[str, str | None], later: Iterable[str] = ()) -> Template:
    """Read a text. ``known`` are filled in at once (None: its setting is empty), ``later`` when it is said."""
    if found := _ILLEGAL.search(text):
        raise Slip(f"有微信不接受的控制字符（U+{ord(found[0]):04X}），删掉它")
    if not text.strip():
        raise Slip("是空的；要用默认的话就删掉这一项")
    return Template(tuple(_parts(text.strip(), known, frozenset(later))))


def _parts(text: str, known: Mapping[str, str | None], later: frozenset[str]) -> Iterator[str | Field]:
    end = 0
    for found in _BRACES.finditer(text):
        yield text[end : found.start()]
        end = found.end()
        if found[0] in {"{{", "}}"}:
            yield found[0][0]
        elif found[1] is None:
            raise Slip(f"有单独的「{found[0]}」；占位符写成 {{名字}}，要显示花括号就写两个「{found[0] * 2}」")
        else:
            yield _filled(found[1].strip(), known, later)
    yield text[end:]


def _filled(name: str, known: Mapping[str, str | None], later: frozenset[str]) -> str | Field:
    head, colon, rest = name.partition(":")
    if head == "tap" and colon:
        said, _, label = (part.strip() for part in rest.partition("|"))
        if not said:
            raise Slip("{tap:…} 冒号后面要写点一下会发送的话，如 {tap:热门课程}")
        return tap(said, label or said)
    if name in later:
        return Field(name)
    if name not in known:
        every = [*later, *known]
        close = difflib.get_close_matches(name, every, n=1)
        hint = (
            f"，是不是 {{{close[0]}}}？" if close else f"；这里可以用 {'、'.join(f'{{{each}}}' for each in every)}"
        )
        raise Slip(f"不认识的占位符 {{{name}}}{hint}，要发送一句话的链接写 {{tap:要发送的话}}")
    value = known[name]
    if value is None:
        raise Slip(f"用了 {{{name}}}，但它还没有值：contact 取自 [chat] human_contact，hours 取自 [office_hours]")
    return value


def check_links(text: str) -> None:
    """Refuse tags that a chat would show as they are, and links that lead nowhere."""
    inside, end = False, 0
    for found in _TAG.finditer(text):
        closing, name, attributes, over = found.groups()
        shown = found[0] if len(found[0]) <= 40 else f"{found[0][:40]}…"  # noqa: PLR2004  enough to find it by
        if name.lower() != "a":
            raise Slip(f"微信文字消息里只有 <a href> 能用，「{shown}」会原样显示；去掉它")
        if not over:
            raise Slip(f"链接没有写完：「{shown}」缺少 >")
        if closing:
            if not inside:
                raise Slip("多了一个 </a>，前面没有对应的 <a href>")
            if not text[end : found.start()].strip():
                raise Slip("链接里没有字，对方看不见也点不到；在 > 和 </a> 之间写上字")
            inside = False
        elif inside:
            raise Slip("链接里面又有链接；前一个少了 </a>")
        else:
            _check_address(_attributes(attributes, shown))
            inside, end = True, found.end()
    if inside:
        raise Slip("链接少了 </a>")


def _attributes(text: str, shown: str) -> dict[str, str]:
    found = {each[1].lower(): each[2] if each[2] is not None else each[3] for each in _ATTRIBUTE.finditer(text)}
    if _ATTRIBUTE.sub("", text).strip():
        raise Slip(f'链接写得不对：「{shown}」，应形如 <a href="https://…">文字</a>，用英文引号')
    if strange := [name for name in found if name not in _ATTRIBUTES]:
        raise Slip(f"链接里的 {strange[0]} 微信不认，去掉它")
    if "href" not in found:
        raise Slip(f"链接没有网址：「{shown}」缺少 href")
    return found


def _check_address(attributes: Mapping[str, str]) -> None:
    url = attributes["href"]
    if len(url.encode()) > LONGEST_URL:
        raise Slip(f"网址太长（{len(url.encode())} 字节），最多 {LONGEST_URL} 字节")
    if re.search(r"[\s<>\"'“”]", url):
        raise Slip(f"网址里有空格、换行或引号：{url[:60]}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Slip(f"网址写得不对：{url[:60]}") from None
    if url.startswith("weixin://"):
        asked = parse_qs(parts.query)
        if not url.startswith(f"{TAP}?") or not asked.get("msgmenucontent") or not asked.get("msgmenuid"):
            raise Slip("点一下发送一句话的链接写成 {tap:要发送的话} 就好")
    elif parts.scheme not in {"http", "https"} or "." not in (parts.hostname or ""):
        raise Slip(f"网址应以 https:// 或 http:// 开头：{url[:60] or '（空的）'}")
    if ("data-miniprogram-appid" in attributes) != ("data-miniprogram-path" in attributes):
        raise Slip("小程序链接要同时写 data-miniprogram-appid 和 data-miniprogram-path")


def plain(text: str) -> str:
    """Show a text as the phone would, in a terminal: words to tap in 〔〕, pages with their address."""
    return re.sub(r"<a [^>]*?href=(?:\"([^\"]*)\"|'([^']*)')[^>]*>(.*?)</a>", _shown, text, flags=re.DOTALL)


def _shown(found: re.Match[str]) -> str:
    url = found[1] or found[2] or ""
    return f"〔{found[3]}〕" if url.startswith(TAP) else f"〔{found[3]}〕‹{url}›"
