"""What is kept of a change."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ingufu.accounts.service.changes import MOST_FIELDS, changes


class Colour(StrEnum):
    RED = "red"


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    power: Decimal = Decimal("1.50")
    since: datetime = datetime(2026, 3, 1, tzinfo=UTC)
    colour: Colour | None = None
    api_key: str | None = None


def test_only_fields_that_differ_are_kept():
    before = Thing(name="a")
    assert changes(before, Thing(name="b", colour=Colour.RED)) == {
        "name": {"before": "a", "after": "b"},
        "colour": {"before": None, "after": "red"},
    }
    assert changes(before, before) == {}


def test_what_was_made_has_no_before_and_what_is_gone_no_after():
    made = changes(None, Thing(name="a"))
    assert made["power"] == {"before": None, "after": "1.50"}
    assert "colour" not in made
    assert changes({"name": "a"}, None) == {"name": {"before": "a", "after": None}}
    assert changes(None, None) == {}


def test_fields_that_only_one_side_names_count_as_unchanged():
    assert changes(Thing(name="a"), {"name": "b"}) == {"name": {"before": "a", "after": "b"}}
    assert changes(Thing(name="a"), {"name": msgspec.UNSET, "power": Decimal("1.50")}) == {}


def test_secret_is_kept_only_as_the_fact_that_it_changed():
    kept = changes({"password_hash": None, "api_key": "ZQXJ1"}, {"password_hash": "ZQXJ", "api_key": "ZQXJ2"})
    assert kept == {"password": {"before": None, "after": "***"}, "api_key": {"before": "***", "after": "***"}}
    assert "ZQXJ" not in str(changes({"at": {}}, {"at": {"url": "ftp://me:ZQXJ@198.51.100.1/x", "pin": "ZQXJ"}}))


def test_hostile_sizes_are_bounded():
    large = changes(None, {f"field{number}": "x" * 100_000 for number in range(500)})
    assert len(large) == MOST_FIELDS + 1
    assert len(str(large)) < 250_000
    assert changes(None, {'na"me\x00': "a\x00b"})
