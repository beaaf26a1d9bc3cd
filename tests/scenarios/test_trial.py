"""What a first-time user stumbled over in the conversation, told again by the front door."""

import re
from dataclasses import replace

import pytest

from bot import catalog
from bot.errors import PayUnknown
from bot.models import AttemptState, Entitlement, OrderState, TradeType

ANNA = "oAnna0000000000000000000000a"
COURSE = "EDU001"
FEN = 9900
LINK = re.compile(r'<a href="([^"]+)">([^<]+)</a>')


def titles(reply):
    return [label.split(". ", 1)[1] for href, label in LINK.findall(reply) if "s%3A" in href and ". " in label]


async def change(world, course_id=COURSE, **changes):
    """Change a course as an administrator does, and let the running server notice."""

    def work(tx):
        course = replace(tx.courses.get(course_id), **changes)
        catalog.store_courses(tx, [course], world.clock.now())
        return course

    course = await world.shop.store.write(work)
    await world.shop.jobs.run_due()
    return course


async def an_attempt(world, course_id=COURSE):
    """Press the button of the course page, so that the cashier opens."""
    placed = await world.shop.orders.place(ANNA, course_id)
    return await world.shop.orders.checkout(placed.order.order_no, TradeType.JSAPI, ANNA)


async def orders(world):
    return await world.shop.store.read(lambda tx: tx.orders.of(ANNA))


async def interests(world):
    text = await world.shop.store.read(lambda tx: tx.interests.get(ANNA))
    return world.shop.suggestions.profile(text).weights(world.clock.now().timestamp())


# Money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fen", "shown"), [(990, "¥9.90"), (50000, "¥500")])
def test_paying_on_names_the_price_that_will_be_charged(live, fen, shown):
    async def story(world):
        await an_attempt(world)
        await change(world, price_fen=fen)
        told = await world.say(ANNA, "继续支付")
        return told, (await an_attempt(world)).total_fen

    told, charged = live(story)

    assert charged == fen
    assert "价格有变动：下单时 ¥99，" in told
    assert f"》{shown} 还没付款" in told


def test_an_order_at_the_former_price_is_queried_closed_and_cancelled(live):
    async def story(world):
        former = await an_attempt(world)
        world.clock.forward(minutes=1)
        await change(world, price_fen=990)
        await an_attempt(world)
        await world.shop.jobs.run_due()
        shown = await world.say(ANNA, "我的订单")
        attempt = await world.shop.store.read(lambda tx: tx.attempts.get(former.out_trade_no))
        return [each.state for each in await orders(world)], attempt.state, world.cashier.closed, former, shown

    states, attempt, closed, former, shown = live(story)

    assert states == [OrderState.PENDING, OrderState.CANCELLED]
    assert attempt is AttemptState.CLOSED
    assert closed == [former.out_trade_no]
    assert shown.count("待付款｜") == 1


def test_a_former_order_that_was_paid_meanwhile_is_granted_not_closed(live):
    async def story(world):
        former = await an_attempt(world)
        world.cashier.paid(former.out_trade_no, FEN, ANNA)
        await change(world, price_fen=990)
        await world.shop.orders.place(ANNA, COURSE)
        await world.shop.jobs.run_due()
        owned = await world.shop.store.read(lambda tx: tx.entitlements.owned(ANNA))
        return owned, world.cashier.closed, await world.say(ANNA, "继续支付"), await world.say(ANNA, "我的订单")

    owned, closed, told, shown = live(story)

    assert (owned, closed) == ([COURSE], [])
    assert "没有待付款的订单" in told
    assert "待付款" not in shown


def test_a_former_order_whose_state_is_unclear_stays_payable_in_the_books(live):
    async def story(world):
        former = await an_attempt(world)
        await change(world, price_fen=990)
        await world.shop.orders.place(ANNA, COURSE)
        world.cashier.fail_next = [PayUnknown("timeout")]
        await world.shop.jobs.run_due()
        unclear = [each.state for each in await orders(world)]
        await world.shop.orders.book_paid(world.cashier.paid(former.out_trade_no, FEN, ANNA), "notice")
        return unclear, await world.shop.store.read(lambda tx: tx.entitlements.owned(ANNA))

    unclear, owned = live(story)

    assert unclear == [OrderState.PENDING, OrderState.PENDING]
    assert owned == [COURSE]


def test_a_course_that_is_theirs_off_sale_or_free_is_not_offered_for_payment(live):
    async def story(world):
        await an_attempt(world)
        gift = Entitlement(ANNA, COURSE, "gift", "", world.clock.now())
        await world.shop.store.write(lambda tx: tx.entitlements.grant(gift))
        theirs = await world.say(ANNA, "继续支付")
        await world.shop.orders.place(ANNA, "EDU002")
        await change(world, "EDU002", price_fen=0)
        return theirs, await world.say(ANNA, "继续支付"), await world.say(ANNA, "领取")

    theirs, free, claimed = live(story)

    assert "没有待付款的订单" in theirs
    assert "现在免费了" in free
    assert "已经是你的了" in claimed


@pytest.mark.parametrize("tried", [True, False])
def test_an_unpaid_order_is_cancelled_on_demand(live, tried):
    async def story(world):
        await (an_attempt(world) if tried else world.shop.orders.place(ANNA, COURSE))
        world.clock.forward(minutes=1)
        told = await world.say(ANNA, "取消订单")
        return (
            told,
            [each.state for each in await orders(world)],
            world.cashier.closed,
            await world.say(ANNA, "取消订单"),
        )

    told, states, closed, again = live(story)

    assert "已取消" in told
    assert states == [OrderState.CANCELLED]
    assert len(closed) == int(tried)
    assert "不用取消" in again


def test_an_order_that_was_paid_or_is_unclear_is_not_called_cancelled(live):
    async def story(world):
        attempt = await an_attempt(world)
        world.cashier.fail_next = [PayUnknown("timeout")]
        unclear = await world.say(ANNA, "取消订单")
        listed = await world.say(ANNA, "我的订单")
        world.cashier.paid(attempt.out_trade_no, FEN, ANNA)
        await world.shop.orders.sync_order(attempt.order_no)
        second = await an_attempt(world, "EDU002")
        world.cashier.paid(second.out_trade_no, second.total_fen, ANNA)
        return unclear, listed, await world.say(ANNA, "取消订单吧")

    unclear, listed, paid = live(story)

    assert "正在取消" in unclear
    assert "正在取消" in listed
    assert "已经付款了，取消不了" in paid


# Numbers and commands --------------------------------------------------------------------------------------------

NUMBERS = [
    "2.",
    "②",
    "2。",
    "2！",
    "2~",
    "第二个",
    "选2",
    "2号",
    "二",
    "2️⃣",
    "(2)",
    "第2门课",
    "2吧",
    "看第二个",
    "第二个多少钱",
]


def test_a_number_is_understood_however_it_is_said(live):
    async def story(world):
        listed = await world.say(ANNA, "Excel")
        return listed, [await world.say(ANNA, number) for number in NUMBERS]

    listed, opened = live(story)

    wanted = f"《{titles(listed)[1]}》"
    assert [number for number, card in zip(NUMBERS, opened, strict=True) if not card.startswith(wanted)] == []


@pytest.mark.parametrize("said", ["不感兴趣二", "不感兴趣第二个", "不感兴趣②", "对第2个不感兴趣", "第二个没兴趣"])
def test_what_is_disliked_may_be_numbered_in_words(live, said):
    async def story(world):
        return await world.say(ANNA, "Excel"), await world.say(ANNA, said), await world.say(ANNA, said)

    listed, told, again = live(story)

    assert f"不再推荐《{titles(listed)[1]}》" in told
    assert "之前已经不推荐了" in again


def test_a_dislike_without_a_number_means_the_card_just_opened_or_asks(live):
    async def story(world):
        await world.say(ANNA, "Excel")
        await world.say(ANNA, "1")
        await world.say(ANNA, "Excel")
        asked = [await world.say(ANNA, said) for said in ("不感兴趣", "不感兴趣 1 2", "都不感兴趣")]
        listed = await world.say(ANNA, "Excel")
        await world.say(ANNA, "3")
        return asked, listed, await world.say(ANNA, "不感兴趣")

    asked, listed, told = live(story)

    assert all("是哪一门呢" in reply for reply in asked)
    assert f"不再推荐《{titles(listed)[2]}》" in told


@pytest.mark.parametrize("said", ["-1", "0", "1.5", "100", "99"])
def test_a_number_that_no_list_has_is_said_to_be_none(live, said):
    async def story(world):
        await world.say(ANNA, "Excel")
        return await world.say(ANNA, said)

    assert "编号不在最近的列表里" in live(story)


def test_the_numbers_of_my_courses_open_my_courses(live):
    async def story(world):
        for course_id in ("EDU001", "EDU002", "EDU003"):
            world.clock.forward(seconds=1)
            gift = Entitlement(ANNA, course_id, "gift", "", world.clock.now())
            await world.shop.store.write(lambda tx, gift=gift: tx.entitlements.grant(gift))
        await change(world, "EDU001", status=catalog.CourseStatus.RETIRED)
        await world.say(ANNA, "Excel")
        mine = await world.say(ANNA, "我的课程")
        return (
            mine,
            await world.say(ANNA, "3"),
            await world.say(ANNA, "不感兴趣 3"),
            await world.say(ANNA, "便宜点"),
        )

    mine, third, disliked, cheaper = live(story)

    assert LINK.findall(mine)[2][0].endswith("/learn/EDU001")
    assert "/learn/EDU001" in third
    assert "不再推荐" not in disliked
    assert "¥9.90" in cheaper  # the cheapest of the Excel list, not of the courses they have


def test_the_starters_of_a_greeting_are_what_numbers_mean_after_following_again(live):
    async def story(world):
        old = await world.say(ANNA, "Excel")
        await world.event(ANNA, "unsubscribe")
        world.clock.forward(seconds=5)
        await world.event(ANNA, "subscribe")
        free = await world.say(ANNA, "2")
        world.clock.forward(seconds=5)
        await world.event(ANNA, "subscribe")
        tapped = await world.say(ANNA, "2", bizmsgmenuid="s:1:2")
        world.clock.forward(minutes=45)
        return old, free, tapped, await world.say(ANNA, "3")

    old, free, tapped, late = live(story)

    assert "¥" not in free
    assert len(titles(free)) == 5
    assert tapped.startswith(f"《{titles(old)[1]}》")
    assert "数据分析" in late


POLITE = {
    "继续支付吧": "没有待付款的订单",
    "我的订单呢": "你还没有订单",
    "请给我人工客服，谢谢": "<transfer>",
    "那换一批吧": "HINT",
    "換一批": "HINT",
    "我的课程。": "你还没有课程",
    "麻烦帮我看一下我的订单": "你还没有订单",
    "有没有免费的课程呢": "HINT",
    "我 的 订 单": "你还没有订单",
    "兑换 abc": "这个码好像少抄或抄错了字符",
}


@pytest.mark.parametrize("said", POLITE)
def test_politeness_around_a_command_is_tolerated(live, said):
    async def story(world):
        await world.say(ANNA, "热门")
        return await world.say(ANNA, said)

    wanted = POLITE[said]
    assert ("回复数字看详情" if wanted == "HINT" else wanted) in live(story)


def test_what_is_said_by_voice_goes_the_way_of_what_is_typed(live):
    async def story(world):
        async def speak(words):
            return await world.deliver(world.message(ANNA, "voice", MediaId="m", Recognition=words))

        spoken = ["热门课程。", "换一批。", "第一个。", "帮助。", "我的课程。", "我想学瑜伽。", "人工。"]
        return [await speak(words) for words in spoken]

    popular, more, opened, help_text, mine, search, human = live(story)

    assert titles(popular) != titles(more)
    assert opened.startswith(f"《{titles(more)[0]}》")
    assert "可以这样用我" in help_text
    assert "你还没有课程" in mine
    assert human == "<transfer>"
    assert "我听到" not in popular + more + opened + help_text + mine
    assert search.startswith("我听到：我想学瑜伽。\n")


# Lists -----------------------------------------------------------------------------------------------------------


def test_nothing_cheaper_is_said_without_doubting_the_subject(live):
    async def story(world):
        await world.say(ANNA, "Excel")
        cheaper = await world.say(ANNA, "便宜点")
        pages = [await world.say(ANNA, "换一批") for _ in range(4)]
        await world.say(ANNA, "免费课程")
        return cheaper, pages, await world.say(ANNA, "便宜点")

    cheaper, pages, free = live(story)

    assert "没有比 ¥9.90 更便宜的同类课" in cheaper
    assert titles(cheaper) == []
    assert "都看过啦" in pages[-1]
    assert "暂时没有" not in "".join(pages)
    assert "都是免费的" in free
    assert "更便宜" not in free


def test_the_head_of_the_nearest_courses_says_what_follows(live):
    async def story(world):
        stranger = await world.say(ANNA, "量子纠缠")
        more = await world.say(ANNA, "换一批")
        await world.say(ANNA, "Excel")
        return stranger, more, await world.say(ANNA, "量子纠缠")

    stranger, more, known = live(story)

    assert "先看看这几门" in stranger
    assert "大家在学" not in stranger
    assert len(titles(more)) == 5
    assert not set(titles(more)) & set(titles(stranger))
    assert "先看看你可能感兴趣的" in known
    assert "因为你关注「Excel」" in known


def test_a_new_shop_does_not_call_its_courses_popular(live):
    async def story(world):
        await world.say(ANNA, "Python零基础入门课")
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        new = await world.say(ANNA, "热门")
        for at in range(3):
            learner = Entitlement(f"oLearner{at}", COURSE, "gift", "", world.clock.now())
            await world.shop.store.write(lambda tx, learner=learner: tx.entitlements.grant(learner))
        world.clock.forward(minutes=2)
        await world.shop.jobs.run_due()
        return new, await world.say(ANNA, "热门")

    new, later = live(story)

    assert new.startswith("刚开张")
    assert "学的人多" not in new
    assert "人在学" not in new
    assert later.startswith("热门课程：")
    assert "已有 3 人在学" in later


def test_undoing_a_dislike_restores_the_interest_and_the_list(live):
    async def story(world):
        before = titles(await world.say(ANNA, "Excel"))
        liked = await interests(world)
        await world.say(ANNA, "不感兴趣 1")
        disliked = await interests(world)
        await world.say(ANNA, "撤销")
        return before, liked, disliked, await interests(world), titles(await world.say(ANNA, "Excel"))

    before, liked, disliked, restored, after = live(story)

    assert disliked["excel"] < liked["excel"]
    assert {term: round(weight, 3) for term, weight in restored.items() if abs(weight) > 0.01} == {
        term: round(weight, 3) for term, weight in liked.items()
    }
    assert after == before


def test_with_personalisation_off_a_dislike_hides_and_teaches_nothing(live):
    async def story(world):
        await world.say(ANNA, "关闭个性化")
        before = titles(await world.say(ANNA, "Excel"))
        await world.say(ANNA, "不感兴趣 1")
        hidden = titles(await world.say(ANNA, "Excel"))
        learnt = await interests(world)
        await world.say(ANNA, "撤销")
        return before, hidden, learnt, await interests(world)

    before, hidden, learnt, undone = live(story)

    assert before[0] not in hidden
    assert (learnt, undone) == ({}, {})


# Small talk and plain questions ----------------------------------------------------------------------------------

ANSWERS = {
    "我不想学英语": "好，不看「英语」",
    "对英语不感兴趣": "好，不看「英语」",
    "退款": "购买后 7 天内、学习未过半全额退，30 天内按没学的课时退",
    "我要退款！": "人工",
    "退款怎么办": "人工",
    "请问怎么退款？": "人工",
    "发票": "你还没有这样的订单",
    "优惠券": "没有优惠券",
    "取消订单": "没有待付款的订单",
    "谢谢": "不客气",
    "你是谁": "机器人",
    "多少钱": "告诉我想学什么",
    "好的": "直接告诉我",
    "😀": "一句话",
    "[微笑][微笑]": "一句话",
    "……": "一句话",
}


@pytest.mark.parametrize("said", ANSWERS)
def test_what_is_no_search_is_answered_plainly(live, said):
    async def story(world):
        return await world.say(ANNA, said), await interests(world)

    reply, learnt = live(story)

    assert ANSWERS[said] in reply
    assert bool(titles(reply)) == ("不看" in reply)
    assert all(weight < 0 for weight in learnt.values())


def test_what_somebody_wants_nothing_of_is_no_longer_an_interest(live):
    async def story(world):
        await world.say(ANNA, "英语")
        await world.say(ANNA, "我不想学英语")
        return await world.say(ANNA, "推荐"), await world.say(ANNA, "我的兴趣")

    listed, shown = live(story)

    assert "因为你关注「英语」" not in listed
    assert "英语" not in shown


def test_the_price_of_the_course_at_hand_is_told(live):
    async def story(world):
        await world.say(ANNA, "Python零基础入门课")
        return await world.say(ANNA, "多少钱"), await world.say(ANNA, "怎么买")

    for reply in live(story):
        assert "¥99" in reply
        assert f"/c/{COURSE}?from=" in reply


def test_whoever_asks_for_a_person_is_told_that_one_will_answer(live):
    async def story(world):
        handed = await world.say(ANNA, "人工")
        await world.shop.jobs.run_due()
        received = list(world.phone.received)
        world.phone.refuse_with = 48001
        await world.say(ANNA, "人工")
        await world.shop.jobs.run_due()
        return handed, received, await world.say(ANNA, "人工")

    handed, received, refused = live(story)

    assert handed == "<transfer>"
    assert [openid for openid, _ in received] == [ANNA]
    assert "已帮你转给人工客服" in received[0][1]
    assert "工作人员看到后会联系你" in refused


@pytest.mark.parametrize(
    ("chat", "wanted"),
    [({"human_contact": "kf@example.cn"}, "人工客服：kf@example.cn"), ({"message_quota": 0}, "请直接在这里留言")],
)
def test_without_a_hand_over_words_answer(live, chat, wanted):
    async def story(world):
        return await world.say(ANNA, "人工"), await world.say(ANNA, "退款")

    human, refund = live(story, **chat)

    assert wanted in human
    assert "已帮你转给" not in human
    assert chat.get("human_contact", "人工") in refund


def test_the_way_to_buy_stands_above_a_description_however_long(live):
    async def story(world):
        await change(world, description="很长的说明。" * 400)
        paid = await world.say(ANNA, "Python零基础入门课")
        await change(world, price_fen=0)
        return paid, await world.say(ANNA, "Python零基础入门课")

    paid, free = live(story)

    assert paid.index("点这里购买") < paid.index("很长的说明")
    assert free.index("领取") < free.index("很长的说明")
    assert "更多" not in paid + free


SECRETS = ["我叫张伟，身份证号110101199003074517", "我得了抑郁症", "我的微信号是zhangwei1988"]


@pytest.mark.parametrize("said", SECRETS)
def test_what_no_course_is_about_is_never_remembered(live, said):
    async def story(world):
        await world.say(ANNA, "Excel")
        await world.say(ANNA, said)
        events = await world.shop.store.read(lambda tx: tx.events.of(ANNA))
        kept = await world.shop.store.read(lambda tx: tx.followers.known(ANNA).context)
        return await world.say(ANNA, "我的兴趣"), [each.detail for each in events if each.kind == "mention"], kept

    shown, mentioned, kept = live(story)

    assert "感兴趣：Excel。" in shown
    assert mentioned == ["excel"]
    assert said not in kept


@pytest.mark.parametrize("said", ["预算不多想学点英语", "我想继续学英语不想太贵", "一百以内的英语", "英语完全不会"])
def test_filler_is_no_reason(live, said):
    async def story(world):
        return await world.say(ANNA, said), await world.say(ANNA, "我的兴趣")

    listed, shown = live(story)

    assert set(re.findall("因为你提到(.*)", listed)) == {"「英语」"}
    assert "感兴趣：英语。" in shown
