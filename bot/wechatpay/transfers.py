"""商家转账 as the shop knows it (``ports.TransferGateway``): a method for each endpoint of transfer-bills.

Which transfer is made, and what its states mean for the shop, is decided elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bot.errors import NotAllowed, PayRejected, PayUnknown
from bot.models import TransferFacts
from bot.ports import TransferWish
from bot.wechatpay import crypto
from bot.wechatpay.client import PayClient, Reply
from bot.wechatpay.facts import read_transfer

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
NAME_FROM_FEN = 200_000  # from here a name is asked for; below 30 fen it is forbidden, between it is left out
REMARK_BYTES = 32
NOT_FOUND = 404
NO_SUCH_CODES = frozenset({"NOTFOUND", "RESOURCENOTEXISTS", "ORDERNOTEXIST", "ORDERNOTEXISTS", "RECORDNOTEXISTS"})


class WeChatTransfers:
    """The real ``TransferGateway``."""

    def __init__(self, client: PayClient, notify_url: str) -> None:
        self._client = client
        self._settings = client.settings
        self._notify_url = notify_url

    def transfer_request(self, wish: TransferWish) -> str:
        """Return the JSON of a transfer (document 4012716434). A name is encrypted, so each call gives another."""
        fields: dict[str, Any] = {
            "appid": self._settings.app_id,
            "out_bill_no": wish.out_bill_no,
            "transfer_scene_id": wish.scene_id,
            "openid": wish.openid,
            "transfer_amount": wish.amount_fen,
            "transfer_remark": wish.remark.encode()[:REMARK_BYTES].decode(errors="ignore"),
            "notify_url": self._notify_url,
            "transfer_scene_report_infos": [
                {"info_type": kind, "info_content": content} for kind, content in wish.report
            ],
        }
        if wish.amount_fen >= NAME_FROM_FEN:
            fields["user_name"] = self._sealed(wish.user_name)
        if wish.perception:
            fields["user_recv_perception"] = wish.perception
        if wish.red_packet:
            fields["user_recv_style"] = {"type": "RED_PACKET"}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    async def transfer(self, request: str) -> TransferFacts:
        """Ask for the transfer. WAIT_USER_CONFIRM comes with the package; only SUCCESS means received."""
        return self._facts(await self._client.request("POST", BILLS, request.encode()), json.loads(request))

    async def query_transfer(self, out_bill_no: str) -> TransferFacts | None:
        """Return WeChat's view of the transfer; None when it says that there is none."""
        try:
            reply = await self._client.request("GET", _bill(out_bill_no))
        except PayRejected as error:
            if error.status == NOT_FOUND and error.code.replace("_", "") in NO_SUCH_CODES:
                return None
            raise
        return self._facts(reply, {"out_bill_no": out_bill_no})

    async def cancel_transfer(self, out_bill_no: str) -> TransferFacts:
        """Take it back; the body is empty. ``PayRejected`` when it is too late."""
        reply = await self._client.request("POST", f"{_bill(out_bill_no)}/cancel")
        return self._facts(reply, {"out_bill_no": out_bill_no})

    def confirm_params(self, package_info: str) -> Mapping[str, str]:
        """Return what ``requestMerchantTransfer`` wants (document 4012716430)."""
        return {"mchId": self._settings.mch_id, "appId": self._settings.app_id, "package": package_info}

    def _sealed(self, name: str) -> str:
        key = self._settings.verifying_key(self._settings.public_key_id)
        if not name or key is None:
            raise NotAllowed("2000 元及以上的转账要有收款人的真实姓名；用 rewards pay OPENID --name 姓名")
        return crypto.encrypt(key, name)

    @staticmethod
    def _facts(reply: Reply, asked: Mapping[str, Any]) -> TransferFacts:
        try:
            facts = read_transfer(reply.data)
        except ValueError as error:
            raise PayUnknown(f"an unreadable transfer: {error}") from None
        if facts.out_bill_no != asked["out_bill_no"]:
            raise PayUnknown("the answer is about another transfer")
        return facts


def _bill(out_bill_no: str) -> str:
    return f"{BILLS}/out-bill-no/{quote(out_bill_no, safe='')}"
