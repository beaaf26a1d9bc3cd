"""Pages of giving: buying a course for a friend, the gift with its one claim, and redeem codes."""

from __future__ import annotations

from bot.models import Course, Purpose
from bot.offers import codes, gifts
from bot.offers.gifts import LONGEST_GREETING
from bot.offers.quoting import Wish
from bot.shop import Shop
from bot.store import Tx
from bot.store.gifts import Gift, GiftState
from handlers.chat.replies import yuan
from handlers.web.pages import Page, Paying

FOR_A_FRIEND = Wish(Purpose.GIFT)


class BuyGift(Paying):
    """Buying a course for somebody else; who has it already may give it all the same."""

    async def get(self, course_id: str) -> None:
        """Show what a gift costs and how it is passed on."""
        if self.in_wechat:
            await self.require_openid()
        course, _theirs = await self.course(course_id)
        total = await self.quoted(course, FOR_A_FRIEND) if course.on_sale and not course.free else None
        if total is None:
            self.message("no_course", 404)
        self.render(
            "buy_gift.html",
            course=course,
            total=total,
            price=yuan(total),
            days=self._shop.config.gift.days,
            in_wechat=self.in_wechat,
            sold=self._shop.config.pay.enabled,
        )

    async def post(self, course_id: str) -> None:
        """Place the order; answers like the button of the course page."""
        self.require_same_site()
        await self.sell(course_id, FOR_A_FRIEND)


class MyGift(Page):
    """Where a paid gift leads its giver: on to the page that is passed on."""

    async def get(self, order_no: str) -> None:
        """Find the gift of an order, for whoever bought it."""
        await self.require_openid()
        gift = await self._shop.store.read(lambda tx: tx.gifts.of_order(order_no))
        if gift is None or gift.giver != self.openid:
            self.message("no_gift", 404)
        self.redirect(f"/gift/{gift.token}")


class GiftPage(Page):
    """One gift, for everybody who has its link; the giver is named to nobody."""

    async def get(self, token: str) -> None:
        """Show what it is and what the visitor can do with it."""
        if self.in_wechat:
            await self.require_openid()
        seen = await self._shop.store.read(lambda tx: _see(tx, token))
        if seen is None:
            self.message("no_gift", 404)
        gift, course = seen
        over = gift.expires_at is not None and gift.expires_at <= self._shop.clock.now()
        self.render(
            "gift.html",
            gift=gift,
            course=course,
            open=gift.state is GiftState.OPEN and not over,
            mine=bool(self.openid) and gift.giver == self.openid,
            claimed=bool(self.openid) and gift.claimed_by == self.openid,
            longest=LONGEST_GREETING,
            in_wechat=self.in_wechat,
        )

    async def post(self, token: str) -> None:
        """Claim it: the first one gets it. Its giver is asked first whether they are ``sure``."""
        self.require_same_site()
        openid, now, service = self.openid, self._shop.clock.now(), self._shop.gifts
        sure = self.get_body_argument("sure", "") == "1"
        if not openid:
            self.finish({"state": "session"})
            return

        def work(tx: Tx) -> gifts.Claimed | None:
            gift = tx.gifts.get(token)
            if gift is not None and gift.giver == openid and gift.state is GiftState.OPEN and not sure:
                return None
            tx.followers.ensure(openid, now)
            return service.claim(tx, token, openid, now)

        done = await self._shop.store.write(work, durable=True)
        if done is None:
            self.finish({"state": "sure", "go": ""})
            return
        self._shop.jobs.wake()
        learn = f"/learn/{done.course.course_id}" if done.course else ""
        self.finish({"state": done.outcome.value, "go": learn if done.outcome != "gone" else ""})


class Greeting(Page):
    """The giver's words on a gift."""

    async def post(self, token: str) -> None:
        """Keep the greeting as long as nobody has claimed the gift."""
        self.require_same_site()
        words, openid = self.get_body_argument("words", ""), self.openid
        kept = bool(openid) and await self._shop.store.write(lambda tx: gifts.greet(tx, token, openid, words))
        self.finish({"state": "kept" if kept else "gone", "go": ""})


class Redeem(Page):
    """A field for a redeem code, for whoever came by a link."""

    async def get(self) -> None:
        """Show the field."""
        await self.require_openid()
        self.render("redeem.html")

    async def post(self) -> None:
        """Redeem the code."""
        self.require_same_site()
        openid, now, orders = self.openid, self._shop.clock.now(), self._shop.orders
        if not openid:
            self.finish({"state": "session"})
            return
        code = self.get_body_argument("code", "")

        def work(tx: Tx) -> codes.Redeemed:
            tx.followers.ensure(openid, now)
            return codes.redeem(tx, orders, openid, code, now)

        done = await self._shop.store.write(work, durable=True)
        theirs = done.outcome in {codes.Redeeming.REDEEMED, codes.Redeeming.OWNED, codes.Redeeming.YOURS}
        learn = f"/learn/{done.course.course_id}" if done.course and theirs else ""
        self.finish({"state": done.outcome.value, "go": learn})


def _see(tx: Tx, token: str) -> tuple[Gift, Course] | None:
    gift = tx.gifts.get(token)
    course = tx.courses.get(gift.course_id) if gift is not None else None
    return (gift, course) if gift is not None and course is not None else None


def gift_routes(shop: Shop) -> list[tuple[str, type[Page], dict[str, Shop]]]:
    """Return the addresses of giving."""
    given = {"shop": shop}
    return [
        (r"/c/([0-9A-Za-z][0-9A-Za-z_.+:-]{0,63})/gift", BuyGift, given),
        (r"/my-gift/([0-9A-Z]{6,32})", MyGift, given),
        (r"/gift/([0-9a-f]{32})", GiftPage, given),
        (r"/gift/([0-9a-f]{32})/greeting", Greeting, given),
        (r"/redeem", Redeem, given),
    ]
