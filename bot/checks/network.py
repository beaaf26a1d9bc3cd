"""WeChat's own test of the way to our server: it resolves the address of its console and pings what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bot.checks.finding import Finding
from bot.errors import AccountError

PATH = "/cgi-bin/callback/check"
ASKED = {"action": "all", "check_operator": "DEFAULT"}
LOST = "100%"


class Caller(Protocol):
    """Whatever makes calls with the account's token."""

    async def call(
        self, path: str, payload: Mapping[str, Any] | None = None, *, harmless: bool = False
    ) -> Mapping[str, Any]:
        """Post ``payload`` and return the answer."""
        ...


async def network(account: Caller) -> list[Finding]:
    """Ask WeChat to look for the server whose address its console holds."""
    try:
        answer = await account.call(PATH, ASKED, harmless=True)
    except AccountError as error:
        return [Finding("network", False, f"微信没有做网络检测：{error.errcode} {error.errmsg}", error.advice)]
    return [judged(answer)]


def judged(answer: Mapping[str, Any]) -> Finding:
    """Judge the answer. A server that never answers a ping is no fault: many firewalls drop pings."""
    found = [str(each["ip"]) for each in _rows(answer, "dns") if each.get("ip")]
    if not found:
        advice = "到域名服务商核对这个域名的 A 记录，再核对「设置与开发 → 基本配置」里的服务器地址有没有写错"
        return Finding("network", False, "微信解析不了后台里服务器地址的域名", advice)
    pings = _rows(answer, "ping")
    silent = [str(each.get("ip")) for each in pings if each.get("package_loss") == LOST]
    told = f"微信把服务器地址解析成 {'、'.join(found)}"
    if silent and len(silent) < len(pings):
        advice = "如果那里已经没有服务器，就从域名解析里删掉这个地址；有的话检查它的网络和防火墙"
        return Finding("network", False, f"{told}，其中 {'、'.join(silent)} 没有回应", advice)
    if silent:
        told += "，但 ping 不通；防火墙禁了 ping 就不用管，否则检查网络和安全组"
        return Finding("network", None, told)
    return Finding("network", True, f"{told}，能连通")


def _rows(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = answer.get(name)
    return [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []
