"""What one process counts while it works: plain numbers, never a name. What the database can tell is not kept here.

Only the event loop's thread may count. How the numbers are shown is the web's business.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

MOST_NAMES = 100  # of events; any more share one
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 4.3, 5.0)


@dataclass(slots=True)
class Timings:
    """How long things took: ``counts[i]`` of them no longer than ``BOUNDS[i]`` seconds, the last one longer."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


@dataclass(slots=True)
class Counters:
    """Everything since the start of this process."""

    started_at: datetime
    messages: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, outcome)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)  # (name, handled | counted)
    handling: Timings = field(default_factory=Timings)
    late_replies: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    job_failures: Counter[str] = field(default_factory=Counter)
    job_done_at: dict[str, datetime] = field(default_factory=dict)

    def count_event(self, name: str, *, known: bool) -> None:
        """Count an event of the platform by its name, whether or not anybody does something about it."""
        label = name if re.fullmatch(r"[a-z0-9_]{1,64}", name) else "other"
        key = (label, "handled" if known else "counted")
        self.events[key if key in self.events or len(self.events) < MOST_NAMES else ("other", "counted")] += 1
