"""一次性订阅消息: the page of mp.weixin.qq.com that asks for consent, and the call that uses it up."""

import re
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

from bot.simulator.http import HostHandler
from bot.simulator.people import Follower, Received
from bot.simulator.phone import FOLLOWER_COOKIE
from bot.simulator.requests import Answer, Calls, Request, follower_of, ok
from bot.simulator.sending import Refusal
from bot.simulator.stage import Stage

_TITLE, _TEXT, _MOST_SCENE = 15, 200, 10_000
_PAGE = """<!doctype html><html lang=zh><meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1"><title>微信</title>
<style>body{{font:16px sans-serif;text-align:center;padding:15vh 24px}}
a{{display:block;margin:16px auto;padding:12px;max-width:220px;border-radius:8px;text-decoration:none;
background:#07c160;color:#fff}} a+a{{background:#eee;color:#333}}</style>
<p>{account} 申请给你发送一条消息</p>
<a id=allow href="{allow}">同意</a><a id=cancel href="{cancel}">取消</a></html>"""


class ConsentHandler(HostHandler):
    """mp.weixin.qq.com/mp/subscribemsg: knows the follower by the web view's cookie."""

    def get(self) -> None:
        """Ask; with an answer, note it and lead back to the shop."""
        stage, follower = self.stage, self.stage.people.get(self.get_cookie(FOLLOWER_COOKIE) or "")
        problem = "请在微信客户端打开链接" if follower is None else self._problem()
        if problem or follower is None:
            page = f"<!doctype html><html lang=zh><title>微信</title><p>{escape(problem)}</p></html>"
            self.answer(400, page, "text/html; charset=utf-8")
        elif said := self.get_query_argument("answer", ""):
            self._lead_back(follower, agreed=said == "confirm")
        else:
            links = {said: f"?{self.request.query}&answer={word}" for said, word in _ANSWERS.items()}
            told = {"account": stage.settings.account_name, **links}
            page = _PAGE.format(**{name: escape(value) for name, value in told.items()})
            self.answer(200, page, "text/html; charset=utf-8")

    def _lead_back(self, follower: Follower, *, agreed: bool) -> None:
        template_id, scene = self.get_query_argument("template_id"), self.get_query_argument("scene")
        if agreed:
            follower.once.add((template_id, scene))
        told = {"template_id": template_id, "action": "confirm" if agreed else "cancel", "scene": scene}
        told |= {"openid": follower.openid} if agreed else {}
        told |= {"reserved": self.get_query_argument("reserved", "")}
        target = self.get_query_argument("redirect_url")
        self.set_header("Location", target + ("&" if urlsplit(target).query else "?") + urlencode(told))
        self.answer(302)

    def _problem(self) -> str:
        stage = self.stage
        asked = {name: self.get_query_argument(name, "") for name in _NEEDED}
        template = stage.notes.templates.get(asked["template_id"])
        target = urlsplit(asked["redirect_url"])
        if asked["action"] != "get_confirm" or asked["appid"] != stage.settings.app_id:
            return "链接参数有误"
        if not re.fullmatch(r"\d{1,5}", asked["scene"]) or int(asked["scene"]) > _MOST_SCENE:
            return "scene 参数错误"
        if template is None or template.sort != "once":
            return "template_id 参数错误"
        if f"{target.scheme}://{target.netloc}" != stage.webview_url:
            return "redirect_url 域名与业务域名不一致"
        if not re.fullmatch(r"[0-9A-Za-z]{0,128}", self.get_query_argument("reserved", "")):
            return "reserved 参数错误"
        return ""


_ANSWERS = {"allow": "confirm", "cancel": "cancel"}
_NEEDED = ("action", "appid", "scene", "template_id", "redirect_url")


def _send(stage: Stage, request: Request) -> Answer:
    """Send the one message that was agreed to: to the chat of a follower, to 服务通知 of anybody else."""
    body = request.json()
    if stage.faults.take("template_busy"):
        raise Refusal(-1, "system error")
    follower = follower_of(stage, body.get("touser"))
    template = stage.notes.templates.get(str(body.get("template_id", "")))
    if template is None or template.sort != "once":
        raise Refusal(40037, "invalid template_id")
    title, text = body.get("title"), _content(body)
    if not isinstance(title, str) or not 1 <= len(title) <= _TITLE or not 1 <= len(text) <= _TEXT:
        raise Refusal(47003, "argument invalid! title or content")
    consent = (template.template_id, str(body.get("scene", "")))
    if consent not in follower.once:
        raise Refusal(43101, "user refuse to accept the msg")
    follower.once.remove(consent)
    url = body.get("url", "")
    links = (("查看详情", url),) if isinstance(url, str) and url else ()
    follower.see(Received("template", f"{title}\n{text}", links, via="once", at=stage.now()))
    return ok()


def _content(body: dict[str, Any]) -> str:
    data = body.get("data")
    content = data.get("content") if isinstance(data, dict) else None
    value = content.get("value") if isinstance(content, dict) else None
    return value if isinstance(value, str) else ""


CALLS: Calls = {("POST", "/cgi-bin/message/template/subscribe"): _send}
