"""What came of comparing a day: counts in four classes, sums, and every difference by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from bot.anomalies import advice


class Verdict(StrEnum):
    """The classes besides those that are equal."""

    ONLY_WECHAT = "only_wechat"
    ONLY_LOCAL = "only_local"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference; ``kind`` is that of the anomaly it becomes. ``detail`` is the same at every look."""

    verdict: Verdict
    kind: str
    number: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """One day. ``booked`` are payments that we had missed; ``others`` lines that are no business of this shop.

    Sums are by WeChat's bills: payments and refunds of this shop, the fees of both, transfers.
    """

    day: date
    equal: int = 0
    booked: tuple[str, ...] = ()
    others: int = 0
    payments_fen: int = 0
    refunds_fen: int = 0
    fees_fen: int = 0
    transfers_fen: int = 0
    findings: tuple[Finding, ...] = ()

    def plus(self, other: Report) -> Report:
        """Add what another comparison of the same day found."""
        return replace(
            self,
            equal=self.equal + other.equal,
            booked=self.booked + other.booked,
            others=self.others + other.others,
            payments_fen=self.payments_fen + other.payments_fen,
            refunds_fen=self.refunds_fen + other.refunds_fen,
            fees_fen=self.fees_fen + other.fees_fen,
            transfers_fen=self.transfers_fen + other.transfers_fen,
            findings=self.findings + other.findings,
        )

    def adding(self, findings: Iterable[Finding]) -> Report:
        """Add differences."""
        return replace(self, findings=(*self.findings, *findings))

    def count(self, verdict: Verdict) -> int:
        """Count the differences of a class."""
        return sum(each.verdict is verdict for each in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: money in fen, differences with their next steps."""
        plain: dict[str, Any] = {**asdict(self), "day": self.day.isoformat(), "booked": list(self.booked)}
        del plain["findings"]
        counts = {verdict.value: self.count(verdict) for verdict in Verdict}
        differences = [
            {**asdict(each), "verdict": each.verdict.value, "next_step": advice(each.kind).step}
            for each in self.findings
        ]
        return {**plain, **counts, "differences": differences}

    def as_json(self) -> str:
        """Write the report as it is kept."""
        return json.dumps(self.as_dict(), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read a kept report."""
        told: Mapping[str, Any] = json.loads(text)
        findings = (
            Finding(Verdict(each["verdict"]), each["kind"], each["number"], each["detail"])
            for each in told["differences"]
        )
        numbers = ("equal", "others", "payments_fen", "refunds_fen", "fees_fen", "transfers_fen")
        counts = {name: int(told[name]) for name in numbers}
        day = date.fromisoformat(told["day"])
        return cls(day, booked=tuple(told["booked"]), findings=tuple(findings), **counts)
