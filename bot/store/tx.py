"""One unit of work: every table within reach, all of it kept or none."""

from __future__ import annotations

from bot.store.audience import AccountTags, Audience
from bot.store.audit import Anomalies, Notices
from bot.store.broadcasts import Broadcasts
from bot.store.bundles import Bundles
from bot.store.catalogue import Courses, Lessons, PopularityScores, Trials
from bot.store.channels import Arrivals, Channels
from bot.store.coupons import Coupons, LimitedPrices
from bot.store.entitlements import Entitlements
from bot.store.figures import Figures
from bot.store.gifts import Codes, Gifts
from bot.store.groups import Groups
from bot.store.inbox import Messages
from bot.store.invoices import Invoices
from bot.store.ledger import Ledger, Reconciliations
from bot.store.memberships import Memberships
from bot.store.menus import Menus
from bot.store.money import Attempts, Orders
from bot.store.outbox import Outbox
from bot.store.people import Dislikes, Events, Followers, Interests, Quota
from bot.store.promises import RefundPromises
from bot.store.reach import Consents, Nudges, Sendings
from bot.store.referral import Inviters, Referrals, Rewards, Touches
from bot.store.refunds import Refunds
from bot.store.rows import Rows
from bot.store.service import LeftMessages, Services
from bot.store.shared import Leases, Tokens, Versions
from bot.store.transfers import Transfers


class Tx:
    """The tables, bound to one connection; only a ``Store`` makes these."""

    __slots__ = (
        "account_tags",
        "anomalies",
        "arrivals",
        "attempts",
        "audience",
        "broadcasts",
        "bundles",
        "channels",
        "codes",
        "consents",
        "coupons",
        "courses",
        "dislikes",
        "entitlements",
        "events",
        "figures",
        "followers",
        "gifts",
        "groups",
        "interests",
        "inviters",
        "invoices",
        "leases",
        "ledger",
        "left_messages",
        "lessons",
        "limited_prices",
        "memberships",
        "menus",
        "messages",
        "notices",
        "nudges",
        "orders",
        "outbox",
        "popularity",
        "quota",
        "reconciliations",
        "referrals",
        "refund_terms",
        "refunds",
        "rewards",
        "sendings",
        "services",
        "tokens",
        "touches",
        "transfers",
        "trials",
        "versions",
    )

    def __init__(self, rows: Rows) -> None:
        self.followers = Followers(rows)
        self.interests = Interests(rows)
        self.events = Events(rows)
        self.dislikes = Dislikes(rows)
        self.quota = Quota(rows)
        self.messages = Messages(rows)
        self.outbox = Outbox(rows)
        self.consents = Consents(rows)
        self.sendings = Sendings(rows)
        self.nudges = Nudges(rows)
        self.channels = Channels(rows)
        self.arrivals = Arrivals(rows)
        self.courses = Courses(rows)
        self.lessons = Lessons(rows)
        self.popularity = PopularityScores(rows)
        self.trials = Trials(rows)
        self.orders = Orders(rows)
        self.attempts = Attempts(rows)
        self.refunds = Refunds(rows)
        self.coupons = Coupons(rows)
        self.limited_prices = LimitedPrices(rows)
        self.refund_terms = RefundPromises(rows)
        self.entitlements = Entitlements(rows)
        self.groups = Groups(rows)
        self.gifts = Gifts(rows)
        self.codes = Codes(rows)
        self.bundles = Bundles(rows)
        self.memberships = Memberships(rows)
        self.notices = Notices(rows)
        self.anomalies = Anomalies(rows)
        self.ledger = Ledger(rows)
        self.reconciliations = Reconciliations(rows)
        self.invoices = Invoices(rows)
        self.tokens = Tokens(rows)
        self.leases = Leases(rows)
        self.versions = Versions(rows)
        self.figures = Figures(rows)
        self.menus = Menus(rows)
        self.account_tags = AccountTags(rows)
        self.audience = Audience(rows)
        self.broadcasts = Broadcasts(rows)
        self.services = Services(rows)
        self.left_messages = LeftMessages(rows)
        self.inviters = Inviters(rows)
        self.touches = Touches(rows)
        self.referrals = Referrals(rows)
        self.rewards = Rewards(rows)
        self.transfers = Transfers(rows)
