"""Tags by rule: which followers carry which tag of the account, and bringing the account level with that.

A tag that a rule names belongs to the rules: whoever matches carries it, nobody else does. One that is there
already with other people in it is left alone until an operator has agreed to that once (``adopt``).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot import audience
from bot.account.tags import ABOUT_ONE_PERSON, MOST_AT_ONCE, MOST_TAGS, MOST_TAGS_EACH, TagCalls
from bot.audience import Wanted
from bot.config import TAG_RULE, TagsSettings
from bot.errors import AccountError, AccountUnknown, NotAllowed, NotFound
from bot.mailing import AccountTag, Traits
from bot.ports import Clock
from bot.store import Store
from bot.suggestions import Suggestions

log = logging.getLogger("zhike.tags")
FIRST_OWN_ID = 100  # smaller numbers are WeChat's own tags, such as 星标组
AFTER_FAILURE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who carries a tag: one kind of condition and its value. Rules of the same name are alternatives."""

    name: str
    kind: str
    value: str


def read_rules(values: Sequence[str]) -> list[Rule]:
    """Read checked settings."""
    found = [TAG_RULE.fullmatch(value) for value in values]
    return [Rule(each["name"].strip(), each["kind"], each["value"].strip()) for each in found if each]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to one tag. ``tag_id`` 0: it is yet to be made. ``foreign``: not ours yet, with people."""

    name: str
    tag_id: int
    renamed_from: str
    matching: int
    add: Sequence[str]
    remove: Sequence[str]
    foreign: bool

    @property
    def level(self) -> bool:
        """Whether nothing is to be done."""
        return bool(self.tag_id) and not (self.renamed_from or self.add or self.remove)

    @property
    def steps(self) -> int:
        """How many followers are to be given the tag or to lose it."""
        return len(self.add) + len(self.remove)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would bring the account level. ``over``: followers who match more than twenty tags.

    ``orphans`` are tags of ours that no rule names any more. ``problems`` are rules that mean nothing.
    """

    changes: Sequence[Change]
    orphans: Sequence[AccountTag]
    problems: Sequence[str]
    over: int


@dataclass(slots=True)
class Outcome:
    """What was done. ``skipped`` counts followers whom WeChat would not tag or untag, by error number."""

    added: int = 0
    removed: int = 0
    skipped: dict[int, int] = field(default_factory=dict)


class Tagging:
    """Errors: ``AccountError``, ``AccountUnknown``; whatever was not done is done the next time."""

    def __init__(
        self, store: Store, calls: TagCalls, clock: Clock, suggestions: Suggestions, settings: TagsSettings
    ) -> None:
        self.calls = calls
        self._store = store
        self._clock = clock
        self._suggestions = suggestions
        self._rules = read_rules(settings.rules)
        self._pause = timedelta(minutes=settings.sync_minutes)
        self._holder = secrets.token_hex(8)
        self._due: datetime | None = None

    async def plan(self) -> Plan:
        """Compare what the rules say with the account; changes nothing."""
        wanted, problems = await self._wanted()
        live = await self.calls.all()
        ours = await self._store.read(lambda tx: tx.account_tags.all())
        matching, over = await self._matching(wanted)
        own = [tag for tag in live if tag.tag_id >= FIRST_OWN_ID]
        changes = [await self._change(name, openids, own, ours) for name, openids in matching.items()]
        fresh = sum(not change.tag_id for change in changes)
        if fresh + len(own) > MOST_TAGS:
            raise NotAllowed(f"公众号已有 {len(own)} 个标签，再建 {fresh} 个就超过 {MOST_TAGS} 个；先删掉一些")
        named = {rule.name for rule in self._rules}
        kept = {change.tag_id for change in changes}
        orphans = [tag for tag in own if ours.get(tag.name) == tag.tag_id and tag.name not in named]
        return Plan(changes, [tag for tag in orphans if tag.tag_id not in kept], problems, over)

    async def check(self) -> list[str]:
        """Return what is wrong with the rules, without asking WeChat."""
        return (await self._wanted())[1]

    async def apply(self, plan: Plan, *, adopt: bool, tell: Callable[[int], object] = lambda _n: None) -> Outcome:
        """Do what the plan says, tag by tag; ``adopt``: take over tags that are not ours yet too."""
        outcome = Outcome()
        for change in plan.changes:
            if adopt or not change.foreign:
                await self._apply(change, outcome, tell)
        return outcome

    async def prune(self, orphans: Sequence[AccountTag]) -> None:
        """Delete tags of ours that no rule names any more."""
        for tag in orphans:
            await self.calls.delete(tag.tag_id)
            await self._forget(tag.name)

    async def _forget(self, name: str) -> None:
        await self._store.write(lambda tx: tx.account_tags.remove(name))

    async def level_if_due(self) -> int | None:
        """Bring the account level when it is time; None when there is nothing to do or it is not ours to do."""
        now = self._clock.now()
        if not self._rules or not self._pause or (self._due is not None and now < self._due):
            return None
        self._due = now + min(self._pause, AFTER_FAILURE)
        until = now + self._pause
        if not await self._store.write(lambda tx: tx.leases.take("tags", self._holder, now, until)):
            return None
        plan = await self.plan()
        for problem in plan.problems:
            log.warning("tags.rule_means_nothing why=%s", problem)
        outcome = await self.apply(plan, adopt=False)
        self._due = until
        log.info("tags.level added=%d removed=%d skipped=%r", outcome.added, outcome.removed, outcome.skipped)
        return outcome.added + outcome.removed

    # What the rules say --------------------------------------------------------------------------------------

    async def _wanted(self) -> tuple[dict[str, list[Wanted]], list[str]]:
        courses = await self._store.read(lambda tx: tx.courses.all())
        wanted: dict[str, list[Wanted]] = {}
        problems = []
        for rule in self._rules:
            try:
                match rule.kind:
                    case "bought":
                        one = Wanted(bought=(audience.courses_of(courses, rule.value),))
                    case "interest":
                        one = Wanted(interests=(audience.words_of(self._suggestions, rule.value),))
                    case _:
                        one = Wanted(channels=(rule.value,))
            except NotFound as error:
                problems.append(f"标签「{rule.name}」：{error}")
            else:
                wanted.setdefault(rule.name, []).append(one)
        # A tag one of whose rules means nothing is left as it is: better stale than emptied by a typing mistake.
        broken = {problem.split("」")[0].removeprefix("标签「") for problem in problems}
        return {name: each for name, each in wanted.items() if name not in broken}, problems

    async def _matching(self, wanted: Mapping[str, Sequence[Wanted]]) -> tuple[dict[str, list[str]], int]:
        """Return who is to carry each tag; of the tags of one follower, the first twenty of the settings count."""
        now, over = self._clock.now(), 0
        matching: dict[str, list[str]] = {name: [] for name in wanted}
        profiles = any(each.interests for alternatives in wanted.values() for each in alternatives)

        def look(traits: Traits) -> None:
            nonlocal over
            if not traits.personalised:
                return
            names = [
                name
                for name, alternatives in wanted.items()
                if any(audience.meets(traits, each, self._suggestions, now) for each in alternatives)
            ]
            over += len(names) > MOST_TAGS_EACH
            for name in names[:MOST_TAGS_EACH]:
                matching[name].append(traits.openid)

        await audience.scan(self._store, look, profiles=profiles)
        return matching, over

    # Against the account -------------------------------------------------------------------------------------

    async def _change(
        self, name: str, openids: Sequence[str], own: Sequence[AccountTag], ours: Mapping[str, int]
    ) -> Change:
        named = next((tag for tag in own if tag.name == name), None)
        tag = named or next((tag for tag in own if ours.get(name) == tag.tag_id), None)
        if tag is None:
            return Change(name, 0, "", len(openids), sorted(openids), (), foreign=False)
        members = await self.calls.members(tag.tag_id)
        wanted = set(openids)
        foreign = ours.get(name) != tag.tag_id and bool(members - wanted)
        renamed = "" if named else tag.name
        add, remove = sorted(wanted - members), sorted(members - wanted)
        return Change(name, tag.tag_id, renamed, len(openids), add, remove, foreign=foreign)

    async def _apply(self, change: Change, outcome: Outcome, tell: Callable[[int], object]) -> None:
        tag_id = change.tag_id or (await self.calls.create(change.name)).tag_id
        await self._store.write(lambda tx: tx.account_tags.put(change.name, tag_id))
        if change.renamed_from:
            await self.calls.rename(tag_id, change.name)
        # Room is made first: a follower may carry twenty.
        for batch in audience.batches(change.remove, MOST_AT_ONCE):
            outcome.removed += await self._call(self.calls.untag, tag_id, batch, outcome)
            tell(len(batch))
        for batch in audience.batches(change.add, MOST_AT_ONCE):
            outcome.added += await self._call(self.calls.tag, tag_id, batch, outcome)
            tell(len(batch))

    async def _call(
        self, call: Callable[..., Awaitable[Any]], tag_id: int, openids: Sequence[str], outcome: Outcome
    ) -> int:
        """Do it to a batch; one that WeChat refuses for somebody in it is halved until that somebody is alone."""
        try:
            await call(tag_id, openids)
        except AccountUnknown:
            raise
        except AccountError as error:
            if error.errcode not in ABOUT_ONE_PERSON:
                raise
            if len(openids) == 1:
                outcome.skipped[error.errcode] = outcome.skipped.get(error.errcode, 0) + 1
                return 0
            half = len(openids) // 2
            first = await self._call(call, tag_id, openids[:half], outcome)
            return first + await self._call(call, tag_id, openids[half:], outcome)
        return len(openids)
