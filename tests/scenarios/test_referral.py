"""Inviting friends by the front door: who counts, what it earns, and what must not happen."""

import asyncio
import json
from datetime import timedelta

from tornado.httpclient import AsyncHTTPClient

from bot.ports import SystemClock
from tests.inviting import (
    REWARD,
    anomalies,
    buy,
    come,
    earn,
    invite,
    link_of,
    press_take,
    received,
    rewards,
    state_of,
    sums,
)
from tests.reaching import Desk


async def inviter_of(shop, phone):
    return await shop.store.read(lambda tx: tx.referrals.inviter_of(phone.openid))


def test_the_whole_story_from_the_link_to_the_money(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        link = await link_of(anna)
        ben = await come(simulator, link, "小本")
        await buy(simulator, ben)
        await shop.jobs.run_due()
        waiting = sums(await anna.open(f"{simulator.webview_url}/rewards"))
        early = await press_take(simulator, anna)
        clock.forward(days=7, minutes=1)
        await anna.say("你好")
        await shop.jobs.run_due()
        await shop.jobs.run_due()
        told = [shown.text for shown in anna.screen]
        taken = await press_take(simulator, anna)
        before = await state_of(simulator, anna, taken["bill"])
        sheet = simulator.transfers.check(taken["transfer"], anna.openid)
        await simulator.transfers.confirm(taken["bill"], anna.openid)
        after = await state_of(simulator, anna, taken["bill"])
        page = sums(await anna.open(f"{simulator.webview_url}/rewards"))
        mine = (await anna.say("我的邀请")).text
        return waiting, early, told, taken, before, sheet, after, page, mine, received(simulator), anna.openid

    waiting, early, told, taken, before, sheet, after, page, mine, got, anna = invite(story, tmp_path)

    assert (waiting["退款期内"], waiting["可领取"]) == ("5", "0")
    assert early == {"state": "refused", "why": "nothing"}
    assert any("奖励 ¥5 可以领了" in text for text in told)
    assert (taken["state"], taken["amount_fen"], before) == ("confirm", REWARD, "WAIT_USER_CONFIRM")
    assert (sheet.total, sheet.red_packet) == (REWARD, False)
    assert after == "SUCCESS"
    assert (page["可领取"], page["已到账"]) == ("0", "5")
    assert "已有 1 位朋友通过你关注：已到账 ¥5" in mine
    assert got == {anna: REWARD}


def test_the_first_link_counts_and_a_friend_is_brought_once_for_ever(tmp_path):
    async def story(shop, simulator, clock):
        anna, ben, carl = (simulator.phone(name) for name in ("安娜", "小本", "小卡"))
        first, second = await link_of(anna), await link_of(ben)
        await carl.open(first)
        await carl.open(second)
        await carl.follow(f"inv_{second.rsplit('/', 1)[1]}")
        brought = await inviter_of(shop, carl)
        await carl.unfollow()
        clock.forward(days=1)
        await carl.follow(f"inv_{second.rsplit('/', 1)[1]}")
        late = simulator.phone("迟到")
        await late.open(first)
        clock.forward(days=8)
        await late.follow()
        return brought == anna.openid, await inviter_of(shop, carl) == anna.openid, await inviter_of(shop, late)

    assert invite(story, tmp_path) == (True, True, "")


def test_old_followers_oneself_and_the_one_who_brought_me_are_nobodys_friends(tmp_path):
    async def story(shop, simulator, _clock):
        anna, old = simulator.phone("安娜"), simulator.phone("老友")
        await old.follow()
        await old.unfollow()
        link = await link_of(anna)
        page = (await old.open(link)).text
        await old.follow(f"inv_{link.rsplit('/', 1)[1]}")
        own = (await anna.open(link)).text
        ben = await come(simulator, link, "小本")
        back = await link_of(ben)
        await anna.unfollow()
        await anna.open(back)
        await anna.follow(f"inv_{back.rsplit('/', 1)[1]}")
        return page, own, [await inviter_of(shop, each) for each in (old, anna)]

    page, own, brought = invite(story, tmp_path)

    assert 'data-touched="following"' in page
    assert 'data-touched="own"' in own
    assert brought == ["", ""]


def test_two_newcomers_cannot_bring_each_other(tmp_path):
    async def story(shop, simulator, clock):
        now = clock.now()
        anna, ben = simulator.phone("安娜"), simulator.phone("小本")
        codes = {}
        for phone in (anna, ben):  # both have a link (by the page) before either follows
            await phone.open(f"{simulator.webview_url}/rewards")
            codes[phone.name] = (await shop.store.read(lambda tx, who=phone.openid: tx.inviters.of(who))).code
        await anna.follow(f"inv_{codes['小本']}")
        await ben.follow(f"inv_{codes['安娜']}")
        return now is not None, await inviter_of(shop, anna) == ben.openid, await inviter_of(shop, ben)

    assert invite(story, tmp_path) == (True, True, "")


def test_a_friend_of_a_friend_pays_nothing_upward(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        ben = await come(simulator, await link_of(anna), "小本")
        carl = await come(simulator, await link_of(ben), "小卡")
        await buy(simulator, carl)
        clock.forward(days=8)
        await shop.jobs.run_due()
        owed = await shop.store.read(lambda tx: [(each.openid, each.amount_fen) for each in tx.rewards.all()])
        return owed, ben.openid

    owed, ben = invite(story, tmp_path)

    assert owed == [(ben, REWARD)]


def test_a_refunded_order_earns_nothing_and_a_partly_refunded_one_the_rest(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        link = await link_of(anna)
        whole, part = await come(simulator, link, "全退"), await come(simulator, link, "半退")
        first, second = await buy(simulator, whole), await buy(simulator, part)
        await shop.orders.refund(first, None, "不想学了")
        await shop.orders.refund(second, 4950, "退一半")
        await simulator.settle()
        await shop.jobs.run_due()
        clock.forward(days=8)
        await shop.jobs.run_due()
        await buy(simulator, whole, "EDU002")
        clock.forward(days=8)
        await shop.jobs.run_due()
        return await rewards(shop)

    assert sorted(invite(story, tmp_path)) == [("READY", 250), ("VOID", 0)]


def test_a_refund_after_the_window_lowers_what_was_not_taken(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        link = await link_of(anna)
        friends = [await come(simulator, link, name) for name in ("一", "二", "三")]
        orders = [await buy(simulator, friend) for friend in friends]
        clock.forward(days=8)
        await shop.jobs.run_due()
        await shop.orders.refund(orders[0], None, "晚了")
        await shop.orders.refund(orders[1], 4950, "晚了")
        simulator.faults.refund_status = "PROCESSING"
        await simulator.settle()
        await shop.jobs.run_due()
        await shop.orders.refund(orders[2], None, "还没到")
        taken = await press_take(simulator, anna)
        return taken["amount_fen"], await rewards(shop)

    assert invite(story, tmp_path) == (250, [("VOID", 500), ("TAKEN", 250), ("READY", 500)])


def test_a_percentage_is_of_what_was_paid_up_to_its_limit(tmp_path):
    async def story(shop, simulator, clock):
        await earn(shop, simulator, clock, simulator.phone("安娜"), "小本")
        return await rewards(shop)

    assert invite(story, tmp_path, reward_percent=10) == [("READY", 990)]


def test_who_bought_before_the_invitation_earns_nobody_anything(tmp_path):
    async def story(shop, simulator, clock):
        anna, ben = simulator.phone("安娜"), simulator.phone("小本")
        link = await link_of(anna)
        await buy(simulator, ben)
        clock.forward(days=1)
        await ben.open(link)
        await ben.follow(f"inv_{link.rsplit('/', 1)[1]}")
        await buy(simulator, ben, "EDU002")
        clock.forward(days=8)
        await shop.jobs.run_due()
        return await inviter_of(shop, ben) == anna.openid, await rewards(shop)

    assert invite(story, tmp_path) == (True, [("VOID", 0)])


def test_the_total_of_a_person_is_limited_and_much_at_once_is_reviewed(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        await earn(shop, simulator, clock, anna, "一", "二", "三", "四")
        return await rewards(shop), await press_take(simulator, anna)

    told, taken = invite(
        story, tmp_path, reward_max_fen=500, person_total_fen=1200, review_above_fen=600, person_day_fen=500
    )

    assert told == [("READY", 500), ("REVIEW", 500), ("REVIEW", 200), ("VOID", 0)]
    assert taken["amount_fen"] == 500


def test_off_pays_nothing_binds_nobody_and_says_so(tmp_path):
    async def story(shop, simulator, _clock):
        anna, ben = simulator.phone("安娜"), simulator.phone("小本")
        await anna.follow()
        told = (await anna.say("邀请好友")).text
        await ben.follow("inv_abcdefgh2345")
        report = await shop.store.read(lambda tx: tx.arrivals.of(ben.openid))
        return told, await inviter_of(shop, ben), report, await press_take(simulator, anna)

    told, brought, channel, taken = invite(story, tmp_path, enabled=False)

    assert "现在没有邀请奖励" in told
    assert brought == ""
    assert channel == "邀请好友"
    assert taken == {"state": "refused", "why": "off"}


def test_an_erased_friend_is_known_again_and_brings_nothing_twice(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        link = await link_of(anna)
        ben = await come(simulator, link, "小本")
        await buy(simulator, ben)
        clock.forward(days=8)
        await shop.jobs.run_due()
        await ben.say("删除我的数据")
        await ben.say("确认删除我的数据")
        kept = await shop.store.read(lambda tx: [each.friend for each in tx.rewards.all()])
        await ben.unfollow()
        carl = await link_of(simulator.phone("小卡"))
        await ben.open(carl)
        await ben.follow(f"inv_{carl.rsplit('/', 1)[1]}")
        await buy(simulator, ben)
        clock.forward(days=8)
        await shop.jobs.run_due()
        return kept, ben.openid, await rewards(shop), await inviter_of(shop, ben) == anna.openid

    kept, ben, told, still = invite(story, tmp_path)

    assert ben not in kept
    assert told == [("READY", 500)]
    assert still


def test_nobody_is_erased_while_money_is_on_its_way_and_rewards_left_behind_are_nobodys(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        await earn(shop, simulator, clock, anna, "小本")
        taken = await press_take(simulator, anna)
        refused = (await anna.say("删除我的数据")).text
        clock.forward(days=1, minutes=1)
        await state_of(simulator, anna, taken["bill"])
        warned = (await anna.say("删除我的数据")).text
        await anna.say("确认删除我的数据")
        return refused, warned, await rewards(shop), await shop.store.read(lambda tx: tx.transfers.of(anna.openid))

    refused, warned, told, transfers = invite(story, tmp_path)

    assert "正在发放" in refused
    assert "¥5 邀请奖励没领" in warned
    assert told == [("VOID", 500)]
    assert transfers == []


def test_the_page_is_for_wechat_and_for_its_owner_only(tmp_path):
    async def story(shop, simulator, clock):
        anna, eve = simulator.phone("安娜"), simulator.phone("伊娃")
        await earn(shop, simulator, clock, anna, "小本")
        taken = await press_take(simulator, anna)
        await eve.open(f"{simulator.webview_url}/rewards")
        foreign = (await eve.open(f"{simulator.webview_url}/rewards/{taken['bill']}/state")).status
        http = shop.config.server.public_url
        client = AsyncHTTPClient(force_instance=True)
        plain = (await client.fetch(f"{http}/rewards")).body.decode()
        invited = (await client.fetch(await link_of(anna))).body.decode()
        code = await client.fetch(f"{await link_of(anna)}/code.png")
        forged = await client.fetch(f"{http}/rewards/take", method="POST", body="", raise_error=False)
        client.close()
        return foreign, plain, invited, code.headers["Content-Type"], code.body[:4], forged.code, taken

    foreign, plain, invited, kind, png, forged, taken = invite(story, tmp_path)

    assert foreign == 404
    assert "请在微信里打开" in plain
    assert "微信扫一扫" in invited
    assert (kind, png) == ("image/png", b"\x89PNG")
    assert forged == 403
    assert set(taken["verify"]) == {"appId", "timestamp", "nonceStr", "signature"}


def test_the_code_is_made_once_and_renewed_before_its_end(tmp_path):
    async def story(_shop, simulator, clock):
        anna = simulator.phone("安娜")
        await anna.follow()

        async def made():
            await anna.open(f"{simulator.webview_url}/rewards")
            return sum(call.path == "/cgi-bin/qrcode/create" for call in simulator.calls)

        first = [await made(), await made()]
        clock.forward(days=24)
        return [*first, await made(), await made()], json.loads(
            next(call.body for call in simulator.calls if call.path == "/cgi-bin/qrcode/create")
        )

    counts, asked = invite(story, tmp_path)

    assert counts == [1, 1, 2, 2]
    assert asked["action_name"] == "QR_STR_SCENE"
    assert asked["action_info"]["scene"]["scene_str"].startswith("inv_")


async def reviewed(shop, simulator, clock, folder):
    """Let two rewards of Anna's wait for review; returns phone, commands and the listing."""
    anna = simulator.phone("安娜")
    await earn(shop, simulator, clock, anna, "一", "二")
    desk = Desk(shop, folder)
    return anna, desk, json.loads((await desk.run("rewards", "list", "--json")).output)


def test_admins_list_approve_and_reject_by_command(tmp_path):
    async def story(shop, simulator, clock):
        _anna, desk, listed = await reviewed(shop, simulator, clock, tmp_path)
        second, first = (str(each["reward_id"]) for each in listed)
        wrong = await desk.run("rewards", "approve", first, "999")
        still = await rewards(shop)
        approved = await desk.run("rewards", "approve", first)
        rejected = await desk.run("rewards", "reject", second, "--reason", "刷单")
        again = await desk.run("rewards", "reject", second, "--reason", "刷单")
        return listed, wrong, still, approved, rejected, again, await rewards(shop)

    listed, wrong, still, approved, rejected, again, end = invite(story, tmp_path, review_above_fen=0)

    assert {each["state"] for each in listed} == {"REVIEW"}
    assert listed[0]["created_at"].endswith("Z")
    assert (wrong.exit_code, still) == (1, [("REVIEW", 500), ("REVIEW", 500)])
    assert "已通过 1 笔，共 5.00 元" in approved.output
    assert (rejected.exit_code, again.exit_code) == (0, 1)
    assert end == [("READY", 500), ("REJECTED", 500)]


def test_admins_pay_by_command_once_and_can_take_it_back(tmp_path):
    async def story(shop, simulator, clock):
        anna, desk, listed = await reviewed(shop, simulator, clock, tmp_path)
        number = str(listed[1]["reward_id"])
        stranger = await desk.run("rewards", "pay", "oNobody", typed="y\n")
        early = await desk.run("rewards", "pay", anna.openid, "--yes")
        await desk.run("rewards", "approve", number)
        unsure = await desk.run("rewards", "pay", anna.openid, typed="n\n")
        paid = await desk.run("rewards", "pay", anna.openid, "--yes")
        twice = await desk.run("rewards", "pay", anna.openid, "--yes")
        shown = json.loads((await desk.run("rewards", "show", number, "--json")).output)[0]
        people = (await desk.run("rewards", "list")).output
        kept = await desk.run("rewards", "reject", number, "--reason", "查实刷单")
        back = await desk.run("rewards", "reject", number, "--reason", "查实刷单", "--cancel")
        states = [bill.state for bill in simulator.transfers.bills]
        return stranger, early, unsure, paid, twice, shown, people, kept, back, states, await rewards(shop)

    start = SystemClock().now() - timedelta(days=8)  # commands live by the machine's own clock
    stranger, early, unsure, paid, twice, shown, people, kept, back, states, end = invite(
        story, tmp_path, start=start, review_above_fen=0
    )

    assert (stranger.exit_code, "没有关注者" in stranger.output, "确定吗" in stranger.output) == (1, True, False)
    assert (early.exit_code, "等待审核" in early.output) == (1, True)
    assert unsure.exit_code == 1
    assert "等收款人确认" in paid.output, paid.output
    assert paid.output == twice.output
    assert shown["transfer_state"] == "WAIT_USER_CONFIRM"
    assert "发放中" in people
    assert (kept.exit_code, "--cancel" in kept.output) == (1, True)
    assert (back.exit_code, states) == (0, ["CANCELLED"])
    assert end == [("REJECTED", 500), ("REVIEW", 500)]


def test_nothing_is_told_twice_and_no_anomaly_is_left_by_a_good_day(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        await earn(shop, simulator, clock, anna, "小本")
        await anna.say("你好")
        taken = await press_take(simulator, anna)
        await simulator.transfers.confirm(taken["bill"], anna.openid)
        headers, body = simulator.transfers.notice(taken["bill"])
        codes = await asyncio.gather(
            *(simulator._notices.post(f"{simulator.webview_url}/pay/notify", headers, body) for _ in range(10))
        )
        for _ in range(3):
            await shop.jobs.run_due()
        told = [shown.text for shown in anna.screen if "已到账" in shown.text]
        return set(codes), len(told), await anomalies(shop), received(simulator) == {anna.openid: REWARD}

    assert invite(story, tmp_path) == ({204}, 1, [], True)


def test_no_reward_is_ready_within_the_refund_window_of_the_order_however_few_days_are_set(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        await buy(simulator, await come(simulator, await link_of(anna), "小本"))
        terms = (await anna.say("邀请好友")).text
        seen = []
        for days in (8, 21, 2):  # the window that the order promises is 30 days
            clock.forward(days=days)
            await shop.jobs.run_due()
            seen.append(await rewards(shop))
        return terms, seen

    terms, seen = invite(story, tmp_path, refund_days=30)

    assert "付款 30 天后没有退款" in terms
    assert seen == [[], [], [("READY", REWARD)]]


def test_with_no_days_of_waiting_a_reward_is_ready_at_once(tmp_path):
    async def story(shop, simulator, clock):
        anna = simulator.phone("安娜")
        await buy(simulator, await come(simulator, await link_of(anna), "小本"))
        clock.forward(hours=1)
        await shop.jobs.run_due()
        return await rewards(shop)

    assert invite(story, tmp_path, refund_days=30, after_days=0) == [("READY", REWARD)]
