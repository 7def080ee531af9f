"""Values come back as they were given, from both databases alike."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import func, select

from ingufu.core.errors import InvalidInput
from ingufu.infra.storage.columns import EXACT_LIMIT
from ingufu.infra.storage.database import Database
from storage_samples import INSERT, SELECT, sample, samples


class Colour(StrEnum):
    RED = "red"


async def kept(database: Database, column: str, value: Any) -> Any:
    """Return what is read after `value` was written."""
    async with database.work() as work:
        work.execute(INSERT, sample("a", **{column: value}))
    row = await database.fetch_one(SELECT, {"wanted": "a"})
    assert row is not None
    return row[column]


@pytest.mark.parametrize(
    "at",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, 0, 123_456, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2100, 2, 28, 23, 59, 59, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
)
async def test_instants_keep_every_microsecond(sampled: Database, at: datetime) -> None:
    found = await kept(sampled, "at", at)
    assert found == at
    assert found.utcoffset() == timedelta(0)


async def test_naive_time_is_refused(sampled: Database) -> None:
    with pytest.raises(TypeError):
        await kept(sampled, "at", datetime(2026, 1, 1))  # noqa: DTZ001


async def test_instants_compare_and_sort(sampled: Database) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    async with sampled.work() as work:
        for hours in (3, 1, 2):
            work.execute(INSERT, sample(str(hours), at=start + timedelta(hours=hours)))
    late = select(samples.c.id).where(samples.c.at >= start + timedelta(hours=2)).order_by(samples.c.at)
    assert [row["id"] for row in await sampled.select(late)] == ["2", "3"]
    span = select(func.min(samples.c.at).label("first"), func.max(samples.c.at).label("last"))
    assert await sampled.select(span) == [{"first": start + timedelta(hours=1), "last": start + timedelta(hours=3)}]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", "0"),
        ("5000", "5000"),
        ("5E+3", "5000"),
        ("0.1", "0.1"),
        ("-12.345678", "-12.345678"),
        ("1.50", "1.5"),
        ("0.0000005", "0"),  # half to even
        ("0.0000015", "0.000002"),
        ("123456789.1234565", "123456789.123456"),
        ("9000000000000", "9000000000000"),
        ("-8999999999999.999999", "-8999999999999.999999"),
    ],
)
async def test_exact_decimals_have_six_places(sampled: Database, value: str, expected: str) -> None:
    found = await kept(sampled, "exact", Decimal(value))
    assert isinstance(found, Decimal)
    assert str(found) == expected


@pytest.mark.parametrize("value", ["9000000000000.000001", "-1E+13", "1E+400", "Infinity", "-Infinity"])
async def test_decimal_beyond_the_limit_is_invalid_input(sampled: Database, value: str) -> None:
    with pytest.raises(InvalidInput):
        await kept(sampled, "exact", Decimal(value))


async def test_whole_number_is_a_decimal_too(sampled: Database) -> None:
    assert await kept(sampled, "exact", 12) == Decimal(12)


async def test_no_number_is_invalid_input(sampled: Database) -> None:
    with pytest.raises(InvalidInput):
        await kept(sampled, "exact", Decimal("NaN"))


async def test_sums_of_decimals_are_exact(sampled: Database) -> None:
    async with sampled.work() as work:
        for number in range(1000):
            work.execute(INSERT, sample(f"{number}", exact=Decimal("0.1")))
    total = select(func.sum(samples.c.exact).label("total"), func.max(samples.c.exact).label("most"))
    assert await sampled.select(total) == [{"total": Decimal(100), "most": Decimal("0.1")}]
    assert len(await sampled.select(select(samples.c.id).where(samples.c.exact > Decimal("0.05")))) == 1000
    assert await sampled.select(select(samples.c.id).where(samples.c.exact >= EXACT_LIMIT)) == []


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": [1, 2.5, "x", None, True, {"ü": "\u2603"}], "nul": "a\0b"},
        "text",
        0,
        False,
        2**53,
        "\0",
    ],
)
async def test_json_comes_back(sampled: Database, value: Any) -> None:
    found = await kept(sampled, "json", value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", [True, False, None])
async def test_booleans_come_back_as_booleans(sampled: Database, value: bool | None) -> None:
    assert await kept(sampled, "flag", value) is value


@pytest.mark.parametrize("column", ["number", "big", "text", "flag", "real", "exact", "at", "json"])
async def test_nothing_comes_back_as_nothing(sampled: Database, column: str) -> None:
    assert await kept(sampled, column, None) is None
    found = await sampled.select(select(samples.c.id).where(samples.c[column].is_(None)))
    assert found == [{"id": "a"}]


@pytest.mark.parametrize(
    "value", ["", "Zoë 充电 \U0001f50c", "'; DROP TABLE samples; --", "a\r\n\t\x1f%s $1 :x ?", "e\u0301"]
)
async def test_text_comes_back(sampled: Database, value: str) -> None:
    assert await kept(sampled, "text", value) == value
    found = await sampled.select(select(samples.c.id).where(samples.c.text == value))
    assert found == [{"id": "a"}]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a\0b", "a\u2400b"), ("\0" * 3, "\u2400" * 3), ("ü\0", "ü\u2400"), ("half \ud83d", "half ?")],
)
async def test_what_no_text_can_hold_becomes_visible(sampled: Database, value: str, expected: str) -> None:
    assert await kept(sampled, "text", value) == expected
    found = await sampled.select(select(samples.c.id).where(samples.c.text == value))
    assert found == [{"id": "a"}]


async def test_enumerations_are_text(sampled: Database) -> None:
    assert await kept(sampled, "text", Colour.RED) == "red"


@pytest.mark.parametrize(
    ("column", "value"), [("number", 2**31 - 1), ("number", -(2**31)), ("big", 2**63 - 1), ("big", -(2**63))]
)
async def test_whole_numbers_come_back(sampled: Database, column: str, value: int) -> None:
    assert await kept(sampled, column, value) == value


@pytest.mark.parametrize(
    ("column", "value"), [("number", 2**31), ("number", -(2**31) - 1), ("big", 2**63), ("big", -(10**30))]
)
async def test_too_large_number_is_invalid_input_before_it_meets_others(
    sampled: Database, column: str, value: int
) -> None:
    work = sampled.work()
    with pytest.raises(InvalidInput):
        work.execute(INSERT, sample("a", **{column: value}))


async def test_too_large_number_in_a_question_is_invalid_input(sampled: Database) -> None:
    with pytest.raises(InvalidInput):
        await sampled.select(select(samples.c.id).limit(10**30))


@pytest.mark.parametrize("value", [0.0, 1.5, -1e-300, 1.7976931348623157e308, 0.1])
async def test_floats_keep_every_bit(sampled: Database, value: float) -> None:
    assert await kept(sampled, "real", value) == value


async def test_float_takes_a_decimal(sampled: Database) -> None:
    assert await kept(sampled, "real", Decimal("11.04")) == 11.04
