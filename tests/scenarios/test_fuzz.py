"""Noise at both callback addresses: thousands of broken requests, no 5xx, no traceback, and no course for anybody.

What each kind of forgery is answered stands in test_gateway.py and test_notices.py; here it is numbers that count.
"""

import asyncio
import logging
import random
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from bot.models import OrderState
from tests.scenarios.world import COURSE, go_to_the_till, play
from tests.wire import Account

SEED = 20261124
AT_ONCE = 100
PRINTABLE = "".join(map(chr, range(33, 127)))
KINDS = ("text/xml", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
ODD = (None, "", "x" * 5000, "\x00", "课", 0, -1, 1.5, 10**30, True, [], [[[]]], {"total": "9900"}, {"total": 1})


class Noise:
    """Posts broken requests, many at once, and notes every status."""

    def __init__(self, address):
        self.address, self.statuses = address, set()
        self.http = SimpleAsyncHTTPClient(force_instance=True, max_clients=AT_ONCE)

    async def make(self, requests):
        """Post (query, headers, body) after (query, headers, body)."""
        requests = list(requests)
        for start in range(0, len(requests), AT_ONCE):
            self.statuses |= set(await asyncio.gather(*map(self.post, requests[start : start + AT_ONCE])))

    async def post(self, request):
        query, headers, body = request
        asked = HTTPRequest(
            f"{self.address}?{query}", method="POST", headers=headers, body=body, request_timeout=30
        )
        return (await self.http.fetch(asked, raise_error=False)).code


def noise(dice):
    return dice.randbytes(dice.choice((0, 1, 16, 300, 2000)))


def spoil(dice, text):
    """Change, drop, insert or repeat a few bytes; the result is never the same."""
    spoilt = bytearray(text)
    while spoilt == text:
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(spoilt))
            until = min(len(spoilt), at + dice.randrange(1, 9))
            spoilt[at:until] = dice.choice((b"", dice.randbytes(1), dice.randbytes(9), bytes(spoilt[at:until]) * 2))
    return bytes(spoilt)


def spoil_text(dice, text):
    """Change one character into another printable one."""
    at = dice.randrange(len(text))
    return text[:at] + dice.choice(PRINTABLE.replace(text[at], "")) + text[at + 1 :]


def account_of(simulator):
    played = simulator.settings
    return Account(played.app_id, played.original_id, played.token, played.encoding_aes_key)


def tracebacks(caplog):
    return [each.getMessage() for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR]


async def nothing_was_granted(shop):
    everybody = await shop.store.read(lambda tx: tx.followers.all())
    owned = [await shop.store.read(lambda tx, who=who: tx.entitlements.owned(who.openid)) for who in everybody]
    orders = await shop.store.read(lambda tx: tx.orders.all())
    return not any(owned) and {order.state for order in orders} <= {OrderState.PENDING}


# ---- /wechat ----


def random_messages(dice, account, now, count):
    """Make noise, half of it with a good signature in the address, so that the body is looked at."""
    for number in range(count):
        query = (
            urlencode(account.query(now)) if number % 2 else quote(dice.randbytes(dice.randrange(80)), safe="&=")
        )
        yield query, {"Content-Type": dice.choice(KINDS[:2])}, noise(dice)


def spoilt_messages(dice, account, now, count, *, sealed):
    """Spoil good messages: what is sealed, the envelope, or the address."""
    for number in range(count):
        xml = account.message(f"oNoise{number:022d}", now, Content="我想学 Excel")
        if number % 3 == 0:  # rightly sealed and signed, and broken inside
            xml = spoil(dice, xml.encode()).decode("utf-8", "replace")
        query, body = account.sealed(xml, now) if sealed else account.open(None, xml, now)
        if number % 3 == 1:
            body = spoil(dice, body)
        if number % 3 == 2:
            fields = dict(parse_qsl(query))
            name = dice.choice(list(fields))
            query = urlencode({**fields, name: spoil_text(dice, fields[name])})
        yield query, {"Content-Type": "text/xml"}, body


@pytest.mark.parametrize(("mode", "count"), [("safe", 1000), ("plain", 300)])
def test_noise_at_the_callback_address_is_refused_or_ignored_and_the_next_good_message_answered(
    tmp_path, caplog, mode, count
):
    dice = random.Random(SEED)

    async def story(shop, simulator):
        account, now = account_of(simulator), shop.clock.now().timestamp()
        noise = Noise(f"{simulator._stage.shop_url}/wechat")
        await noise.make(random_messages(dice, account, now, count))
        await noise.make(spoilt_messages(dice, account, now, count, sealed=mode == "safe"))
        noise.http.close()
        phone = simulator.phone()
        await phone.follow()
        return noise.statuses, await nothing_was_granted(shop), await phone.say("我想学 Python 数据分析")

    statuses, nothing, reply = play(story, tmp_path, mode=mode)

    assert statuses == {200, 403}
    assert nothing
    assert "Python" in reply.text
    assert tracebacks(caplog) == []


# ---- /pay/notify ----


def random_notices(dice, simulator, number, count):
    """Make noise: bare, under the headers of a good notice, or even rightly signed."""
    notices = simulator.pay._notices
    good, _ = simulator.pay.notice(number)
    for at in range(count):
        body = noise(dice)
        headers = notices.headers(body) if at % 3 == 0 else good if at % 3 == 1 else {}
        yield "", {"Content-Type": dice.choice(KINDS), **headers}, body


def spoilt_notices(dice, simulator, number, count):
    """Spoil good notices: the body, a header, or what WeChat itself says, rightly sealed and signed."""
    for at in range(count):
        if at % 3 == 2:
            field = dice.choice(("out_trade_no", "trade_state", "appid", "mchid", "amount"))
            yield "", *simulator.pay.notice(number, **{field: dice.choice(ODD)})
            continue
        headers, body = simulator.pay.notice(number)
        if at % 3 == 0:
            body = spoil(dice, body)
        else:
            name = dice.choice([each for each in headers if each.startswith("Wechatpay-")])
            # Not the end of the signature: some of the last bits of base64 mean nothing.
            headers[name] = spoil_text(dice, headers[name][:300]) + headers[name][300:]
        yield "", headers, body


def test_noise_at_the_notice_address_is_refused_and_the_next_genuine_notice_taken(tmp_path, caplog):
    dice = random.Random(SEED)

    async def story(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.no_notice = True
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        noise = Noise(f"{simulator._stage.shop_url}/pay/notify")
        await noise.make(random_notices(dice, simulator, till.out_trade_no, 1000))
        await noise.make(spoilt_notices(dice, simulator, till.out_trade_no, 1000))
        noise.http.close()
        nothing = await nothing_was_granted(shop)
        taken = await simulator.pay.send_notice(till.out_trade_no)
        return noise.statuses, nothing, taken, await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid))

    statuses, nothing, taken, courses = play(story, tmp_path)

    assert statuses <= {204, 400, 401}
    assert nothing
    assert (taken, courses) == ([204], [COURSE])
    assert tracebacks(caplog) == []
