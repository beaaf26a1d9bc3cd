"""Days and times as people type them, in Beijing time."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from bot.ports import BEIJING
from handlers.cli.common import Failure

HELP = "如 2026-11-30 或 2026-11-30 20:00，北京时间"


def moment(text: str, what: str, *, end: bool = False) -> datetime | None:
    """Read a day or a minute; None for nothing. A day alone is its beginning, or with ``end`` the whole of it."""
    text = text.strip()
    if not text:
        return None
    for pattern in ("%Y-%m-%d", "%Y-%m-%d %H:%M"):
        try:
            read = datetime.strptime(text, pattern).replace(tzinfo=BEIJING)
        except ValueError:
            continue
        return read + timedelta(days=1) if end and pattern == "%Y-%m-%d" else read
    raise Failure(f"{what} {text!r} 不是时间，应形如 2026-11-30 或 2026-11-30 20:00")


def typed_end(at: datetime | None) -> str | None:
    """Write an end as ``moment`` reads it: the whole of a day as that day alone."""
    if at is None:
        return None
    local = at.astimezone(BEIJING)
    whole = local.time() == time()
    return f"{local - timedelta(days=1):%Y-%m-%d}" if whole else f"{local:%Y-%m-%d %H:%M}"
