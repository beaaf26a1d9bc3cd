"""api.mch.weixin.qq.com: WeChat Pay v3 over HTTP. Rules are payrules.py, the ledger book.py."""

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, unquote

from bot.simulator import bills, crypto
from bot.simulator.book import PayRefusal, PayRefused, Trade, refund_facts
from bot.simulator.http import ApiHandler, utf8_json
from bot.simulator.notices import Notices, signtest
from bot.simulator.payrules import check_close, check_echo, check_order, check_redirect, check_refund
from bot.simulator.stage import Stage

Answer = tuple[int, dict[str, Any] | bytes | None]  # status and JSON; a file; None for an empty 204

_SCHEME = "WECHATPAY2-SHA256-RSA2048"
_PART = re.compile(r'(mchid|nonce_str|signature|timestamp|serial_no)="([^"]*)"')
_WINDOW = 300
_OK, _NO_CONTENT = 200, 204
_JSON = "application/json; charset=utf-8"


class MchHandler(ApiHandler):
    """Every call of WeChat Pay v3. Signs 2xx answers with the platform key, and only those."""

    notices: Notices

    def initialize(self, stage: Stage, notices: Notices | None = None) -> None:
        """Take the shared state."""
        super().initialize(stage)
        assert notices is not None
        self.notices = notices

    async def serve(self) -> None:
        """Answer the call, refuse it, or lose it as the faults say."""
        faults = self.stage.faults
        if faults.take("pay_lost_before"):
            await self.lose()
            return
        try:
            self._refuse_by_mood()
            self._check_headers()
            self._check_signature()
            status, told = await self._dispatch()
        except PayRefusal as refusal:
            self._refuse(refusal)
            return
        if faults.take("pay_lost_after"):
            await self.lose()
            return
        await asyncio.sleep(faults.pay_delay)
        self._reply(status, told)

    # ---- at the door ----

    def _refuse_by_mood(self) -> None:
        if self.stage.faults.take("pay_errors"):
            raise PayRefusal(500, "SYSTEM_ERROR", "系统错误")
        if self.stage.faults.take("pay_busy"):
            raise PayRefusal(429, "FREQUENCY_LIMITED", "频率超限")

    def _check_headers(self) -> None:
        headers = self.request.headers
        if not headers.get("User-Agent"):
            raise PayRefusal(400, "INVALID_REQUEST", "Http 头缺少 User-Agent")
        if "application/json" not in headers.get("Accept", ""):
            raise PayRefusal(400, "INVALID_REQUEST", "Http 头 Accept 应包含 application/json")
        if headers.get("Wechatpay-Serial") != self.stage.credentials.public_key_id:
            raise PayRefusal(400, "PARAM_ERROR", "Wechatpay-Serial 应为微信支付公钥 ID")
        if self.request.body and not headers.get("Content-Type", "").startswith("application/json"):
            raise PayRefusal(415, "INVALID_REQUEST", "Content-Type 应为 application/json")

    def _check_signature(self) -> None:
        scheme, _, rest = self.request.headers.get("Authorization", "").partition(" ")
        pairs = [_PART.fullmatch(each.strip()) for each in rest.split(",")]
        parts: dict[str, str] = {each[1]: each[2] for each in pairs if each is not None}
        if scheme != _SCHEME or len(parts) != len(pairs) or len(parts) != 5:  # noqa: PLR2004 (the five named parts)
            raise _sign_error("Authorization 格式不正确")
        if (
            parts["mchid"] != self.stage.settings.mch_id
            or parts["serial_no"] != self.stage.credentials.merchant_serial
        ):
            raise _sign_error("商户号或商户证书序列号不正确")
        if not re.fullmatch(r"[0-9]{9,11}", parts["timestamp"]) or (
            abs(self.stage.now() - int(parts["timestamp"])) > _WINDOW
        ):
            raise _sign_error("Http 头 Authorization 中的 timestamp 与发起请求的时间不得超过 5 分钟")
        if not re.fullmatch(r"[0-9A-Za-z]{1,32}", parts["nonce_str"]):
            raise _sign_error("nonce_str 应为 1 到 32 个字母或数字")
        head = f"{self.request.method}\n{self.request.uri}\n{parts['timestamp']}\n{parts['nonce_str']}\n"
        message = head.encode() + self.request.body + b"\n"
        if not crypto.verify(self.stage.keys.merchant.public_key(), message, parts["signature"]):
            raise _sign_error("签名错误，请检查后再试")

    # ---- the calls ----

    async def _dispatch(self) -> Answer:
        for method, pattern, call in _CALLS:
            matched = pattern.fullmatch(self.request.path)
            if matched and method == self.request.method:
                return await call(self, *(unquote(each) for each in matched.groups()))
        raise PayRefusal(404, "RESOURCE_NOT_EXISTS", "请求的资源不存在")

    def _json(self) -> dict[str, Any]:
        try:
            parsed = json.loads(self.request.body.decode())
        except ValueError:
            raise PayRefusal(400, "PARAM_ERROR", "请求体不是 JSON") from None
        if not isinstance(parsed, dict):
            raise PayRefusal(400, "PARAM_ERROR", "请求体不是 JSON 对象")
        return parsed

    def _check_query(self) -> None:
        if self.request.query != f"mchid={self.stage.settings.mch_id}":
            raise PayRefusal(400, "PARAM_ERROR", "缺少 mchid 或商户号不正确")

    async def place(self, kind: str) -> Answer:
        """POST /v3/pay/transactions/{jsapi|native}."""
        stage, trade_type, body = self.stage, kind.upper(), self._json()
        check_order(
            trade_type,
            body,
            app_id=stage.settings.app_id,
            mch_id=stage.settings.mch_id,
            now=stage.now(),
            is_follower=lambda openid: stage.people.get(openid) is not None,
        )
        trade = stage.book.place(trade_type, body, stage.now())
        if trade_type == "NATIVE":
            return _OK, {"code_url": trade.code_url}
        prepay_id = list(trade.prepay_ids)[-1]
        if stage.faults.take("paid_before_answer"):
            await self._pay(trade, wait=True)
        return _OK, {"prepay_id": prepay_id}

    async def query(self, out_trade_no: str) -> Answer:
        """GET /v3/pay/transactions/out-trade-no/{n}?mchid=…."""
        self._check_query()
        return _OK, self.stage.book.find(out_trade_no).facts(self.stage.now())

    async def query_id(self, transaction_id: str) -> Answer:
        """GET /v3/pay/transactions/id/{id}?mchid=…."""
        self._check_query()
        return _OK, self.stage.book.by_transaction(transaction_id).facts(self.stage.now())

    async def close(self, out_trade_no: str) -> Answer:
        """POST /v3/pay/transactions/out-trade-no/{n}/close."""
        check_close(self._json(), self.stage.settings.mch_id)
        trade = self.stage.book.close(out_trade_no)
        if self.stage.faults.take("paid_after_close"):
            self.stage.background(self._pay(trade, wait=True))
        return _NO_CONTENT, None

    async def refund(self) -> Answer:
        """POST /v3/refund/domestic/refunds: accepted as PROCESSING; where it ends is told by notice and query."""
        stage, body = self.stage, self._json()
        check_refund(body)
        if stage.faults.take("refunds_refused"):
            raise PayRefusal(403, "NO_AUTH", "商户号没有退款权限")
        if stage.faults.take("refunds_no_money"):
            raise PayRefusal(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
        if stage.faults.take("refunds_busy"):
            raise _busy()
        trade, refund = stage.book.refund(body, "PROCESSING", stage.now())
        told = refund_facts(trade, refund, stage.now())
        if refund.status == "PROCESSING":
            refund.status = stage.faults.refund_status or "SUCCESS"
            if refund.status != "PROCESSING":
                await self.notices.tell_refunded(trade, refund, wait=False)
        if stage.faults.take("refunds_busy_taken"):
            raise _busy()
        return _OK, told

    async def redirect_refund(self, refund_id: str) -> Answer:
        """POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund: accepted as PROCESSING."""
        stage, body = self.stage, self._json()
        check_redirect(body)
        trade, refund = stage.book.redirect(refund_id, body["out_refund_no"], body["type"])
        told = refund_facts(trade, refund, stage.now())
        refund.status = stage.faults.redirected_status or "SUCCESS"
        if refund.status != "PROCESSING":
            await self.notices.tell_refunded(trade, refund, wait=False)
        return _OK, told

    async def query_refund(self, out_refund_no: str) -> Answer:
        """GET /v3/refund/domestic/refunds/{n}."""
        return _OK, refund_facts(*self.stage.book.find_refund(out_refund_no), self.stage.now())

    async def trade_bill(self) -> Answer:
        """GET /v3/bill/tradebill?bill_date=…&bill_type=…&tar_type=GZIP."""
        asked = self._bill_query({"bill_date", "bill_type", "tar_type"})
        if asked.get("bill_type", "ALL") != "ALL":
            raise PayRefusal(400, "PARAM_ERROR", "这里只有 bill_type=ALL 的账单")
        moves = self._moves(asked)
        if not moves:
            raise PayRefusal(400, "NO_STATEMENT_EXIST", "账单不存在")
        settings, off = self.stage.settings, self.stage.faults.take("bill_totals_off")
        return self._bill(bills.trade_file(moves, settings.app_id, settings.mch_id, totals_off=off))

    async def fund_bill(self) -> Answer:
        """GET /v3/bill/fundflowbill?bill_date=…&account_type=…&tar_type=GZIP."""
        asked = self._bill_query({"bill_date", "account_type", "tar_type"})
        account = asked.get("account_type", "BASIC")
        if account not in {"BASIC", "OPERATION", "FEES"}:
            raise PayRefusal(400, "PARAM_ERROR", "account_type 不正确")
        moves = self._moves(asked)
        moves = moves if account == "BASIC" else []
        day = bills.check_day(asked["bill_date"], self.stage.now())
        transfers = bills.transfer_funds(self.stage.transfers.all(), self.stage.now())
        funds = bills.funds_on([*self.stage.bills.funds, *transfers], day, account)
        if not moves and not funds:
            raise PayRefusal(400, "NO_STATEMENT_EXIST", "账单不存在")
        return self._bill(bills.fund_file(moves, funds))

    async def bill_file(self) -> Answer:
        """GET /v3/billdownload/file?token=…; the answer is the packed file, and never signed."""
        token = dict(parse_qsl(self.request.query)).get("token", "")
        return _OK, self.stage.bills.fetch(token, self.stage.now())

    def _bill_query(self, names: set[str]) -> dict[str, str]:
        """Return the query of a question for a bill, which must be asked as the reference page says."""
        pairs = parse_qsl(self.request.query, keep_blank_values=True)
        asked = dict(pairs)
        if len(asked) != len(pairs) or not set(asked) <= names or "bill_date" not in asked:
            raise PayRefusal(400, "PARAM_ERROR", "参数不正确：需要 bill_date，可以有 " + "、".join(sorted(names)))
        if asked.get("tar_type") != "GZIP":
            raise PayRefusal(400, "PARAM_ERROR", "tar_type 应为 GZIP")
        if self.stage.faults.take("bill_creating"):
            raise PayRefusal(400, "STATEMENT_CREATING", "账单生成中")
        return asked

    def _moves(self, asked: dict[str, str]) -> list[bills.Move]:
        day = bills.check_day(asked["bill_date"], self.stage.now())
        return bills.moves_of(self.stage.book.all(), day, self.stage.faults)

    def _bill(self, text: str) -> Answer:
        kept = self.stage.bills.keep(text, self.stage.now(), broken=self.stage.faults.take("bill_broken"))
        return _OK, {**kept, "download_url": self.stage.url + kept["download_url"]}

    async def echo(self) -> Answer:
        """POST /v3/security/echo."""
        body = self._json()
        check_echo(body)
        if url := body.get("notify_url"):
            await self.notices.tell_echo(url, body["echo_message"])
        return _OK, {"echo_message": body["echo_message"]}

    async def _pay(self, trade: Trade, *, wait: bool) -> None:
        payer = trade.request.get("payer", {}).get("openid") or next(each.openid for each in self.stage.people)
        try:
            self.stage.book.settle(trade, payer, self.stage.now())
        except PayRefused:
            return
        await self.notices.tell_paid(trade, wait=wait)

    # ---- answers ----

    def _refuse(self, refusal: PayRefusal) -> None:
        self.answer(refusal.status, utf8_json({"code": refusal.code, "message": refusal.message}), _JSON)

    def _reply(self, status: int, told: dict[str, Any] | bytes | None) -> None:
        if isinstance(told, bytes):
            self.answer(status, told, "application/x-gzip")
            return
        body = b"" if told is None else utf8_json(told)
        wrong = signtest() if self.stage.faults.take("signtest_replies") else None
        for name, value in self.notices.headers(body, signature=wrong).items():
            self.set_header(name, value)
        self.set_header("Request-ID", secrets.token_hex(16).upper())
        self.answer(status, body, "" if told is None else _JSON)


def _sign_error(message: str) -> PayRefusal:
    return PayRefusal(401, "SIGN_ERROR", message)


def _busy() -> PayRefusal:
    return PayRefusal(429, "FREQUENCY_LIMITED", "频率超限")


_CALLS: list[tuple[str, re.Pattern[str], Callable[..., Coroutine[Any, Any, Answer]]]] = [
    ("POST", re.compile(r"/v3/pay/transactions/(jsapi|native)"), MchHandler.place),
    ("GET", re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)"), MchHandler.query),
    ("GET", re.compile(r"/v3/pay/transactions/id/([^/]+)"), MchHandler.query_id),
    ("POST", re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)/close"), MchHandler.close),
    ("POST", re.compile(r"/v3/refund/domestic/refunds"), MchHandler.refund),
    ("GET", re.compile(r"/v3/refund/domestic/refunds/([^/]+)"), MchHandler.query_refund),
    (
        "POST",
        re.compile(r"/v3/refund/domestic/refunds/([^/]+)/apply-abnormal-refund"),
        MchHandler.redirect_refund,
    ),
    ("GET", re.compile(r"/v3/bill/tradebill"), MchHandler.trade_bill),
    ("GET", re.compile(r"/v3/bill/fundflowbill"), MchHandler.fund_bill),
    ("GET", re.compile(r"/v3/billdownload/file"), MchHandler.bill_file),
    ("POST", re.compile(r"/v3/security/echo"), MchHandler.echo),
]
