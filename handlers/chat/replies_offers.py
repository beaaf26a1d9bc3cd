"""The sentences about coupons, groups, gifts, codes and invitations, in the manner of ``replies.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.config import ReferralSettings
from bot.models import Course, Line
from bot.offers.pricing import Priced
from bot.referral.service import Summary
from bot.store.coupons import Coupon
from bot.texts.markup import link, tap
from handlers.chat.replies import moment, money, today, with_coupon, yuan

GROUP_STATES: Mapping[str, str] = {
    "forming": "还差 {missing} 人",
    "full": "已成团，课程已开通",
    "failed": "没有成团，已全额退款",
    "return": "已退出，退款中",
}
GIFT_STATES: Mapping[str, str] = {
    "OPEN": "等人领取",
    "CLAIMED": "已被领取",
    "RETURN": "到期没人领，退款中",
    "RETURNED": "已退款",
}
LINES: Mapping[str, str] = {
    "list": "原价",
    "limited": "限时优惠",
    "coupon": "优惠码",
    "group": "拼团优惠",
    "code": "兑换码",
    "granted": "赠送",
    "owned": "已有的课",
}


def quote_lines(lines: Sequence[Line], titles: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Return label and amount of each line of a price that is not simply the list price; ``titles`` by course."""
    return [(line_name(line, titles or {}), line_amount(line)) for line in lines] if len(lines) > 1 else []


def line_name(line: Line, titles: Mapping[str, str]) -> str:
    """Name one line of a price."""
    if line.kind == "owned" and titles:
        return f"已有{''.join(f'《{titles[each]}》' for each in line.ref.split('|') if each in titles)}"
    name = LINES.get(line.kind, "优惠")
    return f"{name} {line.ref}" if line.kind == "coupon" else name


def line_amount(line: Line) -> str:
    """Show what a line adds or takes off."""
    return f"−{yuan(-line.amount_fen)}" if line.amount_fen < 0 else yuan(line.amount_fen)


def coupon_gives(coupon: Coupon, thing: str) -> str:
    """Say what a coupon takes off, for what, and until when; ``thing`` names its course."""
    off = f"减 {yuan(coupon.amount_fen)}" if coupon.amount_fen else f"减 {coupon.percent}%"
    floor = f"，最低付 {yuan(coupon.floor_fen)}" if coupon.floor_fen else ""
    what = thing or (f"「{coupon.category}」的课" if coupon.category else "所有课程")
    until = f"，{moment(coupon.usable_until)} 前" if coupon.usable_until else ""
    return f"{what}{off}{floor}{until}"


def my_coupons(entries: Sequence[tuple[Coupon, str]]) -> str:
    """List the coupons that somebody may use now, each with the title of its course or nothing."""
    lines = [
        f"· {tap(f'优惠码 {each.code}', each.code)}{f' {each.title}' if each.title else ''}\n   "
        f"{coupon_gives(each, thing)}"
        for each, thing in entries
    ]
    return "\n".join(["你现在能用的优惠券（点一下就带上）：", *lines, "带上后再打开课程，价格里就减好了。"])


def coupon_kept(coupon: Coupon, thing: str) -> str:
    """Confirm that a coupon is kept for the courses opened next."""
    hint = f"接下来打开课程就会带上；还没想好学什么，看看{tap('热门课程', '热门课程')}。"
    return f"优惠码 {coupon.code} 记下了：{coupon_gives(coupon, thing)}。\n{hint}"


def coupon_on(course: Course, priced: Priced, url: str) -> str:
    """Confirm that a coupon counts for the course that lies open."""
    return (
        f"《{course.title}》{today(priced)}\n{with_coupon(priced)}\n{link(url, '点这里购买')}，一笔订单用一张券。"
    )


def discount() -> str:
    """Say that there is no coupon for them now, and what to do with a code."""
    return (
        "现在没有优惠券可以给你用。有优惠码就发「优惠码」加上码，比如「优惠码 SPRING」。"
        f"想省钱可以说「便宜点」，或看看{tap('免费课程', '免费课程')}。"
    )


def group_seat(title: str, amount_fen: int, url: str) -> str:
    """Tell that a seat in a group is paid, and how to fill the others."""
    return (
        f"付款成功，《{title}》的拼团给你留了名额（{yuan(amount_fen)}）。\n"
        f"{link(url, '点这里看进度、发给朋友')}；凑满人马上开通，到时间没凑满会自动全额退款。"
    )


def group_full(title: str, url: str) -> str:
    """Tell that a group is full and the course theirs."""
    return f"拼团成功，《{title}》已开通！{link(url, '点这里开始学习')}，以后回复「我的课程」随时打开。"


def group_failed(title: str, amount_fen: int) -> str:
    """Tell that a group did not come about."""
    return (
        f"《{title}》的团到时间没凑满，你付的 {yuan(amount_fen)} 会自动全额退回。想学可以再开一个团，或单独购买。"
    )


def group_offer(size: int, price_fen: int, url: str) -> str:
    """Offer to buy a course together, below its card."""
    return f"{size} 人拼团每人 {yuan(price_fen)}：{link(url, '点这里开团')}"


def my_groups(rows: Sequence[tuple[str, str, int, str]]) -> str:
    """List somebody's groups: title, state in words, how many are missing, and the address of each."""
    if not rows:
        return "你还没有参加拼团。打开一门课，有拼团价的会写在下面。"
    lines = [
        f"· {link(url, title)}\n   {GROUP_STATES[state].format(missing=missing)}"
        for title, state, missing, url in rows
    ]
    tail = (
        [f"不想等了，回复「{tap('退出拼团', '退出拼团')}」，钱全额退回。"]
        if any(r[1] == "forming" for r in rows)
        else []
    )
    return "\n".join(["你的拼团：", *lines, *tail])


def left_group(title: str, amount_fen: int) -> str:
    """Confirm that a seat was given up."""
    return f"已退出《{title}》的拼团，{yuan(amount_fen)} 会全额原路退回，到账时间以银行为准。"


def no_group_to_leave() -> str:
    """Answer 退出拼团 when no group is forming."""
    return f"你没有正在等人的拼团。想退已经开通的课，回复「{tap('退款', '退款')}」。"


def gift_link(title: str, url: str) -> str:
    """Link to the page on which a course is bought for a friend."""
    return f"想把《{title}》送给朋友：{link(url, '点这里买一份送出')}，付款后会有一个领取链接，谁先领就是谁的。"


def gift_of_what() -> str:
    """Answer 送朋友 while no course lies open."""
    return "先打开想送的课：告诉我课程名或回复列表里的编号，再回复「送朋友」。"


def gift_not_sold() -> str:
    """Answer 送朋友 about a free course."""
    return "这门课是免费的，直接把它的名字告诉朋友就行，不用花钱送。"


def gift_bought(title: str, amount_fen: int, url: str) -> str:
    """Tell that a gift is paid, and how to pass it on."""
    return f"付款成功（{yuan(amount_fen)}），《{title}》可以送出了！{link(url, '点这里写句祝福，把链接发给朋友')}。"


def gift_claimed(title: str) -> str:
    """Tell the giver that a gift arrived."""
    return f"你送出的《{title}》被领走啦，谢谢你把好课带给朋友。"


def gift_returned(title: str, amount_fen: int) -> str:
    """Tell that nobody claimed a gift in time."""
    return f"你送出的《{title}》到期没有人领，{yuan(amount_fen)} 会自动全额原路退回，不用操作。"


def my_gifts(rows: Sequence[tuple[str, str, str]]) -> str:
    """List what somebody gave: title, state and address of each."""
    if not rows:
        return "你还没有送过课。打开一门课，回复「送朋友」就能送。"
    lines = [
        f"· {link(url, title) if state == 'OPEN' else title}\n   {GIFT_STATES[state]}" for title, state, url in rows
    ]
    return "\n".join(["你送出的课（还没领的点开能再发一次）：", *lines])


def redeem_how() -> str:
    """Say how a redeem code is used."""
    return "把兑换码发给我就行，比如「兑换 ABCD-EFGH-JKMN-P」。没有兑换码？告诉我想学什么，我来推荐。"


def redeemed(outcome: str, course: Course | None, url: str) -> str:
    """Say what came of a redeem code."""
    title = f"《{course.title}》" if course is not None else ""
    match outcome:
        case "redeemed":
            return f"兑换成功，{title}已经是你的了，{link(url, '点这里开始学习')}。"
        case "owned":
            return f"你已经有{title}了，{link(url, '点这里接着学')}；兑换码没有用掉，可以转给朋友。"
        case "yours":
            return f"这个码你已经兑换过了，{title}是你的，{link(url, '点这里接着学')}。"
        case "used":
            return "这个兑换码已经被用过了，每个码只能用一次。有疑问回复「人工」。"
        case "over":
            return "这个兑换码已经过期或停用了。有疑问回复「人工」，附上是从哪里得到的。"
        case "mistyped":
            return "这个码好像少抄或抄错了字符：应该是 13 位字母和数字，形如 ABCD-EFGH-JKMN-P，再核对一下。"
        case "too_many_tries":
            return "试错太多次了，过十分钟再试；确定没抄错就回复「人工」。"
        case _:
            return "没有这个兑换码，核对一下再发；确定没抄错就回复「人工」。"


def invite(url: str, own: str, terms: str, summary: Summary) -> str:
    """Give a follower their own invitation, and say how it stands."""
    return (
        f"{link(url, '👉 这是你的专属邀请页')}，转发给朋友就行；也可以在{link(own, '我的邀请')}里存下二维码。\n"
        f"{terms}\n{invited(summary)}"
    )


def invite_terms(terms: ReferralSettings, refund_days: int) -> str:
    """Say what an invitation earns, and when."""
    days = max(terms.after_days, refund_days) if terms.after_days else 0
    window = f"付款 {days} 天后没有退款" if days else "付款后没有退款"
    most = money(terms.reward_max_fen)
    share = f"实付的 {terms.reward_percent}%（最多 {most}）"
    fixed = f" {money(min(terms.reward_fen, terms.reward_max_fen))} "
    reward = share if terms.reward_percent else fixed
    return f"朋友打开后 {terms.friend_days} 天内第一次关注，第一次付款买课、{window}，你就能领{reward}奖励。"


def rewards_lost(fen: int) -> str:
    """Warn that a deletion takes rewards away that were not taken."""
    return f"⚠️ 还有 {money(fen)} 邀请奖励没领，删除后就领不到了。"


def invited(summary: Summary) -> str:
    """Say how somebody's invitations stand."""
    if not summary.friends:
        return "还没有朋友通过你关注，分享出去试试吧。"
    rows = (
        (summary.waiting_fen, "还在退款期"),
        (summary.review_fen, "正在审核"),
        (summary.ready_fen, "现在可领"),
        (summary.taken_fen, "等你确认或正在到账"),
        (summary.paid_fen, "已到账"),
    )
    told = "，".join(f"{words} {money(fen)}" for fen, words in rows if fen)
    return f"已有 {summary.friends} 位朋友通过你关注" + (f"：{told}。" if told else "，还没有奖励。")


def no_invite() -> str:
    """Say that friends are welcome, though nothing is paid for them."""
    return "现在没有邀请奖励。把公众号名片转给朋友就好；想学什么直接告诉我。"


def reward_ready(amount_fen: int, url: str) -> str:
    """Tell that something may be taken."""
    return f"你邀请的朋友买了课，奖励 {money(amount_fen)} 可以领了，{link(url, '点这里领取')}。"


def reward_paid(amount_fen: int) -> str:
    """Tell that a reward was received."""
    return f"邀请奖励 {money(amount_fen)} 已到账，可在微信钱包的账单里看到。谢谢你推荐朋友！"


def reward_back(amount_fen: int, url: str) -> str:
    """Tell that a transfer came to nothing, and may be taken again."""
    why = "超过 24 小时没确认，或被撤销"
    return f"邀请奖励 {money(amount_fen)} 没有到账（{why}），{link(url, '可以重新领取')}。"
