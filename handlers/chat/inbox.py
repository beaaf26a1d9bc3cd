"""Each message once, and in time: repeats join the running job or get the stored reply, across restarts.

A quick topic runs inside one transaction together with the claim of its message. A slow one (``Later``) is claimed
first, works outside, and its reply is stored when it is ready. Past the deadline the delivery is held for WeChat's
repeat; the third one is answered ``success``, and the reply follows as a customer-service message.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.errors import ZhikeError
from bot.models import Follower
from bot.shop import Shop
from bot.store import Tx
from bot.store.inbox import Handling, Seen
from bot.texts import REPLY_BYTES
from handlers.chat import replies, talk
from handlers.chat.answers import SUCCESS, Answer, Later, Silence, Text, Transfer, render, split
from handlers.chat.robot import Robot
from handlers.chat.routes import EVENTS
from handlers.chat.turn import Turn

log = logging.getLogger("zhike.inbox")
LAST_DELIVERY = 3
DEAD_AFTER = timedelta(seconds=20)
POLL_SECONDS = 0.1
BEAT_SECONDS = 5.0
TOUCHES = frozenset({"click_event", "subscribe_event", "scan_event"})
SAID = {"text": "content", "voice": "recognition"}
KINDS = frozenset(Robot.message_types)
OUTCOMES = {None: "held", SUCCESS: "silent"}
PRESENT = frozenset({"click_event", "scan_event", "view_event"})  # other events may come long after an unfollow


@dataclass(frozen=True, slots=True)
class Delivery:
    """One signed delivery of a message."""

    message: Any
    key: str
    signature: str


class Replayed(Exception):
    """The signature of another message was used again."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the transaction of a delivery came to; ``told`` says that a message of ours is to follow at once."""

    reply: str | None = None
    later: Later | None = None
    deliveries: int = 1
    told: bool = False


def message_key(fields: Mapping[str, str]) -> str:
    """Name a message as the once-only rule does; events have no MsgId.

    It is the message's time, then a digest: it goes into logs, which are to name nobody, and an EventKey may be of
    any length.
    """
    sender, created = fields["FromUserName"], fields.get("CreateTime", "")
    if fields["MsgType"] == "event":
        parts = ["e", sender, created, fields["Event"].lower(), fields.get("EventKey", "")]
        if "MsgID" in fields:  # reports come from one sender, and two of them may come in one second
            parts.append(fields["MsgID"])
    else:
        parts = ["m", fields.get("MsgId", ""), sender, created]
    at = created[:10] if created.isascii() and created.isdigit() else ""
    return f"{at:0>10}-" + hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


class Inbox:
    """Answers deliveries. One per process; workers meet in the store."""

    def __init__(self, shop: Shop, robot: Robot) -> None:
        self._shop = shop
        self._robot = robot
        self._running: dict[str, asyncio.Task[str]] = {}
        self._ours: set[str] = set()  # claimed here: marked with the claim itself, before there is a task
        self._lifetime = timedelta(minutes=shop.config.chat.context_minutes)
        self._deadline = shop.config.chat.reply_deadline_seconds

    async def answer(self, delivery: Delivery) -> str | None:
        """Return the reply's XML or ``success``; None to hold the delivery for WeChat's repeat.

        ``Replayed`` when the signature belonged to another message. Never another exception.
        """
        started = time.perf_counter()
        outcome = "failed"
        try:
            reply = await self._answer(delivery)
            outcome = OUTCOMES.get(reply, "answered")
        except ZhikeError:
            log.exception("inbox.failed key=%s", delivery.key)
        except Replayed:
            outcome = "replayed"
            raise
        except Exception:
            log.exception("inbox.broke key=%s", delivery.key)
        finally:
            self._count(delivery.message, outcome, time.perf_counter() - started)
        return self._render(Text(replies.apology()), delivery.message) if outcome == "failed" else reply

    async def _answer(self, delivery: Delivery) -> str | None:
        deadline = asyncio.get_running_loop().time() + self._deadline
        said = getattr(delivery.message, SAID.get(delivery.message.type, ""), None)
        if said:
            self._shop.suggestions.prepare(said)
        try:
            outcome = await self._shop.store.write(lambda tx: self._claim(tx, delivery))
        except ZhikeError:
            if delivery.key not in self._running:
                self._ours.discard(delivery.key)  # nothing of the claim was kept
            raise
        if outcome.told:
            self._shop.jobs.wake()
        if outcome.reply is not None:
            return outcome.reply
        if outcome.later is not None:
            task = asyncio.create_task(self._work(delivery, outcome.later))
            self._running[delivery.key] = task
            task.add_done_callback(lambda _task: self._over(delivery.key))
        return await self._wait(delivery, outcome.deliveries, deadline)

    def _over(self, key: str) -> None:
        self._running.pop(key, None)
        self._ours.discard(key)

    async def _wait(self, delivery: Delivery, deliveries: int, deadline: float) -> str | None:
        """Join the running job until the deadline, here or, through the store, in another worker."""
        task = self._running.get(delivery.key)
        try:
            async with asyncio.timeout_at(deadline):
                return await (asyncio.shield(task) if task is not None else self._stored(delivery.key))
        except TimeoutError:
            self._shop.counters.late_replies += 1
            if deliveries < LAST_DELIVERY:
                return None
        ready = await self._shop.store.write(lambda tx: tx.messages.detach(delivery.key))
        return SUCCESS if ready is None else ready

    def _count(self, message: Any, outcome: str, seconds: float) -> None:
        counters, kind = self._shop.counters, message.type
        counters.messages[kind if kind in KINDS else "unknown", outcome] += 1
        if message.event:
            counters.count_event(message.event, known=f"{message.event}_event" in EVENTS)
        counters.handling.add(seconds)

    async def _stored(self, key: str) -> str:
        while True:
            found = await self._shop.store.read(lambda tx: tx.messages.find(key, ""))
            if found and found[0].state is Handling.DONE:
                return found[0].reply
            await asyncio.sleep(POLL_SECONDS)

    async def _work(self, delivery: Delivery, later: Later) -> str:
        """Run slow work, then store its reply; if nobody waits any more, it is sent by other means."""
        try:
            answer = await self._kept_alive(delivery.key, later)
        except Exception:
            log.exception("inbox.slow_work_failed key=%s", delivery.key)
            answer = Text(replies.apology())
        reply = self._render(answer, delivery.message)
        now = self._shop.clock.now()

        def finish(tx: Tx) -> bool:
            detached = tx.messages.finish(delivery.key, reply)
            if detached and isinstance(answer, Text):
                payload = {"content": answer.content}
                tx.outbox.put("reply", delivery.key, delivery.message.source, payload, now, due=now)
            return detached

        if await self._shop.store.write(finish):
            self._shop.jobs.wake()
        return reply

    async def _kept_alive(self, key: str, later: Later) -> Answer:
        """Run slow work, and show now and then that it has not died."""
        work = asyncio.ensure_future(later.work())
        while not (await asyncio.wait({work}, timeout=BEAT_SECONDS))[0]:
            await self._shop.store.write(lambda tx: tx.messages.beat(key, self._shop.clock.now()))
        return work.result()

    # Inside the transaction ----------------------------------------------------------------------------------

    def _claim(self, tx: Tx, delivery: Delivery) -> _Outcome:
        now = self._shop.clock.now()
        for seen in tx.messages.find(delivery.key, delivery.signature):
            if seen.key != delivery.key:
                raise Replayed
            outcome = self._repeat(tx, delivery, seen, now)
            if outcome is not None:
                return outcome
            return self._run(tx, delivery, now, again=True)
        return self._run(tx, delivery, now, again=False)

    def _repeat(self, tx: Tx, delivery: Delivery, seen: Seen, now: datetime) -> _Outcome | None:
        """Serve a repeat; None when the worker that ran it died and it is to run again."""
        count = tx.messages.count_delivery(delivery.key)
        if seen.state is Handling.DONE:
            return _Outcome(reply=seen.reply)
        alone = self._shop.config.server.workers == 1
        older_than = now if alone else now - DEAD_AFTER
        if delivery.key not in self._ours and tx.messages.take_over(delivery.key, now, older_than=older_than):
            return None
        return _Outcome(deliveries=count)

    def _run(self, tx: Tx, delivery: Delivery, now: datetime, *, again: bool) -> _Outcome:
        message = delivery.message
        turn = self._turn(tx, message, now)
        answer = self._robot.answer(message, turn)
        if not isinstance(answer, Later):
            answer = self._with_news(turn, answer)
        self._write(turn, message)
        if isinstance(answer, Later):
            if not again:
                tx.messages.add(delivery.key, delivery.signature, turn.openid, now, state=Handling.RUNNING)
            self._ours.add(delivery.key)
            return _Outcome(later=answer)
        reply = self._render(answer, message)
        if again:
            tx.messages.finish(delivery.key, reply)
        else:
            tx.messages.add(delivery.key, delivery.signature, turn.openid, now, state=Handling.DONE, reply=reply)
        return _Outcome(reply=reply, told=isinstance(answer, Transfer))

    @staticmethod
    def _write(turn: Turn, message: Any) -> None:
        """Write what the message leaves of its sender: what they did, what that taught, and that they were here."""
        tx, openid, now = turn.tx, turn.openid, turn.now
        profile, cause = turn.notes.append(tx, openid, now)
        if message.type in TOUCHES or not message.type.endswith("_event"):
            tapped = message.type in TOUCHES or turn.tap  # WeChat counts a tapped option as a click
            window = "touch" if tapped else "message"
            thread = talk.dump(turn.talk)
            tx.followers.keep_context(openid, thread, now, window=window, profile=profile, event_id=cause)
        elif profile is not None and cause is not None:
            tx.interests.put(openid, profile, cause, now)

    def _turn(self, tx: Tx, message: Any, now: datetime) -> Turn:
        """Fetch what the message needs by one look-up, and note that its sender was here."""
        openid = message.source
        known = tx.followers.known(openid)
        if known is None or message.type == "view_event":
            self._meet(tx, message, openid, now)
        tap = str(getattr(message, "bizmsgmenuid", None) or "")
        thread = talk.Talk()
        if known is not None:
            thread = talk.load(known.context, known.context_at, now, self._lifetime)
        return Turn(
            shop=self._shop,
            tx=tx,
            now=now,
            openid=openid,
            follower=known.follower if known is not None else Follower(openid, subscribed=True),
            stranger=known is None,
            profile_text=known.profile if known is not None else "",
            talk=thread,
            owned=known.owned if known is not None else (),
            excluded=frozenset((*known.owned, *known.hidden)) if known is not None else frozenset(),
            news=known.news if known is not None else bool(tx.outbox.waiting(openid)),
            tap=tap,
            service=tx.services.of(openid, now) if known is not None and known.served else None,
            member=known is None or known.member,
            any_limited=known is None or known.limited,
        )

    @staticmethod
    def _meet(tx: Tx, message: Any, openid: str, now: datetime) -> None:
        """Note that its sender follows the account; an event that comes after an unfollow proves nothing."""
        if message.type in PRESENT or not message.type.endswith("_event"):
            tx.followers.seen(openid, now)

    def _with_news(self, turn: Turn, answer: Answer) -> Answer:
        """Tell what waited for this chat, then the answer itself; what does not fit can be read on."""
        if not isinstance(answer, Text):
            return answer
        waiting = turn.tx.outbox.waiting(turn.openid) if turn.news else []
        told = [words for row in waiting if (words := self._shop.outbox.word(row))]
        content = "\n\n".join([*told, answer.content])
        for row in waiting:
            turn.tx.outbox.done(row.row_id, "told in chat", turn.now)
        head, rest = split(content, REPLY_BYTES)
        if not rest:
            return Text(content)
        turn.talk.rest = rest
        return Text(head + replies.continued())

    def _render(self, answer: Answer, message: Any) -> str:
        if isinstance(answer, Silence):
            return SUCCESS
        at = int(self._shop.clock.now().timestamp())
        return render(answer, to=message.source, sender=message.target, at=at)
