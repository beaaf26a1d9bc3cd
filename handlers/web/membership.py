"""The page of a follower's membership."""

from __future__ import annotations

from collections.abc import Mapping

from bot import access
from bot.models import CourseStatus
from bot.store import Tx
from handlers.chat import replies_items
from handlers.chat.replies import yuan
from handlers.web.pages import Page


class MyMembership(Page):
    """What a follower's membership opens, until when, and what can be bought."""

    async def get(self) -> None:
        """Show it to the follower alone."""
        await self.require_openid()
        openid, now = self.openid, self._shop.clock.now()

        def work(tx: Tx) -> Mapping[str, object]:
            cover = access.cover(tx, openid, now)
            courses = tx.courses.all(status=CourseStatus.PUBLISHED)
            owned = set(tx.entitlements.owned(openid))
            plans = tx.memberships.plans()
            return {
                "periods": cover.periods(),
                "courses": [each for each in courses if cover.opens(each)],
                "owned": owned,
                "plans": [(each, plans[each.course_id]) for each in courses if each.course_id in plans],
            }

        found = await self._shop.store.read(work)
        self.render("my_membership.html", say=replies_items, yuan=yuan, **found)
