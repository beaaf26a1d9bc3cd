"""Followers read one form of an amount everywhere: whole yuan without jiao and fen, others with both."""

import pytest

from bot.config import ReferralSettings
from handlers.chat import replies, replies_offers


@pytest.mark.parametrize(
    ("fen", "shown"), [(0, "¥0"), (5, "¥0.05"), (500, "¥5"), (550, "¥5.50"), (123_400, "¥1234")], ids=str
)
def test_lists_and_rewards_write_an_amount_alike(fen, shown):
    assert replies.money(fen) == shown
    assert replies.yuan(fen) == (shown if fen else "免费")
    assert f"奖励 {shown} 可以领了" in replies_offers.reward_ready(fen, "https://shop.example.cn/rewards")
    assert f"奖励 {shown} 已到账" in replies_offers.reward_paid(fen)


def test_the_terms_of_an_invitation_name_whole_yuan():
    terms = ReferralSettings(reward_fen=500, reward_max_fen=20_000)

    assert "你就能领 ¥5 奖励" in replies_offers.invite_terms(terms, 30)
