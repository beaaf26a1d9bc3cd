"""The ledger of 商家转账: bills, their states, and what may happen to them. No HTTP, no signatures, no clock."""

import secrets
from dataclasses import dataclass
from typing import Any

from bot.simulator.book import PayRefusal, PayRefused, rfc3339

CONFIRM_SECONDS = 86_400
FINAL = frozenset({"SUCCESS", "FAIL", "CANCELLED"})
_CANCELLABLE = frozenset({"ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM"})


@dataclass
class TransferBill:
    """One bill as WeChat Pay knows it: an out_bill_no and all that became of it."""

    request: dict[str, Any]  # the first call's JSON; a repeat must equal it
    created: float
    state: str
    transfer_bill_no: str
    package_info: str
    user_name: str = ""  # decrypted
    updated: float = 0.0
    fail_reason: str = ""

    @property
    def out_bill_no(self) -> str:
        """The merchant's number."""
        return str(self.request["out_bill_no"])

    @property
    def openid(self) -> str:
        """Who is paid."""
        return str(self.request["openid"])

    @property
    def amount(self) -> int:
        """How much, in fen."""
        return int(self.request["transfer_amount"])

    def look(self, now: float) -> str:
        """Return the state at `now`: who has not confirmed within a day gets nothing."""
        if self.state in {"ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM"} and now >= self.created + CONFIRM_SECONDS:
            self.end("FAIL", self.created + CONFIRM_SECONDS, "OVERDUE_CLOSE")
        return self.state

    def end(self, state: str, now: float, reason: str = "") -> None:
        """Bring it to a state."""
        self.state, self.updated, self.fail_reason = state, now, reason

    def answer(self, now: float) -> dict[str, Any]:
        """Return what its creation answers, now and at every repeat."""
        state = self.look(now)
        told = {
            "out_bill_no": self.out_bill_no,
            "transfer_bill_no": self.transfer_bill_no,
            "create_time": rfc3339(self.created),
            "state": state,
        }
        return told | ({"package_info": self.package_info} if state == "WAIT_USER_CONFIRM" else {})

    def facts(self, now: float, mch_id: str) -> dict[str, Any]:
        """Return what a query and a notice tell; neither tells the package."""
        told = {
            "mch_id": mch_id,
            "out_bill_no": self.out_bill_no,
            "transfer_bill_no": self.transfer_bill_no,
            "appid": self.request["appid"],
            "state": self.look(now),
            "transfer_amount": self.amount,
            "transfer_remark": self.request["transfer_remark"],
            "openid": self.openid,
            "create_time": rfc3339(self.created),
            "update_time": rfc3339(self.updated or self.created),
        }
        return told | ({"fail_reason": self.fail_reason} if self.fail_reason else {})


class TransferBook:
    """Every bill of the merchant. What is refused is PayRefusal; what the payee may not do, PayRefused."""

    def __init__(self) -> None:
        self._bills: dict[str, TransferBill] = {}

    def create(self, body: dict[str, Any], state: str, now: float, user_name: str = "") -> TransferBill:
        """Begin a bill, or return the one of the same number, whose parameters must be the same."""
        known = self._bills.get(body["out_bill_no"])
        if known is not None:
            if known.request != body:
                raise PayRefusal(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
            if known.state in {"ACCEPTED", "PROCESSING"} and state == "WAIT_USER_CONFIRM":
                known.state = state
            return known
        number = f"13300{secrets.randbelow(10**20):020d}"
        bill = TransferBill(body, now, state, number, f"affffddafdfafddffda{secrets.token_hex(12)}==", user_name)
        self._bills[bill.out_bill_no] = bill
        return bill

    def find(self, out_bill_no: str) -> TransferBill:
        """Return a bill."""
        bill = self._bills.get(out_bill_no)
        if bill is None:
            raise PayRefusal(404, "NOT_FOUND", "记录不存在")
        return bill

    def find_id(self, transfer_bill_no: str) -> TransferBill:
        """Return a bill by WeChat's own number."""
        for bill in self._bills.values():
            if bill.transfer_bill_no == transfer_bill_no:
                return bill
        raise PayRefusal(404, "NOT_FOUND", "记录不存在")

    def all(self) -> list[TransferBill]:
        """Return every bill, the oldest first."""
        return list(self._bills.values())

    def cancel(self, out_bill_no: str, now: float) -> TransferBill:
        """Begin to take a bill back."""
        bill = self.find(out_bill_no)
        if bill.look(now) not in _CANCELLABLE | {"CANCELING", "CANCELLED"}:
            raise PayRefusal(400, "INVALID_REQUEST", "当前单据状态不允许撤销")
        if bill.state in _CANCELLABLE:
            bill.end("CANCELING", now)
        return bill

    def by_package(self, package: str, openid: str, now: float) -> TransferBill:
        """Return the bill that the payee is to confirm."""
        bill = next((each for each in self._bills.values() if each.package_info == package), None)
        if bill is None:
            raise PayRefused("package 无效")
        if bill.openid != openid:
            raise PayRefused("当前用户不是收款人")
        if bill.look(now) == "FAIL":
            raise PayRefused("超过 24 小时未确认，已退回商家")
        if bill.state not in {"WAIT_USER_CONFIRM", "TRANSFERING", "SUCCESS"}:
            raise PayRefused("该笔转账暂时不能收款")
        return bill

    def clear(self) -> None:
        """Forget every bill."""
        self._bills.clear()
