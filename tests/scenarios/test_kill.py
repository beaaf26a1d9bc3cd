"""The server as a process of its own, killed at the worst moments: what was paid is granted once and told.

The simulator and the phone live on in the test. Nobody sleeps while the server is away: ``let_time_pass`` makes
what it left behind that much older.
"""

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
from contextlib import closing
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from bot import catalog
from bot.config import SECTIONS
from bot.ports import SystemClock
from bot.simulator import Simulator, SimulatorSettings
from bot.store import SqliteStore
from handlers.cli.demo import settings_for
from tests.scenarios.conftest import ROOT, courses, lessons
from tests.scenarios.world import COURSE, go_to_the_till, keys, press_buy, told_paid
from tests.wire import Account

PATIENCE = 60  # seconds until a story is given up
CLOCK = SystemClock()


class Server:
    """One ``run.py serve`` after another on the same settings and database."""

    def __init__(self, simulator, folder):
        config = settings_for(simulator, folder, "127.0.0.1", {})
        quick = replace(config, recsys=replace(config.recsys, refresh_seconds=0.05))
        self.database = quick.store.path
        self.settings = folder / "config.toml"
        self.settings.write_text(as_toml(quick), "utf-8")
        self.log = folder / "server.log"
        self.simulator = simulator
        self.process = None

    async def start(self):
        """Start a process and return when it answers.

        It is not to train at night: that is a process of its own, which outlives a kill and holds the pipe.
        """
        tomorrow = CLOCK.now() + timedelta(days=1)
        self.look(lambda tx: tx.tokens.put("job", "training", "claimed", tomorrow))
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "run.py", "--config", self.settings, "serve", "--port", "0"),
                cwd=ROOT,
                env={name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")},
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        line = (await self.process.stdout.readline()).decode()
        assert line.startswith("listening on "), self.log.read_text("utf-8")
        self.url = line.split()[-1]
        self.simulator.attach(self.url)
        await fetch(f"{self.url}/healthz")

    async def kill(self):
        """Kill -9, unless it has ended already."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self):
        """Ask it to end; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    def look(self, work):
        """Look into the database, whether the process lives or not."""
        with closing(SqliteStore(self.database)) as store:
            return store.write_now(work)

    def let_time_pass(self, seconds):
        """Make everything that waits in the database so much older."""
        waiting = {"leases": "until", "outbox": "next_at", "attempts": "next_query_at"}
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for table, column in waiting.items():
                connection.execute(f"update {table} set {column} = {column} - ?", [seconds])


def as_toml(config):
    sections = {name: table for name, table in asdict(config).items() if name in SECTIONS}
    return "\n".join(
        "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())])
        for name, table in sections.items()
    )


async def fetch(url, **options):
    """Ask the server; however busy it is, it gets its time."""
    http = AsyncHTTPClient(force_instance=True)
    try:
        return await http.fetch(url, connect_timeout=PATIENCE, request_timeout=PATIENCE, **options)
    finally:
        http.close()


async def until(condition):
    while not condition():  # noqa: ASYNC110  the other process rings no bell here
        await asyncio.sleep(0.01)


async def until_told(phone):
    """Wait for the message that says that the payment arrived."""
    while not told_paid(phone):
        await phone.next_message(PATIENCE)


def settled(tx):
    """Tell whether nothing is left to be said to anybody, however long one waits."""
    ever = CLOCK.now().replace(year=2999)
    return tx.outbox.claim(ever, until=ever, limit=1) == []


@pytest.fixture
def living(tmp_path):
    """Return a runner: ``living(story)`` tells the story to a running process and the simulator."""

    async def run(story):
        simulator = Simulator(SimulatorSettings(notice_delays=(0.1,) * 300), keys=keys())
        await simulator.start()
        server = Server(simulator, tmp_path)
        server.look(lambda tx: catalog.store_courses(tx, courses(), CLOCK.now()))
        server.look(lambda tx: catalog.store_lessons(tx, lessons(), "lessons.csv"))
        await server.start()
        try:
            async with asyncio.timeout(PATIENCE):
                return await story(server, simulator)
        finally:
            await server.kill()
            await simulator.stop()
            assert "Traceback" not in server.log.read_text("utf-8")

    return lambda story: asyncio.run(run(story))


def what_became_of_it(server, phone):
    """Return what is owned, how often it was told, whether nothing is left to tell, and what is odd."""
    owned, quiet, odd = server.look(
        lambda tx: (tx.entitlements.owned(phone.openid), settled(tx), tx.anomalies.open())
    )
    return owned, len(told_paid(phone)), quiet, odd


def test_killed_between_payment_and_notice_it_grants_once_and_tells_once_after_a_restart(living):
    async def story(server, simulator):
        noticed, asked = simulator.phone("小林"), simulator.phone("小周")
        till, silent = await go_to_the_till(simulator, noticed), await go_to_the_till(simulator, asked)
        await server.kill()
        await simulator.pay.confirm(till.prepay_id, noticed.openid)
        simulator.faults.no_notice = True
        await simulator.pay.confirm(silent.prepay_id, asked.openid)
        before = [server.look(lambda tx, who=who: tx.entitlements.owned(who.openid)) for who in (noticed, asked)]
        server.let_time_pass(60)
        await server.start()
        await asyncio.gather(until_told(noticed), until_told(asked))
        await until(lambda: simulator.pay.sent[-1][1] == 204)
        sent, code = simulator.pay.sent, await server.stop()
        return till, before, sent, code, [what_became_of_it(server, who) for who in (noticed, asked)]

    till, before, sent, code, after = living(story)

    assert before == [[], []]
    assert {number for number, _ in sent} == {till.out_trade_no}
    assert (sent[0][1], sent[-1][1]) == (0, 204)
    assert (code, after) == (0, [([COURSE], 1, True, [])] * 2)


def test_killed_between_the_grant_and_the_message_it_tells_after_a_restart(living):
    async def story(server, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.api_lost_before, simulator.faults.hang = 1, PATIENCE
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        await until(lambda: any(call.status == 0 for call in simulator.calls))
        await server.kill()
        before = server.look(lambda tx: tx.entitlements.owned(phone.openid)), told_paid(phone)
        server.let_time_pass(61)
        await server.start()
        await until_told(phone)
        return before, await server.stop(), what_became_of_it(server, phone)

    before, code, after = living(story)

    assert before == ([COURSE], [])
    assert (code, after) == (0, ([COURSE], 1, True, []))


WORDS = ("Excel 函数", "Python 数据分析", "摄影", "短视频剪辑", "英语口语")
PEOPLE = [f"oBurst{number:022d}" for number in range(40)]


def test_killed_in_a_burst_it_answers_the_repeats_alike_and_counts_each_message_once(living):
    async def story(server, simulator):
        played = simulator.settings
        account = Account(played.app_id, played.original_id, played.token, played.encoding_aes_key)
        burst = [
            account.message(openid, CLOCK.now().timestamp(), Content=words) for words in WORDS for openid in PEOPLE
        ]
        first = await deliver(account, server, burst, kill_after=20)
        await server.kill()
        await server.start()
        second = await deliver(account, server, burst)
        code = await server.stop()
        kinds = server.look(lambda tx: [[each.kind for each in tx.events.of(openid)] for openid in PEOPLE])
        return first, second, code, [events.count("mention") for events in kinds]

    first, second, code, mentions = living(story)

    assert 20 <= len(first) < len(WORDS) * len(PEOPLE)
    assert len(second) == len(WORDS) * len(PEOPLE)
    assert all(second.values())
    assert {xml: second[xml] for xml in first} == first
    assert (code, set(mentions)) == (0, {len(WORDS)})


async def deliver(account, server, burst, *, kill_after=0):
    """Deliver all messages at once, and return the checked reply of each that got one."""
    http = AsyncHTTPClient(force_instance=True, max_clients=30)
    replies = {}

    async def one(xml):
        query, body = account.sealed(xml, CLOCK.now().timestamp())
        try:
            answer = await http.fetch(
                f"{server.url}/wechat?{query}", method="POST", body=body, request_timeout=PATIENCE
            )
        except (HTTPClientError, OSError):
            return
        openid = re.search(r"<FromUserName><!\[CDATA\[(.*?)\]\]>", xml).group(1)
        replies[xml] = account.read(answer.body, to=openid, sealed=True)
        if len(replies) == kill_after:
            server.process.kill()

    await asyncio.gather(*map(one, burst))
    http.close()
    return replies


def test_told_to_end_it_answers_what_was_asked_and_takes_nothing_new(living):
    async def story(server, simulator):
        phone = simulator.phone()
        await phone.follow()
        await phone.open(f"{simulator.webview_url}/c/{COURSE}")
        simulator.faults.pay_delay = 0.5
        order = asyncio.create_task(press_buy(simulator, phone))
        await until(lambda: simulator.pay.trades)
        code = await server.stop()
        with pytest.raises(OSError, match="refused"):
            await fetch(f"{server.url}/healthz")
        return code, (await order)["state"]

    assert living(story) == (0, "pay")


def test_told_to_end_while_a_message_is_on_its_way_it_notes_that_it_was_sent(living):
    async def story(server, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.api_delay = 0.5
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        await until_told(phone)
        return await server.stop(), what_became_of_it(server, phone)

    assert living(story) == (0, ([COURSE], 1, True, []))
