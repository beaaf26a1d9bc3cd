"""The operator's texts, rules and office hours, by the front door."""

import asyncio
import re
from datetime import timedelta

import pytest
import regex

from bot import catalog
from bot.simulator import Simulator, SimulatorSettings
from bot.texts.book import Book, Rule
from bot.texts.patterns import Pattern
from tests.scenarios.conftest import NOON, courses
from tests.scenarios.test_kill import CLOCK, PATIENCE, Server, until
from tests.scenarios.world import keys

ANNA = "oAnna0000000000000000000000a"
BEN = "oBen00000000000000000000000b"
RULES = """
[[rule]]
contains = "退款"
answer = "按规则退款"
[[rule]]
regex = '.{1,200}'
answer = "什么都答"
[[rule]]
exact = "便宜点"
commands = true
answer = "不讲价"
"""


@pytest.fixture
def say(live, tmp_path):
    """Return what a follower is told, message after message, with this file of texts."""

    def told(content, *messages, **chat):
        file = tmp_path / "texts.toml"
        file.write_text(content, "utf-8")

        async def story(world):
            return [await world.say(ANNA, each) for each in messages]

        return live(story, texts_file=str(file), **chat)

    return told


def test_a_rule_answers_before_free_text_is_understood(say):
    answers = say('[[rule]]\ncontains = "Python"\nanswer = "下周开班"\n', "我想学 Python", "我想学 Excel")

    assert answers[0] == "下周开班"
    assert "因为你提到「Excel」" in answers[1]


def test_a_rule_answers_what_was_spoken(live, tmp_path):
    file = tmp_path / "texts.toml"
    file.write_text(RULES, "utf-8")

    async def story(world):
        return await world.deliver(
            world.message(ANNA, "voice", Recognition="退款怎么办。", MediaId="m", Format="amr")
        )

    assert live(story, texts_file=str(file)) == "按规则退款"


@pytest.mark.parametrize("words", ["1", "第二个", "人工", "我的订单", "换一批", "我付了", "隐私", "不感兴趣 2"])
def test_a_rule_that_fits_everything_takes_no_command_the_follower_needs(say, words):
    assert say(RULES, words) != ["什么都答"]


def test_a_rule_takes_small_talk_and_the_commands_it_asks_for(say):
    assert say(RULES, "退款", "你好", "便宜点") == ["按规则退款", "什么都答", "不讲价"]


def test_an_answer_of_a_rule_leaves_the_list_open(say):
    listed, _, opened = say(RULES.replace("'.{1,200}'", "'开票'"), "热门课程", "退款怎么办", "1")

    first = re.search(r">1\. ([^<]+)<", listed)[1]
    assert opened.startswith(f"《{first}》")


def test_an_expression_that_would_hang_answers_in_time_and_the_message_is_searched_for(live):
    hanging = Pattern("(?:x+x+)+y", regex.compile("(?:x+x+)+y"))

    async def story(world):
        world.shop.texts.book = Book(rules=(Rule(1, "坏", 1, "坏", regex=(hanging,)),))
        async with asyncio.timeout(4):
            return await world.say(ANNA, "x" * 400 + " Excel")

    assert "坏" not in live(story)


def test_the_file_words_greeting_help_and_fallback(live, tmp_path):
    file = tmp_path / "texts.toml"
    file.write_text(
        '[texts]\nwelcome = "来了！隐私见菜单"\nwelcome_again = "又来了\\n{starters}\\n{privacy}"\n'
        'help = "{account}听你说"\nfallback = "没有{words}的课，看看："\n',
        "utf-8",
    )

    async def story(world):
        first = await world.event(ANNA, "subscribe")
        number = await world.say(ANNA, "1")
        await world.event(ANNA, "unsubscribe")
        world.clock.forward(seconds=5)
        again = await world.event(ANNA, "subscribe")
        starter = await world.say(ANNA, "1")
        return first, number, again, starter, await world.say(ANNA, "帮助"), await world.say(ANNA, "核聚变堆")

    first, number, again, starter, help_text, fallback = live(story, texts_file=str(file))

    assert first == "来了！隐私见菜单"
    assert "编号不在最近的列表里" in number  # the greeting showed no starters
    assert again.startswith("又来了\n1. <a href")
    assert starter.startswith("热门课程") or "先看看这些" in starter
    assert help_text == "知课听你说"
    assert re.match("没有.*的课，看看：", fallback)


HOURS = '[office_hours]\nopen = "工作日 09:00-18:00"\n'


def test_a_person_is_handed_to_within_the_hours_only(live, tmp_path):
    file = tmp_path / "texts.toml"
    file.write_text(HOURS + '[texts]\nhuman = "客服马上来"\n', "utf-8")

    async def story(world):
        inside = await world.say(ANNA, "人工")
        await world.shop.jobs.run_due()
        world.clock.at = NOON + timedelta(hours=7)  # 19:00 in Beijing
        outside = await world.say(BEN, "人工")
        await world.shop.jobs.run_due()
        events = await world.shop.store.read(lambda tx: [each.kind for each in tx.events.of(BEN)])
        return inside, outside, world.phone.received, events

    inside, outside, received, events = live(story, texts_file=str(file))

    assert inside == "<transfer>"
    assert outside == (
        "人工客服的时间是工作日 09:00-18:00，现在不在。"
        "请直接在这里留言，说明情况和联系方式，明天 09:00 起会有人回复你。"
    )
    assert received == [(ANNA, "客服马上来")]
    assert "human" in events  # the wish is noted all the same


def test_a_contact_is_named_within_the_hours_and_the_hours_outside(live, tmp_path):
    file = tmp_path / "texts.toml"
    file.write_text(HOURS + '[texts]\nhuman_closed = "{hours}才有人，{next}再找{contact}"\n', "utf-8")

    async def story(world):
        inside = await world.say(ANNA, "人工")
        world.clock.at = NOON + timedelta(days=4)  # Saturday
        return inside, await world.say(ANNA, "人工")

    inside, outside = live(story, texts_file=str(file), human_contact="kf@example.cn")

    assert "kf@example.cn" in inside
    assert outside == "工作日 09:00-18:00才有人，周一 09:00再找kf@example.cn"


def test_running_workers_take_an_edit_and_keep_what_they_have_when_it_is_wrong(tmp_path):
    file = tmp_path / "texts.toml"
    file.write_text("", "utf-8")

    def log_has(server, words, times):
        return lambda: server.log.read_text("utf-8").count(words) >= times

    async def story():
        simulator = Simulator(SimulatorSettings(notice_delays=()), keys=keys())
        await simulator.start()
        server = Server(simulator, tmp_path)
        settings = server.settings.read_text("utf-8")
        settings = re.sub(r"^workers = .*$", "workers = 2", settings, flags=re.MULTILINE)
        settings = re.sub(r"^texts_file = .*$", f'texts_file = "{file}"', settings, flags=re.MULTILINE)
        server.settings.write_text(settings, "utf-8")
        server.look(lambda tx: catalog.store_courses(tx, courses(), CLOCK.now()))
        await server.start()
        try:
            async with asyncio.timeout(PATIENCE):
                phone = simulator.phone()
                await phone.follow()
                await until(log_has(server, "texts.in_force texts=0 rules=0", 2))
                file.write_text('[[rule]]\nexact = "双11"\nanswer = "全场八折"\n', "utf-8")
                await until(log_has(server, "texts.in_force texts=0 rules=1", 2))
                new = [(await phone.say("双11")).text for _ in range(6)]
                file.write_text('[[rule]]\nexact = "双11"\nanswer = "{x}"\n', "utf-8")
                await until(log_has(server, "texts.refused line=3", 2))
                kept = [(await phone.say("双11")).text for _ in range(6)]
            code = await server.stop()
        finally:
            await server.kill()
            await simulator.stop()
        return new, kept, code, server.log.read_text("utf-8")

    new, kept, code, log = asyncio.run(story())

    assert {*new, *kept} == {"全场八折"}
    assert code == 0
    assert "不认识的占位符 {x}" in log
    assert "Traceback" not in log
