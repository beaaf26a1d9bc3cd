"""The sentences about bundles and memberships, in the manner of ``replies.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.models import Course, Plan
from bot.offers.quoting import Quote
from bot.ports import BEIJING
from bot.texts.markup import link, tap
from handlers.chat.replies import mini_link, yuan
from handlers.chat.replies_offers import quote_lines

SHOWN_COURSES = 8
MONTHS: Mapping[int, str] = {1: "1 个月", 12: "1 年", 24: "2 年"}


def day(at: datetime) -> str:
    """Write the moment at which something ends."""
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M}"


def months(number: int) -> str:
    """Say how long a membership is."""
    return MONTHS.get(number, f"{number} 个月")


def categories(names: Sequence[str]) -> str:
    """Say which courses a membership opens."""
    return f"「{'」「'.join(names)}」分类的课" if names else "全部课程"


def steps(quote: Quote, titles: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return a price step by step with its sum; one step is none. ``titles`` names courses."""
    lines = quote_lines(quote.lines, titles)
    return [*lines, ("应付", yuan(quote.total_fen))] if lines else []


def bundle_card(
    course: Course, within: Sequence[tuple[Course, bool]], steps: Sequence[tuple[str, str]], fen: int, url: str
) -> str:
    """One bundle: its courses with what is owned already, how the price comes about, and the way to buy it."""
    head = f"专栏《{course.title}》{yuan(fen)}"
    action = link(url, f"点这里购买 {yuan(fen)}") if fen else link(url, "点这里领取")
    rest = [f"…… 共 {len(within)} 门"] if len(within) > SHOWN_COURSES else []
    return "\n".join(
        [
            head,
            *([course.subtitle] if course.subtitle else []),
            f"里面有 {len(within)} 门课：",
            *(f"· {each.title}{' ✓ 已有' if theirs else ''}" for each, theirs in within[:SHOWN_COURSES]),
            *rest,
            *(f"{words} {amount}" for words, amount in steps),
            action,
            "以后加进来的课也归你。",
        ]
    )


def bundle_owned(course: Course, url: str) -> str:
    """Open a bundle of which nothing is left to sell."""
    return f"《{course.title}》里的课你都有了，{link(url, '点这里看看')}，或回复「{tap('我的课程', '我的课程')}」。"


def plan_card(course: Course, plan: Plan, fen: int, until: datetime, url: str, *, again: bool) -> str:
    """One membership: what it opens, until when, and the way to buy or prolong it."""
    action = link(url, f"点这里{'续费' if again else '开通'} {yuan(fen)}")
    ends = f"{'续费后' if again else '现在开通'}可以看到 {day(until)}"
    opens = f"{months(plan.months)}，{categories(plan.categories)}随便看"
    return "\n".join([f"《{course.title}》{yuan(fen)}", opens, ends, action])


def not_for_sale(course: Course) -> str:
    """Say that an item cannot be bought for now."""
    return f"《{course.title}》还没准备好，现在买不了。看看{tap('热门课程', '热门课程')}，或回复「人工」。"


def member_can(course: Course, learn: str, until: datetime, buy: str, fen: int) -> str:
    """Open a course to a member, and say how it would stay theirs."""
    return (
        f"《{course.title}》你的会员可以看，{mini_link(course, learn, '点这里学习')}。\n"
        f"会员到 {day(until)} 为止；想一直留着，也可以{link(buy, f'单独买下 {yuan(fen)}')}。"
    )


def my_membership(periods: Sequence[tuple[Sequence[str], datetime]], offers: Sequence[str], url: str) -> str:
    """Say what is open and until when, and what can be bought; ``url`` shows a member's courses."""
    if periods:
        open_now = [f"· {categories(names)}：到 {day(until)}" for names, until in periods]
        head = ["你的会员：", *open_now, f"{link(url, '打开会员页')}，或直接告诉我想学什么。"]
        more = "续费（从到期那天接着算）：回复编号看详情"
    else:
        head = ["你现在没有会员。"]
        more = "可以开通（回复编号看详情）："
    if not offers:
        return "\n".join(
            [*head, *([] if periods else [f"想学什么直接告诉我，或看看{tap('热门课程', '热门课程')}。"])]
        )
    return "\n".join([*head, more, *offers])


def offer_line(number: int, course: Course, plan: Plan, turn: int) -> str:
    """One membership in the list of those on sale."""
    title = tap(str(number), f"{number}. {course.title}", f"s:{turn}:{number}")
    return f"{title} {yuan(course.price_fen)}（{months(plan.months)}，{categories(plan.categories)}）"


def own_courses(
    listed: str, periods: Sequence[tuple[Sequence[str], datetime]], begun: Sequence[tuple[Course, str]]
) -> str:
    """Add to a follower's courses what the membership opens, and which of those were begun."""
    more = [f"会员可看：{categories(names)}，到 {day(until)}" for names, until in periods]
    learning = [f"· {mini_link(course, url, course.title)}" for course, url in begun]
    return "\n".join([listed, *more, *(["用会员在学：", *learning] if learning else [])])


def membership_lost(until: datetime) -> str:
    """Say that a deletion ends the membership."""
    return f"⚠️ 你的会员（到 {day(until)}）也会失效，不能恢复，不会因此退款。"


def paid_member(title: str, amount_fen: int, order_no: str, url: str) -> str:
    """Give the receipt of a membership."""
    return (
        f"付款成功，《{title}》已开通！\n金额 {yuan(amount_fen)}，订单 {order_no}\n"
        f"直接告诉我想学什么，点开就能看；{link(url, '到期时间在这里')}，也可以回复「我的会员」。"
    )


def member_ending(title: str, ends_at: datetime, url: str) -> str:
    """Tell that a membership ends in a few days."""
    again = link(url, "续费")
    return f"提醒一下：《{title}》{day(ends_at)} 到期。{again}会从到期那天接着算，不续就不用管，不会自动扣款。"


def member_over(title: str, ends_at: datetime, url: str) -> str:
    """Tell that a membership has ended."""
    return (
        f"《{title}》{day(ends_at)} 到期了，没有扣款。单独买的课照样能看；"
        f"想接着用，{link(url, '点这里再开通')}，学习进度都还在。"
    )
