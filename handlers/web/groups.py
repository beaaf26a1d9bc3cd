"""Pages of group buying: opening a group, and one group with its seats, its time and the way in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.models import Course
from bot.offers import groups
from bot.offers.quoting import Wish
from bot.ports import BEIJING
from bot.shop import Shop
from bot.store import Tx
from bot.store.groups import Deal, Group, GroupState, SeatState
from handlers.chat.replies import yuan
from handlers.web.pages import Page, Paying


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the page of a group shows; no member is named."""

    group: Group
    course: Course
    taken: int
    mine: bool
    owned: bool


class OpenGroup(Paying):
    """The deal of a course, with the button that opens a group."""

    async def get(self, course_id: str) -> None:
        """Show what buying together costs and how it goes."""
        if self.in_wechat:
            await self.require_openid()
        course, theirs = await self.course(course_id)
        now, openid = self._shop.clock.now(), self.openid

        def work(tx: Tx) -> tuple[Deal | None, str, Wish]:
            seat = tx.groups.seat_in(openid, course_id) if openid else None
            mine = seat.group_id if seat else ""
            return tx.groups.running(course_id, now), mine, groups.wish(tx, openid, course_id)

        deal, mine, wish = await self._shop.store.read(work)
        if mine:
            self.redirect(f"/group/{mine}")
            return
        if deal is None or not course.on_sale:
            self.message("no_group", 404)
        quoted = await self.quoted(course, wish)
        total = deal.price_fen if quoted is None else quoted
        self.render(
            "open_group.html",
            course=course,
            owned=theirs.owned,
            deal=deal,
            total=total,
            price=yuan(total),
            alone=yuan(course.price_fen),
            in_wechat=self.in_wechat,
            sold=self._shop.config.pay.enabled,
        )

    async def post(self, course_id: str) -> None:
        """Place the order of the first seat; answers like the button of the course page."""
        self.require_same_site()
        openid = self.openid
        wish = await self._shop.store.read(lambda tx: groups.wish(tx, openid, course_id))
        await self.sell(course_id, wish)


class GroupPage(Paying):
    """One group, for everybody who has its link."""

    async def get(self, group_id: str) -> None:
        """Show how many are missing, until when, and what the visitor can do."""
        if self.in_wechat:
            await self.require_openid()
        seen = await self._shop.store.read(lambda tx: self._see(tx, group_id))
        if seen is None:
            self.message("no_group", 404)
        group, now = seen.group, self._shop.clock.now()
        quoted = await self.quoted(seen.course, groups.wish_to_join(group_id))
        total = group.price_fen if quoted is None else quoted
        self.render(
            "group.html",
            group=group,
            course=seen.course,
            state=_state(group, now),
            taken=seen.taken,
            missing=group.size - seen.taken,
            mine=seen.mine,
            owned=seen.owned,
            total=total,
            price=yuan(total),
            alone=yuan(seen.course.price_fen),
            ends=_moment(group.ends_at),
            left=_left(group, now),
            in_wechat=self.in_wechat,
            sold=self._shop.config.pay.enabled,
        )

    async def post(self, group_id: str) -> None:
        """Place the order of a seat."""
        self.require_same_site()
        group = await self._shop.store.read(lambda tx: tx.groups.get(group_id))
        if group is None:
            self.finish({"state": "refused", "why": "no_group"})
            return
        await self.sell(group.course_id, groups.wish_to_join(group_id))

    def _see(self, tx: Tx, group_id: str) -> _Seen | None:
        group = tx.groups.get(group_id)
        course = tx.courses.get(group.course_id) if group is not None else None
        if group is None or course is None:
            return None
        seats = [seat for seat in tx.groups.seats(group_id) if seat.state is SeatState.TAKEN]
        owned = bool(self.openid) and tx.entitlements.get(self.openid, course.course_id) is not None
        return _Seen(group, course, len(seats), any(seat.openid == self.openid for seat in seats), owned)


def _state(group: Group, now: datetime) -> str:
    """Return full, failed, over (its time has come, payments are still being settled) or forming."""
    if group.state is not GroupState.FORMING:
        return group.state.value.lower()
    return "over" if group.ends_at <= now else "forming"


def _moment(instant: datetime) -> str:
    return instant.astimezone(BEIJING).strftime("%-m 月 %-d 日 %H:%M")


def _left(group: Group, now: datetime) -> tuple[int, int]:
    """Return the whole hours and minutes that are left."""
    minutes = max(int((group.ends_at - now).total_seconds()) // 60, 0)
    return minutes // 60, minutes % 60


def group_routes(shop: Shop) -> list[tuple[str, type[Page], dict[str, Shop]]]:
    """Return the addresses of group buying."""
    given = {"shop": shop}
    return [
        (r"/c/([0-9A-Za-z][0-9A-Za-z_.+:-]{0,63})/group", OpenGroup, given),
        (r"/group/([0-9A-Za-z]{6,32})", GroupPage, given),
    ]
