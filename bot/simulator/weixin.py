"""api.weixin.qq.com: one door for every call, and the calls that need no file of their own.

Errors come as HTTP 200 with an errcode and a rid, as the real ones do. WeChat Pay is mch.py.
"""

import asyncio
import secrets
from urllib.parse import parse_qs

from bot.simulator import agents, mass, menucalls, messaging, oauth, once, tagcalls, tokens
from bot.simulator.http import ApiHandler, utf8_json
from bot.simulator.qrcodes import picture
from bot.simulator.requests import Answer, Calls, Request, follower_of
from bot.simulator.selfcheck import call_quota, callback_check
from bot.simulator.sending import Refusal
from bot.simulator.stage import Stage

_SHOW = "/cgi-bin/showqrcode"


class WeixinHandler(ApiHandler):
    """Every JSON call of api.weixin.qq.com."""

    async def serve(self) -> None:
        """Answer the call, or lose it as the faults say; refusals are answers too."""
        if self.request.path == _SHOW:
            self._show_qrcode()
        elif self._take("api_lost_before"):
            await self.lose()
        elif self._take("api_errors"):
            self.answer(502, "<html><body>502 Bad Gateway</body></html>", "text/html")
        elif self._take("api_garbage"):
            self.answer(200, "<html><body>系统维护中</body></html>".encode(), "text/html; charset=utf-8")
        else:
            told = self._told()
            if self.stage.faults.result_first:
                await self.stage.settle()
            if self._take("api_lost_after"):
                await self.lose()
                return
            await asyncio.sleep(self.stage.faults.api_delay if self._hit else 0.0)
            self.answer(200, utf8_json(told), "application/json; encoding=utf-8")

    def _show_qrcode(self) -> None:
        """Play mp.weixin.qq.com/cgi-bin/showqrcode: the picture of a ticket, to anybody."""
        code = self.stage.qrcodes.find(self.get_query_argument("ticket", ""), self.stage.now())
        if code is None:
            self.answer(404)
        else:
            self.answer(200, picture(code), "image/png")

    @property
    def _hit(self) -> bool:
        return self.stage.faults.api_path in self.request.path

    def _take(self, name: str) -> bool:
        return self._hit and self.stage.faults.take(name)

    def _told(self) -> Answer:
        try:
            return self._dispatch()
        except Refusal as refusal:
            rid = "-".join(secrets.token_hex(4) for _ in range(3))
            return {"errcode": refusal.errcode, "errmsg": f"{refusal.errmsg} rid: {rid}", **refusal.more}

    def _dispatch(self) -> Answer:
        path, method = self.request.path, self.request.method or ""
        call = _CALLS.get((method, path))
        if call is None:
            if any(known == path for _, known in _CALLS):
                wanted = "POST" if method == "GET" else "GET"
                raise Refusal(43002 if method == "GET" else 43001, f"require {wanted} method")
            raise Refusal(40066, "invalid url")
        query = {name: values[-1] for name, values in parse_qs(self.request.query, keep_blank_values=True).items()}
        request = Request(query, self.request.body)
        if path not in _WITHOUT_TOKEN:
            tokens.check_token(self.stage, request)
        if self._take("api_busy"):
            raise Refusal(-1, "system error")
        if self._take("api_quota"):
            raise Refusal(45009, "reach max api daily quota limit")
        return call(self.stage, request)


def _qrcode_create(stage: Stage, request: Request) -> Answer:
    return stage.qrcodes.create(request.json(), stage.now())


def _user_info(stage: Stage, request: Request) -> Answer:
    follower = follower_of(stage, request.need("openid", 41009))
    if not follower.subscribed:
        return {"subscribe": 0, "openid": follower.openid}
    return {
        "subscribe": 1,
        "openid": follower.openid,
        "language": "zh_CN",
        "subscribe_time": int(follower.subscribed_at),
        "remark": "",
        "groupid": 0,
        "tagid_list": stage.tags.of(follower.openid),
        "subscribe_scene": "ADD_SCENE_QR_CODE" if follower.scene else "ADD_SCENE_SEARCH",
        "qr_scene": 0,
        "qr_scene_str": follower.scene,
    }


def _callback_ips(_stage: Stage, _request: Request) -> Answer:
    return {"ip_list": ["127.0.0.1"]}


def _call_quota(stage: Stage, request: Request) -> Answer:
    if request.json().get("cgi_path") in mass.PATHS:
        return mass.quota(stage)
    return call_quota(stage, request.json(), {path for _, path in _CALLS})


_CALLS: Calls = {
    ("POST", "/cgi-bin/qrcode/create"): _qrcode_create,
    ("GET", "/cgi-bin/user/info"): _user_info,
    ("GET", "/cgi-bin/getcallbackip"): _callback_ips,
    ("POST", "/cgi-bin/callback/check"): lambda stage, request: callback_check(stage, request.json()),
    ("POST", "/cgi-bin/openapi/quota/get"): _call_quota,
    ("POST", "/cgi-bin/message/mass/send"): lambda stage, request: mass.send(stage, request.json()),
    ("POST", "/cgi-bin/message/mass/sendall"): lambda stage, request: mass.send_all(stage, request.json()),
    ("POST", "/cgi-bin/message/mass/preview"): lambda stage, request: mass.preview(stage, request.json()),
    ("POST", "/cgi-bin/message/mass/get"): lambda stage, request: mass.status(stage, request.json()),
    **agents.CALLS,
    **tokens.CALLS,
    **messaging.CALLS,
    **once.CALLS,
    **menucalls.CALLS,
    **tagcalls.CALLS,
    **oauth.CALLS,
}
_WITHOUT_TOKEN = {*tokens.WITHOUT_TOKEN, *(path for _, path in oauth.CALLS)}
