"""The shape of the database, one migration after another; a migration that has shipped is never edited.

Instants are INTEGER epoch seconds (UTC), money is INTEGER fen, truth values are 0 or 1, JSON is TEXT.
"""

from __future__ import annotations

import secrets
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
        "issued_at",
        "next_at",
        "next_query_at",
        "paid_at",
        "claimed_at",
        "stopped_at",
        "used_at",
        "resolved_at",
        "revoked_at",
        "transaction_id",
        "unfollowed_at",
        "usable_from",
        "usable_until",
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
def m014_offers(db: Database) -> None:
    """Items of other kinds than courses; what an order is for, and the lines of its price."""
    db.execute("alter table courses add column kind text not null default 'course'")
    for column, default in (("purpose", "own"), ("ref", ""), ("lines", "[]")):
        db.execute(f"alter table orders add column {column} text not null default '{default}'")
    db.execute("create index idx_orders_ref on orders (ref) where ref <> ''")


@migrations()
def m015_groups(db: Database) -> None:
    """Courses that people may buy together, the groups that form, and the seats in them."""
    _table(
        db,
        "group_deals",
        {
            "deal_id": int,
            "course_id": str,
            "size": int,
            "price_fen": int,
            "hours": int,
            "until": int,
            "most_groups": int,
            "created_at": int,
            "stopped_at": int,
        },
        pk="deal_id",
        foreign_keys=[("course_id", "courses", "course_id")],
    )
    db.table("group_deals").create_index(["course_id"])
    _table(
        db,
        "groups",
        {
            "group_id": str,
            "deal_id": int,
            "course_id": str,
            "size": int,
            "price_fen": int,
            "state": str,
            "opened_at": int,
            "ends_at": int,
        },
        pk="group_id",
        foreign_keys=[("deal_id", "group_deals", "deal_id")],
    )
    db.table("groups").create_index(["deal_id"])
    db.execute("create index idx_groups_forming on groups (ends_at) where state = 'FORMING'")
    _table(
        db,
        "group_seats",
        {"order_no": str, "group_id": str, "openid": str, "state": str},
        pk="order_no",
        foreign_keys=[("group_id", "groups", "group_id"), ("order_no", "orders", "order_no")],
    )
    db.table("group_seats").create_index(["openid"])
    db.execute(
        "create unique index idx_group_seats_once on group_seats (group_id, openid)"
        " where state in ('HELD', 'TAKEN')"
    )
    db.execute("create index idx_group_seats_return on group_seats (group_id) where state = 'RETURN'")


@migrations()
def m016_gifts(db: Database) -> None:
    """Items that somebody paid for and somebody else may have; redeem codes, of which only hashes are kept."""
    _table(
        db,
        "gifts",
        {
            "token": str,
            "order_no": str,
            "giver": str,
            "course_id": str,
            "state": str,
            "created_at": int,
            "expires_at": int,
            "greeting": str,
            "claimed_by": str,
            "claimed_at": int,
        },
        pk="token",
        foreign_keys=[("order_no", "orders", "order_no"), ("course_id", "courses", "course_id")],
        defaults={"greeting": "", "claimed_by": ""},
    )
    db.table("gifts").create_index(["order_no"], unique=True)
    db.table("gifts").create_index(["giver"])
    db.execute("create index idx_gifts_open on gifts (expires_at) where state in ('OPEN', 'RETURN')")
    _table(
        db,
        "code_batches",
        {
            "batch_id": int,
            "name": str,
            "course_id": str,
            "count": int,
            "created_at": int,
            "expires_at": int,
            "stopped_at": int,
        },
        pk="batch_id",
        foreign_keys=[("course_id", "courses", "course_id")],
    )
    _table(
        db,
        "codes",
        {"hash": str, "batch_id": int, "used_by": str, "used_at": int},
        pk="hash",
        foreign_keys=[("batch_id", "code_batches", "batch_id")],
    )
    db.table("codes").create_index(["batch_id"])


@migrations()
def m017_coupons(db: Database) -> None:
    """Coupons with the orders that hold or used them, and limited-time prices."""
    _table(
        db,
        "coupons",
        {
            "code": str,
            "title": str,
            "amount_fen": int,
            "percent": int,
            "floor_fen": int,
            "course_id": str,
            "category": str,
            "audience": str,
            "each_limit": int,
            "total_limit": int,
            "usable_from": int,
            "usable_until": int,
            "listed": int,
            "back": int,
            "stopped": int,
            "created_at": int,
        },
        pk="code",
    )
    _table(
        db,
        "coupon_uses",
        {"order_no": str, "code": str, "state": str, "changed_at": int},
        pk="order_no",
        foreign_keys=[("order_no", "orders", "order_no"), ("code", "coupons", "code")],
    )
    db.table("coupon_uses").create_index(["code", "state"])
    _table(
        db,
        "limited_prices",
        {
            "price_id": int,
            "course_id": str,
            "price_fen": int,
            "starts_at": int,
            "ends_at": int,
            "stopped": int,
            "created_at": int,
        },
        pk="price_id",
        foreign_keys=[("course_id", "courses", "course_id")],
        defaults={"stopped": 0},
    )
    db.table("limited_prices").create_index(["course_id", "ends_at"])


@migrations()
def m018_bundles(db: Database) -> None:
    """Keep what gave each course to whom, the courses of bundles, and the months of memberships."""
    _table(
        db,
        "grants",
        {"openid": str, "course_id": str, "order_no": str, "source": str, "granted_at": int},
        pk=("openid", "course_id", "order_no"),
        foreign_keys=[("course_id", "courses", "course_id")],
    )
    db.table("grants").create_index(["course_id"])
    db.execute("create index idx_grants_order on grants (order_no) where order_no <> ''")
    db.execute(
        "insert into grants (openid, course_id, order_no, source, granted_at)"
        " select openid, course_id, order_no, source, granted_at from entitlements"
    )
    _table(
        db,
        "bundle_courses",
        {"bundle_id": str, "course_id": str, "position": int},
        pk=("bundle_id", "course_id"),
        foreign_keys=[("bundle_id", "courses", "course_id"), ("course_id", "courses", "course_id")],
    )
    _table(
        db,
        "membership_plans",
        {"item_id": str, "months": int, "categories": str},
        pk="item_id",
        foreign_keys=[("item_id", "courses", "course_id")],
    )
    _table(
        db,
        "memberships",
        {
            "order_no": str,
            "openid": str,
            "item_id": str,
            "title": str,
            "months": int,
            "categories": str,
            "granted_at": int,
            "starts_at": int,
            "ends_at": int,
            "revoked_at": int,
            "told": int,
        },
        pk="order_no",
        foreign_keys=[("order_no", "orders", "order_no"), ("item_id", "courses", "course_id")],
        defaults={"told": 0},
    )
    db.table("memberships").create_index(["openid"])
    db.table("memberships").create_index(["ends_at"])


@migrations()
def m019_ledger(db: Database) -> None:
    """Every movement of money, append-only; how each day agreed with WeChat's bills; requests for invoices.

    The movements so far are written in afterwards; where WeChat's own time was not kept, ours stands for it.
    """
    _table(
        db,
        "ledger",
        {"id": int, "kind": str, "key": str, "order_no": str, "amount_fen": int, "at": int},
        pk="id",
    )
    db.table("ledger").create_index(["kind", "key"], unique=True)
    db.table("ledger").create_index(["at"])
    db.table("ledger").create_index(["order_no"])
    db.execute(
        "insert into ledger (kind, key, order_no, amount_fen, at)"
        " select 'payment', a.out_trade_no, a.order_no, a.total_fen, case when o.paid_attempt = a.out_trade_no"
        " then coalesce(o.paid_at, a.created_at) else a.created_at end"
        " from attempts a join orders o on o.order_no = a.order_no where a.state = 'SUCCESS' order by a.created_at"
    )
    db.execute(
        "insert into ledger (kind, key, order_no, amount_fen, at)"
        " select 'refund', out_refund_no, order_no, -amount_fen, created_at from refunds where state = 'SUCCESS'"
        " order by created_at"
    )
    for change in ("update", "delete"):
        db.execute(
            f"create trigger ledger_keeps_on_{change} before {change} on ledger"
            " begin select raise(abort, 'the ledger is append-only'); end"
        )
    db.execute("alter table anomalies add column note text not null default ''")
    _table(
        db,
        "reconciliations",
        {"day": str, "state": str, "report": str, "at": int, "next_at": int},
        pk="day",
    )
    _table(
        db,
        "invoices",
        {
            "order_no": str,
            "kind": str,
            "title": str,
            "tax_no": str,
            "state": str,
            "requested_at": int,
            "amount_fen": int,
            "number": str,
            "issued_at": int,
            "reversal": str,
        },
        pk="order_no",
        foreign_keys=[("order_no", "orders", "order_no")],
        defaults={"tax_no": "", "amount_fen": 0, "number": "", "reversal": ""},
    )


@migrations()
def m020_refunds(db: Database) -> None:
    """Keep what each order promised about refunds; who wished for one, by what rule, and what was decided.

    Orders that were there before promised what the cards said until then: seven days, less than half learnt.
    """
    for column in ("origin", "basis", "note", "refund_id"):
        db.execute(f"alter table refunds add column {column} text not null default ''")
    db.execute("alter table refunds add column gives_up integer not null default 0")
    db.execute("alter table refunds add column decided_at integer")
    db.execute("create index idx_refunds_requested on refunds (created_at) where state = 'REQUESTED'")
    _table(
        db,
        "refund_terms",
        {"order_no": str, "full_days": int, "full_percent": int, "until_days": int},
        pk="order_no",
        foreign_keys=[("order_no", "orders", "order_no")],
    )
    db.execute("insert into refund_terms select order_no, 7, 50, 7 from orders")


@migrations()
def m021_referral(db: Database) -> None:
    """Who may invite, who brought whom, what that earned, and the transfers that pay it."""
    _table(
        db,
        "inviters",
        {"openid": str, "code": str, "created_at": int, "url": str, "until": int},
        pk="openid",
        defaults={"url": "", "until": 0},
    )
    db.table("inviters").create_index(["code"], unique=True)
    _table(db, "touches", {"openid": str, "inviter": str, "at": int}, pk="openid")
    _table(
        db,
        "referrals",
        {"friend": str, "inviter": str, "via": str, "touched_at": int, "came_at": int},
        pk="friend",
    )
    db.table("referrals").create_index(["inviter"])
    _table(
        db,
        "rewards",
        {
            "reward_id": int,
            "friend": str,
            "openid": str,
            "order_no": str,
            "kept_fen": int,
            "amount_fen": int,
            "state": str,
            "reason": str,
            "created_at": int,
            "out_bill_no": str,
        },
        pk="reward_id",
        defaults={"reason": "", "out_bill_no": ""},
    )
    db.table("rewards").create_index(["friend"], unique=True)
    db.table("rewards").create_index(["order_no"], unique=True)
    db.table("rewards").create_index(["openid", "state"])
    db.table("rewards").create_index(["out_bill_no"])
    _table(
        db,
        "transfers",
        {
            "out_bill_no": str,
            "openid": str,
            "amount_fen": int,
            "request": str,
            "state": str,
            "created_at": int,
            "transfer_bill_no": str,
            "package_info": str,
            "fail_reason": str,
            "finished_at": int,
            "tries": int,
            "refusals": int,
            "next_query_at": int,
        },
        pk="out_bill_no",
        defaults={"transfer_bill_no": "", "package_info": "", "fail_reason": "", "tries": 0, "refusals": 0},
    )
    db.table("transfers").create_index(["openid", "state"])
    db.table("transfers").create_index(["created_at"])
    db.execute("create index idx_transfers_due on transfers (next_query_at) where next_query_at is not null")
    _table(db, "referral_secret", {"id": int, "secret": str}, pk="id")
    db.table("referral_secret").insert({"id": 1, "secret": secrets.token_hex(32)})


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


@migrations()
def m023_one_row_a_follower(db: Database) -> None:
    """Keep all that a message changes of its sender in one row, and what is appended in the order of time.

    Keys of messages begin with their time from now on; those written down before have ``-`` in its place.
    """
    for column in (
        "profile text not null default ''",
        "profile_event integer",
        "profile_at integer",
        "message_at integer",
        "message_used integer not null default 0",
        "touch_at integer",
        "touch_used integer not null default 0",
    ):
        db.execute(f"alter table followers add column {column}")
    db.execute(
        "update followers set profile = i.profile, profile_event = i.event_id, profile_at = i.updated_at"
        " from interests i where i.openid = followers.openid"
    )
    for kind in ("message", "touch"):
        db.execute(
            f"update followers set {kind}_at = q.opened_at, {kind}_used = q.used"
            f" from quota q where q.openid = followers.openid and q.kind = '{kind}'"
        )
    db.execute("drop table interests")
    db.execute("drop table quota")
    db.execute("drop index idx_events_openid_id")
    db.execute("create index idx_events_openid on events (openid)")
    db.execute("drop index idx_messages_received_at")
    db.execute("update messages set key = '-' || key")
