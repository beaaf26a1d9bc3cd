"""Transfers to followers: written before WeChat is called, and moved only from the states they may come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.models import TransferFacts, TransferState
from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

TRANSFER = (
    "out_bill_no, openid, amount_fen, request, state, created_at, transfer_bill_no, package_info, fail_reason,"
    " finished_at, tries, refusals, next_query_at"
)
DEAD = "('FAIL', 'CANCELLED', 'REFUSED')"
OVER = "('SUCCESS', 'FAIL', 'CANCELLED', 'REFUSED')"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money on its way to a follower; ``request`` is replayed byte for byte.

    ``refusals`` counts how often WeChat refused to begin it; ``package_info`` opens the page that confirms it.
    """

    out_bill_no: str
    openid: str
    amount_fen: int
    request: str
    state: TransferState
    created_at: datetime
    transfer_bill_no: str = ""
    package_info: str = ""
    fail_reason: str = ""
    finished_at: datetime | None = None
    tries: int = 0
    refusals: int = 0
    next_query_at: datetime | None = None


def _transfer(row: Row) -> Transfer:
    return Transfer(
        out_bill_no=row[0],
        openid=row[1],
        amount_fen=row[2],
        request=row[3],
        state=TransferState(row[4]),
        created_at=instant(row[5]),
        transfer_bill_no=row[6],
        package_info=row[7],
        fail_reason=row[8],
        finished_at=instant_or_none(row[9]),
        tries=row[10],
        refusals=row[11],
        next_query_at=instant_or_none(row[12]),
    )


class Transfers:
    """The bills, one an out_bill_no."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, transfer: Transfer) -> None:
        """Write a new one down, before WeChat is called."""
        self._rows.run(
            "insert into transfers (out_bill_no, openid, amount_fen, request, state, created_at, next_query_at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            transfer.out_bill_no,
            transfer.openid,
            transfer.amount_fen,
            transfer.request,
            transfer.state.value,
            epoch(transfer.created_at),
            None if transfer.next_query_at is None else epoch(transfer.next_query_at),
        )

    def get(self, out_bill_no: str) -> Transfer | None:
        """Return one."""
        row = self._rows.one(f"select {TRANSFER} from transfers where out_bill_no = ?", out_bill_no)
        return _transfer(row) if row else None

    def find(self, number: str) -> Transfer | None:
        """Return the transfer that has this number, be it ours or WeChat's."""
        row = self._rows.one(
            f"select {TRANSFER} from transfers where out_bill_no = ? or (transfer_bill_no = ? and ? <> '')",
            number,
            number,
            number,
        )
        return _transfer(row) if row else None

    def all(self) -> list[Transfer]:
        """Return every transfer, the oldest first."""
        return [_transfer(row) for row in self._rows.all(f"select {TRANSFER} from transfers order by created_at")]

    def under_way(self, openid: str) -> Transfer | None:
        """Return the one of a follower that is not over; there is never more than one."""
        row = self._rows.one(
            f"select {TRANSFER} from transfers where openid = ? and state not in {OVER}"
            " order by created_at limit 1",
            openid,
        )
        return _transfer(row) if row else None

    def of(self, openid: str) -> list[Transfer]:
        """Return those of a follower, the newest first."""
        rows = self._rows.all(
            f"select {TRANSFER} from transfers where openid = ? order by created_at desc, out_bill_no", openid
        )
        return [_transfer(row) for row in rows]

    def due(self, now: datetime, *, limit: int = 100) -> list[Transfer]:
        """Return those to ask about, the longest waiting first."""
        rows = self._rows.all(
            f"select {TRANSFER} from transfers where next_query_at <= ? order by next_query_at limit ?",
            epoch(now),
            limit,
        )
        return [_transfer(row) for row in rows]

    def committed(self, since: datetime, openid: str = "") -> int:
        """Return the fen of all that began since a moment and are not dead, of one follower or of everybody."""
        row = self._rows.one(
            f"select coalesce(sum(amount_fen), 0) from transfers where created_at >= ? and state not in {DEAD}"
            " and (? = '' or openid = ?)",
            epoch(since),
            openid,
            openid,
        )
        return int(row[0]) if row else 0

    def schedule(self, out_bill_no: str, at: datetime | None, *, tried: bool = False) -> None:
        """Say when to ask next, None for never again."""
        self._rows.run(
            "update transfers set next_query_at = ?, tries = tries + ? where out_bill_no = ?",
            None if at is None else epoch(at),
            int(tried),
            out_bill_no,
        )

    def refused(self, out_bill_no: str) -> None:
        """Count that WeChat refused to begin it."""
        self._rows.run("update transfers set refusals = refusals + 1 where out_bill_no = ?", out_bill_no)

    def move(
        self, facts: TransferFacts, to: TransferState, came_from: Iterable[TransferState], now: datetime | None
    ) -> bool:
        """Move to what WeChat says, if it is in one of these states; ``now`` when it is over with that.

        Its number at WeChat and its package are kept once they are known.
        """
        states = [state.value for state in came_from]
        return bool(
            self._rows.run(
                "update transfers set state = ?, finished_at = ?, fail_reason = ?,"
                " transfer_bill_no = case when ? <> '' then ? else transfer_bill_no end,"
                " package_info = case when ? <> '' then ? else package_info end"
                f" where out_bill_no = ? and state in ({','.join('?' * len(states))})",
                to.value,
                None if now is None else epoch(now),
                facts.fail_reason,
                facts.transfer_bill_no,
                facts.transfer_bill_no,
                facts.package_info,
                facts.package_info,
                facts.out_bill_no,
                *states,
            )
        )

    def anonymise(self, openid: str, alias: str) -> None:
        """Keep the accounting rows without the person; what is still under way keeps its request for repeats."""
        self._rows.run(
            f"update transfers set openid = ?, request = case when state in {OVER} then '' else request end,"
            " package_info = '' where openid = ?",
            alias,
            openid,
        )
