"""Coupons as operators keep them: a new one or an edit is taken whole, or refused with everything that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from bot.errors import NotAllowed, NotFound
from bot.offers.coupons import CODE
from bot.offers.qualifying import NEW
from bot.store import Tx
from bot.store.coupons import Coupon

LONGEST_TITLE = 20


class Validity(StrEnum):
    """Whether a coupon can be used now."""

    ON = "on"
    EARLY = "early"
    OVER = "over"
    EXHAUSTED = "exhausted"
    STOPPED = "stopped"


def get(tx: Tx, code: str) -> Coupon:
    """Return a coupon. ``NotFound`` says how to look for it."""
    coupon = tx.coupons.get(code)
    if coupon is None:
        raise NotFound(f"没有优惠码 {code}；用 coupons list 看有哪些")
    return coupon


def add(tx: Tx, coupon: Coupon, tags: Collection[str], now: datetime) -> None:
    """Write a new coupon down; ``tags`` are names it may be for. ``NotAllowed`` says everything that is wrong."""
    if tx.coupons.get(coupon.code) is not None:
        raise NotAllowed(f"优惠码 {coupon.code} 已经有了；用 coupons edit 修改，或换一个码")
    problems = [*_code_problems(tx, coupon.code), *_problems(tx, coupon, tags, now)]
    _refuse(coupon.code, problems)
    tx.coupons.put(coupon, now)


def edit(tx: Tx, coupon: Coupon, tags: Collection[str], now: datetime) -> bool:
    """Put a changed coupon in place of the former; False when nothing is different. Placed orders stay."""
    before = get(tx, coupon.code)
    if coupon == before:
        return False
    _refuse(coupon.code, list(_problems(tx, coupon, tags, None)))
    tx.coupons.put(coupon, now)
    return True


def stop(tx: Tx, code: str, now: datetime) -> bool:
    """Let nobody use a coupon any more; orders that hold it may still be paid. False when it was so already."""
    coupon = get(tx, code)
    if not coupon.stopped:
        tx.coupons.put(replace(coupon, stopped=True), now)
    return not coupon.stopped


def validity(coupon: Coupon, taken: int, now: datetime) -> Validity:
    """Say whether a coupon of which so many are held or used can be used now."""
    if coupon.stopped:
        return Validity.STOPPED
    if coupon.usable_until is not None and coupon.usable_until <= now:
        return Validity.OVER
    if coupon.usable_from is not None and coupon.usable_from > now:
        return Validity.EARLY
    return Validity.EXHAUSTED if coupon.total_limit and taken >= coupon.total_limit else Validity.ON


def _refuse(code: str, problems: list[str]) -> None:
    if problems:
        raise NotAllowed("\n".join([f"优惠码 {code} 没有保存：", *(f"  - {each}" for each in problems)]))


def _code_problems(tx: Tx, code: str) -> Iterator[str]:
    if not CODE.fullmatch(code):
        yield "优惠码应是 3 到 16 个字母、数字或 -，以字母或数字开头，如 SPRING"
        return
    words = {
        each.upper() for one in tx.courses.all() for each in (one.course_id, one.title, one.category, *one.tags)
    }
    if code in words:
        yield f"{code} 是课程的编号、名称、分类或标签，关注者发它是在找课；换一个码"


def _problems(tx: Tx, coupon: Coupon, tags: Collection[str], now: datetime | None) -> Iterator[str]:
    if (coupon.amount_fen > 0) == (coupon.percent > 0):
        yield "减多少：--amount 金额 和 --percent 百分数 二选一"
    if len(coupon.title) > LONGEST_TITLE:
        yield f"名称太长（{len(coupon.title)} 字，最多 {LONGEST_TITLE} 字）"
    if coupon.course_id and coupon.category:
        yield "--course 和 --category 只能写一个"
    if coupon.course_id and tx.courses.get(coupon.course_id) is None:
        yield f"没有课程 {coupon.course_id}；用 courses list 看有哪些"
    if coupon.category and all(each.category != coupon.category for each in tx.courses.all()):
        yield f"没有课程属于分类「{coupon.category}」"
    if coupon.audience not in {"", NEW, *tags}:
        known = f"，现有 {'、'.join(sorted(tags))}" if tags else "，现在一条规则也没有"
        yield f"--for {coupon.audience!r} 应是 new（没买过的人）或 [tags] 规则里的标签名{known}"
    yield from _date_problems(coupon, now)


def _date_problems(coupon: Coupon, now: datetime | None) -> Iterator[str]:
    if coupon.usable_until is None:
        return
    if coupon.usable_from is not None and coupon.usable_until <= coupon.usable_from:
        yield "--until 要晚于 --from"
    elif now is not None and coupon.usable_until <= now:
        yield "--until 已经过去了"
