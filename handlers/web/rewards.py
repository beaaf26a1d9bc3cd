"""The pages of inviting friends: a follower's own rewards with the way to take them, and what their link shows.

The page never says "received" before our records do: what WeChat's sheet answers is only a reason to ask.
"""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta

import segno
from tornado.web import RequestHandler

from bot.errors import AccountError, CannotTake, PayError
from bot.models import TransferState
from bot.referral.service import Summary, Touched
from bot.shop import Shop
from bot.store import Tx
from bot.store.referral import Inviter
from bot.store.transfers import Transfer
from bot.transfers import OPEN
from handlers.chat import replies, replies_offers
from handlers.web.pages import Page

log = logging.getLogger("zhike.pages")
ASK_AFTER = timedelta(seconds=3)
LONGEST_URL = 1000
DOT = 8  # pixels of one module


class RewardsPage(Page):
    """What somebody's invitations came to, the button to take it, and their own link and code."""

    async def get(self) -> None:
        """Show it to whom it belongs."""
        if not self.openid and not self.in_wechat:
            self.message("rewards_in_wechat")
        await self.require_openid()
        shop, openid, now = self._shop, self.openid, self._shop.clock.now()

        def work(tx: Tx) -> tuple[Inviter, Summary, Transfer | None]:
            inviter = shop.referral.inviter_in(tx, openid, now)
            return inviter, shop.referral.summary_in(tx, openid), tx.transfers.under_way(openid)

        inviter, summary, under_way = await shop.store.write(work)
        enabled = shop.config.referral.enabled
        code = await shop.invite_codes.url(inviter) if enabled else ""
        self.render(
            "rewards.html",
            enabled=enabled,
            summary=summary,
            under_way=under_way,
            terms=replies_offers.invite_terms(shop.config.referral, shop.config.refund.until_days),
            link=f"{shop.config.server.public_url}/i/{inviter.code}",
            picture=f"/i/{inviter.code}/code.png" if code else "",
            money=replies.money,
        )


class TakeReward(Page):
    """The button: makes the transfer, or finds the one that is under way, and says what the page must do next."""

    async def post(self) -> None:
        """Answer JSON: ``state`` is confirm, wait, over or refused."""
        self.require_same_site()
        if not self.openid:
            self.finish({"state": "refused", "why": "session"})
            return
        shop = self._shop
        try:
            transfer = await shop.transfers.take(self.openid)
        except CannotTake as error:
            log.info("rewards.refused why=%s", error.why)
            self.finish({"state": "refused", "why": error.why.value})
            return
        except PayError as error:
            log.warning("rewards.failed error=%s", error)
            self.finish({"state": "refused", "why": "pay"})
            return
        told: dict[str, object] = {"bill": transfer.out_bill_no, "amount_fen": transfer.amount_fen}
        if transfer.state is TransferState.SUCCESS:
            self.finish({**told, "state": "wait"})  # the page asks once more, and shows the sums that hold now
        elif params := shop.transfers.confirm_params(transfer):
            self.finish({**told, "state": "confirm", "transfer": params, "verify": await self._verify()})
        else:
            self.finish({**told, "state": "wait" if transfer.state in OPEN else "over"})

    async def _verify(self) -> dict[str, str]:
        """Return what proves to WeChat that the page is ours; empty when there is no ticket."""
        url = self._page_url()
        if not url:
            return {}
        try:
            return dict(await self._shop.account.page_params(url))
        except AccountError as error:
            log.warning("rewards.no_ticket errcode=%d", error.errcode)
            return {}

    def _page_url(self) -> str:
        """Return the address that the browser shows; empty for one that is not this page's."""
        try:
            asked = json.loads(self.request.body or b"{}")
        except ValueError:
            return ""
        url = asked.get("url", "") if isinstance(asked, dict) else ""
        own = f"{self._shop.config.server.public_url}/rewards"
        good = isinstance(url, str) and len(url) <= LONGEST_URL and url.partition("?")[0] == own
        return url if good else ""


class RewardState(Page):
    """What a waiting page asks: only our own records answer, after a fresh question to WeChat if need be."""

    async def get(self, out_bill_no: str) -> None:
        """Answer the transfer's state to its owner, 404 to everybody else."""
        transfer = await self._shop.store.read(lambda tx: tx.transfers.get(out_bill_no))
        if transfer is None or not self.openid or transfer.openid != self.openid:
            self.set_status(404)
            self.finish({"state": "unknown"})
            return
        if transfer.state in OPEN and await self._may_ask(out_bill_no):
            await self._shop.transfers.push(out_bill_no)
            transfer = await self._shop.store.read(lambda tx: tx.transfers.get(out_bill_no)) or transfer
        told = {"state": transfer.state.value, "amount_fen": transfer.amount_fen}
        openid, referral = self.openid, self._shop.referral
        summary = await self._shop.store.read(lambda tx: referral.summary_in(tx, openid))
        self.finish({**told, "ready_fen": summary.ready_fen, "paid_fen": summary.paid_fen})

    async def _may_ask(self, out_bill_no: str) -> bool:
        """Let WeChat be asked about a transfer once in a few seconds, whoever polls."""
        now = self._shop.clock.now()

        def work(tx: Tx) -> bool:
            if tx.tokens.get("asked", out_bill_no, now) is not None:
                return False
            tx.tokens.put("asked", out_bill_no, "1", now + ASK_AFTER)
            return True

        return await self._shop.store.write(work)


class InvitePage(Page):
    """What a friend sees who opens a link: who the account is, and its code to follow by."""

    async def get(self, code: str) -> None:
        """Note whose link it is, as far as WeChat tells who looks, and show how to follow."""
        shop = self._shop
        inviter = await shop.store.read(lambda tx: tx.inviters.by(code))
        if inviter is None or not shop.config.referral.enabled:
            self.message("no_invite", 404)
        touched = Touched.NOTED
        if self.in_wechat:
            await self.require_openid()
            touched = await shop.referral.touch(self.openid, code)
        url = await shop.invite_codes.url(inviter)
        self.render(
            "invite.html",
            account=shop.config.chat.account_name,
            touched=touched.value,
            in_wechat=self.in_wechat,
            picture=f"/i/{code}/code.png" if url else "",
            days=shop.config.referral.friend_days,
        )


class InvitePicture(Page):
    """The code of a link as a picture, which WeChat reads when it is pressed for a while."""

    async def get(self, code: str) -> None:
        """Answer a PNG; 404 where there is none."""
        inviter = await self._shop.store.read(lambda tx: tx.inviters.by(code))
        url = await self._shop.invite_codes.url(inviter) if inviter is not None else ""
        if not url or not self._shop.config.referral.enabled:
            self.set_status(404)
            self.finish()
            return
        self.set_header("Content-Type", "image/png")
        self.finish(_png(url))


def reward_routes(shop: Shop) -> list[tuple[str, type[RequestHandler], dict[str, Shop]]]:
    """Return the addresses of these pages."""
    given = {"shop": shop}
    return [
        (r"/rewards", RewardsPage, given),
        (r"/rewards/take", TakeReward, given),
        (r"/rewards/([0-9A-Z]{6,32})/state", RewardState, given),
        (r"/i/([0-9a-z]{4,32})", InvitePage, given),
        (r"/i/([0-9a-z]{4,32})/code\.png", InvitePicture, given),
    ]


def _png(url: str) -> bytes:
    out = io.BytesIO()
    segno.make(url, error="m", micro=False).save(out, kind="png", scale=DOT, border=4)
    return out.getvalue()
