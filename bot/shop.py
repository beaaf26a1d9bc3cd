"""The inner wiring: one function that puts the services together. Doubles come in as arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot import doors
from bot.account.client import AccountClient
from bot.account.mass import MassCalls
from bot.account.notifier import AccountNotifier
from bot.account.tags import TagCalls
from bot.agents import Agents
from bot.broadcasts import Broadcasts
from bot.config import Config
from bot.counters import Counters
from bot.jobs import Jobs
from bot.models import Kind, OutboxRow, Purpose
from bot.nightly import Nightly
from bot.offers.bundles import BundleCredit, BundleDelivery
from bot.offers.coupons import Coupons
from bot.offers.delivery import CourseDelivery, Deliveries, Delivery
from bot.offers.gifts import GiftDelivery, Gifts
from bot.offers.groups import GroupBuying, GroupDelivery, GroupPrice
from bot.offers.limited import Limited
from bot.offers.membership import MembershipDelivery, PlanOffer
from bot.offers.qualifying import Qualifying
from bot.offers.quoting import Quoting
from bot.orders import Merchant, Orders
from bot.outbox import Outbox
from bot.ports import Clock, Messenger, Notifier, OAuth, PayGateway, SystemClock, TransferGateway
from bot.reach.hours import QuietHours
from bot.reach.service import Reach
from bot.reconciling import Reconciling
from bot.referral.codes import InviteCodes
from bot.referral.service import Referral
from bot.refunds import Refunds
from bot.store import SqliteStore, Store
from bot.suggestions import Suggestions
from bot.tagging import Tagging, read_rules
from bot.texts import Texts
from bot.transfers import Transfers, known_transfer
from recsys.text import Tokenizer


@dataclass(frozen=True, slots=True)
class Shop:
    """Every service of the trade, ready to use."""

    config: Config
    store: Store
    clock: Clock
    gateway: PayGateway
    oauth: OAuth
    orders: Orders
    suggestions: Suggestions
    outbox: Outbox
    texts: Texts
    jobs: Jobs
    counters: Counters
    tagging: Tagging
    broadcasts: Broadcasts
    gifts: Gifts
    coupons: Coupons
    refunds: Refunds
    reconciling: Reconciling
    account: AccountClient
    referral: Referral
    invite_codes: InviteCodes
    transfers: Transfers

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()


def open_shop(
    config: Config,
    *,
    tell: Callable[[OutboxRow], str],
    gateway: PayGateway | None = None,
    transfer_gateway: TransferGateway | None = None,
    messenger: Messenger | None = None,
    notifier: Notifier | None = None,
    oauth: OAuth | None = None,
    clock: Clock | None = None,
    tokenizer: Tokenizer | None = None,
) -> Shop:
    """Open the store and wire the services; what is not passed in is the real thing.

    The caller owns the shop and closes it; open one per process. ``StoreError`` when the database cannot be
    opened, ``ConfigError`` when the keys of the merchant or a word list cannot be read.
    """
    clock = clock or SystemClock()
    gateway = gateway or doors.pay_gateway(config, clock)
    tokenizer = tokenizer or doors.tokenizer(config)
    synonyms = doors.synonyms(config)
    store = SqliteStore(config.store.path)
    account = doors.account(config, store, clock)
    suggestions = Suggestions(config.recsys, tokenizer, synonyms, now=clock.now())
    counters = Counters(clock.now())
    kinds: dict[Kind, Delivery] = {
        Kind.COURSE: CourseDelivery(suggestions),
        Kind.BUNDLE: BundleDelivery(suggestions),
        Kind.MEMBERSHIP: MembershipDelivery(clock),
    }
    gift = GiftDelivery(Deliveries(kinds), days=config.gift.days)
    deliveries = Deliveries(kinds, {Purpose.GROUP: GroupDelivery(suggestions), Purpose.GIFT: gift})
    coupons = Coupons(Qualifying(read_rules(config.tags.rules), suggestions))
    orders = Orders(
        store,
        gateway,
        clock,
        merchant=Merchant(config.wechat.app_id, config.pay.mch_id),
        order_minutes=config.pay.order_minutes,
        # The credit is a share of the price so far, and a coupon takes off what is left.
        quoting=Quoting([PlanOffer(), GroupPrice(), Limited(), BundleCredit(), coupons]),
        deliveries=deliveries,
        refund=config.refund,
    )
    quiet = QuietHours.read(config.reach.quiet_hours)
    reach = Reach(
        messenger or account,
        notifier or AccountNotifier(account),
        forms=config.forms,
        quiet=quiet,
        public_url=config.server.public_url,
        message_quota=config.chat.message_quota,
        touch_quota=config.chat.touch_quota,
        once_template=config.reach.once_template,
    )
    texts = Texts(config.chat, store, clock)
    outbox = Outbox(store, reach, clock, tell=tell)
    tagging = Tagging(store, TagCalls(account), clock, suggestions, config.tags)
    reconciling = Reconciling(
        store, gateway, clock, orders, app_id=config.wechat.app_id, transfer_of=known_transfer
    )
    broadcasts = Broadcasts(store, MassCalls(account), clock, suggestions, config.broadcast, quiet)
    reason = config.refund.reason_over
    gifts = Gifts(store, orders, clock, deliveries, reason)
    referral = Referral(store, clock, config.referral)
    transfers = Transfers(
        store, transfer_gateway or doors.transfer_gateway(config, gateway), clock, config.referral
    )
    jobs = Jobs(
        store,
        clock,
        orders=orders,
        outbox=outbox,
        suggestions=suggestions,
        texts=texts,
        nightly=Nightly(config, store, clock),
        counters=counters,
        pause_seconds=config.recsys.refresh_seconds,
        keep_unfollowed=timedelta(days=config.chat.keep_unfollowed_days),
        money_rounds=(
            GroupBuying(store, orders, clock, reason).run_due,
            gifts.run_due,
            referral.grant_due,
            transfers.run_due,
        ),
        tag=tagging.level_if_due,
        reconciling=reconciling if config.pay.enabled else None,
        let_go=Agents(store, account, clock).close_due,
    )
    orders.on_news(jobs.wake)
    transfers.on_news(jobs.wake)
    return Shop(
        config,
        store,
        clock,
        gateway,
        oauth or account,
        orders,
        suggestions,
        outbox,
        texts,
        jobs,
        counters,
        tagging,
        broadcasts,
        gifts,
        coupons,
        Refunds(store, orders, gateway, clock, config.refund),
        reconciling,
        account,
        referral,
        InviteCodes(store, account, clock),
        transfers,
    )
