"""Payment notices by the front door: real keys and signatures, and a WeChat Pay that is late, repeats and lies."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from bot.models import OrderState
from bot.simulator import PayRefused
from tests.scenarios.conftest import StoppedClock
from tests.scenarios.world import COURSE, FEN, go_to_the_till, keys, play, press_buy, told_paid

STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


async def pay_silently(simulator, phone):
    """Buy, and let the money move without a notice."""
    till = await go_to_the_till(simulator, phone)
    simulator.faults.no_notice = True
    await simulator.pay.confirm(till.prepay_id, phone.openid)
    return till


async def owned(shop, phone):
    return await shop.store.read(lambda tx: tx.entitlements.owned(phone.openid))


async def state_of(shop, till):
    return (await shop.store.read(lambda tx: tx.orders.get(till.order_no))).state


async def anomalies(shop):
    return [each.kind for each in await shop.store.read(lambda tx: tx.anomalies.open())]


def signed(headers, body, key):
    """Return the headers with ``key``'s signature over them and the body."""
    message = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n".encode() + body + b"\n"
    signature = base64.b64encode(key.sign(message, padding.PKCS1v15(), SHA256())).decode()
    return {**headers, "Wechatpay-Signature": signature}


# ---- what is genuine ----


def test_a_genuine_notice_grants_the_course_and_the_chat_tells_so(tmp_path):
    async def story(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        await shop.jobs.run_due()
        sent = simulator.pay.sent
        return till, sent, await owned(shop, phone), await state_of(shop, till), told_paid(phone)

    till, sent, courses, state, told = play(story, tmp_path)

    assert sent == [(till.out_trade_no, 204)]
    assert (courses, state) == ([COURSE], OrderState.PAID)
    assert [each.via for each in told] == ["customer_service"]


def test_the_same_notice_twenty_times_at_once_grants_once_and_tells_once(tmp_path):
    async def story(shop, simulator):
        phone = simulator.phone()
        till = await pay_silently(simulator, phone)
        statuses = await simulator.pay.send_notice(till.out_trade_no, times=20, concurrent=True)
        for _ in range(3):
            await shop.jobs.run_due()
        return statuses, await owned(shop, phone), len(told_paid(phone)), await anomalies(shop)

    assert play(story, tmp_path) == ([204] * 20, [COURSE], 1, [])


def test_twenty_servers_telling_at_once_grant_once_and_tell_once(tmp_path):
    async def story(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        simulator.faults.notice_copies = 20
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        for _ in range(3):
            await shop.jobs.run_due()
        return {status for _, status in simulator.pay.sent}, await owned(shop, phone), len(told_paid(phone))

    assert play(story, tmp_path) == ({204}, [COURSE], 1)


@pytest.mark.parametrize("seconds", [-299, 299])
def test_a_notice_within_five_minutes_of_our_clock_is_believed(tmp_path, seconds):
    clock = StoppedClock()

    async def story(shop, simulator):
        phone = simulator.phone()
        till = await pay_silently(simulator, phone)
        notice = simulator.pay.notice(till.out_trade_no, timestamp=int(clock.now().timestamp()) + seconds)
        statuses = await simulator.pay.send_notice(till.out_trade_no, tamper=lambda *_: notice)
        return statuses, await owned(shop, phone)

    assert play(story, tmp_path, clock=clock) == ([204], [COURSE])


def test_an_old_notice_does_not_give_back_what_was_refunded(tmp_path):
    async def story(shop, simulator):
        phone = simulator.phone()
        till = await pay_silently(simulator, phone)
        simulator.faults.no_notice = False
        old = simulator.pay.notice(till.out_trade_no)
        statuses = await simulator.pay.send_notice(till.out_trade_no, tamper=lambda *_: old)
        refund = await shop.orders.refund(till.order_no, None, "不想学了")
        await shop.orders.push_refund(refund.out_refund_no)
        refunded = await owned(shop, phone)
        statuses += await simulator.pay.send_notice(till.out_trade_no, tamper=lambda *_: old)
        return statuses, refunded, await owned(shop, phone), await state_of(shop, till)

    assert play(story, tmp_path) == ([204, 204], [], [], OrderState.REFUNDED)


# ---- what is not ----


def by_another_key(headers, body):
    return signed(headers, body, STRANGER), body


def stale(headers, body):
    old = {**headers, "Wechatpay-Timestamp": str(int(headers["Wechatpay-Timestamp"]) - 301)}
    return signed(old, body, keys().platform), body


def from_the_future(headers, body):
    late = {**headers, "Wechatpay-Timestamp": str(int(headers["Wechatpay-Timestamp"]) + 301)}
    return signed(late, body, keys().platform), body


def made_fresh_by_hand(headers, body):
    return {**headers, "Wechatpay-Timestamp": str(int(headers["Wechatpay-Timestamp"]) + 1)}, body


def tampered(headers, body):
    notice = json.loads(body)
    notice["summary"] = "支付失败"
    return headers, json.dumps(notice, ensure_ascii=False).encode()


def written_anew(headers, body):
    return headers, json.dumps(json.loads(body), ensure_ascii=False, indent=1).encode()


def sealed_with_another_secret(headers, body):
    notice = json.loads(body)
    resource = notice["resource"]
    nonce, aad = resource["nonce"].encode(), resource["associated_data"].encode()
    facts = json.dumps({"out_trade_no": "ZK", "trade_state": "SUCCESS"}).encode()
    resource["ciphertext"] = base64.b64encode(AESGCM(b"0" * 32).encrypt(nonce, facts, aad)).decode()
    body = json.dumps(notice).encode()
    return signed(headers, body, keys().platform), body


def a_probe(headers, body):
    return {**headers, "Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + "a-b_" * 83 + "a"}, body


def unknown_serial(headers, body):
    return {**headers, "Wechatpay-Serial": "PUB_KEY_ID_0119999999999999999999999999"}, body


def unsigned(headers, body):
    return {"Content-Type": headers["Content-Type"]}, body


def of_an_older_kind(headers, _body):
    return headers, b"<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>"


@pytest.mark.parametrize(
    "attack",
    [
        by_another_key,
        stale,
        from_the_future,
        made_fresh_by_hand,
        tampered,
        written_anew,
        sealed_with_another_secret,
        a_probe,
        unknown_serial,
        unsigned,
        of_an_older_kind,
    ],
)
def test_what_is_not_genuine_is_refused_grants_nothing_and_leaves_the_way_free(tmp_path, attack):
    async def story(shop, simulator):
        phone = simulator.phone()
        till = await pay_silently(simulator, phone)
        number = till.out_trade_no
        [refused] = await simulator.pay.send_notice(number, tamper=attack)
        await shop.jobs.run_due()
        before = await owned(shop, phone), await state_of(shop, till), await anomalies(shop), told_paid(phone)
        [taken] = await simulator.pay.send_notice(number)
        return refused, before, taken, await owned(shop, phone)

    refused, before, taken, after = play(story, tmp_path, clock=StoppedClock())

    assert 400 <= refused < 500
    assert before == ([], OrderState.PENDING, [], [])
    assert (taken, after) == (204, [COURSE])


@pytest.mark.parametrize(
    ("fault", "lie"),
    [
        ("notice_total", 1),
        ("notice_total", FEN + 1),
        ("notice_currency", "USD"),
        ("notice_mchid", "1900000000"),
        ("notice_appid", "wxffffffffffffffff"),
    ],
)
def test_a_rightly_signed_notice_that_does_not_fit_is_kept_for_a_person_and_grants_nothing(tmp_path, fault, lie):
    async def story(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        setattr(simulator.faults, fault, lie)
        await simulator.pay.confirm(till.prepay_id, phone.openid)
        await shop.jobs.run_due()
        sent = [status for _, status in simulator.pay.sent]
        return sent, await owned(shop, phone), await state_of(shop, till), await anomalies(shop), told_paid(phone)

    told = play(story, tmp_path, clock=StoppedClock())

    assert told == ([204], [], OrderState.PENDING, ["payment_mismatch"], [])


def test_a_notice_about_somebody_elses_order_grants_nothing(tmp_path):
    async def story(shop, simulator):
        phone = simulator.phone()
        till = await pay_silently(simulator, phone)
        strange = simulator.pay.notice(till.out_trade_no, out_trade_no="ZK000000STRANGE01")
        statuses = await simulator.pay.send_notice(till.out_trade_no, tamper=lambda *_: strange)
        return statuses, await owned(shop, phone), await anomalies(shop)

    assert play(story, tmp_path, clock=StoppedClock()) == ([204], [], ["payment_mismatch"])


# ---- early, late, lost ----


def test_a_notice_that_comes_before_the_answer_to_the_order_grants_once_and_the_page_says_paid(tmp_path):
    async def story(shop, simulator):
        phone = simulator.phone()
        await phone.follow()
        await phone.open(f"{simulator.webview_url}/c/{COURSE}")
        simulator.faults.paid_before_answer = 1
        placed = await press_buy(simulator, phone)
        again = await press_buy(simulator, phone)
        for _ in range(2):
            await shop.jobs.run_due()
        sent = [status for _, status in simulator.pay.sent]
        return sent, placed, again["state"], await owned(shop, phone), len(told_paid(phone)), await anomalies(shop)

    assert play(story, tmp_path) == ([204], {"state": "paid"}, "owned", [COURSE], 1, [])


def test_a_payment_that_no_notice_tells_is_found_by_asking(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        phone = simulator.phone()
        till = await pay_silently(simulator, phone)
        await shop.jobs.run_due()
        before = await owned(shop, phone)
        clock.forward(seconds=6)
        for _ in range(2):
            await shop.jobs.run_due()
        late = await simulator.pay.send_notice(till.out_trade_no)
        await shop.jobs.run_due()
        return before, await owned(shop, phone), late, len(told_paid(phone))

    assert play(story, tmp_path, clock=clock) == ([], [COURSE], [204], 1)


def test_a_payment_after_our_expiry_is_honoured_told_and_noted_for_a_person(tmp_path):
    clock = StoppedClock()

    async def story(shop, simulator):
        phone = simulator.phone()
        till = await go_to_the_till(simulator, phone)
        clock.forward(minutes=31)
        await shop.jobs.run_due()
        expired = await state_of(shop, till)
        await simulator.pay.pay_anyway(till.out_trade_no, phone.openid)
        await shop.jobs.run_due()
        return (
            expired,
            await state_of(shop, till),
            await owned(shop, phone),
            len(told_paid(phone)),
            await anomalies(shop),
        )

    expired, *rest = play(story, tmp_path, clock=clock)

    assert expired is OrderState.CANCELLED
    assert rest == [OrderState.PAID, [COURSE], 1, ["late_payment"]]


LOST = [
    ("pay_lost_after", 1),
    ("pay_lost_after", 2),
    ("signtest_replies", 1),
    ("signtest_replies", 2),
    ("pay_errors", 2),
]


@pytest.mark.parametrize(("fault", "times"), LOST)
def test_an_order_whose_answer_was_lost_can_still_be_paid_and_is_charged_once(tmp_path, fault, times):
    async def story(shop, simulator):
        phone = simulator.phone()
        await phone.follow()
        await phone.open(f"{simulator.webview_url}/c/{COURSE}")
        setattr(simulator.faults, fault, times)
        answers = [await press_buy(simulator, phone)]
        while answers[-1]["state"] == "retry":
            answers.append(await press_buy(simulator, phone))
        [trade] = simulator.pay.trades
        sheet = simulator.pay.check(answers[-1]["bridge"], phone.openid)
        await simulator.pay.confirm(sheet.prepay_id, phone.openid)
        for earlier in trade.prepay_ids:
            with pytest.raises(PayRefused, match="已支付"):
                await simulator.pay.confirm(earlier, phone.openid)
        await shop.jobs.run_due()
        states, trades = [each["state"] for each in answers], len(simulator.pay.trades)
        return states, sheet.total, trades, await owned(shop, phone), len(told_paid(phone))

    states, *rest = play(story, tmp_path)

    assert states == ["retry"] * (times - 1) + ["pay"]
    assert rest == [FEN, 1, [COURSE], 1]
