"""One message being handled: the follower, the thread, the profile, and the shop within reach of a topic."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from bot import access
from bot.access import Cover
from bot.config import ChatSettings
from bot.models import Course, Follower
from bot.offers.pricing import Priced, price
from bot.offers.quoting import Wish
from bot.orders import Orders
from bot.shop import Shop
from bot.store import Tx
from bot.store.notes import Notes
from bot.store.service import Service
from bot.suggestions import STRANGER, Person, Shelf, Suggestions
from handlers.chat import replies_refunds
from handlers.chat.talk import Talk
from recsys.profile import Profile


@dataclass
class Turn:
    """Lives for one message, inside its transaction; topics read and change the shop only through it.

    ``owned`` are the courses the follower has, oldest first; ``excluded`` is what not to offer: those and the
    disliked ones. ``news`` says that something waits to be told. ``said`` is the message in words, and ``number``
    the number it names: the routes set both. ``service`` is there while a person serves instead of the bot.
    Without ``member`` there is no membership to ask for, without ``any_limited`` no limited-time price.
    What is learnt goes to ``notes``, which are written once the message is answered.
    """

    shop: Shop
    tx: Tx
    now: datetime
    openid: str
    follower: Follower
    stranger: bool
    profile_text: str
    talk: Talk
    owned: tuple[str, ...]
    excluded: frozenset[str]
    news: bool
    tap: str = ""
    said: str = ""
    number: int | None = None
    service: Service | None = None
    member: bool = True
    any_limited: bool = True
    notes: Notes = field(init=False)

    def __post_init__(self) -> None:
        self.notes = Notes(self.tx)

    @cached_property
    def profile(self) -> Profile:
        """The follower's interests, read when first needed."""
        return self.shop.suggestions.profile(self.profile_text)

    def word(self, name: str, default: str, **values: str) -> str:
        """Return the operator's sentence of that name, else the default; ``values`` fill in what it may hold."""
        return self.shop.texts.word(name, default, values)

    @property
    def chat(self) -> ChatSettings:
        """The settings of the conversation."""
        return self.shop.config.chat

    @property
    def suggestions(self) -> Suggestions:
        """The service of suggesting."""
        return self.shop.suggestions

    @property
    def orders(self) -> Orders:
        """The service of buying."""
        return self.shop.orders

    @cached_property
    def shelf(self) -> Shelf:
        """The catalogue as it is for the whole of this message."""
        return self.shop.suggestions.shelf

    @cached_property
    def cover(self) -> Cover:
        """What the follower's memberships open now."""
        return access.cover(self.tx, self.openid, self.now) if self.member else Cover((), self.now)

    @cached_property
    def limited(self) -> frozenset[str]:
        """The courses that have a limited-time price now; any other course in a list costs its list price."""
        return self.tx.limited_prices.running(self.now) if self.any_limited else frozenset()

    @cached_property
    def spent(self) -> frozenset[str]:
        """The bundles that have nothing to sell to this follower."""
        if not self.shelf.bundles:
            return frozenset()
        return access.nothing_to_sell(self.shelf.bundles, self.shelf.courses, self.owned, self.cover)

    @property
    def person(self) -> Person:
        """The follower as far as recommending may know them."""
        return Person(self.profile, self.owned) if self.follower.personalised else STRANGER

    def course_link(self, course: Course, source: str, coupon: str = "") -> str:
        """Return the address of the course page; the query tells where from and with which coupon, never who."""
        carried = f"&coupon={coupon}" if coupon else ""
        return f"{self.shop.config.server.public_url}/c/{course.course_id}?from={source}{carried}"

    def priced(self, course: Course, coupon: str = "") -> Priced:
        """Return what a course costs this follower now."""
        return price(self.tx, self.orders, self.openid, course, self.now, Wish(coupon=coupon))

    def group_link(self, course: Course) -> str:
        """Return the address at which a group for a course is opened."""
        return f"{self.shop.config.server.public_url}/c/{course.course_id}/group"

    def lesson_link(self, course_id: str) -> str:
        """Return the address of the lessons."""
        return f"{self.shop.config.server.public_url}/learn/{course_id}"

    @property
    def membership_link(self) -> str:
        """Return the address of the page that shows a follower what their membership opens."""
        return f"{self.shop.config.server.public_url}/my-membership"

    @property
    def orders_link(self) -> str:
        """Return the address of the page with a follower's orders."""
        return f"{self.shop.config.server.public_url}/my-orders"

    @property
    def refund_note(self) -> str:
        """Return the promise that an order of now is sold under, in a sentence."""
        return replies_refunds.refund_terms(self.shop.config.refund.terms)

    @property
    def rewards_link(self) -> str:
        """Return the address of the page with a follower's invitations and rewards."""
        return f"{self.shop.config.server.public_url}/rewards"

    @property
    def data_link(self) -> str:
        """Return the address of the page that shows a follower what is kept of them."""
        return f"{self.shop.config.server.public_url}/my-data"
