"""Followers as an audience, page by page; and the account's tags that the rules own."""

from __future__ import annotations

from bot.mailing import Traits
from bot.store.rows import Row, Rows, instant

TRAITS = (
    "select openid, personalised, channel, last_seen_at,"
    " (select group_concat(course_id, char(10)) from entitlements where openid = f.openid),"
    " case when ? then profile end"
    " from followers f where subscribed = 1"
)
PAGE = f"{TRAITS} and openid > ? order by openid limit ?"


def _traits(row: Row) -> Traits:
    openid, personalised, channel, seen, owned, profile = row
    return Traits(
        openid=openid,
        personalised=bool(personalised),
        channel=channel,
        last_seen_at=instant(seen),
        owned=frozenset(owned.split("\n")) if owned else frozenset(),
        profile=profile or "",
    )


class Audience:
    """Who follows, with what an audience is chosen by."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def page(self, after: str, *, limit: int, profiles: bool) -> list[Traits]:
        """Return followers whose openid comes after ``after``, in order; whoever left is not among them."""
        return [_traits(row) for row in self._rows.all(PAGE, int(profiles), after, limit)]

    def one(self, openid: str) -> Traits | None:
        """Return one follower with their interests; None for whoever does not follow."""
        row = self._rows.one(f"{TRAITS} and openid = ?", 1, openid)
        return _traits(row) if row else None


class AccountTags:
    """The tags that belong to our rules, by name: made by us, or taken over when an operator said so."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def all(self) -> dict[str, int]:
        """Return the tag's number by its name."""
        return dict(self._rows.all("select name, tag_id from account_tags order by name"))

    def put(self, name: str, tag_id: int) -> None:
        """Note that a tag is ours."""
        self._rows.run(
            "insert into account_tags (name, tag_id) values (?, ?)"
            " on conflict (name) do update set tag_id = excluded.tag_id",
            name,
            tag_id,
        )

    def remove(self, name: str) -> None:
        """Forget a tag."""
        self._rows.run("delete from account_tags where name = ?", name)
