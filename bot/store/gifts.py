"""Gifts on their way to somebody, and batches of redeem codes, of which only hashes are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.store.rows import Row, Rows, epoch, instant, instant_or_none


class GiftState(StrEnum):
    """What has become of a gift."""

    OPEN = "OPEN"  # paid, and whoever opens it first may have it
    CLAIMED = "CLAIMED"
    RETURN = "RETURN"  # nobody claimed it in time; its money is to go back
    RETURNED = "RETURNED"


@dataclass(frozen=True, slots=True)
class Gift:
    """One paid item for whoever claims it first; ``expires_at`` None: there is no end."""

    token: str
    order_no: str
    giver: str
    course_id: str
    state: GiftState
    created_at: datetime
    expires_at: datetime | None
    greeting: str = ""
    claimed_by: str = ""
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Redeem codes for one item, made together; how many were ``used`` so far."""

    batch_id: int
    name: str
    course_id: str
    count: int
    created_at: datetime
    expires_at: datetime
    stopped_at: datetime | None = None
    used: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    """One redeem code as it is kept."""

    batch_id: int
    used_by: str
    used_at: datetime | None


GIFT = "token, order_no, giver, course_id, state, created_at, expires_at, greeting, claimed_by, claimed_at"
BATCH = (
    "batch_id, name, course_id, count, created_at, expires_at, stopped_at,"
    " (select count(*) from codes where codes.batch_id = code_batches.batch_id and used_at is not null)"
)
NEVER = 253_402_300_799  # the end of the year 9999


def _gift(row: Row) -> Gift:
    return Gift(
        token=row[0],
        order_no=row[1],
        giver=row[2],
        course_id=row[3],
        state=GiftState(row[4]),
        created_at=instant(row[5]),
        expires_at=None if row[6] == NEVER else instant(row[6]),
        greeting=row[7],
        claimed_by=row[8],
        claimed_at=instant_or_none(row[9]),
    )


def _batch(row: Row) -> Batch:
    return Batch(row[0], row[1], row[2], row[3], instant(row[4]), instant(row[5]), instant_or_none(row[6]), row[7])


class Gifts:
    """Paid items that wait for somebody, or found them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, gift: Gift) -> None:
        """Keep a new gift."""
        self._rows.run(
            f"insert into gifts ({GIFT}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, null)",
            gift.token,
            gift.order_no,
            gift.giver,
            gift.course_id,
            gift.state.value,
            epoch(gift.created_at),
            NEVER if gift.expires_at is None else epoch(gift.expires_at),
            gift.greeting,
            gift.claimed_by,
        )

    def get(self, token: str) -> Gift | None:
        """Return one gift."""
        row = self._rows.one(f"select {GIFT} from gifts where token = ?", token)
        return _gift(row) if row else None

    def of_order(self, order_no: str) -> Gift | None:
        """Return the gift that an order bought."""
        row = self._rows.one(f"select {GIFT} from gifts where order_no = ?", order_no)
        return _gift(row) if row else None

    def given_by(self, openid: str, *, limit: int = 8) -> list[Gift]:
        """Return what somebody gave, the newest first."""
        rows = self._rows.all(
            f"select {GIFT} from gifts where giver = ? order by created_at desc, token limit ?", openid, limit
        )
        return [_gift(row) for row in rows]

    def all(self) -> list[Gift]:
        """Return every gift, the newest first."""
        return [_gift(row) for row in self._rows.all(f"select {GIFT} from gifts order by created_at desc, token")]

    def greet(self, token: str, greeting: str) -> bool:
        """Set the greeting of a gift that nobody has claimed."""
        return bool(
            self._rows.run("update gifts set greeting = ? where token = ? and state = 'OPEN'", greeting, token)
        )

    def claim(self, token: str, openid: str, now: datetime) -> bool:
        """Give it to whoever asks first; False for everybody after that."""
        return bool(
            self._rows.run(
                "update gifts set state = 'CLAIMED', claimed_by = ?, claimed_at = ?"
                " where token = ? and state = 'OPEN' and expires_at > ?",
                openid,
                epoch(now),
                token,
                epoch(now),
            )
        )

    def move(self, order_no: str, to: GiftState, start: Iterable[GiftState]) -> bool:
        """Move the gift of an order between states."""
        states = [state.value for state in start]
        marks = ",".join("?" for _ in states)
        return bool(
            self._rows.run(
                f"update gifts set state = ? where order_no = ? and state in ({marks})", to.value, order_no, *states
            )
        )

    def over(self, now: datetime, limit: int = 100) -> list[Gift]:
        """Return gifts that nobody claimed in time, and those whose money is still to go back."""
        rows = self._rows.all(
            f"select {GIFT} from gifts where state = 'RETURN' or (state = 'OPEN' and expires_at <= ?)"
            " order by expires_at limit ?",
            epoch(now),
            limit,
        )
        return [_gift(row) for row in rows]

    def anonymise(self, openid: str, alias: str) -> None:
        """Keep the rows of a person without the person and their words."""
        self._rows.run("update gifts set giver = ?, greeting = '' where giver = ?", alias, openid)
        self._rows.run("update gifts set claimed_by = ? where claimed_by = ?", alias, openid)


class Codes:
    """Redeem codes: each works once."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, batch: Batch, hashes: Iterable[str]) -> int:
        """Keep a batch and the hashes of its codes; returns its number."""
        number = self._rows.insert(
            "insert into code_batches (name, course_id, count, created_at, expires_at) values (?, ?, ?, ?, ?)",
            batch.name,
            batch.course_id,
            batch.count,
            epoch(batch.created_at),
            epoch(batch.expires_at),
        )
        self._rows.run_many(
            "insert into codes (hash, batch_id, used_by) values (?, ?, '')", [(each, number) for each in hashes]
        )
        return number

    def batch(self, batch_id: int) -> Batch | None:
        """Return one batch."""
        row = self._rows.one(f"select {BATCH} from code_batches where batch_id = ?", batch_id)
        return _batch(row) if row else None

    def batches(self) -> list[Batch]:
        """Return every batch, the newest first."""
        return [_batch(row) for row in self._rows.all(f"select {BATCH} from code_batches order by batch_id desc")]

    def uses(self, batch_id: int) -> list[Code]:
        """Return the used codes of a batch, the latest first."""
        rows = self._rows.all(
            "select batch_id, used_by, used_at from codes where batch_id = ? and used_at is not null"
            " order by used_at desc, hash",
            batch_id,
        )
        return [Code(row[0], row[1], instant_or_none(row[2])) for row in rows]

    def stop(self, batch_id: int, now: datetime) -> bool:
        """Let no more codes of a batch be redeemed."""
        return bool(
            self._rows.run(
                "update code_batches set stopped_at = ? where batch_id = ? and stopped_at is null",
                epoch(now),
                batch_id,
            )
        )

    def get(self, digest: str) -> Code | None:
        """Return the code of a hash."""
        row = self._rows.one("select batch_id, used_by, used_at from codes where hash = ?", digest)
        return Code(row[0], row[1], instant_or_none(row[2])) if row else None

    def use(self, digest: str, openid: str, now: datetime) -> bool:
        """Use a code up; False when somebody was faster."""
        return bool(
            self._rows.run(
                "update codes set used_by = ?, used_at = ? where hash = ? and used_at is null",
                openid,
                epoch(now),
                digest,
            )
        )

    def anonymise(self, openid: str, alias: str) -> None:
        """Keep the rows of a person without the person."""
        self._rows.run("update codes set used_by = ? where used_by = ?", alias, openid)
