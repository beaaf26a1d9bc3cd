"""One token for all, fetched as seldom as possible and never used when it is old."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import AccountError, AccountUnknown
from tests.bot.account.standin import Line, a_standin


def run(work, **timeouts: float):
    async def go():
        async with a_standin(**timeouts) as standin:
            return await work(standin)

    return asyncio.run(go())


def test_a_token_is_fetched_once_and_kept():
    async def work(standin):
        keeper = standin.client().tokens
        return [await keeper.token(), await keeper.token()], standin.fetches

    assert run(work) == (["token-1", "token-1"], 1)


def test_many_callers_at_once_make_one_fetch():
    async def work(standin):
        keeper = standin.client().tokens
        tokens = await asyncio.gather(*(keeper.token() for _ in range(20)))
        return set(tokens), standin.fetches

    assert run(work) == ({"token-1"}, 1)


def test_another_worker_uses_the_token_of_the_first():
    async def work(standin):
        await standin.client().tokens.token()
        await standin.client().tokens.token()
        return standin.fetches

    assert run(work) == 1


@pytest.mark.parametrize(("seconds", "fetches"), [(6899, 1), (6900, 2)])
def test_a_token_is_renewed_five_minutes_before_its_end(seconds, fetches):
    async def work(standin):
        keeper = standin.client().tokens
        await keeper.token()
        standin.clock.move(seconds=seconds)
        await keeper.token()
        return standin.fetches

    assert run(work) == fetches


@pytest.mark.parametrize(("remaining", "used_for"), [(345, 45), (301, 30), (200, 30), (20, 20)])
def test_a_token_near_its_end_is_neither_kept_too_long_nor_fetched_at_each_call(remaining, used_for):
    async def work(standin):
        standin.expires_in = remaining
        keeper = standin.client().tokens
        await keeper.token()
        standin.clock.move(seconds=used_for - 1)
        await keeper.token()
        before = standin.fetches
        standin.clock.move(seconds=1)
        await keeper.token()
        return before, standin.fetches

    assert run(work) == (1, 2)


def test_expiring_an_old_token_leaves_the_newer_one():
    async def work(standin):
        keeper = standin.client().tokens
        await keeper.token()
        await keeper.expire("token-0")
        return await keeper.token(), standin.fetches

    assert run(work) == ("token-1", 1)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"access_token": "", "expires_in": 7200},
        {"access_token": 7, "expires_in": 7200},
        {"access_token": "t", "expires_in": "soon"},
        {"access_token": "t", "expires_in": 0},
    ],
)
def test_an_answer_without_a_usable_token_is_unknown_and_nothing_is_kept(data):
    async def work(standin):
        standin.token_answer = Line(data)
        with pytest.raises(AccountUnknown):
            await standin.client().tokens.token()
        return standin.store.kept

    assert run(work) == {}


def test_a_refused_secret_is_told_with_its_number_and_asked_again_next_time():
    async def work(standin):
        keeper = standin.client().tokens
        standin.token_answer = Line({"errcode": 40164, "errmsg": "invalid ip rid: 1-2-3"})
        with pytest.raises(AccountError) as refusal:
            await keeper.token()
        standin.token_answer = None
        return refusal.value.errcode, refusal.value.errmsg, await keeper.token()

    assert run(work) == (40164, "invalid ip rid: 1-2-3", "token-1")
