"""Sentences about an unpaid order that is not for its buyer alone: a gift, or a seat in a group."""

from __future__ import annotations

from bot.texts.markup import link


def gift_to_pay(title: str, url: str) -> str:
    """Show the way back to a gift that was ordered and not paid."""
    return f"送朋友的《{title}》还没付款，{link(url, '点这里继续支付')}。"


def seat_to_pay(title: str, url: str) -> str:
    """Show the way back to a seat that is held and not paid."""
    return f"《{title}》的拼团名额还没付款，{link(url, '点这里继续支付')}。"
