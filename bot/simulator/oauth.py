"""Web authorisation: the page of open.weixin.qq.com that gives codes, and the exchange of a code."""

import hashlib
import re
import secrets
from urllib.parse import unquote, urlencode, urlsplit

from bot.simulator.http import HostHandler
from bot.simulator.phone import FOLLOWER_COOKIE
from bot.simulator.requests import Answer, Calls, Request
from bot.simulator.sending import Refusal
from bot.simulator.stage import OAuthCode, Stage
from bot.simulator.tokens import TOKEN_SECONDS, check_app

_CODE_SECONDS = 300
_AUTHORIZE = re.compile(
    r"appid=(?P<appid>[^&]*)&redirect_uri=(?P<redirect>[^&]*)&response_type=code&scope=(?P<scope>[^&]*)"
    r"&state=(?P<state>[^&]*)"
)


def _oauth_token(stage: Stage, request: Request) -> Answer:
    query = request.query
    check_app(stage, query.get("appid"), query.get("secret"), query.get("grant_type"), "authorization_code")
    code = stage.codes.get(request.need("code", 41008))
    if code is None or stage.now() - code.issued >= _CODE_SECONDS:
        raise Refusal(40029, "invalid code,")
    if code.used:
        raise Refusal(40163, "code been used,")
    code.used = True
    told = {
        "access_token": secrets.token_urlsafe(48),
        "expires_in": TOKEN_SECONDS,
        "refresh_token": secrets.token_urlsafe(48),
        "openid": code.openid,
        "scope": "snsapi_base",
    }
    if stage.faults.snapshot_user:
        virtual = "o" + hashlib.sha256(b"virtual" + code.openid.encode()).hexdigest()[:27]
        return told | {"openid": virtual, "is_snapshotuser": 1}
    return told


class AuthorizeHandler(HostHandler):
    """open.weixin.qq.com/connect/oauth2/authorize: knows the follower by the web view's cookie."""

    def get(self) -> None:
        """Send the follower back with a code, or say what is wrong as the real page does."""
        stage = self.stage
        matched = _AUTHORIZE.fullmatch(self.request.query)
        problem = self._problem(matched)
        openid = self.get_cookie(FOLLOWER_COOKIE) or ""
        if problem is None and stage.people.get(openid) is None:
            problem = "请在微信客户端打开链接"
        if problem or matched is None:
            page = f"<!doctype html><html lang=zh><title>微信</title><p>{problem}</p></html>"
            self.answer(400, page, "text/html; charset=utf-8")
            return
        code = secrets.token_hex(16)
        stage.codes[code] = OAuthCode(openid, stage.now())
        target = unquote(matched["redirect"])
        joint = "&" if urlsplit(target).query else "?"
        self.set_header("Location", target + joint + urlencode({"code": code, "state": matched["state"]}))
        self.answer(302)

    def _problem(self, matched: re.Match[str] | None) -> str | None:
        if matched is None:
            return "链接参数有误：参数不全或次序不对"
        if matched["appid"] != self.stage.settings.app_id:
            return "appid 参数错误 (40013)"
        if matched["scope"] not in {"snsapi_base", "snsapi_userinfo"}:
            return "scope 参数错误或没有 scope 权限 (10005)"
        if not re.fullmatch(r"[0-9A-Za-z]{0,128}", matched["state"]):
            return "state 参数错误"
        if "/" in matched["redirect"]:
            return "redirect_uri 须经 URL 编码"
        target = urlsplit(unquote(matched["redirect"]))
        if f"{target.scheme}://{target.netloc}" != self.stage.webview_url:
            return "redirect_uri 域名与后台配置不一致 (10003)"
        return None


CALLS: Calls = {("GET", "/sns/oauth2/access_token"): _oauth_token}
