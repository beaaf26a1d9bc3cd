"""Followers, their interests, the thread of their conversation, what they did, and the quota to reach them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from bot.errors import StoreError
from bot.models import Follower
from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

FOLLOWER = "openid, subscribed, personalised, channel, followed_at, unfollowed_at, last_seen_at"
KNOWN = (
    f"select {FOLLOWER}, profile, context, context_at,"
    " (select group_concat(course_id, char(10)) from"
    "  (select course_id from entitlements where openid = f.openid order by granted_at, course_id)),"
    " (select group_concat(course_id, char(10)) from dislikes where openid = f.openid),"
    " exists (select 1 from outbox where openid = f.openid and done_at is null"
    "  and (next_at is null or in_hand = 1)),"
    " exists (select 1 from services where openid = f.openid),"
    " exists (select 1 from memberships where openid = f.openid),"
    " exists (select 1 from limited_prices where stopped = 0 and ends_at > f.last_seen_at)"
    " from followers f where openid = ?"
)
WINDOWS = ("message", "touch")
HERE = {
    kind: "update followers set subscribed = 1, unfollowed_at = null, last_seen_at = ?1, context_at = ?1,"
    f" context = ?2, {kind}_at = ?1, {kind}_used = 0, profile = coalesce(?4, profile),"
    " profile_event = coalesce(?5, profile_event), profile_at = iif(?4 is null, profile_at, ?1) where openid = ?3"
    for kind in WINDOWS
}
NOBODY = "数据库里没有这位关注者，兴趣没有保存"
BARE = (  # a follower of whom nothing is known
    "context = '', context_at = null, channel = '', profile = '', profile_event = null, profile_at = null,"
    " message_at = null, touch_at = null"
)
REACHED = ("consents", "sendings", "nudges", "arrivals", "broadcast_people")  # how they came and were told things
HELPED = ("services", "left_messages")  # by people
INVITED = ("inviters", "touches")  # their own link, and whose they opened
TRACES = ("events", "dislikes", *REACHED, *HELPED, *INVITED)  # beyond courses and orders
BOUND = " or ".join(
    f"exists (select 1 from {table} where openid = f.openid)" for table in ("entitlements", "orders")
)
TRACED = " or ".join(f"exists (select 1 from {table} where openid = f.openid)" for table in TRACES)
DEPARTED = (
    "select openid from followers f where unfollowed_at <= ? and subscribed = 0"
    " and (context <> '' or channel <> '' or profile <> '' or message_at is not null or touch_at is not null"
    f" or {TRACED} or not ({BOUND})) limit ?"
)


@dataclass(frozen=True, slots=True)
class Known:
    """All that one message needs to know of its sender, fetched at once.

    ``owned`` are the courses the follower has, oldest first; ``hidden`` those disliked. ``news`` says that
    something waits for this chat, ``served`` that a person may be serving. ``member`` says that there may be
    memberships, ``limited`` that there may be limited-time prices now: where they say no, there is none.
    """

    follower: Follower
    profile: str
    context: str
    context_at: datetime | None
    owned: tuple[str, ...]
    hidden: tuple[str, ...]
    news: bool
    served: bool
    member: bool
    limited: bool


def _follower(row: Row) -> Follower:
    openid, subscribed, personalised, channel, followed, unfollowed, seen = row[:7]
    return Follower(
        openid=openid,
        subscribed=bool(subscribed),
        personalised=bool(personalised),
        channel=channel,
        followed_at=instant_or_none(followed),
        unfollowed_at=instant_or_none(unfollowed),
        last_seen_at=instant(seen),
    )


class Followers:
    """Who follows or has written to the account."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, openid: str) -> Follower | None:
        """Return one follower."""
        row = self._rows.one(f"select {FOLLOWER} from followers where openid = ?", openid)
        return _follower(row) if row else None

    def known(self, openid: str) -> Known | None:
        """Return the follower with profile and conversation, by keyed look-ups in one statement."""
        row = self._rows.one(KNOWN, openid)
        if row is None:
            return None
        profile, context, context_at, owned, hidden, news, served, member, limited = row[7:]
        return Known(
            follower=_follower(row),
            profile=profile,
            context=context,
            context_at=instant_or_none(context_at),
            owned=tuple(owned.split("\n")) if owned else (),
            hidden=tuple(hidden.split("\n")) if hidden else (),
            news=bool(news),
            served=bool(served),
            member=bool(member),
            limited=bool(limited),
        )

    def seen(self, openid: str, now: datetime) -> None:
        """Note that somebody wrote or tapped; who does so follows the account."""
        self._rows.run(
            "insert into followers (openid, subscribed, last_seen_at) values (?, 1, ?)"
            " on conflict (openid) do update set subscribed = 1, last_seen_at = excluded.last_seen_at,"
            " unfollowed_at = null",
            openid,
            epoch(now),
        )

    def keep_context(
        self,
        openid: str,
        context: str,
        now: datetime,
        *,
        window: str = "message",
        profile: str | None = None,
        event_id: int | None = None,
    ) -> None:
        """Note that a known follower was here, and keep the thread of the conversation (JSON).

        The window of that kind (see ``Quota``) is opened anew. A ``profile`` is kept as ``Interests.put`` does.
        """
        kept = self._rows.run(HERE[window], epoch(now), context, openid, profile, event_id)
        if profile is not None and not kept:
            raise StoreError(NOBODY)

    def ensure(self, openid: str, now: datetime) -> None:
        """Make a row for somebody who has not written yet (who paid in a browser, say); changes no other."""
        self._rows.run(
            "insert into followers (openid, subscribed, last_seen_at) values (?, 0, ?) on conflict do nothing",
            openid,
            epoch(now),
        )

    def follow(self, openid: str, now: datetime, channel: str) -> None:
        """Note a follow; the channel that brought the follower first is kept."""
        self._rows.run(
            "insert into followers (openid, subscribed, channel, followed_at, last_seen_at) values (?, 1, ?, ?, ?)"
            " on conflict (openid) do update set subscribed = 1, followed_at = excluded.followed_at,"
            " unfollowed_at = null, last_seen_at = excluded.last_seen_at,"
            " channel = case when followers.channel = '' then excluded.channel else followers.channel end",
            openid,
            channel,
            epoch(now),
            epoch(now),
        )

    def unfollow(self, openid: str, now: datetime) -> None:
        """Note an unfollow: from now on nothing is pushed."""
        self._rows.run(
            "insert into followers (openid, subscribed, unfollowed_at, last_seen_at) values (?, 0, ?, ?)"
            " on conflict (openid) do update set subscribed = 0, unfollowed_at = excluded.unfollowed_at",
            openid,
            epoch(now),
            epoch(now),
        )

    def set_personalised(self, openid: str, *, on: bool) -> None:
        """Switch the use of the profile on or off."""
        self._rows.run("update followers set personalised = ? where openid = ?", int(on), openid)

    def all(self, *, limit: int = 1_000_000) -> list[Follower]:
        """Return followers, the latest seen first."""
        sql = f"select {FOLLOWER} from followers order by last_seen_at desc, openid limit ?"
        return [_follower(row) for row in self._rows.all(sql, limit)]

    def forget(self, openid: str) -> None:
        """Delete what is known of a person; what accounting needs is anonymised by ``Orders.anonymise``."""
        for table in (*TRACES, "outbox", "messages", "progress"):
            self._rows.run(f"delete from {table} where openid = ?", openid)
        for table in ("entitlements", "grants", "memberships"):
            self._rows.run(f"delete from {table} where openid = ?", openid)
        self._rows.run("delete from followers where openid = ?", openid)

    def departed(self, before: datetime, *, limit: int) -> list[str]:
        """Return people who unfollowed at ``before`` or earlier and of whom something is left to ``depart``."""
        return [row[0] for row in self._rows.all(DEPARTED, epoch(before), limit)]

    def depart(self, openid: str) -> None:
        """Delete what is known of somebody who left, all but courses, how far they got in them, and orders.

        The switch for personalisation stays with those; what is still to be told stays too.
        """
        for table in TRACES:
            self._rows.run(f"delete from {table} where openid = ?", openid)
        self._rows.run("delete from outbox where openid = ? and done_at is not null", openid)
        self._rows.run(f"update followers set {BARE} where openid = ?", openid)
        self._rows.run(f"delete from followers as f where openid = ? and not ({BOUND})", openid)


class Interests:
    """The profile of each follower, as the JSON that recsys wrote, with the event that changed it last."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, openid: str) -> str:
        """Return the profile, empty for a stranger."""
        row = self._rows.one("select profile from followers where openid = ?", openid)
        return row[0] if row else ""

    def put(self, openid: str, profile: str, event_id: int, now: datetime) -> None:
        """Keep the profile of somebody known, together with its cause. ``StoreError`` for a stranger's."""
        kept = self._rows.run(
            "update followers set profile = ?, profile_event = ?, profile_at = ? where openid = ?",
            profile,
            event_id,
            epoch(now),
            openid,
        )
        if not kept:
            raise StoreError(NOBODY)

    def clear(self, openid: str) -> None:
        """Forget the profile."""
        self._rows.run(
            "update followers set profile = '', profile_event = null, profile_at = null where openid = ?", openid
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a follower did or was shown."""

    openid: str
    kind: str
    course_id: str
    detail: str
    at: datetime
    channel: str = ""


Noted = tuple[str, str, str]  # the kind of an event, the course it is about, and its detail


@cache
def _appending(count: int) -> str:
    return (
        "insert into events (openid, kind, course_id, detail, at, channel)"
        " select ?1, column1, column2, column3, ?2,"
        " coalesce((select channel from arrivals where openid = ?1), '')"
        f" from (values {', '.join(['(?, ?, ?)'] * count)})"
    )


class Events:
    """What people did: mention, refuse, impression, click, view, finish, buy, dislike, undo, follow, unfollow."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, openid: str, kind: str, now: datetime, *, course_id: str = "", detail: str = "") -> int:
        """Append one event, with the channel by which the follower came last, and return its number."""
        return self.add_all(openid, [(kind, course_id, detail)], now)

    def add_all(self, openid: str, noted: Sequence[Noted], now: datetime) -> int:
        """Append events of one moment, numbered one after the other in this order; return the first number."""
        fields = [field for each in noted for field in each]
        last = self._rows.insert(_appending(len(noted)), openid, epoch(now), *fields)
        return last - len(noted) + 1

    def of_kinds(self, kinds: Iterable[str]) -> Iterable[Event]:
        """Return all events of some kinds, oldest first."""
        wanted = list(kinds)
        marks = ",".join("?" * len(wanted))
        rows = self._rows.all(
            f"select openid, kind, course_id, detail, at from events where kind in ({marks}) order by id", *wanted
        )
        return (Event(row[0], row[1], row[2], row[3], instant(row[4])) for row in rows)

    def of(self, openid: str) -> list[Event]:
        """Return everything recorded of one follower, oldest first."""
        rows = self._rows.all(
            "select openid, kind, course_id, detail, at, channel from events where openid = ? order by id", openid
        )
        return [Event(row[0], row[1], row[2], row[3], instant(row[4]), row[5]) for row in rows]

    def drop(self, openid: str, kinds: Iterable[str]) -> None:
        """Delete the events of some kinds of one follower."""
        wanted = list(kinds)
        marks = ",".join("?" * len(wanted))
        self._rows.run(f"delete from events where openid = ? and kind in ({marks})", openid, *wanted)

    def about_courses(self, kinds: Iterable[str]) -> Iterable[Event]:
        """Return all events of some kinds that name a course, oldest first."""
        wanted = list(kinds)
        marks = ",".join("?" * len(wanted))
        rows = self._rows.all(
            "select openid, kind, course_id, detail, at from events"
            f" where course_id <> '' and kind in ({marks}) order by id",
            *wanted,
        )
        return (Event(row[0], row[1], row[2], row[3], instant(row[4])) for row in rows)


class Dislikes:
    """Courses a follower does not want to see again."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, openid: str, course_id: str, now: datetime) -> None:
        """Hide a course from a follower."""
        self._rows.run(
            "insert into dislikes (openid, course_id, at) values (?, ?, ?) on conflict do nothing",
            openid,
            course_id,
            epoch(now),
        )

    def remove(self, openid: str, course_id: str) -> None:
        """Show it again."""
        self._rows.run("delete from dislikes where openid = ? and course_id = ?", openid, course_id)

    def of(self, openid: str) -> list[str]:
        """Return the hidden courses of a follower."""
        return [row[0] for row in self._rows.all("select course_id from dislikes where openid = ?", openid)]


class Quota:
    """How many customer-service messages WeChat still allows, by the window that a follower opened.

    A follower opens one by writing ("message") or by tapping, scanning or following ("touch"):
    ``Followers.keep_context`` notes it.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def take(self, openid: str, kind: str, now: datetime, *, seconds: int, limit: int) -> bool:
        """Use up one message of a window; False when it is closed or used up."""
        return bool(
            self._rows.run(
                f"update followers set {kind}_used = {kind}_used + 1"
                f" where openid = ? and {kind}_at > ? and {kind}_used < ?",
                openid,
                epoch(now) - seconds,
                limit,
            )
        )

    def give_back(self, openid: str, kind: str) -> None:
        """Return one message that was surely not sent."""
        self._rows.run(
            f"update followers set {kind}_used = {kind}_used - 1 where openid = ? and {kind}_used > 0", openid
        )

    def shut(self, openid: str) -> None:
        """Close every window: WeChat said that nothing more may be sent."""
        self._rows.run("update followers set message_at = null, touch_at = null where openid = ?", openid)
