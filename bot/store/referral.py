"""Inviters, who opened whose link, who brought whom, and what that earned.

What is known of a friend who is forgotten is a keyed digest: enough that nobody is ever brought twice.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.store.rows import Row, Rows, epoch, instant

REWARD = "reward_id, friend, openid, order_no, kept_fen, amount_fen, state, reason, created_at, out_bill_no"
FIRST_PAID = (
    "(select order_no from orders where openid = r.friend and amount_fen > 0 and paid_at is not null"
    " order by paid_at, order_no limit 1)"
)
EARNING = (
    "select r.friend, r.inviter, o.order_no, o.paid_at < r.touched_at from referrals r"
    f" join orders o on o.order_no = {FIRST_PAID}"
    " where not exists (select 1 from rewards where rewards.friend = r.friend) and r.inviter not like 'anon-%'"
)


class RewardState(StrEnum):
    """What has become of one reward."""

    REVIEW = "REVIEW"  # waits for an admin
    READY = "READY"  # may be taken
    TAKEN = "TAKEN"  # in a transfer that is under way
    PAID = "PAID"  # received
    REJECTED = "REJECTED"  # by an admin
    VOID = "VOID"  # nothing was earned: refunded, bought before, or above the limit of the person


@dataclass(frozen=True, slots=True)
class Inviter:
    """Somebody's link and QR code; ``url`` is what the code says, good until ``until``."""

    openid: str
    code: str
    url: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Earning:
    """A friend's first paid order that has no reward yet; ``before``: it was paid before they were brought."""

    friend: str
    inviter: str
    order_no: str
    before: bool


@dataclass(frozen=True, slots=True)
class Reward:
    """What one friend's first order earned; ``kept_fen`` is what was left of its price when that was decided."""

    reward_id: int
    friend: str
    openid: str
    order_no: str
    kept_fen: int
    amount_fen: int
    state: RewardState
    reason: str
    created_at: datetime
    out_bill_no: str


def _inviter(row: Row | None) -> Inviter | None:
    return Inviter(row[0], row[1], row[2], instant(row[3])) if row else None


def _reward(row: Row) -> Reward:
    return Reward(
        reward_id=row[0],
        friend=row[1],
        openid=row[2],
        order_no=row[3],
        kept_fen=row[4],
        amount_fen=row[5],
        state=RewardState(row[6]),
        reason=row[7],
        created_at=instant(row[8]),
        out_bill_no=row[9],
    )


class Inviters:
    """One code for each person who asked for one."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def of(self, openid: str) -> Inviter | None:
        """Return somebody's link."""
        return _inviter(self._rows.one("select openid, code, url, until from inviters where openid = ?", openid))

    def by(self, code: str) -> Inviter | None:
        """Return whose link it is."""
        return _inviter(self._rows.one("select openid, code, url, until from inviters where code = ?", code))

    def add(self, openid: str, code: str, now: datetime) -> None:
        """Give somebody a code; whoever has one keeps it."""
        self._rows.run(
            "insert into inviters (openid, code, created_at) values (?, ?, ?) on conflict (openid) do nothing",
            openid,
            code,
            epoch(now),
        )

    def drawn(self, code: str, url: str, until: datetime) -> None:
        """Keep what the QR code of a link says."""
        self._rows.run("update inviters set url = ?, until = ? where code = ?", url, epoch(until), code)


class Touches:
    """Who opened whose link first, before following."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, openid: str, inviter: str, now: datetime, *, since: datetime) -> bool:
        """Note the first one; a later one only counts once the first is older than ``since``."""
        return bool(
            self._rows.run(
                "insert into touches (openid, inviter, at) values (?, ?, ?) on conflict (openid) do update"
                " set inviter = excluded.inviter, at = excluded.at where touches.at < ?",
                openid,
                inviter,
                epoch(now),
                epoch(since),
            )
        )

    def of(self, openid: str, *, since: datetime) -> tuple[str, datetime] | None:
        """Return whose link they opened, and when, unless that is too long ago."""
        row = self._rows.one("select inviter, at from touches where openid = ? and at >= ?", openid, epoch(since))
        return (row[0], instant(row[1])) if row else None


class Referrals:
    """Who brought whom: written once, never changed."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, friend: str, inviter: str, via: str, touched_at: datetime, now: datetime) -> bool:
        """Write one down; False when this friend was brought already."""
        return bool(
            self._rows.run(
                "insert into referrals (friend, inviter, via, touched_at, came_at) values (?, ?, ?, ?, ?)"
                " on conflict (friend) do nothing",
                friend,
                inviter,
                via,
                epoch(touched_at),
                epoch(now),
            )
        )

    def inviter_of(self, friend: str) -> str:
        """Return who brought somebody, empty for nobody."""
        row = self._rows.one("select inviter from referrals where friend = ?", friend)
        return row[0] if row else ""

    def came(self, inviter: str) -> list[datetime]:
        """Return when each friend of an inviter came."""
        rows = self._rows.all("select came_at from referrals where inviter = ? order by came_at", inviter)
        return [instant(row[0]) for row in rows]

    def earning(self, now: datetime, after_days: int, *, limit: int) -> list[Earning]:
        """Return first paid orders that are old enough and have no reward yet, the oldest first.

        Old enough is ``after_days``, and never within the days in which the order itself promises a refund; with
        0 ``after_days`` nothing is waited for.
        """
        rows = self._rows.all(
            f"{EARNING} and o.paid_at + 86400 * (case ? when 0 then 0 else max(?, coalesce((select until_days"
            " from refund_terms where refund_terms.order_no = o.order_no), 0)) end) <= ?"
            " order by o.paid_at limit ?",
            after_days,
            after_days,
            epoch(now),
            limit,
        )
        return [Earning(row[0], row[1], row[2], bool(row[3])) for row in rows]

    def waiting(self, inviter: str) -> list[Earning]:
        """Return those of one inviter that have no reward yet, old enough or not."""
        rows = self._rows.all(f"{EARNING} and r.inviter = ?", inviter)
        return [Earning(row[0], row[1], row[2], bool(row[3])) for row in rows]

    def recall(self, openid: str) -> None:
        """Know a friend again who was forgotten and is back."""
        for table in ("referrals", "rewards"):
            self._rows.run(f"update {table} set friend = ? where friend = ?", openid, self._digest(openid))

    def hide(self, openid: str) -> None:
        """Keep of a friend only the digest by which they are known again."""
        for table in ("referrals", "rewards"):
            self._rows.run(f"update {table} set friend = ? where friend = ?", self._digest(openid), openid)

    def anonymise(self, openid: str, alias: str) -> None:
        """Keep what somebody brought and earned without the person."""
        self.hide(openid)
        self._rows.run("update referrals set inviter = ? where inviter = ?", alias, openid)
        self._rows.run(
            "update rewards set state = 'VOID', reason = 'forgotten'"
            " where openid = ? and state in ('READY', 'REVIEW')",
            openid,
        )
        self._rows.run("update rewards set openid = ? where openid = ?", alias, openid)
        self._rows.run("delete from touches where inviter = ?", openid)

    def _digest(self, openid: str) -> str:
        row = self._rows.one("select secret from referral_secret")
        assert row is not None, "the migration made the secret"
        return "friend-" + hmac.new(row[0].encode(), openid.encode(), "sha256").hexdigest()[:40]


class Rewards:
    """What was earned; every change of state names the states it may start from."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(
        self,
        earning: Earning,
        amount_fen: int,
        state: RewardState,
        now: datetime,
        *,
        kept_fen: int,
        reason: str = "",
    ) -> bool:
        """Write one down; False when this friend has earned somebody something already."""
        return bool(
            self._rows.run(
                "insert into rewards (friend, openid, order_no, kept_fen, amount_fen, state, reason, created_at)"
                " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
                earning.friend,
                earning.inviter,
                earning.order_no,
                kept_fen,
                amount_fen,
                state.value,
                reason,
                epoch(now),
            )
        )

    def get(self, reward_id: int) -> Reward | None:
        """Return one reward."""
        row = self._rows.one(f"select {REWARD} from rewards where reward_id = ?", reward_id)
        return _reward(row) if row else None

    def of(self, openid: str) -> list[Reward]:
        """Return somebody's rewards, the oldest first."""
        rows = self._rows.all(f"select {REWARD} from rewards where openid = ? order by reward_id", openid)
        return [_reward(row) for row in rows]

    def all(self) -> list[Reward]:
        """Return every reward, the newest first."""
        return [_reward(row) for row in self._rows.all(f"select {REWARD} from rewards order by reward_id desc")]

    def earned(self, openid: str, since: datetime | None = None) -> int:
        """Return what somebody has earned in all, or since a moment, in fen; what came to nothing apart."""
        row = self._rows.one(
            "select coalesce(sum(amount_fen), 0) from rewards where openid = ? and created_at > ?"
            " and state not in ('VOID', 'REJECTED')",
            openid,
            -1 if since is None else epoch(since),
        )
        return int(row[0]) if row else 0

    def move(self, reward_id: int, to: RewardState, came_from: Iterable[RewardState], *, reason: str = "") -> bool:
        """Move one, if it is in one of these states."""
        states = [state.value for state in came_from]
        return bool(
            self._rows.run(
                f"update rewards set state = ?, reason = ? where reward_id = ?"
                f" and state in ({','.join('?' * len(states))})",
                to.value,
                reason,
                reward_id,
                *states,
            )
        )

    def lower(self, reward_id: int, kept_fen: int, amount_fen: int) -> None:
        """Lower one that may be taken, since part of its order went back."""
        self._rows.run(
            "update rewards set kept_fen = ?, amount_fen = ? where reward_id = ? and state = 'READY'",
            kept_fen,
            amount_fen,
            reward_id,
        )

    def take(self, reward_id: int, out_bill_no: str) -> bool:
        """Put one that may be taken into a transfer."""
        return bool(
            self._rows.run(
                "update rewards set state = 'TAKEN', out_bill_no = ? where reward_id = ? and state = 'READY'",
                out_bill_no,
                reward_id,
            )
        )

    def settle(self, out_bill_no: str, to: RewardState, came_from: Iterable[RewardState]) -> int:
        """Move everything of a transfer that is over: PAID, or READY to be taken again."""
        states = [state.value for state in came_from]
        return self._rows.run(
            f"update rewards set state = ? where out_bill_no = ? and state in ({','.join('?' * len(states))})",
            to.value,
            out_bill_no,
            *states,
        )
