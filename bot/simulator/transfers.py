"""商家转账 over HTTP, and the payee's side of it: the sheet to confirm, and the notices that follow."""

import hashlib
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from bot.simulator.book import PayRefusal, PayRefused
from bot.simulator.mch import Answer, MchHandler
from bot.simulator.notices import Headers, Notices
from bot.simulator.stage import Stage
from bot.simulator.transferbook import FINAL, TransferBill
from bot.simulator.transferrules import check_transfer

_OK = 200
_PARAMS = {"mchId", "appId", "package"}
_API = "requestMerchantTransfer"
_WINDOW = 300


@dataclass(frozen=True)
class TransferSheet:
    """What the payee sees before confirming."""

    out_bill_no: str
    merchant: str
    remark: str
    total: int  # fen
    red_packet: bool


class TransferDesk:
    """Confirms, cancels and tells the shop. Everything refused is PayRefused, in the words the payee reads."""

    def __init__(self, stage: Stage, notices: Notices) -> None:
        self._stage = stage
        self._notices = notices

    def bill(self, out_bill_no: str) -> TransferBill:
        """Return a bill. Raises PayRefusal (404) when there is none."""
        return self._stage.transfers.find(out_bill_no)

    @property
    def bills(self) -> list[TransferBill]:
        """Every bill, the oldest first."""
        return self._stage.transfers.all()

    def check(self, params: Mapping[str, Any], openid: str) -> TransferSheet:
        """Open the sheet for requestMerchantTransfer's parameters."""
        if set(params) != _PARAMS or not all(isinstance(value, str) for value in params.values()):
            raise PayRefused("requestMerchantTransfer 的参数应恰有 mchId、appId、package，且均为字符串")
        if params["mchId"] != self._stage.settings.mch_id or params["appId"] != self._stage.settings.app_id:
            raise PayRefused("商户号与 appId 不匹配")
        bill = self._stage.transfers.by_package(params["package"], openid, self._stage.now())
        style = bill.request.get("user_recv_style", {}).get("type")
        name, remark = self._stage.settings.account_name, str(bill.request["transfer_remark"])
        return TransferSheet(bill.out_bill_no, name, remark, bill.amount, style == "RED_PACKET")

    async def confirm(self, out_bill_no: str, openid: str, *, wait: bool = True) -> TransferBill:
        """Confirm a bill as its payee, who has the money then; the second time changes nothing."""
        bill = self.bill(out_bill_no)
        self._stage.transfers.by_package(bill.package_info, openid, self._stage.now())
        if bill.state == "SUCCESS":
            return bill
        return await self.settle(out_bill_no, "SUCCESS", wait=wait)

    async def settle(self, out_bill_no: str, state: str, reason: str = "", *, wait: bool = True) -> TransferBill:
        """Bring a bill to a state, and send its notice if that is the end of it."""
        bill = self.bill(out_bill_no)
        bill.end(state, self._stage.now(), reason)
        if state in FINAL:
            await self.tell(bill, wait=wait)
        return bill

    async def tell(self, bill: TransferBill, *, wait: bool) -> None:
        """Send the notice of a bill that is over, if it asked for one."""
        if url := bill.request.get("notify_url"):
            await self._notices.tell_transferred(bill.out_bill_no, url, self.body(bill), wait=wait)

    def body(self, bill: TransferBill, **overrides: Any) -> bytes:
        """Return the body of its notice; `overrides` change the plaintext, None takes a field out."""
        facts = bill.facts(self._stage.now(), self._stage.settings.mch_id) | overrides
        plain = {name: value for name, value in facts.items() if value is not None}
        return self._notices.body("MCHTRANSFER.BILL.FINISHED", "mch_payment", "商家转账单据终态通知", plain)

    def notice(self, out_bill_no: str, /, **overrides: Any) -> tuple[Headers, bytes]:
        """Return a signed notice of a bill, to post, replay or spoil."""
        body = self.body(self.bill(out_bill_no), **overrides)
        return {"Content-Type": "application/json", **self._notices.headers(body)}, body

    def verify_page(self, params: Mapping[str, Any], url: str) -> None:
        """Check what a page says of itself before it may call the JS-SDK: the signature over its own address."""
        ticket, ends = self._stage.ticket
        stamp = str(params.get("verifyTimestamp", ""))
        text = (
            f"jsapi_ticket={ticket}&noncestr={params.get('verifyNonceStr')}&timestamp={stamp}"
            f"&url={url.partition('#')[0]}"
        )
        wanted = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        fresh = stamp.isdigit() and abs(self._stage.now() - int(stamp)) <= _WINDOW
        if params.get("verifyAppId") != self._stage.settings.app_id or not fresh or ends <= self._stage.now():
            raise PayRefused("config:fail")
        if params.get("verifySignature") != wanted or params.get("verifySignType") != "sha1":
            raise PayRefused("config:invalid signature")
        if _API not in str(params.get("verifyJsApiList", "")):
            raise PayRefused("config:fail, the function is not asked for")


class TransferHandler(MchHandler):
    """Every call of 商家转账, behind the same door as all of WeChat Pay v3."""

    async def _dispatch(self) -> Answer:
        for method, pattern, call in _CALLS:
            matched = pattern.fullmatch(self.request.path)
            if matched and method == self.request.method:
                return await call(self, *(unquote(each) for each in matched.groups()))
        raise PayRefusal(404, "RESOURCE_NOT_EXISTS", "请求的资源不存在")

    async def create(self) -> Answer:
        """POST …/transfer-bills."""
        stage, body = self.stage, self._json()
        name = check_transfer(
            body,
            app_id=stage.settings.app_id,
            key=stage.keys.platform,
            is_follower=lambda openid: stage.people.get(openid) is not None,
        )
        if stage.faults.take("transfer_not_enough"):
            raise PayRefusal(403, "NOT_ENOUGH", "资金不足")
        if stage.faults.take("transfers_refused"):
            raise PayRefusal(403, "NO_AUTH", "当前商户号接入升级版本功能暂不支持使用升级前功能")
        begins = stage.faults.transfer_state or "WAIT_USER_CONFIRM"
        bill = stage.transfers.create(body, begins, stage.now(), name)
        return _OK, bill.answer(stage.now())

    async def query(self, out_bill_no: str) -> Answer:
        """GET …/transfer-bills/out-bill-no/{n}."""
        bill = self.stage.transfers.find(out_bill_no)
        return _OK, bill.facts(self.stage.now(), self.stage.settings.mch_id)

    async def query_id(self, transfer_bill_no: str) -> Answer:
        """GET …/transfer-bills/transfer-bill-no/{id}."""
        bill = self.stage.transfers.find_id(transfer_bill_no)
        return _OK, bill.facts(self.stage.now(), self.stage.settings.mch_id)

    async def cancel(self, out_bill_no: str) -> Answer:
        """POST …/transfer-bills/out-bill-no/{n}/cancel: accepted as CANCELING; the query tells the end."""
        if self.request.body:
            raise PayRefusal(400, "PARAM_ERROR", "撤销转账的请求体应为空")
        stage = self.stage
        bill = stage.transfers.cancel(out_bill_no, stage.now())
        told = {
            "out_bill_no": bill.out_bill_no,
            "transfer_bill_no": bill.transfer_bill_no,
            "state": bill.state,
            "update_time": bill.facts(stage.now(), stage.settings.mch_id)["update_time"],
        }
        if bill.state == "CANCELING":
            bill.end("CANCELLED", stage.now())
            await TransferDesk(stage, self.notices).tell(bill, wait=False)
        return _OK, told


_BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
_CALLS: list[tuple[str, re.Pattern[str], Callable[..., Coroutine[Any, Any, Answer]]]] = [
    ("POST", re.compile(_BILLS), TransferHandler.create),
    ("GET", re.compile(rf"{_BILLS}/out-bill-no/([^/]+)"), TransferHandler.query),
    ("GET", re.compile(rf"{_BILLS}/transfer-bill-no/([^/]+)"), TransferHandler.query_id),
    ("POST", re.compile(rf"{_BILLS}/out-bill-no/([^/]+)/cancel"), TransferHandler.cancel),
]
