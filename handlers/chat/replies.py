"""What a follower reads in the chat: warm, short, and always with the next thing to try.

Here are the names that all sentences share, greetings, lists, cards, data rights and small talk; the modules beside
this one hold the sentences of their topic (``replies_money``, ``replies_refunds``, ``replies_offers``, …).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from bot import amounts
from bot.errors import CouponFault
from bot.models import Course
from bot.offers.pricing import Priced
from bot.ports import BEIJING
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
LIMITS: Mapping[str, str] = {"price": "价格", "level": "难度", "length": "时长"}


def yuan(fen: int) -> str:
    """Show a price: free, whole yuan, or with its jiao and fen."""
    return money(fen) if fen else "免费"


def money(fen: int) -> str:
    """Show an amount of money as followers read it: whole yuan, or with its jiao and fen."""
    return f"¥{fen // 100}" if fen % 100 == 0 else f"¥{amounts.yuan(fen)}"


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

    Only words that the course uses are quoted, the strongest first, ``levels`` (零基础) after the subject.
    """
    if mode == "new":
        return "新上架"
    asked = [*found.matches]
    if not asked:
        if any(part.kind == "fresh" for part in found.rest):
            return "新上架，尝个鲜"
        return _strongest(found.reason, found.item_id, shelf)
    if levels:
        asked.sort(key=lambda part: part.term in levels)
    held = [part for part in asked if shelf.says(found.item_id, part.term)]
    if not held:
        return f"和「{shelf.spell(asked[0].term)}」沾点边"
    said = _said(held)
    if said and not (held[0].typed and said[0] in levels):
        return f"因为你提到「{'」「'.join(map(shelf.spell, said[:2]))}」"
    return f"这门讲「{shelf.spell(held[0].term)}」"


def _said(held: Sequence[Part]) -> list[str]:
    """Return the words that the follower wrote as the course has them, without the pieces of longer ones."""
    if len(held) == 1:
        return [] if held[0].typed else [held[0].term]
    wrote = whole([part.typed or part.term for part in held])
    return [part.term for part in held if not part.typed and part.term in wrote]


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


def reach(contact: str) -> str:
    """Say how a person is reached, inside a sentence."""
    return f"联系 {contact}" if contact else f"回复「{tap('人工', '人工')}」"


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
