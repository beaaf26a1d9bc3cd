"""The fields of a message's XML: what the short way reads is what a parser reads."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers.chat.answers import clean
from handlers.chat.robot import KNOWN_TAGS, LIST, Unreadable, read_fields

NAMES = st.sampled_from(["ToUserName", "Content", "MsgId", "Event", "CreateTime", "Unheard", "_a", "a-b", "1a", ""])
WORDS = st.text(st.sampled_from(" \t\n\r<>&;]['\"!-é学\x85\u2028\ufeff\x01😀a1"), max_size=6)
BETWEEN = st.sampled_from(["", "", "", "\n", " \t", "\r\n", "\x0b", "\u3000", "x", "<!-- a -->", "<a/>", "<?a?>"])
FORMS = st.sampled_from(
    [
        "<{0}><![CDATA[{1}]]></{0}>",
        "<{0}>{1}</{0}>",
        "<{0} a='b'>{1}</{0}>",
        "<{0}><![CDATA[{1}]]>{1}</{0}>",
        "<{0}>",
    ]
)
FIELD = st.builds(lambda form, name, words, after: form.format(name, words) + after, FORMS, NAMES, WORDS, BETWEEN)
HEADS = st.sampled_from(
    ["<xml>", "<xml>\n", "<xml >", "<a>", "\n<xml>", "\ufeff<xml>", "<?xml version='1.0'?><xml>"]
)
TAILS = st.sampled_from(["</xml>", "</xml>\n", "</xml >", "</xml>\u3000", "", "</xml></xml>", "</xml><a/>", "</a>"])
BODIES = st.builds(
    lambda head, fields, tail: head + "".join(fields) + tail, HEADS, st.lists(FIELD, max_size=4), TAILS
)


def by_a_parser(text: str) -> dict[str, str] | None:
    """Return the fields as a general parser sees them; None for what is no XML, or names a field twice."""
    try:
        children = [each for each in ET.fromstring(clean(text).encode()) if each.tag in KNOWN_TAGS]
    except ET.ParseError:
        return None
    fields = {each.tag: each.text or "" for each in children}
    return fields if len(fields) == len(children) else None


@given(BODIES)
@example("<xml><Content><![CDATA[a]]b]]></Content></xml>")
@example("<xml><Content><![CDATA[a\r\nb]]></Content></xml>")
@example("<xml><Content>&lt;</Content>\n<MsgId>1</MsgId>\n</xml>\n")
@example("<xml><Content>1</Content><Content>2</Content></xml>")
@example("<xml><Content>a]]>b</Content></xml>")
def test_fields_are_what_a_parser_makes_of_the_body(text):
    wanted = by_a_parser(text)
    for body in (text, text.encode(), bytearray(text.encode())):
        if wanted is None:
            with pytest.raises(Unreadable):
                read_fields(body)
        else:
            assert read_fields(body) == wanted


@given(st.binary(max_size=40))
def test_bytes_that_are_no_message_are_unreadable_and_break_nothing(noise):
    with pytest.raises(Unreadable):
        read_fields(b"<xml><Content>" + noise)


@pytest.mark.parametrize(
    "body",
    [
        "<!DOCTYPE xml><xml><Content>a</Content></xml>",
        "<!DOCTYPE xml [<!ENTITY a 'b'>]><xml><Content>&a;</Content></xml>",
        "<xml><Content>&a;</Content></xml>",
        "<xml><a><b><c><d><e><f>1</f></e></d></c></b></a></xml>",
    ],
)
def test_what_has_no_place_in_a_message_is_refused(body):
    with pytest.raises(Unreadable):
        read_fields(body)


def test_a_nested_list_is_kept_beside_the_flat_fields():
    body = "<xml><Event>a</Event><SubscribeMsgPopupEvent><List><T>1</T></List></SubscribeMsgPopupEvent></xml>"

    assert read_fields(body) == {"Event": "a", LIST: '[{"T": "1"}]'}
