"""Template messages and 订阅通知: what template/send and subscribe/bizsend refuse, and what the phone shows.

The account's templates are made by `Simulator.add_template`. Results come as events, a moment after the answer.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.simulator.people import Follower, Received
from bot.simulator.sending import Refusal

Sort = Literal["template", "subscribe", "once"]  # the last is once.py's, and has no fields

_SAME_SECONDS = 600  # how long a client_msg_id is remembered
_EMOJI = re.compile("[\U00010000-\U0010ffff\u2600-\u27bf\ufe0f]")
_DAY = r"\d{4}(-\d{1,2}-\d{1,2}|年\d{1,2}月\d{1,2}日|/\d{1,2}/\d{1,2})"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2})?"
_SHAPES = {
    "thing": r".{1,20}",
    "const": r".{1,20}",
    "phrase": r"[\u4e00-\u9fff]{1,5}",
    "name": r"[\u4e00-\u9fff·]{1,10}|[A-Za-z .·]{1,20}",
    "character_string": r"[!-~ ]{1,32}",
    "letter": r"[A-Za-z]{1,32}",
    "number": r"\d{1,32}(\.\d{1,3})?",
    "amount": r"[¥￥$€£]?\d{1,10}(\.\d{1,2})?元?",
    "time": rf"{_DAY}( {_CLOCK})?|{_CLOCK}",
    "date": rf"{_DAY}( {_CLOCK})?",
    "phone_number": r"[\d+-]{1,17}",
    "car_number": r"[\u4e00-\u9fffA-Z0-9]{1,8}",
}


@dataclass(frozen=True)
class Template:
    """A template of the account: its title, and its fields with the labels that the follower reads."""

    template_id: str
    sort: Sort
    title: str
    fields: Mapping[str, str]


@dataclass
class Notes:
    """The templates, and which client_msg_id was sent to whom when."""

    templates: dict[str, Template] = field(default_factory=dict)
    sent: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)

    def add(self, sort: Sort, title: str, fields: Mapping[str, str]) -> Template:
        """Give the account one more template."""
        for name in fields:
            if re.sub(r"\d+$", "", name) not in _SHAPES:
                raise ValueError(f"no such kind of field: {name}")
        template = Template(secrets.token_urlsafe(32), sort, title, dict(fields))
        self.templates[template.template_id] = template
        return template

    def read(self, body: Mapping[str, Any], sort: Sort, now: float) -> Received:
        """Return what the follower will see. Raises Refusal."""
        template = self.templates.get(body["template_id"]) if isinstance(body.get("template_id"), str) else None
        if template is None or template.sort != sort:
            raise Refusal(40037, "invalid template_id")
        data = body.get("data")
        if not isinstance(data, Mapping):
            raise Refusal(47003, "argument invalid! data empty")
        if strange := sorted(set(data) - set(template.fields)):
            raise Refusal(47003, f"argument invalid! data.{strange[0]} is not of this template")
        lines = [f"{label}：{_value(data, name)}" for name, label in template.fields.items()]
        link = body.get("url" if sort == "template" else "page", "")
        if link and not (isinstance(link, str) and re.match(r"https?://[^\s]+$", link)):
            raise Refusal(40155 if sort == "subscribe" else 40048, "invalid url")
        links = (("查看详情", link),) if link else ()
        text = "\n".join([template.title, *lines])
        return Received(sort, text, links, via=sort, at=now)

    def remembered(self, openid: str, client_msg_id: Any, now: float) -> int:
        """Return the number of a message with this client_msg_id that was sent a short while ago, else 0."""
        if client_msg_id is None:
            return 0
        if not isinstance(client_msg_id, str) or not 1 <= len(client_msg_id) <= 64:  # noqa: PLR2004 (a guess)
            raise Refusal(40035, "invalid parameter client_msg_id")
        at, number = self.sent.get((openid, client_msg_id), (0.0, 0))
        return number if number and now - at < _SAME_SECONDS else 0


def _value(data: Mapping[str, Any], name: str) -> str:
    """Return the value of one field, refused as the platform refuses it."""
    entry = data.get(name)
    value = entry.get("value") if isinstance(entry, Mapping) else None
    shape = _SHAPES[re.sub(r"\d+$", "", name)]
    if not isinstance(value, str) or not re.fullmatch(shape, value) or _EMOJI.search(value):
        raise Refusal(47003, f"argument invalid! data.{name}.value invalid")
    if isinstance(entry, Mapping) and "color" in entry:
        raise Refusal(47003, f"argument invalid! data.{name}.color is no longer allowed")
    return value


def take_consent(follower: Follower, template_id: str) -> None:
    """Use one consent up. Raises Refusal where there is none."""
    if follower.consents.get(template_id, 0) <= 0:
        raise Refusal(43101, "user refuse to accept the msg")
    follower.consents[template_id] -= 1
