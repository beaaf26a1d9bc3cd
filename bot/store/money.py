"""Orders and the tries to pay them.

Every change of state is a compare-and-swap: it names the states it may start from and tells if a row changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from bot.models import Attempt, AttemptState, Line, Order, OrderState, Purpose, TradeType
from bot.store.rows import Row, Rows, epoch, instant, instant_or_none, marks

ORDER = (
    "order_no, openid, course_id, title, amount_fen, state, created_at, expires_at, paid_at, paid_attempt,"
    " source, session, purpose, ref, lines"
)
ATTEMPT = (
    "out_trade_no, order_no, trade_type, payer, total_fen, request, state, created_at, time_expire, prepay,"
    " transaction_id, tries, next_query_at"
)


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
                f"update attempts set state = ? where out_trade_no = ? and state in ({marks(states)})",
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
