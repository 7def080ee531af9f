"""Repairs of sloppy payloads: what a station evidently meant, with a note of everything that was changed.

The rules are generic; quirks of single models belong elsewhere. Two principles:

- What is optional and unusable is left out, with a note. What is required and unusable makes the whole unusable, and
  that goes up to the next optional thing, or to an item of a list.
- A reading must never come to mean something else. If its measurand, unit, phase or the like is unknown, the sample is
  left out whole, because without the field it would count as imported energy in Wh.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from ingufu.ocpp.faults import Kind, WireError
from ingufu.ocpp.payload import EXPONENT_MAX, is_multiple, to_json
from ingufu.ocpp.shapes import (
    ROOT,
    Anything,
    Json,
    Listing,
    Moment,
    Number,
    Record,
    Shape,
    Text,
    Truth,
    is_instant,
    property_path,
)

REPAIRS_MAX: Final = 100  # noted per payload; more of them tell nothing new, and cost memory
WAS_LENGTH_MAX: Final = 1000  # characters of the original that a repair keeps
CUT_MARK: Final = "\N{HORIZONTAL ELLIPSIS}"  # ends a shortened text, so that a cut id token equals no real one

_ENCODER: Final = msgspec.json.Encoder(enc_hook=to_json, decimal_format="number")
_WIDE: Final = Context(prec=EXPONENT_MAX + 3)  # digits enough for every number that a shape lets pass
_SAMPLE_MEANING: Final = frozenset({"measurand", "phase", "location", "unit", "format", "unitOfMeasure"})
_UNIT_MEANING: Final = frozenset({"unit", "multiplier"})
_OTHER: Final = ("Other", "OtherError")  # values that stand for all unknown ones
_INTEGER_TEXT: Final = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
_NUMBER_TEXT: Final = re.compile(r"\s*[+-]?[0-9]{1,40}(?:\.[0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?\s*")
_TIME_TEXT: Final = re.compile(
    r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]+([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9})[0-9]*)?)?"
    r"\s*(?:([Zz]|UTC|GMT)|([+-])([0-9]{1,2})(?::?([0-9]{2}))?)?\s*"
)


class RepairKind(StrEnum):
    """What was done to a payload."""

    PLACEHOLDER_DROPPED = "placeholder-dropped"  # null, or empty where something was meant to be
    PROPERTY_DROPPED = "property-dropped"  # not known to the schema
    VALUE_DROPPED = "value-dropped"  # optional and unusable
    ITEM_DROPPED = "item-dropped"  # of a list, unusable
    ITEMS_CUT = "items-cut"  # beyond the longest list allowed
    SHORTENED = "shortened"
    RETYPED = "retyped"  # "5" for 5, 5 for "5"
    RESPELT = "respelt"  # an enum value in the wrong case or with blanks
    REPLACED = "replaced"  # an unknown enum value by Other
    ROUNDED = "rounded"
    WRAPPED = "wrapped"  # one thing where a list was due
    ZONE_ASSUMED = "zone-assumed"  # a time without zone, taken as UTC
    TIME_RESPELT = "time-respelt"


class Repair(Struct, frozen=True, kw_only=True):
    """One change that made a payload usable. `was` is the station's own JSON, shortened; treat it as unchecked."""

    kind: RepairKind
    path: str
    was: str


Log: TypeAlias = list[Repair]


def mend(shape: Shape, value: Json) -> tuple[Json, tuple[Repair, ...]]:
    """`value` as near to what came as `shape` allows, and what was changed.

    Raises WireError if something required is missing or beyond repair.
    """
    log: Log = []
    return _mend(shape, value, ROOT, log), tuple(log)


def _mend(shape: Shape, value: Json, path: str, log: Log) -> Json:
    return _MENDERS[type(shape)](shape, value, path, log)


def _note(log: Log, kind: RepairKind, path: str, was: Json) -> None:
    if len(log) < REPAIRS_MAX:
        text = _ENCODER.encode(was).decode()
        log.append(Repair(kind=kind, path=path, was=text[:WAS_LENGTH_MAX]))


def _raise_fault(shape: Shape, value: Json, path: str) -> None:
    if fault := next(shape.faults(value, path), None):
        raise fault


def _mend_record(shape: Record, value: Json, path: str, log: Log) -> Json:
    if not isinstance(value, dict):
        _raise_fault(shape, value, path)
    mended = dict(value) if shape.is_open else {}
    for name, slot in shape.slots.items():
        if name not in value:
            if slot.required:
                raise WireError(Kind.MISSING, f"{path}.{name}", "is required")
        elif not slot.required and _is_placeholder(slot.shape, value[name]):
            _note(log, RepairKind.PLACEHOLDER_DROPPED, f"{path}.{name}", value[name])
        elif slot.required or name in _meaning(shape):
            mended[name] = _mend(slot.shape, value[name], f"{path}.{name}", log)
        else:
            mended.update(_mend_optional(name, slot.shape, value[name], (path, log)))
    for name in value if not shape.is_open else ():
        if name not in shape.slots:
            _note(log, RepairKind.PROPERTY_DROPPED, property_path(path, name), value[name])
    return mended


def _mend_optional(name: str, shape: Shape, value: Json, at: tuple[str, Log]) -> dict[str, Json]:
    path, log = at
    place, notes = f"{path}.{name}", len(log)
    try:
        return {name: _mend(shape, value, place, log)}
    except WireError:
        del log[notes:]
        _note(log, RepairKind.VALUE_DROPPED, place, value)
        return {}


def _is_placeholder(shape: Shape, value: Json) -> bool:
    """Whether `value` only fills the place of something absent, where the schema does not let it."""
    return (value is None or value in ("", [], {})) and any(shape.faults(value, ROOT))


def _meaning(shape: Record) -> frozenset[str]:
    """The optional fields without which the record would say something else."""
    if "measurand" in shape.slots and "value" in shape.slots:
        return _SAMPLE_MEANING
    return _UNIT_MEANING if "multiplier" in shape.slots else frozenset()


def _mend_listing(shape: Listing, value: Json, path: str, log: Log) -> Json:
    if not isinstance(value, list):
        if value is None:
            _raise_fault(shape, value, path)
        _note(log, RepairKind.WRAPPED, path, value)
        value = [value]
    mended, first_fault = [], None
    for index, item in enumerate(value):
        notes, place = len(log), f"{path}[{index}]"
        try:
            mended.append(_mend(shape.item, item, place, log))
        except WireError as error:
            first_fault = first_fault or error
            del log[notes:]
            _note(log, RepairKind.ITEM_DROPPED, place, item)
    if len(mended) < shape.min_items:
        raise first_fault or WireError(Kind.MISSING, path, f"needs at least {shape.min_items} items")
    if shape.max_items is not None and len(mended) > shape.max_items:
        _note(log, RepairKind.ITEMS_CUT, path, mended[shape.max_items :])
    return mended[: shape.max_items]


def _mend_text(shape: Text, value: Json, path: str, log: Log) -> Json:
    text = value
    if isinstance(value, bool | int | Decimal):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        _note(log, RepairKind.RETYPED, path, value)
    if isinstance(text, str) and shape.values is not None:
        text = _known_value(text, shape.values, path, log)
    elif isinstance(text, str) and shape.max_length is not None and len(text) > shape.max_length:
        _note(log, RepairKind.SHORTENED, path, value)
        text = text[: shape.max_length - len(CUT_MARK)] + CUT_MARK
    _raise_fault(shape, text, path)
    return text


def _known_value(text: str, values: tuple[str, ...], path: str, log: Log) -> str:
    if text in values:
        return text
    folded = text.strip().casefold()
    for value in values:
        if value.casefold() == folded:
            _note(log, RepairKind.RESPELT, path, text)
            return value
    for value in values:
        if value in _OTHER and folded:
            _note(log, RepairKind.REPLACED, path, text)
            return value
    return text


def _mend_number(shape: Number, value: Json, path: str, log: Log) -> Json:
    number = value
    if isinstance(value, str) and (_INTEGER_TEXT if shape.integer else _NUMBER_TEXT).fullmatch(value):
        number = Decimal(value.strip())
        _note(log, RepairKind.RETYPED, path, value)
    if isinstance(number, Decimal) and abs(number.adjusted()) <= EXPONENT_MAX:
        number = _rounded(shape, number, path, log)
    _raise_fault(shape, number, path)
    return number


def _rounded(shape: Number, number: Decimal, path: str, log: Log) -> int | Decimal:
    step = Decimal(1) if shape.integer else shape.step
    if step is None:
        return number
    near = number if is_multiple(number, step) else number.quantize(step, ROUND_HALF_EVEN, _WIDE)
    if near != number:
        _note(log, RepairKind.ROUNDED, path, number)
    return int(near) if shape.integer else near


def _mend_truth(shape: Truth, value: Json, path: str, log: Log) -> Json:
    words = {"true": True, "false": False, "1": True, "0": False}
    word = str(value).strip().casefold()
    if isinstance(value, str | int) and not isinstance(value, bool) and word in words:
        _note(log, RepairKind.RETYPED, path, value)
        return words[word]
    _raise_fault(shape, value, path)
    return value


def _mend_moment(shape: Moment, value: Json, path: str, log: Log) -> Json:
    if isinstance(value, str) and not is_instant(value) and (found := _TIME_TEXT.fullmatch(value)):
        has_zone = found[5] or found[6]
        _note(log, RepairKind.TIME_RESPELT if has_zone else RepairKind.ZONE_ASSUMED, path, value)
        value = _respelt(found)
    _raise_fault(shape, value, path)
    return datetime.fromisoformat(value.upper()).astimezone(UTC)


def _respelt(found: re.Match[str]) -> str:
    """The time of a match of `_TIME_TEXT` as RFC 3339 writes it; a leap second ends a second early."""
    day, minute, second, fraction, _, sign, hours, minutes = found.groups()
    second = min(second or "00", "59")
    zone = f"{sign}{int(hours):02}:{minutes or '00'}" if sign else "Z"
    return f"{day}T{minute}:{second}.{fraction or '0'}{zone}"


def _mend_anything(_: Anything, value: Json, __: str, ___: Log) -> Json:
    return value


_MENDERS: Final[Mapping[type[Any], Callable[[Any, Json, str, Log], Json]]] = MappingProxyType(
    {
        Record: _mend_record,
        Listing: _mend_listing,
        Text: _mend_text,
        Number: _mend_number,
        Truth: _mend_truth,
        Moment: _mend_moment,
        Anything: _mend_anything,
    }
)
