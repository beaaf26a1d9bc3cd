"""The daily bills of the simulated WeChat Pay: written from its own book, kept to be fetched for five minutes.

No HTTP. Money is integer fen inside and yuan in the files; days are Beijing days. The faults can plant lies.
"""

import gzip
import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from urllib.parse import quote

from bot.simulator.book import PayRefusal, Refund, Trade
from bot.simulator.faults import Faults
from bot.simulator.transferbook import TransferBill

_BEIJING = timezone(timedelta(hours=8))
_TOKEN_SECONDS = 300
_READY_HOUR = 10
_KEPT_DAYS = 92
_RATE = "0.60%"
_TRADES = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
_TRADE_TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
_FUNDS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
_FUND_TOTALS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"


@dataclass(frozen=True)
class Move:
    """One line of a trade bill: a payment, or a refund of one."""

    at: float
    trade_no: str
    transaction_id: str
    title: str
    kind: str
    payer: str
    total: int = 0
    refund_no: str = ""
    refund_id: str = ""
    refund: int = 0
    status: str = ""

    @property
    def fee(self) -> int:
        """What is kept of a payment, 0.6 %; given back with a refund."""
        return (self.total * 6 + 500) // 1000 - (self.refund * 6 + 500) // 1000


@dataclass(frozen=True)
class Fund:
    """A movement of funds that is no trade, such as a transfer to a person."""

    at: float
    number: str
    business: str
    amount: int
    income: bool = False
    account: str = "OPERATION"


@dataclass
class Bills:
    """Files made and not yet too old to be fetched; ``funds`` are movements that no trade explains."""

    funds: list[Fund] = field(default_factory=list)
    _files: dict[str, tuple[float, bytes]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything."""
        self.funds.clear()
        self._files.clear()

    def keep(self, text: str, now: float, *, broken: bool) -> dict[str, str]:
        """Pack a file; return its hash and where it is, the address given without an origin."""
        plain = b"\xef\xbb\xbf" + text.encode()
        token = secrets.token_urlsafe(24) + "+/="
        self._files[token] = (now + _TOKEN_SECONDS, gzip.compress(plain))
        sha1 = hashlib.sha1(plain + (b"!" if broken else b""), usedforsecurity=False).hexdigest()
        path = f"/v3/billdownload/file?token={quote(token, safe='')}&tartype=gzip"
        return {"hash_type": "SHA1", "hash_value": sha1, "download_url": path}

    def fetch(self, token: str, now: float) -> bytes:
        """Return a packed file. 400 when the token is unknown or older than five minutes."""
        until, packed = self._files.get(token, (0.0, b""))
        if now > until:
            raise PayRefusal(400, "PARAM_ERROR", "token 已失效")
        return packed


def check_day(text: str, now: float) -> date:
    """Return the day that is asked for, or refuse it as WeChat Pay does."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise PayRefusal(400, "PARAM_ERROR", "bill_date 格式应为 yyyy-MM-dd")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise PayRefusal(400, "PARAM_ERROR", "bill_date 不是日期") from None
    here = datetime.fromtimestamp(now, _BEIJING)
    if day >= here.date():
        raise PayRefusal(400, "PARAM_ERROR", "账单日期应早于今天")
    if day < here.date() - timedelta(days=_KEPT_DAYS):
        raise PayRefusal(400, "PARAM_ERROR", "只能下载三个月以内的账单")
    if day == here.date() - timedelta(days=1) and here.hour < _READY_HOUR:
        raise PayRefusal(400, "STATEMENT_CREATING", "账单生成中")
    return day


def moves_of(trades: Iterable[Trade], day: date, faults: Faults) -> list[Move]:
    """Return the day's payments and refunds, with what the faults plant among them."""
    paid = [_payment(each) for each in trades if each.transaction_id and _on(each.paid_at, day)]
    back = [_refund(t, r) for t in trades for r in t.refunds.values() if _on(r.created, day)]
    return sorted(_planted(paid, back, day, faults), key=lambda move: move.at, reverse=True)


def _payment(trade: Trade) -> Move:
    return Move(
        trade.paid_at,
        trade.out_trade_no,
        trade.transaction_id,
        trade.description,
        trade.trade_type,
        trade.payer,
        trade.total,
    )


def _refund(trade: Trade, refund: Refund) -> Move:
    return Move(
        refund.created,
        trade.out_trade_no,
        trade.transaction_id,
        trade.description,
        trade.trade_type,
        trade.payer,
        refund_no=refund.out_refund_no,
        refund_id=refund.refund_id,
        refund=refund.amount,
        status=refund.status,
    )


def _planted(paid: list[Move], back: list[Move], day: date, faults: Faults) -> list[Move]:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=_BEIJING).timestamp()
    if faults.bill_missing_trade:
        paid = [each for each in paid if each.trade_no != faults.bill_missing_trade]
    if faults.bill_wrong_amount:
        wrong = faults.bill_wrong_amount
        paid = [replace(each, total=each.total + 1) if each.trade_no == wrong else each for each in paid]
    if faults.bill_extra_trade:
        extra = Move(noon, faults.bill_extra_trade, "4200" + "7" * 24, "不知道是什么", "NATIVE", "oNobody", 100)
        paid = [*paid, extra]
    if faults.bill_extra_refund:
        number, ids = faults.bill_extra_refund, ("4200" + "8" * 24, "503" + "8" * 24)
        extra = Move(noon, "T" + number, ids[0], "手工退款", "JSAPI", "oNobody", 0, number, ids[1], 50, "SUCCESS")
        back = [*back, extra]
    return [*paid, *back]


def trade_file(moves: Sequence[Move], app_id: str, mch_id: str, *, totals_off: bool) -> str:
    """Write a trade bill of the type ALL. The values of a line stand behind backticks, and are not quoted."""
    lines = [
        ",".join(
            f"`{value}"
            for value in (
                _time(each.at),
                app_id,
                mch_id,
                "0",
                "",
                each.transaction_id,
                each.trade_no,
                each.payer,
                each.kind,
                "REFUND" if each.refund_no else "SUCCESS",
                "OTHERS",
                "CNY",
                _yuan(each.total),
                "0.00",
                each.refund_id or "0",
                each.refund_no or "0",
                _yuan(each.refund),
                "0.00",
                "ORIGINAL" if each.refund_no else "",
                each.status,
                each.title,
                "",
                f"{_yuan(each.fee)}000",
                _RATE,
                _yuan(each.total),
                _yuan(each.refund),
                "",
            )
        )
        for each in moves
    ]
    paid, back = sum(each.total for each in moves), sum(each.refund for each in moves)
    fees = f"{_yuan(sum(each.fee for each in moves))}000"
    totals = (str(len(moves) + totals_off), _yuan(paid), _yuan(back), "0.00", fees, _yuan(paid), _yuan(back))
    return _file(_TRADES, lines, _TRADE_TOTALS, totals)


def fund_file(moves: Sequence[Move], funds: Sequence[Fund]) -> str:
    """Write the fund-flow bill of one account."""
    rows = []
    for each in moves:
        income = not each.refund_no
        name, amount = ("交易", each.total) if income else ("退款", each.refund)
        proof = each.transaction_id if income else f"REF{each.transaction_id}"
        number = each.transaction_id if income else each.refund_id
        rows.append((each.at, number, name, name, income, amount, proof))
        if each.fee:
            rows.append((each.at, number, "交易手续费", "扣除交易手续费", each.fee < 0, abs(each.fee), proof))
    for fund in funds:
        number = "1330" + secrets.token_hex(12)
        rows.append((fund.at, number, fund.business, fund.business, fund.income, fund.amount, fund.number))
    lines = [
        ",".join(
            f"`{value}"
            for value in (
                _time(at),
                number,
                secrets.token_hex(12),
                name,
                kind,
                "收入" if income else "支出",
                _yuan(amount),
                "0.00",
                "system",
                "",
                proof,
            )
        )
        for at, number, name, kind, income, amount, proof in rows
    ]
    ways = [(income, amount) for _, _, _, _, income, amount, _ in rows]
    counted = [(sum(i is way for i, _ in ways), sum(a for i, a in ways if i is way)) for way in (True, False)]
    totals = [str(len(rows)), *(text for n, fen in counted for text in (str(n), _yuan(fen)))]
    return _file(_FUNDS, lines, _FUND_TOTALS, totals)


def transfer_funds(transfers: Iterable[TransferBill], now: float) -> list[Fund]:
    """Return how transfers move funds: out when they are ordered, back when nothing came of them."""
    funds = []
    for each in transfers:
        funds.append(Fund(each.created, each.out_bill_no, "商家转账", each.amount))
        if each.look(now) in {"FAIL", "CANCELLED"}:
            funds.append(Fund(each.updated, each.out_bill_no, "商家转账退回", each.amount, income=True))
    return funds


def funds_on(funds: Iterable[Fund], day: date, account: str) -> list[Fund]:
    """Return the other movements of a day on one account."""
    return [each for each in funds if each.account == account and _on(each.at, day)]


def _file(heading: str, lines: Sequence[str], totals_heading: str, totals: Sequence[str]) -> str:
    return "\r\n".join([heading, *lines, totals_heading, ",".join(f"`{value}" for value in totals), ""])


def _on(at: float, day: date) -> bool:
    return datetime.fromtimestamp(at, _BEIJING).date() == day


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _yuan(fen: int) -> str:
    sign, fen = "-" if fen < 0 else "", abs(fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"
