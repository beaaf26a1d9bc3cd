"""Notifications of WeChat Pay: verified, booked, and answered only after the commit."""

from __future__ import annotations

import logging

from bot.errors import NoticeRefused, ZhikeError
from bot.shop import Shop
from handlers.web.quiet import Quiet

log = logging.getLogger("zhike.notices")


class PayNotice(Quiet):
    """Payments, refunds and transfers alike: the notice itself says which it is."""

    def initialize(self, shop: Shop) -> None:
        """Take the shop."""
        self._shop = shop

    async def post(self) -> None:
        """Book a genuine notice, then say 204; refuse anything else with 4xx: the real one comes again."""
        try:
            notice = self._shop.gateway.read_notice(self.request.headers, self.request.body)
        except NoticeRefused as error:
            log.warning("notice.refused why=%s", error.reason)
            self._count("refused")
            self._fail(401, "验签失败")
            return
        now = self._shop.clock.now()
        try:
            result = "noted"
            subject = ""
            if notice.trade is not None:
                subject = notice.trade.out_trade_no
                result = (await self._shop.orders.book_paid(notice.trade, "notice")).value
            elif notice.refund is not None:
                subject = notice.refund.out_refund_no
                await self._shop.orders.book_refund(notice.refund)
            elif notice.transfer is not None:
                subject = notice.transfer.out_bill_no
                await self._shop.transfers.book(notice.transfer, "notice")
            await self._shop.store.write(
                lambda tx: tx.notices.add(notice.notice_id, notice.event_type, subject, result, now)
            )
        except ZhikeError:
            log.exception("notice.not_booked id=%s", notice.notice_id)
            self._count("failed")
            self._fail(429, "稍后重试")
            return
        kind = "refund" if notice.refund is not None else "transfer" if notice.transfer is not None else result
        self._count(kind)
        self.set_status(204)

    def _count(self, outcome: str) -> None:
        self._shop.counters.notices[outcome] += 1

    def _fail(self, status: int, message: str) -> None:
        self.set_status(status)
        self.finish({"code": "FAIL", "message": message})
