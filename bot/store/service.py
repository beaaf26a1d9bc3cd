"""Who is talking to a person instead of the bot, and what was left for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

SERVICE = "openid, since, until, account"
MESSAGE = "id, openid, kind, text, left_at, done_at"


@dataclass(frozen=True, slots=True)
class Service:
    """A talk with a person. ``account`` is who took it, empty while the follower waits."""

    openid: str
    since: datetime
    until: datetime
    account: str


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """What a follower left; ``kind`` is the message's type, and ``text`` its words or where its medium is."""

    message_id: int
    openid: str
    kind: str
    text: str
    left_at: datetime
    done_at: datetime | None


def _service(row: Row) -> Service:
    return Service(row[0], instant(row[1]), instant(row[2]), row[3])


def _message(row: Row) -> LeftMessage:
    return LeftMessage(row[0], row[1], row[2], row[3], instant(row[4]), instant_or_none(row[5]))


class Services:
    """Talks with people, one a follower. One that ran out counts as over."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def start(self, openid: str, now: datetime, until: datetime) -> None:
        """Note a hand-over that nobody has taken yet; one that somebody has taken stays theirs."""
        self._rows.run(
            f"insert into services ({SERVICE}) values (?, ?, ?, '') on conflict (openid) do update set"
            " since = excluded.since, until = excluded.until, account = '' where account = '' or until <= ?",
            openid,
            epoch(now),
            epoch(until),
            epoch(now),
        )

    def take(self, openid: str, account: str, now: datetime, until: datetime) -> None:
        """Note who has taken the follower."""
        self._rows.run(
            f"insert into services ({SERVICE}) values (?, ?, ?, ?) on conflict (openid) do update set"
            " until = excluded.until, account = excluded.account,"
            " since = case when services.until <= excluded.since then excluded.since else services.since end",
            openid,
            epoch(now),
            epoch(until),
            account,
        )

    def end(self, openid: str) -> bool:
        """Let the bot answer again; False when it did already."""
        return bool(self._rows.run("delete from services where openid = ?", openid))

    def leave(self, openid: str) -> None:
        """Let the bot answer again because the follower said so; an agent's session is left to be closed."""
        self._rows.run("delete from services where openid = ? and account in ('', '?')", openid)
        self._rows.run("update services set until = 0, since = 0 where openid = ?", openid)

    def ended(self, now: datetime) -> list[Service]:
        """Return the sessions that followers left and that are to be closed at WeChat by now."""
        sql = f"select {SERVICE} from services where until = 0 and since <= ? order by openid"
        return [_service(row) for row in self._rows.all(sql, epoch(now))]

    def close_later(self, openid: str, at: datetime) -> None:
        """Put off the closing of a session."""
        self._rows.run("update services set since = ? where openid = ? and until = 0", epoch(at), openid)

    def gone(self, openid: str) -> None:
        """Forget a session that was closed, unless another has begun."""
        self._rows.run("delete from services where openid = ? and until = 0", openid)

    def of(self, openid: str, now: datetime) -> Service | None:
        """Return the talk of a follower, if one goes on."""
        row = self._rows.one(f"select {SERVICE} from services where openid = ? and until > ?", openid, epoch(now))
        return _service(row) if row else None

    def all(self, now: datetime) -> list[Service]:
        """Return the talks that go on, the longest first."""
        sql = f"select {SERVICE} from services where until > ? order by since, openid"
        return [_service(row) for row in self._rows.all(sql, epoch(now))]


class LeftMessages:
    """Messages for people, kept until their follower is forgotten."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, openid: str, kind: str, text: str, now: datetime) -> int:
        """Keep a message and return its number."""
        return self._rows.insert(
            "insert into left_messages (openid, kind, text, left_at) values (?, ?, ?, ?)",
            openid,
            kind,
            text,
            epoch(now),
        )

    def get(self, message_id: int) -> LeftMessage | None:
        """Return one message."""
        row = self._rows.one(f"select {MESSAGE} from left_messages where id = ?", message_id)
        return _message(row) if row else None

    def open(self) -> list[LeftMessage]:
        """Return what nobody has dealt with, oldest first."""
        sql = f"select {MESSAGE} from left_messages where done_at is null order by id"
        return [_message(row) for row in self._rows.all(sql)]

    def all(self) -> list[LeftMessage]:
        """Return every message, oldest first."""
        return [_message(row) for row in self._rows.all(f"select {MESSAGE} from left_messages order by id")]

    def of(self, openid: str) -> list[LeftMessage]:
        """Return the messages of a follower, oldest first."""
        sql = f"select {MESSAGE} from left_messages where openid = ? order by id"
        return [_message(row) for row in self._rows.all(sql, openid)]

    def done(self, message_id: int, now: datetime) -> bool:
        """Note that somebody has dealt with a message; False when it was so already."""
        sql = "update left_messages set done_at = ? where id = ? and done_at is null"
        return bool(self._rows.run(sql, epoch(now), message_id))
