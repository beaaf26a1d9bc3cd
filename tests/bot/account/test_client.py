"""Calls of the account: what is sent, what an answer means, and what happens to a token that went bad."""

from __future__ import annotations

import asyncio
import json
import logging
import socket

import pytest

from bot.account.client import AccountClient
from bot.account.settings import AccountSettings
from bot.errors import AccountError, AccountUnknown
from bot.ports import Messenger, OAuth, OAuthIdentity
from tests.bot.account.standin import APP_ID, SECRET, Line, MemoryTokens, a_standin
from tests.standin import StoppedClock


def run(work, **timeouts: float):
    async def go():
        async with a_standin(**timeouts) as standin:
            return await work(standin)

    return asyncio.run(go())


def a_client(api_base: str = "https://api.weixin.qq.com") -> AccountClient:
    settings = AccountSettings(APP_ID, SECRET, api_base, "https://open.weixin.qq.com")
    return AccountClient(settings, MemoryTokens(), StoppedClock())


def test_a_text_is_sent_as_raw_utf8():
    async def work(standin):
        standin.says(Line())
        messenger: Messenger = standin.client()
        await messenger.send_text("o-follower", "课程已开通 🎉\n\"'</a>")
        return standin.heard

    [(method, path, query, body)] = run(work)

    assert (method, path, query) == ("POST", "/cgi-bin/message/custom/send", {"access_token": "token-1"})
    assert "课程已开通 🎉".encode() in body
    assert json.loads(body) == {
        "touser": "o-follower",
        "msgtype": "text",
        "text": {"content": "课程已开通 🎉\n\"'</a>"},
    }


@pytest.mark.parametrize("errcode", [45015, 45047, 48001, 45009, 40003])
def test_a_clear_no_is_told_with_number_and_rid_and_not_repeated(errcode):
    async def work(standin):
        standin.says(Line({"errcode": errcode, "errmsg": "no rid: 6-7-8"}))
        with pytest.raises(AccountError) as refusal:
            await standin.client().send_text("o-follower", "好")
        return refusal.value, len(standin.heard)

    error, calls = run(work)

    assert (type(error), error.errcode, error.errmsg, calls) == (AccountError, errcode, "no rid: 6-7-8", 1)


@pytest.mark.parametrize(
    "line",
    [
        Line({"errcode": -1, "errmsg": "system error"}),
        Line({"errcode": "zero"}),
        Line(status=500),
        Line(status=502, raw=b"<html>"),
        Line(status=302),
        Line(status=404),
        Line(raw=b"<html>"),
        Line(raw=b""),
        Line(raw=b"\xff"),
        Line(raw=b"[]"),
        Line(raw=b"[" * 100_000),
    ],
    ids=range(11),
)
def test_anything_unclear_is_unknown_and_not_repeated(line):
    async def work(standin):
        standin.says(line)
        with pytest.raises(AccountUnknown):
            await standin.client().send_text("o-follower", "好")
        return len(standin.heard)

    assert run(work) == 1


def test_silence_is_unknown():
    async def work(standin):
        standin.says(Line(silent=True))
        with pytest.raises(AccountUnknown):
            await standin.client().send_text("o-follower", "好")

    run(work, request_timeout=0.2)


def test_nobody_at_the_door_is_unknown():
    with socket.socket() as taken:  # bound and not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))
        client = a_client(f"http://127.0.0.1:{taken.getsockname()[1]}")

        with pytest.raises(AccountUnknown):
            asyncio.run(client.send_text("o-follower", "好"))


def test_a_token_that_was_replaced_is_forgotten_and_the_call_repeated_once():
    async def work(standin):
        client = standin.client()
        await client.tokens.token()
        standin.token = "token-2"
        standin.says(Line())
        await client.send_text("o-follower", "好")
        return [query["access_token"] for _method, _path, query, _body in standin.heard], standin.fetches

    assert run(work) == (["token-1", "token-2"], 2)


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
def test_each_token_error_is_tried_again_once_and_not_for_ever(errcode):
    async def work(standin):
        bad = Line({"errcode": errcode, "errmsg": "token"})
        standin.says(bad, bad, bad)
        with pytest.raises(AccountError) as refusal:
            await standin.client().send_text("o-follower", "好")
        return refusal.value.errcode, len(standin.heard)

    assert run(work) == (errcode, 2)


def test_a_token_that_another_worker_renewed_meanwhile_is_not_thrown_away():
    async def work(standin):
        client = standin.client()
        old = await client.tokens.token()
        standin.token = "token-2"
        await standin.store.put("access_token", "token-2", standin.clock.now().replace(year=2027))
        await client.tokens.expire(old)
        standin.says(Line())
        await client.send_text("o-follower", "好")
        return standin.fetches

    assert run(work) == 1


def test_a_call_without_payload_is_a_get():
    async def work(standin):
        standin.says(Line({"ip_list": ["101.226.103.0", "140.207.54.0"]}))
        return await standin.client().get_callback_ips(), standin.heard

    addresses, [(method, path, _query, body)] = run(work)

    assert addresses == ("101.226.103.0", "140.207.54.0")
    assert (method, path, body) == ("GET", "/cgi-bin/getcallbackip", b"")


def test_an_answer_without_the_addresses_is_unknown():
    async def work(standin):
        standin.says(Line({}))
        with pytest.raises(AccountUnknown):
            await standin.client().get_callback_ips()

    run(work)


def test_the_authorisation_address_keeps_wechats_order_and_fragment():
    oauth: OAuth = a_client()

    assert oauth.authorize_url("https://shop.example/c/py?from=chat&x=1", "s1") == (
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0123456789abcdef"
        "&redirect_uri=https%3A%2F%2Fshop.example%2Fc%2Fpy%3Ffrom%3Dchat%26x%3D1"
        "&response_type=code&scope=snsapi_base&state=s1#wechat_redirect"
    )


@pytest.mark.parametrize("state", ["", "a b", "a&b=c", "中", "a" * 129, "a\n"])
def test_a_state_that_wechat_would_refuse_is_refused_at_once(state):
    with pytest.raises(ValueError, match="state"):
        a_client().authorize_url("https://shop.example/", state)


@pytest.mark.parametrize(
    ("extra", "virtual"), [({}, False), ({"is_snapshotuser": 0}, False), ({"is_snapshotuser": 1}, True)]
)
def test_a_code_becomes_an_openid_and_preview_visitors_are_marked(extra, virtual):
    async def work(standin):
        standin.says(Line({"access_token": "u", "openid": "o-visitor", "scope": "snsapi_base"} | extra))
        return await standin.client().identify("code-1"), standin.heard, standin.fetches

    identity, [(method, path, query, _body)], fetches = run(work)

    assert identity == OAuthIdentity("o-visitor", virtual)
    assert (method, path, fetches) == ("GET", "/sns/oauth2/access_token", 0)
    assert query == {"appid": APP_ID, "secret": SECRET, "code": "code-1", "grant_type": "authorization_code"}


@pytest.mark.parametrize("errcode", [40029, 40163, 40001])
def test_a_bad_or_used_code_is_a_clear_no_and_not_tried_again(errcode):
    async def work(standin):
        standin.says(Line({"errcode": errcode, "errmsg": "code been used"}))
        with pytest.raises(AccountError) as refusal:
            await standin.client().identify("code-1")
        return refusal.value.errcode, len(standin.heard)

    assert run(work) == (errcode, 1)


@pytest.mark.parametrize("data", [{}, {"openid": ""}, {"openid": 7}])
def test_an_identity_without_openid_is_unknown(data):
    async def work(standin):
        standin.says(Line(data))
        with pytest.raises(AccountUnknown):
            await standin.client().identify("code-1")

    run(work)


def test_neither_token_nor_secret_nor_content_is_ever_logged_or_told(caplog):
    caplog.set_level(logging.DEBUG)

    async def work(standin):
        standin.says(Line(), Line({"errcode": 45015, "errmsg": "out of time rid: 6-7-8"}), Line(silent=True))
        client = standin.client()
        await client.send_text("o-follower", "私房话")
        with pytest.raises(AccountError) as refused:
            await client.send_text("o-follower", "私房话")
        with pytest.raises(AccountUnknown) as lost:
            await client.identify("code-1")
        return f"{refused.value} {lost.value} {client.__dict__['_settings']!r}"

    told = run(work, request_timeout=1.0)
    said = told + "\n".join(record.getMessage() for record in caplog.records)

    assert "account.call path=/cgi-bin/message/custom/send ms=" in said
    assert "account.refused path=/cgi-bin/message/custom/send errcode=45015" in said
    assert "account.lost path=/sns/oauth2/access_token" in said
    for secret in ("token-1", SECRET, "私房话", "o-follower", "code-1"):
        assert secret not in said
