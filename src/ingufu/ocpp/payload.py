"""What the generated OCPP payload types are made of: their base, exact numbers, instants, marks and open vendor data.

Absent optional fields are `UNSET`, so that absent and default stay two things and survive encoding. Where the two
schema versions of the 2.x family differ, a type holds the looser constraint and carries a mark in `Meta.extra`:

- `{"since": "2.1"}` on a field: 2.0.1 does not know it;
- `{"values_since": {"2.1": (...)}}` on an enum: 2.0.1 does not know these values;
- `{"2.0.1": {...}}` or `{"2.1": {...}}`: what this version alone asks for (`required`, `max_length`, `ge`, `le`,
  `values`, `integer`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias

from msgspec import UNSET, Meta, Struct, structs

INTEGER_MIN: Final = -(2**63)  # the widest integer that databases keep; some meters pass 2**32 Wh
INTEGER_MAX: Final = 2**63 - 1
EXPONENT_MAX: Final = 307  # decimal places either side that an IEEE double reaches, RFC 8259 section 6
VENDOR_ID_MAX_LENGTH: Final = 255

SINCE_21: Final = Meta(extra={"since": "2.1"})
REQUIRED_201: Final = Meta(extra={"2.0.1": {"required": True}})
REQUIRED_21: Final = Meta(extra={"2.1": {"required": True}})

Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
Integer: TypeAlias = Annotated[int, Meta(ge=INTEGER_MIN, le=INTEGER_MAX)]
Unsigned: TypeAlias = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Unsigned21: TypeAlias = Annotated[Integer, Meta(extra={"2.1": {"ge": 0}})]  # 2.0.1 wrote no bound down


class Payload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Everything of OCPP that is a JSON object. Its parts cannot form cycles, so the collector need not look."""


def in_utc(payload: Payload, name: str) -> None:
    """The instant `name` of `payload`, if present, is in UTC.

    Raises ValueError for a time without zone and for one that leaves the years 1 to 9999.
    """
    instant = getattr(payload, name)
    if instant is UNSET or instant.tzinfo is UTC:
        return
    if instant.tzinfo is None:
        raise ValueError("a time needs a zone")
    try:
        structs.force_setattr(payload, name, instant.astimezone(UTC))
    except OverflowError as error:
        raise ValueError("a time must lie in the years 1 to 9999 of UTC") from error


if TYPE_CHECKING:
    # Whoever builds or reads a payload sees a Decimal; at run time the classes below tell msgspec to ask `from_json`,
    # because for a plain Decimal it would also take the text "1.5" and even "NaN".
    Number: TypeAlias = Decimal
    NonPositive: TypeAlias = Decimal
    Percent: TypeAlias = Decimal
    Tenths: TypeAlias = Decimal
else:

    class Number(Decimal):
        """A JSON number, exact to its last digit."""

        __slots__ = ()
        minimum: ClassVar[int | None] = None
        maximum: ClassVar[int | None] = None
        step: ClassVar[Decimal | None] = None

    class NonPositive(Number):
        """A number of at most 0."""

        __slots__ = ()
        maximum = 0

    class Percent(Number):
        """A number from 0 to 100."""

        __slots__ = ()
        minimum = 0
        maximum = 100

    class Tenths(Number):
        """A number with at most one digit after the point."""

        __slots__ = ()
        step = Decimal("0.1")


class CustomData:
    """Vendor data of 2.x, open to any member; only `vendorId` is asked for. Numbers in it are exact."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:  # Any: the vendor decides
        vendor_id = members.get("vendorId")
        if not isinstance(vendor_id, str):
            raise ValueError("customData needs a vendorId")  # noqa: TRY004 - of the value, as msgspec reports it
        if len(vendor_id) > VENDOR_ID_MAX_LENGTH:
            raise ValueError(f"vendorId has more than {VENDOR_ID_MAX_LENGTH} characters")
        self._members = MappingProxyType(dict(members))

    @property
    def vendor_id(self) -> str:
        return str(self._members["vendorId"])

    @property
    def members(self) -> Mapping[str, Any]:  # Any: the vendor decides
        return self._members

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CustomData) and self._members == other.members

    def __hash__(self) -> int:
        return hash(self.vendor_id)

    def __repr__(self) -> str:
        return f"CustomData({dict(self._members)!r})"


def from_json(wanted: type[Any], value: Any) -> Any:  # Any: whatever the station sent
    """What `value` means as a `wanted`, one of the types above that msgspec does not know.

    Raises ValueError if it is not one.
    """
    if wanted is CustomData:
        return _custom_data(value)
    number = _number(value)
    if wanted is Number:
        return number
    return _bounded(wanted, number)


def to_json(value: Any) -> Any:  # Any: msgspec asks for every type it does not know
    """The plain form of what msgspec cannot encode by itself."""
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, CustomData):
        return dict(value.members)
    raise TypeError(f"{type(value).__name__} has no form on the wire")


def _custom_data(value: Any) -> CustomData:  # Any: whatever the station sent
    if isinstance(value, dict):
        return CustomData(value)
    raise ValueError("customData must be an object")


def _number(value: Any) -> Decimal:  # Any: whatever the station sent
    number: Decimal = value
    if value.__class__ is not Number:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise ValueError("must be a number")
        number = Number(value)
    if not -EXPONENT_MAX <= number.adjusted() <= EXPONENT_MAX:
        raise ValueError("must fit an IEEE double")
    return number


def _bounded(wanted: type[Any], number: Decimal) -> Decimal:  # Any: static typing knows no subclass of Number
    if wanted.minimum is not None and number < wanted.minimum:
        raise ValueError(f"must be at least {wanted.minimum}")
    if wanted.maximum is not None and number > wanted.maximum:
        raise ValueError(f"must be at most {wanted.maximum}")
    if wanted.step is not None and not is_multiple(number, wanted.step):
        raise ValueError(f"must be a multiple of {wanted.step}")
    bounded: Decimal = wanted(number)
    return bounded


def is_multiple(number: Decimal, step: Decimal) -> bool:
    """Whether `number` is an exact multiple of `step`, a power of ten, however many digits it has."""
    _, digits, exponent = number.as_tuple()
    surplus = step.adjusted() - int(exponent)  # digits below the step; finite numbers have an integer exponent
    return surplus <= 0 or not any(digits[-surplus:])
