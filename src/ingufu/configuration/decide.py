"""The rules of values: what fits a variable, what is dangerous, what travels in one message."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from ingufu.configuration import standard
from ingufu.configuration.model import DataType, Limits, Mutability, Variable
from ingufu.core.variables import KEY_COMPONENT, VariableName, variable

ItemT = TypeVar("ItemT")

VALUE_LONGEST: Final = 2500  # characters, of any version
PASSWORD_SHORTEST: Final = 16
PASSWORD_LONGEST: Final = 64
ITEMS_WITHOUT_A_WORD: Final = 10  # in one message to a station that does not say how many it takes
BYTES_OF_FRAME: Final = 100  # around the items of a message: brackets, id, action
_LISTS: Final = frozenset({DataType.MEMBER_LIST, DataType.SEQUENCE_LIST})

PASSWORD: Final = variable("SecurityCtrlr", "BasicAuthPassword")
SECURITY_PROFILE: Final = variable("SecurityCtrlr", "SecurityProfile")
PRIORITY: Final = variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
HEARTBEAT: Final = variable("OCPPCommCtrlr", "HeartbeatInterval")
START_POINT: Final = variable("TxCtrlr", "TxStartPoint")
STOP_POINT: Final = variable("TxCtrlr", "TxStopPoint")

# In which order the points of a transaction are passed; those of one rank come in any order.
_POINTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "parkingbayoccupancy": 0,
        "evconnected": 1,
        "authorized": 1,
        "datasigned": 2,
        "powerpathclosed": 2,
        "energytransfer": 3,
    }
)


def is_password(name: VariableName) -> bool:
    """Return whether a variable is a password with which the station comes to its CSMS."""
    return name.key == PASSWORD.key or profile_slot(name) is not None


def profile_slot(name: VariableName) -> str | None:
    """Return the slot of the network profile whose password a variable is (2.1); None: it is none."""
    word = (name.component.casefold(), name.variable.casefold())
    return (name.instance or "").casefold() if word == ("networkconfiguration", "basicauthpassword") else None


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What the versions of OCPP differ in as regards configuration."""

    has_reports: bool  # the station reports in messages of its own; else all is read in one answer
    writes_at_once: int | None = None  # values in one message, whatever the station says
    has_profiles: bool = True  # network profiles
    value_longest: int = VALUE_LONGEST  # characters


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "1.6": Family(has_reports=False, writes_at_once=1, has_profiles=False, value_longest=500),
        "2.0.1": Family(has_reports=True, value_longest=1000),
        "2.1": Family(has_reports=True),
    }
)


def family(version: str | None) -> Family:
    """Return what holds for a station that last spoke this version; without one, what asks for least."""
    return FAMILIES.get(version or "", FAMILIES["1.6"])


def can_say(version: str | None, name: VariableName, attribute: str = "Actual") -> bool:
    """Return whether a version of OCPP has a word for this value."""
    is_of_16 = name.component.casefold() == KEY_COMPONENT.casefold()
    if family(version).has_reports:
        return not is_of_16
    return attribute == "Actual" and standard.native_key(name) is not None


# What fits


def flaw(name: VariableName, value: str, known: Variable | None, longest: int = VALUE_LONGEST) -> str | None:
    """Return why a variable cannot be set to this value, by what the station and the standard say of it, or None."""
    if len(value) > longest:
        return f"A value has at most {longest} characters."
    if known is not None and known.mutability is Mutability.READ_ONLY:
        return "The station says that this cannot be changed."
    if is_password(name):
        return _password_flaw(value)
    bounds = _bounds(name, known)
    if bounds.kind in (DataType.INTEGER, DataType.DECIMAL):
        return _number_flaw(value, bounds)
    if bounds.kind is DataType.BOOLEAN:
        return None if value.casefold() in ("true", "false") else "This is true or false."
    return _text_flaw(value, bounds)


class _Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a value may be."""

    kind: DataType | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def _bounds(name: VariableName, known: Variable | None) -> _Bounds:
    """Return what the station told of the variable, and the standard's word for what it did not."""
    defined = standard.of(name) or standard.Standard(name=name, data_type=DataType.STRING)
    if known is None:
        return _Bounds(kind=defined.data_type, low=defined.minimum, high=defined.maximum)
    is_defined = standard.of(name) is not None
    return _Bounds(
        kind=known.data_type or (defined.data_type if is_defined else None),
        low=known.min_limit if known.min_limit is not None else defined.minimum,
        high=known.max_limit if known.max_limit is not None else defined.maximum,
        choices=parts_of(known.values_list or ""),
    )


def _text_flaw(value: str, bounds: _Bounds) -> str | None:
    choices = bounds.choices
    if bounds.kind is DataType.OPTION_LIST and choices and value not in choices:
        return f"This is one of {', '.join(choices)}."
    if bounds.kind in _LISTS and choices and (wrong := [part for part in parts_of(value) if part not in choices]):
        return f"{wrong[0][:50]} is none of {', '.join(choices)}."
    if bounds.high is not None and len(value) > bounds.high:
        return f"This has at most {bounds.high:g} characters."
    return None


def _password_flaw(value: str) -> str | None:
    if not PASSWORD_SHORTEST <= len(value) <= PASSWORD_LONGEST or not value.isprintable():
        return f"A password has {PASSWORD_SHORTEST} to {PASSWORD_LONGEST} printable characters."
    return None


def _number_flaw(value: str, bounds: _Bounds) -> str | None:
    number = _number(value)
    if number is None or (bounds.kind is DataType.INTEGER and number != number.to_integral_value()):
        return "This is a whole number." if bounds.kind is DataType.INTEGER else "This is a number."
    if bounds.low is not None and number < Decimal(str(bounds.low)):
        return f"This is at least {bounds.low:g}."
    if bounds.high is not None and number > Decimal(str(bounds.high)):
        return f"This is at most {bounds.high:g}."
    return None


def _number(value: str) -> Decimal | None:
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 400 else None


def parts_of(value: str) -> tuple[str, ...]:
    """Return the members of a list as OCPP writes it."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def is_same(wanted: str, reported: str, kind: DataType | None) -> bool:
    """Return whether two ways of writing mean the same value of this type."""
    if wanted == reported:
        return True
    if kind is DataType.BOOLEAN:
        return wanted.strip().casefold() == reported.strip().casefold()
    if kind in (DataType.INTEGER, DataType.DECIMAL):
        return (first := _number(wanted)) is not None and first == _number(reported)
    if kind is DataType.MEMBER_LIST:
        return sorted(parts_of(wanted)) == sorted(parts_of(reported))
    if kind is DataType.SEQUENCE_LIST:
        return parts_of(wanted) == parts_of(reported)
    return wanted.strip() == reported.strip()


def type_of(name: VariableName, known: Variable | None) -> DataType | None:
    """Return the type of a variable, as the station told or else as the standard has it."""
    if known is not None and known.data_type is not None:
        return known.data_type
    defined = standard.of(name)
    return None if defined is None else defined.data_type


# What is dangerous


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a value is judged against: what the station has, and what else is to be set with it."""

    values: Mapping[str, str] = {}  # by key: as reported, and over it what is to be set
    slots: frozenset[int] = frozenset()  # that hold a network profile the station accepted
    slot_profiles: Mapping[int, int] = {}  # the security profile of each
    used_profile: int = 0  # the security profile that the station is held to


def danger(name: VariableName, value: str, around: Surroundings) -> str | None:
    """Return what could go badly wrong if a variable were set to this value, or None."""
    if name.component.casefold() == "networkconfiguration" and name.instance in _present_slots(around):
        return f"Slot {name.instance} stands in the order in use: a slot is written before it is put there."
    judge = _DANGERS.get(name.key)
    return None if judge is None else judge(value, around)


def _points_danger(start: str, stop: str) -> str | None:
    """Judge by the points of 2.x E01 to E05 (TxStartPoint, TxStopPoint)."""
    starts, stops = parts_of(start.casefold()), parts_of(stop.casefold())
    for points in (starts, stops):
        if wrong := [point for point in points if point not in _POINTS]:
            return f"{wrong[0][:50]} is no point at which a transaction begins or ends."
    if not starts:
        return "Without a point at which transactions begin, none would ever be recorded."
    if not stops:
        return "Without a point at which transactions end, none would ever end."
    if "datasigned" in stops:
        return "DataSigned is a point to begin at, and none to end at."
    if min(_POINTS[point] for point in stops) > min(_POINTS[point] for point in starts):
        return "A transaction could begin and never end: each point to end at comes later than the one to begin at."
    return None


def _start_danger(value: str, around: Surroundings) -> str | None:
    return _points_danger(value, around.values.get(STOP_POINT.key, "Authorized"))


def _stop_danger(value: str, around: Surroundings) -> str | None:
    return _points_danger(around.values.get(START_POINT.key, "Authorized"), value)


def _priority_danger(value: str, around: Surroundings) -> str | None:
    """Judge an order of network profiles: a station sent to a slot without one would not come back."""
    texts = parts_of(value)
    if not texts or not all(text.isascii() and text.isdecimal() and len(text) < 10 for text in texts):
        return "The order of network profiles is a list of slots, and not empty."
    slots = [int(text) for text in texts]
    if len(set(slots)) < len(slots):
        return "A slot stands in the order once."
    known = around.slots | {int(text) for text in _present_slots(around) if text.isascii() and text.isdecimal()}
    if missing := [slot for slot in slots if slot not in known]:
        return f"Nothing is known to stand in slot {missing[0]}: send a network profile there first."
    for slot in slots:
        if around.slot_profiles.get(slot, around.used_profile) < around.used_profile:
            return f"The network profile in slot {slot} has a lower security profile than the station is held to."
    return None


def _present_slots(around: Surroundings) -> tuple[str, ...]:
    return parts_of(around.values.get(f"present:{PRIORITY.key}", ""))


def _profile_danger(value: str, around: Surroundings) -> str | None:
    number = _number(value)
    present = _number(around.values.get(f"present:{SECURITY_PROFILE.key}", "")) or Decimal(around.used_profile)
    if number is not None and number < max(present, Decimal(around.used_profile)):
        return "A security profile is never lowered: the station would be refused at the door."
    return None


_DANGERS: Final[Mapping[str, Callable[[str, Surroundings], str | None]]] = MappingProxyType(
    {
        START_POINT.key: _start_danger,
        STOP_POINT.key: _stop_danger,
        PRIORITY.key: _priority_danger,
        SECURITY_PROFILE.key: _profile_danger,
    }
)


def around(variables: Sequence[Variable], to_set: Mapping[str, str], used_profile: int) -> Surroundings:
    """Return what values are judged against, without what is known of network profiles."""
    present = {one.key: one.value for one in variables if one.value is not None and one.attribute == "Actual"}
    kept = {f"present:{key}": value for key, value in present.items()}
    return Surroundings(values={**present, **to_set, **kept}, used_profile=used_profile)


# What travels in one message


def limits(variables: Mapping[str, Variable], action: str) -> Limits:
    """Return how much of an action's items a station takes at once (DeviceDataCtrlr; 1.6 GetConfigurationMaxKeys)."""
    return Limits(
        items=_limit(variables, "ItemsPerMessage", action), bytes=_limit(variables, "BytesPerMessage", action)
    )


def _limit(variables: Mapping[str, Variable], what: str, action: str) -> int | None:
    for instance in (action, None):
        found = variables.get(variable("DeviceDataCtrlr", what, instance).key)
        number = None if found is None or found.value is None else _number(found.value)
        if number is not None and number >= 1:
            return int(min(number, Decimal(1_000_000)))
    return None


def batches(items: Sequence[ItemT], most: Limits, size_of: Callable[[ItemT], int]) -> list[tuple[ItemT, ...]]:
    """Return the items in order, cut into what a station takes at once; an item alone is never cut."""
    room = (most.bytes or 1_000_000_000) - BYTES_OF_FRAME
    count = most.items or ITEMS_WITHOUT_A_WORD
    found: list[tuple[ItemT, ...]] = []
    batch: list[ItemT] = []
    filled = 0
    for item in items:
        size = size_of(item)
        if batch and (len(batch) >= count or filled + size > room):
            found.append(tuple(batch))
            batch, filled = [], 0
        batch.append(item)
        filled += size
    if batch:
        found.append(tuple(batch))
    return found


def wire_size(name: VariableName, value: str = "") -> int:
    """Return about how many bytes an item takes on the wire; rather more than less."""
    return 160 + 2 * len(name.text.encode()) + 2 * len(value.encode())


def halves(batch: Sequence[ItemT]) -> tuple[tuple[ItemT, ...], tuple[ItemT, ...]]:
    """Return a batch that was too large for a station in two."""
    middle = len(batch) // 2
    return tuple(batch[:middle]), tuple(batch[middle:])


# Values in words


HIDDEN: Final = "***"
KEPT_LONGEST: Final = 2500


def shown(name: VariableName, value: str | None) -> str | None:
    """Return a value as it may be kept and shown: that of a secret never."""
    if value is None:
        return None
    return HIDDEN if standard.is_secret(name) and value else value[:KEPT_LONGEST]


def is_volatile(told_type: DataType | None, mutability: Mutability | None) -> bool:
    """Return whether a value changes by itself, so that its changes are no history: measurements and clocks."""
    return mutability is not Mutability.READ_WRITE and told_type in (DataType.DECIMAL, DataType.DATE_TIME)


def is_newer(at: datetime, than: datetime | None) -> bool:
    return than is None or at > than
