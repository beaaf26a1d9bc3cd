"""Who brought whom, kept once and for ever, and what a friend's first order earns after the refund window.

One level only: whoever brought the inviter gets nothing. Nobody brings themselves, whoever followed before, or
the one who brought them. What was earned is decided once, in one transaction, under the limits of the settings.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.config import ReferralSettings
from bot.errors import NotAllowed, NotFound
from bot.models import Follower
from bot.ports import Clock
from bot.referral import rules
from bot.store import Store, Tx
from bot.store.referral import Earning, Inviter, Reward, RewardState

log = logging.getLogger("zhike.referral")
PREFIX = "inv_"  # begins the scene of an inviter's QR code
CHANNEL = "邀请好友"  # under which all of them are counted
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
CODE_LENGTH = 12
GRANT_EVERY = timedelta(seconds=60)
BATCH = 1000


class Touched(StrEnum):
    """What opening a link came to."""

    NOTED = "noted"
    OWN = "own"
    FOLLOWING = "following"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Summary:
    """What somebody's invitations came to, in people and in fen; ``waiting`` is still in the refund window."""

    friends: int
    waiting: int
    waiting_fen: int
    review_fen: int
    ready_fen: int
    taken_fen: int
    paid_fen: int


def scene_of(code: str) -> str:
    """Return the scene of an inviter's QR code."""
    return f"{PREFIX}{code}"


def is_newcomer(follower: Follower | None) -> bool:
    """Tell whether somebody has never followed the account."""
    return follower is None or not (follower.subscribed or follower.followed_at or follower.unfollowed_at)


class Referral:
    """The service of inviting."""

    def __init__(self, store: Store, clock: Clock, settings: ReferralSettings) -> None:
        self._store = store
        self._clock = clock
        self.settings = settings
        self._granted: datetime | None = None

    # Bringing ----------------------------------------------------------------------------------------------

    def inviter_in(self, tx: Tx, openid: str, now: datetime) -> Inviter:
        """Return somebody's link, made when first asked for; nobody can guess its code."""
        tx.inviters.add(openid, "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)), now)
        found = tx.inviters.of(openid)
        assert found is not None, "it was added a moment ago"
        return found

    async def touch(self, openid: str, code: str) -> Touched:
        """Note that somebody opened a link, if they may become a friend; the first link within the days counts."""
        now = self._clock.now()

        def work(tx: Tx) -> Touched:
            inviter = tx.inviters.by(code)
            if inviter is None or not self.settings.enabled:
                return Touched.NOBODY
            if inviter.openid == openid:
                return Touched.OWN
            if not is_newcomer(tx.followers.get(openid)):
                return Touched.FOLLOWING
            tx.touches.add(openid, inviter.openid, now, since=self._since(now))
            return Touched.NOTED

        return await self._store.write(work)

    def came_in(self, tx: Tx, friend: str, scene: str, now: datetime, *, newcomer: bool) -> str:
        """Note, inside the transaction of a follow or scan, who brought somebody; returns the channel to count."""
        tx.referrals.recall(friend)
        invited = scene.startswith(PREFIX)
        if newcomer and self.settings.enabled:
            self._bind(tx, friend, scene.removeprefix(PREFIX) if invited else "", now)
        return CHANNEL if invited else scene

    def _bind(self, tx: Tx, friend: str, code: str, now: datetime) -> None:
        touched = tx.touches.of(friend, since=self._since(now))
        scanned = tx.inviters.by(code) if code else None
        if touched is not None:
            inviter, via, at = touched[0], "link", touched[1]
        elif scanned is not None:
            inviter, via, at = scanned.openid, "qr", now
        else:
            return
        if inviter == friend or tx.referrals.inviter_of(inviter) == friend:
            return
        if tx.referrals.add(friend, inviter, via, at, now):
            log.info("referral.brought via=%s", via)

    def _since(self, now: datetime) -> datetime:
        return now - timedelta(days=self.settings.friend_days)

    # Earning -----------------------------------------------------------------------------------------------

    async def grant_due(self) -> int:
        """Decide what first orders earned whose refund window is over; returns how many were decided."""
        now = self._clock.now()
        recently = self._granted is not None and now - self._granted < GRANT_EVERY
        if recently or not self.settings.enabled:
            return 0
        self._granted = now
        days = self.settings.after_days
        found = await self._store.read(lambda tx: tx.referrals.earning(now, days, limit=BATCH))
        if not found:
            return 0
        done = await self._store.write(lambda tx: sum(self._grant(tx, each, now) for each in found), durable=True)
        log.info("referral.granted rewards=%d", done)
        return done

    def _grant(self, tx: Tx, earning: Earning, now: datetime) -> bool:
        """Decide one; an order whose refund has not ended, or that nobody has got anything of yet, waits."""
        found = rules.kept(tx, earning.order_no)
        if found is None:
            return False
        amount, reason = rules.reward_fen(self.settings, found), "refunded"
        if earning.before:
            amount, reason = 0, "bought_before"
        left = max(0, self.settings.person_total_fen - tx.rewards.earned(earning.inviter))
        if amount > left:
            amount, reason = left, "limit"
        if amount == 0:
            return tx.rewards.add(earning, 0, RewardState.VOID, now, kept_fen=found.left_fen, reason=reason)
        lately = tx.rewards.earned(earning.inviter, now - rules.REVIEW_SPAN)
        state = RewardState.REVIEW if lately + amount > self.settings.review_above_fen else RewardState.READY
        new = tx.rewards.add(earning, amount, state, now, kept_fen=found.left_fen)
        if new and state is RewardState.READY:
            _tell(tx, earning.inviter, f"order-{earning.order_no}", amount, now)
        return new

    # Looking and deciding ----------------------------------------------------------------------------------

    def summary_in(self, tx: Tx, openid: str) -> Summary:
        """Count what somebody's invitations came to."""
        sums: dict[RewardState, int] = dict.fromkeys(RewardState, 0)
        for reward in tx.rewards.of(openid):
            sums[reward.state] += reward.amount_fen
        waiting = [each for each in tx.referrals.waiting(openid) if not each.before]
        expected = [rules.reward_fen(self.settings, found) for each in waiting if (found := _kept(tx, each))]
        return Summary(
            friends=len(tx.referrals.came(openid)),
            waiting=len(waiting),
            waiting_fen=sum(expected),
            review_fen=sums[RewardState.REVIEW],
            ready_fen=sums[RewardState.READY],
            taken_fen=sums[RewardState.TAKEN],
            paid_fen=sums[RewardState.PAID],
        )

    def approve(self, tx: Tx, reward_id: int, now: datetime) -> Reward:
        """Let a reward be taken that waited for review. ``NotFound`` and ``NotAllowed`` say why not."""
        reward = get(tx, reward_id)
        if not tx.rewards.move(reward_id, RewardState.READY, (RewardState.REVIEW,)):
            raise NotAllowed(f"奖励 {reward_id} 不在等待审核，不用通过；用 rewards show {reward_id} 查看")
        _tell(tx, reward.openid, f"order-{reward.order_no}", reward.amount_fen, now)
        return get(tx, reward_id)

    def reject(self, tx: Tx, reward_id: int, reason: str) -> Reward:
        """Decide that nothing is paid for a friend. ``NotAllowed`` once it is being paid or was paid."""
        reward = get(tx, reward_id)
        if not tx.rewards.move(reward_id, RewardState.REJECTED, rules.LIVE, reason=reason):
            paying = reward.state is RewardState.TAKEN
            why = f"正在付款（{reward.out_bill_no}），加 --cancel 先撤销" if paying else "已有结果"
            raise NotAllowed(f"奖励 {reward_id} {why}，不能拒绝；用 rewards show {reward_id} 查看")
        return get(tx, reward_id)


def get(tx: Tx, reward_id: int) -> Reward:
    """Return a reward. ``NotFound`` when there is none."""
    reward = tx.rewards.get(reward_id)
    if reward is None:
        raise NotFound(f"没有奖励 {reward_id}；用 rewards list 看有哪些")
    return reward


def _kept(tx: Tx, earning: Earning) -> rules.Kept | None:
    return rules.kept(tx, earning.order_no)


def _tell(tx: Tx, openid: str, key: str, amount_fen: int, now: datetime) -> None:
    tx.outbox.put("reward_ready", key, openid, {"amount_fen": amount_fen}, now, due=now)
