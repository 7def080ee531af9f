"""Column types that mean the same on SQLite and on PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, Numeric, String, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

from ingufu.core.errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EXACT_PLACES = 6  # OCPP 2.x sends at most six decimal places
_SCALE = Decimal(10) ** EXACT_PLACES
_UNITS = 10**EXACT_PLACES
_SCALED_LIMIT = 9_000_000_000_000 * 10**EXACT_PLACES
_QUANTUM = Decimal(1).scaleb(-EXACT_PLACES)
EXACT_LIMIT = Decimal(9_000_000_000_000)  # what 64 bits hold at six places, rounded down: 9 TWh

_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode

Processor = Callable[[Any], Any]

_INTEGER_END = 2**31
_BIG_INTEGER_END = 2**63
_NUL_PICTURE = "\u2400"  # what stands for the NUL character, which PostgreSQL cannot store

# PostgreSQL's codes of the types whose conversion SQLAlchemy chooses by what the server says it sends
_WIRE_CODES = {"float": 701, "double": 701, "double_precision": 701, "numeric": 1700}

BigId = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER PRIMARY KEY counts up by itself on SQLite


def binder(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """Return what turns a value into the driver's, and refuses with InvalidInput what one of the databases cannot hold.

    Such a value is found where it is given, before it joins the commit of others, and on both databases alike.
    """
    processor: Processor | None = kind.dialect_impl(dialect).bind_processor(dialect)
    if processor is not None or isinstance(kind, TypeDecorator):
        return processor
    if isinstance(kind, String):
        return clean_text
    if isinstance(kind, BigInteger):
        return big_integer
    return integer if isinstance(kind, Integer) else None


def reader(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """Return what turns the driver's value into ours, or None if it is already."""
    code = None if _is_sqlite(dialect) else _WIRE_CODES.get(kind.__visit_name__)
    processor: Processor | None = kind.dialect_impl(dialect).result_processor(dialect, code)
    return processor


def clean_text(value: str) -> str:
    """Return `value` with a visible sign for what cannot be stored: NUL characters and halves of surrogate pairs."""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", _NUL_PICTURE).encode(errors="replace").decode()


def integer(value: int) -> int:
    """Return the value. Raises InvalidInput if 32 bits do not hold it."""
    if -_INTEGER_END <= value < _INTEGER_END:
        return value
    raise InvalidInput(f"The number {value:.6g} is too large for its place (32 bits).")


def big_integer(value: int) -> int:
    """Return the value. Raises InvalidInput if 64 bits do not hold it."""
    if -_BIG_INTEGER_END <= value < _BIG_INTEGER_END:
        return value
    raise InvalidInput("The number is too large for its place (64 bits).")


def _is_sqlite(dialect: Dialect) -> bool:
    return dialect.name == "sqlite"


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant: microseconds since 1970 on SQLite (compact, ordered), TIMESTAMPTZ on PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return BigInteger() if _is_sqlite(dialect) else TIMESTAMP(timezone=True)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        return instant_to_integer if _is_sqlite(dialect) else _aware

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        del coltype
        return _integer_to_instant if _is_sqlite(dialect) else _utc


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


def instant_to_integer(value: datetime | None) -> int | None:
    """Return the microseconds since 1970."""
    return None if value is None else (value - EPOCH) // MICROSECOND


def _aware(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:  # the driver would take it for local time
        raise TypeError("An instant must be aware of its time zone.")
    return value


def _integer_to_instant(value: int | None) -> datetime | None:
    if value is None:
        return None
    try:
        return EPOCH + value * MICROSECOND
    except OverflowError:  # in UTC it is a day that calendars do not have: the last of 9999 at the west of all
        return datetime.max.replace(tzinfo=UTC) if value > 0 else datetime.min.replace(tzinfo=UTC)


def _utc(value: datetime | None) -> datetime | None:
    """Return the driver's value, which is aware but for the first and the last instant of all."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _decimal_to_integer(value: Decimal | int | None) -> int | None:
    if type(value) is Decimal:  # as nearly all are: without a detour by a quantised decimal
        try:
            scaled = int(value.scaleb(EXACT_PLACES).to_integral_value(ROUND_HALF_EVEN))
        except (ValueError, ArithmeticError):  # what is no number, or without bounds
            return _scaled(value)
        return scaled if -_SCALED_LIMIT <= scaled <= _SCALED_LIMIT else _scaled(value)
    return _scaled(value)


def _scaled(value: Decimal | int | None) -> int | None:
    exact = _quantised(value)
    return None if exact is None else int(exact * _SCALE)


def _integer_to_decimal(value: int | None) -> Decimal | None:
    if value is None:
        return None
    whole, rest = divmod(value, _UNITS)
    return Decimal(value).scaleb(-EXACT_PLACES).normalize() if rest else Decimal(whole)


def _quantised(value: Decimal | int | None) -> Decimal | None:
    if value is None:
        return None
    try:
        is_kept = -EXACT_LIMIT <= value <= EXACT_LIMIT
    except InvalidOperation:  # what is no number cannot be compared
        is_kept = False
    if not is_kept:
        raise InvalidInput(f"The value {Decimal(value):.6g} cannot be kept exactly: it is too large.")
    return Decimal(value).quantize(_QUANTUM, ROUND_HALF_EVEN)


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
