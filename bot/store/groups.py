"""Group buying: the deals on offer, the groups that form, and the seats in them.

Every change of a seat or a group is a compare-and-swap: it names the states it may start from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.store.rows import Row, Rows, epoch, instant, instant_or_none


class GroupState(StrEnum):
    """What has become of a group."""

    FORMING = "FORMING"
    FULL = "FULL"
    FAILED = "FAILED"


class SeatState(StrEnum):
    """What has become of a seat, which is one order."""

    HELD = "HELD"  # ordered, not paid yet
    TAKEN = "TAKEN"  # paid
    FREED = "FREED"  # the order was cancelled unpaid, or refunded whole
    RETURN = "RETURN"  # paid, and the money is to go back


LIVE = (SeatState.HELD, SeatState.TAKEN)


@dataclass(frozen=True, slots=True)
class Deal:
    """A course that ``size`` people may buy together for ``price_fen`` each, within ``hours`` of the first payment.

    New groups may be opened until ``until``, and at most ``most_groups`` of them (0: any number).
    """

    deal_id: int
    course_id: str
    size: int
    price_fen: int
    hours: int
    until: datetime
    most_groups: int
    created_at: datetime
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """People who buy together; size, price and end are frozen when it is opened."""

    group_id: str
    deal_id: int
    course_id: str
    size: int
    price_fen: int
    state: GroupState
    opened_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Seat:
    """One place in a group."""

    order_no: str
    group_id: str
    openid: str
    state: SeatState


DEAL = "deal_id, course_id, size, price_fen, hours, until, most_groups, created_at, stopped_at"
GROUP = "group_id, deal_id, course_id, size, price_fen, state, opened_at, ends_at"
SEAT = "order_no, group_id, openid, state"


def _deal(row: Row) -> Deal:
    return Deal(
        row[0], row[1], row[2], row[3], row[4], instant(row[5]), row[6], instant(row[7]), instant_or_none(row[8])
    )


def _group(row: Row) -> Group:
    return Group(row[0], row[1], row[2], row[3], row[4], GroupState(row[5]), instant(row[6]), instant(row[7]))


def _seat(row: Row) -> Seat:
    return Seat(row[0], row[1], row[2], SeatState(row[3]))


class Groups:
    """Deals, groups and seats."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    # Deals -------------------------------------------------------------------------------------------------

    def offer(self, deal: Deal) -> int:
        """Keep a new deal and return its number."""
        return self._rows.insert(
            "insert into group_deals (course_id, size, price_fen, hours, until, most_groups, created_at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            deal.course_id,
            deal.size,
            deal.price_fen,
            deal.hours,
            epoch(deal.until),
            deal.most_groups,
            epoch(deal.created_at),
        )

    def deal(self, deal_id: int) -> Deal | None:
        """Return one deal."""
        row = self._rows.one(f"select {DEAL} from group_deals where deal_id = ?", deal_id)
        return _deal(row) if row else None

    def deals(self) -> list[Deal]:
        """Return every deal, the newest first."""
        return [_deal(row) for row in self._rows.all(f"select {DEAL} from group_deals order by deal_id desc")]

    def running(self, course_id: str, now: datetime) -> Deal | None:
        """Return the deal of a course by which a group may be opened now."""
        row = self._rows.one(
            f"select {DEAL} from group_deals where course_id = ? and stopped_at is null and until > ?"
            " and (most_groups = 0 or most_groups > (select count(*) from groups"
            " where groups.deal_id = group_deals.deal_id and groups.state <> 'FAILED'))"
            " order by deal_id desc limit 1",
            course_id,
            epoch(now),
        )
        return _deal(row) if row else None

    def stop(self, deal_id: int, now: datetime) -> bool:
        """Let no more groups be opened by a deal; those that form go on."""
        return bool(
            self._rows.run(
                "update group_deals set stopped_at = ? where deal_id = ? and stopped_at is null",
                epoch(now),
                deal_id,
            )
        )

    # Groups ------------------------------------------------------------------------------------------------

    def open(self, group: Group) -> None:
        """Keep a new group."""
        self._rows.run(
            f"insert into groups ({GROUP}) values (?, ?, ?, ?, ?, ?, ?, ?)",
            group.group_id,
            group.deal_id,
            group.course_id,
            group.size,
            group.price_fen,
            group.state.value,
            epoch(group.opened_at),
            epoch(group.ends_at),
        )

    def get(self, group_id: str) -> Group | None:
        """Return one group."""
        row = self._rows.one(f"select {GROUP} from groups where group_id = ?", group_id)
        return _group(row) if row else None

    def of_deal(self, deal_id: int) -> list[Group]:
        """Return the groups of a deal, the oldest first."""
        rows = self._rows.all(f"select {GROUP} from groups where deal_id = ? order by opened_at, group_id", deal_id)
        return [_group(row) for row in rows]

    def of(self, openid: str, *, limit: int = 8) -> list[tuple[Group, Seat]]:
        """Return the groups in which somebody has or had a paid seat, the newest first."""
        rows = self._rows.all(
            "select groups.group_id, deal_id, course_id, size, price_fen, groups.state, opened_at, ends_at,"
            " order_no, group_seats.group_id, openid, group_seats.state from group_seats join groups"
            " on groups.group_id = group_seats.group_id where openid = ? and group_seats.state <> 'FREED'"
            " order by opened_at desc, groups.group_id limit ?",
            openid,
            limit,
        )
        return [(_group(row[:8]), _seat(row[8:])) for row in rows]

    def move(self, group_id: str, to: GroupState) -> bool:
        """End a group that is forming."""
        return bool(
            self._rows.run(
                "update groups set state = ? where group_id = ? and state = 'FORMING'", to.value, group_id
            )
        )

    def over(self, now: datetime, limit: int = 100) -> list[Group]:
        """Return groups whose time is over and in which nobody can pay any more, and those that nobody is in."""
        rows = self._rows.all(
            f"select {GROUP} from groups where state = 'FORMING' and ends_at <= ? and not exists (select 1"
            " from group_seats where group_seats.group_id = groups.group_id and group_seats.state = 'HELD')"
            " order by ends_at limit ?",
            epoch(now),
            limit,
        )
        return [_group(row) for row in rows]

    # Seats -------------------------------------------------------------------------------------------------

    def sit(self, seat: Seat) -> None:
        """Keep a new seat."""
        self._rows.run(
            f"insert into group_seats ({SEAT}) values (?, ?, ?, ?)",
            seat.order_no,
            seat.group_id,
            seat.openid,
            seat.state.value,
        )

    def seat(self, order_no: str) -> Seat | None:
        """Return the seat of an order."""
        row = self._rows.one(f"select {SEAT} from group_seats where order_no = ?", order_no)
        return _seat(row) if row else None

    def seats(self, group_id: str) -> list[Seat]:
        """Return the held and the taken seats of a group, the oldest first."""
        rows = self._rows.all(
            f"select {SEAT} from group_seats where group_id = ? and state in ('HELD', 'TAKEN') order by rowid",
            group_id,
        )
        return [_seat(row) for row in rows]

    def seat_in(self, openid: str, course_id: str) -> Seat | None:
        """Return somebody's held or taken seat in a group that forms for a course."""
        row = self._rows.one(
            "select order_no, group_seats.group_id, openid, group_seats.state from group_seats join groups"
            " on groups.group_id = group_seats.group_id where openid = ? and course_id = ?"
            " and groups.state = 'FORMING' and group_seats.state in ('HELD', 'TAKEN')"
            " order by group_seats.state desc limit 1",
            openid,
            course_id,
        )
        return _seat(row) if row else None

    def move_seat(self, order_no: str, to: SeatState, start: Iterable[SeatState]) -> bool:
        """Move a seat between states."""
        states = [state.value for state in start]
        marks = ",".join("?" for _ in states)
        return bool(
            self._rows.run(
                f"update group_seats set state = ? where order_no = ? and state in ({marks})",
                to.value,
                order_no,
                *states,
            )
        )

    def to_return(self, limit: int = 100) -> list[Seat]:
        """Return the seats whose money is to go back."""
        rows = self._rows.all(
            f"select {SEAT} from group_seats where state = 'RETURN' order by rowid limit ?", limit
        )
        return [_seat(row) for row in rows]

    def anonymise(self, openid: str, alias: str) -> None:
        """Keep the rows of a person without the person."""
        self._rows.run("update group_seats set openid = ? where openid = ?", alias, openid)
