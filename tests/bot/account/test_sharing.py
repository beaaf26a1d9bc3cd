"""One token for all workers and commands on one database, whatever happens to it."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from bot import doors
from bot.account.jssdk import signature
from bot.account.tokens import ACCESS_TOKEN, TokenKeeper
from bot.advice import ADVICE, in_chinese
from bot.config import from_mapping
from bot.errors import AccountBusy, AccountError, AccountSilent, AccountUnknown
from bot.simulator import Simulator, SimulatorKeys, SimulatorSettings
from bot.store import SqliteStore
from tests.bot.account.standin import Line, MemoryTokens, a_standin
from tests.standin import StoppedClock

WAYS = ["api_busy", "api_errors", "api_garbage", "api_lost_before", "api_lost_after"]
TOKEN_CALLS = {"/cgi-bin/stable_token", "/cgi-bin/ticket/getticket"}


class Office:
    """Several processes of the shop: each has a client and a store of its own, on one file."""

    def __init__(self, sim, clock, folder, many):
        self.sim, self.clock = sim, clock
        self.pauses = []
        raw = {"app_id": sim.settings.app_id, "app_secret": sim.settings.app_secret, "api_base": sim.url}
        config = from_mapping({"wechat": raw}, environ={}, base=folder)
        self.stores = [SqliteStore(str(folder / "zhike.db")) for _ in range(many)]
        self.clients = [doors.account(config, store, clock, pause=self.pause) for store in self.stores]

    async def pause(self, seconds):
        self.pauses.append(seconds)
        await asyncio.sleep(0.001)

    def fetches(self, path="/cgi-bin/stable_token"):
        return len([each for each in self.sim.calls if each.path == path and each.status == 200])


@pytest.fixture(scope="session")
def keys():
    return SimulatorKeys.generate()


@pytest.fixture
def play(keys, tmp_path):
    async def run(story, many):
        clock = StoppedClock()
        sim = Simulator(SimulatorSettings(), keys=keys, now=lambda: clock.now().timestamp())
        await sim.start()
        office = Office(sim, clock, tmp_path, many)
        try:
            return await story(office)
        finally:
            for store in office.stores:
                store.close()
            await sim.stop()

    return lambda story, many=3: asyncio.run(run(story, many))


def test_a_cold_start_of_fifty_calls_in_three_processes_makes_one_fetch(play):
    async def story(office):
        calls = [office.clients[n % 3].get_callback_ips() for n in range(50)]
        return len(await asyncio.gather(*calls)), office.fetches()

    assert play(story) == (50, 1)


def test_a_token_killed_from_outside_is_fetched_once_more_by_all_together(play):
    async def story(office):
        await asyncio.gather(*(each.get_callback_ips() for each in office.clients))
        stage = office.sim._stage
        stage.tokens.clear()
        stage.stable_token = ""
        calls = [office.clients[n % 3].get_callback_ips() for n in range(50)]
        return len(await asyncio.gather(*calls)), office.fetches()

    assert play(story) == (50, 2)


@pytest.mark.parametrize("fault", WAYS)
def test_one_failure_of_the_fetch_is_survived(play, fault):
    async def story(office):
        office.sim.faults.api_path = "stable_token"
        setattr(office.sim.faults, fault, 1)
        return await office.clients[0].get_callback_ips()

    assert play(story) == ("127.0.0.1",)


def test_while_one_renews_early_the_others_go_on_with_what_they_have(play):
    async def story(office):
        old = await office.clients[0].tokens.token()
        office.clock.move(seconds=6901)
        now = office.clock.now()
        await office.stores[0].write(
            lambda tx: tx.leases.take(
                f"{ACCESS_TOKEN} {office.sim.settings.app_id}", "other", now, now.replace(hour=9)
            )
        )
        during = await office.clients[1].tokens.token()
        await office.stores[0].write(lambda tx: tx.leases.leave("other"))
        return old == during, await office.clients[1].tokens.token() != old, office.fetches()

    assert play(story) == (True, True, 2)


def test_when_renewing_fails_the_token_serves_to_its_end_and_wechat_is_not_asked_at_each_call(play):
    async def story(office):
        old = await office.clients[0].tokens.token()
        office.clock.move(seconds=6901)
        office.sim.faults.api_path, office.sim.faults.api_errors = "stable_token", 1000
        tokens = {await each.tokens.token() for each in office.clients for _ in range(5)}
        asked = 1000 - office.sim.faults.api_errors
        office.clock.move(seconds=299)
        with pytest.raises(AccountUnknown):
            await office.clients[0].tokens.token()
        return tokens == {old}, asked

    assert play(story) == (True, 3)


def test_a_holder_that_died_is_waited_for_and_then_replaced(play):
    async def story(office):
        now = office.clock.now()
        name = f"{ACCESS_TOKEN} {office.sim.settings.app_id}"
        until = now.replace(minute=0, second=20)
        await office.stores[0].write(lambda tx: tx.leases.take(name, "dead", now, until))

        async def pause(seconds):
            office.pauses.append(seconds)
            office.clock.move(seconds=5)

        office.clients[1].tokens._pause = pause
        await office.clients[1].tokens.token()
        return len(office.pauses), office.fetches()

    assert play(story) == (4, 1)


def test_the_js_sdk_ticket_is_fetched_once_by_all_and_signs_a_page(play):
    async def story(office):
        url = "https://shop.example/c/1?a=b"
        calls = [office.clients[n % 3].page_params(f"{url}#top") for n in range(12)]
        params = (await asyncio.gather(*calls))[0]
        ticket = await office.clients[0].tickets.token()
        right = signature(ticket, params["nonceStr"], int(params["timestamp"]), url)
        return params["signature"] == right, params["appId"], office.fetches("/cgi-bin/ticket/getticket")

    told = play(story)

    assert (told[0], told[2]) == (True, 1)


def test_the_published_example_of_a_signature_comes_out():
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"

    signed = signature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, "http://mp.weixin.qq.com?params=value")

    assert signed == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_no_key_and_no_log_line_has_token_or_secret_in_clear(play, caplog):
    caplog.set_level(logging.DEBUG)

    async def story(office):
        client = office.clients[0]
        await client.get_callback_ips()
        await client.page_params("https://shop.example/")
        office.sim.faults.bad_token = 1
        await client.get_callback_ips()
        names = await office.stores[0].read(lambda tx: tx.tokens._rows.all("select kind, key from tokens"))
        leases = await office.stores[0].read(lambda tx: tx.tokens._rows.all("select * from leases"))
        secrets = [*office.sim._stage.tokens, office.sim._stage.ticket[0], office.sim.settings.app_secret]
        return json.dumps([names, leases]), secrets

    kept, secrets = play(story)
    said = kept + "\n".join(record.getMessage() for record in caplog.records)

    assert len(secrets) >= 3
    assert [each for each in secrets if each in said] == []


def test_slow_answers_block_nobody(play):
    async def story(office):
        await office.clients[0].get_callback_ips()
        office.sim.faults.api_delay = 0.3
        slow = [asyncio.create_task(each.get_callback_ips()) for each in office.clients * 4]
        turns = 0
        while not all(each.done() for each in slow):
            await asyncio.sleep(0.005)
            turns += 1
        return turns

    assert play(story) > 10


# ---- what is repeated and what is not ----


def run(work, **timeouts):
    async def go():
        async with a_standin(**timeouts) as standin:
            return await work(standin)

    return asyncio.run(go())


async def at_once(_seconds):
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "line",
    [Line({"errcode": -1, "errmsg": "system error"}), Line(status=500), Line(raw=b"<html>")],
    ids=["busy", "500", "garbage"],
)
@pytest.mark.parametrize(("times", "calls"), [(1, 2), (2, 3), (3, 3)])
def test_a_harmless_call_is_tried_three_times(line, times, calls):
    async def work(standin):
        standin.timeouts["pause"] = at_once
        standin.says(*[line] * times, *[Line()] * 3)
        try:
            await standin.client().call("/cgi-bin/menu/get", harmless=True)
        except AccountUnknown:
            return len(standin.heard), "lost"
        return len(standin.heard), "answered"

    assert run(work) == (calls, "lost" if times == 3 else "answered")


def test_silence_is_not_begun_again_even_by_a_harmless_call():
    async def work(standin):
        standin.says(Line(silent=True), Line())
        with pytest.raises(AccountSilent) as silent:
            await standin.client().call("/cgi-bin/menu/get", harmless=True)
        return len(standin.heard), str(silent.value)

    calls, told = run(work, request_timeout=0.2)

    assert calls == 1
    assert "等了很久没有应答" in told


def test_a_refusal_is_never_repeated():
    async def work(standin):
        standin.says(Line({"errcode": 45009, "errmsg": "quota"}), Line())
        with pytest.raises(AccountError):
            await standin.client().call("/cgi-bin/menu/get", harmless=True)
        return len(standin.heard)

    assert run(work) == 1


def test_a_busy_wechat_is_an_error_of_its_own():
    async def work(standin):
        standin.says(Line({"errcode": -1, "errmsg": "system error"}))
        with pytest.raises(AccountBusy, match="微信系统繁忙"):
            await standin.client().send_text("o-follower", "好")

    run(work)


def test_a_keeper_alone_keeps_its_promise_without_a_holder_in_the_way():
    async def fetch():
        return "t", 7200

    keeper = TokenKeeper("kind", fetch, MemoryTokens(), StoppedClock())

    assert asyncio.run(keeper.token()) == "t"


# ---- what the operator reads ----


def test_an_error_says_number_rid_and_cure():
    error = AccountError(40164, "invalid ip 203.0.113.7, not in whitelist rid: 66f2-1a2b-3c")

    assert error.rid == "66f2-1a2b-3c"
    assert error.advice == "把这台服务器的出口 IP 203.0.113.7 加进「设置与开发 → 基本配置 → IP 白名单」"
    assert str(error).startswith("微信接口返回错误 40164：invalid ip")
    assert error.advice in str(error)


@pytest.mark.parametrize("errcode", sorted(ADVICE))
def test_every_cure_reads_well_without_an_address(errcode):
    told = AccountError(errcode, "no").advice

    assert told
    assert "{" not in told


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("HTTPTimeoutError", "等了很久没有应答"),
        ("ConnectionRefusedError", "连接被拒绝"),
        ("HTTPStreamClosedError", "连接被断开"),
        ("gaierror", "域名解析不了"),
        ("status 502", "HTTP 状态 502"),
        ("busy: system error", "微信系统繁忙"),
        ("an answer that is not JSON", "应答不像是微信的"),
        ("something else", "something else"),
    ],
)
def test_why_no_answer_came_is_told_in_chinese(reason, told):
    assert in_chinese(reason) == told
    assert told in str(AccountUnknown(reason))
