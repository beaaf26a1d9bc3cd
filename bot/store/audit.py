"""What WeChat Pay reported, and what only a person can settle."""

from __future__ import annotations

from datetime import datetime

from bot.models import Anomaly
from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

ANOMALY = "id, kind, key, detail, created_at, resolved_at, note"


def _anomaly(row: Row) -> Anomaly:
    return Anomaly(row[0], row[1], row[2], row[3], instant(row[4]), instant_or_none(row[5]), row[6])


class Notices:
    """Which notifications WeChat Pay sent and what became of them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, notice_id: str, event_type: str, subject: str, result: str, now: datetime) -> None:
        """Write one down; the same notice again replaces its result."""
        self._rows.run(
            "insert into notices (id, event_type, subject, result, received_at) values (?, ?, ?, ?, ?)"
            " on conflict (id) do update set result = excluded.result",
            notice_id,
            event_type,
            subject,
            result,
            epoch(now),
        )


class Anomalies:
    """What only a person can settle."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, kind: str, key: str, detail: str, now: datetime) -> None:
        """Write one down, once for each (kind, key)."""
        self._rows.run(
            "insert into anomalies (kind, key, detail, created_at) values (?, ?, ?, ?)"
            " on conflict (kind, key) do nothing",
            kind,
            key,
            detail,
            epoch(now),
        )

    def report(self, kind: str, key: str, detail: str, now: datetime) -> bool:
        """Write one down, or bring one that was settled back if what is said is new; True when it is open now.

        An open one takes over the new words; a settled one about which the same is said stays settled.
        """
        return bool(
            self._rows.run(
                "insert into anomalies (kind, key, detail, created_at) values (?, ?, ?, ?)"
                " on conflict (kind, key) do update set detail = excluded.detail, created_at ="
                " case when resolved_at is null then created_at else excluded.created_at end, resolved_at = null"
                " where resolved_at is null or detail <> excluded.detail",
                kind,
                key,
                detail,
                epoch(now),
            )
        )

    def resolve(self, anomaly_id: int, note: str, now: datetime) -> bool:
        """Note how a person settled one; False when it is settled already or unknown."""
        sql = "update anomalies set resolved_at = ?, note = ? where id = ? and resolved_at is null"
        return bool(self._rows.run(sql, epoch(now), note, anomaly_id))

    def get(self, anomaly_id: int) -> Anomaly | None:
        """Return one."""
        row = self._rows.one(f"select {ANOMALY} from anomalies where id = ?", anomaly_id)
        return _anomaly(row) if row else None

    def all(self) -> list[Anomaly]:
        """Return every one, settled or not, the oldest first."""
        return [_anomaly(row) for row in self._rows.all(f"select {ANOMALY} from anomalies order by id")]

    def open(self) -> list[Anomaly]:
        """Return what nobody has settled yet."""
        rows = self._rows.all(f"select {ANOMALY} from anomalies where resolved_at is null order by id")
        return [_anomaly(row) for row in rows]
