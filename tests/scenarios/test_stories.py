"""Three followers from hello to goodbye: a stranger, a learner of three courses, one who says what they dislike."""

import asyncio
import json
import random
import re
from datetime import timedelta
from urllib.parse import urlsplit

from bot import training
from recsys.sources import words
from tests.scenarios.world import play, tokenizer

ANNA = "oAnna0000000000000000000000a"
TITLE = re.compile(r"\d\. ([^<]+)</a>")
EXCEL = ("JOB001", "JOB002", "JOB003")
PHOTOGRAPHY = ("EDU026", "LIFE018")


def titles(answer):
    return TITLE.findall(answer)


async def talk(world, *lines):
    """Say one line after the other; returns the answers by what was said."""
    return {line: await world.say(ANNA, line) for line in lines}


def test_a_stranger_is_understood_in_their_own_words(live):
    async def story(world):
        await world.event(ANNA, "subscribe")
        return await talk(
            world,
            "我最近老是睡不好，早上起来脖子也疼",
            "为什么",
            "pyhton 零基础",
            "shuju fenxi",
            "想學攝影，預算一百",
            "有没有教做咖啡的",
            "便宜点",
            "对理财没什么兴趣，想学做饭",
            "弹琴",
            "不敢在人前说话",
            "学滑雪",
            "我的兴趣",
            "谢谢",
        )

    said = live(story)

    assert set(titles(said["我最近老是睡不好，早上起来脖子也疼"])) == {
        "久坐族颈椎自救课",
        "睡个整觉：作息重建课",
        "办公室肩颈舒缓瑜伽",
    }
    assert "你提到「脖子」" in said["为什么"]
    assert titles(said["pyhton 零基础"])[0] == "Python零基础入门课"
    assert titles(said["shuju fenxi"])[0] == "Python数据分析实战课"
    assert titles(said["想學攝影，預算一百"]) == ["手机摄影构图练习课", "把日子拍好看：生活摄影"]
    assert said["有没有教做咖啡的"].startswith("关于「咖啡」")
    assert "没有比 ¥88 更便宜" in said["便宜点"]
    assert titles(said["对理财没什么兴趣，想学做饭"]) == ["家常菜二十道：下饭不重样"]
    assert titles(said["弹琴"])[0] == "成人钢琴从识谱到双手"
    assert titles(said["不敢在人前说话"])[0] == "克服紧张的公众演讲"
    assert "没有正好讲「滑雪」" in said["学滑雪"]
    assert "咖啡" in said["我的兴趣"]
    assert "理财" not in said["我的兴趣"]
    assert "不客气" in said["谢谢"]


def remember(tx, now):
    """Write down what 120 people bought: whoever learns Excel goes on to photography, others to something else."""
    rng = random.Random(3)
    groups = ((EXCEL, PHOTOGRAPHY), (("HEALTH006", "HEALTH007", "HEALTH026"), ("EDU008", "EDU017")))
    for person in range(120):
        first, then = groups[person % 2]
        for nth, course_id in enumerate([*rng.sample(first, 2), *then]):
            at = now - timedelta(minutes=10 * (120 - person) - nth)
            tx.events.add(f"oOther{person:04}", "buy", at, course_id=course_id)


async def buy(shop, simulator, phone, title):
    """Open a course by its title, pay for it at the cashier, and wait until it is told; returns what was told."""
    card = await phone.say(title)
    link = next(href for _label, href in card.links if "/c/" in href)
    assert (await phone.open(link)).status == 200
    course_id = urlsplit(link).path.rsplit("/", 1)[1]
    order = f"{simulator.webview_url}/c/{course_id}/order"
    placed = await phone.open(order, method="POST", body="", headers={"X-Zhike": "1"})
    prepay_id = json.loads(placed.text)["bridge"]["package"].removeprefix("prepay_id=")
    await simulator.pay.confirm(prepay_id, phone.openid)
    async with asyncio.timeout(10):
        while course_id not in await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid)):  # noqa: ASYNC110
            await asyncio.sleep(0)
    await shop.jobs.run_due()
    return phone.screen[-1].text


def test_a_learner_of_three_courses_is_told_what_they_lead_on_to(tmp_path, monkeypatch):
    ours = tokenizer()
    monkeypatch.setattr(training.doors, "tokenizer", lambda _config: ours)
    monkeypatch.setattr(words, "_MOST_TERMS", 200)

    async def story(shop, simulator):
        await shop.store.write(lambda tx: remember(tx, shop.clock.now()))
        training.learn(shop.config, shop.store, shop.clock, lambda _done, _of: None)
        await shop.suggestions.refresh(shop.store, shop.clock.now())
        phone = simulator.phone("小林")
        await phone.follow()
        bought = [shop.suggestions.shelf.courses[course_id].title for course_id in EXCEL]
        told = [await buy(shop, simulator, phone, title) for title in bought]
        lines = ("我的课程", "推荐", "为什么", "换一批", "我想学弹琴", "又想学做面包了", "excel", "我的兴趣")
        said = {line: (await phone.say(line)).text for line in lines}
        return bought, told, said, [shop.suggestions.shelf.courses[each].title for each in PHOTOGRAPHY]

    bought, told, said, photography = play(story, tmp_path)

    assert all("付款成功" in text and title in text for title, text in zip(bought, told, strict=True))
    assert all(title in said["我的课程"] for title in bought)
    assert set(titles(said["推荐"])) & set(photography)
    assert re.search(rf"学过《(?:{'|'.join(bought)})》的人也学这门", said["推荐"])
    assert "你学过《" in said["为什么"]
    assert not set(titles(said["推荐"])) & set(titles(said["换一批"]))
    assert titles(said["我想学弹琴"])[0] == "成人钢琴从识谱到双手"
    assert any("欧包" in title for title in titles(said["又想学做面包了"]))
    assert titles(said["excel"])
    for line in ("推荐", "换一批", "我想学弹琴", "又想学做面包了", "excel"):
        assert not set(titles(said[line])) & set(bought), line
    assert "Excel" in said["我的兴趣"]


def test_what_was_disliked_stays_away_until_the_follower_wants_it_again(live):
    hidden = "减脂饮食：三餐这样配"

    async def story(world):
        await world.event(ANNA, "subscribe")
        first = await world.say(ANNA, "想减肥")
        place = titles(first).index(hidden) + 1
        disliked = await world.say(ANNA, f"不感兴趣 {place}")
        lists = await talk(world, "减肥", "不喜欢瑜伽", "推荐", "换一批", "理财没兴趣", "健身", "减脂")
        interests = await world.say(ANNA, "我的兴趣")
        changed = await talk(world, "撤销", "我想学瑜伽", "为什么", "推荐", "想减肥")
        return disliked, lists, interests, changed

    disliked, lists, interests, changed = live(story)

    assert f"不再推荐《{hidden}》" in disliked
    assert all(hidden not in titles(answer) for answer in lists.values())
    assert titles(lists["减肥"])
    for line in ("不喜欢瑜伽", "推荐", "换一批"):
        assert not any("瑜伽" in title for title in titles(lists[line])), line
    assert lists["理财没兴趣"].startswith("好，不看「理财」")
    assert not any("理财" in title for title in titles(lists["理财没兴趣"]))
    assert "瑜伽" not in interests
    assert f"已恢复《{hidden}》" in changed["撤销"]
    assert all("瑜伽" in title for title in titles(changed["我想学瑜伽"])[:2])
    assert "你提到「瑜伽」" in changed["为什么"]
    assert any("瑜伽" in title for title in titles(changed["推荐"]))
    assert hidden in titles(changed["想减肥"])


# What each of them would not believe -----------------------------------------------------------------------------


def test_what_was_refused_stays_away_until_it_is_asked_for_again(live):
    async def story(world):
        before = await talk(world, "我想学Python", "不想要编程的")
        later = await world.say(ANNA, "推荐")
        again = await talk(world, "编程", "推荐")
        return before["我想学Python"], later, again["编程"]

    wanted, later, again = live(story)

    assert "Python零基础入门课" in titles(wanted)
    assert "Python零基础入门课" not in titles(later)
    assert "Python零基础入门课" in titles(again)


def test_the_words_that_were_understood_are_named_not_the_slips(live):
    async def story(world):
        return await world.say(ANNA, "我想学python数剧分析")

    answer = live(story)

    assert answer.startswith("你是想找「Python 数据分析」吧？")
    assert "数剧" not in answer


def test_nothing_is_quoted_that_a_course_does_not_say(live):
    async def story(world):
        answer = await world.say(ANNA, "英语启蒙")
        quoted = re.findall(r">\d\. ([^<]+)</a>[^\n]*\n\s*因为你提到「([^」]+)」", answer)
        return quoted, [world.shop.suggestions.titled(title) for title, _ in quoted]

    quoted, courses = live(story)

    assert quoted
    for (_, word), course in zip(quoted, courses, strict=True):
        said = " ".join((course.title, *course.tags, course.category, course.subtitle, course.description))
        assert word.lower() in said.lower()


def test_to_a_stranger_the_house_shows_several_fields_and_does_not_claim_to_know_them(live):
    async def story(world):
        answer = await world.say(ANNA, "推荐")
        return answer, [world.shop.suggestions.titled(title).category for title in titles(answer)]

    answer, fields = live(story)

    assert answer.startswith("还不太了解你")
    assert len(fields) == 5
    assert len(set(fields)) >= 4


def test_whom_a_course_is_for_is_no_interest_and_their_boredom_no_refusal(live):
    async def story(world):
        bored = await world.say(ANNA, "孩子对英语没兴趣")
        text = await world.shop.store.read(lambda tx: tx.interests.get(ANNA))
        return bored, world.shop.suggestions.profile(text).weights(world.clock.now().timestamp())

    bored, learnt = live(story)

    assert "不看" not in bored
    assert titles(bored)
    assert "孩子" not in learnt
    assert all(weight > 0 for weight in learnt.values())


def test_asking_what_to_learn_next_is_asking_for_a_recommendation(live):
    asked = ("接下来学什么", "我学完了，接下来学什么")

    async def story(world):
        await world.say(ANNA, "我想学瑜伽")
        return [await world.say(ANNA, line) for line in asked]

    for answer in live(story):
        assert answer.startswith("给你挑了这几门")
        assert "瑜伽" in titles(answer)[0]


def test_no_page_and_no_popular_list_brings_back_what_was_refused(live):
    async def story(world):
        await talk(world, "我想学Python", "不想要编程的")
        pages = [await world.say(ANNA, line) for line in ("推荐", *["换一批"] * 30, "热门课程", *["换一批"] * 30)]
        wanted = await talk(world, "我的兴趣", "编程")
        return {title for page in pages for title in titles(page)}, wanted

    shown, wanted = live(story)

    assert len(shown) > 100
    assert not {"Python零基础入门课", "C++信息学竞赛基础课"} & shown
    assert "编程" not in wanted["我的兴趣"]
    assert "Python零基础入门课" in titles(wanted["编程"])


def test_what_was_just_shown_after_a_refusal_is_not_shown_again(live):
    """Nor is anything twice in one list, though what was asked for last has a place of its own."""

    async def story(world):
        return await talk(world, "健康", "不喜欢瑜伽", "推荐", "换一批")

    said = live(story)
    lists = [titles(said[line]) for line in ("不喜欢瑜伽", "推荐", "换一批")]

    assert all(len(each) == 5 for each in lists)
    assert len({title for each in lists for title in each}) == 15


def test_a_word_of_their_own_is_quoted_where_a_longer_one_means_the_same(live):
    async def story(world):
        return await world.say(ANNA, "健康")

    answer = live(story)

    assert "因为你提到「健康」" in answer
    assert "这门讲「健康」" not in answer


def test_what_was_asked_for_last_has_a_place_beside_what_was_bought(tmp_path):
    bought = ("Excel零基础快速上手", "Python数据分析实战课", "短视频账号定位与运营")

    async def story(shop, simulator):
        phone = simulator.phone("小林")
        await phone.follow()
        for title in bought:
            await buy(shop, simulator, phone, title)
        lines = ("推荐", "为什么", "最近想学弹琴", " 推荐", "我的兴趣")
        return {line: (await phone.say(line)).text for line in lines}

    said = play(story, tmp_path)

    assert re.search(rf"和你学过的《(?:{'|'.join(bought)})》相近", said["推荐"])
    assert "和你学过的《" in said["为什么"]
    assert "成人钢琴从识谱到双手" not in titles(said["推荐"])
    assert "成人钢琴从识谱到双手" in titles(said[" 推荐"])
    assert re.search(r"成人钢琴从识谱到双手.*\n\s*因为你关注「钢琴」", said[" 推荐"])
    assert not set(titles(said[" 推荐"])) & set(bought)
    interests = said["我的兴趣"].partition("：")[2].partition("。")[0].split("、")
    assert interests[0] == "钢琴"
    assert not any(one != other and one in other for one in interests for other in interests)


def test_a_subject_asked_for_last_and_then_disliked_has_no_place(live):
    async def story(world):
        await talk(world, "想学瑜伽", "健康", "弹琴")
        hidden = await world.say(ANNA, "不感兴趣 1")
        return hidden, await world.say(ANNA, "推荐")

    hidden, answer = live(story)

    assert "成人钢琴" in hidden
    assert "钢琴" not in answer
