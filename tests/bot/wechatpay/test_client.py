"""What an answer means: data only when verified, a clear no, or an outcome that is not known."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from datetime import timedelta
from email.utils import format_datetime

import pytest

from bot.errors import AlreadyPaid, PayRejected, PayUnknown, TradeClosed, TradeNoUsed
from bot.wechatpay.client import PayClient
from tests.bot.wechatpay.builders import a_key, a_merchant, signed_headers
from tests.bot.wechatpay.standin import Line, a_standin
from tests.standin import NOON, StoppedClock

TARGET = "/v3/pay/transactions/out-trade-no/T%7C1?mchid=1900000001&x=a%2Fb%3D"
BODY = '{"description":"从零学 Python"}'.encode()


def answer_to(*lines: Line, **timeouts: float):
    """Ask once and return what came of it: a reply, or the error."""

    async def go():
        async with a_standin(**timeouts) as standin:
            standin.says(*lines)
            return await standin.client.request("POST", TARGET, BODY)

    return asyncio.run(go())


def test_a_request_is_signed_over_exactly_what_is_sent():
    async def go():
        async with a_standin() as standin:
            standin.says(Line(200, {}), Line(200, {}), Line(200, {}))
            await standin.client.request("GET", TARGET)
            await standin.client.request("POST", TARGET, BODY)
            await standin.client.request("POST", TARGET)
            return standin.heard, standin.complaints

    heard, complaints = asyncio.run(go())

    assert complaints == []
    assert heard == [("GET", TARGET, b""), ("POST", TARGET, BODY), ("POST", TARGET, b"")]


def test_a_verified_success_is_data():
    reply = answer_to(Line(200, {"prepay_id": "wx27"}))

    assert (reply.status, reply.data, reply.request_id) == (200, {"prepay_id": "wx27"}, "REQ-1")


def test_an_empty_success_is_verified_over_an_empty_body():
    assert answer_to(Line(204)).status == 204

    with pytest.raises(PayUnknown):
        answer_to(Line(204, signed=False))


@pytest.mark.parametrize(
    "line",
    [
        Line(200, {"prepay_id": "wx27"}, signed=False),
        Line(200, {"a": 1}, headers={"Wechatpay-Signature": "WECHATPAY/SIGNTEST/2sWfO+6tVVsZonOXB"}),
        Line(200, {"a": 1}, headers={"Wechatpay-Serial": "PUB_KEY_ID_999"}),
        Line(200, {"a": 1}, headers=signed_headers(b'{"a": 1}', at=NOON - timedelta(hours=1))),
        Line(200, {"a": 1}, headers=signed_headers(b'{"a": 2}')),
        Line(200, {"a": 1}, headers=signed_headers(b'{"a": 1}', key=a_key("forger"))),
        Line(200, raw=b"<html>"),
        Line(200, raw=b"[1]"),
        Line(200, raw=b"\xff"),
        Line(202, {"code": "ACCEPTED"}),
        Line(302, headers={"Location": "https://elsewhere.example/"}),
        Line(400, {"code": "SYSTEM_ERROR", "message": "x"}, signed=False),
        Line(403, {"code": "FREQUENCY_LIMITED", "message": "x"}, signed=False),
        Line(429, {"code": "RATELIMIT_EXCEEDED", "message": "x"}, signed=False),
        Line(429, raw=b"", signed=False),
        Line(500, {"code": "SYSTEM_ERROR", "message": "x"}, signed=False),
        Line(502, raw=b"<html>bad gateway</html>", signed=False),
        Line(503, raw=b"", signed=False),
    ],
    ids=lambda line: f"{line.status}-{line.body[:20]!r}",
)
def test_anything_unclear_is_unknown_and_never_data(line):
    with pytest.raises(PayUnknown):
        answer_to(line)


def test_a_redirect_is_not_followed():
    async def go():
        async with a_standin() as standin:
            standin.says(Line(307, headers={"Location": f"{standin.base}/other"}), Line(200, {}))
            with pytest.raises(PayUnknown):
                await standin.client.request("POST", TARGET, BODY)
            return standin.heard

    assert len(asyncio.run(go())) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ORDERPAID", AlreadyPaid),
        (403, "ORDER_PAID", AlreadyPaid),
        (400, "ORDER_CLOSED", TradeClosed),
        (400, "ORDERCLOSED", TradeClosed),
        (403, "OUT_TRADE_NO_USED", TradeNoUsed),
        (403, "OUTTRADENOUSED", TradeNoUsed),
        (400, "PARAM_ERROR", PayRejected),
        (401, "SIGN_ERROR", PayRejected),
        (403, "NO_AUTH", PayRejected),
        (404, "ORDER_NOT_EXIST", PayRejected),
    ],
)
def test_a_clear_no_is_named_by_its_code_in_any_spelling(status, code, kind):
    with pytest.raises(PayRejected) as refusal:
        answer_to(Line(status, {"code": code, "message": "为什么"}, signed=False))

    assert type(refusal.value) is kind
    assert (refusal.value.status, refusal.value.code, refusal.value.detail) == (status, code, "为什么")


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'{"code": 7}'])
def test_a_no_without_a_readable_code_is_still_a_no(raw):
    with pytest.raises(PayRejected) as refusal:
        answer_to(Line(405, raw=raw, signed=False))

    assert (refusal.value.status, refusal.value.code) == (405, "")


def test_silence_is_unknown():
    with pytest.raises(PayUnknown, match="HTTPTimeoutError"):
        answer_to(Line(200, {}, silent=True), request_timeout=0.1)


def ask_port(port: int) -> None:
    client = PayClient(a_merchant(api_base=f"http://127.0.0.1:{port}"), StoppedClock(), request_timeout=5)
    asyncio.run(client.request("POST", TARGET, BODY))


def test_nobody_at_the_door_is_unknown():
    with socket.socket() as taken:  # bound and not listening: a connection is refused
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(PayUnknown):
            ask_port(taken.getsockname()[1])


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"\x00garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"Endless: header\r\n" * 10_000,
    ],
    ids=["nothing", "garbage", "half", "too long", "endless headers"],
)
def test_a_line_that_breaks_off_or_talks_nonsense_is_unknown(noise):
    async def blurt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(BODY))
        writer.write(noise)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def go():
        server = await asyncio.start_server(blurt, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            client = PayClient(a_merchant(api_base=f"http://127.0.0.1:{port}"), StoppedClock())
            await client.request("POST", TARGET, BODY)

    with pytest.raises(PayUnknown):
        asyncio.run(go())


def test_one_client_serves_one_event_loop_after_another():
    async def go(client):
        with pytest.raises(PayUnknown):
            await client.request("GET", TARGET)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = PayClient(a_merchant(api_base=f"http://127.0.0.1:{taken.getsockname()[1]}"), StoppedClock())

        asyncio.run(go(client))
        asyncio.run(go(client))


def test_the_log_tells_path_status_and_id_but_no_content_and_no_signature(caplog):
    caplog.set_level(logging.DEBUG, logger="zhike.pay")

    answer_to(Line(200, {"payer": {"openid": "o-secret"}}))
    with pytest.raises(PayUnknown):
        answer_to(Line(200, {"payer": {"openid": "o-secret"}}, signed=False))

    ours = [record for record in caplog.records if record.name == "zhike.pay"]
    said = "\n".join(record.getMessage() for record in ours)
    assert "pay.reply path=/v3/pay/transactions/out-trade-no/T%7C1 status=200 request_id=REQ-1 ms=" in said
    assert "pay.unverified" in said
    for secret in ("o-secret", "Python", "1900000001", "WECHATPAY2", "PUB_KEY"):
        assert secret not in said


def echo(*, hours: float = 0, line: Line | None = None):
    """Echo against a server whose clock is ahead by some hours."""

    async def go():
        async with a_standin() as standin:
            date = {"Date": format_datetime(NOON + timedelta(hours=hours), usegmt=True)}
            standin.clock.move(hours=hours)
            ours = PayClient(standin.client.settings, StoppedClock())
            said = line or Line(200, {"echo_message": "something else"})
            said.headers |= date
            standin.says(said)
            return await ours.echo(), standin.heard

    return asyncio.run(go())


def test_an_echo_shows_the_skew_and_what_came_back_wrong():
    shown, heard = echo()

    assert heard[0][:2] == ("POST", "/v3/security/echo")
    assert shown.skew_seconds == 0
    assert "another message" in str(shown.failure)


def test_a_good_echo_has_no_failure():
    async def go():
        async with a_standin() as standin:
            standin.says(Parrot(standin))
            return await standin.client.echo()

    class Parrot(Line):
        """Says what it heard."""

        def __init__(self, standin) -> None:
            super().__init__(200)
            self.standin = standin

        @property
        def body(self) -> bytes:
            return self.standin.heard[-1][2]

    shown = asyncio.run(go())

    assert shown.failure is None
    assert shown.skew_seconds is not None


def test_an_echo_knows_the_skew_even_when_a_wrong_clock_made_wechat_refuse():
    shown, _heard = echo(line=Line(401, {"code": "SIGN_ERROR", "message": "时间"}, signed=False), hours=0.05)

    assert shown.skew_seconds == 180
    assert isinstance(shown.failure, PayRejected)


def test_an_echo_that_nobody_answers_has_no_skew():
    async def go():
        async with a_standin(request_timeout=0.1) as standin:
            standin.says(Line(silent=True))
            return await standin.client.echo()

    shown = asyncio.run(go())

    assert shown.skew_seconds is None
    assert isinstance(shown.failure, PayUnknown)
