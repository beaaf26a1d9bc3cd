"""What WeChat pushes to the callback address, as XML. Only the shapes; signing and sending is courier.py."""

from collections.abc import Mapping, Sequence

Value = str | int | float | Mapping[str, "Value"] | Sequence["Value"]


class Repeated(list["Value"]):
    """Values of one name, one element after the other, as the lists of 订阅通知 events are."""


def to_xml(fields: Mapping[str, Value]) -> str:
    """Return `<xml>…</xml>`: text in CDATA as WeChat does it (control characters and all), numbers bare."""
    return f"<xml>{''.join(_element(name, value) for name, value in fields.items())}</xml>"


def _element(name: str, value: Value) -> str:
    if isinstance(value, Repeated):
        return "".join(_element(name, each) for each in value)
    return f"<{name}>{_content(value)}</{name}>"


def _content(value: Value) -> str:
    if isinstance(value, str):
        return f"<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>"
    if isinstance(value, Mapping):
        return "".join(_element(name, inner) for name, inner in value.items())
    if isinstance(value, Sequence):
        return "".join(_element("item", inner) for inner in value)
    return str(value)
