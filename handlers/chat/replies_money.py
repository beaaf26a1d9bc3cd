"""The sentences about orders, payments and invoices, in the manner of ``replies.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.invoicing import TAIL, Billable
from bot.models import Course, Order, OrderState, Purpose
from bot.offers.pricing import Priced
from bot.store.invoices import InvoiceState
from bot.texts.markup import link, tap
from handlers.chat.replies import coupon_fault, reach, yuan
from handlers.chat.replies_offers import quote_lines

ORDER_STATES: Mapping[OrderState, str] = {
    OrderState.PENDING: "待付款",
    OrderState.PAID: "已付款",
    OrderState.CANCELLED: "已取消",
    OrderState.REFUNDED_PART: "部分退款",
    OrderState.REFUNDED: "已退款",
}


def my_orders(
    orders: Sequence[Order], now: datetime, back: Mapping[str, str], *, payable: bool, url: str = ""
) -> str:
    """List a follower's orders; ``payable``: 继续支付 would find one. ``url`` is the page with all of them.

    ``back`` tells, by the number of an order, how far its refund has got that is not over.
    """
    if not orders:
        return f"你还没有订单。看看{tap('热门课程', '热门课程')}？"
    lines = [
        f"· {o.title} {yuan(o.amount_fen)}{_made_of(o)}\n   {_stands(o, now, back)}｜尾号 {tail_of(o)}"
        for o in orders[:8]
    ]
    again, off = tap("继续支付", "继续支付"), tap("取消订单", "取消订单")
    tail = [f"最近一笔待付款订单：回复「{again}」去付款，回复「{off}」取消。"] if payable else []
    page = [f"{link(url, '点这里看全部订单和退款')}，也可以回复「{tap('退款', '退款')}」。"] if url else []
    return "\n".join(["你的订单：", *lines, *tail, *page])


def _stands(order: Order, now: datetime, back: Mapping[str, str]) -> str:
    gift = "礼物" if order.purpose is Purpose.GIFT else ""
    return "｜".join(part for part in (gift, order_state(order, now), back.get(order.order_no, "")) if part)


def _made_of(order: Order) -> str:
    """Explain the price of an order, if there is anything to explain."""
    parts = [" ".join(part) for part in quote_lines(order.lines)]
    return f"（{'，'.join(parts)}）" if parts else ""


def order_state(order: Order, now: datetime) -> str:
    """Say in a word where an order stands."""
    over = order.state is OrderState.PENDING and order.expires_at <= now
    return "正在取消" if over else ORDER_STATES[order.state]


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


def tail_of(order: Order) -> str:
    """Return the end of an order's number, by which followers name it."""
    return order.order_no[-TAIL:]


def paid(title: str, amount_fen: int, order_no: str, url: str) -> str:
    """Give the receipt, with the way to the first lesson."""
    return (
        f"付款成功，《{title}》已开通！\n金额 {yuan(amount_fen)}，订单 {order_no}\n"
        f"{link(url, '点这里开始学习')}，以后回复「我的课程」随时打开。"
    )


def paid_twice(title: str, amount_fen: int) -> str:
    """Tell about a payment that goes back."""
    return f"《{title}》你已经有了，多付的 {yuan(amount_fen)} 会自动原路退回，不用操作。"


def offer_gone(title: str, amount_fen: int) -> str:
    """Tell about a payment that came too late for its offer, and goes back."""
    return (
        f"《{title}》的付款到得太晚，优惠或名额已经没有了，没有开通。"
        f"付的 {yuan(amount_fen)} 会自动原路退回，不用操作；还想学就回复课程名，按现价购买。"
    )


def invoices(found: Sequence[Billable], contact: str) -> str:
    """List the orders that invoices may be asked for, and show how; without any, say when one may be."""
    if not found:
        return f"付过款的订单可以开发票，你还没有这样的订单。有疑问就{reach(contact)}。"
    lines = [
        f"· 《{each.order.title}》{yuan(each.kept_fen or each.order.amount_fen)}"
        f"｜尾号 {each.order.order_no[-TAIL:]}｜{_invoice_state(each)}"
        for each in found[:8]
    ]
    form = _invoice_form(found) if any(each.open for each in found) else f"要改已开的发票，{reach(contact)}。"
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
    return f"《{each.order.title}》的发票{_invoice_state(each)}。要改请{reach(contact)}，附上订单尾号。"


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
