"""The ledger of the simulated WeChat Pay: trades, refunds, and what may happen to them.

No HTTP, no signatures, no clock. Money is integer fen; times are unix seconds.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_BEIJING = timezone(timedelta(hours=8))
_PREPAY_SECONDS = 2 * 3600
_DEFAULT_LIFE = 7 * 86400
_REFUND_GAP = 60
_MAX_REFUNDS = 50
_REFUND_LIFE = 365 * 86400


class PayRefusal(Exception):
    """An answer other than 2xx: status, code and message as the API gives them."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


class PayRefused(Exception):
    """What the payer reads in the cashier when the payment cannot start."""


def rfc3339(at: float) -> str:
    """Return `at` in Beijing time, as WeChat Pay writes times."""
    return datetime.fromtimestamp(int(at), UTC).astimezone(_BEIJING).isoformat()


@dataclass
class Refund:
    """One refund of a trade."""

    out_refund_no: str
    request: dict[str, Any]
    amount: int
    created: float
    status: str
    refund_id: str
    account: str = ""  # where an abnormal one was sent to instead


@dataclass
class Trade:
    """One order as WeChat Pay knows it: an out_trade_no and all that became of it."""

    trade_type: str  # "JSAPI" | "NATIVE"
    request: dict[str, Any]  # the first call's JSON; a repeat must equal it
    created: float
    prepay_ids: dict[str, float] = field(default_factory=dict)  # id → issued
    code_url: str = ""
    code_issued: float = 0.0
    closed: bool = False
    transaction_id: str = ""
    paid_at: float = 0.0
    payer: str = ""  # openid of who paid
    refunds: dict[str, Refund] = field(default_factory=dict)

    @property
    def out_trade_no(self) -> str:
        """The merchant's number of this attempt."""
        return str(self.request["out_trade_no"])

    @property
    def total(self) -> int:
        """The price in fen."""
        return int(self.request["amount"]["total"])

    @property
    def description(self) -> str:
        """What is sold, as the payer reads it."""
        return str(self.request["description"])

    @property
    def expires(self) -> float:
        """When the order closes by itself."""
        if expire := self.request.get("time_expire"):
            return datetime.fromisoformat(expire).timestamp()
        return self.created + _DEFAULT_LIFE

    @property
    def refunded(self) -> int:
        """Fen refunded or on the way back."""
        return sum(each.amount for each in self.refunds.values() if each.status != "CLOSED")

    def state(self, now: float) -> str:
        """Return the trade_state at `now`."""
        if self.transaction_id:
            return "REFUND" if self.refunds else "SUCCESS"
        return "CLOSED" if self.closed or now >= self.expires else "NOTPAY"

    def facts(self, now: float) -> dict[str, Any]:
        """Return the trade as queries and notices tell it."""
        state = self.state(now)
        told = {
            "appid": self.request["appid"],
            "mchid": self.request["mchid"],
            "out_trade_no": self.out_trade_no,
            "trade_state": state,
            "trade_state_desc": _DESCRIPTIONS[state],
            "attach": self.request.get("attach", ""),
        }
        if not self.transaction_id:
            return told
        return told | {
            "transaction_id": self.transaction_id,
            "trade_type": self.trade_type,
            "bank_type": "OTHERS",
            "success_time": rfc3339(self.paid_at),
            "payer": {"openid": self.payer},
            "amount": {"total": self.total, "payer_total": self.total, "currency": "CNY", "payer_currency": "CNY"},
        }


_DESCRIPTIONS = {"SUCCESS": "支付成功", "REFUND": "转入退款", "NOTPAY": "订单未支付", "CLOSED": "订单已关闭"}


class TradeBook:
    """Every trade and refund of the merchant."""

    def __init__(self) -> None:
        self._trades: dict[str, Trade] = {}

    def clear(self) -> None:
        """Forget all trades."""
        self._trades.clear()

    def all(self) -> list[Trade]:
        """Return every trade, oldest first."""
        return list(self._trades.values())

    def place(self, trade_type: str, request: dict[str, Any], now: float) -> Trade:
        """Take an order, or the exact repeat of one, and give it a fresh prepay_id or code_url."""
        number = request["out_trade_no"]
        trade = self._trades.get(number)
        if trade is None:
            trade = self._trades[number] = Trade(trade_type, request, now)
        elif trade.transaction_id:
            raise PayRefusal(400, "ORDERPAID", "该订单已支付")
        elif (trade.trade_type, trade.request) != (trade_type, request):
            raise PayRefusal(403, "OUT_TRADE_NO_USED", "请求重入时，参数与首次请求时不一致")
        elif trade.state(now) == "CLOSED":
            raise PayRefusal(400, "ORDER_CLOSED", "该订单已关闭")
        if trade_type == "NATIVE":
            trade.code_url = "weixin://wxpay/bizpayurl?pr=" + secrets.token_urlsafe(7)[:9]
            trade.code_issued = now
        else:
            stamp = datetime.fromtimestamp(now, _BEIJING).strftime("wx%d%H%M%S")
            trade.prepay_ids[stamp + secrets.token_hex(13)] = now
        return trade

    def find(self, out_trade_no: str) -> Trade:
        """Return the trade, or refuse with 404 ORDER_NOT_EXIST."""
        if trade := self._trades.get(out_trade_no):
            return trade
        raise PayRefusal(404, "ORDER_NOT_EXIST", "订单不存在")

    def by_transaction(self, transaction_id: str) -> Trade:
        """Return the trade paid under that id, or refuse with 404 ORDER_NOT_EXIST."""
        for trade in self._trades.values():
            if transaction_id and trade.transaction_id == transaction_id:
                return trade
        raise PayRefusal(404, "ORDER_NOT_EXIST", "订单不存在")

    def by_prepay(self, prepay_id: str, openid: str, now: float) -> Trade:
        """Return the payable trade behind a prepay_id. Raises PayRefused in the payer's words."""
        for trade in self._trades.values():
            if prepay_id in trade.prepay_ids:
                if trade.request["payer"]["openid"] != openid:
                    raise PayRefused("下单账号与支付账号不一致，请核实后再支付")
                return _payable(trade, trade.prepay_ids[prepay_id], now)
        raise PayRefused("支付验证签名失败：prepay_id 无效")

    def by_code(self, code_url: str, now: float) -> Trade:
        """Return the payable trade behind a Native QR; only the newest code is valid. Raises PayRefused."""
        for trade in self._trades.values():
            if code_url and trade.code_url == code_url:
                return _payable(trade, trade.code_issued, now)
        raise PayRefused("二维码已失效")

    def close(self, out_trade_no: str) -> Trade:
        """Close an unpaid trade; closing twice is quiet. Paid: 400 ORDERPAID."""
        trade = self.find(out_trade_no)
        if trade.transaction_id:
            raise PayRefusal(400, "ORDERPAID", "该订单已支付")
        trade.closed = True
        return trade

    @staticmethod
    def settle(trade: Trade, openid: str, now: float) -> None:
        """Book the payment, whatever became of the order since: money moves once only."""
        if trade.transaction_id:
            raise PayRefused("该订单已支付")
        trade.transaction_id = "4200" + "".join(secrets.choice("0123456789") for _ in range(24))
        trade.paid_at, trade.payer = now, openid

    def refund(self, request: dict[str, Any], status: str, now: float) -> tuple[Trade, Refund]:
        """Take a refund request; the same number with the same content refunds once."""
        number = request["out_refund_no"]
        if known := self._refund(number):
            if known[1].request != request:
                raise PayRefusal(400, "INVALID_REQUEST", "退款单号已存在，且参数与首次请求时不一致")
            return known
        trade = self._refundable(request)
        amount = request["amount"]
        if not trade.transaction_id:
            raise PayRefusal(400, "INVALID_REQUEST", "订单未支付，不能退款")
        if amount["total"] != trade.total:
            raise PayRefusal(400, "INVALID_REQUEST", "订单金额与支付时不一致")
        if trade.refunded + amount["refund"] > trade.total:
            raise PayRefusal(400, "INVALID_REQUEST", "退款金额大于可退金额")
        if now - trade.paid_at > _REFUND_LIFE:
            raise PayRefusal(400, "INVALID_REQUEST", "交易时间超过一年，不能退款")
        if len(trade.refunds) >= _MAX_REFUNDS:
            raise PayRefusal(403, "RULE_LIMIT", "退款次数超限")
        if any(now - each.created < _REFUND_GAP for each in trade.refunds.values()):
            raise PayRefusal(429, "FREQUENCY_LIMITED", "同一订单两次退款须间隔 1 分钟")
        refund = Refund(number, request, amount["refund"], now, status, "503" + secrets.token_hex(12))
        trade.refunds[number] = refund
        return trade, refund

    def redirect(self, refund_id: str, out_refund_no: str, account: str) -> tuple[Trade, Refund]:
        """Send an ABNORMAL refund on its way again, to another account."""
        trade, refund = self.find_refund(out_refund_no)
        if refund.refund_id != refund_id:
            raise PayRefusal(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        if refund.status != "ABNORMAL":
            raise PayRefusal(400, "INVALID_REQUEST", "退款单不是异常状态，不能发起异常退款")
        refund.status, refund.account = "PROCESSING", account
        return trade, refund

    def find_refund(self, out_refund_no: str) -> tuple[Trade, Refund]:
        """Return the refund and its trade, or refuse with 404 RESOURCE_NOT_EXISTS."""
        if known := self._refund(out_refund_no):
            return known
        raise PayRefusal(404, "RESOURCE_NOT_EXISTS", "退款单不存在")

    def _refund(self, number: str) -> tuple[Trade, Refund] | None:
        for trade in self._trades.values():
            if number in trade.refunds:
                return trade, trade.refunds[number]
        return None

    def _refundable(self, request: dict[str, Any]) -> Trade:
        try:
            if "out_trade_no" in request:
                return self.find(request["out_trade_no"])
            return self.by_transaction(request["transaction_id"])
        except PayRefusal:
            raise PayRefusal(404, "RESOURCE_NOT_EXISTS", "订单不存在") from None


def _payable(trade: Trade, issued: float, now: float) -> Trade:
    if trade.transaction_id:
        raise PayRefused("该订单已支付")
    if trade.state(now) == "CLOSED":
        raise PayRefused("该订单已关闭")
    if now - issued >= _PREPAY_SECONDS:
        raise PayRefused("该订单已过期")
    return trade


def refund_facts(trade: Trade, refund: Refund, now: float) -> dict[str, Any]:
    """Return a refund as the API tells it (`status`); the notice says `refund_status` instead."""
    told = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": trade.transaction_id,
        "out_trade_no": trade.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "商户结算银行账户" if refund.account == "MERCHANT_BANK_CARD" else "支付用户零钱",
        "create_time": rfc3339(refund.created),
        "status": refund.status,
        "amount": {
            "total": trade.total,
            "refund": refund.amount,
            "payer_total": trade.total,
            "payer_refund": refund.amount,
            "currency": "CNY",
        },
    }
    if refund.status == "SUCCESS":
        told["success_time"] = rfc3339(now)
    return told
