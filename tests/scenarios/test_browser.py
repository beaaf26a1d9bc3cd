"""The whole story as a follower sees it: `run.py demo` in its own process, the phone page in a real Chromium."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tornado.testing import bind_unused_port

from tests.browser import chromium, need_chromium

pytestmark = pytest.mark.browser

ALBUM = os.environ.get("ZHIKE_SCREENSHOTS", "")  # the folder for pictures to look at; else they stay with the test
SETTINGS = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
ROOT = Path(__file__).parents[2]
LATEST = ".row.account:last-child .bubble"
ODD = "R&D 项目管理 <入门>"


@dataclass
class Demo:
    """The running demo: its shop, its phone page, and what an operator needs to work on its database."""

    shop: str
    phone: str
    settings: dict

    def operate(self, *command):
        command = [sys.executable, "run.py", *command]
        done = subprocess.run(command, cwd=ROOT, env=self.settings, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@contextmanager
def running(folder, port=0):
    """Yield a demo in a process of its own, which keeps its things in the folder, together with that process."""
    process = subprocess.Popen(
        [sys.executable, "run.py", "demo", "--port", str(port)],
        cwd=ROOT,
        env=SETTINGS | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        shop = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline()).group(1)
        phone = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline()).group()
        (database,) = folder.glob("*/zhike.db")
        yield Demo(shop, phone, SETTINGS | {"ZHIKE_STORE_URL": f"sqlite:///{database}"}), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    need_chromium()
    with running(tmp_path_factory.mktemp("demo")) as (demo, process):
        yield demo
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.fixture(scope="module")
def browser():
    with chromium(pixels=2.0 if ALBUM else 1.0) as hand:
        yield hand


@pytest.fixture
def hand(demo, browser, tmp_path):
    """Hand over the phone of somebody who has never been here."""
    browser.driver.get(demo.phone)
    browser.pictures = Path(ALBUM or tmp_path)
    browser.pictures.mkdir(parents=True, exist_ok=True)
    become_somebody_new(browser)
    return browser


def answer(hand, act, *, having):
    """Do something, and return what the account says to it."""
    before = hand.run("return document.querySelectorAll('.row').length")
    act()
    return hand.find(f".row.account:nth-of-type(n+{before + 1}) .bubble", having=having).text


def become_somebody_new(hand):
    hand.tap("#new-follower")
    hand.find("#follow")


def follow(hand):
    answer(hand, lambda: hand.tap("#follow"), having="直接告诉我想学什么")


def say(hand, text, *, having):
    if hand.run("return document.getElementById('write').hidden"):
        hand.tap("#menu-toggle")
    return answer(hand, lambda: hand.write(text), having=having)


def choose(hand, top, key="", *, having):
    """Tap the menu, and in an open submenu the button with that key."""

    def tap():
        hand.tap(f"[data-menu='{top}']")
        if key:
            hand.picture("menu")
            hand.tap(f"[data-key='{key}']")

    return answer(hand, tap, having=having)


def open_course(hand, words="我想学 Python 数据分析"):
    """Ask, pick the first course of the list, and open its page; returns its title."""
    say(hand, words, having="因为你提到")
    title = re.match("《(.+)》", say(hand, "1", having="点这里购买")).group(1)
    hand.tap(f"{LATEST} a", having="点这里购买")
    with hand.page():
        hand.find("h1", title)
    return title


def pay(hand):
    with hand.page():
        hand.tap("#buy")
        hand.find("#wx-pay-amount")
        hand.picture("cashier")
        hand.tap("#wx-pay-confirm")
        hand.tap("#wx-pay-finish")
        hand.find("#lessons")


def close(hand):
    hand.tap("#webview-close")


def sideways(hand):
    """Return by how many pixels the page is wider than the screen."""
    return hand.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")


def shown(hand):
    return hand.find("#chat").text


def test_a_follower_finds_a_course_pays_and_learns(hand):
    hand.picture("1-card")
    follow(hand)
    starters = [each.text for each in hand.driver.find_elements("css selector", f"{LATEST} a")]
    hand.picture("2-welcome")
    listed = say(hand, "我想学 Python 数据分析", having="因为你提到")
    hand.picture("3-list")
    card = say(hand, "1", having="点这里购买")
    hand.picture("4-card")
    hand.tap(f"{LATEST} a", having="点这里购买")
    with hand.page():
        hand.find("#buy", "微信支付")
        hand.picture("5-course")
        assert sideways(hand) == 0
        hand.run("window.scrollTo(0, document.body.scrollHeight)")
        hand.picture("6-course-end")
        hand.tap("#buy")
        price = hand.find("#wx-pay-amount").text
        hand.picture("7-cashier")
        hand.tap("#wx-pay-confirm")
        hand.find("#wx-pay-done", "✓ 支付成功")
        hand.picture("8-paid")
        hand.tap("#wx-pay-finish")
        hand.find("#lessons .facts", having="已学 0 /")
        hand.picture("9-lessons")
    close(hand)
    receipt = hand.find(LATEST, having="付款成功").text
    hand.picture("10-receipt")
    hand.tap(f"{LATEST} a", having="点这里开始学习")
    with hand.page():
        assert sideways(hand) == 0
        hand.tap("button.done", "学完了")
        hand.find(".done", "✓ 已学完")
        hand.find("#lessons .facts", having="已学 1 /")
        hand.picture("11-finished")
    close(hand)
    mine = say(hand, "我的课程", having="你的课程")
    hand.picture("12-mine")

    assert starters == ["热门课程", "免费课程", "我想学数据分析"]
    assert re.search(r"^1\. .+ (¥\d+|免费)", listed, re.MULTILINE)
    title, fen = re.match(r"《(.+)》¥(\d+)", card).groups()
    assert price == f"¥{fen}.00"
    assert f"《{title}》已开通" in receipt
    assert f"金额 ¥{fen}" in receipt
    assert title in mine


def test_a_cancelled_payment_grants_nothing_and_can_be_continued(hand):
    follow(hand)
    title = open_course(hand)
    with hand.page():
        hand.tap("#buy")
        hand.tap("#wx-pay-cancel")
        hand.find("#status", "已取消付款，订单还为你保留着。")
        hand.picture("cancelled")
    close(hand)
    none_yet = say(hand, "我的课程", having="课程")
    pending = say(hand, "我的订单", having="你的订单")
    hand.picture("pending")
    say(hand, "继续支付", having="点这里继续支付")
    hand.tap(f"{LATEST} a", "点这里继续支付")
    pay(hand)
    close(hand)
    hand.find(LATEST, having="付款成功")
    orders = say(hand, "我的订单", having="已付款")
    hand.picture("continued")

    assert none_yet.startswith("你还没有课程")
    assert "待付款" in pending
    assert orders.count(title) == 1


def test_a_second_window_opens_the_course_that_was_paid_in_the_first(hand):
    follow(hand)
    open_course(hand)
    with hand.page():
        address = hand.run("return location.href")
        hand.tap("#buy")
        hand.find("#wx-pay-confirm")
    waiting = hand.driver.current_window_handle
    hand.driver.switch_to.new_window("tab")
    hand.driver.get(address)
    for step in ("#buy", "#wx-pay-confirm", "#wx-pay-finish"):
        hand.tap(step)
    hand.find("#lessons")
    hand.driver.close()
    hand.driver.switch_to.window(waiting)
    with hand.page():
        hand.tap("#wx-pay-confirm")
        hand.find("#wx-pay-error", "该订单已支付")
        hand.tap("#wx-pay-error-ok")
        hand.find("#lessons")
    close(hand)


def test_another_follower_cannot_open_what_the_first_one_bought(hand):
    follow(hand)
    open_course(hand)
    pay(hand)
    with hand.page():
        lessons = hand.run("return location.pathname")
    close(hand)
    become_somebody_new(hand)
    follow(hand)
    open_course(hand)
    with hand.page():
        hand.run("location.href = arguments[0]", lessons)
        hand.find("#buy", "微信支付")
        hand.picture("stranger")
        page = hand.find("body").text
        ask = "return fetch(arguments[0], {method: 'POST', headers: {'X-Zhike': '1'}}).then(r => r.status)"
        told = hand.run(ask, f"{lessons}/1/done")
    close(hand)

    assert lessons.startswith("/learn/")
    assert "学完了" not in page
    assert told == 403
    assert say(hand, "我的课程", having="课程").startswith("你还没有课程")


def test_the_menu_answers(hand):
    follow(hand)
    choose(hand, "找课程", "recommend", having="先看看这些")
    choose(hand, "找课程", "popular", having="1. ")  # its head depends on what was sold before
    hand.picture("menu-popular")
    choose(hand, "帮助", having="可以这样用我")
    hand.picture("menu-help")
    choose(hand, "我的课程", having="你还没有课程")

    assert sideways(hand) == 0


def test_odd_words_are_shown_as_written_and_answered(hand):
    follow(hand)
    for name, words in (
        ("emoji", "😀👍🏽 想学画画 🎨"),
        ("long", "我想学一点能马上用在工作里的东西，" * 30),
        ("script", "<script>alert(1)</script><a href='http://evil.cn'>点我</a>"),
    ):
        say(hand, words, having="回复")
        hand.picture(f"odd-{name}")
        hand.find(".bubble.self", words)

    assert sideways(hand) == 0
    assert not hand.driver.find_elements("css selector", ".bubble.self a, .bubble script")


def test_a_free_course_is_claimed_with_a_tap(hand):
    follow(hand)
    answer(hand, lambda: hand.tap(f"{LATEST} a", "免费课程"), having="免费")
    hand.picture("free-list")
    answer(hand, lambda: hand.tap(f"{LATEST} a", having="1. "), having="马上开通")
    hand.picture("free-card")
    answer(hand, lambda: hand.tap(f"{LATEST} a", "领取"), having="已经是你的了")
    hand.picture("free-claimed")
    hand.tap(f"{LATEST} a", "点这里开始学习")
    with hand.page():
        hand.find("button.done", "学完了")
        hand.picture("free-lessons")
    close(hand)

    assert "付款" not in shown(hand)


def test_a_title_with_marks_of_its_own_is_shown_as_written(demo, hand):
    demo.operate("courses", "add", "RD001", "--title", ODD, "--price", "0.01", "--status", "published")
    follow(hand)

    def newest():
        listed = choose(hand, "找课程", "new", having="最新上架")
        return listed if "项目管理" in listed else None

    listed = hand.until(newest, "the shop does not notice the new course")
    hand.picture("odd-title")
    card = say(hand, "1", having="点这里购买")
    hand.tap(f"{LATEST} a", having="点这里购买")
    with hand.page():
        heading = hand.find("h1").text
        hand.picture("odd-title-course")
    close(hand)

    assert "1. R&D 项目管理 ＜入门＞" in listed
    assert card.startswith(f"《{ODD}》¥0.01")
    assert heading == ODD


def test_outside_wechat_a_course_shows_a_code_to_scan_and_lessons_stay_shut(demo, hand):
    hand.driver.get(f"{demo.shop}/c/EDU002")
    hand.tap("#buy", "微信扫码支付")
    hand.find("#qr svg")
    hand.find("#status", having="请用微信扫码付款")
    hand.picture("outside-code")
    wide = sideways(hand)
    hand.driver.get(f"{demo.shop}/learn/EDU002")
    hand.find("h1", "请在微信里打开")
    hand.picture("outside-lessons")

    assert wide == 0
    assert "学完了" not in hand.find("body").text


def test_starting_over_begins_as_if_nobody_had_ever_been_here(hand):
    follow(hand)
    open_course(hand)
    pay(hand)
    close(hand)
    hand.find(LATEST, having="付款成功")
    hand.tap("#reset")
    hand.find("#follow")
    follow(hand)

    assert say(hand, "我的课程", having="课程").startswith("你还没有课程")


def test_a_phone_whose_demo_was_killed_says_so_marks_what_was_lost_and_starts_over(browser, tmp_path):
    sock, port = bind_unused_port()  # the two after it are very likely free as well
    sock.close()
    folder = tmp_path / "tmp"
    folder.mkdir()
    hand = browser
    hand.pictures = tmp_path
    with running(folder, port) as (demo, process):
        hand.driver.get(demo.phone)
        follow(hand)
        say(hand, "瑜伽", having="瑜伽")
        process.kill()
        process.wait()
        hand.find("#trouble", having="连不上模拟器")
        hand.write("有人吗")
        lost = hand.find(".row.self:last-child", having="未送达").text
        hand.picture("unreachable")
    with running(folder, port) as (demo, _process):
        left = len(list(folder.glob("zhike-demo-*")))
        hand.find("#trouble", having="重新启动过")
        hand.tap("#trouble-reload", "重新开始")
        follow(hand)
        silent = not hand.driver.find_elements("css selector", "#trouble:not([hidden])")

    assert "有人吗" in lost
    assert left == 1
    assert silent


def test_a_coupon_typed_on_the_page_is_shown_before_it_is_charged_and_a_new_price_is_too(hand, demo):
    demo.operate("coupons", "add", "SPRING", "--amount", "20", "--total", "1")
    follow(hand)
    open_course(hand)
    with hand.page():
        before = hand.find("#total").text
        hand.find("#coupon").send_keys("nope")
        hand.tap("#coupon-form button")
        hand.find(".fault", having="NOPE 不存在")
        hand.picture("coupon-unknown")
        hand.find("#coupon").clear()
        hand.find("#coupon").send_keys("spring")
        hand.tap("#buy")  # without 使用: the price comes first, no sheet opens
        hand.find(".quote", having="优惠码 SPRING")
        hand.picture("coupon-on")
        shown = hand.find("#total").text
        assert sideways(hand) == 0
        demo.operate("coupons", "stop", "SPRING")
        hand.tap("#buy")
        hand.find("#status", having="价格有变动，还没有扣款")
        hand.find(".fault", having="已经过期了")
        hand.picture("coupon-gone")
        after = hand.find("#total").text
    pay(hand)
    close(hand)
    receipt = hand.find(LATEST, having="付款成功").text

    assert int(before.strip("¥")) - int(shown.strip("¥")) == 20
    assert after == before
    assert f"金额 {before}" in receipt


def test_a_bundle_shows_what_is_owned_and_charges_what_it_shows(hand):
    follow(hand)
    say(hand, "Python零基础入门课", having="点这里购买")
    hand.tap(f"{LATEST} a", having="点这里购买")
    pay(hand)
    close(hand)
    hand.find(LATEST, having="付款成功")
    card = say(hand, "数据分析转行专栏", having="点这里购买")
    hand.picture("bundle-card")
    hand.tap(f"{LATEST} a", having="点这里购买")
    with hand.page():
        hand.find("#within li", having="✓ 已有")
        hand.find(".quote", having="已有《Python零基础入门课》")
        price = hand.find("#total").text
        assert sideways(hand) == 0
        hand.picture("bundle")
        hand.tap("#buy")
        charged = hand.find("#wx-pay-amount").text
        hand.tap("#wx-pay-confirm")
        hand.tap("#wx-pay-finish")
        hand.find("#complete", having="都是你的了")
        hand.picture("bundle-owned")
    close(hand)

    assert price == charged
    assert f"点这里购买 {price}" in card


def test_a_member_sees_until_when_and_learns_without_paying_for_the_course(hand):
    follow(hand)
    say(hand, "我的会员", having="你现在没有会员")
    say(hand, "1", having="现在开通可以看到")
    hand.picture("membership-card")
    hand.tap(f"{LATEST} a", having="点这里开通")
    with hand.page():
        hand.find("#opens", having="现在开通可以看到")
        assert sideways(hand) == 0
        hand.picture("membership")
        hand.tap("#buy")
        hand.tap("#wx-pay-confirm")
        hand.tap("#wx-pay-finish")
        hand.find("#opens", having="现在续费可以看到")
    close(hand)
    hand.find(LATEST, having="已开通")
    mine = say(hand, "我的会员", having="全部课程：到")
    hand.picture("membership-mine")
    hand.tap(f"{LATEST} a", having="打开会员页")
    with hand.page():
        hand.find("#my-membership li", having="全部课程：到")
        assert sideways(hand) == 0
        hand.picture("my-membership")
    close(hand)
    say(hand, "Excel函数公式实战", having="你的会员可以看")
    hand.tap(f"{LATEST} a", having="点这里学习")
    with hand.page():
        hand.find("#lessons")
    close(hand)
    say(hand, "Excel函数公式实战", having="你的会员可以看")
    hand.tap(f"{LATEST} a", having="单独买下")
    with hand.page():
        hand.find("#learn", "开始学习")
        assert sideways(hand) == 0
        hand.picture("member-course")
    close(hand)

    assert "续费" in mine
