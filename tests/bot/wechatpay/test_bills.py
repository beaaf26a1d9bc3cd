"""Bills as WeChat Pay writes them, read by the names of their columns, whole or not at all."""

import asyncio
import gzip
import hashlib
from datetime import UTC, date, datetime

import pytest

from bot.bills import Account
from bot.errors import BillNotReady, BillUnreadable, PayRejected
from bot.wechatpay import bills
from bot.wechatpay.gateway import WeChatPay
from tests.bot.wechatpay.standin import Line, a_standin

DAY = date(2026, 11, 24)
HEAD = (
    "交易时间,公众账号ID,商户号,微信订单号,商户订单号,交易状态,应结订单金额,代金券金额,微信退款单号,商户退款单号,"
    "退款金额,退款状态,商品名称,手续费,费率,订单金额,申请退款金额"
)
PAID = (
    "`2026-11-24 12:00:00,`wx1,`1900000001,`4200,`ZK1,`SUCCESS,`98.00,`1.23,`0,`0,`0.00,`,`摄影,从零开始,"
    "`0.59000,`0.60%,`99.23,`0.00"
)
BACK = (
    "`2026-11-24 13:00:00,`wx1,`1900000001,`4201,`ZK2,`REFUND,`0.00,`0.00,`503,`RZK201,`40.00,`PROCESSING,`做饭,"
    "`-0.24000,`0.60%,`0.00,`40.01"
)
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
SUMS = "`2,`98.00,`40.00,`0.00,`0.35000,`99.23,`40.01"


def a_bill(*lines):
    return b"\xef\xbb\xbf" + "\r\n".join([*(lines or (HEAD, PAID, BACK, TOTALS, SUMS)), ""]).encode()


def sha1(data):
    return hashlib.sha1(data).hexdigest()


def test_payments_and_refunds_are_read_to_the_fen_commas_in_titles_and_coupons_included():
    bill = bills.read_trades(a_bill(), DAY)

    (paid,), (back,) = bill.payments, bill.refunds
    assert (paid.out_trade_no, paid.transaction_id, paid.total_fen, paid.fee_fen) == ("ZK1", "4200", 9923, 59)
    assert paid.at == datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    assert (back.refund_no, back.out_trade_no, back.refund_fen, back.fee_fen) == ("RZK201", "ZK2", 4001, -24)
    assert (back.status, back.total_fen) == ("PROCESSING", 0)


def test_columns_are_found_by_name_in_any_order_and_older_bills_lack_some():
    head = "商户订单号,微信订单号,交易状态,交易时间,代金券金额,应结订单金额,公众账号ID"
    line = "`ZK1,`4200,`SUCCESS,`2026-11-24 12:00:00,`1.00,`98.00,`wx1"

    bill = bills.read_trades(a_bill(head, line, "总交易单数,应结订单总金额", "`1,`98.00"), DAY)

    assert [(each.out_trade_no, each.total_fen, each.fee_fen) for each in bill.payments] == [("ZK1", 9900, 0)]


def test_a_bill_without_a_line_is_empty():
    assert bills.read_trades(a_bill(HEAD, TOTALS, "`0,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00"), DAY).payments == ()


@pytest.mark.parametrize(
    "lines",
    [
        (HEAD, PAID, BACK, TOTALS, SUMS.replace("`2,", "`3,")),
        (HEAD, PAID, BACK, TOTALS, SUMS.replace("99.23", "99.24")),
        (HEAD, PAID, BACK, TOTALS, SUMS.replace("0.35000", "0.36000")),
        (HEAD, PAID, BACK),
        (HEAD, PAID, BACK, TOTALS),
        (TOTALS, SUMS),
        (HEAD, PAID + ",`more", BACK, TOTALS, SUMS),
        (HEAD, PAID.replace("99.23", "99.235"), BACK, TOTALS, SUMS.replace("99.23", "99.235")),
        (HEAD, PAID.replace("99.23", "NaN"), BACK, TOTALS, SUMS),
        (HEAD, PAID.replace("12:00:00", "noon"), BACK, TOTALS, SUMS),
        (HEAD.replace("商户订单号", "别的"), PAID, BACK, TOTALS, SUMS),
        (HEAD, PAID, BACK.replace("`503,`RZK201", "`0,`0"), TOTALS, SUMS),
        ("",),
    ],
)
def test_a_bill_that_is_not_understood_whole_is_not_believed(lines):
    with pytest.raises(ValueError, match=r"\S"):
        bills.read_trades(a_bill(*lines), DAY)


def test_text_that_is_not_utf_8_is_refused():
    with pytest.raises(ValueError, match="UTF-8"):
        bills.read_trades("总交易单数".encode("gbk"), DAY)


FUNDS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号",
    "`2026-11-24 12:00:00,`4200,`19,`交易,`交易,`收入,`99.00,`99.00,`system,`,`4200",
    "`2026-11-24 12:00:01,`1330,`20,`商家转账,`商家转账,`支出,`1.00,`98.00,`system,`奖励,你好,`T1",
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额",
)


def test_funds_tell_their_way_their_amount_and_every_number():
    bill = bills.read_funds(a_bill(*FUNDS, "`2,`1,`99.00,`1,`1.00"), DAY, Account.BASIC)

    assert [(each.income, each.amount_fen, each.numbers) for each in bill.lines] == [
        (True, 9900, ("4200",)),
        (False, 100, ("T1", "1330")),
    ]


@pytest.mark.parametrize("sums", ["`3,`1,`99.00,`1,`1.00", "`2,`1,`99.01,`1,`1.00", "`2,`1,`99.00,`2,`1.00"])
def test_the_totals_of_funds_are_checked(sums):
    with pytest.raises(ValueError, match="合计行"):
        bills.read_funds(a_bill(*FUNDS, sums), DAY, Account.BASIC)


def test_the_hash_is_that_of_the_file_and_may_be_that_of_the_packed_bytes():
    plain, packed = a_bill(), gzip.compress(a_bill())

    assert bills.unpack(packed, sha1(plain)) == plain
    assert bills.unpack(packed, sha1(packed).upper()) == plain
    assert bills.unpack(plain, sha1(plain)) == plain


@pytest.mark.parametrize("raw", [gzip.compress(a_bill())[:-9], gzip.compress(a_bill()[:-1]), b"", b"\x1f\x8bx"])
def test_a_file_that_was_harmed_on_the_way_is_refused(raw):
    with pytest.raises(ValueError, match=r"\S"):
        bills.unpack(raw, sha1(a_bill()))


TOKEN = "/v3/billdownload/file?token=6XIv5TUPto7pByrTQKhd6kwvy%2BKLLIY2K%2F8%3D&tartype=gzip"


def ask(*lines, what=lambda gateway: gateway.trade_bill(DAY)):
    """Let the stand-in say its lines; ``{base}`` in an address is its own."""

    async def story():
        async with a_standin() as standin:
            for line in lines:
                if line.data and line.data.get("download_url"):
                    line.data["download_url"] = line.data["download_url"].replace("{base}", standin.base)
            standin.says(*lines)
            try:
                return await what(WeChatPay(standin.client)), [uri for _, uri, _ in standin.heard]
            finally:
                assert standin.complaints == []

    return asyncio.run(story())


def where(address="{base}" + TOKEN, **changes):
    return Line(200, {"hash_type": "SHA1", "hash_value": sha1(a_bill()), "download_url": address} | changes)


def test_the_file_is_fetched_where_wechat_says_byte_for_byte_and_needs_no_signature():
    bill, heard = ask(where(), Line(200, raw=gzip.compress(a_bill()), signed=False))

    assert len(bill.payments) == 1
    assert heard == ["/v3/bill/tradebill?bill_date=2026-11-24&bill_type=ALL&tar_type=GZIP", TOKEN]


@pytest.mark.parametrize("status", [400, 404])
def test_no_statement_means_no_trades(status):
    assert ask(Line(status, {"code": "NO_STATEMENT_EXIST", "message": ""}, signed=False))[0] is None


def test_a_bill_in_the_making_is_to_be_asked_for_again():
    with pytest.raises(BillNotReady, match="2026-11-24"):
        ask(Line(400, {"code": "STATEMENT_CREATING", "message": ""}, signed=False))


def test_another_no_is_a_no():
    with pytest.raises(PayRejected):
        ask(Line(403, {"code": "NO_AUTH", "message": ""}, signed=False))


@pytest.mark.parametrize(
    "line", [where(hash_value="0" * 40), where(download_url=None), where("https://evil.example/v3/file?token=1")]
)
def test_a_wrong_hash_or_a_strange_address_is_refused(line):
    with pytest.raises(BillUnreadable):
        ask(line, Line(200, raw=gzip.compress(a_bill()), signed=False))


def test_our_signature_goes_to_wechat_pay_only():
    async def story():
        async with a_standin() as standin:
            standin.says(where("http://127.0.0.1:9/v3/billdownload/file?token=1"))
            with pytest.raises(BillUnreadable):
                await WeChatPay(standin.client).trade_bill(DAY)
            return len(standin.heard)

    assert asyncio.run(story()) == 1
