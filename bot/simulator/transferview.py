"""The bridge's questions about a transfer: may this page call it, what is on the sheet, and the payee's tap."""

import dataclasses

from tornado.web import HTTPError

from bot.simulator.book import PayRefused
from bot.simulator.stage import Stage
from bot.simulator.transfers import TransferDesk
from bot.simulator.webview import SheetHandler


class TransferViewHandler(SheetHandler):
    """/__wx/transfer/(verify|check|confirm): what the sheet of a transfer asks."""

    def initialize(self, stage: Stage, desk: TransferDesk) -> None:
        """Take the shared state."""
        self.stage = stage
        self.desk = desk

    async def post(self, step: str) -> None:
        """Answer {"verified": true}, {"sheet": …} or {"received": true}; {"error": …} in the payee's words."""
        asked, openid = self.asked()
        if not isinstance(asked.get("params"), dict):
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
