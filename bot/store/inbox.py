"""Messages seen: each runs once, and a repeat finds its reply here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.store.rows import Rows, epoch, instant


class Handling(StrEnum):
    """How far a message has come."""

    RUNNING = "running"
    DETACHED = "detached"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that arrived before, or another one that used the same signature."""

    key: str
    state: Handling
    reply: str
    deliveries: int
    received_at: datetime


FORMER = "substr(?1, instr(?1, '-'))"
FIND = (
    f"select case key when {FORMER} then ?1 else key end, state, reply, deliveries, received_at"
    f" from messages where key = ?1 or key = {FORMER} or signature = ?2"
)


class Messages:
    """The once-only book of messages, keyed as the design says.

    A key is ``TIME-NAME``, with ten digits of epoch seconds in front, so that the book is written at its end.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def find(self, key: str, signature: str) -> list[Seen]:
        """Return the message of this key and any message that carried this signature.

        One that a former release wrote down goes by what its key has after the time.
        """
        rows = self._rows.all(FIND, key, signature)
        return [Seen(row[0], Handling(row[1]), row[2], row[3], instant(row[4])) for row in rows]

    def add(
        self, key: str, signature: str, openid: str, now: datetime, *, state: Handling, reply: str = ""
    ) -> None:
        """Write a new message down."""
        self._rows.run(
            "insert into messages (key, signature, openid, state, reply, deliveries, received_at)"
            " values (?, ?, ?, ?, ?, 1, ?)",
            key,
            signature,
            openid,
            state.value,
            reply,
            epoch(now),
        )

    def count_delivery(self, key: str) -> int:
        """Note another delivery and return how many there were."""
        row = self._rows.one(
            "update messages set deliveries = deliveries + 1 where key = ? returning deliveries", key
        )
        return row[0] if row else 0

    def finish(self, key: str, reply: str) -> bool:
        """Keep the reply for repeats; True when the last delivery was let go without it."""
        row = self._rows.one("select state from messages where key = ?", key)
        self._rows.run("update messages set state = 'done', reply = ? where key = ?", reply, key)
        return row is not None and row[0] == Handling.DETACHED.value

    def detach(self, key: str) -> str | None:
        """Note that no delivery waits any more for a running message; return the reply if it is ready after all."""
        self._rows.run("update messages set state = 'detached' where key = ? and state = 'running'", key)
        row = self._rows.one("select reply from messages where key = ? and state = 'done'", key)
        return row[0] if row else None

    def beat(self, key: str, now: datetime) -> None:
        """Note that the work on a message goes on, so that nobody takes it for dead."""
        self._rows.run("update messages set received_at = ? where key = ? and state <> 'done'", epoch(now), key)

    def silent_since(self, before: datetime) -> list[tuple[str, str]]:
        """Return the (key, openid) of each message whose work has shown no life since ``before``."""
        rows = self._rows.all(
            "select key, openid from messages where state <> 'done' and received_at <= ?", epoch(before)
        )
        return [(row[0], row[1]) for row in rows]

    def take_over(self, key: str, now: datetime, *, older_than: datetime) -> bool:
        """Claim a message whose worker seems to have died; False when somebody else did."""
        return bool(
            self._rows.run(
                "update messages set state = 'running', received_at = ?"
                " where key = ? and state <> 'done' and received_at <= ?",
                epoch(now),
                key,
                epoch(older_than),
            )
        )

    def purge(self, before: datetime) -> int:
        """Forget messages that no repeat can concern any more."""
        return self._rows.run(
            "delete from messages where key < ? and received_at < ?", f"{epoch(before):010}", epoch(before)
        )
