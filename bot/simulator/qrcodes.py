"""QR codes of the account: what qrcode/create refuses, and what a scan of each code means."""

import io
import secrets
from dataclasses import dataclass
from typing import Any

import segno

from bot.simulator.sending import Refusal

_LONGEST = 2_592_000
_SHORT = 60  # what WeChat gives where no expire_seconds is asked for
_MOST_PERMANENT = 100_000
_MOST_LIMIT_ID = 100_000
_LONGEST_SCENE = 64
_ACTIONS = {"QR_SCENE": "scene_id", "QR_STR_SCENE": "scene_str", "QR_LIMIT_SCENE": "scene_id"}
_ACTIONS["QR_LIMIT_STR_SCENE"] = "scene_str"


@dataclass(frozen=True)
class Code:
    """One code. ``ends`` is 0 for a permanent one."""

    ticket: str
    scene: str
    url: str
    ends: float


class Codes:
    """Every code of the account."""

    def __init__(self) -> None:
        self._codes: dict[str, Code] = {}

    def clear(self) -> None:
        """Forget all codes."""
        self._codes.clear()

    def create(self, body: dict[str, Any], now: float) -> dict[str, Any]:
        """Make a code, or find the permanent one of that scene; returns the API's answer. Raises Refusal."""
        action = body.get("action_name")
        if action not in _ACTIONS:
            raise Refusal(40099, "invalid action_name")
        permanent = str(action).startswith("QR_LIMIT")
        scene = _scene(body.get("action_info"), _ACTIONS[str(action)], permanent=permanent)
        seconds = 0 if permanent else _seconds(body.get("expire_seconds", _SHORT))
        known = [each for each in self._codes.values() if permanent and not each.ends and each.scene == scene]
        if permanent and not known and sum(not each.ends for each in self._codes.values()) >= _MOST_PERMANENT:
            raise Refusal(45029, "qrcode count out of limit")
        url = "http://weixin.qq.com/q/" + secrets.token_urlsafe(16)
        code = known[0] if known else Code("gQ" + secrets.token_urlsafe(60), scene, url, now + seconds)
        if permanent and not known:
            code = Code(code.ticket, scene, url, 0.0)
        self._codes[code.ticket] = code
        answer = {"ticket": code.ticket, "url": code.url}
        return answer | ({} if permanent else {"expire_seconds": seconds})

    def find(self, text: str, now: float) -> Code | None:
        """Return the living code of a ticket, or of the address that its picture says."""
        for code in self._codes.values():
            if text in (code.ticket, code.url):
                return code if not code.ends or now < code.ends else None
        return None


def _scene(info: Any, name: str, *, permanent: bool) -> str:
    scene = info.get("scene") if isinstance(info, dict) else None
    value = scene.get(name) if isinstance(scene, dict) else None
    if name == "scene_str":
        if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_SCENE:
            raise Refusal(40053, "invalid action info")
        return value
    most = _MOST_LIMIT_ID if permanent else 2**32 - 1
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Refusal(40053, "invalid action info")
    return str(value)


def _seconds(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LONGEST:
        raise Refusal(40052, "invalid expire_seconds")
    return value


def picture(code: Code) -> bytes:
    """Draw a code."""
    drawn = io.BytesIO()
    segno.make(code.url, micro=False).save(drawn, kind="png", scale=8)
    return drawn.getvalue()
