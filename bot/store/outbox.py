"""What followers are to be told: rows that wait for their sender, for another try, or for the next chat."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from bot.models import OutboxRow
from bot.store.rows import Row, Rows, epoch, instant

ABOUT_MONEY = (  # whoever paid is told, whenever they come back
    "paid",
    "paid_member",
    "paid_twice",
    "offer_gone",
    "refunded",
    "group_seat",
    "group_full",
    "group_failed",
    "gift_bought",
    "gift_returned",
    "refund_approved",
    "refund_declined",
    "refund_failed",
    "refund_delayed",
    "refund_by_hand",
)
OUTBOX = "id, kind, key, openid, payload, created_at, attempts"


def _row(row: Row) -> OutboxRow:
    return OutboxRow(row[0], row[1], row[2], row[3], json.loads(row[4]), instant(row[5]), row[6])


class Outbox:
    """Rows are unique by (kind, key): telling twice is asking once."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def put(
        self, kind: str, key: str, openid: str, payload: Mapping[str, object], now: datetime, *, due: datetime
    ) -> bool:
        """Add a row to be sent from ``due`` on; False when it is there already."""
        return bool(
            self._rows.run(
                "insert into outbox (kind, key, openid, payload, created_at, next_at) values (?, ?, ?, ?, ?, ?)"
                " on conflict (kind, key) do nothing",
                kind,
                key,
                openid,
                json.dumps(payload, ensure_ascii=False),
                epoch(now),
                epoch(due),
            )
        )

    def claim(self, now: datetime, *, until: datetime, limit: int) -> list[OutboxRow]:
        """Take due rows; a taken row comes back at ``until`` unless it is settled before."""
        rows = self._rows.all(
            "update outbox set next_at = ?, attempts = attempts + 1, in_hand = 0 where id in"
            " (select id from outbox where done_at is null and next_at <= ? order by next_at, id limit ?)"
            f" and done_at is null and next_at <= ? returning {OUTBOX}",
            epoch(until),
            epoch(now),
            limit,
            epoch(now),
        )
        return sorted((_row(row) for row in rows), key=lambda row: row.row_id)

    def keep(self, row: OutboxRow, until: datetime) -> bool:
        """Prolong a claim; False when it ran out and somebody else has taken or settled the row."""
        return bool(
            self._rows.run(
                "update outbox set next_at = ? where id = ? and attempts = ? and done_at is null",
                epoch(until),
                row.row_id,
                row.attempts,
            )
        )

    def done(self, row_id: int, outcome: str, now: datetime) -> bool:
        """Settle a row; False when it was settled before."""
        return bool(
            self._rows.run(
                "update outbox set done_at = ?, outcome = ? where id = ? and done_at is null",
                epoch(now),
                outcome,
                row_id,
            )
        )

    def retry(self, row_id: int, at: datetime, *, in_hand: bool = False) -> None:
        """Try a row again later; ``in_hand`` says that it was surely not sent, so that a chat may come first."""
        self._rows.run(
            "update outbox set next_at = ?, in_hand = ? where id = ? and done_at is null",
            epoch(at),
            int(in_hand),
            row_id,
        )

    def reopen(self, kind: str, key: str) -> bool:
        """Leave for the next chat what did not arrive after all; False when it was told by other means."""
        return bool(
            self._rows.run(
                "update outbox set next_at = null, done_at = null, outcome = '' where kind = ? and key = ?"
                " and (done_at is null or outcome = 'sent')",
                kind,
                key,
            )
        )

    def arrived(self, kind: str, key: str, now: datetime) -> None:
        """Settle by name what is known to have arrived, though its sender never heard so."""
        self._rows.run(
            "update outbox set done_at = ?, outcome = 'sent' where kind = ? and key = ? and done_at is null",
            epoch(now),
            kind,
            key,
        )

    def hold(self, row_id: int) -> None:
        """Leave a row for the follower's next message."""
        self._rows.run("update outbox set next_at = null where id = ? and done_at is null", row_id)

    def waiting(self, openid: str) -> list[OutboxRow]:
        """Return what was left for this follower's next message, and what waits but is in nobody's hands."""
        rows = self._rows.all(
            f"select {OUTBOX} from outbox where openid = ? and done_at is null"
            " and (next_at is null or in_hand = 1) order by id",
            openid,
        )
        return [_row(row) for row in rows]

    def drop_for(self, openid: str, now: datetime) -> None:
        """Settle what was still to be told to somebody who left; news of money waits for their next chat."""
        marks = ",".join("?" for _ in ABOUT_MONEY)
        self._rows.run(
            "update outbox set done_at = ?, outcome = 'unfollowed' where openid = ? and done_at is null"
            f" and kind not in ({marks})",
            epoch(now),
            openid,
            *ABOUT_MONEY,
        )
        self._rows.run("update outbox set next_at = null where openid = ? and done_at is null", openid)
