"""The page on which followers see everything that is kept of them, and nobody else does."""

from __future__ import annotations

from datetime import datetime

from bot import privacy
from bot.ports import BEIJING
from bot.store import Tx
from handlers.chat.replies import yuan
from handlers.chat.replies_money import ORDER_STATES
from handlers.web.pages import Page

SHOWN_EVENTS = 100


class MyData(Page):
    """Whose data is shown is decided by WeChat's authorisation; the address names nobody."""

    async def get(self) -> None:
        """Show the data in words, and as JSON to be copied."""
        if not self.openid and not self.in_wechat:
            self.message("data_in_wechat")
        await self.require_openid()
        openid, now = self.openid, self._shop.clock.now()

        def work(tx: Tx) -> tuple[dict[str, object] | None, dict[str, str]]:
            titles = {course.course_id: course.title for course in tx.courses.all()}
            return privacy.copy_of(tx, openid, now), titles

        data, titles = await self._shop.store.read(work)
        if data is None:
            self.message("no_data")
        self.render(
            "my_data.html",
            data=data,
            titles=titles,
            raw=privacy.as_json(data),
            shown=SHOWN_EVENTS,
            states=ORDER_STATES,
            yuan=yuan,
            local=_local,
        )


def _local(instant: datetime) -> str:
    return instant.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
