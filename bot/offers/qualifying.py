"""Who a coupon is for: everybody, followers who have bought nothing yet, or those whom a tag rule names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot import audience
from bot.audience import Wanted
from bot.errors import NotFound
from bot.mailing import Traits
from bot.store import Tx
from bot.suggestions import Suggestions
from bot.tagging import Rule

NEW = "new"


class Qualifying:
    """Reads the rules of ``[tags]`` for one follower, inside a transaction; WeChat is not asked."""

    def __init__(self, rules: Sequence[Rule], suggestions: Suggestions) -> None:
        self._rules = tuple(rules)
        self._suggestions = suggestions

    def belongs(self, tx: Tx, openid: str, name: str, now: datetime) -> bool:
        """Tell whether a follower is of the audience; as with tags, no rule chooses who is not personalised."""
        if not name:
            return True
        if name == NEW:
            return not tx.coupons.bought_before(openid)
        traits = tx.audience.one(openid)
        if traits is None or not traits.personalised:
            return False
        return any(self._matches(tx, rule, traits, now) for rule in self._rules if rule.name == name)

    def _matches(self, tx: Tx, rule: Rule, traits: Traits, now: datetime) -> bool:
        match rule.kind:
            case "bought":
                return any(self._is_of(tx, course_id, rule.value) for course_id in traits.owned)
            case "interest":
                try:
                    words = audience.words_of(self._suggestions, rule.value)
                except NotFound:
                    return False
                return audience.meets(traits, Wanted(interests=(words,)), self._suggestions, now)
            case _:
                return traits.channel == rule.value

    @staticmethod
    def _is_of(tx: Tx, course_id: str, name: str) -> bool:
        course = tx.courses.get(course_id)
        return course is not None and name in (course.course_id, course.category, *course.tags)
