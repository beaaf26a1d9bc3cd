"""api.weixin.qq.com and open.weixin.qq.com: tokens, messages, menus, users and OAuth.

Errors come as HTTP 200 with an errcode and a rid, as the real ones do. WeChat Pay is mch.py.
"""

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from bot.simulator import mass
from bot.simulator.http import ApiHandler, HostHandler, utf8_json
from bot.simulator.messages import Repeated, Value
from bot.simulator.notes import Sort, take_consent
from bot.simulator.people import Follower, Received
from bot.simulator.phone import FOLLOWER_COOKIE
from bot.simulator.qrcodes import picture
from bot.simulator.selfcheck import call_quota, callback_check
from bot.simulator.sending import Refusal, read_message, refuse_escapes
from bot.simulator.stage import OAuthCode, Stage

Answer = dict[str, Any]

_TOKEN_SECONDS = 7200
_RENEW_BEFORE = 300
_FORCE_GAP, _FORCE_A_DAY = 30, 20
_CODE_SECONDS = 300
_SHOW = "/cgi-bin/showqrcode"
_TYPING_SECONDS = 30
_DAY = 86400
_AUTHORIZE = re.compile(
    r"appid=(?P<appid>[^&]*)&redirect_uri=(?P<redirect>[^&]*)&response_type=code&scope=(?P<scope>[^&]*)"
    r"&state=(?P<state>[^&]*)"
)


class Request:
    """One API call: its query and its body, parsed on demand."""

    def __init__(self, query: Mapping[str, str], raw: bytes) -> None:
        self.query = query
        self.raw = raw

    def need(self, name: str, errcode: int) -> str:
        """Return a query parameter, or refuse with `errcode`."""
        if value := self.query.get(name):
            return value
        raise Refusal(errcode, f"{name} missing")

    def json(self) -> dict[str, Any]:
        r"""Return the JSON object in the body. Refuses \uXXXX escapes and anything else."""
        refuse_escapes(self.raw)
        try:
            parsed = json.loads(self.raw.decode())
        except ValueError:
            raise Refusal(47001, "data format error") from None
        if not isinstance(parsed, dict):
            raise Refusal(47001, "data format error")
        return parsed


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
            _check_token(self.stage, request)
        if self._take("api_busy"):
            raise Refusal(-1, "system error")
        if self._take("api_quota"):
            raise Refusal(45009, "reach max api daily quota limit")
        return call(self.stage, request)


# ---- tokens ----


def _check_token(stage: Stage, request: Request) -> None:
    token = request.need("access_token", 41001)
    if stage.faults.take("bad_token"):
        stage.tokens.pop(token, None)
        stage.stable_token = "" if token == stage.stable_token else stage.stable_token
    expires = stage.tokens.get(token)
    if expires is None:
        raise Refusal(40001, "invalid credential, access_token is invalid or not latest,")
    if stage.now() >= expires:
        raise Refusal(42001, "access_token expired")


def _check_app(stage: Stage, app_id: Any, secret: Any, grant: Any, expected_grant: str) -> None:
    if grant != expected_grant:
        raise Refusal(40002, "invalid grant_type")
    if not app_id:
        raise Refusal(41002, "appid missing")
    if app_id != stage.settings.app_id:
        raise Refusal(40013, "invalid appid")
    if not secret:
        raise Refusal(41004, "appsecret missing")
    if secret != stage.settings.app_secret:
        raise Refusal(40125, "invalid appsecret")


def _check_address(stage: Stage) -> None:
    if address := stage.faults.ip_refused:
        raise Refusal(40164, f"invalid ip {address} ipv6 ::ffff:{address}, not in whitelist")


def _new_token(stage: Stage, prefix: str) -> str:
    token = prefix + "_" + secrets.token_urlsafe(96)
    stage.tokens[token] = stage.now() + _TOKEN_SECONDS
    return token


def _token(stage: Stage, request: Request) -> Answer:
    """Give a new token and kill the former; the stable one is apart."""
    query = request.query
    _check_app(stage, query.get("appid"), query.get("secret"), query.get("grant_type"), "client_credential")
    _check_address(stage)
    for token in [each for each in stage.tokens if each.startswith("86_")]:
        del stage.tokens[token]
    return {"access_token": _new_token(stage, "86"), "expires_in": _TOKEN_SECONDS}


def _stable_token(stage: Stage, request: Request) -> Answer:
    """Give the same token until five minutes before its end, unless it is forced to change."""
    body, now = request.json(), stage.now()
    _check_app(stage, body.get("appid"), body.get("secret"), body.get("grant_type"), "client_credential")
    _check_address(stage)
    if body.get("force_refresh"):
        _check_force(stage, now)
        stage.tokens.pop(stage.stable_token, None)
    if stage.tokens.get(stage.stable_token, 0) - now <= _RENEW_BEFORE:
        stage.stable_token = _new_token(stage, "99")
    return {
        "access_token": stage.stable_token,
        "expires_in": int(stage.tokens[stage.stable_token] - now),
    }


def _check_force(stage: Stage, now: float) -> None:
    today = [at for at in stage.forced_at if now - at < _DAY]
    if today and now - today[-1] < _FORCE_GAP:
        raise Refusal(45011, "api minute-quota reach limit, must slower, retry next minute")
    if len(today) >= _FORCE_A_DAY:
        raise Refusal(45009, "reach max api daily quota limit")
    stage.forced_at = [*today, now]


# ---- messages ----


def _follower(stage: Stage, openid: Any) -> Follower:
    follower = stage.people.get(openid) if isinstance(openid, str) else None
    if follower is None:
        raise Refusal(40003, "invalid openid")
    return follower


def _custom_send(stage: Stage, request: Request) -> Answer:
    body = request.json()
    if stage.faults.take("send_busy"):
        raise Refusal(-1, "system error")
    if stage.faults.message_errcode:
        raise Refusal(stage.faults.message_errcode, "refused")
    follower = _follower(stage, body.get("touser"))
    received = read_message(body, stage.now())
    if not follower.subscribed:
        raise Refusal(45015, "response out of time limit or subscription is canceled")
    if errcode := follower.quota.spend(stage.now()):
        told = {
            45015: "response out of time limit or subscription is canceled",
            45047: "out of response count limit",
        }
        raise Refusal(errcode, told[errcode])
    follower.see(received)
    return _ok()


def _template_send(stage: Stage, request: Request) -> Answer:
    body = request.json()
    follower, received = _read_notice(stage, body, "template")
    if not follower.subscribed:
        raise Refusal(43004, "require subscribe")
    if number := stage.notes.remembered(follower.openid, body.get("client_msg_id"), stage.now()):
        return _ok() | {"msgid": number}
    number = secrets.randbelow(10**18)
    if body.get("client_msg_id"):
        stage.notes.sent[follower.openid, body["client_msg_id"]] = (stage.now(), number)
    status = stage.faults.template_result
    if status == "success":
        follower.see(received)
    stage.background(stage.push(follower, "TEMPLATESENDJOBFINISH", {"MsgID": number, "Status": status}))
    return _ok() | {"msgid": number}


def _subscribe_send(stage: Stage, request: Request) -> Answer:
    """Send a 订阅通知: to the chat of a follower, to 服务通知 of anybody else who allowed it."""
    body = request.json()
    follower, received = _read_notice(stage, body, "subscribe")
    take_consent(follower, body["template_id"])
    code = stage.faults.subscribe_result
    if not code:
        follower.see(received)
    part: dict[str, Value] = {"TemplateId": body["template_id"], "MsgID": str(secrets.randbelow(10**18))}
    part |= {"ErrorCode": code, "ErrorStatus": "failed" if code else "success"}
    fields: dict[str, Value] = {"SubscribeMsgSentEvent": {"List": Repeated([part])}}
    stage.background(stage.push(follower, "subscribe_msg_sent_event", fields))
    return _ok()


def _read_notice(stage: Stage, body: dict[str, Any], sort: Sort) -> tuple[Follower, Received]:
    if stage.faults.take("template_busy"):
        raise Refusal(-1, "system error")
    if stage.faults.template_errcode:
        raise Refusal(stage.faults.template_errcode, "refused")
    return _follower(stage, body.get("touser")), stage.notes.read(body, sort, stage.now())


def _qrcode_create(stage: Stage, request: Request) -> Answer:
    return stage.qrcodes.create(request.json(), stage.now())


def _typing(stage: Stage, request: Request) -> Answer:
    body = request.json()
    follower = _follower(stage, body.get("touser"))
    command = body.get("command")
    if command not in {"Typing", "CancelTyping"}:
        raise Refusal(45072, "command field must be either of: 'Typing', 'CancelTyping'")
    if stage.now() - follower.last_sent > _TYPING_SECONDS:
        raise Refusal(45080, "cannot send typing: no message from this user in the last 30 seconds")
    if command == "Typing" and follower.typing:
        raise Refusal(45081, "already typing")
    follower.typing = command == "Typing"
    follower.bell.ring()
    return _ok()


# ---- users, addresses, menus ----


def _user_info(stage: Stage, request: Request) -> Answer:
    follower = _follower(stage, request.need("openid", 41009))
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


def _menu_create(stage: Stage, request: Request) -> Answer:
    stage.menus.create(request.json(), stage.now())
    stage.ring()
    return _ok()


def _menu_delete(stage: Stage, _request: Request) -> Answer:
    stage.menus.delete(stage.now())
    stage.ring()
    return _ok()


def _menu_add(stage: Stage, request: Request) -> Answer:
    added = stage.menus.add_conditional(request.json(), stage.now())
    stage.ring()
    return added


def _menu_drop(stage: Stage, request: Request) -> Answer:
    stage.menus.delete_conditional(request.json(), stage.now())
    stage.ring()
    return _ok()


def _menu_try(stage: Stage, request: Request) -> Answer:
    follower = stage.people.get(str(request.json().get("user_id", "")))
    return stage.menus.try_match(follower if follower and follower.subscribed else None, stage.now())


def _ticket(stage: Stage, request: Request) -> Answer:
    """Give the JS-SDK ticket: the same one until its end."""
    if request.query.get("type") != "jsapi":
        raise Refusal(40097, "invalid args")
    if stage.ticket[1] <= stage.now():
        stage.ticket = ("ticket_" + secrets.token_urlsafe(48), stage.now() + _TOKEN_SECONDS)
    return _ok() | {"ticket": stage.ticket[0], "expires_in": int(stage.ticket[1] - stage.now())}


# ---- tags ----


def _tags_get(stage: Stage, _request: Request) -> Answer:
    return {"tags": stage.tags.listed()}


def _tags_create(stage: Stage, request: Request) -> Answer:
    return {"tag": stage.tags.create(request.json().get("tag"))}


def _tags_update(stage: Stage, request: Request) -> Answer:
    stage.tags.rename(request.json().get("tag"))
    return _ok()


def _tags_delete(stage: Stage, request: Request) -> Answer:
    stage.tags.delete(request.json().get("tag"))
    return _ok()


def _tag_members(stage: Stage, request: Request) -> Answer:
    body = request.json()
    return stage.tags.page(body.get("tagid"), body.get("next_openid"))


def _batchtagging(stage: Stage, request: Request) -> Answer:
    body = request.json()
    stage.tags.tag(body.get("tagid"), body.get("openid_list"), stage.people)
    return _ok()


def _batchuntagging(stage: Stage, request: Request) -> Answer:
    body = request.json()
    stage.tags.untag(body.get("tagid"), body.get("openid_list"), stage.people)
    return _ok()


def _tags_of(stage: Stage, request: Request) -> Answer:
    return {"tagid_list": stage.tags.of(_follower(stage, request.json().get("openid")).openid)}


# ---- OAuth ----


def _oauth_token(stage: Stage, request: Request) -> Answer:
    query = request.query
    _check_app(stage, query.get("appid"), query.get("secret"), query.get("grant_type"), "authorization_code")
    code = stage.codes.get(request.need("code", 41008))
    if code is None or stage.now() - code.issued >= _CODE_SECONDS:
        raise Refusal(40029, "invalid code,")
    if code.used:
        raise Refusal(40163, "code been used,")
    code.used = True
    told = {
        "access_token": secrets.token_urlsafe(48),
        "expires_in": _TOKEN_SECONDS,
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


def _ok() -> Answer:
    return {"errcode": 0, "errmsg": "ok"}


_CALLS: dict[tuple[str, str], Callable[[Stage, Request], Answer]] = {
    ("GET", "/cgi-bin/token"): _token,
    ("POST", "/cgi-bin/stable_token"): _stable_token,
    ("POST", "/cgi-bin/message/custom/send"): _custom_send,
    ("POST", "/cgi-bin/message/custom/typing"): _typing,
    ("POST", "/cgi-bin/message/template/send"): _template_send,
    ("POST", "/cgi-bin/message/subscribe/bizsend"): _subscribe_send,
    ("POST", "/cgi-bin/qrcode/create"): _qrcode_create,
    ("GET", "/cgi-bin/user/info"): _user_info,
    ("GET", "/cgi-bin/getcallbackip"): _callback_ips,
    ("POST", "/cgi-bin/callback/check"): lambda stage, request: callback_check(stage, request.json()),
    ("POST", "/cgi-bin/openapi/quota/get"): _call_quota,
    ("POST", "/cgi-bin/menu/create"): _menu_create,
    ("GET", "/cgi-bin/menu/get"): lambda stage, _: stage.menus.get(stage.now()),
    ("GET", "/cgi-bin/menu/delete"): _menu_delete,
    ("POST", "/cgi-bin/menu/addconditional"): _menu_add,
    ("POST", "/cgi-bin/menu/delconditional"): _menu_drop,
    ("POST", "/cgi-bin/menu/trymatch"): _menu_try,
    ("GET", "/cgi-bin/get_current_selfmenu_info"): lambda stage, _: stage.menus.self_menu(),
    ("GET", "/cgi-bin/ticket/getticket"): _ticket,
    ("GET", "/cgi-bin/tags/get"): _tags_get,
    ("POST", "/cgi-bin/tags/create"): _tags_create,
    ("POST", "/cgi-bin/tags/update"): _tags_update,
    ("POST", "/cgi-bin/tags/delete"): _tags_delete,
    ("POST", "/cgi-bin/user/tag/get"): _tag_members,
    ("POST", "/cgi-bin/tags/members/batchtagging"): _batchtagging,
    ("POST", "/cgi-bin/tags/members/batchuntagging"): _batchuntagging,
    ("POST", "/cgi-bin/tags/getidlist"): _tags_of,
    ("POST", "/cgi-bin/message/mass/send"): lambda stage, request: mass.send(stage, request.json()),
    ("POST", "/cgi-bin/message/mass/sendall"): lambda stage, request: mass.send_all(stage, request.json()),
    ("POST", "/cgi-bin/message/mass/preview"): lambda stage, request: mass.preview(stage, request.json()),
    ("POST", "/cgi-bin/message/mass/get"): lambda stage, request: mass.status(stage, request.json()),
    ("GET", "/sns/oauth2/access_token"): _oauth_token,
}
_WITHOUT_TOKEN = {"/cgi-bin/token", "/cgi-bin/stable_token", "/sns/oauth2/access_token"}
