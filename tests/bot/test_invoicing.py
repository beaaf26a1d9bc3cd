"""What a form for an invoice may be: tax numbers with their check digit, people without one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import invoicing
from bot.invoicing import ALPHABET, Form, FormWrong
from bot.store.invoices import TitleKind

CODE = "91350100M000100Y43"  # the example of GB 32100-2015
REAL = (CODE, "91440300708461136T", "911101085923662400", "91110000802100433B")
TAILS = ("8K2M9Q", "ABCD12")


@pytest.mark.parametrize("code", REAL)
def test_codes_that_are_in_use_are_valid(code):
    assert invoicing.valid_code(code)


@given(st.sampled_from(REAL), st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_noticed(code, at, char):
    spoilt = code[:at] + char + code[at + 1 :]

    assert invoicing.valid_code(spoilt) == (spoilt == code)


@pytest.mark.parametrize("code", ["", CODE[:-1], CODE + "0", CODE.replace("M", "I"), CODE.lower(), "1" * 15])
def test_what_has_not_eighteen_characters_of_the_alphabet_is_no_code(code):
    assert not invoicing.valid_code(code)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"8K2M9Q 某某科技有限公司 {CODE}", Form(TitleKind.COMPANY, "某某科技有限公司", CODE, "8K2M9Q")),
        (f"{CODE.lower()}，某某科技有限公司，8k2m9q", Form(TitleKind.COMPANY, "某某科技有限公司", CODE, "8K2M9Q")),
        (f"抬头：某某公司 税号 {CODE}", None),
        (f"抬头：某某公司\n{CODE}", Form(TitleKind.COMPANY, "某某公司", CODE)),
        (f"ABC Ltd {CODE}", Form(TitleKind.COMPANY, "ABC Ltd", CODE)),
        ("个人 张三", Form(TitleKind.PERSON, "张三", "")),
        ("个人", Form(TitleKind.PERSON, "个人", "")),
        ("ABCD12 个人", Form(TitleKind.PERSON, "个人", "", "ABCD12")),
        (f"个人独资厂 {CODE}", Form(TitleKind.COMPANY, "个人独资厂", CODE)),
    ],
)
def test_a_form_is_read_in_any_order(text, form):
    read = invoicing.read_form(text, TAILS)

    assert read == (form or Form(TitleKind.COMPANY, "某某公司", CODE))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("某某公司", "no_tax_no"),
        ("某某公司 91350100M000100Y44", "tax_no"),
        ("某某公司 123456789012345", "tax_no"),
        (CODE, "title"),
        ("8K2M9Q", "title"),
        (f"{'长' * 101} {CODE}", "title"),
        (f"<b>公司 {CODE}", "title"),
        (f"9K2M9Q 某某公司 {CODE}", "tail"),
        ("XKCDEF 个人 张三", "tail"),
        ("8K2M9Q 某某公司 123", "no_tax_no"),
    ],
)
def test_what_is_wrong_with_a_form_is_named(text, why):
    with pytest.raises(FormWrong) as wrong:
        invoicing.read_form(text, TAILS)

    assert wrong.value.why == why
