"""Of requests with one key exactly one is the first, in whatever process."""

import asyncio
from collections import Counter

import pytest

from ingufu.accounts.model import InProgress, Mismatch, New, Replay
from ingufu.accounts.service import Accounts
from ingufu.infra.storage.opening import open_database

ANSWER = {"status": 201, "headers": {"Location": "/x/1"}, "body": '{"a":1}'}


async def test_repetition_gets_the_answer_of_the_first(accounts):
    assert await accounts.begin("me", "k", "hash") == New()
    assert await accounts.begin("me", "k", "hash") == InProgress()
    await accounts.finish("me", "k", **ANSWER)
    assert await accounts.begin("me", "k", "hash") == Replay(**ANSWER)
    assert await accounts.begin("me", "k", "other") == Mismatch()


async def test_keys_of_others_are_their_own(accounts):
    assert await accounts.begin("me", "k", "hash") == New()
    assert await accounts.begin("you", "k", "hash") == New()
    assert await accounts.begin("me", "k2", "hash") == New()


async def test_abandoned_key_can_be_used_again(accounts):
    await accounts.begin("me", "k", "hash")
    await accounts.abandon("me", "k")
    assert await accounts.begin("me", "k", "other") == New()


async def test_answer_once_kept_is_not_abandoned_or_changed(accounts):
    await accounts.begin("me", "k", "hash")
    await accounts.finish("me", "k", **ANSWER)
    await accounts.abandon("me", "k")
    await accounts.finish("me", "k", status=500, headers={}, body="")
    assert await accounts.begin("me", "k", "hash") == Replay(**ANSWER)


async def test_claim_of_a_dead_process_lapses(accounts, clock):
    await accounts.begin("me", "k", "hash")
    clock.advance(121)
    assert await accounts.begin("me", "k", "hash") == New()
    assert await accounts.begin("me", "k", "hash") == InProgress()


async def test_old_answer_makes_way(accounts, clock):
    await accounts.begin("me", "k", "hash")
    await accounts.finish("me", "k", **ANSWER)
    clock.advance(86_401)
    assert await accounts.begin("me", "k", "other") == New()
    await accounts.prune()
    assert await accounts.begin("me", "k", "other") == InProgress()


async def test_old_answers_are_pruned(accounts, clock):
    await accounts.begin("me", "k", "hash")
    clock.advance(86_401)
    await accounts.prune()
    assert await accounts.begin("me", "k", "other") == New()


@pytest.mark.parametrize("is_lapsed", [False, True])
async def test_of_many_at_once_in_two_processes_one_is_the_first(storage_url, clock, ids, is_lapsed):
    databases = [await open_database(storage_url) for _ in range(2)]
    try:
        processes = [Accounts(database, clock, ids) for database in databases]
        if is_lapsed:
            await processes[0].begin("me", "k", "hash")
            clock.advance(121)
        begun = await asyncio.gather(*(processes[n % 2].begin("me", "k", "hash") for n in range(20)))
        assert Counter(type(one) for one in begun) == {New: 1, InProgress: 19}
    finally:
        for database in databases:
            await database.close()
