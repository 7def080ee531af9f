"""Passwords are stored as hashes, compared safely, and accepted in the forms in which stations send them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.errors import InvalidInput
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
