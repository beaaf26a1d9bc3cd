"""Every sentence a follower reads in the chat. Warm, short, and always with the next thing to try."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from bot.config import ReferralSettings
from bot.errors import CouponFault, NoRefund
from bot.invoicing import TAIL, Billable
from bot.models import Course, Line, Order, OrderState, Refund, RefundState, RefundTerms
from bot.offers.pricing import Priced
from bot.ports import BEIJING
from bot.referral.service import Summary
from bot.refunds import Preview
from bot.refundterms import Basis
from bot.store.coupons import Coupon
from bot.store.invoices import InvoiceState
from bot.suggestions import SEVERAL, Shelf
from bot.texts.markup import link, tap
from recsys.base import Part, Recommendation

PRIVACY = "为了推荐更合适的课，我会记住你聊到的兴趣；回复「隐私」可以查看或关闭。"
HINT = "回复数字看详情，也可以说「换一批」「便宜点」「为什么」。"
LONGEST_SUBTITLE = 60
LONGEST_DESCRIPTION = 200  # characters on a card; the whole of it is on the course's page
ERASE = "确认删除我的数据"  # never a link: it is to be typed
SHOWN_TITLES = 5
LONGEST_TITLE = 24
STARTERS = ("热门课程", "免费课程", "我想学数据分析")
MEDIA = {
    "image": "图片",
    "voice": "语音",
    "video": "视频",
    "shortvideo": "小视频",
    "location": "位置",
    "link": "链接",
}
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
LIMITS: Mapping[str, str] = {"price": "价格", "level": "难度", "length": "时长"}
ORDER_STATES: Mapping[OrderState, str] = {
    OrderState.PENDING: "待付款",
    OrderState.PAID: "已付款",
    OrderState.CANCELLED: "已取消",
    OrderState.REFUNDED_PART: "部分退款",
    OrderState.REFUNDED: "已退款",
}


def yuan(fen: int) -> str:
    """Show a price: free, whole yuan, or with its jiao and fen."""
    if fen == 0:
        return "免费"
    return f"¥{fen // 100}" if fen % 100 == 0 else f"¥{fen / 100:.2f}"


def starters() -> str:
    """Three things to begin with, to tap or to type."""
    return "\n".join(f"{number}. {tap(words, words)}" for number, words in enumerate(STARTERS, 1))


def welcome(account: str, *, again: bool) -> str:
    """Greet a new or a returning follower."""
    hello = f"欢迎回来！我是{account}。" if again else f"你好，我是{account}，帮你找到合适的课。"
    return f"{hello}\n直接告诉我想学什么，或者点一下：\n{starters()}\n{PRIVACY}"


def welcome_payer(account: str) -> str:
    """Greet somebody who followed from the receipt of a payment."""
    return f"谢谢你的支持，我是{account}！\n回复「我的课程」看已开通的课，回复「我的订单」看订单。\n{PRIVACY}"


def help_text() -> str:
    """Say what the bot can do."""
    return (
        "可以这样用我：\n"
        "· 说想学什么，比如「我想学 Python 数据分析」\n"
        f"· {tap('热门课程', '热门')}｜{tap('新课', '新课')}｜{tap('免费课程', '免费')}\n"
        f"· {tap('我的课程', '我的课程')}｜{tap('我的订单', '我的订单')}｜{tap('我的兴趣', '我的兴趣')}\n"
        "· 列表出来后：数字、换一批、便宜点、为什么、不感兴趣 2\n"
        f"· 想找真人，回复「{tap('人工', '人工')}」"
    )


def popular_head(*, known: bool) -> str:
    """Introduce the popular list; as long as hardly anybody has a course, nothing is popular yet."""
    return "热门课程：" if known else "刚开张，先看看这些："


def new_head() -> str:
    """Introduce the newest list."""
    return "最新上架："


def reason(found: Recommendation, mode: str, shelf: Shelf, levels: Collection[str] = ()) -> str:
    """Say honestly why a course is in the list: the follower's own words, else what they are taken to mean.

    Only words that the course uses are quoted, ``levels`` (零基础) after the subject.
    """
    if mode == "new":
        return "新上架"
    if "fresh" in [part.kind for part in found.parts] and found.basis != "query":
        return "新上架，尝个鲜"
    asked = [part for part in found.parts if part.kind == "query" and part.value > 0]
    if not asked:
        return _strongest(found.reason, found.item_id, shelf)
    asked.sort(key=lambda part: (part.term in levels, -part.value))
    held = [part for part in asked if shelf.says(found.item_id, part.term)]
    if not held:
        return f"和「{shelf.spell(asked[0].term)}」沾点边"
    wrote = whole([part.typed or part.term for part in held])
    said = [part.term for part in held if not part.typed and part.term in wrote]
    if said and not (held[0].typed and said[0] in levels):
        return f"因为你提到「{'」「'.join(map(shelf.spell, said[:2]))}」"
    return f"这门讲「{shelf.spell(held[0].term)}」"


def _strongest(part: Part | None, course_id: str, shelf: Shelf) -> str:
    """Say what speaks most for a course that nobody asked for."""
    if part is None:
        return _followed(course_id, shelf)
    match part.kind:
        case "bought":
            title = shelf.title(part.term)
            return f"学过《{title}》的人也学这门" if title else "和你学过的课很搭"
        case "alike":
            title = shelf.title(part.term)
            return f"和你学过的《{title}》相近" if title else "和你学过的课相近"
        case "interest":
            return f"因为你关注「{shelf.spell(part.term)}」"
        case "learned":
            return f"聊到「{shelf.spell(part.term)}」的人常学这门"
        case "segment":
            return "和你兴趣相近的人常学这门"
        case "editor":
            return "老师推荐"
        case _:
            return _followed(course_id, shelf)


def _followed(course_id: str, shelf: Shelf) -> str:
    """Say how many have a course, once there are several."""
    learners = shelf.learners.get(course_id, 0)
    return f"已有 {learners} 人在学" if learners >= SEVERAL else "可以先看看简介"


def whole(terms: Sequence[str]) -> list[str]:
    """Leave out the pieces of longer words that are there too."""
    if len(terms) == 1:
        return [*terms]
    all_of_them = "\n".join(terms)
    return [term for term in terms if term.isascii() or all_of_them.count(term) == terms.count(term)]


def course_line(number: int, course: Course, why: str, turn: int, price: str) -> str:
    """One course in a list: number, title, price of today, reason."""
    title = tap(str(number), f"{number}. {course.title}", f"s:{turn}:{number}")
    return f"{title} {price}\n   {why}"


def member_price() -> str:
    """Stand in a list for the price of what a membership opens."""
    return "会员可看"


def course_list(head: str, lines: Sequence[str]) -> str:
    """Join a list of courses with one next step."""
    return "\n".join([head, *lines, HINT])


def found_head(words: Sequence[str]) -> str:
    """Say what the list answers."""
    return f"关于{_quoted(words)}，我挑了这几门：" if words else "给你挑了这几门："


def meant_head(words: Sequence[str]) -> str:
    """Say what misspelt words were taken for."""
    return f"你是想找{_quoted(words)}吧？我挑了这几门："


def unknown_head() -> str:
    """Introduce a list for somebody of whom nothing is known yet."""
    return "还不太了解你，先看看这些："


def relaxed_head(limits: Sequence[str]) -> str:
    """Say which limits no course keeps to."""
    named = "、".join(LIMITS[each] for each in limits)
    return f"没有完全符合{named}要求的课，这几门最接近："


def nothing_free_here() -> str:
    """Say that the subject has no free course, before the free ones of other subjects."""
    return "这个方向暂时没有免费课，别的方向有："


def nearest_head(words: Sequence[str], *, personal: bool, known: bool) -> str:
    """Say that nothing fits exactly, and what the list shows instead."""
    missing = f"暂时没有正好讲{_quoted(words)}的课" if words else "暂时没有正合适的课"
    others = "大家在学的" if known else "这几门"
    return f"{missing}，先看看{'你可能感兴趣的' if personal else others}，或回复「人工」告诉我们："


def looked_for(words: Sequence[str]) -> str:
    """Name what somebody looked for, inside the operator's own sentence."""
    return _quoted(words) if words else "你说的"


def without_head(things: Sequence[str]) -> str:
    """Introduce a list that leaves something out."""
    return f"好，不看{_quoted(things)}，看看这几门："


def _quoted(words: Sequence[str]) -> str:
    return f"「{' '.join(list(dict.fromkeys(words))[:4])}」"


def no_more() -> str:
    """Say that the list is at its end."""
    return f"这个方向的课都看过啦。换个说法再试试，或看看{tap('热门课程', '热门课程')}，也可以回复「人工」。"


def nothing_cheaper(cap_fen: int) -> str:
    """Say that nothing costs less."""
    return f"没有比 {yuan(cap_fen)} 更便宜的同类课了，看看{tap('免费课程', '免费课程')}？"


def all_free() -> str:
    """Answer 便宜点 below a list of free courses."""
    return "这几门都是免费的，回复编号看详情，再回复「领取」就能学。"


def no_list() -> str:
    """Answer a command that needs a list when there is none."""
    return f"还没有列表呢。告诉我想学什么，或点{tap('热门课程', '热门课程')}。"


def expired_number() -> str:
    """Answer a number that is in no list."""
    return "这个编号不在最近的列表里。回复「热门」看看大家在学的，或直接说想学什么。"


def empty_shop() -> str:
    """Answer when there is not a single course on sale."""
    return "课程正在准备中，过几天再来看看；有急事回复「人工」。"


def card(course: Course, priced: Priced, url: str, refund_note: str) -> str:
    """One course, with the way to buy it above the description: however long that is, the way is there."""
    action = link(url, f"点这里购买 {yuan(priced.total_fen)}")
    if course.mini_program_path:
        action += f"\n{mini_link(course, url, '在小程序里看')}"
    action = "\n".join(part for part in (with_coupon(priced), action) if part)
    return _card(course, f"《{course.title}》{today(priced)}", action, refund_note)


def free_card(course: Course) -> str:
    """Show a free course, which is claimed with a word."""
    return _card(course, f"《{course.title}》免费", f"回复「{tap('领取', '领取')}」马上开通。", "")


def _card(course: Course, head: str, action: str, note: str) -> str:
    minutes = f"{course.minutes} 分钟" if course.minutes else ""
    facts = "｜".join(part for part in (course.teacher, course.level, minutes) if part)
    subtitle = _shortened(course.subtitle, LONGEST_SUBTITLE)
    description = _shortened(course.description, LONGEST_DESCRIPTION)
    article = link(course.article_url, "图文介绍") if course.article_url else ""
    return "\n".join(part for part in (head, subtitle, facts, action, article, note, description) if part)


def mini_link(course: Course, url: str, label: str) -> str:
    """Return a link into the course's mini-program; without one, or where none can open, it leads to ``url``."""
    if not course.mini_program_path:
        return link(url, label)
    path = course.mini_program_path
    program = f'data-miniprogram-appid="{course.mini_program_appid}" data-miniprogram-path="{path}"'
    return link(url, label).replace("<a ", f"<a {program} ", 1)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def price(course: Course, priced: Priced, url: str) -> str:
    """Say what a course costs and how to get it."""
    if course.free:
        return f"《{course.title}》免费，回复「{tap('领取', '领取')}」马上开通。"
    coupon = with_coupon(priced)
    buy = f"{link(url, '点这里购买')}，微信支付后马上开通。"
    return (
        f"《{course.title}》{today(priced)}\n{coupon}\n{buy}"
        if coupon
        else f"《{course.title}》{today(priced)}，{buy}"
    )


def today(priced: Priced) -> str:
    """Show the price of today before a coupon; a limited one with the list price and its end."""
    lines = [line for line in priced.quote.lines if line.kind != "coupon"]
    fen = sum(line.amount_fen for line in lines)
    if priced.until is None:
        return yuan(fen)
    return f"限时价 {yuan(fen)}（原价 {yuan(lines[0].amount_fen)}，{moment(priced.until)} 结束）"


def moment(at: datetime) -> str:
    """Show an instant in Beijing time; the end of a day as 24:00."""
    local = at.astimezone(BEIJING)
    if (local.hour, local.minute) == (0, 0):
        local -= timedelta(minutes=1)
        return f"{local.month}月{local.day}日 24:00"
    return f"{local.month}月{local.day}日 {local:%H:%M}"


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


COUPON_FAULTS: Mapping[CouponFault, str] = {
    CouponFault.UNKNOWN: "不存在，看看是不是打错了",
    CouponFault.EARLY: "还没到可以用的时间",
    CouponFault.OVER: "已经过期了",
    CouponFault.NOT_HERE: "不能用在这里",
    CouponFault.NOT_YOURS: "只给一部分人，你这次用不了",
    CouponFault.USED: "你已经用过了，或正用在另一笔待付款订单里",
    CouponFault.EXHAUSTED: "已经被领完了",
    CouponFault.NO_USE: "在现在的价格上减不了",
    CouponFault.IN_WECHAT_ONLY: "在这里用不了，请在微信里打开",
    CouponFault.TOO_MANY_TRIES: "先不能用：刚才错的次数太多，10 分钟后再试",
}


def coupon_fault(code: str, fault: CouponFault) -> str:
    """Say why a coupon cannot be used."""
    return f"优惠码 {code} {COUPON_FAULTS[fault]}。"


def with_coupon(priced: Priced) -> str:
    """Say what the kept coupon does to a price, or why nothing; empty without one."""
    if priced.fault is not None:
        return coupon_fault(priced.coupon, priced.fault)
    off = sum(line.amount_fen for line in priced.quote.lines if line.kind == "coupon")
    return f"优惠码 {priced.coupon} 再减 {yuan(-off)}，实付 {yuan(priced.total_fen)}" if off else ""


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


def where_prices_are(*, listed: bool) -> str:
    """Answer a question about prices while no course is open."""
    if listed:
        return "价格就在每门课的名字后面。回复编号看详情和购买链接，也可以说「便宜点」。"
    return f"每门课的价格不一样。告诉我想学什么，我把课和价格一起列给你，或看看{tap('热门课程', '热门课程')}。"


def nothing_to_claim() -> str:
    """Answer 领取 when no free course lies open."""
    return f"先挑一门免费课：回复「{tap('免费课程', '免费课程')}」，再回复编号。"


def which_dislike() -> str:
    """Ask which course is meant."""
    return "是哪一门呢？带上列表里的编号再说一次，比如「不感兴趣 2」。"


def granted(course: Course, url: str) -> str:
    """Say that a free course is theirs."""
    return f"《{course.title}》已经是你的了，{mini_link(course, url, '点这里开始学习')}。"


def owned(course: Course, url: str) -> str:
    """Open a course that is theirs, bought or claimed, instead of offering it again."""
    return f"你已经有《{course.title}》了，{mini_link(course, url, '点这里接着学')}。"


def my_courses(courses: Sequence[tuple[Course, str]]) -> str:
    """List a follower's courses, each with the address of its lessons."""
    if not courses:
        return f"你还没有课程。告诉我想学什么，或先领一门{tap('免费课程', '免费课程')}。"
    lines = [f"{number}. {mini_link(course, url, course.title)}" for number, (course, url) in enumerate(courses, 1)]
    return "\n".join(["你的课程（点开就能学）：", *lines])


def my_orders(orders: Sequence[Order], now: datetime, *, payable: bool, url: str = "") -> str:
    """List a follower's orders; ``payable``: 继续支付 would find one. ``url`` is the page with all of them."""
    if not orders:
        return f"你还没有订单。看看{tap('热门课程', '热门课程')}？"
    lines = [
        f"· {o.title} {yuan(o.amount_fen)}{_made_of(o)}\n   {order_state(o, now)}｜尾号 {o.order_no[-6:]}"
        for o in orders[:8]
    ]
    again, off = tap("继续支付", "继续支付"), tap("取消订单", "取消订单")
    tail = [f"最近一笔待付款订单：回复「{again}」去付款，回复「{off}」取消。"] if payable else []
    page = [f"{link(url, '点这里看全部订单和退款')}，也可以回复「{tap('退款', '退款')}」。"] if url else []
    return "\n".join(["你的订单：", *lines, *tail, *page])


def _made_of(order: Order) -> str:
    """Explain the price of an order, if there is anything to explain."""
    parts = [" ".join(part) for part in quote_lines(order.lines)]
    return f"（{'，'.join(parts)}）" if parts else ""


def order_state(order: Order, now: datetime) -> str:
    """Say in a word where an order stands."""
    over = order.state is OrderState.PENDING and order.expires_at <= now
    return "正在取消" if over else ORDER_STATES[order.state]


def my_interests(terms: Sequence[str], *, personalised: bool) -> str:
    """Show what is remembered of somebody, and how to change it."""
    state = (
        "个性化推荐：已开启（回复「关闭个性化」停用）"
        if personalised
        else "个性化推荐：已关闭（回复「开启个性化」恢复）"
    )
    known = f"我记得你对这些感兴趣：{'、'.join(terms)}。" if terms else "我还没有记住你的兴趣。"
    return f"{known}\n{state}\n想清空就回复「忘记我的兴趣」；全部数据可以回复「导出我的数据」「删除我的数据」。"


def personalised(*, on: bool) -> str:
    """Confirm the switch."""
    return "好的，之后会按你的兴趣推荐。" if on else "好的，之后只看热门和你当下说的，不用兴趣记录。"


def forgotten() -> str:
    """Confirm that the profile is gone."""
    return "已清空你的兴趣，聊到过的词也删掉了。重新认识一下：想学点什么？"


def export(url: str, courses: int, orders: int, events: int) -> str:
    """Link to a follower's data, and say how much that is."""
    return (
        f"{link(url, '点这里查看和复制你的全部数据')}，只有用你自己的微信才能打开。\n"
        f"里面有兴趣、{courses} 门课、{orders} 笔订单和 {events} 条互动记录。\n"
        "想全部删掉，回复「删除我的数据」。"
    )


def ask_to_erase(titles: Sequence[str], bought: int, minutes: int) -> str:
    """Say what would be lost, bought courses first, and ask for the words that confirm it."""
    lost = ""
    if titles:
        named = "".join(f"《{_shortened(title, LONGEST_TITLE)}》" for title in titles[:SHOWN_TITLES])
        more = "等" if len(titles) > SHOWN_TITLES else ""
        paid = f"，其中 {bought} 门是花钱买的，不会因此退款" if bought else ""
        lost = f"⚠️ 你的 {len(titles)} 门课也会失效，不能恢复{paid}：{named}{more}\n"
    return (
        "删除后，你的兴趣、对话、互动记录和学习进度都没有了，找不回来。\n"
        f"{lost}"
        "法律要求保留的订单和付款记录会去掉你的身份，只用来记账。想先留一份，回复「导出我的数据」。\n"
        f"确定要删，请在 {minutes} 分钟内打出这几个字：{ERASE}\n改主意了不用管，或回复「不删了」。"
    )


def erased(orders: int) -> str:
    """Confirm a deletion, and say what was kept and why."""
    kept = f"保留了 {orders} 笔订单的金额和时间，法律要求记账，已经和你无关联。" if orders else "没有留下订单。"
    return (
        f"你的数据已删除。{kept}\n"
        "这条消息的收发记录用来防止重复处理，3 天后自动清除。再发消息就当作第一次认识，想学什么随时告诉我。"
    )


def not_erased_yet(*, payable: bool) -> str:
    """Say what has to be settled before a deletion."""
    if payable:
        return f"你有待付款的订单，现在还不能删除。先回复「{tap('取消订单', '取消订单')}」，再发「删除我的数据」。"
    return "你有一笔订单正在取消，等微信支付确认后才能删除。过几分钟再发「删除我的数据」。"


def nothing_erased() -> str:
    """Confirm that everything stays."""
    return "好的，什么都没有删。想学什么直接告诉我。"


def pay_again(order: Order, course: Course, priced: Priced, url: str) -> str:
    """Show the way back to an unpaid order, at the price of now with its coupon: the page charges that one."""
    was, price = yuan(order.amount_fen), yuan(priced.total_fen)
    changed = f"价格有变动：下单时 {was}，现在 {price}。\n" if was != price else ""
    lost = f"{coupon_fault(priced.coupon, priced.fault)}\n" if priced.fault else ""
    return f"{lost}{changed}《{course.title}》{price} 还没付款，{link(url, '点这里继续支付')}。"


def free_now(course: Course) -> str:
    """Say that a course which was ordered for money costs nothing any more."""
    return f"好消息，《{course.title}》现在免费了，回复「{tap('领取', '领取')}」马上开通，不用再付款。"


def nothing_to_cancel() -> str:
    """Answer 取消订单 when nothing is open."""
    return f"没有待付款的订单，不用取消。想退已经付款的课，回复「{tap('退款', '退款')}」。"


def cancelled(order: Order) -> str:
    """Confirm that an unpaid order is closed."""
    return f"《{order.title}》的订单已取消，没有扣款。想学别的直接告诉我。"


def being_cancelled(order: Order) -> str:
    """Say that WeChat Pay has still to confirm."""
    return f"正在取消《{order.title}》的订单，等微信支付确认，请先不要付款。回复「我的订单」可以看进度。"


def paid_after_all(order: Order) -> str:
    """Say that an order was paid before it could be cancelled."""
    return f"《{order.title}》已经付款了，取消不了。要退款的话，回复「{tap('退款', '退款')}」。"


def nothing_to_pay() -> str:
    """Answer 继续支付 when nothing is open."""
    return "没有待付款的订单。付过款但没开通的话，回复「我付了」，我马上去查。"


def checked_payment(titles: Sequence[str], together: Sequence[str] = (), given: Sequence[str] = ()) -> str:
    """Say what a fresh look at WeChat Pay found; ``together`` are paid seats in groups, ``given`` are gifts."""
    if given and not titles and not together:
        return f"查到了，送人的{'、'.join(f'《{title}》' for title in given)}已付款，回复「我的礼物」拿领取链接。"
    if together and not titles:
        return f"查到了，{'、'.join(f'《{title}》' for title in together)}的拼团已付款，回复「我的拼团」看进度。"
    if titles:
        return f"查到了，{'、'.join(f'《{title}》' for title in titles)}已开通，回复「我的课程」开始学习。"
    return "微信那边暂时没有查到新的付款。刚付完可能要等一会儿，稍后再回复「我付了」；仍有问题请回复「人工」。"


def disliked(course: Course) -> str:
    """Confirm that a course is hidden."""
    return f"好的，不再推荐《{course.title}》。点错了就回复「撤销」；要看别的就回复「换一批」。"


def disliked_before(course: Course) -> str:
    """Answer 不感兴趣 about a course that is hidden already."""
    return f"《{course.title}》之前已经不推荐了。要看别的就回复「换一批」。"


def owned_is_not_offered(course: Course) -> str:
    """Answer 不感兴趣 about a course of theirs."""
    return f"《{course.title}》已经是你的课，不会再推荐给你。要看别的就回复「换一批」。"


def dislike_undone(course: Course) -> str:
    """Confirm that it is shown again."""
    return f"已恢复《{course.title}》。"


def nothing_to_undo() -> str:
    """Answer 撤销 when nothing was hidden."""
    return "没有可以撤销的操作。"


def why(entries: Sequence[tuple[str, Recommendation]], shelf: Shelf) -> str:
    """Explain a list: for each course its strongest parts and their share of the score."""
    lines = []
    for number, (title, found) in enumerate(entries, 1):
        total = sum(abs(part.value) for part in found.parts) or 1.0
        parts = sorted(found.parts, key=lambda part: -abs(part.value))[:3]
        named = ((_part(part, found.item_id, shelf), part.value / total) for part in parts)
        shares = "，".join(f"{name} {share:+.0%}" for name, share in named)
        lines.append(f"{number}. {title}：{shares or '新课上架'}")
    return "\n".join(["每门课的推荐理由（占比）：", *lines, "觉得不准？回复「不感兴趣 数字」或「我的兴趣」调整。"])


def _part(part: Part, course_id: str, shelf: Shelf) -> str:
    match part.kind:
        case "query":
            return f"这门讲「{shelf.spell(part.term)}」" if part.typed else f"你提到「{shelf.spell(part.term)}」"
        case "interest":
            return f"你关注「{shelf.spell(part.term)}」"
        case "bought":
            title = shelf.title(part.term)
            return f"你学过《{title}》" if title else "你学过的课"
        case "alike":
            title = shelf.title(part.term)
            return f"和你学过的《{title}》相近" if title else "和你学过的课相近"
        case "learned":
            return f"聊到「{shelf.spell(part.term)}」的人学它"
        case "segment":
            return "兴趣相近的人学它"
        case "editor":
            return "老师推荐"
        case _:
            return "大家在学" if shelf.learners.get(course_id, 0) >= SEVERAL else "近期热度"


def handed_over(known: str = "") -> str:
    """Say that a person will answer, what they were told (``known``), and how to come back."""
    told = f"\n客服能看到：{known}。" if known else ""
    return (
        f"已帮你转给人工客服。直接在这里说明情况就行，工作人员看到后会回复你。{told}"
        f"\n这段时间我不插话，想让我继续就回复「{tap('结束人工', '结束人工')}」。"
    )


def human_over() -> str:
    """Say that the bot answers again."""
    return f"好的，接下来由我回答，想学什么直接告诉我；还要找人就回复「{tap('人工', '人工')}」。"


def left(opening: str) -> str:
    """Say that a message was kept for people; ``opening`` is when they read it, if there are hours."""
    when = f"{opening} 起会有人回复你" if opening else "工作人员看到后会联系你"
    return f"留言记下了，{when}。还要补充，就再回复「{tap('人工', '人工')}」。"


def closed(hours: str, opening: str) -> str:
    """Say when people answer, and take a message until then."""
    return f"人工客服的时间是{hours}，现在不在。请直接在这里留言，说明情况和联系方式，{opening} 起会有人回复你。"


def human(contact: str) -> str:
    """Say how to reach a person where nobody was handed over to."""
    if contact:
        return f"人工客服：{contact}。问订单的话，请带上订单尾号，回复「{tap('我的订单', '我的订单')}」可以看到。"
    return "请直接在这里留言，说明情况和联系方式，工作人员看到后会联系你。"


def refund(terms: RefundTerms, contact: str) -> str:
    """Say how a person gives money back: what to have ready, nothing beyond the rule."""
    return f"{refund_rule(terms)}退款由工作人员处理：{_reach(contact)}，说明想退哪一门，附上订单尾号。{_ORDER_TAIL}"


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


_LITTLE = {50: "学习未过半", 100: "没有学完"}


def tail_of(order: Order) -> str:
    """Return the end of an order's number, by which followers name it."""
    return order.order_no[-TAIL:]


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


def invoices(found: Sequence[Billable], contact: str) -> str:
    """List the orders that invoices may be asked for, and show how; without any, say when one may be."""
    if not found:
        return f"付过款的订单可以开发票，你还没有这样的订单。有疑问就{_reach(contact)}。"
    lines = [
        f"· 《{each.order.title}》{yuan(each.kept_fen)}｜尾号 {each.order.order_no[-TAIL:]}｜{_invoice_state(each)}"
        for each in found[:8]
    ]
    form = _invoice_form(found) if any(each.open for each in found) else f"要改已开的发票，{_reach(contact)}。"
    return "\n".join(["发票：", *lines, form])


def _invoice_state(each: Billable) -> str:
    if each.invoice is None:
        return "可申请" if each.kept_fen > 0 else "已退款，不能开"
    match each.invoice.state:
        case InvoiceState.REQUESTED if each.kept_fen <= 0:
            return "已退款，不开了"
        case InvoiceState.REQUESTED:
            return f"已申请，抬头 {each.invoice.title}"
        case InvoiceState.ISSUED:
            return f"已开，号码 {each.invoice.number}"
        case _:
            return "已红冲"


def _invoice_form(found: Sequence[Billable]) -> str:
    tail = next(each.order.order_no[-TAIL:] for each in found if each.open)
    return (
        "要开就回复一行：开票 尾号 抬头 税号，例如\n"
        f"开票 {tail} 某某科技有限公司 91350100M000100Y43\n"
        f"个人抬头不用税号：开票 {tail} 个人 张三\n"
        "开出之前再发一次就能改。"
    )


def invoice_wrong(why: str, found: Sequence[Billable]) -> str:
    """Say what is wrong with a form, and show how it should be."""
    told = {
        "title": "没看到发票抬头（100 个字以内）。",
        "no_tax_no": "单位抬头要带上税号；开给个人就在名字前面写「个人」。",
        "tax_no": "税号不对：应是 18 位统一社会信用代码，请核对有没有抄错。",
        "tail": "没有这个尾号的订单，请核对。",
        "which": "你有不止一笔订单，请带上订单尾号。",
    }[why]
    return f"{told}\n{invoices(found, '')}"


def invoice_settled(each: Billable, contact: str) -> str:
    """Say why nothing can be asked for an order any more."""
    return f"《{each.order.title}》的发票{_invoice_state(each)}。要改请{_reach(contact)}，附上订单尾号。"


def invoice_noted(each: Billable, *, changed: bool) -> str:
    """Confirm a request, whole, so that a slip is seen."""
    asked = each.invoice
    assert asked is not None, "it was written down a moment ago"
    number = f"\n税号 {asked.tax_no}" if asked.tax_no else "（个人）"
    return (
        f"发票申请{'改好' if changed else '记下'}了：《{each.order.title}》{yuan(each.kept_fen)}\n"
        f"抬头 {asked.title}{number}\n开好会告诉你。写错了就照原样再发一次，开出之前都能改。"
    )


def invoice_issued(title: str, amount_fen: int, number: str) -> str:
    """Tell that an invoice is out."""
    return f"《{title}》的发票开好了：{yuan(amount_fen)}，号码 {number}。没收到就回复「{tap('人工', '人工')}」。"


_ORDER_TAIL = f"尾号回复「{tap('我的订单', '我的订单')}」可以看到。"


def _reach(contact: str) -> str:
    return f"联系 {contact}" if contact else f"回复「{tap('人工', '人工')}」"


def discount() -> str:
    """Say that there is no coupon for them now, and what to do with a code."""
    return (
        "现在没有优惠券可以给你用。有优惠码就发「优惠码」加上码，比如「优惠码 SPRING」。"
        f"想省钱可以说「便宜点」，或看看{tap('免费课程', '免费课程')}。"
    )


def thanks() -> str:
    """Answer thanks."""
    return "不客气！想学什么，随时告诉我。"


def who(account: str) -> str:
    """Say who is talking."""
    return f"我是{account}，帮你找课的机器人。告诉我想学什么就行；想找真人，回复「{tap('人工', '人工')}」。"


def fine() -> str:
    """Answer 好的."""
    return f"好嘞。想学什么直接告诉我，也可以看看{tap('热门课程', '热门课程')}。"


def goodbye() -> str:
    """Say goodbye."""
    return "再见，想学习的时候随时找我。"


def wordless() -> str:
    """Answer a message of pictures and marks alone."""
    return f"收到～用一句话告诉我想学什么吧，比如「摄影」；或看看{tap('热门课程', '热门课程')}。"


def medium(kind: str) -> str:
    """Name what a message of some kind holds."""
    return MEDIA.get(kind, "内容")


def media(kind: str) -> str:
    """Acknowledge what the bot cannot read."""
    return f"收到你发的{kind}啦，不过我只看得懂文字。用一句话告诉我想学什么，或回复「帮助」。"


def heard(text: str) -> str:
    """Repeat what was understood of a voice message."""
    return f"我听到：{text}"


def paid(title: str, amount_fen: int, order_no: str, url: str) -> str:
    """Give the receipt, with the way to the first lesson."""
    return (
        f"付款成功，《{title}》已开通！\n金额 {yuan(amount_fen)}，订单 {order_no}\n"
        f"{link(url, '点这里开始学习')}，以后回复「我的课程」随时打开。"
    )


def paid_twice(title: str, amount_fen: int) -> str:
    """Tell about a payment that goes back."""
    return f"《{title}》你已经有了，多付的 {yuan(amount_fen)} 会自动原路退回，不用操作。"


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


def offer_gone(title: str, amount_fen: int) -> str:
    """Tell about a payment that came too late for its offer, and goes back."""
    return (
        f"《{title}》的付款到得太晚，优惠或名额已经没有了，没有开通。"
        f"付的 {yuan(amount_fen)} 会自动原路退回，不用操作；还想学就回复课程名，按现价购买。"
    )


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


def invite(url: str, own: str, terms: str, summary: Summary) -> str:
    """Give a follower their own invitation, and say how it stands."""
    return (
        f"{link(url, '👉 这是你的专属邀请页')}，转发给朋友就行；也可以在{link(own, '我的邀请')}里存下二维码。\n"
        f"{terms}\n{invited(summary)}"
    )


def invite_terms(terms: ReferralSettings) -> str:
    """Say what an invitation earns, and when."""
    days = terms.after_days
    window = f"付款 {days} 天后没有退款" if days else "付款后没有退款"
    most = f"¥{terms.reward_max_fen / 100:.2f}"
    share = f"实付的 {terms.reward_percent}%（最多 {most}）"
    fixed = f" ¥{min(terms.reward_fen, terms.reward_max_fen) / 100:.2f} "
    reward = share if terms.reward_percent else fixed
    return f"朋友打开后 {terms.friend_days} 天内第一次关注，第一次付款买课、{window}，你就能领{reward}奖励。"


def rewards_lost(fen: int) -> str:
    """Warn that a deletion takes rewards away that were not taken."""
    return f"⚠️ 还有 ¥{fen / 100:.2f} 邀请奖励没领，删除后就领不到了。"


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
    told = "，".join(f"{words} ¥{fen / 100:.2f}" for fen, words in rows if fen)
    return f"已有 {summary.friends} 位朋友通过你关注" + (f"：{told}。" if told else "，还没有奖励。")


def no_invite() -> str:
    """Say that friends are welcome, though nothing is paid for them."""
    return "现在没有邀请奖励。把公众号名片转给朋友就好；想学什么直接告诉我。"


def reward_ready(amount_fen: int, url: str) -> str:
    """Tell that something may be taken."""
    return f"你邀请的朋友买了课，奖励 ¥{amount_fen / 100:.2f} 可以领了，{link(url, '点这里领取')}。"


def reward_paid(amount_fen: int) -> str:
    """Tell that a reward was received."""
    return f"邀请奖励 ¥{amount_fen / 100:.2f} 已到账，可在微信钱包的账单里看到。谢谢你推荐朋友！"


def reward_back(amount_fen: int, url: str) -> str:
    """Tell that a transfer came to nothing, and may be taken again."""
    return (
        f"邀请奖励 ¥{amount_fen / 100:.2f} 没有到账（超过 24 小时没确认，或被撤销），{link(url, '可以重新领取')}。"
    )


def not_erased_while_paying(url: str) -> str:
    """Say that a transfer has to end before a deletion."""
    return f"你有一笔奖励正在发放，等它到账或过期后才能删除，{link(url, '点这里查看')}。"


def apology() -> str:
    """Answer when something of ours broke."""
    return "不好意思，我这边出了点小状况，请稍后再发一次；急的话回复「人工」。"


def unanswered() -> str:
    """Own up, later, to a message that was lost on the way."""
    return "不好意思，你刚才那条消息我没处理完，麻烦再发一次；急的话回复「人工」。"


def continued() -> str:
    """Invite to read on."""
    return "\n……（回复「更多」接着看）"


def nothing_more() -> str:
    """Answer 更多 when nothing is left."""
    return "没有更多内容了。想学什么，直接告诉我。"


def advertised(text: str, title: str, url: str) -> str:
    """Put the link to a course under the text of a broadcast."""
    return f'{text}\n\n<a href="{url}">看看《{title}》</a>'
