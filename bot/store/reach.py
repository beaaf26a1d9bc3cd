"""How followers were told, what became of it, and what they allow: consents, sendings, and the daily ration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.models import OutboxRow
from bot.store.rows import Row, Rows, epoch, instant

SENDING = "kind, key, openid, way, template_id, msg_id, state, detail, at"


class SendingState(StrEnum):
    """What is known of a sending."""

    SENDING = "sending"  # on its way, or its answer was lost: it may have arrived
    REFUSED = "refused"  # WeChat did not take it
    SENT = "sent"  # WeChat took it
    ARRIVED = "arrived"  # WeChat's event says that it was delivered
    FAILED = "failed"  # WeChat's event says that it was not


@dataclass(frozen=True, slots=True)
class Sending:
    """The latest try to tell one thing."""

    kind: str
    key: str
    openid: str
    way: str
    template_id: str
    msg_id: str
    state: SendingState
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """How many more notices of a template a follower has allowed."""

    template_id: str
    remaining: int
    changed_at: datetime


def _sending(row: Row) -> Sending:
    kind, key, openid, way, template_id, msg_id, state, detail, at = row
    return Sending(kind, key, openid, way, template_id, msg_id, SendingState(state), detail, instant(at))


class Consents:
    """What followers allowed in WeChat's own dialogue: one acceptance is one notice."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def allow(self, openid: str, template_id: str, now: datetime) -> None:
        """Note one more acceptance."""
        self._rows.run(
            "insert into consents (openid, template_id, remaining, changed_at) values (?, ?, 1, ?)"
            " on conflict (openid, template_id) do update set remaining = remaining + 1,"
            " changed_at = excluded.changed_at",
            openid,
            template_id,
            epoch(now),
        )

    def allow_one(self, openid: str, template_id: str, now: datetime) -> None:
        """Note an acceptance of a kind that does not add up: there is one now, however many there were."""
        self.refuse(openid, template_id, now)
        self.allow(openid, template_id, now)

    def remaining(self, openid: str, template_id: str) -> int:
        """Return how many more notices of a template are allowed."""
        sql = "select remaining from consents where openid = ? and template_id = ?"
        row = self._rows.one(sql, openid, template_id)
        return row[0] if row else 0

    def refuse(self, openid: str, template_id: str, now: datetime) -> None:
        """Note that nothing of this template may be sent any more."""
        self._rows.run(
            "insert into consents (openid, template_id, remaining, changed_at) values (?, ?, 0, ?)"
            " on conflict (openid, template_id) do update set remaining = 0, changed_at = excluded.changed_at",
            openid,
            template_id,
            epoch(now),
        )

    def take(self, openid: str, template_id: str) -> bool:
        """Use one acceptance up; False when there is none."""
        return bool(
            self._rows.run(
                "update consents set remaining = remaining - 1"
                " where openid = ? and template_id = ? and remaining > 0",
                openid,
                template_id,
            )
        )

    def give_back(self, openid: str, template_id: str) -> None:
        """Return one that was surely not used."""
        self._rows.run(
            "update consents set remaining = remaining + 1 where openid = ? and template_id = ?",
            openid,
            template_id,
        )

    def of(self, openid: str) -> list[Consent]:
        """Return what one follower allows."""
        rows = self._rows.all(
            "select template_id, remaining, changed_at from consents where openid = ? order by template_id", openid
        )
        return [Consent(row[0], row[1], instant(row[2])) for row in rows]


class Sendings:
    """The latest try to tell each outbox row, by the row's (kind, key)."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def begin(self, row: OutboxRow, way: str, template_id: str, now: datetime) -> None:
        """Note, before it is sent, by which way a row goes."""
        self._rows.run(
            f"insert into sendings ({SENDING}) values (?, ?, ?, ?, ?, '', 'sending', '', ?)"
            " on conflict (kind, key) do update set way = excluded.way, template_id = excluded.template_id,"
            " msg_id = '', state = 'sending', detail = '', at = excluded.at",
            row.kind,
            row.key,
            row.openid,
            way,
            template_id,
            epoch(now),
        )

    def settle(self, kind: str, key: str, state: SendingState, *, msg_id: str = "", detail: str = "") -> None:
        """Note what came of it. What WeChat's event said already is not overruled by the answer of the call."""
        self._rows.run(
            "update sendings set state = ?, detail = ?, msg_id = case when ? = '' then msg_id else ? end"
            " where kind = ? and key = ? and (? <> 'sent' or state = 'sending')",
            state.value,
            detail,
            msg_id,
            msg_id,
            kind,
            key,
            state.value,
        )

    def get(self, kind: str, key: str) -> Sending | None:
        """Return the latest try of a row."""
        row = self._rows.one(f"select {SENDING} from sendings where kind = ? and key = ?", kind, key)
        return _sending(row) if row else None

    def numbered(self, openid: str, msg_id: str) -> Sending | None:
        """Return what WeChat gave this number."""
        row = self._rows.one(
            f"select {SENDING} from sendings where openid = ? and msg_id = ? and msg_id <> ''", openid, msg_id
        )
        return _sending(row) if row else None

    def under_way(self, openid: str, way: str, template_id: str = "") -> list[Sending]:
        """Return what went this way to a follower and was given no number, the oldest first."""
        rows = self._rows.all(
            f"select {SENDING} from sendings where openid = ? and way = ? and msg_id = ''"
            " and state in ('sending', 'sent') and (? = '' or template_id = ?) order by at, rowid",
            openid,
            way,
            template_id,
            template_id,
        )
        return [_sending(row) for row in rows]

    def of(self, openid: str) -> list[Sending]:
        """Return how one follower was told things, the oldest first."""
        rows = self._rows.all(f"select {SENDING} from sendings where openid = ? order by at, key", openid)
        return [_sending(row) for row in rows]

    def purge(self, before: datetime) -> int:
        """Forget tries that no event can concern any more."""
        return self._rows.run("delete from sendings where at < ?", epoch(before))


class Nudges:
    """The latest thing that each follower was told unasked, a note or a broadcast: one ledger for all of them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def free_at(self, openid: str, key: str, now: datetime, pause: timedelta) -> datetime:
        """Return from when on ``key`` may be told unasked: a pause after the last one, at once if that was it."""
        row = self._rows.one("select key, at from nudges where openid = ?", openid)
        return now if row is None or row[0] == key else max(now, instant(row[1]) + pause)

    def note(self, openids: Iterable[str], key: str, now: datetime) -> None:
        """Note that something is being told unasked; for what was noted before, the first time stands."""
        self._rows.run_many(
            "insert into nudges (openid, key, at) values (?, ?, ?)"
            " on conflict (openid) do update set key = excluded.key, at = excluded.at"
            " where nudges.key <> excluded.key",
            [(openid, key, epoch(now)) for openid in openids],
        )

    def since(self, moment: datetime) -> set[str]:
        """Return everybody who was told something unasked after that moment."""
        return {row[0] for row in self._rows.all("select openid from nudges where at > ?", epoch(moment))}

    def take_back(self, openids: Iterable[str], key: str, at: datetime) -> None:
        """Forget what was noted at that moment: it was surely not sent. What was noted before it stands."""
        self._rows.run_many(
            "delete from nudges where openid = ? and key = ? and at >= ?",
            [(openid, key, epoch(at)) for openid in openids],
        )
