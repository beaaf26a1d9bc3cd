"""Coupons with the orders that hold or used them, and limited-time prices of courses.

A use belongs to an order and names nobody: whose it is, its order knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

COUPON = (
    "code, title, amount_fen, percent, floor_fen, course_id, category, audience, each_limit, total_limit,"
    " usable_from, usable_until, listed, back, stopped, created_at"
)
PRICE = "price_id, course_id, price_fen, starts_at, ends_at, stopped, created_at"
TAKEN = (
    "select count(*) from coupon_uses u join orders o on o.order_no = u.order_no"
    " where u.code = ? and u.state in ('HELD', 'USED')"
    " and not (u.state = 'HELD' and o.state = 'PENDING' and (? = '' or (o.course_id = ? and o.purpose = ?))"
    " and o.openid = ? and (o.openid <> '' or o.session = ?))"
)


@dataclass(frozen=True, slots=True)
class Coupon:
    """What a code takes off, for what, for whom, how often, and when.

    ``amount_fen`` or ``percent`` is taken off, never below ``floor_fen``. Without ``course_id`` and ``category`` it
    is for everything. ``audience`` is "" (everybody), "new" or the name of a tag rule. A limit of 0 is none.
    ``listed`` ones are shown to whoever may use them; ``back``: a whole refund gives it back.
    """

    code: str
    title: str = ""
    amount_fen: int = 0
    percent: int = 0
    floor_fen: int = 0
    course_id: str = ""
    category: str = ""
    audience: str = ""
    each_limit: int = 1
    total_limit: int = 0
    usable_from: datetime | None = None
    usable_until: datetime | None = None
    listed: bool = True
    back: bool = False
    stopped: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose uses are looked at. Those of their unpaid orders for ``course_id`` (empty: for any) do not count."""

    openid: str
    session: str = ""
    course_id: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class LimitedPrice:
    """The price of a course from ``starts_at`` until just before ``ends_at``."""

    price_id: int
    course_id: str
    price_fen: int
    starts_at: datetime
    ends_at: datetime
    stopped: bool = False
    created_at: datetime | None = None


def _coupon(row: Row) -> Coupon:
    return Coupon(
        code=row[0],
        title=row[1],
        amount_fen=row[2],
        percent=row[3],
        floor_fen=row[4],
        course_id=row[5],
        category=row[6],
        audience=row[7],
        each_limit=row[8],
        total_limit=row[9],
        usable_from=instant_or_none(row[10]),
        usable_until=instant_or_none(row[11]),
        listed=bool(row[12]),
        back=bool(row[13]),
        stopped=bool(row[14]),
        created_at=instant(row[15]),
    )


def _price(row: Row) -> LimitedPrice:
    return LimitedPrice(row[0], row[1], row[2], instant(row[3]), instant(row[4]), bool(row[5]), instant(row[6]))


def _epoch_or_none(at: datetime | None) -> int | None:
    return None if at is None else epoch(at)


class Coupons:
    """Coupons and their uses: HELD by an unpaid order, USED by a paid one, FREED again."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, code: str) -> Coupon | None:
        """Return one coupon."""
        row = self._rows.one(f"select {COUPON} from coupons where code = ?", code)
        return _coupon(row) if row else None

    def all(self) -> list[Coupon]:
        """Return every coupon, the newest first."""
        return [_coupon(row) for row in self._rows.all(f"select {COUPON} from coupons order by rowid desc")]

    def running(self, now: datetime) -> list[Coupon]:
        """Return the listed coupons whose time it is, those that end first at the top."""
        rows = self._rows.all(
            f"select {COUPON} from coupons where listed = 1 and stopped = 0"
            " and (usable_from is null or usable_from <= ?) and (usable_until is null or usable_until > ?)"
            " order by usable_until is null, usable_until, code",
            epoch(now),
            epoch(now),
        )
        return [_coupon(row) for row in rows]

    def put(self, coupon: Coupon, now: datetime) -> None:
        """Write a coupon down, in place of the one with its code if there is one."""
        self._rows.run(
            f"insert into coupons ({COUPON}) values ({','.join('?' * 16)}) on conflict (code) do update set"
            " title = excluded.title, amount_fen = excluded.amount_fen, percent = excluded.percent,"
            " floor_fen = excluded.floor_fen, course_id = excluded.course_id, category = excluded.category,"
            " audience = excluded.audience, each_limit = excluded.each_limit, total_limit = excluded.total_limit,"
            " usable_from = excluded.usable_from, usable_until = excluded.usable_until, listed = excluded.listed,"
            " back = excluded.back, stopped = excluded.stopped",
            coupon.code,
            coupon.title,
            coupon.amount_fen,
            coupon.percent,
            coupon.floor_fen,
            coupon.course_id,
            coupon.category,
            coupon.audience,
            coupon.each_limit,
            coupon.total_limit,
            _epoch_or_none(coupon.usable_from),
            _epoch_or_none(coupon.usable_until),
            int(coupon.listed),
            int(coupon.back),
            int(coupon.stopped),
            epoch(coupon.created_at or now),
        )

    def taken(self, code: str, holder: Holder) -> int:
        """Return how many uses are held or used, the holder's own unpaid orders left out."""
        return self._count(TAKEN, code, holder)

    def taken_by(self, code: str, holder: Holder) -> int:
        """Return how many of those are the holder's own."""
        return self._count(f"{TAKEN} and o.openid = ?", code, holder, holder.openid)

    def _count(self, sql: str, code: str, holder: Holder, *more: str) -> int:
        item = (holder.course_id, holder.course_id, holder.purpose)
        row = self._rows.one(sql, code, *item, holder.openid, holder.session, *more)
        assert row is not None, "a count has a row"
        return int(row[0])

    def hold(self, order_no: str, code: str, holder: Holder, now: datetime) -> None:
        """Hold one for a new order; what older unpaid orders of theirs for the same item held goes over to it."""
        self.let_go_of_others(order_no, code, holder, now)
        self._rows.run(
            "insert into coupon_uses (order_no, code, state, changed_at) values (?, ?, 'HELD', ?)",
            order_no,
            code,
            epoch(now),
        )

    def let_go_of_others(self, order_no: str, code: str, holder: Holder, now: datetime) -> None:
        """Free what other unpaid orders of theirs for the same item hold."""
        self._rows.run(
            "update coupon_uses set state = 'FREED', changed_at = ? where code = ? and state = 'HELD'"
            " and order_no in (select order_no from orders where course_id = ? and purpose = ?"
            " and state = 'PENDING' and openid = ? and (openid <> '' or session = ?) and order_no <> ?)",
            epoch(now),
            code,
            holder.course_id,
            holder.purpose,
            holder.openid,
            holder.session,
            order_no,
        )

    def move(self, order_no: str, to: str, start: tuple[str, ...], now: datetime) -> bool:
        """Move the use of an order between states; False when it is in none of ``start``."""
        marks = ",".join("?" for _ in start)
        sql = f"update coupon_uses set state = ?, changed_at = ? where order_no = ? and state in ({marks})"
        return bool(self._rows.run(sql, to, epoch(now), order_no, *start))

    def counts(self, code: str) -> dict[str, int]:
        """Return how many uses are in each state."""
        sql = "select state, count(*) from coupon_uses where code = ? group by state"
        return dict(self._rows.all(sql, code))

    def orders_of(self, code: str) -> list[str]:
        """Return the numbers of the orders that hold or used it, the newest first."""
        sql = (
            "select order_no from coupon_uses where code = ? and state in ('HELD', 'USED')"
            " order by changed_at desc, order_no desc"
        )
        return [row[0] for row in self._rows.all(sql, code)]

    def bought_before(self, openid: str) -> bool:
        """Tell whether a follower has ever had a paid order, refunded or not."""
        sql = "select 1 from orders where openid = ? and state in ('PAID', 'REFUNDED_PART', 'REFUNDED') limit 1"
        return self._rows.one(sql, openid) is not None


class LimitedPrices:
    """Limited-time prices; two of one course never run at once."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def now(self, course_id: str, now: datetime) -> LimitedPrice | None:
        """Return the one that runs this moment."""
        row = self._rows.one(
            f"select {PRICE} from limited_prices where course_id = ? and stopped = 0"
            " and starts_at <= ? and ends_at > ?",
            course_id,
            epoch(now),
            epoch(now),
        )
        return _price(row) if row else None

    def running(self, now: datetime) -> frozenset[str]:
        """Return the courses that have one this moment."""
        sql = "select course_id from limited_prices where stopped = 0 and starts_at <= ? and ends_at > ?"
        return frozenset(row[0] for row in self._rows.all(sql, epoch(now), epoch(now)))

    def get(self, price_id: int) -> LimitedPrice | None:
        """Return one."""
        row = self._rows.one(f"select {PRICE} from limited_prices where price_id = ?", price_id)
        return _price(row) if row else None

    def all(self) -> list[LimitedPrice]:
        """Return every one, the latest to end first."""
        sql = f"select {PRICE} from limited_prices order by ends_at desc, price_id desc"
        return [_price(row) for row in self._rows.all(sql)]

    def overlapping(self, course_id: str, starts_at: datetime, ends_at: datetime) -> LimitedPrice | None:
        """Return one of the course that runs within that time."""
        row = self._rows.one(
            f"select {PRICE} from limited_prices where course_id = ? and stopped = 0"
            " and starts_at < ? and ends_at > ?",
            course_id,
            epoch(ends_at),
            epoch(starts_at),
        )
        return _price(row) if row else None

    def add(self, course_id: str, price_fen: int, starts_at: datetime, ends_at: datetime, now: datetime) -> int:
        """Write one down and return its number."""
        return self._rows.insert(
            "insert into limited_prices (course_id, price_fen, starts_at, ends_at, created_at)"
            " values (?, ?, ?, ?, ?)",
            course_id,
            price_fen,
            epoch(starts_at),
            epoch(ends_at),
            epoch(now),
        )

    def stop(self, price_id: int) -> bool:
        """End one before its time; False when it was stopped already."""
        sql = "update limited_prices set stopped = 1 where price_id = ? and stopped = 0"
        return bool(self._rows.run(sql, price_id))
