"""Messages to many: who gets one, writing every call down before it is made, and going on after a crash.

A call whose outcome is unclear is only ever repeated under the same client_msg_id, and only while WeChat still
knows it: so nobody gets the same broadcast twice.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import audience
from bot.account.mass import MASS_SEND, MASS_SENDALL, TOO_SOON, MassCalls
from bot.audience import Wanted
from bot.config import BroadcastSettings
from bot.errors import AccountError, AccountUnknown, NotAllowed, NotFound
from bot.mailing import LEAST_READERS, Broadcast, MassResult, Part, PartState, Traits, day_of, month_of, split
from bot.ports import BEIJING, Clock
from bot.reach.hours import QuietHours
from bot.reach.kinds import BETWEEN_NUDGES
from bot.store import Store, Tx
from bot.suggestions import Suggestions

log = logging.getLogger("zhike.broadcast")
LEASE = timedelta(minutes=2)
REMEMBERED = timedelta(hours=23)  # WeChat knows a client_msg_id for 24 hours
UNDER_WAY = (PartState.NEW, PartState.CALLING, PartState.REFUSED)
LONGEST_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Audience:
    """Who would get a broadcast. ``left_out`` counts those who were chosen but must not: by reason.

    ``tag_id`` is set where one call to everybody with that tag reaches exactly these.
    """

    openids: Sequence[str]
    chosen: int
    left_out: Mapping[str, int]
    targeted: bool
    tag_id: int = 0

    @property
    def calls(self) -> int:
        """How many calls it takes."""
        return 1 if self.tag_id else len(split(self.openids))


class Broadcasts:
    """The service of telling many. One broadcast at a time, over all processes."""

    def __init__(
        self,
        store: Store,
        calls: MassCalls,
        clock: Clock,
        suggestions: Suggestions,
        settings: BroadcastSettings,
        quiet: QuietHours,
    ) -> None:
        self.mass = calls
        self._store = store
        self._clock = clock
        self._suggestions = suggestions
        self._settings = settings
        self._quiet = quiet
        self._holder = secrets.token_hex(8)

    async def choose(self, wanted: Wanted, *, course_id: str = "", tag_id: int = 0) -> Audience:
        """Return who would get it; changes nothing. ``tag_id``: ``wanted`` is this tag and nothing else."""
        now = self._clock.now()
        month, told = await self._store.read(
            lambda tx: (tx.broadcasts.reached(month_of(now)), tx.nudges.since(now - BETWEEN_NUDGES))
        )
        openids: list[str] = []
        left_out: dict[str, int] = {}
        chosen = 0

        def look(traits: Traits) -> None:
            nonlocal chosen
            if not audience.meets(traits, wanted, self._suggestions, now):
                return
            chosen += 1
            why = self._obstacle(traits, wanted, course_id, month, told)
            if why:
                left_out[why] = left_out.get(why, 0) + 1
            else:
                openids.append(traits.openid)

        await audience.scan(self._store, look, profiles=bool(wanted.interests))
        whole = bool(tag_id) and set(openids) == set().union(*wanted.tagged)
        return Audience(openids, chosen, left_out, not wanted.everybody, tag_id if whole else 0)

    def _obstacle(
        self, traits: Traits, wanted: Wanted, course_id: str, month: Mapping[str, int], told: Collection[str]
    ) -> str:
        """Return why somebody who was chosen must not get it, empty when they may."""
        if not traits.personalised and not wanted.everybody:
            return "personalisation_off"
        if course_id and course_id in traits.owned:
            return "owns_course"
        if month.get(traits.openid, 0) >= self._settings.monthly_limit:
            return "monthly_limit"
        return "told_today" if traits.openid in told else ""

    async def calls_left(self, *, by_tag: bool) -> int | None:
        """Return how many calls are left today, by our own count and WeChat's; None when WeChat does not tell."""
        now = self._clock.now()
        made = await self._store.read(lambda tx: tx.broadcasts.calls(day_of(now)))
        ours = max(0, self._settings.daily_calls - made)
        try:
            return min(ours, await self.mass.calls_left(MASS_SENDALL if by_tag else MASS_SEND))
        except AccountError:
            return ours if ours == 0 else None

    async def write_down(self, chosen: Audience, content: str, *, words: str, course_id: str = "") -> Broadcast:
        """Keep a broadcast with all its calls and readers, ready to be sent. ``NotAllowed`` for too few readers."""
        if len(chosen.openids) < LEAST_READERS:
            raise NotAllowed(f"群发至少要有 {LEAST_READERS} 位收件人，这次是 {len(chosen.openids)} 位")
        now = self._clock.now()
        number = f"B{now.astimezone(BEIJING):%y%m%d%H%M}{secrets.token_hex(3)}"
        broadcast = Broadcast(number, content, words, course_id, chosen.targeted, now)
        lists = [chosen.openids] if chosen.tag_id else split(chosen.openids)

        def work(tx: Tx) -> None:
            tx.broadcasts.add(broadcast)
            for at, openids in enumerate(lists, 1):
                tx.broadcasts.add_part(
                    Part(number, at, f"{number}-{at}", len(openids), tag_id=chosen.tag_id), openids
                )

        await self._store.write(work, durable=True)
        return broadcast

    def quiet_until(self) -> datetime | None:
        """Return when the quiet hours end in which nobody is to be disturbed; None outside them."""
        now = self._clock.now()
        ends = self._quiet.next_open(now)
        return ends if ends > now else None

    async def send(
        self, broadcast_id: str, tell: Callable[[int], object] = lambda _people: None, *, at_night: bool = False
    ) -> None:
        """Make the calls that are still to be made; ``tell`` hears how many people each was for.

        ``NotAllowed`` when another process is sending, the day's calls are used up, or the quiet hours have begun
        (``at_night`` sends all the same). ``AccountError`` when WeChat
        refuses, ``AccountUnknown`` when it is unclear: what was not sent yet can be sent by calling this again.
        """
        broadcast = await self.get(broadcast_id)
        try:
            for part in await self.parts(broadcast_id):
                await self._keep_lease()
                if part.state in UNDER_WAY:
                    self.require_day(at_night=at_night)
                    await self._send(broadcast, part)
                tell(part.people)
        finally:
            await self._store.write(lambda tx: tx.leases.leave(self._holder))

    async def get(self, broadcast_id: str) -> Broadcast:
        """Return one broadcast. ``NotFound``."""
        found = await self._store.read(lambda tx: tx.broadcasts.get(broadcast_id))
        if found is None:
            raise NotFound(f"没有群发 {broadcast_id}；用 broadcast status 看有哪些")
        return found

    async def parts(self, broadcast_id: str) -> list[Part]:
        """Return its calls with what came of them."""
        return await self._store.read(lambda tx: tx.broadcasts.parts(broadcast_id))

    async def ask(self, broadcast_id: str) -> None:
        """Ask WeChat about the calls whose result has not come as an event."""
        for part in await self.parts((await self.get(broadcast_id)).broadcast_id):
            if part.state is PartState.SENT and part.result is None:
                status = await self.mass.status(part.msg_id)
                if status != "SENDING":
                    await self._report(MassResult(part.msg_id, status, 0, 0, 0, 0))

    async def _report(self, result: MassResult) -> None:
        now = self._clock.now()
        await self._store.write(lambda tx: tx.broadcasts.report(result, now))

    # One call ------------------------------------------------------------------------------------------------

    async def _keep_lease(self) -> None:
        now = self._clock.now()
        if not await self._store.write(lambda tx: tx.leases.take("broadcast", self._holder, now, now + LEASE)):
            raise NotAllowed("另一个群发正在进行；等它结束再试（它若已中断，2 分钟后可以继续）")

    def require_day(self, *, at_night: bool) -> None:
        """Refuse in the quiet hours (``NotAllowed``), unless ``at_night`` was said on purpose."""
        ends = self.quiet_until()
        if ends is not None and not at_night:
            raise NotAllowed(
                f"现在是安静时间，到 {ends.astimezone(BEIJING):%H:%M} 为止，这时不群发；一定要现在发就加 --now"
            )

    async def _send(self, broadcast: Broadcast, part: Part) -> None:
        now = self._clock.now()
        if part.state is PartState.CALLING and part.called_at is not None and part.called_at <= now - REMEMBERED:
            await self._settle(part, PartState.LOST)
            return
        openids = await self._store.write(lambda tx: self._begin(tx, part, now), durable=True)
        if openids is None:
            return
        try:
            if part.tag_id:
                sent = await self.mass.send_to_tag(part.tag_id, broadcast.content, part.client_msg_id)
            else:
                sent = await self.mass.send(openids, broadcast.content, part.client_msg_id)
        except AccountUnknown:
            log.warning("broadcast.unclear id=%s part=%d", part.broadcast_id, part.part)
            raise
        except AccountError as error:
            # Refusing a repeat tells nothing of the call before it, which may have gone out.
            if part.state is not PartState.CALLING and error.errcode != TOO_SOON:
                await self._refused(part, now, error.errcode)
            raise
        await self._settle(part, PartState.SENT, msg_id=sent)
        log.info("broadcast.sent id=%s part=%d people=%d msg_id=%d", *_named(part), len(openids), sent)

    def _begin(self, tx: Tx, part: Part, now: datetime) -> list[str] | None:
        """Write down that a call is made; None when there is nothing to send, or somebody else was faster.

        Before a first call those who must not get it any more are taken off. A repeat is the same to the letter.
        """
        if part.state is not PartState.CALLING:
            if tx.broadcasts.calls(day_of(now)) >= self._settings.daily_calls:
                raise NotAllowed("今天的群发次数用完了，明天再用 broadcast send --resume 继续")
            unfit = self._unfit(tx, part, now)
            if unfit and part.tag_id:
                raise NotAllowed(
                    "标签里有人退订、关闭了个性化、一天内收过消息或收满了；重新用 broadcast send 选收件人"
                )
            tx.broadcasts.drop(part.broadcast_id, unfit)
        openids = tx.broadcasts.readers(part.broadcast_id, part.part)
        if len(openids) < LEAST_READERS and part.state is not PartState.CALLING:
            tx.broadcasts.settle(part, PartState.EMPTY)
            return None
        if not tx.broadcasts.begin(part, len(openids), now):
            return None
        tx.nudges.note(openids, part.client_msg_id, now)
        return openids

    def _unfit(self, tx: Tx, part: Part, now: datetime) -> list[str]:
        reached, told = tx.broadcasts.reached(month_of(now)), tx.nudges.since(now - BETWEEN_NUDGES)
        readers = tx.broadcasts.readers(part.broadcast_id, part.part)
        limit = self._settings.monthly_limit
        full = [openid for openid in readers if openid in told or reached.get(openid, 0) >= limit]
        return [*full, *tx.broadcasts.unwilling(part.broadcast_id, part.part)]

    async def _refused(self, part: Part, begun: datetime, errcode: int) -> None:
        """Note a clear no; who was to read it was not told anything."""

        def work(tx: Tx) -> None:
            tx.broadcasts.settle(part, PartState.REFUSED, errcode=errcode)
            tx.nudges.take_back(tx.broadcasts.readers(part.broadcast_id, part.part), part.client_msg_id, begun)

        await self._store.write(work, durable=True)

    async def _settle(self, part: Part, state: PartState, *, msg_id: int = 0) -> None:
        await self._store.write(lambda tx: tx.broadcasts.settle(part, state, msg_id=msg_id), durable=True)


def _named(part: Part) -> tuple[str, int]:
    return part.broadcast_id, part.part
