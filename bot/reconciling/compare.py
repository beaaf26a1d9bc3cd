"""The comparison itself: bills on one side, what we know on the other. Pure; whoever calls asks and books."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bot.amounts import yuan
from bot.bills import FundLine, TradeBill, TradeLine
from bot.models import Attempt, AttemptState, Refund, RefundState
from bot.reconciling.report import Finding, Report, Verdict
from bot.store.ledger import LedgerRow

TAKEN = frozenset({RefundState.PROCESSING, RefundState.SUCCESS, RefundState.ABNORMAL, RefundState.CLOSED})
# What the fund bill calls the movements that the trade bill tells of too, and those of transfers and red packets.
ORDINARY = ("交易", "退款", "手续费")
TRANSFERS = ("转账", "红包", "付款到零钱")


@dataclass(frozen=True, slots=True)
class Local:
    """What we know: the attempts and refunds that the bill names, and those of the day by our own count."""

    attempts: Mapping[str, Attempt]
    refunds: Mapping[str, Refund]
    day_payments: tuple[LedgerRow, ...]
    day_refunds: tuple[Refund, ...]


@dataclass(frozen=True, slots=True)
class KnownTransfer:
    """A transfer of ours, whatever its state."""

    out_bill_no: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What is clear by now, and what WeChat has to be asked about.

    ``unbooked`` and ``stale`` are lines whose payment or refund we have not noted as the bill has it; ``lacking``
    are payments and refunds that the bill does not tell of.
    """

    report: Report
    unbooked: tuple[TradeLine, ...]
    stale: tuple[TradeLine, ...]
    lacking_payments: tuple[LedgerRow, ...]
    lacking_refunds: tuple[Refund, ...]


def compare_trades(bill: TradeBill, local: Local, app_id: str) -> Compared:
    """Hold a trade bill against what we know of its day; lines of other apps of the merchant are left alone."""
    ours = [each for each in bill.payments if each.out_trade_no in local.attempts or each.app_id in {app_id, ""}]
    back = [each for each in bill.refunds if each.refund_no in local.refunds or each.app_id in {app_id, ""}]
    findings: list[Finding] = []
    unbooked, stale, equal, seen = [], [], 0, set[str]()
    for line in ours:
        attempt = local.attempts.get(line.out_trade_no)
        if (found := _payment(line, attempt, twice=line.out_trade_no in seen)) is not None:
            findings.append(found)
        elif attempt is not None and attempt.state is not AttemptState.SUCCESS:
            unbooked.append(line)
        else:
            equal += 1
        seen.add(line.out_trade_no)
    for line in back:
        refund = local.refunds.get(line.refund_no)
        if (found := _refund(line, refund, twice=line.refund_no in seen)) is not None:
            findings.append(found)
        elif refund is not None and _is_stale(line, refund):
            stale.append(line)
        else:
            equal += 1
        seen.add(line.refund_no)
    report = Report(
        bill.day,
        equal=equal,
        others=len(bill.payments) + len(bill.refunds) - len(ours) - len(back),
        payments_fen=sum(each.total_fen for each in ours),
        refunds_fen=sum(each.refund_fen for each in back),
        fees_fen=sum(each.fee_fen for each in (*ours, *back)),
        findings=tuple(findings),
    )
    return Compared(
        report,
        tuple(unbooked),
        tuple(stale),
        tuple(row for row in local.day_payments if row.key not in seen),
        tuple(each for each in local.day_refunds if each.out_refund_no not in seen),
    )


def _payment(line: TradeLine, attempt: Attempt | None, *, twice: bool) -> Finding | None:
    number = line.out_trade_no
    if attempt is None:
        told = f"账单有一笔 {yuan(line.total_fen)} 元的付款（微信单号 {line.transaction_id}），本地没有这个单号"
        return Finding(Verdict.ONLY_WECHAT, "bill_unknown_payment", number, told)
    told = ""
    if twice:
        told = f"账单里出现不止一次，又一次是 {yuan(line.total_fen)} 元（微信单号 {line.transaction_id}）"
    elif line.total_fen != attempt.total_fen:
        told = f"账单 {yuan(line.total_fen)} 元，本地 {yuan(attempt.total_fen)} 元"
    elif attempt.transaction_id not in {"", line.transaction_id}:
        told = f"账单的微信单号是 {line.transaction_id}，本地是 {attempt.transaction_id}"
    return Finding(Verdict.DIFFERS, "bill_payment_differs", number, told) if told else None


def _refund(line: TradeLine, refund: Refund | None, *, twice: bool) -> Finding | None:
    number = line.refund_no
    if refund is None:
        told = f"账单有一笔 {yuan(line.refund_fen)} 元的退款（付款 {line.out_trade_no}），本地没有这个退款单号"
        return Finding(Verdict.ONLY_WECHAT, "bill_unknown_refund", number, told)
    told = ""
    if twice:
        told = f"账单里出现不止一次，又一次是 {yuan(line.refund_fen)} 元"
    elif line.refund_fen != refund.amount_fen:
        told = f"账单 {yuan(line.refund_fen)} 元，本地 {yuan(refund.amount_fen)} 元"
    elif line.out_trade_no != refund.out_trade_no:
        told = f"账单说退的是付款 {line.out_trade_no}，本地是 {refund.out_trade_no}"
    return Finding(Verdict.DIFFERS, "bill_refund_differs", number, told) if told else None


def _is_stale(line: TradeLine, refund: Refund) -> bool:
    """Tell whether WeChat has taken a refund that we take for dead or not begun."""
    return refund.state not in TAKEN or (line.status == "SUCCESS" and refund.state is RefundState.CLOSED)


def compare_funds(
    lines: Iterable[FundLine],
    transfer_of: Callable[[str], KnownTransfer | None],
    is_ours: Callable[[str], bool],
    report: Report,
) -> Report:
    """Find the transfers that are not as we ordered them, and what touches our numbers in an unknown way.

    ``transfer_of`` knows every transfer of ours by any of its numbers; ``is_ours`` all other numbers.
    """
    findings, equal, others, moved = [], 0, 0, 0
    for line in lines:
        transfer = next((known for each in line.numbers if (known := transfer_of(each)) is not None), None)
        words = f"{line.business} {line.kind}"
        if transfer is not None and not line.income:
            moved += line.amount_fen
            if line.amount_fen == transfer.amount_fen:
                equal += 1
                continue
            told = f"账单 {yuan(line.amount_fen)} 元，本地 {yuan(transfer.amount_fen)} 元"
            findings.append(Finding(Verdict.DIFFERS, "bill_transfer_differs", transfer.out_bill_no, told))
        elif transfer is not None:
            moved -= line.amount_fen  # it came back
        elif any(word in words for word in ORDINARY):
            continue  # the trade bill tells of it
        elif (number := next((each for each in line.numbers if is_ours(each)), "")) or _is_transfer(line, words):
            way = "收入" if line.income else "支出"
            told = f"资金账单有一笔{way} {yuan(line.amount_fen)} 元（{words.strip()}）"
            kind = "fund_unknown" if number else "bill_unknown_transfer"
            shown = number or (line.numbers[0] if line.numbers else "?")
            findings.append(Finding(Verdict.ONLY_WECHAT, kind, shown, told))
        else:
            others += 1
    return report.plus(
        Report(report.day, equal=equal, others=others, transfers_fen=moved, findings=tuple(findings))
    )


def _is_transfer(line: FundLine, words: str) -> bool:
    return not line.income and any(word in words for word in TRANSFERS)
