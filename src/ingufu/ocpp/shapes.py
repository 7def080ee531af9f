"""The payload types as plain descriptions, per version, that say where and how a JSON value breaks them.

This is the slow and exact judge beside msgspec: it names every fault with its kind and place, knows what each version
of a family asks for, and is what the raw command interface and the repair of sloppy payloads stand on.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeAlias, cast

from msgspec import Struct, inspect

from ingufu.ocpp.faults import Kind, WireError
from ingufu.ocpp.payload import (
    EXPONENT_MAX,
    VENDOR_ID_MAX_LENGTH,
    CustomData,
    Payload,
    is_multiple,
)

Version: TypeAlias = Literal["1.6", "2.0.1", "2.1"]
Json: TypeAlias = Any  # whatever JSON holds; numbers with a point or an exponent are Decimal

ROOT: Final = "$"
SHOWN_LENGTH: Final = 40  # characters of a foreign text that a message repeats
_INSTANT: Final = re.compile(
    r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")


class Shape(Protocol):
    """What one place of a payload may hold."""

    # Every way in which `value`, found at `path`, breaks this shape.
    def faults(self, value: Json, path: str) -> Iterator[WireError]: ...


class Anything(Struct, frozen=True):
    """Any JSON value."""

    def faults(self, value: Json, path: str) -> Iterator[WireError]:  # noqa: ARG002 - nothing can be wrong
        yield from ()


class Truth(Struct, frozen=True):
    """true or false."""

    def faults(self, value: Json, path: str) -> Iterator[WireError]:
        if not isinstance(value, bool):
            yield _wrong_type(path, "true or false", value)


class Text(Struct, frozen=True, kw_only=True):
    """A string: one of `values` if given, at most `max_length` characters, matching `pattern`."""

    max_length: int | None = None
    values: tuple[str, ...] | None = None
    pattern: str | None = None

    def faults(self, value: Json, path: str) -> Iterator[WireError]:
        if not isinstance(value, str):
            yield _wrong_type(path, "a string", value)
        elif self.values is not None and value not in self.values:
            yield WireError(Kind.VALUE, path, f"{_shown(value)} is not one of the values of this field")
        elif self.max_length is not None and len(value) > self.max_length:
            yield WireError(Kind.VALUE, path, f"has {len(value)} characters, at most {self.max_length} are allowed")
        elif self.pattern is not None and not re.search(self.pattern, value):
            yield WireError(Kind.VALUE, path, "does not have the format of this field")


class Moment(Struct, frozen=True):
    """A date and time with zone, RFC 3339."""

    def faults(self, value: Json, path: str) -> Iterator[WireError]:
        if not isinstance(value, str):
            yield _wrong_type(path, "a date-time string", value)
        elif not is_instant(value):
            yield WireError(Kind.VALUE, path, "is not a date and time with zone as RFC 3339 writes it")


class Number(Struct, frozen=True, kw_only=True):
    """A JSON number between the bounds; `integer` asks for no fraction, `step` for exact multiples."""

    integer: bool = False
    minimum: int | None = None
    maximum: int | None = None
    step: Decimal | None = None

    def faults(self, value: Json, path: str) -> Iterator[WireError]:
        noun = "an integer" if self.integer else "a number"
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            yield _wrong_type(path, noun, value)
        elif isinstance(value, Decimal) and abs(value.adjusted()) > EXPONENT_MAX:
            yield WireError(Kind.VALUE, path, "is beyond an IEEE double")
        elif self.integer and value != int(value):
            yield _wrong_type(path, noun, value)
        elif self.minimum is not None and value < self.minimum:
            yield WireError(Kind.VALUE, path, f"must be at least {self.minimum}")
        elif self.maximum is not None and value > self.maximum:
            yield WireError(Kind.VALUE, path, f"must be at most {self.maximum}")
        elif self.step is not None and not is_multiple(Decimal(value), self.step):
            yield WireError(Kind.VALUE, path, f"must be a multiple of {self.step}")


class Listing(Struct, frozen=True, kw_only=True):
    """An array of one shape."""

    item: Shape
    min_items: int = 0
    max_items: int | None = None

    def faults(self, value: Json, path: str) -> Iterator[WireError]:
        if not isinstance(value, list):
            yield _wrong_type(path, "an array", value)
            return
        if len(value) < self.min_items:
            yield WireError(Kind.MISSING, path, f"needs at least {self.min_items} items")
        if self.max_items is not None and len(value) > self.max_items:
            yield WireError(Kind.TOO_MANY_ITEMS, path, f"has {len(value)} items, at most {self.max_items} are allowed")
        for index, item in enumerate(value):
            yield from self.item.faults(item, f"{path}[{index}]")


class Slot(Struct, frozen=True, kw_only=True):
    """One property of a record."""

    shape: Shape
    required: bool


class Record(Struct, frozen=True, kw_only=True):
    """An object with named properties; others are allowed only if it is `open`."""

    slots: Mapping[str, Slot]
    is_open: bool = False

    def faults(self, value: Json, path: str) -> Iterator[WireError]:
        if not isinstance(value, dict):
            yield (
                WireError(Kind.NOT_AN_OBJECT, path, "must be a JSON object")
                if path == ROOT
                else _wrong_type(path, "an object", value)
            )
            return
        for name, slot in self.slots.items():
            if name in value:
                yield from slot.shape.faults(value[name], f"{path}.{name}")
            elif slot.required:
                yield WireError(Kind.MISSING, f"{path}.{name}", "is required")
        for name in value if not self.is_open else ():
            if name not in self.slots:
                yield WireError(Kind.EXTRA, property_path(path, name), "is not a property of this object")


def is_instant(text: str) -> bool:
    """Whether `text` is a moment as RFC 3339 writes it, without leap seconds, in the years 1 to 9999 of UTC."""
    if not _INSTANT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True


@functools.cache
def shape_of(payload_type: type[Payload], version: Version | None = None) -> Record:
    """What a `payload_type` holds in this version; without one, in any version of its family."""
    described = inspect.type_info(payload_type)
    return _record(cast("inspect.StructType", described), version)  # payload types are structs


@functools.cache
def has_marks(payload_type: type[Payload], version: Version) -> bool:
    """Whether this version asks for more than the type itself."""
    return shape_of(payload_type, version) != shape_of(payload_type)


def property_path(path: str, name: str) -> str:
    """The path of a property that a station named, shortened and escaped if it is not a plain word."""
    return f"{path}.{name}" if _NAME.fullmatch(name) else f"{path}[{_shown(name)}]"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "...")


def _wrong_type(path: str, wanted: str, value: Json) -> WireError:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return WireError(Kind.TYPE, path, f"must be {wanted}, is {names.get(type(value), 'a number')}")


def _record(described: inspect.StructType, version: Version | None) -> Record:
    slots = {}
    for field in described.fields:
        marks = field.type.extra or {} if isinstance(field.type, inspect.Metadata) else {}
        if marks.get("since", version) != version and version is not None:
            continue
        required = field.required or marks.get(version, {}).get("required", False)
        slots[field.encode_name] = Slot(shape=_shape(field.type, version, {}), required=required)
    return Record(slots=MappingProxyType(slots))


def _shape(described: inspect.Type, version: Version | None, marks: Mapping[str, Any]) -> Shape:
    """The shape of a type, with `marks`, what this version alone asks for."""
    if isinstance(described, inspect.Metadata):
        extra = described.extra or {}
        newer = () if version in {None, "2.1"} else extra.get("values_since", {}).get("2.1", ())
        return _shape(described.type, version, {**marks, **extra.get(version, {}), "newer": newer})
    return _SHAPES[type(described)](described, version, marks)


def _struct(described: inspect.StructType, version: Version | None, _: Mapping[str, Any]) -> Shape:
    return shape_of(described.cls, version)


def _listing(described: inspect.VarTupleType, version: Version | None, _: Mapping[str, Any]) -> Shape:
    item = _shape(described.item_type, version, {})
    return Listing(item=item, min_items=described.min_length or 0, max_items=described.max_length)


def _text(described: inspect.StrType, _: Version | None, marks: Mapping[str, Any]) -> Shape:
    max_length = marks.get("max_length", described.max_length)
    return Text(max_length=max_length, values=marks.get("values"), pattern=described.pattern)


def _literal(described: inspect.LiteralType, _: Version | None, marks: Mapping[str, Any]) -> Shape:
    return Text(values=tuple(str(value) for value in described.values if value not in marks.get("newer", ())))


def _integer(described: inspect.IntType, _: Version | None, marks: Mapping[str, Any]) -> Shape:
    minimum, maximum = marks.get("ge", described.ge), marks.get("le", described.le)
    return Number(integer=True, minimum=minimum, maximum=maximum)


def _custom(described: inspect.CustomType, _: Version | None, marks: Mapping[str, Any]) -> Shape:
    if described.cls is CustomData:
        vendor_id = Slot(shape=Text(max_length=VENDOR_ID_MAX_LENGTH), required=True)
        return Record(slots=MappingProxyType({"vendorId": vendor_id}), is_open=True)
    number: Any = described.cls  # Any: static typing knows these only as Decimal
    whole = marks.get("integer", False)
    return Number(integer=whole, minimum=number.minimum, maximum=number.maximum, step=number.step)


_SHAPES: Final[Mapping[type[inspect.Type], Callable[[Any, Version | None, Mapping[str, Any]], Shape]]] = (
    MappingProxyType(
        {
            inspect.AnyType: lambda *_: Anything(),
            inspect.BoolType: lambda *_: Truth(),
            inspect.DateTimeType: lambda *_: Moment(),
            inspect.StrType: _text,
            inspect.LiteralType: _literal,
            inspect.IntType: _integer,
            inspect.CustomType: _custom,
            inspect.VarTupleType: _listing,
            inspect.StructType: _struct,
        }
    )
)
