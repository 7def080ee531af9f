"""Messages that carry money and lack something they cannot do without: completed and kept, rather than refused.

A station that hears an error gives a transaction message up after some attempts, and with it what was charged. So what
is missing or unusable in one is replaced by a value that says "not known", and the record says so too.
"""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from ingufu.ocpp import wire
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.table import Inbound
from ingufu.ocpp.wire import Repair, WireError

NO_REGISTER: Final = -(2**63)  # stands in for a register; no meter shows it
WAS_LENGTH_MAX: Final = 100  # characters of what was in its place

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


class Reading(NamedTuple):
    """A request as it was understood."""

    payload: Payload
    repairs: tuple[Repair, ...] = ()
    gaps: tuple[str, ...] = ()  # what was filled in: the place, and what stood there


def complete(row: Inbound, raw: bytes | msgspec.Raw, fault: WireError, received_at: datetime) -> Reading:
    """Return the request with stand-ins for what is missing or unusable.

    Raises `fault`, or the next one found, if there is no stand-in for it.
    """
    if not row.stand_ins:
        raise fault
    plain, gaps = _parsed(raw, fault), list[str]()
    for _ in row.stand_ins:
        name = fault.path.removeprefix("$.")
        stand_in = row.stand_ins.get(name)
        if stand_in is None:
            raise fault
        gaps.append(f"{name}: {json.dumps(plain[name], default=str)[:WAS_LENGTH_MAX] if name in plain else 'missing'}")
        plain[name] = stand_in(received_at)
        try:
            return Reading(*wire.decode_lenient(row.request, _encoded(plain, fault)), tuple(gaps))
        except WireError as error:
            fault = error
    raise fault


def _parsed(raw: bytes | msgspec.Raw, fault: WireError) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(bytes(raw), parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):  # also an exponent beyond even Decimal
        raise fault from None
    return plain


def _encoded(plain: dict[str, Any], fault: WireError) -> bytes:
    try:
        return _ENCODER.encode(plain)
    except (ValueError, ArithmeticError, RecursionError):  # half a surrogate pair, an integer beyond 64 bits
        raise fault from None
