"""How many customer-service messages a follower may still be sent, and until when. Pure; times are unix seconds."""

from dataclasses import dataclass, field

MESSAGE = "message"  # the follower wrote: 5 messages in 48 hours
TAP = "tap"  # the follower clicked a menu or message-menu item, followed or scanned: 3 messages in a minute

_RULES = {MESSAGE: (48 * 3600, 5), TAP: (60, 3)}  # seconds open, messages allowed

CLOSED = 45015
USED_UP = 45047


@dataclass
class _Window:
    opened: float
    used: int = 0


@dataclass
class Quota:
    """The open windows of one follower. A new event of a kind opens that kind's window afresh."""

    _windows: dict[str, _Window] = field(default_factory=dict)

    def open(self, kind: str, at: float) -> None:
        """Open (or open again, with its full allowance) the window that `kind` grants."""
        self._windows[kind] = _Window(at)

    def close(self) -> None:
        """Close every window: the follower has left."""
        self._windows.clear()

    def left(self, at: float) -> int:
        """Return how many messages may still be sent at `at`."""
        return sum(_RULES[kind][1] - window.used for kind, window in self._open(at))

    def spend(self, at: float) -> int:
        """Use one message, the shortest window first. Returns 0, or the errcode of the refusal."""
        windows = self._open(at)
        if not windows:
            return CLOSED
        for kind, window in sorted(windows, key=lambda each: _RULES[each[0]][0]):
            if window.used < _RULES[kind][1]:
                window.used += 1
                return 0
        return USED_UP

    def _open(self, at: float) -> list[tuple[str, _Window]]:
        return [(kind, each) for kind, each in self._windows.items() if at - each.opened < _RULES[kind][0]]
