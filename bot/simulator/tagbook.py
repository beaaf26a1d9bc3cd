"""The account's tags and who carries them, as tags/* and user/tag/get keep and refuse them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.simulator.people import Follower, People
from bot.simulator.sending import Refusal

MOST_TAGS, MOST_EACH, MOST_AT_ONCE, PAGE = 100, 20, 50, 10_000
_FIRST_ID = 100
_NAME_BYTES = 30
_MOST_TO_DELETE = 100_000
_STARS = 2  # 星标组, which nobody made


@dataclass
class TagBook:
    """Tags by number, each with the openids that carry it."""

    names: dict[int, str] = field(default_factory=lambda: {_STARS: "星标组"})
    members: dict[int, set[str]] = field(default_factory=dict)

    def of(self, openid: str) -> list[int]:
        """Return the numbers of a follower's tags."""
        return [tag_id for tag_id in self.names if openid in self.members.get(tag_id, ())]

    def leave(self, openid: str) -> None:
        """Take all tags from somebody who unfollowed."""
        for carried in self.members.values():
            carried.discard(openid)

    def clear(self) -> None:
        """Take every tag from everybody; the tags themselves stay, as menus may name them."""
        self.members.clear()

    # ---- tags ----

    def listed(self) -> list[dict[str, Any]]:
        """Return what tags/get tells."""
        return [
            {"id": tag_id, "name": name, "count": len(self.members.get(tag_id, ()))}
            for tag_id, name in self.names.items()
        ]

    def create(self, tag: Any) -> dict[str, Any]:
        """Make a tag."""
        name = self._name(tag)
        if sum(tag_id >= _FIRST_ID for tag_id in self.names) >= MOST_TAGS:
            raise Refusal(45056, "too many tag now, no need to add new")
        tag_id = max(_FIRST_ID - 1, *self.names) + 1
        self.names[tag_id], self.members[tag_id] = name, set()
        return {"id": tag_id, "name": name}

    def rename(self, tag: Any) -> None:
        """Give a tag another name."""
        tag_id = self._own(tag)
        self.names[tag_id] = self._name(tag, but=tag_id)

    def delete(self, tag: Any) -> None:
        """Delete a tag."""
        tag_id = self._own(tag)
        if len(self.members.get(tag_id, ())) > _MOST_TO_DELETE:
            raise Refusal(45057, "can't delete the tag that has too many fans")
        del self.names[tag_id]
        self.members.pop(tag_id, None)

    def named(self, name: str) -> int:
        """Return the number of a tag, made when there is none."""
        known = next((tag_id for tag_id, known in self.names.items() if known == name), None)
        return known if known is not None else int(self.create({"name": name})["id"])

    # ---- members ----

    def page(self, tag_id: Any, after: Any) -> dict[str, Any]:
        """Return what user/tag/get tells: up to 10,000 carriers after one."""
        openids = sorted(self.members.get(self.known(tag_id), ()))
        if after:
            openids = [openid for openid in openids if openid > str(after)]
        page = openids[:PAGE]
        if not page:
            return {"count": 0}
        return {"count": len(page), "data": {"openid": page}, "next_openid": page[-1]}

    def tag(self, tag_id: Any, openids: Any, people: People) -> None:
        """Give a tag to all of a list, or to none."""
        number = self.known(tag_id)
        listed = _listed(openids, people)
        carried = self.members.setdefault(number, set())
        for openid in listed:
            if openid not in carried and len(self.of(openid)) >= MOST_EACH:
                raise Refusal(45059, "can't add more tag for this user")
        for follower in _people(listed, people):
            self.give(number, follower)

    def give(self, number: int, follower: Follower) -> None:
        """Let somebody carry a tag as their last one: that is the one menus look at."""
        self.members.setdefault(number, set()).add(follower.openid)
        follower.tags[:] = [*(each for each in follower.tags if each != number), number]

    def untag(self, tag_id: Any, openids: Any, people: People) -> None:
        """Take a tag from all of a list; from whom does not carry it too."""
        number, listed = self.known(tag_id), _listed(openids, people)
        self.members.setdefault(number, set()).difference_update(listed)
        for follower in _people(listed, people):
            follower.tags[:] = [each for each in follower.tags if each != number]

    def known(self, tag_id: Any) -> int:
        """Return the number of a tag that exists."""
        if isinstance(tag_id, bool) or not isinstance(tag_id, int) or tag_id not in self.names:
            raise Refusal(45159, "invalid tag")
        return tag_id

    def _own(self, tag: Any) -> int:
        tag_id = self.known(tag.get("id") if isinstance(tag, Mapping) else None)
        if tag_id < _FIRST_ID:
            raise Refusal(45058, "can't modify sys tag")
        return tag_id

    def _name(self, tag: Any, but: int = 0) -> str:
        name = tag.get("name") if isinstance(tag, Mapping) else None
        if not isinstance(name, str) or not name.strip():
            raise Refusal(45157, "invalid tag name")
        if len(name.encode()) > _NAME_BYTES:
            raise Refusal(45158, "tag name too long")
        if any(known == name and tag_id != but for tag_id, known in self.names.items()):
            raise Refusal(45157, "invalid tag name")
        return name


def _people(openids: Sequence[str], people: People) -> list[Follower]:
    return [follower for openid in openids if (follower := people.get(openid)) is not None]


def _listed(openids: Any, people: People) -> Sequence[str]:
    if not isinstance(openids, list) or not 1 <= len(openids) <= MOST_AT_ONCE:
        raise Refusal(40032, "invalid openid list size")
    for openid in openids:
        follower = people.get(openid) if isinstance(openid, str) else None
        if follower is None:
            raise Refusal(49003, "not match openid")
        if not follower.subscribed:
            raise Refusal(40003, "invalid openid")
    return openids
