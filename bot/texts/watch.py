"""The texts of a running process: what is in force, and how an edit of the file gets there within two seconds.

A wrong edit changes nothing. The last good file is kept in the store, so that a worker that starts while the file
is wrong says what its neighbours say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any

from bot.config import ChatSettings
from bot.errors import TextsWrong
from bot.ports import Clock
from bot.store import Store
from bot.texts.book import Book
from bot.texts.file import read, read_bytes

log = logging.getLogger("zhike.texts")
LOOK_SECONDS = 0.5  # an edit counts when two looks see the same: 1 second, and the reading
KEPT = "texts"
FOR_EVER = timedelta(days=36500)
SHOWN = 10


class Texts:
    """Holds the texts of one process. ``book`` is swapped as a whole: a message sees one of them."""

    def __init__(self, chat: ChatSettings, store: Store, clock: Clock) -> None:
        self._path = chat.texts_file
        self._chat = chat
        self._store = store
        self._clock = clock
        self._seen: bytes | str | None = None  # the latest look: what was in the file, or why it cannot be read
        self._judged: bytes | str | None = None
        self._wrong: TextsWrong | None = None
        self.book = self._first()

    @property
    def wrong(self) -> TextsWrong | None:
        """What is wrong with the file as it is; None while it is what is in force."""
        return self._wrong

    def word(self, name: str, default: str, values: Mapping[str, str]) -> str:
        """Return the operator's sentence of that name, filled in; the default where the file has none."""
        own = self.book.words.get(name)
        return default if own is None else own.render(values)

    async def look(self) -> bool:
        """Look whether the file changed; returns whether other texts are in force now.

        A change counts when two looks see the same: an editor may be in the middle of writing.
        """
        if not self._path:
            return False
        seen = await asyncio.to_thread(self._look)
        steady, self._seen = seen == self._seen, seen
        if not steady or seen == self._judged:
            return False
        self._judged = seen
        return await self._judge(seen)

    async def follow(self) -> None:
        """Look for ever, apart from the rounds of the other jobs: those may wait for WeChat."""
        await self._guarded(self._announce())
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._guarded(self.look())

    @staticmethod
    async def _guarded(work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception:
            log.exception("texts.look_failed")

    def _first(self) -> Book:
        """Read the file when the process starts; when it is wrong, what was last in force."""
        if not self._path:
            return Book()
        self._seen = self._judged = self._look()
        try:
            return self._read(self._judged)
        except TextsWrong as error:
            self._wrong = error
        now = self._clock.now()
        kept = self._store.write_now(lambda tx: tx.tokens.get(KEPT, self._path, now))
        try:
            return read(kept[0].encode(), self._path, self._chat) if kept is not None else Book()
        except TextsWrong:  # a setting it relies on has been emptied since
            return Book()

    def _look(self) -> bytes | str:
        try:
            return read_bytes(self._path)
        except TextsWrong as error:
            return error.problems[0][1]

    def _read(self, seen: bytes | str) -> Book:
        if isinstance(seen, str):
            raise TextsWrong(self._path, [(0, seen)])
        return read(seen, self._path, self._chat)

    async def _judge(self, seen: bytes | str) -> bool:
        former = self.book
        try:
            self.book = await asyncio.to_thread(self._read, seen)
            self._wrong = None
        except TextsWrong as error:
            self._wrong = error
        await self._announce()
        return self.book is not former

    async def _announce(self) -> None:
        """Say in the log what is in force or what is wrong, and keep what is good for workers to come."""
        if self._wrong is not None:
            for line, why in self._wrong.problems[:SHOWN]:
                log.error("texts.refused line=%d why=%s", line, why)
            log.error("texts.unchanged problems=%d", len(self._wrong.problems))
            return
        book = self.book
        log.info("texts.in_force texts=%d rules=%d", len(book.words), len(book.rules))
        if self._path:
            until = self._clock.now() + FOR_EVER
            await self._store.write(lambda tx: tx.tokens.put(KEPT, self._path, book.source, until), durable=True)
