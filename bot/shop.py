"""The inner wiring: one function that puts the services together. Doubles come in as arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.config import Config
from bot.jobs import Jobs
from bot.models import OutboxRow
from bot.orders import Merchant, Orders
from bot.outbox import Outbox
from bot.ports import Clock, Messenger, PayGateway
from bot.store import SqliteStore, Store
from bot.suggestions import Suggestions
from recsys.text import Tokenizer


@dataclass(frozen=True, slots=True)
class Shop:
    """Every service of the trade, ready to use."""

    config: Config
    store: Store
    clock: Clock
    gateway: PayGateway
    orders: Orders
    suggestions: Suggestions
    outbox: Outbox
    jobs: Jobs

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()


def open_shop(
    config: Config,
    *,
    gateway: PayGateway,
    messenger: Messenger,
    clock: Clock,
    tokenizer: Tokenizer,
    tell: Callable[[OutboxRow], str],
) -> Shop:
    """Open the store and wire the services. ``StoreError`` when the database cannot be opened.

    The caller owns the shop and closes it; open one per process.
    """
    store = SqliteStore(config.store.path)
    suggestions = Suggestions(config.recsys, tokenizer, now=clock.now())
    orders = Orders(
        store,
        gateway,
        clock,
        merchant=Merchant(config.wechat.app_id, config.pay.mch_id),
        order_minutes=config.pay.order_minutes,
        observer=suggestions,
    )
    outbox = Outbox(
        store,
        messenger,
        clock,
        tell=tell,
        message_quota=config.chat.message_quota,
        touch_quota=config.chat.touch_quota,
    )
    jobs = Jobs(
        store,
        clock,
        orders=orders,
        outbox=outbox,
        suggestions=suggestions,
        pause_seconds=config.recsys.refresh_seconds,
    )
    orders.on_news(jobs.wake)
    return Shop(config, store, clock, gateway, orders, suggestions, outbox, jobs)
