"""Paying followers: a transfer, its states, and the one function that may call it received.

The row stands before the call. An unclear outcome is never an answer: the same number is queried and sent again,
byte for byte. What it pays may be taken under a new number only after WeChat said FAIL or CANCELLED, or refused the
same number twice and knew of no such transfer both times.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.config import ReferralSettings
from bot.errors import CannotTake, Hindrance, NotAllowed, NotFound, PayRejected, PayUnknown, ZhikeError
from bot.models import ANONYMOUS, TransferFacts, TransferState
from bot.ports import Clock, TransferGateway, TransferWish
from bot.reconciling import KnownTransfer
from bot.reconciling.service import transfer_in_ledger
from bot.referral import rules
from bot.store import Store, Tx
from bot.store.ledger import Movement
from bot.store.referral import RewardState
from bot.store.transfers import Transfer

log = logging.getLogger("zhike.transfers")
State = TransferState
UNSENT = (State.NEW, State.ACCEPTED, State.PROCESSING)  # the same request is sent again
OPEN = (*UNSENT, State.WAIT_USER_CONFIRM, State.TRANSFERING, State.CANCELING)
CONFIRMABLE = (State.WAIT_USER_CONFIRM, State.TRANSFERING)
DEAD = (State.FAIL, State.CANCELLED, State.REFUSED)
MOVES: dict[State, tuple[State, ...]] = {
    State.ACCEPTED: (State.NEW, State.ACCEPTED),
    State.PROCESSING: (State.NEW, State.ACCEPTED, State.PROCESSING),
    State.WAIT_USER_CONFIRM: (*UNSENT, State.WAIT_USER_CONFIRM),
    State.TRANSFERING: (*UNSENT, State.WAIT_USER_CONFIRM, State.TRANSFERING),
    State.CANCELING: OPEN,
    State.SUCCESS: OPEN,
    State.FAIL: OPEN,
    State.CANCELLED: OPEN,
    State.REFUSED: (State.NEW,),
}
DELAYS = (5, 10, 30, 60, 180, 300, 600, 1800, 3600)  # seconds; the last for as long as it takes
LEASE = timedelta(seconds=60)  # longer than a query and a transfer may take together
STUCK = timedelta(minutes=10)
ENOUGH_REFUSALS = 2
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_bill_no(now: datetime) -> str:
    """Return a number of letters and digits, which is all that WeChat takes."""
    return f"RW{now:%y%m%d}" + "".join(secrets.choice(ALPHABET) for _ in range(16))


def _nobody() -> None:
    """Wake nobody."""


class Transfers:
    """The service of paying rewards."""

    def __init__(self, store: Store, gateway: TransferGateway, clock: Clock, settings: ReferralSettings) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._settings = settings
        self._wake: Callable[[], None] = _nobody

    def on_news(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called after every commit that left something to tell."""
        self._wake = wake

    # Taking ------------------------------------------------------------------------------------------------

    async def take(self, openid: str, *, name: str = "") -> Transfer:
        """Pay a follower what may be taken now, within every limit; one that is under way is returned instead.

        ``CannotTake`` says why nothing can be taken. What is returned may still be NEW: then WeChat's answer is not
        known, and the jobs go on asking. Received is only what is SUCCESS.
        """
        now = self._clock.now()
        transfer = await self._store.write(lambda tx: self._take(tx, openid, name, now), durable=True)
        if isinstance(transfer, CannotTake):
            raise transfer
        if transfer.state in UNSENT or not transfer.package_info:
            await self.push(transfer.out_bill_no)
        return await self._get(transfer.out_bill_no)

    def _take(self, tx: Tx, openid: str, name: str, now: datetime) -> Transfer | CannotTake:
        under_way = tx.transfers.under_way(openid)
        if under_way is not None:
            return under_way
        if not self._settings.enabled:
            return CannotTake(Hindrance.OFF)
        try:
            chosen = rules.collect(tx, self._settings, openid, now)
        except CannotTake as error:  # returned, so that what was voided on the way is kept
            return error
        amount = sum(reward.amount_fen for reward in chosen)
        if amount >= rules.NAME_FROM_FEN and not name:
            return CannotTake(Hindrance.NAME)
        transfer = self._new(openid, amount, name, now)
        tx.transfers.add(transfer)
        for reward in chosen:
            taken = tx.rewards.take(reward.reward_id, transfer.out_bill_no)
            assert taken, "it was READY in this very transaction"
        return transfer

    def _new(self, openid: str, amount_fen: int, name: str, now: datetime) -> Transfer:
        settings, number = self._settings, new_bill_no(now)
        request = self._gateway.transfer_request(
            TransferWish(
                out_bill_no=number,
                openid=openid,
                amount_fen=amount_fen,
                remark=settings.remark,
                scene_id=settings.scene_id,
                report=_rows(settings.scene_report),
                perception=settings.perception,
                red_packet=settings.style == "red_packet",
                user_name=name,
            )
        )
        at = now + timedelta(seconds=DELAYS[0])
        return Transfer(number, openid, amount_fen, request, State.NEW, now, next_query_at=at)

    async def _get(self, out_bill_no: str) -> Transfer:
        transfer = await self._store.read(lambda tx: tx.transfers.get(out_bill_no))
        if transfer is None:
            raise NotFound(f"没有转账 {out_bill_no}")
        return transfer

    def confirm_params(self, transfer: Transfer) -> dict[str, str]:
        """Return what opens the page that confirms a transfer; empty when there is nothing to confirm."""
        if transfer.state not in CONFIRMABLE or not transfer.package_info:
            return {}
        return dict(self._gateway.confirm_params(transfer.package_info))

    # Asking ------------------------------------------------------------------------------------------------

    async def push(self, out_bill_no: str) -> None:
        """Ask about a transfer, and send it (again, the same bytes) if WeChat does not know it or has not begun."""
        holder = secrets.token_hex(8)
        transfer = await self._store.write(lambda tx: self._begin(tx, out_bill_no, holder), durable=True)
        if transfer is None:
            return
        try:
            await self._ask(transfer)
        finally:
            await self._store.write(lambda tx: tx.leases.leave(holder))

    def _begin(self, tx: Tx, out_bill_no: str, holder: str) -> Transfer | None:
        """Take the right to ask about a transfer, and say when to ask next; None when there is nothing to do.

        Nobody else sends it meanwhile: what was refused twice must not be on its way by a third hand.
        """
        now, transfer = self._clock.now(), tx.transfers.get(out_bill_no)
        if transfer is None:
            raise NotFound(f"没有转账 {out_bill_no}")
        if transfer.state not in OPEN:
            tx.transfers.schedule(out_bill_no, None)
            return None
        if not tx.leases.take(f"transfer {out_bill_no}", holder, now, now + LEASE):
            return None
        at = now + timedelta(seconds=DELAYS[min(transfer.tries, len(DELAYS) - 1)])
        tx.transfers.schedule(out_bill_no, at, tried=True)
        return transfer

    async def _ask(self, transfer: Transfer) -> None:
        out_bill_no = transfer.out_bill_no
        try:
            known = await self._gateway.query_transfer(out_bill_no) if transfer.tries else None
        except (PayUnknown, PayRejected) as error:
            log.warning("transfer.query_failed no=%s error=%s", out_bill_no, error)
            return
        if known is None and transfer.state is State.NEW and transfer.refusals >= ENOUGH_REFUSALS:
            await self.book(TransferFacts(out_bill_no, State.REFUSED), "query")
            return
        if known is not None:
            await self.book(known, "query")
            transfer = await self._get(out_bill_no)
        waits = transfer.state is State.WAIT_USER_CONFIRM and not transfer.package_info
        if waits or transfer.state in UNSENT:
            await self._send(transfer)

    async def _send(self, transfer: Transfer) -> None:
        try:
            facts = await self._gateway.transfer(transfer.request)
        except PayUnknown as error:
            log.warning("transfer.unknown no=%s error=%s", transfer.out_bill_no, error)
        except PayRejected as error:
            await self._refused(transfer, error)
        else:
            await self.book(facts, "answer")

    async def _refused(self, transfer: Transfer, error: PayRejected) -> None:
        """Keep the number whatever was said; count what is a clear no, and tell an admin."""
        number, now = transfer.out_bill_no, self._clock.now()
        empty = error.code.replace("_", "") == "NOTENOUGH"
        kind = "transfer_not_enough" if empty else "transfer_refused"
        cure = "运营账户余额不足，充值后会用原单号自动重发" if empty else f"微信没有接受：{error}"

        def work(tx: Tx) -> None:
            tx.anomalies.add(kind, number, cure, now)
            if not empty:
                tx.transfers.refused(number)

        await self._store.write(work, durable=True)
        log.warning("transfer.refused no=%s code=%s", number, error.code)

    async def run_due(self) -> int:
        """Ask about every transfer whose moment has come; one that fails keeps none waiting."""
        now = self._clock.now()
        due = await self._store.read(lambda tx: tx.transfers.due(now))
        for transfer in due:
            try:
                await self.push(transfer.out_bill_no)
            except ZhikeError:
                log.exception("transfer.push_failed no=%s", transfer.out_bill_no)
        return len(due)

    async def cancel(self, out_bill_no: str) -> Transfer:
        """Take a transfer back that nobody has confirmed; returns it as it is then. ``NotAllowed`` if too late."""
        transfer = await self._get(out_bill_no)
        if transfer.state not in OPEN:
            return transfer
        try:
            await self.book(await self._gateway.cancel_transfer(out_bill_no), "cancel")
        except PayRejected as error:
            raise NotAllowed(f"转账 {out_bill_no} 撤销不了：{error}") from None
        await self.push(out_bill_no)
        return await self._get(out_bill_no)

    # Booking -----------------------------------------------------------------------------------------------

    async def book(self, facts: TransferFacts, source: str) -> bool:
        """Believe what WeChat says of a transfer, if it fits; the second time is quiet. True when it changed."""
        now = self._clock.now()
        changed = await self._store.write(lambda tx: self._book(tx, facts, source, now), durable=True)
        log.info("transfer.booked no=%s state=%s source=%s", facts.out_bill_no, facts.state, source)
        if changed:
            self._wake()
        return changed

    def _book(self, tx: Tx, facts: TransferFacts, source: str, now: datetime) -> bool:
        transfer = tx.transfers.get(facts.out_bill_no)
        problem = _mismatch(facts, transfer)
        if problem or transfer is None:
            tx.anomalies.add("transfer_mismatch", facts.out_bill_no, f"{problem}（来源 {source}）", now)
            return False
        state = State(facts.state)
        over = state in {State.SUCCESS, *DEAD}
        if not tx.transfers.move(facts, state, MOVES[state], now if over else None):
            self._contradicted(tx, transfer, facts, state, now)
            return False
        if over:
            tx.transfers.schedule(transfer.out_bill_no, None)
        if state is State.SUCCESS:
            _paid_out(tx, transfer, now)
        elif over:
            tx.rewards.settle(transfer.out_bill_no, RewardState.READY, (RewardState.TAKEN,))
            if not transfer.openid.startswith(ANONYMOUS):
                payload = {"amount_fen": transfer.amount_fen}
                tx.outbox.put("reward_back", transfer.out_bill_no, transfer.openid, payload, now, due=now)
        elif state in UNSENT and now - transfer.created_at >= STUCK:
            tx.anomalies.add("transfer_stuck", transfer.out_bill_no, "转账一直没有开始，多半是余额不足", now)
        return state is not transfer.state

    def _contradicted(self, tx: Tx, transfer: Transfer, facts: TransferFacts, state: State, now: datetime) -> None:
        """Keep for a person what cannot be: money received of a transfer that was dead, or the other way round."""
        if state is State.SUCCESS and transfer.state in DEAD:
            tx.transfers.move(facts, State.SUCCESS, DEAD, now)
            _paid_out(tx, transfer, now)
            tx.anomalies.add(
                "transfer_paid_late", transfer.out_bill_no, "已作废的转账又到账，请核对是否付了两次", now
            )
        elif state in DEAD and transfer.state is State.SUCCESS:
            tx.anomalies.add("transfer_reversed", transfer.out_bill_no, f"已到账的转账又报 {state}，请核对", now)


def _rows(lines: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Split the rows that are reported with each transfer: (type, content)."""
    pairs = (line.partition("=") for line in lines)
    return tuple((kind.strip(), content.strip()) for kind, _, content in pairs)


def _mismatch(facts: TransferFacts, transfer: Transfer | None) -> str:
    """Say in what a report does not fit us; empty when it does."""
    if transfer is None:
        return "没有这笔转账的记录"
    if facts.state not in MOVES:
        return f"不认识的转账状态 {facts.state[:32]}"
    if facts.amount_fen is not None and facts.amount_fen != transfer.amount_fen:
        return f"金额不符：应付 {transfer.amount_fen} 分，微信说 {facts.amount_fen} 分"
    known = transfer.openid.startswith(ANONYMOUS) or not facts.openid or facts.openid == transfer.openid
    return "" if known else "收款人不符"


def _paid_out(tx: Tx, transfer: Transfer, now: datetime) -> None:
    """Keep that money was received: the one place where a transfer leaves the account, once for each number."""
    tx.ledger.add(Movement.TRANSFER, transfer.out_bill_no, "", transfer.amount_fen, now)
    tx.rewards.settle(transfer.out_bill_no, RewardState.PAID, (RewardState.TAKEN, RewardState.READY))
    if not transfer.openid.startswith(ANONYMOUS):
        payload = {"amount_fen": transfer.amount_fen}
        tx.outbox.put("reward_paid", transfer.out_bill_no, transfer.openid, payload, now, due=now)


def known_transfer(tx: Tx, number: str) -> KnownTransfer | None:
    """Return the transfer that has this number, ours or WeChat's, for whoever holds bills against our books."""
    transfer = tx.transfers.find(number)
    if transfer is None:
        return transfer_in_ledger(tx, number)
    return KnownTransfer(transfer.out_bill_no, transfer.amount_fen)
