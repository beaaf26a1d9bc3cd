"""The shape of the database, one migration after another; a migration that has shipped is never edited.

Instants are INTEGER epoch seconds (UTC), money is INTEGER fen, truth values are 0 or 1, JSON is TEXT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("zhike")

OPTIONAL = frozenset(
    {
        "called_at",
        "context_at",
        "done_at",
        "finished_at",
        "followed_at",
        "next_at",
        "next_query_at",
        "paid_at",
        "resolved_at",
        "transaction_id",
        "unfollowed_at",
    }
)


def _table(
    db: Database,
    name: str,
    columns: Mapping[str, type],
    *,
    pk: str | tuple[str, ...],
    foreign_keys: Iterable[tuple[str, str, str]] = (),
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Create one strict table whose columns are NOT NULL unless named in ``OPTIONAL``."""
    keys = {pk} if isinstance(pk, str) else set(pk)
    db.create_table(
        name,
        dict(columns),
        pk=pk,
        foreign_keys=list(foreign_keys),
        not_null=set(columns) - OPTIONAL - keys,
        defaults=dict(defaults or {}),
        strict=True,
    )


@migrations()
def m001_people(db: Database) -> None:
    """Followers with the thread of their talk, what they like, and what they did."""
    _table(
        db,
        "followers",
        {
            "openid": str,
            "subscribed": int,
            "personalised": int,
            "channel": str,
            "followed_at": int,
            "unfollowed_at": int,
            "last_seen_at": int,
            "context": str,
            "context_at": int,
        },
        pk="openid",
        defaults={"personalised": 1, "channel": "", "context": ""},
    )
    _table(
        db,
        "interests",
        {"openid": str, "profile": str, "event_id": int, "updated_at": int},
        pk="openid",
        foreign_keys=[("openid", "followers", "openid")],
    )
    _table(
        db,
        "events",
        {"id": int, "openid": str, "kind": str, "course_id": str, "detail": str, "at": int},
        pk="id",
        defaults={"course_id": "", "detail": ""},
    )
    db.table("events").create_index(["openid", "id"])
    _table(db, "dislikes", {"openid": str, "course_id": str, "at": int}, pk=("openid", "course_id"))


@migrations()
def m002_catalogue(db: Database) -> None:
    """Courses, their lessons, who has got how far, and how popular each is."""
    _table(
        db,
        "courses",
        {
            "course_id": str,
            "title": str,
            "price_fen": int,
            "status": str,
            "subtitle": str,
            "teacher": str,
            "category": str,
            "tags": str,
            "description": str,
            "level": str,
            "minutes": int,
            "cover_url": str,
            "created_at": int,
        },
        pk="course_id",
    )
    _table(
        db,
        "lessons",
        {"course_id": str, "position": int, "title": str, "minutes": int, "free": int, "body": str},
        pk=("course_id", "position"),
        foreign_keys=[("course_id", "courses", "course_id")],
    )
    _table(
        db,
        "progress",
        {"openid": str, "course_id": str, "position": int, "finished_at": int},
        pk=("openid", "course_id", "position"),
        foreign_keys=[("course_id", "courses", "course_id")],
    )
    _table(db, "popularity", {"course_id": str, "score": float, "at": int}, pk="course_id")


@migrations()
def m003_messages(db: Database) -> None:
    """Messages seen, so that each runs once; what is to be told; and how much may still be sent."""
    _table(
        db,
        "messages",
        {
            "key": str,
            "signature": str,
            "openid": str,
            "state": str,
            "reply": str,
            "deliveries": int,
            "received_at": int,
        },
        pk="key",
    )
    db.table("messages").create_index(["signature"], unique=True)
    db.table("messages").create_index(["received_at"])
    db.execute("create index idx_messages_open on messages (received_at) where state <> 'done'")
    _table(
        db,
        "outbox",
        {
            "id": int,
            "kind": str,
            "key": str,
            "openid": str,
            "payload": str,
            "created_at": int,
            "attempts": int,
            "next_at": int,
            "done_at": int,
            "outcome": str,
        },
        pk="id",
        defaults={"attempts": 0, "outcome": ""},
    )
    db.table("outbox").create_index(["kind", "key"], unique=True)
    db.execute("create index idx_outbox_due on outbox (next_at) where done_at is null")
    db.execute("create index idx_outbox_waiting on outbox (openid) where done_at is null")
    _table(db, "quota", {"openid": str, "kind": str, "opened_at": int, "used": int}, pk=("openid", "kind"))


@migrations()
def m004_money(db: Database) -> None:
    """Orders, tries to pay them, refunds, and whose each course is."""
    _table(
        db,
        "orders",
        {
            "order_no": str,
            "openid": str,
            "course_id": str,
            "title": str,
            "amount_fen": int,
            "state": str,
            "created_at": int,
            "expires_at": int,
            "paid_at": int,
            "paid_attempt": str,
            "source": str,
            "session": str,
        },
        pk="order_no",
        foreign_keys=[("course_id", "courses", "course_id")],
        defaults={"paid_attempt": "", "source": "", "session": ""},
    )
    db.table("orders").create_index(["openid", "created_at"])
    db.table("orders").create_index(["state", "expires_at"])
    _table(
        db,
        "attempts",
        {
            "out_trade_no": str,
            "order_no": str,
            "trade_type": str,
            "payer": str,
            "total_fen": int,
            "request": str,
            "state": str,
            "created_at": int,
            "time_expire": int,
            "prepay": str,
            "transaction_id": str,
            "tries": int,
            "next_query_at": int,
        },
        pk="out_trade_no",
        foreign_keys=[("order_no", "orders", "order_no")],
        defaults={"prepay": "", "tries": 0},
    )
    db.table("attempts").create_index(["order_no"])
    db.table("attempts").create_index(["transaction_id"], unique=True)
    db.execute("create index idx_attempts_due on attempts (next_query_at) where next_query_at is not null")
    _table(
        db,
        "refunds",
        {
            "out_refund_no": str,
            "out_trade_no": str,
            "order_no": str,
            "amount_fen": int,
            "reason": str,
            "request": str,
            "state": str,
            "created_at": int,
            "tries": int,
            "next_query_at": int,
        },
        pk="out_refund_no",
        foreign_keys=[("out_trade_no", "attempts", "out_trade_no")],
        defaults={"tries": 0},
    )
    db.table("refunds").create_index(["order_no"])
    db.execute("create index idx_refunds_due on refunds (next_query_at) where next_query_at is not null")
    _table(
        db,
        "entitlements",
        {"openid": str, "course_id": str, "source": str, "order_no": str, "granted_at": int},
        pk=("openid", "course_id"),
        foreign_keys=[("course_id", "courses", "course_id")],
        defaults={"order_no": ""},
    )
    _table(
        db,
        "notices",
        {"id": str, "event_type": str, "subject": str, "result": str, "received_at": int},
        pk="id",
    )
    _table(
        db,
        "anomalies",
        {"id": int, "kind": str, "key": str, "detail": str, "created_at": int, "resolved_at": int},
        pk="id",
    )
    db.table("anomalies").create_index(["kind", "key"], unique=True)


@migrations()
def m005_shared(db: Database) -> None:
    """Tokens and one-use states, leases of the jobs, and version counters: what workers share."""
    _table(db, "tokens", {"kind": str, "key": str, "value": str, "expires_at": int}, pk=("kind", "key"))
    _table(db, "leases", {"name": str, "holder": str, "until": int}, pk="name")
    _table(db, "versions", {"name": str, "number": int}, pk="name")


@migrations()
def m006_trials(db: Database) -> None:
    """How often each new course was shown in the place kept for new ones, and opened."""
    _table(
        db,
        "trials",
        {"course_id": str, "shown": int, "taken": int},
        pk="course_id",
        defaults={"shown": 0, "taken": 0},
    )


@migrations()
def m007_departed(db: Database) -> None:
    """Let those who unfollowed be found by when they did: their data is deleted some time after."""
    db.execute("create index idx_followers_departed on followers (unfollowed_at) where unfollowed_at is not null")


@migrations()
def m010_menus(db: Database) -> None:
    """Menus that were live, one version after another."""
    _table(db, "menus", {"id": int, "at": int, "source": str, "content": str}, pk="id")


@migrations()
def m011_reach(db: Database) -> None:
    """How each thing was told and what became of it, who allowed what, and by which channel people come."""
    db.execute("alter table outbox add column in_hand integer not null default 0")
    db.execute("alter table events add column channel text not null default ''")
    db.execute("alter table orders add column channel text not null default ''")
    db.execute("create index idx_events_channel on events (channel, kind) where channel <> ''")
    db.execute("create index idx_orders_channel on orders (channel) where channel <> ''")
    _table(
        db,
        "consents",
        {"openid": str, "template_id": str, "remaining": int, "changed_at": int},
        pk=("openid", "template_id"),
    )
    _table(
        db,
        "sendings",
        {
            "kind": str,
            "key": str,
            "openid": str,
            "way": str,
            "template_id": str,
            "msg_id": str,
            "state": str,
            "detail": str,
            "at": int,
        },
        pk=("kind", "key"),
        defaults={"msg_id": "", "detail": ""},
    )
    db.table("sendings").create_index(["openid", "at"])
    _table(db, "nudges", {"openid": str, "key": str, "at": int}, pk="openid")
    _table(db, "arrivals", {"openid": str, "channel": str, "at": int}, pk="openid")
    _table(
        db,
        "channels",
        {"scene": str, "course_id": str, "ticket": str, "url": str, "created_at": int, "expires_at": int},
        pk="scene",
        defaults={"course_id": ""},
    )


@migrations()
def m012_broadcasts(db: Database) -> None:
    """Tags of the account that rules own; broadcasts, their parts, whom each goes to, and what became of it."""
    _table(db, "account_tags", {"name": str, "tag_id": int}, pk="name")
    _table(
        db,
        "broadcasts",
        {
            "broadcast_id": str,
            "content": str,
            "audience": str,
            "course_id": str,
            "targeted": int,
            "created_at": int,
        },
        pk="broadcast_id",
        defaults={"course_id": ""},
    )
    _table(
        db,
        "broadcast_parts",
        {
            "broadcast_id": str,
            "part": int,
            "tag_id": int,
            "client_msg_id": str,
            "state": str,
            "people": int,
            "called_at": int,
            "msg_id": int,
            "errcode": int,
        },
        pk=("broadcast_id", "part"),
        foreign_keys=[("broadcast_id", "broadcasts", "broadcast_id")],
        defaults={"tag_id": 0, "msg_id": 0, "errcode": 0},
    )
    db.table("broadcast_parts").create_index(["called_at"])
    _table(
        db,
        "broadcast_people",
        {"broadcast_id": str, "openid": str, "part": int},
        pk=("broadcast_id", "openid"),
        foreign_keys=[("broadcast_id", "broadcasts", "broadcast_id")],
    )
    db.table("broadcast_people").create_index(["openid"])
    _table(
        db,
        "mass_results",
        {"msg_id": int, "status": str, "total": int, "filtered": int, "sent": int, "failed": int, "at": int},
        pk="msg_id",
    )


@migrations()
def m013_service(db: Database) -> None:
    """Who talks to a person, the messages left for people, and where courses are besides our pages."""
    for column in ("mini_program_appid", "mini_program_path", "article_url"):
        db.execute(f"alter table courses add column {column} text not null default ''")
    _table(
        db,
        "services",
        {"openid": str, "since": int, "until": int, "account": str},
        pk="openid",
        defaults={"account": ""},
    )
    _table(
        db,
        "left_messages",
        {"id": int, "openid": str, "kind": str, "text": str, "left_at": int, "done_at": int},
        pk="id",
    )
    db.table("left_messages").create_index(["openid"])


@migrations()
def m022_one_ration(db: Database) -> None:
    """Let broadcasts count as told unasked, those of the past as well."""
    db.table("nudges").create_index(["at"])
    db.execute(
        "insert into nudges (openid, key, at)"
        " select p.openid, c.client_msg_id, max(c.called_at) from broadcast_parts c join broadcast_people p"
        " on p.broadcast_id = c.broadcast_id and p.part = c.part"
        " where c.state in ('CALLING', 'SENT', 'LOST') group by p.openid"
        " on conflict (openid) do update set key = excluded.key, at = excluded.at where excluded.at > nudges.at"
    )
