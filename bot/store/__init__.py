"""Our only way to the database."""

from bot.store.base import Store
from bot.store.sqlite import SqliteStore
from bot.store.tx import Tx

__all__ = ["SqliteStore", "Store", "Tx"]
