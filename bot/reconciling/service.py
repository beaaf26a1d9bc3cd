"""Reconciling a day: fetch its bills, compare, ask about what is unclear, book what was missed, keep the result.

Whatever it does may be done again: bookings are quiet the second time, a difference is one anomaly however often it
is found, and one that a person has settled comes back only when something new is said of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from bot.amounts import yuan
from bot.beijing import A_DAY, day_of, months_before, start_of
from bot.bills import Account, FundBill, TradeBill, TradeLine
from bot.errors import BillNotReady, NotAllowed, PayError, PayRejected, PayUnknown
from bot.models import AttemptState, Refund
from bot.orders import Booked, Orders
from bot.ports import BEIJING, Clock, PayGateway
from bot.reconciling.compare import Compared, KnownTransfer, Local, compare_funds, compare_trades
from bot.reconciling.report import Finding, Report, Verdict
from bot.store import Store, Tx
from bot.store.ledger import LedgerRow, Movement

READY_AT = time(10, 30)  # Beijing; WeChat makes the bills of yesterday by ten
AGAIN_AFTER = timedelta(minutes=30)
KEPT_MONTHS = 3  # how long WeChat keeps bills
CATCH_UP_DAYS = 7
DONE, WAITING, FAILED = "DONE", "WAITING", "FAILED"
MISMATCH = "payment_mismatch"  # the anomaly that booking itself writes down
log = logging.getLogger("zhike.reconciling")

TransferOf = Callable[[Tx, str], KnownTransfer | None]


def transfer_in_ledger(tx: Tx, number: str) -> KnownTransfer | None:
    """Know the transfers that are in the ledger; whoever keeps transfers knows those under way too."""
    row = tx.ledger.get(Movement.TRANSFER, number)
    return KnownTransfer(row.key, -row.amount_fen) if row else None


class Reconciling:
    """The service. ``transfer_of`` finds a transfer of ours, in any state, by our number of it or WeChat's."""

    def __init__(
        self,
        store: Store,
        gateway: PayGateway,
        clock: Clock,
        orders: Orders,
        *,
        app_id: str,
        transfer_of: TransferOf = transfer_in_ledger,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._orders = orders
        self._app_id = app_id
        self._transfer_of = transfer_of
        self._level: date | None = None

    # By the clock ------------------------------------------------------------------------------------------

    async def due(self) -> date | None:
        """Return a day that is to be reconciled now, the oldest first; None when all is level."""
        now = self._clock.now()
        last = day_of(now) - (A_DAY if now.astimezone(BEIJING).time() >= READY_AT else 2 * A_DAY)
        if self._level == last:
            return None
        day, waiting = await self._store.read(lambda tx: _oldest_open(tx, last, now))
        if day is None and not waiting:
            self._level = last
        return day

    async def run_due(self) -> int:
        """Reconcile one day that is due; its failure is kept, and the day comes again half an hour later."""
        day = await self.due()
        if day is None:
            return 0
        try:
            await self.run(day)
        except PayError as error:
            log.warning("reconcile.not_done day=%s error=%s", day, error)
        return 1

    # One day -----------------------------------------------------------------------------------------------

    def check_day(self, day: date) -> None:
        """Refuse days of which there is no bill yet, or no longer. ``NotAllowed`` says so."""
        today = day_of(self._clock.now())
        if day >= today:
            raise NotAllowed(f"{day} 还没有过完：当天的账单次日 10 点后才有，最近能对的是 {today - A_DAY}")
        if day < months_before(today, KEPT_MONTHS):
            raise NotAllowed(f"微信支付只保留三个月的账单，最早能对 {months_before(today, KEPT_MONTHS)}")

    async def run(self, day: date) -> Report:
        """Reconcile a Beijing day and keep the result.

        ``NotAllowed`` for a day without a bill; ``PayError`` when WeChat Pay's answers are not clear: then it is
        noted, what was booked stays booked, and the day may be run again at any time.
        """
        self.check_day(day)
        try:
            report, fees = await self._look(day)
        except PayError as error:
            failure = error
            await self._store.write(lambda tx: self._note_failure(tx, day, failure), durable=True)
            raise
        kept = await self._store.write(lambda tx: self._keep(tx, report, fees), durable=True)
        log.info("reconcile.done day=%s equal=%d differences=%d", day, kept.equal, len(kept.findings))
        return kept

    async def _look(self, day: date) -> tuple[Report, Sequence[TradeLine]]:
        bill = await self._gateway.trade_bill(day) or TradeBill(day)
        funds = [await self._fund_bill(day, account) for account in Account]
        compared = await self._store.read(lambda tx: compare_trades(bill, _local(tx, bill), self._app_id))
        report = await self._book(compared)
        report = await self._ask(compared, report)
        report = await self._funds(funds, report)
        return report, (*bill.payments, *bill.refunds)

    async def _fund_bill(self, day: date, account: Account) -> FundBill:
        """Fetch a fund bill; a merchant may have no operating account at all."""
        try:
            return await self._gateway.fund_bill(day, account) or FundBill(day, account)
        except PayRejected as error:
            if account is Account.BASIC:
                raise
            log.warning("reconcile.no_account account=%s error=%s", account, error)
            return FundBill(day, account)

    async def _book(self, compared: Compared) -> Report:
        """Book what we missed, each after a query: the bill alone opens no course."""
        report = compared.report
        for line in compared.unbooked:
            number = line.out_trade_no
            trade = await self._gateway.query(number)
            if trade is None or not trade.paid:
                told = f"账单说已付 {yuan(line.total_fen)} 元，微信查询却没有付款"
                report = report.adding([Finding(Verdict.DIFFERS, "bill_not_paid", number, told)])
                continue
            booked = await self._orders.book_paid(trade, "bill")
            if booked is Booked.ANOMALY:
                told = f"账单 {yuan(line.total_fen)} 元，查询的结果和本地订单不符，没有入账"
                report = report.adding([Finding(Verdict.DIFFERS, MISMATCH, number, told)])
            else:
                report = replace(report, booked=(*report.booked, number))
        for line in compared.stale:
            facts = await self._gateway.query_refund(line.refund_no)
            if facts is not None:
                await self._orders.book_refund(facts)
                report = replace(report, booked=(*report.booked, line.refund_no))
        return report

    async def _ask(self, compared: Compared, report: Report) -> Report:
        """Ask about what the bill does not tell of; what WeChat counts to another day is no difference."""
        for row in compared.lacking_payments:
            report = report.adding(await self._lacking_payment(row, report.day))
        for refund in compared.lacking_refunds:
            report = report.adding(await self._lacking_refund(refund, report.day))
        return report

    async def _lacking_payment(self, row: LedgerRow, day: date) -> list[Finding]:
        trade = await self._gateway.query(row.key)
        if trade is not None and trade.paid:
            if trade.success_time is not None and day_of(trade.success_time) != day:
                return []
            told = f"本地 {yuan(row.amount_fen)} 元，微信查询也是已付款，但 {day} 的账单里没有"
        else:
            told = f"本地 {yuan(row.amount_fen)} 元已付款，{day} 的账单里没有，微信查询也没有付款"
        return [Finding(Verdict.ONLY_LOCAL, "bill_missing_payment", row.key, told)]

    async def _lacking_refund(self, refund: Refund, day: date) -> list[Finding]:
        facts = await self._gateway.query_refund(refund.out_refund_no)
        if facts is not None:
            if facts.create_time is not None and day_of(facts.create_time) != day:
                return []
            told = f"本地 {yuan(refund.amount_fen)} 元，微信查询是 {facts.status}，但 {day} 的账单里没有"
        else:
            told = f"本地退款 {yuan(refund.amount_fen)} 元，{day} 的账单里没有，微信查询也没有这个单号"
        return [Finding(Verdict.ONLY_LOCAL, "bill_missing_refund", refund.out_refund_no, told)]

    async def _funds(self, funds: Sequence[FundBill], report: Report) -> Report:
        lines = [line for bill in funds for line in bill.lines]

        def work(tx: Tx) -> tuple[Report, list[LedgerRow]]:
            compared = compare_funds(lines, lambda n: self._transfer_of(tx, n), lambda n: _is_ours(tx, n), report)
            return compared, _of_day(tx, Movement.TRANSFER, report.day)

        compared, transfers = await self._store.read(work)
        lacking = await self._not_seen(transfers, lines_of(funds))
        if lacking:  # money leaves when a transfer is ordered, and it counts when the payee has confirmed it
            before = [await self._fund_bill(report.day - A_DAY, account) for account in Account]
            lacking = await self._not_seen(lacking, lines_of(before))
        return compared.adding(
            Finding(
                Verdict.ONLY_LOCAL,
                "bill_missing_transfer",
                row.key,
                f"本地转账 {yuan(-row.amount_fen)} 元，{report.day} 和前一天的资金账单里都没有",
            )
            for row in lacking
        )

    async def _not_seen(self, rows: Sequence[LedgerRow], numbers: Sequence[str]) -> list[LedgerRow]:
        """Return the transfers that none of these numbers means."""
        if not rows:
            return []
        known = await self._store.read(lambda tx: [self._transfer_of(tx, number) for number in numbers])
        seen = {each.out_bill_no for each in known if each is not None}
        return [row for row in rows if row.key not in seen]

    # Keeping -----------------------------------------------------------------------------------------------

    def _keep(self, tx: Tx, report: Report, lines: Sequence[TradeLine]) -> Report:
        now = self._clock.now()
        report = report.adding([found for line in lines if (found := _fee(tx, line)) is not None])
        for each in report.findings:
            if each.kind != MISMATCH:
                tx.anomalies.report(each.kind, each.number, each.detail, now)
        tx.reconciliations.put(report.day, DONE, report.as_json(), now)
        return report

    def _note_failure(self, tx: Tx, day: date, error: PayError) -> None:
        now = self._clock.now()
        kept = tx.reconciliations.get(day)
        if kept is not None and kept.state == DONE:
            return  # what was found stands; only a person asked again
        waits = isinstance(error, BillNotReady)
        tx.reconciliations.put(day, WAITING if waits else FAILED, "", now, now + AGAIN_AFTER)
        if not isinstance(error, (BillNotReady, PayUnknown)):
            tx.anomalies.report("bill_unreadable", day.isoformat(), str(error), now)


def lines_of(funds: Sequence[FundBill]) -> list[str]:
    """Return every number that money went out under."""
    return [number for bill in funds for line in bill.lines if not line.income for number in line.numbers]


def _oldest_open(tx: Tx, last: date, now: datetime) -> tuple[date | None, bool]:
    """Return the oldest day that is to be done now, and whether another one waits."""
    first = tx.reconciliations.first_attempt()
    if first is None:
        return None, False
    day, waiting = max(day_of(first), last - (CATCH_UP_DAYS - 1) * A_DAY), False
    while day <= last:
        kept = tx.reconciliations.get(day)
        if kept is None or (kept.state != DONE and (kept.next_at is None or kept.next_at <= now)):
            return day, waiting
        waiting = waiting or kept.state != DONE
        day += A_DAY
    return None, waiting


def _local(tx: Tx, bill: TradeBill) -> Local:
    attempts = (tx.attempts.get(line.out_trade_no) for line in bill.payments)
    refunds = (tx.refunds.get(line.refund_no) for line in bill.refunds)
    start = start_of(bill.day)
    return Local(
        {each.out_trade_no: each for each in attempts if each is not None},
        {each.out_refund_no: each for each in refunds if each is not None},
        tuple(_of_day(tx, Movement.PAYMENT, bill.day)),
        tuple(tx.refunds.accepted_between(start, start + A_DAY)),
    )


def _of_day(tx: Tx, kind: Movement, day: date) -> list[LedgerRow]:
    start = start_of(day)
    return [row for row in tx.ledger.between(start, start + A_DAY) if row.kind is kind]


def _is_ours(tx: Tx, number: str) -> bool:
    bare = number.removeprefix("REF")
    return bool(tx.attempts.get(number) or tx.refunds.get(number) or tx.attempts.by_transaction(bare))


def _fee(tx: Tx, line: TradeLine) -> Finding | None:
    """Write the fee of a movement of ours into the ledger; it stands there once, whatever a later bill says."""
    number = line.refund_no or line.out_trade_no
    if line.refund_no:
        refund = tx.refunds.get(number)
        order_no = refund.order_no if refund else ""
    else:
        attempt = tx.attempts.get(number)
        order_no = attempt.order_no if attempt and attempt.state is AttemptState.SUCCESS else ""
    if not order_no or not line.fee_fen or tx.ledger.add(Movement.FEE, number, order_no, line.fee_fen, line.at):
        return None
    row = tx.ledger.get(Movement.FEE, number)
    if row is None or row.amount_fen == -line.fee_fen:
        return None
    told = f"账单手续费 {line.fee_fen} 分，先前记的是 {-row.amount_fen} 分"
    return Finding(Verdict.DIFFERS, "bill_fee_differs", number, told)
