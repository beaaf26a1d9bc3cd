"""The sentences about money that goes back, in the manner of ``replies.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.errors import NoRefund
from bot.models import Refund, RefundState, RefundTerms
from bot.refunds import Preview
from bot.refundterms import Basis
from bot.texts.markup import tap
from handlers.chat.replies import SHOWN_TITLES, reach, yuan
from handlers.chat.replies_money import tail_of

STATES: Mapping[RefundState, str] = {
    RefundState.REQUESTED: "退款等审核",
    RefundState.DECLINED: "退款没有通过",
    RefundState.NEW: "退款等微信确认",
    RefundState.PROCESSING: "正在退款",
    RefundState.SUCCESS: "退款已到账",
    RefundState.ABNORMAL: "退款由工作人员处理中",
    RefundState.CLOSED: "退款没有退成",
    RefundState.REJECTED: "退款没有退成",
}
_LITTLE = {50: "学习未过半", 100: "没有学完"}
_ORDER_TAIL = f"尾号回复「{tap('我的订单', '我的订单')}」可以看到。"


def refund(terms: RefundTerms, contact: str) -> str:
    """Say how a person gives money back: what to have ready, nothing beyond the rule."""
    return f"{refund_rule(terms)}退款由工作人员处理：{reach(contact)}，说明想退哪一门，附上订单尾号。{_ORDER_TAIL}"


def refund_rule(terms: RefundTerms) -> str:
    """Tell the shop's rule, on a line of its own."""
    return f"退款规则：{refund_terms(terms)}。\n"


def refund_terms(terms: RefundTerms) -> str:
    """Put the promise of an order into one sentence, without its full stop."""
    full, days, until = bool(terms.full_days and terms.full_percent), terms.full_days, terms.until_days
    little = _LITTLE.get(terms.full_percent, f"学了不到 {terms.full_percent}%")
    if full and until > days:
        return f"购买后 {days} 天内、{little}全额退，{until} 天内按没学的课时退"
    if full:
        return f"购买后 {days} 天内可退，{little}全额退，学得更多按没学的课时退"
    return f"购买后 {until} 天内按没学的课时退" if until else "购买后不支持退款"


def refund_list(previews: Sequence[Preview]) -> str:
    """List the orders of which something may go back; a tap or a number opens what would happen."""
    lines = [
        f"{tap(f'退款 {tail_of(each.order)}', f'{number}. {each.order.title}')} 可退 {yuan(each.amount_fen)}"
        for number, each in enumerate(previews, 1)
    ]
    return "\n".join(["想退哪一门？点一下，或回复编号，先看看能退多少：", *lines])


def refund_preview(preview: Preview, tap_id: str, minutes: int) -> str:
    """Say what would go back, why, and what ends; the words that confirm it carry the order."""
    sure = f"确认退款 {tail_of(preview.order)}"
    return (
        f"《{preview.order.title}》可以退 {yuan(preview.amount_fen)}（订单尾号 {tail_of(preview.order)}）。\n"
        f"{refund_why(preview)}\n{refund_after(preview)}\n"
        f"确定要退，请在 {minutes} 分钟内点「{tap(sure, sure, tap_id)}」，或打出这几个字；不退就不用管。"
    )


def refund_why(preview: Preview) -> str:
    """Say by which part of the promise that amount goes back."""
    done, lessons = preview.learnt.done, preview.learnt.lessons
    learnt = f"学了 {done}/{lessons} 课" if lessons else "还没有课时"
    rest = f"按没学的 {lessons - done}/{lessons} 退" if lessons else "按没学的退"
    part = "可以全额退" if preview.basis is Basis.FULL else rest
    before = f"，减去已经退过的 {yuan(preview.before_fen)}" if preview.before_fen else ""
    since = f"付款满 {preview.days} 天" if preview.days else "付款不到 1 天"
    return f"{since}，{learnt}，{part}{before}。规则：{refund_terms(preview.terms)}。"


def refund_after(preview: Preview) -> str:
    """Say what follows a confirmation."""
    ends = "微信受理后这门课就停用（学习记录还在），钱原路退回。"
    return f"这笔要先由工作人员审核，审核期间照常能学；{ends}" if preview.waits else ends


def refund_state(title: str, refund: Refund) -> str:
    """Say how far a refund has got, and who does what next."""
    money = yuan(refund.amount_fen)
    match refund.state:
        case RefundState.REQUESTED:
            return f"退款申请已提交：《{title}》{money}，在等工作人员审核，审核期间课程照常能学，结果会告诉你。"
        case RefundState.NEW:
            return f"退款已登记：《{title}》{money}，在等微信支付确认，结果会告诉你，不用重复申请。"
        case RefundState.PROCESSING:
            return f"微信已经受理：《{title}》{money} 正在原路退回，到账会告诉你，不用重复申请。"
        case RefundState.SUCCESS:
            return refunded(title, refund.amount_fen)
        case RefundState.ABNORMAL:
            return refund_delayed(title, refund.amount_fen)
        case RefundState.DECLINED:
            return refund_declined(title, refund.note)
        case _:
            return refund_failed(title, refund.amount_fen)


def on_its_way(refund: Refund) -> str:
    """Say in a few words how far a refund has got that is not over, for a list of orders."""
    return f"{STATES[refund.state]} {yuan(refund.amount_fen)}"


def by_person(titles: Sequence[str], contact: str) -> str:
    """Say, in one line, which refunds only a person decides on, and how to reach one."""
    named = "".join(f"《{title}》" for title in titles[:SHOWN_TITLES])
    more = "等" if len(titles) > SHOWN_TITLES else ""
    return f"{named}{more}的退款要由工作人员核对，请{reach(contact)}。"


def no_refund(why: NoRefund, title: str, terms: RefundTerms) -> str:
    """Say why nothing goes back of an order now, and what can be done all the same."""
    person = f"有特殊情况就回复「{tap('人工', '人工')}」。"
    match why:
        case NoRefund.NOT_THEIRS:
            return f"没有找到这笔订单。回复「{tap('退款', '退款')}」，我列出可以退的。"
        case NoRefund.UNPAID:
            return f"《{title}》这笔订单没有付过款，没有钱可退。"
        case NoRefund.OVER:
            return f"《{title}》过了可以退款的时间（{refund_terms(terms)}）。{person}"
        case NoRefund.LEARNT:
            return f"《{title}》的课时都学完了，按规则没有可退的（{refund_terms(terms)}）。{person}"
        case NoRefund.DONE:
            return f"《{title}》已经退过款了，没有可再退的。"
        case NoRefund.SOON:
            return f"《{title}》上一次退款还不到一分钟，没有再退，请过一分钟再回复「{tap('退款', '退款')}」。"
        case NoRefund.UNCLEAR:
            return f"《{title}》上一次退款还没问到结果，没有再退，请过几分钟再回复「{tap('退款', '退款')}」。"
        case NoRefund.CHANGED:
            return f"《{title}》可退的金额刚刚变了，没有退。请再回复「{tap('退款', '退款')}」看新的金额。"
        case _:
            return f"《{title}》的退款要由工作人员核对，请回复「{tap('人工', '人工')}」。"


def nothing_paid(*, courses: bool) -> str:
    """Say that no money was ever paid, before the rule."""
    return "你的课都没有付过款，没有钱可退。\n" if courses else "你还没有付过款的订单。\n"


def not_refunded(*, under_way: bool) -> str:
    """Answer somebody who changed their mind."""
    if under_way:
        return f"已经提交的退款我撤不回来，想撤回请回复「{tap('人工', '人工')}」；还没确认的不会退。"
    return "好的，没有退。接着学就回复「我的课程」。"


def refunded(title: str, amount_fen: int) -> str:
    """Tell that money went back."""
    return f"《{title}》的退款 {yuan(amount_fen)} 已原路退回，到账时间以银行为准。"


def refund_approved(title: str, amount_fen: int) -> str:
    """Tell that an admin agreed."""
    return f"《{title}》的退款申请通过了，{yuan(amount_fen)} 会原路退回，到账再告诉你。"


def refund_declined(title: str, why: str) -> str:
    """Tell that an admin did not, and why."""
    return f"《{title}》的退款申请没有通过：{why}。课程照常能学，有疑问回复「{tap('人工', '人工')}」。"


def refund_failed(title: str, amount_fen: int) -> str:
    """Tell that nothing came of a refund."""
    what = f"《{title}》的退款 {yuan(amount_fen)} 没有退成，课程不受影响。"
    return f"{what}工作人员会查明原因，着急就回复「{tap('人工', '人工')}」。"


def refund_delayed(title: str, amount_fen: int) -> str:
    """Tell that the bank did not take the money, and that people see to it."""
    return f"《{title}》的退款 {yuan(amount_fen)} 没能退到原来的账户，工作人员正在处理，不用重复申请。"


def refund_by_hand(title: str, amount_fen: int) -> str:
    """Tell that a person will pay the money out."""
    return (
        f"《{title}》的退款 {yuan(amount_fen)} 退不到原来的账户，改由工作人员转给你。"
        f"请回复「{tap('人工', '人工')}」告诉我们怎么联系你。"
    )
