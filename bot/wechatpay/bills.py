"""From the bytes of a bill to its facts (documents 4012791866, 4012791867): pure functions.

A bill is UTF-8 with a BOM, comma-separated, every value behind a backtick: a heading, a line for each movement,
then the heading of the totals and one line of them. Columns differ by the kind of bill, so they are found by their
names. Whatever is not as it should be is a ``ValueError``, in Chinese: a bill is believed whole or not at all.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from bot.bills import Account, FundBill, FundLine, TradeBill, TradeLine
from bot.ports import BEIJING

LARGEST = 512 * 1024 * 1024  # bytes once unpacked
GZIP = b"\x1f\x8b"
ZERO = Decimal(0)
TRADE_TOTALS: Mapping[str, str] = {
    "应结订单总金额": "应结订单金额",
    "退款总金额": "退款金额",
    "手续费总金额": "手续费",
    "订单总金额": "订单金额",
    "申请退款总金额": "申请退款金额",
}
INCOME, OUTGO = "收入", "支出"
Line = Mapping[str, str]


def unpack(raw: bytes, sha1: str) -> bytes:
    """Return the file behind a download if its SHA-1 is right: that of the file, else of the bytes as they came."""
    plain = _gunzip(raw) if raw.startswith(GZIP) else raw
    wanted = sha1.strip().lower()
    if wanted not in {_sha1(plain), _sha1(raw)}:
        raise ValueError("文件的哈希和微信给的不同")
    return plain


def read_trades(text: bytes, day: date) -> TradeBill:
    """Read a trade bill of the type ALL, and check its totals."""
    lines, totals = _table(text, "总交易单数")
    trades = [_trade(line) for line in lines]
    _check(totals, "总交易单数", Decimal(len(lines)))
    for total, column in TRADE_TOTALS.items():
        if total in totals and (not lines or column in lines[0]):
            _check(totals, total, sum((_yuan(line, column) for line in lines), ZERO))
    return TradeBill(
        day,
        tuple(each for each in trades if not each.refund_no),
        tuple(each for each in trades if each.refund_no),
    )


def read_funds(text: bytes, day: date, account: Account) -> FundBill:
    """Read a fund-flow bill, and check its totals."""
    lines, totals = _table(text, "资金流水总笔数")
    funds = [_fund(line) for line in lines]
    for word in (INCOME, OUTGO):
        own = [line for line in lines if line["收支类型"] == word]
        _check(totals, f"{word}笔数", Decimal(len(own)))
        _check(totals, f"{word}金额", sum((_yuan(line, "收支金额") for line in own), ZERO))
    _check(totals, "资金流水总笔数", Decimal(len(lines)))
    return FundBill(day, account, tuple(funds))


def _trade(line: Line) -> TradeLine:
    refund = _text(line, "交易状态") != "SUCCESS"
    number = line.get("商户退款单号", "") or line.get("微信退款单号", "")
    if refund and not number.strip("0"):
        raise ValueError("有一笔退款没有单号")
    return TradeLine(
        at=_instant(line, "交易时间"),
        app_id=line.get("公众账号ID", ""),
        transaction_id=_text(line, "微信订单号"),
        out_trade_no=_text(line, "商户订单号"),
        total_fen=0 if refund else _fen(_price(line)),
        fee_fen=_rounded(_yuan(line, "手续费")) if "手续费" in line else 0,
        refund_no=number if refund else "",
        refund_fen=_fen(_first(line, "申请退款金额", "退款金额")) if refund else 0,
        status=line.get("退款状态", "") if refund else "",
    )


def _price(line: Line) -> Decimal:
    """Return what the order cost: before WeChat's coupons, as ``amount.total`` counts it."""
    if line.get("订单金额"):
        return _yuan(line, "订单金额")
    settled = _first(line, "应结订单金额", "总金额")  # the older name
    return settled + (_yuan(line, "代金券金额") if line.get("代金券金额") else ZERO)


def _fund(line: Line) -> FundLine:
    word = _text(line, "收支类型")
    if word not in {INCOME, OUTGO}:
        raise ValueError(f"收支类型 {word!r} 不认识")
    numbers = (line.get(name, "") for name in ("业务凭证号", "微信支付业务单号"))
    return FundLine(
        at=_instant(line, "记账时间"),
        numbers=tuple(dict.fromkeys(number for number in numbers if number)),
        business=line.get("业务名称", ""),
        kind=line.get("业务类型", ""),
        income=word == INCOME,
        amount_fen=_fen(_yuan(line, "收支金额")),
    )


def _table(text: bytes, totals_begin: str) -> tuple[list[Line], Line]:
    """Split a file into its lines and its totals, each by the names of its own heading."""
    try:
        rows = [_values(line) for line in text.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise ValueError("不是 UTF-8 的文字") from None
    at = next((n for n, row in enumerate(rows) if row[0] == totals_begin), 0)
    if not at or at + 2 != len(rows):
        raise ValueError("没有合计行，文件不完整")
    heading = _heading(rows[0])
    return [_named(heading, row) for row in rows[1:at]], _named(_heading(rows[at]), rows[-1])


def _values(line: str) -> list[str]:
    """Split one line; commas inside a value, as in a course's title, are not followed by a backtick."""
    line = line.strip()
    return [each.strip() for each in (line[1:].split(",`") if line.startswith("`") else line.split(","))]


def _heading(row: Sequence[str]) -> list[str]:
    """Return the names of the columns, without the unit that some carry: 收支金额(元)."""
    return [name.replace("（", "(").partition("(")[0] for name in row]


def _named(heading: Sequence[str], row: Sequence[str]) -> Line:
    if len(row) != len(heading):
        raise ValueError(f"有一行是 {len(row)} 列，标题是 {len(heading)} 列")
    return dict(zip(heading, row, strict=True))


def _first(line: Line, *names: str) -> Decimal:
    name = next((each for each in names if line.get(each)), names[-1])
    return _yuan(line, name)


def _yuan(line: Line, name: str) -> Decimal:
    try:
        amount = Decimal(line[name])
    except (KeyError, InvalidOperation):
        raise ValueError(f"「{name}」不是金额") from None
    if not amount.is_finite():
        raise ValueError(f"「{name}」不是金额")
    return amount


def _fen(yuan: Decimal) -> int:
    fen = yuan * 100
    if fen != int(fen):
        raise ValueError(f"金额 {yuan} 元不是整分")
    return int(fen)


def _rounded(yuan: Decimal) -> int:
    """Return a fee in fen; bills write fees with five digits."""
    return int((yuan * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _instant(line: Line, name: str) -> datetime:
    try:
        return datetime.strptime(_text(line, name), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise ValueError(f"「{name}」不是时间") from None


def _text(line: Line, name: str) -> str:
    value = line.get(name, "")
    if not value:
        raise ValueError(f"缺少「{name}」")
    return value


def _check(totals: Line, name: str, counted: Decimal) -> None:
    if _yuan(totals, name) != counted:
        raise ValueError(f"合计行的{name}是 {totals[name]}，明细加起来是 {counted}")


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _gunzip(raw: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            plain = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error):
        raise ValueError("压缩文件不完整") from None
    if len(plain) > LARGEST:
        raise ValueError("解压后太大")
    return plain
