"""The account's tags: making, renaming and deleting them, and who carries which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bot.errors import AccountUnknown
from bot.mailing import AccountTag

MOST_TAGS = 100  # of an account
MOST_TAGS_EACH = 20  # of a follower
MOST_AT_ONCE = 50  # openids in one call
# Errors that blame one openid of a list: not ours, not a follower any more, already with twenty tags.
ABOUT_ONE_PERSON = frozenset({40003, 49003, 45059})


class Caller(Protocol):
    """The part of ``AccountClient`` that is used here."""

    async def call(self, path: str, payload: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Post the payload with a token, or get the path; return the answer."""
        ...


class TagCalls:
    """Every call may raise ``AccountError`` or ``AccountUnknown``; all can be repeated, as the second is quiet."""

    def __init__(self, client: Caller) -> None:
        self._client = client

    async def all(self) -> list[AccountTag]:
        """Return the tags of the account, those that WeChat made itself included."""
        answer = await self._client.call("/cgi-bin/tags/get")
        tags = answer.get("tags")
        if not isinstance(tags, list):
            raise AccountUnknown("an answer without tags")
        return [_tag(each) for each in tags]

    async def create(self, name: str) -> AccountTag:
        """Make a tag. 45157: the name is taken; 45158: it is too long; 45056: there are a hundred."""
        return _tag((await self._client.call("/cgi-bin/tags/create", {"tag": {"name": name}})).get("tag"))

    async def rename(self, tag_id: int, name: str) -> None:
        """Give a tag another name."""
        await self._client.call("/cgi-bin/tags/update", {"tag": {"id": tag_id, "name": name}})

    async def delete(self, tag_id: int) -> None:
        """Delete a tag. 45057: more than 100,000 carry it."""
        await self._client.call("/cgi-bin/tags/delete", {"tag": {"id": tag_id}})

    async def members(self, tag_id: int) -> set[str]:
        """Return who carries a tag, page after page."""
        found: set[str] = set()
        after = ""
        while True:
            answer = await self._client.call("/cgi-bin/user/tag/get", {"tagid": tag_id, "next_openid": after})
            if not answer.get("count"):
                return found
            data = answer.get("data")
            page = data.get("openid") if isinstance(data, Mapping) else None
            after = str(answer.get("next_openid", ""))
            if not isinstance(page, list):
                raise AccountUnknown("an answer without openids")
            if found.issuperset(page) or not after:
                return found.union(page)
            found.update(page)

    async def of(self, openid: str) -> tuple[int, ...]:
        """Return the numbers of a follower's tags."""
        tags = (await self._client.call("/cgi-bin/tags/getidlist", {"openid": openid})).get("tagid_list")
        if not isinstance(tags, list):
            raise AccountUnknown("an answer without tagid_list")
        return tuple(map(int, tags))

    async def tag(self, tag_id: int, openids: Sequence[str]) -> None:
        """Give a tag to at most 50 followers."""
        await self._client.call(
            "/cgi-bin/tags/members/batchtagging", {"openid_list": list(openids), "tagid": tag_id}
        )

    async def untag(self, tag_id: int, openids: Sequence[str]) -> None:
        """Take a tag from at most 50 followers."""
        await self._client.call(
            "/cgi-bin/tags/members/batchuntagging", {"openid_list": list(openids), "tagid": tag_id}
        )


def _tag(told: object) -> AccountTag:
    if not isinstance(told, Mapping) or not isinstance(told.get("id"), int):
        raise AccountUnknown("a tag without a number")
    return AccountTag(told["id"], str(told.get("name", "")), int(told.get("count", 0)))
