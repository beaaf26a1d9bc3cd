"""Broadcasts, their parts, whom each part goes to, and what WeChat reported of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.mailing import Broadcast, MassResult, Part, PartState
from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

BROADCAST = "broadcast_id, content, audience, course_id, targeted, created_at"
PART = "broadcast_id, part, client_msg_id, people, state, tag_id, called_at, msg_id, errcode"
MAY_HAVE_ARRIVED = "('CALLING', 'SENT', 'LOST')"


def _broadcast(row: Row) -> Broadcast:
    return Broadcast(row[0], row[1], row[2], row[3], bool(row[4]), instant(row[5]))


def _part(row: Row) -> Part:
    broadcast_id, part, client_msg_id, people, state, tag_id, called_at, msg_id, errcode = row[:9]
    return Part(
        broadcast_id=broadcast_id,
        part=part,
        client_msg_id=client_msg_id,
        people=people,
        state=PartState(state),
        tag_id=tag_id,
        called_at=instant_or_none(called_at),
        msg_id=msg_id,
        errcode=errcode,
        result=MassResult(*row[9:]) if row[9] is not None else None,
    )


class Broadcasts:
    """One row per broadcast, per call it takes, and per reader; results stand alone, as one may come first."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, broadcast: Broadcast) -> None:
        """Write a broadcast down."""
        self._rows.run(
            f"insert into broadcasts ({BROADCAST}) values (?, ?, ?, ?, ?, ?)",
            broadcast.broadcast_id,
            broadcast.content,
            broadcast.audience,
            broadcast.course_id,
            int(broadcast.targeted),
            epoch(broadcast.created_at),
        )

    def add_part(self, part: Part, openids: Iterable[str]) -> None:
        """Write one of its calls down, and who is to be reached by it."""
        self._rows.run(
            "insert into broadcast_parts (broadcast_id, part, client_msg_id, people, state, tag_id)"
            " values (?, ?, ?, ?, ?, ?)",
            part.broadcast_id,
            part.part,
            part.client_msg_id,
            part.people,
            part.state.value,
            part.tag_id,
        )
        self._rows.run_many(
            "insert into broadcast_people (broadcast_id, openid, part) values (?, ?, ?)",
            [(part.broadcast_id, openid, part.part) for openid in openids],
        )

    def get(self, broadcast_id: str) -> Broadcast | None:
        """Return one broadcast."""
        row = self._rows.one(f"select {BROADCAST} from broadcasts where broadcast_id = ?", broadcast_id)
        return _broadcast(row) if row else None

    def all(self) -> list[Broadcast]:
        """Return all broadcasts, the latest first."""
        rows = self._rows.all(f"select {BROADCAST} from broadcasts order by created_at desc, broadcast_id desc")
        return [_broadcast(row) for row in rows]

    def parts(self, broadcast_id: str) -> list[Part]:
        """Return the calls of a broadcast in order, each with its result if there is one."""
        rows = self._rows.all(
            f"select {PART.replace('msg_id, errcode', 'p.msg_id, errcode')},"
            " r.msg_id, r.status, r.total, r.filtered, r.sent, r.failed"
            " from broadcast_parts p left join mass_results r on r.msg_id = p.msg_id and p.msg_id <> 0"
            " where broadcast_id = ? order by part",
            broadcast_id,
        )
        return [_part(row) for row in rows]

    def readers(self, broadcast_id: str, part: int) -> list[str]:
        """Return whom a part goes to."""
        rows = self._rows.all(
            "select openid from broadcast_people where broadcast_id = ? and part = ? order by openid",
            broadcast_id,
            part,
        )
        return [row[0] for row in rows]

    def of(self, openid: str) -> list[tuple[str, datetime, str]]:
        """Return the text, the moment and the state of every broadcast that a follower was chosen for."""
        rows = self._rows.all(
            "select content, created_at, state from broadcast_people p join broadcasts b using (broadcast_id)"
            " join broadcast_parts c on c.broadcast_id = p.broadcast_id and c.part = p.part"
            " where p.openid = ? order by created_at",
            openid,
        )
        return [(row[0], instant(row[1]), row[2]) for row in rows]

    def unwilling(self, broadcast_id: str, part: int) -> list[str]:
        """Return those of a part who have left since, or, where it is targeted, switched personalisation off."""
        rows = self._rows.all(
            "select p.openid from broadcast_people p join broadcasts b using (broadcast_id)"
            " left join followers f on f.openid = p.openid where broadcast_id = ? and part = ?"
            " and (coalesce(f.subscribed, 0) = 0 or (b.targeted and f.personalised = 0))",
            broadcast_id,
            part,
        )
        return [row[0] for row in rows]

    def drop(self, broadcast_id: str, openids: Sequence[str]) -> None:
        """Take people off a broadcast."""
        self._rows.run_many(
            "delete from broadcast_people where broadcast_id = ? and openid = ?",
            [(broadcast_id, openid) for openid in openids],
        )

    def reached(self, since: datetime) -> dict[str, int]:
        """Return how many broadcasts each follower may have got since then; a call of unknown outcome counts."""
        rows = self._rows.all(
            "select p.openid, count(*) from broadcast_parts c join broadcast_people p"
            " on p.broadcast_id = c.broadcast_id and p.part = c.part"
            f" where c.called_at >= ? and c.state in {MAY_HAVE_ARRIVED} group by p.openid",
            epoch(since),
        )
        return dict(rows)

    def calls(self, since: datetime) -> int:
        """Return how many calls were made since then, those of unknown outcome included."""
        row = self._rows.one(
            f"select count(*) from broadcast_parts where called_at >= ? and state in {MAY_HAVE_ARRIVED}",
            epoch(since),
        )
        return row[0] if row else 0

    def begin(self, part: Part, people: int, now: datetime) -> bool:
        """Note that a part is about to be sent; False when its state is no longer the one that was read.

        One whose former call is unclear keeps the time of it: that is when WeChat began to know its client_msg_id.
        """
        return bool(
            self._rows.run(
                "update broadcast_parts set state = 'CALLING', people = ?, errcode = 0,"
                " called_at = case when state = 'CALLING' then called_at else ? end"
                " where broadcast_id = ? and part = ? and state = ?",
                people,
                epoch(now),
                part.broadcast_id,
                part.part,
                part.state.value,
            )
        )

    def settle(self, part: Part, state: PartState, *, msg_id: int = 0, errcode: int = 0) -> None:
        """Note what came of a part."""
        self._rows.run(
            "update broadcast_parts set state = ?, msg_id = ?, errcode = ? where broadcast_id = ? and part = ?",
            state.value,
            msg_id,
            errcode,
            part.broadcast_id,
            part.part,
        )

    def report(self, result: MassResult, now: datetime) -> None:
        """Keep what WeChat reported of a call; the second report of the same is quiet."""
        self._rows.run(
            "insert into mass_results (msg_id, status, total, filtered, sent, failed, at)"
            " values (?, ?, ?, ?, ?, ?, ?)"
            " on conflict (msg_id) do update set status = excluded.status, total = max(total, excluded.total),"
            " filtered = max(filtered, excluded.filtered), sent = max(sent, excluded.sent),"
            " failed = max(failed, excluded.failed)",
            result.msg_id,
            result.status,
            result.total,
            result.filtered,
            result.sent,
            result.failed,
            epoch(now),
        )
