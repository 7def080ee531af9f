"""Column types that mean the same on SQLite and on PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, Numeric, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EXACT_PLACES = 6  # OCPP 2.x sends at most six decimal places
_SCALE = Decimal(10) ** EXACT_PLACES
_QUANTUM = Decimal(1).scaleb(-EXACT_PLACES)
EXACT_LIMIT = Decimal(9_000_000_000_000)  # what 64 bits hold at six places, rounded down: 9 TWh

_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode

BigId = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER PRIMARY KEY counts up by itself on SQLite


def _is_sqlite(dialect: Dialect) -> bool:
    return dialect.name == "sqlite"


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant: microseconds since 1970 on SQLite (compact, ordered), TIMESTAMPTZ on PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return BigInteger() if _is_sqlite(dialect) else TIMESTAMP(timezone=True)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        return _instant_to_integer if _is_sqlite(dialect) else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        del coltype
        return _integer_to_instant if _is_sqlite(dialect) else None


class Exact(TypeDecorator[Decimal]):
    """An exact decimal with six places: a scaled integer on SQLite (so that sums are exact), NUMERIC on PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return BigInteger() if _is_sqlite(dialect) else Numeric(20, EXACT_PLACES)

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | None], Any] | None:
        return _decimal_to_integer if _is_sqlite(dialect) else _quantised

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        del coltype
        return _integer_to_decimal if _is_sqlite(dialect) else _plain_decimal


class Json(TypeDecorator[Any]):
    """Plain JSON-able values as text; what must be searched has a column of its own."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        del dialect
        return _to_json

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        del dialect, coltype
        return _from_json


def _instant_to_integer(value: datetime | None) -> int | None:
    if value is None:
        return None
    return (value - EPOCH) // MICROSECOND


def _integer_to_instant(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + timedelta(microseconds=value)


def _decimal_to_integer(value: Decimal | None) -> int | None:
    if value is None:
        return None
    return int((value * _SCALE).to_integral_value(ROUND_HALF_EVEN))


def _integer_to_decimal(value: int | None) -> Decimal | None:
    return None if value is None else _shortest(Decimal(value).scaleb(-EXACT_PLACES))


def _quantised(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(_QUANTUM, ROUND_HALF_EVEN)


def _plain_decimal(value: Decimal | None) -> Decimal | None:
    return None if value is None else _shortest(value)


def _shortest(value: Decimal) -> Decimal:
    """Return the same number without trailing zeros and without an exponent: 5000, not 5E+3."""
    if value == value.to_integral_value():
        return value.quantize(Decimal(1))
    return value.normalize()


def _to_json(value: Any) -> str | None:  # any JSON-able value
    return None if value is None else _encode_json(value).decode()


def _from_json(value: str | None) -> Any:
    return None if value is None else _decode_json(value)
