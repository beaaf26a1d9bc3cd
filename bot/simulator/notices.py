"""Payment and refund notices: written, signed, posted until the shop takes them. Money moves in book.py."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest

from bot.simulator import crypto
from bot.simulator.book import Refund, Trade, refund_facts, rfc3339
from bot.simulator.stage import Stage

Headers = dict[str, str]

_TAKEN = frozenset({200, 204})
_STALE = 600  # seconds
_LOST = 0  # the status of a try that got no answer


class Notices:
    """The notice side of WeChat Pay."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.sent: list[tuple[str, int]] = []  # (out_trade_no or out_refund_no, HTTP status; 0 = no answer)

    # ---- writing ----

    def of_trade(self, trade: Trade, **overrides: Any) -> bytes:
        """Return the body that tells of a paid trade; `overrides` replace fields of the plaintext."""
        facts = trade.facts(self._stage.now())
        facts |= {"trade_state": "SUCCESS", "trade_state_desc": "支付成功"}
        return self.body("TRANSACTION.SUCCESS", "transaction", "支付成功", self._lied(_merged(facts, overrides)))

    def of_refund(self, trade: Trade, refund: Refund, **overrides: Any) -> bytes:
        """Return the body that tells of a finished refund."""
        told = refund_facts(trade, refund, self._stage.now())
        facts = {"mchid": trade.request["mchid"], "refund_status": told.pop("status")}
        names = (
            "out_trade_no",
            "transaction_id",
            "out_refund_no",
            "refund_id",
            "success_time",
            "user_received_account",
        )
        facts |= {name: told[name] for name in names if name in told}
        facts["amount"] = {name: fen for name, fen in told["amount"].items() if name != "currency"}
        return self.body(f"REFUND.{refund.status}", "refund", "退款通知", _merged(facts, overrides))

    def body(self, event_type: str, original_type: str, summary: str, facts: Mapping[str, Any]) -> bytes:
        """Return a notice of any kind, its resource encrypted with the APIv3 key."""
        nonce = secrets.token_hex(6)
        plain = json.dumps(facts, ensure_ascii=False).encode()
        notice = {
            "id": f"{secrets.token_hex(16)}",
            "create_time": rfc3339(self._stage.now()),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": summary,
            "resource": {
                "original_type": original_type,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": crypto.gcm_seal(self._stage.credentials.apiv3_key, nonce, original_type, plain),
                "associated_data": original_type,
                "nonce": nonce,
            },
        }
        return json.dumps(notice, ensure_ascii=False).encode()

    def headers(
        self, body: bytes, *, timestamp: int | None = None, serial: str | None = None, signature: str | None = None
    ) -> Headers:
        """Return the five Wechatpay headers over `body`; every argument given is taken as it is."""
        stage = self._stage
        stamp = int(stage.now()) if timestamp is None else timestamp
        nonce = secrets.token_hex(16)
        message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
        return {
            "Wechatpay-Timestamp": str(stamp),
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": serial or stage.credentials.public_key_id,
            "Wechatpay-Signature": signature or crypto.sign(stage.keys.platform, message),
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }

    # ---- sending ----

    async def tell_paid(self, trade: Trade, *, wait: bool = True) -> None:
        """Send the notice of a payment and go on until it is taken. With `wait`, return after the first try."""
        await self._tell(trade.out_trade_no, trade.request["notify_url"], self.of_trade(trade), wait=wait)

    async def tell_refunded(self, trade: Trade, refund: Refund, *, wait: bool = True) -> None:
        """Send the notice of a refund that reached its end."""
        if url := refund.request.get("notify_url"):
            await self._tell(refund.out_refund_no, url, self.of_refund(trade, refund), wait=wait)

    async def tell_transferred(self, out_bill_no: str, url: str, body: bytes, *, wait: bool = True) -> None:
        """Send the notice of a transfer that is over."""
        await self._tell(out_bill_no, url, body, wait=wait)

    async def tell_echo(self, url: str, message: str) -> None:
        """Send the notice of a security echo."""
        body = self.body("SECURITY_ECHO.SUCCESS", "security", "安全回显", {"echo_message": message})
        await self._tell("echo", url, body, wait=False)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Post a notice once, exactly as given. Returns the HTTP status, 0 when no answer came."""
        stage = self._stage
        if stage.webview_url and url.startswith(stage.webview_url + "/"):
            url = stage.shop_url + url.removeprefix(stage.webview_url)
        request = HTTPRequest(
            url,
            method="POST",
            headers={"Content-Type": "application/json", "User-Agent": "Mozilla/4.0", **headers},
            body=body,
            connect_timeout=stage.settings.notice_timeout,
            request_timeout=stage.settings.notice_timeout,
        )
        try:
            response = await stage.client.fetch(request, raise_error=False)
        except (HTTPClientError, OSError):
            return _LOST
        return response.code

    async def _tell(self, number: str, url: str, body: bytes, *, wait: bool) -> None:
        if self._stage.faults.no_notice:
            return
        if not wait:
            self._stage.background(self._until_taken(number, url, body))
            return
        if not await self._try(number, url, body):
            self._stage.background(self._until_taken(number, url, body, first_now=False))

    async def _until_taken(self, number: str, url: str, body: bytes, *, first_now: bool = True) -> None:
        if first_now and await self._try(number, url, body):
            return
        for delay in self._stage.settings.notice_delays:
            await asyncio.sleep(delay * self._stage.settings.time_scale)
            if await self._try(number, url, body):
                return

    async def _try(self, number: str, url: str, body: bytes) -> bool:
        copies = max(1, self._stage.faults.notice_copies)
        statuses = await asyncio.gather(*(self.post(url, self._moody_headers(body), body) for _ in range(copies)))
        self.sent.extend((number, status) for status in statuses)
        return any(status in _TAKEN for status in statuses)

    def _moody_headers(self, body: bytes) -> Headers:
        faults = self._stage.faults
        stale = int(self._stage.now()) - _STALE if faults.take("stale_notices") else None
        serial = "PUB_KEY_ID_0" + "9" * 27 if faults.take("unknown_serial") else None
        return self.headers(
            body, timestamp=stale, serial=serial, signature=signtest() if faults.take("signtest_notices") else None
        )

    def _lied(self, facts: dict[str, Any]) -> dict[str, Any]:
        faults = self._stage.faults
        lies = {"mchid": faults.notice_mchid, "appid": faults.notice_appid}
        amount = {"total": faults.notice_total, "currency": faults.notice_currency}
        facts |= {name: lie for name, lie in lies.items() if lie is not None}
        money = {name: lie for name, lie in amount.items() if lie is not None}
        return _merged(facts, {"amount": money}) if money else facts


def signtest() -> str:
    """Return the signature of WeChat's probe: wrong on purpose, and not even whole base64."""
    return "WECHATPAY/SIGNTEST/" + secrets.token_urlsafe(250)[:334]


def _merged(facts: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(facts)
    for name, value in overrides.items():
        old = merged.get(name)
        merged[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged
