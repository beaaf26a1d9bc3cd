"""The one interface to the database: units of work that run whole or not at all.

A second database is a second ``Store``; services above know only ``Tx`` and what its tables promise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from bot.store.tx import Tx

T = TypeVar("T")
Work = Callable[[Tx], T]


class Store(Protocol):
    """Runs units of work. ``StoreError`` when the database refuses; then nothing of that work was kept."""

    def write(self, work: Work[T], *, durable: bool = False) -> Awaitable[T]:
        """Run ``work`` in a transaction; the result arrives only after the commit.

        Works of the same moment may share one transaction, yet each succeeds or fails alone. ``work`` must be
        quick and must touch nothing but its ``Tx``: it runs off the event loop. ``durable``
        outlives a power cut too.
        """
        ...

    def read(self, work: Work[T]) -> Awaitable[T]:
        """Run ``work`` on a consistent snapshot that sees every commit so far; it must not write."""
        ...

    def write_now(self, work: Work[T], *, durable: bool = False) -> T:
        """Do the same as ``write``, waiting for it: for the command line and the start-up."""
        ...

    def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...
