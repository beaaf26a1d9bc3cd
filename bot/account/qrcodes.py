"""QR codes of the account, by scene. What a scene leads to is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.account.notifier import Caller
from bot.errors import AccountUnknown

LONGEST_SECONDS = 2_592_000  # thirty days


@dataclass(frozen=True, slots=True)
class QrCode:
    """A code that WeChat made: ``url`` is what the picture says; ``seconds`` of life, 0 for ever."""

    ticket: str
    url: str
    seconds: int


async def create(account: Caller, scene: str, seconds: int) -> QrCode:
    """Make the code of a scene (1 to 64 characters); 0 ``seconds`` makes it permanent, of which 100,000 may be."""
    asked: dict[str, Any] = {"action_info": {"scene": {"scene_str": scene}}}
    if seconds:
        asked |= {"action_name": "QR_STR_SCENE", "expire_seconds": seconds}
    else:
        asked |= {"action_name": "QR_LIMIT_STR_SCENE"}
    answer = await account.call("/cgi-bin/qrcode/create", asked)
    ticket, url = answer.get("ticket"), answer.get("url")
    if not isinstance(ticket, str) or not ticket or not isinstance(url, str) or not url:
        raise AccountUnknown("an answer without ticket or url")
    lives = answer.get("expire_seconds", seconds)
    return QrCode(ticket, url, int(lives) if seconds and isinstance(lives, int) else 0)
