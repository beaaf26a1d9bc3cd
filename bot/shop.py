"""The inner wiring: one function that puts the services together. Doubles come in as arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot import doors
from bot.account.mass import MassCalls
from bot.account.notifier import AccountNotifier
from bot.account.tags import TagCalls
from bot.agents import Agents
from bot.broadcasts import Broadcasts
from bot.config import Config
from bot.counters import Counters
from bot.jobs import Jobs
from bot.models import OutboxRow
from bot.nightly import Nightly
from bot.orders import Merchant, Orders
from bot.outbox import Outbox
from bot.ports import Clock, Messenger, Notifier, OAuth, PayGateway, SystemClock
from bot.reach.hours import QuietHours
from bot.reach.service import Reach
from bot.store import SqliteStore, Store
from bot.suggestions import Suggestions
from bot.tagging import Tagging
from bot.texts import Texts
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

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()


def open_shop(
    config: Config,
    *,
    tell: Callable[[OutboxRow], str],
    gateway: PayGateway | None = None,
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
    orders = Orders(
        store,
        gateway,
        clock,
        merchant=Merchant(config.wechat.app_id, config.pay.mch_id),
        order_minutes=config.pay.order_minutes,
        observer=suggestions,
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
    broadcasts = Broadcasts(store, MassCalls(account), clock, suggestions, config.broadcast, quiet)
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
        tag=tagging.level_if_due,
        let_go=Agents(store, account, clock).close_due,
    )
    orders.on_news(jobs.wake)
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
    )
