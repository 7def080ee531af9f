"""The codec of OCPP payloads: bytes to typed structs and back, strict or lenient, with every fault named.

The verdict is that of the JSON schemas of the version, with these deliberate differences:

- an integer must fit 64 bits, a number the exponents of an IEEE double, and a time the years 1 to 9999 of UTC;
- an integer may be written `1.0` in 1.6 too, where draft 4 of JSON schema refuses it;
- text with half a surrogate pair, `NaN`, or nesting deeper than the interpreter follows count as no JSON at all;
- a line feed after a time or a URI is refused, which the validator's patterns overlook;
- `decode` also takes a time with a space for its `T` or an offset without colon; `check` does not;
- `decode` takes what either version of the 2.x family allows; `check` with a version takes what that version does.

Times are UTC after decoding, kept to the microsecond; encoding writes them with `Z` and milliseconds.
"""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from ingufu.ocpp import mending
from ingufu.ocpp.faults import Kind, WireError
from ingufu.ocpp.mending import Repair, RepairKind
from ingufu.ocpp.payload import Number, Payload, from_json, to_json
from ingufu.ocpp.shapes import ROOT, Json, Version, has_marks, shape_of

__all__ = [
    "Kind",
    "Repair",
    "RepairKind",
    "Version",
    "WireError",
    "check",
    "decode",
    "decode_lenient",
    "encode",
    "outbound_guard",
]

P = TypeVar("P", bound=Payload)

# What decoding raises: msgspec's own, invalid UTF-8, nesting too deep, and an exponent beyond even Decimal.
_REFUSALS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)
_PLAIN: Final = msgspec.json.Decoder(float_hook=Number)
_ENCODER: Final = msgspec.json.Encoder(enc_hook=to_json, decimal_format="number")


def decode(payload_type: type[P], raw: bytes | msgspec.Raw) -> P:
    """The payload in `raw`.

    Raises WireError, naming the first fault, if it does not have the form of a `payload_type`.
    """
    decoder: msgspec.json.Decoder[P] = _decoder(payload_type)
    try:
        return decoder.decode(raw)
    except _REFUSALS:  # whose texts are not for parsing; the second look says exactly what is wrong
        plain = _parse(raw)
    if fault := next(shape_of(payload_type).faults(plain, ROOT), None):
        raise fault
    return _mended(payload_type, plain)[0]  # only written in an unusual way, such as an integer 1.0


def decode_lenient(payload_type: type[P], raw: bytes | msgspec.Raw) -> tuple[P, tuple[Repair, ...]]:
    """The payload in `raw` and the repairs that it needed; none if it was in order.

    Raises WireError if something that the message cannot do without is missing or unusable.
    """
    decoder: msgspec.json.Decoder[P] = _decoder(payload_type)
    try:
        return decoder.decode(raw), ()
    except _REFUSALS:
        return _mended(payload_type, _parse(raw))


def check(payload_type: type[Payload], raw: bytes | msgspec.Raw, version: Version | None = None) -> WireError | None:
    """The first fault by which `raw` breaks the schema of this version, or of its whole family without one."""
    try:
        plain = _parse(raw)
    except WireError as error:
        return error
    return next(shape_of(payload_type, version).faults(plain, ROOT), None)


def encode(payload: Payload) -> bytes:
    """`payload` as JSON: absent fields left out, times in UTC with milliseconds, numbers exact."""
    return _ENCODER.encode(_outgoing(payload))


def outbound_guard(payload: Payload, version: Version) -> None:
    """`payload` may be sent to a station of this version: right in itself and without anything newer.

    Raises WireError otherwise.
    """
    raw = encode(payload)
    decode(type(payload), raw)
    if has_marks(type(payload), version) and (fault := check(type(payload), raw, version)):
        raise fault


@functools.cache
def _decoder(payload_type: type[P]) -> msgspec.json.Decoder[P]:
    return msgspec.json.Decoder(payload_type, dec_hook=from_json, float_hook=Number)


def _parse(raw: bytes | msgspec.Raw) -> Json:
    try:
        return _PLAIN.decode(raw)
    except (msgspec.ValidationError, ArithmeticError) as error:
        raise WireError(Kind.VALUE, ROOT, "holds a number beyond all bounds") from error
    except _REFUSALS as error:
        raise WireError(Kind.SYNTAX, ROOT, "is not readable as JSON") from error


def _mended(payload_type: type[P], plain: Json) -> tuple[P, tuple[Repair, ...]]:
    mended, repairs = mending.mend(shape_of(payload_type), plain)
    try:
        return msgspec.convert(mended, payload_type, dec_hook=from_json), repairs
    except msgspec.ValidationError as error:  # the last line of defence: nothing unchecked becomes a payload
        raise WireError(Kind.VALUE, ROOT, "cannot be used") from error


def _outgoing(payload: Payload) -> Any:  # Any: a payload or a dictionary in its place
    """`payload`, or where it holds times, dictionaries in its place with the times as text."""
    plan = _plan(type(payload))
    if plan is None:
        return payload
    fields = ((name, getattr(payload, attribute), write) for attribute, name, write in plan)
    return {name: write(value) for name, value, write in fields if value is not msgspec.UNSET}


@functools.cache
def _plan(payload_type: type[Payload]) -> tuple[tuple[str, str, Callable[[Any], Any]], ...] | None:
    """How to write each field of a payload that holds times somewhere; None if it holds none."""
    described = msgspec.inspect.type_info(payload_type)
    fields = described.fields if isinstance(described, msgspec.inspect.StructType) else ()
    plan = tuple((field.name, field.encode_name, _writer(field.type)) for field in fields)
    return plan if any(write is not _as_it_is for _, _, write in plan) else None


def _writer(described: msgspec.inspect.Type) -> Callable[[Any], Any]:  # Any: the value of a field
    match described:
        case msgspec.inspect.Metadata(inner):
            return _writer(inner)
        case msgspec.inspect.DateTimeType():
            return _stamp
        case msgspec.inspect.StructType(cls) if _plan(cls) is not None:
            return _outgoing
        case msgspec.inspect.VarTupleType(inner) if (write := _writer(inner)) is not _as_it_is:
            return lambda values: [write(value) for value in values]
    return _as_it_is


def _as_it_is(value: Any) -> Any:  # Any: the value of a field
    return value


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
