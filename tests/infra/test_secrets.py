"""Passwords are stored as hashes, compared safely, and accepted in the forms in which stations send them."""

import asyncio
import random

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.errors import InvalidInput, TooManyRequests
from ingufu.infra import secrets

RANDOM = random.Random(7).randbytes
HEX_KEY = "00ff80c3A1b2c3d4e5f60718293a4b5c6d7e8f90"


def test_text_password_opens_by_its_bytes_only():
    stored = secrets.hash_station_password("grüße-von-der-säule", RANDOM)
    assert secrets.station_password_matches(stored, "grüße-von-der-säule".encode())
    assert not secrets.station_password_matches(stored, "grüße-von-der-säulE".encode())
    assert not secrets.station_password_matches(stored, b"")


def test_hex_key_of_1_6_opens_as_bytes_and_as_text_in_either_case():
    stored = secrets.hash_station_password(HEX_KEY, RANDOM)
    for sent in (bytes.fromhex(HEX_KEY), HEX_KEY.encode(), HEX_KEY.lower().encode(), HEX_KEY.upper().encode()):
        assert secrets.station_password_matches(stored, sent)
    assert not secrets.station_password_matches(stored, bytes.fromhex(HEX_KEY)[:-1])
    assert not secrets.station_password_matches(stored, HEX_KEY[:-2].encode())


def test_station_without_a_password_opens_to_none():
    for sent in (b"", b"anything-at-all-16", bytes(16)):
        assert not secrets.station_password_matches(None, sent)


def test_same_password_is_stored_differently_each_time_and_never_readably():
    first, second = (secrets.hash_station_password("a-key-of-16-chars", RANDOM) for _ in range(2))
    assert first != second
    assert "a-key" not in first


@pytest.mark.parametrize(
    "password", ["", "x" * 15, "too-short", "a" * 16, "abab" * 8, "a-key-of-16-chars\n", "ab3" * 22]
)
def test_what_is_no_key_is_refused(password):
    with pytest.raises(InvalidInput):
        secrets.hash_station_password(password, RANDOM)


def test_made_password_is_one_that_every_version_takes():
    made = secrets.make_station_password(RANDOM)
    assert len(made) == 40
    assert secrets.station_password_flaw(made) is None


LETTERS = st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=["Cc", "Cf", "Zs"])


@given(st.text(LETTERS, min_size=11, max_size=59), st.binary())
def test_only_the_password_itself_opens(beginning, other):
    password = f"{beginning}01ghi"
    stored = secrets.hash_station_password(password, RANDOM)
    assert secrets.station_password_matches(stored, password.encode())
    assert secrets.station_password_matches(stored, other) == (other == password.encode())


@pytest.fixture
def hasher():
    return secrets.PasswordHasher(
        argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1), threads=1, waiting=3
    )


async def test_persons_password_opens_and_nothing_else(hasher):
    stored = await hasher.hash("a quiet morning")
    assert stored.startswith("$argon2id$")
    assert await hasher.matches(stored, "a quiet morning")
    assert not await hasher.matches(stored, "a quiet mourning")
    assert not await hasher.matches("no hash at all", "a quiet morning")


async def test_nobody_has_no_password_not_even_the_one_compared_with(hasher):
    assert not await hasher.matches(None, "")
    assert not await hasher.matches(None, secrets._NOBODY)


async def test_hashing_is_bounded_and_recovers(hasher):
    results = await asyncio.gather(*(hasher.hash("x") for _ in range(20)), return_exceptions=True)
    assert [type(one) for one in results].count(TooManyRequests) == 16
    assert await hasher.hash("x")


async def test_hash_of_other_parameters_is_outdated(hasher):
    stored = await hasher.hash("x")
    assert not hasher.is_outdated(stored)
    assert secrets.PasswordHasher().is_outdated(stored)


def test_tokens_are_long_different_and_of_plain_signs():
    tokens = {secrets.make_token(RANDOM) for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 52 and token.isalnum() and token.isascii() for token in tokens)
    assert secrets.token_hash("a") != secrets.token_hash("b")
