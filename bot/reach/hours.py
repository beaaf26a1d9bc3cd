"""Quiet hours, in Beijing time, whatever the machine's zone. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from bot.ports import BEIJING

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``begins`` to ``ends``, over midnight if need be; none at all when they are equal."""

    begins: time = time(0)
    ends: time = time(0)

    @classmethod
    def read(cls, text: str) -> QuietHours:
        """Read "21:30-08:30"; empty for none. ``ValueError`` for anything else."""
        if not text:
            return cls()
        found = _SPAN.fullmatch(text)
        if found is None or found[1] + found[2] == found[3] + found[4]:
            raise ValueError('应形如 "21:30-08:30"，空着就是没有')
        hours = [int(part) for part in found.groups()]
        return cls(time(hours[0], hours[1]), time(hours[2], hours[3]))

    def next_open(self, at: datetime) -> datetime:
        """Return the first moment from ``at`` on at which people may be disturbed."""
        here = at.astimezone(BEIJING)
        if not self._quiet(here.time()):
            return at
        morning = here.replace(hour=self.ends.hour, minute=self.ends.minute, second=0, microsecond=0)
        return (morning if morning > here else morning + timedelta(days=1)).astimezone(at.tzinfo)

    def _quiet(self, clock: time) -> bool:
        if self.begins <= self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends
