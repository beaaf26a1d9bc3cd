"""What a friend's order earns and what may be taken now: the rules alone, inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.config import ReferralSettings
from bot.errors import CannotTake, Hindrance
from bot.models import Order, OrderState, Purpose, RefundState
from bot.ports import BEIJING
from bot.refunding import UNFINISHED
from bot.store import Tx
from bot.store.gifts import GiftState
from bot.store.groups import GroupState, SeatState
from bot.store.referral import Reward, RewardState

LEAST_FEN = 10  # WeChat transfers nothing smaller
NAME_FROM_FEN = 200_000
REVIEW_SPAN = timedelta(hours=24)
UNDECIDED = (*UNFINISHED, RefundState.REQUESTED)
LIVE = (RewardState.READY, RewardState.REVIEW)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an order brought in, and what is left of it after refunds."""

    paid_fen: int
    left_fen: int


def kept(tx: Tx, order_no: str) -> Kept | None:
    """Return what is left of a paid order; None while that may still change without anybody's new wish.

    So it is while a refund waits or has not ended, a gift is unclaimed, or a group is not full.
    """
    order = tx.orders.get(order_no)
    assert order is not None, "a paid order is never deleted"
    attempt = tx.attempts.get(order.paid_attempt)
    paid = attempt.total_fen if attempt is not None else order.amount_fen
    refunds = [each for each in tx.refunds.of(order_no) if each.out_trade_no == order.paid_attempt]
    if any(each.state in UNDECIDED for each in refunds) or _undelivered(tx, order):
        return None
    back = sum(each.amount_fen for each in refunds if each.state is RefundState.SUCCESS)
    return Kept(paid, 0 if order.state is OrderState.REFUNDED else max(0, paid - back))


def _undelivered(tx: Tx, order: Order) -> bool:
    """Tell whether nobody has got what the order bought yet, so that its money may go back by itself."""
    match order.purpose:
        case Purpose.GIFT:
            gift = tx.gifts.of_order(order.order_no)
            return gift is not None and gift.state in {GiftState.OPEN, GiftState.RETURN}
        case Purpose.GROUP:
            seat, group = tx.groups.seat(order.order_no), tx.groups.get(order.ref)
            forming = group is not None and group.state is GroupState.FORMING
            return seat is not None and (
                seat.state is SeatState.RETURN or (forming and seat.state is SeatState.TAKEN)
            )
        case _:
            return False


def reward_fen(settings: ReferralSettings, found: Kept) -> int:
    """Return what an order earns: a share of what was paid, or the fixed sum in proportion to what was kept."""
    if found.paid_fen <= 0:
        return 0
    if settings.reward_percent:
        earned = found.left_fen * settings.reward_percent // 100
    else:
        earned = settings.reward_fen * found.left_fen // found.paid_fen
    return min(earned, settings.reward_max_fen)


def day_start(now: datetime) -> datetime:
    """Return when the day of ``now`` began in Beijing."""
    return now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)


def level(tx: Tx, reward: Reward) -> Reward | None:
    """Bring one that may be taken level with refunds that came later; None when it cannot be taken now."""
    found = kept(tx, reward.order_no)
    if found is None:
        return None
    if found.left_fen >= reward.kept_fen:
        return reward
    amount = reward.amount_fen * found.left_fen // reward.kept_fen
    if amount == 0:
        tx.rewards.move(reward.reward_id, RewardState.VOID, LIVE, reason="refunded")
        return None
    tx.rewards.lower(reward.reward_id, found.left_fen, amount)
    return tx.rewards.get(reward.reward_id)


def collect(tx: Tx, settings: ReferralSettings, openid: str, now: datetime) -> list[Reward]:
    """Return what a follower may take in one transfer now, the oldest first. ``CannotTake`` says why nothing."""
    mine = tx.rewards.of(openid)
    ready = [reward for reward in mine if reward.state is RewardState.READY]
    level_now = [fresh for reward in ready if (fresh := level(tx, reward)) is not None]
    if not level_now:
        in_review = any(reward.state is RewardState.REVIEW for reward in mine)
        raise CannotTake(Hindrance.IN_REVIEW if in_review else Hindrance.NOT_YET if ready else Hindrance.NOTHING)
    start = day_start(now)
    own = settings.person_day_fen - tx.transfers.committed(start, openid)
    everybody = settings.daily_budget_fen - tx.transfers.committed(start)
    chosen: list[Reward] = []
    total = 0
    for reward in level_now:
        if total + reward.amount_fen <= min(own, everybody, settings.bill_max_fen):
            chosen.append(reward)
            total += reward.amount_fen
    if not chosen:
        least = min(reward.amount_fen for reward in level_now)
        raise CannotTake(Hindrance.PERSON_DAY if least > own else Hindrance.BUDGET)
    if total < LEAST_FEN:
        raise CannotTake(Hindrance.TOO_LITTLE)
    return chosen
