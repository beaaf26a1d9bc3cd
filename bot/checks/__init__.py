"""What ``doctor`` looks at: one finding a question, each with a cure. Nothing here changes anything."""

from bot.checks.finding import Finding, Limit
from bot.checks.round import look_over

__all__ = ["Finding", "Limit", "look_over"]
