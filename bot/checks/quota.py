"""How many calls WeChat still allows today, for each call that the shop lives on."""

from __future__ import annotations

from dataclasses import dataclass

from bot.checks.finding import Finding
from bot.checks.network import Caller
from bot.config import Config
from bot.errors import AccountError

PATH = "/cgi-bin/openapi/quota/get"
LEAST_SHARE = 0.1
ADVICE = "看看是否有别的程序用同一个 AppID 在反复调用；零点恢复，急用时用微信的 clear_quota 接口清零（每月 10 次）"


@dataclass(frozen=True, slots=True)
class Left:
    """What one call has left today; ``limit`` is 0 when WeChat names none."""

    name: str
    remain: int
    limit: int

    @property
    def short(self) -> bool:
        """Whether it may run out before the day does."""
        return self.limit > 0 and self.remain < self.limit * LEAST_SHARE

    def __str__(self) -> str:
        return f"{self.name} {self.remain}/{self.limit}"


def asked(config: Config) -> dict[str, str]:
    """Return the calls to ask about, and what each is called."""
    named = {"/cgi-bin/message/custom/send": "客服消息"}
    if config.forms.template:
        named["/cgi-bin/message/template/send"] = "模板消息"
    if config.forms.subscribe:
        named["/cgi-bin/message/subscribe/bizsend"] = "订阅通知"
    if config.menu:
        named["/cgi-bin/menu/create"] = "推送菜单"
    return named


async def quota(account: Caller, config: Config) -> list[Finding]:
    """Ask what is left of today."""
    try:
        found = [await _left(account, path, name) for path, name in asked(config).items()]
    except AccountError as error:
        told = f"问不到今天剩余的接口次数：{error.errcode} {error.errmsg}"
        return [Finding("quota", False, told, error.advice)]
    return [judged([left for left in found if left is not None and left.limit])]


async def _left(account: Caller, path: str, name: str) -> Left | None:
    answer = (await account.call(PATH, {"cgi_path": path}, harmless=True)).get("quota")
    try:
        return Left(name, int(answer["remain"]), int(answer["daily_limit"]))  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        return None


def judged(found: list[Left]) -> Finding:
    """Judge what is left."""
    if not found:
        return Finding("quota", None, "微信没有说今天还剩多少次")
    if short := [left for left in found if left.short]:
        return Finding("quota", False, f"今天的次数快用完了：{'、'.join(map(str, short))}", ADVICE)
    return Finding("quota", True, f"今天还剩 {'、'.join(map(str, found))}")
