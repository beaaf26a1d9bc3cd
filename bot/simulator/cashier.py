"""The payer's side of WeChat Pay: the sheet to confirm, the scanned code, the notices that follow."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.simulator import crypto
from bot.simulator.bills import Fund
from bot.simulator.book import PayRefused, Refund, Trade
from bot.simulator.notices import Headers, Notices
from bot.simulator.stage import Stage

Tamper = Callable[[Headers, bytes], tuple[Headers, bytes]]

_WINDOW = 300  # seconds that timeStamp may be off
_PARAMS = {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}


@dataclass(frozen=True)
class Sheet:
    """What the payer sees before confirming."""

    prepay_id: str  # empty for a scanned code
    merchant: str
    description: str
    total: int  # fen


class Cashier:
    """Pays, and tells the shop. Everything refused is PayRefused, in the words the payer reads."""

    def __init__(self, stage: Stage, notices: Notices) -> None:
        self._stage = stage
        self._notices = notices

    # ---- paying ----

    def check(self, params: Mapping[str, Any], openid: str) -> Sheet:
        """Open the sheet for getBrandWCPayRequest's parameters: signature, freshness, owner and order must hold."""
        if set(params) != _PARAMS or not all(isinstance(value, str) for value in params.values()):
            raise PayRefused("调用支付 JSAPI 缺少参数：应恰有 " + "、".join(sorted(_PARAMS)) + "，且均为字符串")
        if params["appId"] != self._stage.settings.app_id:
            raise PayRefused("appId 与商户号不匹配")
        if params["signType"] != "RSA":
            raise PayRefused("signType 应为 RSA")
        self._check_stamp(params["timeStamp"])
        message = "".join(f"{params[name]}\n" for name in ("appId", "timeStamp", "nonceStr", "package"))
        if not crypto.verify(self._stage.keys.merchant.public_key(), message.encode(), params["paySign"]):
            raise PayRefused("支付验证签名失败")
        if not params["package"].startswith("prepay_id="):
            raise PayRefused("package 应形如 prepay_id=…")
        prepay_id = params["package"].removeprefix("prepay_id=")
        trade = self._stage.book.by_prepay(prepay_id, openid, self._stage.now())
        return self._sheet(trade, prepay_id)

    def look(self, code_url: str) -> Sheet:
        """Open the sheet of a scanned Native code."""
        return self._sheet(self._stage.book.by_code(code_url, self._stage.now()))

    async def confirm(self, prepay_id: str, openid: str, *, wait: bool = True) -> Trade:
        """Pay a JSAPI order and notify the shop; with `wait`, return after the first try of the notice."""
        return await self._pay(self._stage.book.by_prepay(prepay_id, openid, self._stage.now()), openid, wait=wait)

    async def scan(self, code_url: str, openid: str, *, wait: bool = True) -> Trade:
        """Scan a Native code, pay and notify the shop."""
        return await self._pay(self._stage.book.by_code(code_url, self._stage.now()), openid, wait=wait)

    async def pay_anyway(self, out_trade_no: str, openid: str, *, wait: bool = True) -> Trade:
        """Let a payment that was under way arrive, even when the order has been closed since."""
        return await self._pay(self._stage.book.find(out_trade_no), openid, wait=wait)

    # ---- looking ----

    def trade(self, out_trade_no: str) -> Trade:
        """Return the trade. Raises PayRefusal (404) when there is none."""
        return self._stage.book.find(out_trade_no)

    @property
    def trades(self) -> list[Trade]:
        """Every trade, oldest first."""
        return self._stage.book.all()

    @property
    def sent(self) -> list[tuple[str, int]]:
        """(out_trade_no or out_refund_no, HTTP status; 0 = no answer) of every notice posted by itself."""
        return self._notices.sent

    # ---- notices by hand ----

    def notice(
        self,
        out_trade_no: str,
        /,  # so that `overrides` may change the number that the notice tells
        *,
        timestamp: int | None = None,
        serial: str | None = None,
        signature: str | None = None,
        **overrides: Any,
    ) -> tuple[Headers, bytes]:
        """Return a signed notice of the trade, to post, replay or spoil. `overrides` change the plaintext."""
        body = self._notices.of_trade(self.trade(out_trade_no), **overrides)
        return self._headers(body, timestamp, serial, signature), body

    def refund_notice(self, out_refund_no: str, **overrides: Any) -> tuple[Headers, bytes]:
        """Return a signed notice of the refund."""
        trade, refund = self._stage.book.find_refund(out_refund_no)
        body = self._notices.of_refund(trade, refund, **overrides)
        return self._headers(body, None, None, None), body

    async def send_notice(
        self, out_trade_no: str, *, times: int = 1, concurrent: bool = False, tamper: Tamper | None = None
    ) -> list[int]:
        """Post the notice of a paid trade `times` over; returns the HTTP statuses (0: no answer)."""
        headers, body = self.notice(out_trade_no)
        if tamper is not None:
            headers, body = tamper(headers, body)
        url = self.trade(out_trade_no).request["notify_url"]
        if concurrent:
            return list(await asyncio.gather(*(self._notices.post(url, headers, body) for _ in range(times))))
        return [await self._notices.post(url, headers, body) for _ in range(times)]

    def move_funds(
        self,
        number: str,
        amount: int,
        business: str = "商家转账",
        *,
        income: bool = False,
        account: str = "OPERATION",
    ) -> None:
        """Let funds move that no trade explains, so that the fund-flow bill of this day tells of it."""
        self._stage.bills.funds.append(Fund(self._stage.now(), number, business, amount, income, account))

    async def settle_refund(self, out_refund_no: str, status: str) -> Refund:
        """Bring a refund to `status` (SUCCESS, ABNORMAL, CLOSED) and send its notice."""
        trade, refund = self._stage.book.find_refund(out_refund_no)
        refund.status = status
        await self._notices.tell_refunded(trade, refund)
        return refund

    # ---- helpers ----

    async def _pay(self, trade: Trade, openid: str, *, wait: bool) -> Trade:
        self._stage.book.settle(trade, openid, self._stage.now())
        await self._notices.tell_paid(trade, wait=wait)
        return trade

    def _headers(self, body: bytes, timestamp: int | None, serial: str | None, signature: str | None) -> Headers:
        headers = self._notices.headers(body, timestamp=timestamp, serial=serial, signature=signature)
        return {"Content-Type": "application/json", **headers}

    def _sheet(self, trade: Trade, prepay_id: str = "") -> Sheet:
        return Sheet(prepay_id, self._stage.settings.account_name, trade.description, trade.total)

    def _check_stamp(self, stamp: str) -> None:
        if not re.fullmatch(r"[0-9]{9,11}", stamp):
            raise PayRefused("timeStamp 应为以秒计的字符串")
        if abs(self._stage.now() - int(stamp)) > _WINDOW:
            raise PayRefused("支付签名已过期，请重新进入页面")
