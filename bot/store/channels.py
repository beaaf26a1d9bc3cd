"""QR codes by scene, by which of them each follower came last, and what came of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.store.rows import Row, Rows, epoch, instant, instant_or_none

CHANNEL = "scene, course_id, ticket, url, created_at, expires_at"
FAR = 253_402_300_799  # the end of the year 9999: a permanent code
REPORT = """
with named (scene) as (
    select scene from channels union select channel from arrivals union select channel from followers
    union select channel from orders union select distinct channel from events
)
select scene,
    coalesce((select course_id from channels where channels.scene = named.scene), ''),
    (select count(*) from events where channel = named.scene and kind = 'scan' and at >= ?),
    (select count(*) from events where channel = named.scene and kind = 'follow' and at >= ?
        and detail = 'qrscene_' || named.scene),
    (select count(*) from followers where channel = named.scene and subscribed = 1),
    (select count(distinct openid) from events later where channel = named.scene and at >= ?
        and kind not in ('scan', 'follow', 'unfollow') and exists (select 1 from events came
            where came.openid = later.openid and came.channel = later.channel
            and came.kind in ('scan', 'follow') and came.at < later.at)),
    (select count(*) from orders where channel = named.scene and paid_at >= ?
        and state in ('PAID', 'REFUNDED_PART')),
    (select coalesce(sum(amount_fen), 0) from orders where channel = named.scene and paid_at >= ?
        and state in ('PAID', 'REFUNDED_PART'))
from named where scene <> '' order by 8 desc, 4 desc, 3 desc, scene
"""


@dataclass(frozen=True, slots=True)
class Channel:
    """One QR code. ``course_id`` may be empty; ``expires_at`` None for a permanent one."""

    scene: str
    course_id: str
    ticket: str
    url: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """What came of a channel.

    ``scans`` by followers, new ``follows``, how many ``followers`` it has now, how many were ``active`` (did
    something after they came), and the ``orders`` that were paid and not refunded whole.
    """

    scene: str
    course_id: str
    scans: int
    follows: int
    followers: int
    active: int
    orders: int
    amount_fen: int


def _channel(row: Row) -> Channel:
    ends = None if row[5] == FAR else instant_or_none(row[5])
    return Channel(row[0], row[1], row[2], row[3], instant(row[4]), ends)


class Channels:
    """The account's QR codes, one a scene."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def put(self, channel: Channel) -> None:
        """Keep a code, in place of the former one of its scene."""
        self._rows.run(
            f"insert into channels ({CHANNEL}) values (?, ?, ?, ?, ?, ?) on conflict (scene) do update set"
            " course_id = excluded.course_id, ticket = excluded.ticket, url = excluded.url,"
            " created_at = excluded.created_at, expires_at = excluded.expires_at",
            channel.scene,
            channel.course_id,
            channel.ticket,
            channel.url,
            epoch(channel.created_at),
            FAR if channel.expires_at is None else epoch(channel.expires_at),
        )

    def get(self, scene: str) -> Channel | None:
        """Return the code of a scene."""
        row = self._rows.one(f"select {CHANNEL} from channels where scene = ?", scene)
        return _channel(row) if row else None

    def all(self) -> list[Channel]:
        """Return every code, the latest first."""
        return [
            _channel(row)
            for row in self._rows.all(f"select {CHANNEL} from channels order by created_at desc, scene")
        ]

    def report(self, since: datetime) -> list[ChannelFigures]:
        """Count what came of every channel since a moment, the best selling first; people are counted as of now."""
        at = epoch(since)
        return [ChannelFigures(*row) for row in self._rows.all(REPORT, at, at, at, at, at)]


class Arrivals:
    """The channel by which each follower came last; events and orders carry it from then on."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def note(self, openid: str, channel: str, now: datetime) -> None:
        """Note that somebody scanned a code."""
        self._rows.run(
            "insert into arrivals (openid, channel, at) values (?, ?, ?)"
            " on conflict (openid) do update set channel = excluded.channel, at = excluded.at",
            openid,
            channel,
            epoch(now),
        )

    def of(self, openid: str) -> str:
        """Return the channel of a follower, empty when there is none."""
        row = self._rows.one("select channel from arrivals where openid = ?", openid)
        return row[0] if row else ""
