"""What messages to many the account has sent, and who got how many. The rules are mass.py."""

import datetime as dt
from dataclasses import dataclass, field

_BEIJING = dt.timezone(dt.timedelta(hours=8))


def day(at: float) -> str:
    """Return the day in Beijing, as 2026-11-24."""
    return dt.datetime.fromtimestamp(at, _BEIJING).date().isoformat()


@dataclass
class Message:
    """One message to many. ``status``: SENDING, SEND_SUCCESS or SEND_FAIL."""

    msg_id: int
    client_id: str
    at: float
    status: str = "SENDING"


@dataclass
class MassBook:
    """All that were sent, and how many each follower got in which month."""

    messages: list[Message] = field(default_factory=list)
    previews: list[float] = field(default_factory=list)
    received: dict[tuple[str, str], int] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything."""
        self.messages.clear()
        self.previews.clear()
        self.received.clear()

    def today(self, now: float) -> int:
        """Return how many calls were made today."""
        return sum(day(each.at) == day(now) for each in self.messages)
