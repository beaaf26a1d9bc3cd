"""The numbers of orders: for people to name, and for nobody to guess."""

from datetime import UTC, datetime

from bot.invoicing import TAIL
from bot.orders import new_order_no

NUMBERS = [new_order_no(datetime(2026, 11, 25, tzinfo=UTC)) for _ in range(1_000)]


def test_the_end_by_which_people_name_an_order_is_no_word():
    assert all(any(map(str.isdigit, number[-TAIL:])) for number in NUMBERS)


def test_a_number_shows_the_day_and_is_never_drawn_twice():
    assert {len(number) for number in NUMBERS} == {18}
    assert all(number.startswith("ZK261125") for number in NUMBERS)
    assert len(set(NUMBERS)) == len(NUMBERS)
