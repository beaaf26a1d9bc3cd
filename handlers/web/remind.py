"""Asking for consent to one message that WeChat brings later: over to WeChat's own page, and back with the answer.

Who agrees is decided by our session and the one-use state, never by the openid in the address.
"""

from __future__ import annotations

import json
import secrets

from tornado.web import RequestHandler

from bot.account.once import consent_url
from bot.reach.once import SCENE
from bot.shop import Shop
from handlers.web.pages import STATE_MINUTES, Page, own_path

BACK = "/reminded"


class Remind(Page):
    """The link on our pages: keeps where they were, and goes to WeChat's page."""

    async def get(self) -> None:
        """Redirect; without a template there is nothing to agree to."""
        config = self._shop.config
        if not config.reach.once_template:
            self.message("stale_link", 404)
        await self.require_openid()
        state, until = secrets.token_hex(16), self._shop.clock.now() + STATE_MINUTES
        kept = json.dumps([self.openid, self.get_query_argument("to", "/")])
        await self._shop.store.write(lambda tx: tx.tokens.put("remind", state, kept, until))
        self.redirect(
            consent_url(
                config.wechat.app_id,
                config.wechat.oauth_base,
                config.reach.once_template,
                scene=SCENE,
                back_to=f"{config.server.public_url}{BACK}",
                reserved=state,
            )
        )


class Reminded(Page):
    """Where WeChat's page leads back to."""

    async def get(self) -> None:
        """Note a yes, once for each state, and go back to where they were."""
        now, state = self._shop.clock.now(), self.get_query_argument("reserved", "")
        kept = await self._shop.store.write(lambda tx: tx.tokens.take("remind", state, now)) if state else None
        openid, wanted = json.loads(kept) if kept else ("", "/")
        if not openid or openid != self.openid:
            self.message("stale_link", 400)
        template_id = self._shop.config.reach.once_template
        if self.get_query_argument("action", "") == "confirm":
            await self._shop.store.write(lambda tx: tx.consents.allow_one(openid, template_id, now))
        self.redirect(own_path(wanted))


def remind_routes(shop: Shop) -> list[tuple[str, type[RequestHandler], dict[str, Shop]]]:
    """Return the addresses; WeChat may put a slash behind the second."""
    return [("/remind", Remind, {"shop": shop}), (rf"{BACK}/?", Reminded, {"shop": shop})]
