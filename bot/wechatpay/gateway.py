"""WeChat Pay as the shop knows it (``ports.PayGateway``): a method for each endpoint. No order is changed here."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlsplit

from bot.bills import Account, FundBill, TradeBill
from bot.errors import BillNotReady, BillUnreadable, PayRejected, PayUnknown
from bot.models import Notice, RefundFacts, Trade, TradeType
from bot.ports import BEIJING, PrepayOrder
from bot.wechatpay import bills, crypto, notices
from bot.wechatpay.client import NO_CONTENT, PayClient, Reply
from bot.wechatpay.facts import pick, read_refund, read_trade

TRADES = "/v3/pay/transactions"
REFUNDS = "/v3/refund/domestic/refunds"
PREPAY: Mapping[TradeType, tuple[str, str]] = {
    TradeType.JSAPI: (f"{TRADES}/jsapi", "prepay_id"),
    TradeType.NATIVE: (f"{TRADES}/native", "code_url"),
}
TRADE_BILL = "/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP"
FUND_BILL = "/v3/bill/fundflowbill?bill_date={day}&account_type={account}&tar_type=GZIP"
OFFICIAL = ".mch.weixin.qq.com"
CURRENCY = "CNY"
# The documents say 127 and 80 without a unit; counted in bytes and kept even, both readings are satisfied.
DESCRIPTION_BYTES = 126
REASON_BYTES = 80
NOT_FOUND = 404
NO_SUCH_CODES = frozenset(
    {"ORDERNOTEXIST", "ORDERNOTEXISTS", "RESOURCENOTEXISTS", "REFUNDNOTEXIST", "REFUNDNOTEXISTS"}
)


class WeChatPay:
    """The real ``PayGateway``; ``client.echo()`` tells ``doctor`` whether clock and keys work."""

    def __init__(self, client: PayClient) -> None:
        self.client = client
        self._settings = client.settings

    def prepay_request(self, order: PrepayOrder) -> str:
        """Return the JSON of a trade (documents 4012791856, 4012791877). Pure: the same order, the same text."""
        fields: dict[str, Any] = {
            "appid": self._settings.app_id,
            "mchid": self._settings.mch_id,
            "description": _cut(order.description, DESCRIPTION_BYTES),
            "out_trade_no": order.out_trade_no,
            "time_expire": order.time_expire.astimezone(BEIJING).isoformat(timespec="seconds"),
            "notify_url": self._settings.notify_url,
            "amount": {"total": order.total_fen, "currency": CURRENCY},
        }
        if order.trade_type is TradeType.JSAPI:
            fields["payer"] = {"openid": order.payer_openid}
        return _json(fields)

    async def prepay(self, trade_type: TradeType, request: str) -> str:
        """Place or refresh the trade; return the prepay_id (JSAPI) or the code_url (NATIVE), good for two hours."""
        target, key = PREPAY[trade_type]
        reply = await self.client.request("POST", target, request.encode())
        try:
            handle = pick(reply.data, key, str, "")
        except ValueError:
            handle = ""
        if not handle:
            raise PayUnknown(f"a reply without {key}")
        return handle

    def bridge_params(self, prepay_id: str) -> Mapping[str, str]:
        """Return what ``getBrandWCPayRequest`` wants (document 4012791857), with a fresh time and nonce."""
        timestamp, nonce = int(self.client.clock.now().timestamp()), secrets.token_hex(16)
        return {
            "appId": self._settings.app_id,
            "timeStamp": str(timestamp),
            "nonceStr": nonce,
            "package": f"prepay_id={prepay_id}",
            "signType": "RSA",
            "paySign": crypto.bridge_sign(
                self._settings.signing_key,
                app_id=self._settings.app_id,
                timestamp=timestamp,
                nonce=nonce,
                prepay_id=prepay_id,
            ),
        }

    async def query(self, out_trade_no: str) -> Trade | None:
        """Return WeChat's view of the trade (document 4012791859); None when it says that there is none."""
        reply = await self._find(f"{_trade(out_trade_no)}?mchid={self._settings.mch_id}")
        if reply is None:
            return None
        try:
            trade = read_trade(reply.data)
        except ValueError as error:
            raise PayUnknown(f"an unreadable trade: {error}") from None
        if trade.out_trade_no != out_trade_no:
            raise PayUnknown("the answer is about another trade")
        return trade

    async def close(self, out_trade_no: str) -> None:
        """Close the trade (document 4012791860); returns on a verified 204 only. ``AlreadyPaid`` when too late."""
        body = _json({"mchid": self._settings.mch_id}).encode()
        reply = await self.client.request("POST", f"{_trade(out_trade_no)}/close", body)
        if reply.status != NO_CONTENT:
            raise PayUnknown(f"close answered with status {reply.status}")

    def refund_request(
        self, *, out_trade_no: str, out_refund_no: str, refund_fen: int, total_fen: int, reason: str
    ) -> str:
        """Return the JSON of a refund (document 4012791862). Pure: the same refund, the same text."""
        fields: dict[str, Any] = {
            "out_trade_no": out_trade_no,
            "out_refund_no": out_refund_no,
            "notify_url": self._settings.refund_notify_url,
            "amount": {"refund": refund_fen, "total": total_fen, "currency": CURRENCY},
        }
        if reason:
            fields["reason"] = _cut(reason, REASON_BYTES)
        return _json(fields)

    async def refund(self, request: str) -> RefundFacts:
        """Ask for the refund; the same request refunds once. ``status`` SUCCESS alone means money went back."""
        return _refund_facts(await self.client.request("POST", REFUNDS, request.encode()))

    async def query_refund(self, out_refund_no: str) -> RefundFacts | None:
        """Return WeChat's view of the refund; None when it says that there is none."""
        reply = await self._find(f"{REFUNDS}/{quote(out_refund_no, safe='')}")
        if reply is None:
            return None
        facts = _refund_facts(reply)
        if facts.out_refund_no != out_refund_no:
            raise PayUnknown("the answer is about another refund")
        return facts

    async def redirect_refund(self, refund_id: str, out_refund_no: str) -> RefundFacts:
        """Apply for an abnormal refund to be paid to the merchant's bank account (document 4012791862).

        The payer's own bank card would need their card number and name, encrypted: neither do we ask for.
        """
        target = f"{REFUNDS}/{quote(refund_id, safe='')}/apply-abnormal-refund"
        body = _json({"out_refund_no": out_refund_no, "type": "MERCHANT_BANK_CARD"}).encode()
        facts = _refund_facts(await self.client.request("POST", target, body))
        if facts.out_refund_no != out_refund_no:
            raise PayUnknown("the answer is about another refund")
        return facts

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify, decrypt and parse a notification; ``body`` must be the raw bytes. ``NoticeRefused`` otherwise.

        A genuine notice about something that is not a trade or a refund has neither; ``plain`` holds its content.
        """
        return notices.read(self._settings, self.client.clock.now(), headers, body)

    async def trade_bill(self, day: date) -> TradeBill | None:
        """Return the trades of a Beijing day (document 4012791866); None when there were none."""
        text = await self._bill(TRADE_BILL.format(day=day), day)
        try:
            return None if text is None else bills.read_trades(text, day)
        except ValueError as error:
            raise BillUnreadable(str(error)) from None

    async def fund_bill(self, day: date, account: Account) -> FundBill | None:
        """Return an account's movements of funds on a Beijing day (document 4012791867); None without any."""
        text = await self._bill(FUND_BILL.format(day=day, account=account.value), day)
        try:
            return None if text is None else bills.read_funds(text, day, account)
        except ValueError as error:
            raise BillUnreadable(str(error)) from None

    async def _bill(self, target: str, day: date) -> bytes | None:
        """Ask where the file is, fetch it at once (the address is good for five minutes), check its hash."""
        try:
            reply = await self.client.request("GET", target)
        except PayRejected as error:
            plain = error.code.replace("_", "")
            if plain in {"NOSTATEMENTEXIST", "STATEMENTNOTEXIST"}:
                return None
            if plain == "STATEMENTCREATING":
                raise BillNotReady(day) from None
            raise
        try:
            address, sha1 = (pick(reply.data, key, str, "") for key in ("download_url", "hash_value"))
            return bills.unpack(await self.client.download(self._own(address)), sha1)
        except ValueError as error:
            raise BillUnreadable(str(error)) from None

    def _own(self, address: str) -> str:
        """Return path and query as they were given, never encoded anew; our signature goes to WeChat Pay only."""
        parts = urlsplit(address)
        hosts = (parts.netloc, urlsplit(self._settings.api_base).netloc)
        if hosts[0] != hosts[1] and not (hosts[0].endswith(OFFICIAL) and hosts[1].endswith(OFFICIAL)):
            raise ValueError("下载地址不是微信支付的")
        return f"{parts.path}?{parts.query}"

    async def _find(self, target: str) -> Reply | None:
        try:
            return await self.client.request("GET", target)
        except PayRejected as error:
            if error.status == NOT_FOUND and error.code.replace("_", "") in NO_SUCH_CODES:
                return None
            raise


def _trade(out_trade_no: str) -> str:
    return f"{TRADES}/out-trade-no/{quote(out_trade_no, safe='')}"


def _refund_facts(reply: Reply) -> RefundFacts:
    try:
        return read_refund(reply.data, "status")
    except ValueError as error:
        raise PayUnknown(f"an unreadable refund: {error}") from None


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _cut(text: str, limit: int) -> str:
    """Shorten to at most ``limit`` bytes of UTF-8, never inside a character."""
    return text.encode()[:limit].decode(errors="ignore")
