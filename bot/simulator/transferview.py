"""The bridge's questions about a transfer: may this page call it, what is on the sheet, and the payee's tap."""

import dataclasses

from tornado.escape import json_decode
from tornado.web import HTTPError, RequestHandler

from bot.simulator.book import PayRefused
from bot.simulator.phone import FOLLOWER_COOKIE
from bot.simulator.stage import Stage
from bot.simulator.transfers import TransferDesk


class TransferViewHandler(RequestHandler):
    """/__wx/transfer/(verify|check|confirm): asked as the follower that the cookie names."""

    def initialize(self, stage: Stage, desk: TransferDesk) -> None:
        """Take the shared state."""
        self.stage = stage
        self.desk = desk

    def check_xsrf_cookie(self) -> None:
        """JSON only, which no foreign form can send."""

    async def post(self, step: str) -> None:
        """Answer {"verified": true}, {"sheet": …} or {"received": true}; {"error": …} in the payee's words."""
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            raise HTTPError(415)
        openid = self.get_cookie(FOLLOWER_COOKIE) or ""
        if self.stage.people.get(openid) is None:
            raise HTTPError(403)
        asked = json_decode(self.request.body)
        if not isinstance(asked, dict) or not isinstance(asked.get("params"), dict):
            raise HTTPError(400)
        try:
            if step == "verify":
                self.desk.verify_page(asked["params"], str(asked.get("url", "")))
                self.finish({"verified": True})
                return
            sheet = self.desk.check(asked["params"], openid)
            if step == "confirm":
                await self.desk.confirm(sheet.out_bill_no, openid, wait=False)
                self.finish({"received": True})
            else:
                self.finish({"sheet": dataclasses.asdict(sheet)})
        except PayRefused as refused:
            self.finish({"error": str(refused)})
