"""The operator's texts as they are in force: frozen, read from one file, asked by the front desk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.texts.hours import Hours
from bot.texts.markup import Template
from bot.texts.patterns import LONGEST_SAID, Budget, Pattern
from recsys.search.fold import fold

MARKS = " ,，、。.！!？?~～…;；:：()（）[]【】「」“”\"'"
KINDS = {"exact": "一模一样", "contains": "包含", "regex": "正则"}


def folded(text: str) -> str:
    """Return a text as keywords are compared: width, case and Traditional characters make no difference."""
    return fold(text).strip(MARKS)


@dataclass(frozen=True, slots=True)
class Said:
    """A message, made ready to be compared. ``forms`` are what it is as a command, politeness taken off."""

    text: str
    folded: str
    forms: tuple[str, ...]

    @classmethod
    def of(cls, text: str, commands: Sequence[str] = ()) -> Said:
        """Fold a message once for all rules."""
        text = text[:LONGEST_SAID]
        return cls(text, fold(text), tuple(dict.fromkeys((folded(text), *commands))))


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that fits, and by what: the kind and the keyword as the file has it."""

    rule: Rule
    kind: str
    keyword: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Keywords and their answer. ``exact`` and ``contains`` map what is compared to what the file says.

    ``commands`` says that it may take the bot's own commands away from the follower.
    """

    number: int
    name: str
    line: int
    answer: str
    exact: Mapping[str, str] = field(default_factory=dict)
    contains: Mapping[str, str] = field(default_factory=dict)
    regex: tuple[Pattern, ...] = ()
    commands: bool = False

    @property
    def title(self) -> str:
        """How people call it."""
        return f"规则 {self.number}「{self.name}」"

    def keywords(self) -> Iterator[tuple[str, str]]:
        """Yield every keyword with its kind, as the file has them."""
        yield from (("exact", each) for each in self.exact.values())
        yield from (("contains", each) for each in self.contains.values())
        yield from (("regex", each.source) for each in self.regex)

    def hit(self, said: Said, budget: Budget | None = None) -> Hit | None:
        """Return how this rule fits a message; None when it does not."""
        for form in said.forms:
            if form in self.exact:
                return Hit(self, "exact", self.exact[form])
        for part, keyword in self.contains.items():
            if part in said.folded:
                return Hit(self, "contains", keyword)
        budget = budget or Budget()
        for pattern in self.regex:
            if any(pattern.found(text, budget) for text in dict.fromkeys((said.text, said.folded))):
                return Hit(self, "regex", pattern.source)
        return None


@dataclass(frozen=True, slots=True)
class Book:
    """Everything the file says. An empty one changes nothing."""

    words: Mapping[str, Template] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    hours: Hours | None = None
    source: str = field(default="", repr=False)

    def match(self, said: Said, *, command: bool = False) -> Hit | None:
        """Return the first rule, in the order of the file, that answers a message.

        ``command`` says that the message is a command of the bot's own: only rules that ask for it take those.
        """
        budget = Budget()
        asked = (rule for rule in self.rules if rule.commands or not command)
        return next((hit for rule in asked if (hit := rule.hit(said, budget)) is not None), None)

    def counts(self) -> str:
        """Say in a few words what the file changes."""
        hours = f"人工时间 {self.hours.told}" if self.hours else "人工时间没有限制"
        return f"改了 {len(self.words)} 段文字，{len(self.rules)} 条规则，{hours}"
