"""Orders, tries to pay them, refunds, entitlements, and the audit of notices and anomalies.

Every change of state is a compare-and-swap: it names the states it may start from and tells if a row changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from bot.models import (
    Anomaly,
    Attempt,
    AttemptState,
    Entitlement,
    Line,
    Order,
    OrderState,
    Purpose,
    Refund,
    RefundState,
    TradeType,
)
from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

ORDER = (
    "order_no, openid, course_id, title, amount_fen, state, created_at, expires_at, paid_at, paid_attempt,"
    " source, session, purpose, ref, lines"
)
ATTEMPT = (
    "out_trade_no, order_no, trade_type, payer, total_fen, request, state, created_at, time_expire, prepay,"
    " transaction_id, tries, next_query_at"
)
REFUND = (
    "out_refund_no, out_trade_no, order_no, amount_fen, reason, request, state, created_at, tries, next_query_at,"
    " origin, gives_up, basis, note, refund_id, decided_at"
)
GRANT = "openid, course_id, source, order_no, granted_at"

ANOMALY = "id, kind, key, detail, created_at, resolved_at, note"


def _order(row: Row) -> Order:
    return Order(
        order_no=row[0],
        openid=row[1],
        course_id=row[2],
        title=row[3],
        amount_fen=row[4],
        state=OrderState(row[5]),
        created_at=instant(row[6]),
        expires_at=instant(row[7]),
        paid_at=instant_or_none(row[8]),
        paid_attempt=row[9],
        source=row[10],
        session=row[11],
        purpose=Purpose(row[12]),
        ref=row[13],
        lines=tuple(Line(*each) for each in json.loads(row[14])),
    )


def _attempt(row: Row) -> Attempt:
    return Attempt(
        out_trade_no=row[0],
        order_no=row[1],
        trade_type=TradeType(row[2]),
        payer=row[3],
        total_fen=row[4],
        request=row[5],
        state=AttemptState(row[6]),
        created_at=instant(row[7]),
        time_expire=instant(row[8]),
        prepay=row[9],
        transaction_id=row[10] or "",
        tries=row[11],
        next_query_at=instant_or_none(row[12]),
    )


def _refund(row: Row) -> Refund:
    return Refund(
        out_refund_no=row[0],
        out_trade_no=row[1],
        order_no=row[2],
        amount_fen=row[3],
        reason=row[4],
        request=row[5],
        state=RefundState(row[6]),
        created_at=instant(row[7]),
        tries=row[8],
        next_query_at=instant_or_none(row[9]),
        origin=row[10],
        gives_up=bool(row[11]),
        basis=row[12],
        note=row[13],
        refund_id=row[14],
        decided_at=instant_or_none(row[15]),
    )


def _entitlement(row: Row) -> Entitlement:
    return Entitlement(row[0], row[1], row[2], row[3], instant(row[4]))


def _anomaly(row: Row) -> Anomaly:
    return Anomaly(row[0], row[1], row[2], row[3], instant(row[4]), instant_or_none(row[5]), row[6])


def _marks(values: Iterable[object]) -> str:
    return ",".join("?" for _ in values)


class Orders:
    """Wishes to buy."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, order_no: str) -> Order | None:
        """Return one order."""
        row = self._rows.one(f"select {ORDER} from orders where order_no = ?", order_no)
        return _order(row) if row else None

    def add(self, order: Order) -> None:
        """Write a new order down, with the channel by which its buyer came last."""
        self._rows.run(
            f"insert into orders ({ORDER}, channel) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
            " coalesce((select channel from arrivals where openid = ?), ''))",
            order.order_no,
            order.openid,
            order.course_id,
            order.title,
            order.amount_fen,
            order.state.value,
            epoch(order.created_at),
            epoch(order.expires_at),
            None if order.paid_at is None else epoch(order.paid_at),
            order.paid_attempt,
            order.source,
            order.session,
            order.purpose.value,
            order.ref,
            json.dumps([[each.kind, each.amount_fen, each.ref] for each in order.lines]),
            order.openid,
        )

    def pending(self, openid: str, course_id: str, session: str, purpose: Purpose = Purpose.OWN) -> list[Order]:
        """Return the open orders of a follower (or, outside WeChat, of a browser session) for an item."""
        rows = self._rows.all(
            f"select {ORDER} from orders where course_id = ? and state = 'PENDING' and purpose = ?"
            " and openid = ? and (openid <> '' or session = ?) order by created_at desc",
            course_id,
            purpose.value,
            openid,
            session,
        )
        return [_order(row) for row in rows]

    def of(self, openid: str, *, limit: int = 50) -> list[Order]:
        """Return a follower's orders, the newest first."""
        rows = self._rows.all(
            f"select {ORDER} from orders where openid = ? order by created_at desc, order_no desc limit ?",
            openid,
            limit,
        )
        return [_order(row) for row in rows]

    def all(self, *, limit: int = 1_000_000) -> list[Order]:
        """Return orders, the newest first."""
        rows = self._rows.all(
            f"select {ORDER} from orders order by created_at desc, order_no desc limit ?",
            limit,
        )
        return [_order(row) for row in rows]

    def expired(self, now: datetime, limit: int = 100) -> list[Order]:
        """Return pending orders whose time is over and that no attempt can pay any more."""
        rows = self._rows.all(
            f"select {ORDER} from orders where state = 'PENDING' and expires_at <= ?"
            " and not exists (select 1 from attempts where attempts.order_no = orders.order_no"
            " and attempts.state in ('NEW', 'NOTPAY', 'CLOSING')) limit ?",
            epoch(now),
            limit,
        )
        return [_order(row) for row in rows]

    def pay(self, order_no: str, out_trade_no: str, openid: str, paid_at: datetime) -> bool:
        """Move to PAID from the states that may; an order without an owner gets its payer."""
        return bool(
            self._rows.run(
                "update orders set state = 'PAID', paid_attempt = ?, paid_at = ?,"
                " openid = case when openid = '' then ? else openid end"
                " where order_no = ? and state in ('PENDING', 'CANCELLED')",
                out_trade_no,
                epoch(paid_at),
                openid,
                order_no,
            )
        )

    def end(self, order_no: str, now: datetime) -> bool:
        """Let the time to pay of a PENDING order be over now; False when it is over already."""
        return bool(
            self._rows.run(
                "update orders set expires_at = ? where order_no = ? and state = 'PENDING' and expires_at > ?",
                epoch(now),
                order_no,
                epoch(now),
            )
        )

    def cancel(self, order_no: str) -> bool:
        """Move from PENDING to CANCELLED."""
        return bool(
            self._rows.run(
                "update orders set state = 'CANCELLED' where order_no = ? and state = 'PENDING'", order_no
            )
        )

    def mark_refunded(self, order_no: str, *, whole: bool) -> bool:
        """Move a paid order to REFUNDED or REFUNDED_PART."""
        return bool(
            self._rows.run(
                "update orders set state = ? where order_no = ? and state in ('PAID', 'REFUNDED_PART')",
                (OrderState.REFUNDED if whole else OrderState.REFUNDED_PART).value,
                order_no,
            )
        )

    def anonymise(self, openid: str, alias: str) -> None:
        """Keep the accounting rows of a person without the person."""
        self._rows.run("update orders set openid = ?, session = '' where openid = ?", alias, openid)
        self._rows.run("update attempts set payer = ?, request = '' where payer = ?", alias, openid)


class Attempts:
    """Tries to pay."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, out_trade_no: str) -> Attempt | None:
        """Return one attempt."""
        row = self._rows.one(f"select {ATTEMPT} from attempts where out_trade_no = ?", out_trade_no)
        return _attempt(row) if row else None

    def by_transaction(self, transaction_id: str) -> Attempt | None:
        """Return the attempt that WeChat booked under a number of its own."""
        row = self._rows.one(f"select {ATTEMPT} from attempts where transaction_id = ?", transaction_id)
        return _attempt(row) if row else None

    def all(self) -> list[Attempt]:
        """Return every attempt, the oldest first."""
        rows = self._rows.all(f"select {ATTEMPT} from attempts order by created_at, out_trade_no")
        return [_attempt(row) for row in rows]

    def of(self, order_no: str) -> list[Attempt]:
        """Return the attempts of an order, the oldest first."""
        rows = self._rows.all(
            f"select {ATTEMPT} from attempts where order_no = ? order by out_trade_no",
            order_no,
        )
        return [_attempt(row) for row in rows]

    def add(self, attempt: Attempt) -> None:
        """Write a new attempt down, before WeChat is called."""
        self._rows.run(
            "insert into attempts (out_trade_no, order_no, trade_type, payer, total_fen, request, state,"
            " created_at, time_expire, tries, next_query_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            attempt.out_trade_no,
            attempt.order_no,
            attempt.trade_type.value,
            attempt.payer,
            attempt.total_fen,
            attempt.request,
            attempt.state.value,
            epoch(attempt.created_at),
            epoch(attempt.time_expire),
            None if attempt.next_query_at is None else epoch(attempt.next_query_at),
        )

    def placed(self, out_trade_no: str, prepay: str) -> bool:
        """Note that WeChat took the order; keeps the state if a notice was faster."""
        self._rows.run("update attempts set prepay = ? where out_trade_no = ?", prepay, out_trade_no)
        return self.move(out_trade_no, AttemptState.NOTPAY, (AttemptState.NEW,))

    def move(self, out_trade_no: str, to: AttemptState, start: Iterable[AttemptState]) -> bool:
        """Move between states that need no more than the state; SUCCESS has ``succeed``."""
        states = [state.value for state in start]
        return bool(
            self._rows.run(
                f"update attempts set state = ? where out_trade_no = ? and state in ({_marks(states)})",
                to.value,
                out_trade_no,
                *states,
            )
        )

    def succeed(self, out_trade_no: str, transaction_id: str, payer: str, total_fen: int) -> bool:
        """Move to SUCCESS if the amount is ours; False when it was booked before."""
        return bool(
            self._rows.run(
                "update attempts set state = 'SUCCESS', transaction_id = ?, next_query_at = null,"
                " payer = case when payer = '' then ? else payer end"
                " where out_trade_no = ? and state <> 'SUCCESS' and total_fen = ?",
                transaction_id,
                payer,
                out_trade_no,
                total_fen,
            )
        )

    def due(self, now: datetime, limit: int = 100) -> list[Attempt]:
        """Return attempts that WeChat is to be asked about."""
        rows = self._rows.all(
            f"select {ATTEMPT} from attempts where next_query_at <= ? order by next_query_at limit ?",
            epoch(now),
            limit,
        )
        return [_attempt(row) for row in rows]

    def schedule(self, out_trade_no: str, at: datetime | None, *, tried: bool = True) -> None:
        """Set when to ask next; None for never."""
        self._rows.run(
            "update attempts set next_query_at = ?, tries = tries + ? where out_trade_no = ?",
            None if at is None else epoch(at),
            int(tried),
            out_trade_no,
        )


class Refunds:
    """Money on its way back."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, out_refund_no: str) -> Refund | None:
        """Return one refund."""
        row = self._rows.one(f"select {REFUND} from refunds where out_refund_no = ?", out_refund_no)
        return _refund(row) if row else None

    def accepted_between(self, start: datetime, end: datetime) -> list[Refund]:
        """Return what was begun, or came to its end, in that time and WeChat is said to have taken."""
        rows = self._rows.all(
            f"select {REFUND} from refunds where state in ('PROCESSING', 'SUCCESS', 'ABNORMAL', 'CLOSED')"
            " and (created_at >= ? and created_at < ? or out_refund_no in (select key from ledger"
            " where kind = 'refund' and at >= ? and at < ?)) order by created_at, out_refund_no",
            epoch(start),
            epoch(end),
            epoch(start),
            epoch(end),
        )
        return [_refund(row) for row in rows]

    def of(self, order_no: str) -> list[Refund]:
        """Return the refunds of an order, the oldest first."""
        rows = self._rows.all(
            f"select {REFUND} from refunds where order_no = ? order by created_at, out_refund_no",
            order_no,
        )
        return [_refund(row) for row in rows]

    def add(self, refund: Refund) -> None:
        """Write a refund down, before WeChat is called."""
        self._rows.run(
            f"insert into refunds ({REFUND}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            refund.out_refund_no,
            refund.out_trade_no,
            refund.order_no,
            refund.amount_fen,
            refund.reason,
            refund.request,
            refund.state.value,
            epoch(refund.created_at),
            refund.tries,
            None if refund.next_query_at is None else epoch(refund.next_query_at),
            refund.origin,
            int(refund.gives_up),
            refund.basis,
            refund.note,
            refund.refund_id,
            None if refund.decided_at is None else epoch(refund.decided_at),
        )

    def all(self, state: RefundState | None = None) -> list[Refund]:
        """Return refunds, those of one state or every one, the newest first."""
        rows = self._rows.all(
            f"select {REFUND} from refunds where ? in ('', state) order by created_at desc, out_refund_no desc",
            "" if state is None else state.value,
        )
        return [_refund(row) for row in rows]

    def decide(self, out_refund_no: str, to: RefundState, note: str, now: datetime) -> bool:
        """Let an admin's word end the waiting of a REQUESTED one; one that goes on is due at once."""
        return bool(
            self._rows.run(
                "update refunds set state = ?, note = ?, decided_at = ?, next_query_at = ?"
                " where out_refund_no = ? and state = 'REQUESTED'",
                to.value,
                note,
                epoch(now),
                epoch(now) if to is RefundState.NEW else None,
                out_refund_no,
            )
        )

    def note(self, out_refund_no: str, note: str) -> None:
        """Keep an admin's word about a refund."""
        self._rows.run("update refunds set note = ? where out_refund_no = ?", note, out_refund_no)

    def known_as(self, out_refund_no: str, refund_id: str) -> None:
        """Keep WeChat's own number of a refund."""
        self._rows.run("update refunds set refund_id = ? where out_refund_no = ?", refund_id, out_refund_no)

    def move(self, out_refund_no: str, to: RefundState, start: Iterable[RefundState]) -> bool:
        """Move between states."""
        states = [state.value for state in start]
        return bool(
            self._rows.run(
                f"update refunds set state = ? where out_refund_no = ? and state in ({_marks(states)})",
                to.value,
                out_refund_no,
                *states,
            )
        )

    def due(self, now: datetime, limit: int = 100) -> list[Refund]:
        """Return refunds that WeChat is to be asked about."""
        rows = self._rows.all(
            f"select {REFUND} from refunds where next_query_at <= ? order by next_query_at limit ?",
            epoch(now),
            limit,
        )
        return [_refund(row) for row in rows]

    def schedule(self, out_refund_no: str, at: datetime | None) -> None:
        """Set when to ask next; None for never."""
        self._rows.run(
            "update refunds set next_query_at = ?, tries = tries + 1 where out_refund_no = ?",
            None if at is None else epoch(at),
            out_refund_no,
        )


class Entitlements:
    """Whose each course is: one row for a follower and a course, shown from the grants that orders made."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def grant(self, granted: Entitlement) -> bool:
        """Give a course to a follower; False when it was theirs already, and then nothing is noted."""
        fresh = self._show(granted)
        if fresh:
            self._note(granted)
        return fresh

    def add(self, granted: Entitlement) -> bool:
        """Note that this order gives a course, be it theirs already or not; True when it was not."""
        self._note(granted)
        return self._show(granted)

    def revoke(self, openid: str, course_id: str, order_no: str) -> bool:
        """Take back what this order gave; what something else gave as well stays theirs."""
        one = (openid, course_id, order_no)
        self._rows.run("delete from grants where openid = ? and course_id = ? and order_no = ?", *one)
        shown = self._rows.run("delete from entitlements where openid = ? and course_id = ? and order_no = ?", *one)
        if shown:
            self._rows.run(
                f"insert into entitlements ({GRANT}) select {GRANT} from grants"
                " where openid = ? and course_id = ? order by granted_at, order_no limit 1",
                openid,
                course_id,
            )
        return bool(shown)

    def revoke_order(self, openid: str, order_no: str) -> None:
        """Take back everything that this order gave."""
        rows = self._rows.all(
            "select course_id from grants where openid = ? and order_no = ? and order_no <> ''", openid, order_no
        )
        for (course_id,) in rows:
            self.revoke(openid, course_id, order_no)

    def grants(self, *, openid: str = "", course_id: str = "") -> list[Entitlement]:
        """Return everything that gives courses to a follower, or one course to anybody, the oldest first."""
        rows = self._rows.all(
            f"select {GRANT} from grants where {'openid' if openid else 'course_id'} = ?"
            " order by granted_at, order_no, course_id",
            openid or course_id,
        )
        return [_entitlement(row) for row in rows]

    def _show(self, granted: Entitlement) -> bool:
        return self._insert("entitlements", granted)

    def _note(self, granted: Entitlement) -> bool:
        return self._insert("grants", granted)

    def _insert(self, table: str, granted: Entitlement) -> bool:
        return bool(
            self._rows.run(
                f"insert into {table} ({GRANT}) values (?, ?, ?, ?, ?) on conflict do nothing",
                granted.openid,
                granted.course_id,
                granted.source,
                granted.order_no,
                epoch(granted.granted_at),
            )
        )

    def get(self, openid: str, course_id: str) -> Entitlement | None:
        """Return how a course is theirs, or None."""
        row = self._rows.one(
            "select openid, course_id, source, order_no, granted_at from entitlements"
            " where openid = ? and course_id = ?",
            openid,
            course_id,
        )
        return _entitlement(row) if row else None

    def of(self, openid: str) -> list[Entitlement]:
        """Return all courses of a follower, the newest first."""
        rows = self._rows.all(
            "select openid, course_id, source, order_no, granted_at from entitlements where openid = ?"
            " order by granted_at desc, course_id",
            openid,
        )
        return [_entitlement(row) for row in rows]

    def learners(self) -> dict[str, int]:
        """Return how many people have each course that anybody has."""
        return dict(self._rows.all("select course_id, count(*) from entitlements group by course_id"))

    def owned(self, openid: str) -> list[str]:
        """Return the ids of a follower's courses."""
        return [row[0] for row in self._rows.all("select course_id from entitlements where openid = ?", openid)]


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
