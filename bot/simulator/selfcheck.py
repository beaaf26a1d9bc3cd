"""What the account's API tells a developer of his own account: the way to his server, and the calls left today."""

from collections.abc import Collection
from typing import Any

from bot.simulator.sending import Refusal
from bot.simulator.stage import Stage

_OPERATORS = {"DEFAULT", "CHINANET", "UNICOM", "CAP"}
_DAILY = {
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/template/send": 100_000,
    "/cgi-bin/message/subscribe/bizsend": 100_000,
    "/cgi-bin/menu/create": 1000,
}
_DAILY_ELSE = 100_000
_HERE, _GONE = "127.0.0.1", "203.0.113.9"


def callback_check(stage: Stage, body: dict[str, Any]) -> dict[str, Any]:
    """Resolve and ping the callback address, as the faults say. Raises Refusal."""
    if body.get("action") not in {"dns", "ping", "all"}:
        raise Refusal(40202, "invalid action")
    if body.get("check_operator") not in _OPERATORS:
        raise Refusal(40203, "invalid check_operator")
    mood = stage.faults.callback_check
    if mood == "unset":
        raise Refusal(40201, "invalid url")
    found = [] if mood == "unresolved" else [_HERE, _GONE] if mood == "half" else [_HERE]
    silent = {_HERE} if mood == "unreachable" else {_GONE}
    told = {
        "dns": [{"ip": ip, "real_operator": "UNICOM"} for ip in found],
        "ping": [_ping(ip, lost=ip in silent) for ip in found],
    }
    return {name: part for name, part in told.items() if body["action"] in {name, "all"}}


def _ping(ip: str, *, lost: bool) -> dict[str, str]:
    told = {"ip": ip, "from_operator": "UNICOM", "package_loss": "100%" if lost else "0%"}
    return told | {"time": "" if lost else "0.1ms"}


def call_quota(stage: Stage, body: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Tell what is left of today for one of the ``known`` paths; a day is as long as the stage. Raises Refusal."""
    path = body.get("cgi_path")
    if not isinstance(path, str) or not path.startswith("/"):
        raise Refusal(76003, "invalid cgi_path")
    if path.startswith("/sns/"):
        raise Refusal(76022, "could not use this cgi_path, no permission")
    if path not in known:
        raise Refusal(76021, "cgi_path not found, please check")
    limit = _DAILY.get(path, _DAILY_ELSE)
    used = min(limit, stage.faults.calls_used + sum(call.path == path for call in stage.calls))
    quota = {"daily_limit": limit, "used": used, "remain": limit - used}
    return {"errcode": 0, "errmsg": "ok", "quota": quota}
