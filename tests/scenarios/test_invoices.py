"""Invoices from the chat to the tax file: asked for once an order, changed until out, taken back after a refund."""

import asyncio
import csv
import io
import json

import pytest

from bot import invoicing, privacy
from bot.store.invoices import InvoiceState
from tests.handlers.test_cli_orders import Counter
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import TITLE, go_to_the_till, play

CODE = "91350100M000100Y43"
COMPANY = f"开票 某某科技有限公司 {CODE}"


def a_buyer(story, tmp_path, clock=None):
    """Tell ``story(counter, phone, order_no)`` of somebody who bought a course."""

    async def told(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        await shop.outbox.send_due()
        return await story(Counter(shop, simulator, tmp_path), phone, till.order_no)

    return play(told, tmp_path, clock=clock)


async def asked(counter, order_no):
    return await counter.shop.store.read(lambda tx: tx.invoices.get(order_no))


async def listed(counter, *words):
    return json.loads((await counter.run("invoices", "list", "--json", *words)).output)


async def give_back(counter, order_no, fen=None):
    await counter.shop.orders.refund(order_no, fen, "不想学了")
    await counter.shop.orders.sync_order(order_no)


def test_an_invoice_is_asked_for_in_the_chat_changed_issued_and_told(tmp_path):
    async def story(counter, phone, order_no):
        menu = (await phone.say("发票")).text
        noted = (await phone.say(COMPANY)).text
        changed = (await phone.say(f"开发票：{order_no[-6:].lower()}，个人 张三")).text
        rows = await listed(counter)
        number, now = "25117000000123456789", counter.shop.clock.now()
        await counter.shop.store.write(lambda tx: invoicing.issue(tx, order_no, number, now))
        await counter.shop.outbox.send_due()
        late = (await phone.say(COMPANY)).text
        return (
            menu,
            noted,
            changed,
            rows,
            phone.screen,
            late,
            await asked(counter, order_no),
            await listed(counter),
        )

    menu, noted, changed, rows, screen, late, kept, left = a_buyer(story, tmp_path, StoppedClock())

    assert TITLE in menu
    assert "开票 尾号 抬头 税号" in menu
    assert "某某科技有限公司" in noted
    assert CODE in noted
    assert "改好了" in changed
    (row,) = rows
    assert (row["title_kind"], row["invoice_title"], row["tax_no"]) == ("person", "张三", "")
    assert (row["amount_fen"], row["invoice_state"], row["to_reverse_fen"]) == (9900, "REQUESTED", 0)
    assert any("发票开好了" in shown.text and "25117000000123456789" in shown.text for shown in screen)
    assert "已开" in late
    assert (kept.state, kept.title, kept.amount_fen) == (InvoiceState.ISSUED, "张三", 9900)
    assert left == []


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("开票 某某公司", "带上税号"),
        ("开票 某某公司 91350100M000100Y44", "税号不对"),
        (f"开票 ZZZZ99 某某公司 {CODE}", "没有这个尾号"),
        (f"开票 {CODE}", "没看到发票抬头"),
    ],
)
def test_a_wrong_form_writes_nothing_and_says_what_is_wrong(tmp_path, form, told):
    async def story(counter, phone, order_no):
        return (await phone.say(form)).text, await asked(counter, order_no)

    answer, kept = a_buyer(story, tmp_path)

    assert told in answer
    assert "开票 尾号 抬头 税号" in answer
    assert kept is None


def test_nobody_asks_for_an_invoice_of_somebody_elses_order(tmp_path):
    async def story(counter, _phone, order_no):
        other = counter.simulator.phone("小周")
        await other.follow()
        answers = [(await other.say(each)).text for each in ("发票", f"开票 {order_no[-6:]} 某某公司 {CODE}")]
        return answers, await asked(counter, order_no)

    answers, kept = a_buyer(story, tmp_path)

    assert all("还没有这样的订单" in each for each in answers)
    assert kept is None


def test_a_search_that_begins_with_the_word_stays_a_search(tmp_path):
    async def story(_counter, phone, _order_no):
        return (await phone.say("发票 实操")).text

    assert "抬头" not in a_buyer(story, tmp_path)


def test_a_whole_refund_makes_it_visible_that_the_invoice_is_to_be_reversed(tmp_path):
    async def story(counter, phone, order_no):
        await phone.say(COMPANY)
        await counter.run("invoices", "issue", order_no, "--number", "N0001")
        await give_back(counter, order_no)
        rows, shown = await listed(counter), (await counter.run("invoices", "list")).output
        found = json.loads((await counter.run("anomalies", "list", "--json")).output)
        answer = (await phone.say(COMPANY)).text
        await counter.run("invoices", "reverse", order_no, "--number", "R0001", "--yes")
        after = json.loads((await counter.run("anomalies", "list", "--json")).output)
        return rows, shown, found, answer, await listed(counter), after, await listed(counter, "--all")

    rows, shown, found, answer, left, after, everything = a_buyer(story, tmp_path)

    assert [row["to_reverse_fen"] for row in rows] == [9900]
    assert "要红冲" in shown
    assert [each["kind"] for each in found] == ["invoice_reversal"]
    assert "invoices reverse" in found[0]["next_step"]
    assert "已开" in answer
    assert (left, after) == ([], [])
    assert [(row["invoice_state"], row["reversal"]) for row in everything] == [("REVERSED", "R0001")]


@pytest.mark.parametrize("typed", ["n\n", "\n", ""], ids=repr)
def test_without_a_yes_no_invoice_is_reversed_and_the_question_says_what_would_be(tmp_path, typed):
    async def story(counter, phone, order_no):
        await phone.say(COMPANY)
        await counter.run("invoices", "issue", order_no, "--number", "N0001")
        await give_back(counter, order_no, 4000)
        told = await counter.run("invoices", "reverse", order_no, "--number", "R0001", typed=typed)
        return told, await asked(counter, order_no)

    told, kept = a_buyer(story, tmp_path)

    assert told.exit_code == 1
    assert all(said in told.output for said in ("N0001", "99.00 元", "R0001", "要红冲的是 40.00 元", "不能再"))
    assert (kept.state, kept.reversal) == (InvoiceState.ISSUED, "")


def test_reversing_an_invoice_that_is_still_true_says_so_before_the_yes(tmp_path):
    async def story(counter, phone, order_no):
        await phone.say(COMPANY)
        await counter.run("invoices", "issue", order_no, "--number", "N0001")
        told = await counter.run("invoices", "reverse", order_no, "--number", "R0001", typed="y\n")
        return told, await asked(counter, order_no)

    told, kept = a_buyer(story, tmp_path)

    assert told.exit_code == 0
    assert "没有退款，本来不用红冲" in told.output
    assert "已红冲，红字发票 R0001" in told.output
    assert kept.state is InvoiceState.REVERSED


def test_what_cannot_be_reversed_is_refused_before_anything_is_asked(tmp_path):
    async def story(counter, phone, order_no):
        await phone.say(COMPANY)
        return await counter.run("invoices", "reverse", order_no, "--number", "R0001", typed="y\n")

    told = a_buyer(story, tmp_path)

    assert told.exit_code == 1
    assert "没有开出的发票" in told.output
    assert "确定" not in told.output


def test_a_partial_refund_leaves_the_rest_and_an_invoice_before_it_is_too_high(tmp_path):
    async def story(counter, phone, order_no):
        await phone.say(COMPANY)
        await give_back(counter, order_no, 4000)
        (before,) = await listed(counter)
        issued = await counter.run("invoices", "issue", order_no, "--number", "N0001")
        return (
            before["amount_fen"],
            issued.output,
            [row["to_reverse_fen"] for row in await listed(counter, "--all")],
        )

    amount, issued, reverse = a_buyer(story, tmp_path)

    assert (amount, reverse) == (5900, [0])
    assert "59.00" in issued


def test_a_number_noted_twice_is_named_with_its_order_and_a_bad_tax_number_is_no_course(tmp_path):
    async def story(counter, phone, order_no):
        wrong = (await phone.say(f"开票 {order_no[-6:]} 测试 123")).text
        none_yet = await listed(counter)
        await phone.say(COMPANY)
        issue = "invoices", "issue", order_no, "--number", "N0001"
        return order_no, wrong, none_yet, await counter.run(*issue), await counter.run(*issue)

    order_no, wrong, none_yet, first, again = a_buyer(story, tmp_path)

    assert "税号" in wrong
    assert none_yet == []
    assert (first.exit_code, again.exit_code) == (0, 1)
    assert f"是订单 {order_no} 的" in again.output


def test_what_was_given_back_whole_is_not_invoiced(tmp_path):
    async def story(counter, phone, order_no):
        await phone.say(COMPANY)
        await give_back(counter, order_no)
        issued = await counter.run("invoices", "issue", order_no, "--number", "N0001")
        return issued, await listed(counter), (await phone.say("发票")).text

    issued, left, answer = a_buyer(story, tmp_path)

    assert (issued.exit_code, left) == (1, [])
    assert "全部退款" in issued.output
    assert "不开了" in answer


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("issue", "{no}", "--number", "N0001"), 1),
        (("issue", "ZK-NOBODY", "--number", "N0001"), 1),
        (("reverse", "{no}", "--number", "N0001"), 1),
        (("issue", "{no}", "--number", "=1+1"), 1),
        (("issue", "{no}"), 2),
    ],
)
def test_what_cannot_be_noted_is_refused_with_a_sentence(tmp_path, words, code):
    async def story(counter, _phone, order_no):
        told = await counter.run("invoices", *(word.format(no=order_no) for word in words))
        return told, await asked(counter, order_no)

    told, kept = a_buyer(story, tmp_path)

    assert told.exit_code == code
    assert "Traceback" not in told.output
    assert any("\u4e00" <= char <= "\u9fff" for char in told.output)
    assert kept is None


def test_the_file_is_harmless_to_spreadsheets_and_never_written_over(tmp_path):
    async def story(counter, phone, _order_no):
        await phone.say("开票 =HYPERLINK(1) 个人公司 911101085923662400")
        path = tmp_path / "out.csv"
        first = await counter.run("invoices", "export", str(path))
        text = path.read_bytes()
        again = await counter.run("invoices", "export", str(path))
        forced = await counter.run("invoices", "export", str(path), "--force")
        mode = path.stat().st_mode & 0o777
        return first, text, again, forced, mode, sorted(each.name for each in tmp_path.glob("*.csv*"))

    first, text, again, forced, mode, files = a_buyer(story, tmp_path)

    heading, row = csv.reader(io.StringIO(text.decode("utf-8-sig")))
    told = dict(zip(heading, row, strict=True))
    assert (first.exit_code, again.exit_code, forced.exit_code) == (0, 1, 0)
    assert told["抬头"] == "'=HYPERLINK(1) 个人公司"
    assert told["税号"] == "'911101085923662400"
    assert (told["金额（元）"], told["状态"]) == ("99.00", "待开")
    assert (mode, files) == (0o600, ["out.csv"])


def test_a_forgotten_person_leaves_no_request_and_no_name(tmp_path):
    async def story(counter, phone, order_no):
        store = counter.shop.store
        await phone.say("开票 个人 张三丰")
        copy = await store.read(lambda tx: privacy.copy_of(tx, phone.openid, counter.shop.clock.now()))
        await counter.run("invoices", "issue", order_no, "--number", "N0001")
        await store.write(lambda tx: privacy.forget(tx, phone.openid))
        return copy["invoices"][0]["title"], (await asked(counter, order_no)).title

    assert a_buyer(story, tmp_path) == ("张三丰", "个人")


def test_an_open_request_goes_with_its_person(tmp_path):
    async def story(counter, phone, order_no):
        await phone.say(COMPANY)
        await counter.shop.store.write(lambda tx: privacy.forget(tx, phone.openid))
        return await asked(counter, order_no)

    assert a_buyer(story, tmp_path) is None


def test_of_two_clerks_who_note_the_same_invoice_one_succeeds(tmp_path):
    async def story(counter, phone, order_no):
        await phone.say(COMPANY)
        both = await asyncio.gather(
            *(counter.run("invoices", "issue", order_no, "--number", f"N000{n}") for n in (1, 2))
        )
        return sorted(each.exit_code for each in both)

    assert a_buyer(story, tmp_path) == [0, 1]
