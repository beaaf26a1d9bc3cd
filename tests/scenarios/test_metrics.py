"""``/metrics``: the numbers are right, name nobody, and are not for the world; and whose headers are believed."""

import asyncio
import json
import re
import tomllib
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from werobot.robot import BaseRoBot

from bot.config import from_mapping
from bot.errors import ConfigError, StoreError
from bot.models import TradeType
from bot.version import VERSION
from handlers.web.server import Door, make_server

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
TOKEN = "a-token-for-the-collector"
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="[^"\\\n]*",?)*)\})? (-?[0-9.e+-]+)')


def read(text):
    """Parse the text format strictly; returns (name, labels without the worker) → value."""
    assert text.endswith("\n")
    kinds, values = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds, f"{name} twice"
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            family = name if name in kinds else re.sub("_(bucket|sum|count)$", "", name)
            assert family == list(kinds)[-1], f"{name} stands outside its family"
            pairs = dict(re.findall(r'([a-z_]+)="([^"]*)"', labels or ""))
            pairs.pop("worker", None)
            key = (name, *sorted(pairs.values()))
            assert key not in values, f"{line} twice"
            values[key] = float(value)
    return values


async def fetch(world, url=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return await world.http.fetch(f"{url or world.url}/metrics", headers=headers, raise_error=False)


async def numbers(world):
    response = await fetch(world)
    assert response.code == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(response.body.decode())


@asynccontextmanager
async def door(server):
    """Open a door on a free port."""
    sock, port = bind_unused_port()
    server.add_sockets([sock])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        await server.close_all_connections()


def other_door(world, **settings):
    """Return a second server of the same shop, with other settings of [server]."""
    config = world.shop.config
    return make_server(replace(world.shop, config=replace(config, server=replace(config.server, **settings))))


def test_messages_are_counted_by_kind_and_outcome(live):
    async def story(world):
        await world.event(ANNA, "subscribe")
        await world.say(ANNA, "我想学 Excel")
        await world.say(BEN, "瑜伽")
        await world.event(ANNA, "unsubscribe")
        return await numbers(world)

    found = live(story)

    assert found["zhike_messages_total", "answered", "text"] == 2
    assert found["zhike_messages_total", "answered", "subscribe_event"] == 1
    assert found["zhike_messages_total", "silent", "unsubscribe_event"] == 1
    assert found["zhike_message_seconds_count",] == 4
    assert found["zhike_message_seconds_bucket", "+Inf"] == 4
    assert found["zhike_message_seconds_sum",] > 0


def test_the_buckets_of_the_histogram_grow(live):
    async def story(world):
        await asyncio.gather(*(world.say(ANNA, f"Excel {n}") for n in range(20)))
        return await numbers(world)

    found = live(story)
    buckets = [value for key, value in found.items() if key[0] == "zhike_message_seconds_bucket"]

    assert buckets == sorted(buckets)
    assert buckets[-1] == 20


def test_a_kind_that_nobody_knows_makes_no_new_label(live):
    async def story(world):
        await world.deliver(world.message(ANNA, "made_up_by_somebody"))
        return await numbers(world)

    kinds = {key[2] for key in live(story) if key[0] == "zhike_messages_total"}

    assert kinds == {"unknown"}
    assert kinds <= set(BaseRoBot.message_types)


def test_refusals_are_counted_by_reason(live):
    async def story(world):
        query, body = world.envelope(world.message(ANNA, Content="Excel"))
        await world.post(query.replace("signature=", "signature=0", 1), body)
        old = world.clock.now().timestamp() - 301
        await world.post(*world.account.sealed(world.message(ANNA, Content="Excel"), old))
        await world.post(*world.account.sealed("<xml/>", world.clock.now().timestamp(), app_id="wx9"))
        return await numbers(world)

    found = live(story)

    reasons = {key[1]: value for key, value in found.items() if key[0] == "zhike_gateway_refusals_total"}
    assert reasons == {"bad signature": 1, "stale": 1, "cannot decrypt": 1}
    assert not [key for key in found if key[0] == "zhike_messages_total"]


def test_a_reply_past_the_deadline_is_counted(live):
    async def story(world):
        gate = asyncio.Event()

        async def slow(_order_no):
            await gate.wait()
            return (await world.shop.store.read(lambda tx: tx.orders.of(ANNA)))[0]

        await world.shop.orders.place(ANNA, "EDU001")
        world.shop.orders.sync_order = slow
        xml = world.message(ANNA, Content="我付了")
        await asyncio.gather(*(world.post(*world.envelope(xml)) for _ in range(2)), return_exceptions=True)
        await world.deliver(xml)
        gate.set()
        async with asyncio.timeout(10):
            while not await world.shop.outbox.send_due():  # noqa: ASYNC110  the reply is on its way to the store
                await asyncio.sleep(0)
        return await numbers(world)

    found = live(story, reply_deadline_seconds=0.05)

    assert found["zhike_replies_late_total",] == 3
    assert found["zhike_messages_total", "held", "text"] == 2


def test_a_message_that_breaks_is_counted_as_failed(live):
    async def story(world):
        async def broken(*_arguments, **_options):
            raise StoreError("disk full")

        write, world.shop.store.write = world.shop.store.write, broken
        await world.say(ANNA, "Excel")
        world.shop.store.write = write
        return await numbers(world)

    assert live(story)["zhike_messages_total", "failed", "text"] == 1


def test_the_shops_figures_are_those_of_the_database(live):
    async def story(world):
        await world.say(ANNA, "Excel")
        await world.say(BEN, "Excel")
        await world.event(BEN, "unsubscribe")
        placed = await world.shop.orders.place(ANNA, "EDU001")
        waiting = await numbers(world)
        attempt = await world.shop.orders.checkout(placed.order.order_no, TradeType.JSAPI, ANNA)
        await notify(world, world.cashier.paid(attempt.out_trade_no, 9900, ANNA), "N1")
        paid = await numbers(world)
        await world.shop.jobs.run_due()
        return waiting, paid, await numbers(world)

    waiting, paid, told = live(story)

    assert (waiting["zhike_orders", "PENDING"], waiting["zhike_orders", "PAID"]) == (1, 0)
    assert (paid["zhike_orders", "PENDING"], paid["zhike_orders", "PAID"]) == (0, 1)
    assert (paid["zhike_payments_total",], paid["zhike_payments_fen_total",]) == (1, 9900)
    assert paid["zhike_followers_subscribed",] == 1
    assert paid["zhike_courses", "published"] > 100
    assert (paid["zhike_outbox_waiting", "sending"], told["zhike_outbox_waiting", "sending"]) == (1, 0)


def test_what_waits_for_the_next_chat_is_counted_apart(live):
    async def story(world):
        await world.say(ANNA, "Excel")
        world.phone.refuse_with = 45015
        placed = await world.shop.orders.place(ANNA, "EDU001")
        attempt = await world.shop.orders.checkout(placed.order.order_no, TradeType.JSAPI, ANNA)
        await notify(world, world.cashier.paid(attempt.out_trade_no, 9900, ANNA), "N1")
        await world.shop.jobs.run_due()
        return await numbers(world)

    found = live(story)

    assert (found["zhike_outbox_waiting", "next_chat"], found["zhike_outbox_waiting", "sending"]) == (1, 0)


async def notify(world, trade, number):
    body = json.dumps({"id": number, "trade": asdict(trade)})
    return await world.http.fetch(f"{world.url}/pay/notify", method="POST", body=body, raise_error=False)


def test_notices_are_counted_by_what_became_of_them(live):
    async def story(world):
        placed = await world.shop.orders.place(ANNA, "EDU001")
        attempt = await world.shop.orders.checkout(placed.order.order_no, TradeType.JSAPI, ANNA)
        trade = world.cashier.paid(attempt.out_trade_no, 9900, ANNA)
        await notify(world, replace(trade, total_fen=1), "N0")
        await notify(world, trade, "N1")
        await notify(world, trade, "N2")
        await world.http.fetch(f"{world.url}/pay/notify", method="POST", body=b"forged", raise_error=False)
        return await numbers(world)

    found = live(story)

    outcomes = {key[1]: value for key, value in found.items() if key[0] == "zhike_notices_total"}
    assert outcomes == {"anomaly": 1, "paid": 1, "again": 1, "refused": 1}
    assert found["zhike_anomalies_open",] == 1


def test_a_job_tells_when_it_last_succeeded_and_how_often_it_failed(live):
    async def story(world):
        async def broken():
            raise ZeroDivisionError

        await world.shop.jobs.run_due()
        well = await numbers(world)
        world.shop.orders.run_due = broken
        world.clock.forward(minutes=1)
        await world.shop.jobs.run_due()
        return well, await numbers(world), world.clock.now().timestamp()

    well, ill, now = live(story)

    last = "zhike_job_last_success_timestamp_seconds"
    assert ("zhike_job_failures_total", "orders") not in well
    assert ill["zhike_job_failures_total", "orders"] == 1
    assert ill[last, "orders"] == well[last, "orders"] == now - 60
    assert ill[last, "outbox"] == now


def test_an_unreadable_database_is_said_and_the_process_still_tells_its_own(live):
    async def story(world):
        async def broken(_work):
            raise StoreError("gone")

        await world.say(ANNA, "Excel")
        world.shop.store.read = broken
        return await numbers(world)

    found = live(story)

    assert found["zhike_store_up",] == 0
    assert found["zhike_messages_total", "answered", "text"] == 1
    assert ("zhike_followers_subscribed",) not in found


def test_the_release_and_the_start_are_told(live):
    async def story(world):
        return (await fetch(world)).body.decode(), world.clock.now().timestamp()

    text, start = live(story)
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["version"] == VERSION
    assert f'zhike_build_info{{version="{VERSION}",' in text
    assert read(text)["zhike_start_time_seconds",] == start


def test_nobody_is_named(live):
    async def story(world):
        await world.say(ANNA, "我想学 Excel")
        placed = await world.shop.orders.place(ANNA, "EDU001")
        return (await fetch(world)).body.decode(), placed.order.order_no

    text, order_no = live(story)

    assert ANNA not in text
    assert order_no not in text


# Who may look ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-Ip", "Forwarded"])
@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)])
def test_what_comes_through_a_proxy_finds_nothing(live, header, trusted):
    async def story(world):
        async with door(other_door(world, trusted_proxies=trusted)) as url:
            return await fetch(world, url, **{header: "127.0.0.1"}), await fetch(world, f"{url}/nothing-here")

    answer, unknown = live(story)

    assert (answer.code, answer.body) == (404, b"")
    assert (unknown.code, unknown.body) == (404, b"")


def test_a_token_opens_from_anywhere_and_nothing_else_does(live):
    async def story(world):
        async with door(other_door(world, metrics_token=TOKEN)) as url:
            tries = [
                {},
                {"Authorization": "Bearer"},
                {"Authorization": TOKEN},
                {"Authorization": f"Bearer {TOKEN}x"},
            ]
            closed = [(await fetch(world, url, **headers)).code for headers in tries]
            away = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.7"}
            return closed, (await fetch(world, url, **away)).code

    assert live(story) == ([404] * 4, 200)


@pytest.mark.parametrize(
    ("key", "value"),
    [("metrics_token", "short"), ("trusted_proxies", ["proxy.example.cn"]), ("trusted_proxies", ["10.0.0.0/8"])],
)
def test_a_setting_that_would_not_do_what_it_says_is_refused(tmp_path, key, value):
    with pytest.raises(ConfigError, match=key) as caught:
        from_mapping({"server": {key: value}}, environ={}, base=tmp_path)

    assert "short" not in str(caught.value)


# Whose word counts about the caller --------------------------------------------------------------------------


class WhoIsIt(RequestHandler):
    def get(self):
        self.finish({"ip": self.request.remote_ip, "scheme": self.request.protocol})


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        ((), "203.0.113.7", ("127.0.0.1", "http")),
        (("192.0.2.1",), "203.0.113.7", ("127.0.0.1", "http")),
        (("127.0.0.1",), "203.0.113.7", ("203.0.113.7", "https")),
        (("127.0.0.1",), "198.51.100.1, 203.0.113.7", ("203.0.113.7", "https")),
        (("127.0.0.1", "192.0.2.1"), "203.0.113.7, 192.0.2.1", ("203.0.113.7", "https")),
        (("127.0.0.1",), "nonsense", ("127.0.0.1", "https")),
    ],
)
def test_forwarded_headers_count_only_from_a_trusted_proxy(proxies, forwarded, seen):
    async def ask():
        http = AsyncHTTPClient(force_instance=True)
        app = Application([("/", WhoIsIt)], log_function=lambda _: None)
        async with door(Door(app, trusted_downstream=list(proxies))) as url:
            headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
            answer = json.loads((await http.fetch(url, headers=headers)).body)
        http.close()
        return answer["ip"], answer["scheme"]

    assert asyncio.run(ask()) == seen


def test_the_server_that_is_served_believes_the_proxies_of_the_settings(live):
    async def story(world):
        return other_door(world, trusted_proxies=("192.0.2.1",)).trusted_downstream

    assert live(story) == ["192.0.2.1"]
