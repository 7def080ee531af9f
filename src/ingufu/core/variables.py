"""The names of what a station can be set to: component and variable, as OCPP 2.x has them, for every version."""

import re
from enum import StrEnum
from typing import Final

import msgspec

from ingufu.core.errors import InvalidInput

NAME_LONGEST: Final = 50  # characters of each part (OCPP 2.x identifierString[50], 1.6 CiString50)
TEXT_LONGEST: Final = 700  # of a whole name as it is written, every sign of it escaped
NUMBER_MAX: Final = 2**31 - 1
KEY_COMPONENT: Final = "ConfigurationKey"  # holds the keys of 1.6 that have no counterpart in 2.x

_SIGNS = re.compile(r"[%.\[\]@:\s]")
_PART = r"[^.\[\]@:\s]+"
_TEXT = re.compile(
    rf"(?P<component>{_PART})(?:\[(?P<instance>{_PART})\])?(?:@(?P<evse>\d{{1,10}})(?::(?P<connector>\d{{1,10}}))?)?"
    rf"\.(?P<variable>{_PART})(?:\[(?P<variable_instance>{_PART})\])?"
)
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2,6})_")


class Attribute(StrEnum):
    """Which value of a variable is meant (OCPP 2.x AttributeEnumType)."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


class VariableName(msgspec.Struct, frozen=True, kw_only=True):
    """Where a variable is found in a station: compared without regard to case."""

    component: str
    instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    variable: str
    variable_instance: str | None = None

    @property
    def text(self) -> str:
        """The name in one line: `Connector@1:2.AvailabilityState`, `DeviceDataCtrlr.ItemsPerMessage[GetReport]`."""
        place = "" if self.evse is None else f"@{self.evse}"
        plug = "" if self.connector is None or self.evse is None else f":{self.connector}"
        own = f"{_escaped(self.component)}{_bracketed(self.instance)}{place}{plug}"
        return f"{own}.{_escaped(self.variable)}{_bracketed(self.variable_instance)}"

    @property
    def key(self) -> str:
        """The same for every way of writing this name."""
        return self.text.casefold()


def variable(component: str, name: str, instance: str | None = None) -> VariableName:
    """Return the name of a variable of the whole station."""
    return VariableName(component=component, variable=name, variable_instance=instance)


def parse(text: str) -> VariableName:
    """Return the name that is written so. Raises InvalidInput."""
    found = _TEXT.fullmatch(text.strip()) if len(text) <= TEXT_LONGEST else None
    if found is None:
        raise InvalidInput(
            "A variable is written Component[instance]@EVSE:connector.Variable[instance].", field="variable"
        )
    parts = {name: _plain(part) for name, part in found.groupdict().items() if name not in {"evse", "connector"}}
    evse, connector = found["evse"], found["connector"]
    name = VariableName(
        component=parts["component"] or "",
        instance=parts["instance"],
        evse=None if evse is None else int(evse),
        connector=None if connector is None else int(connector),
        variable=parts["variable"] or "",
        variable_instance=parts["variable_instance"],
    )
    check(name)
    return name


def check(name: VariableName) -> None:
    """Raise InvalidInput for a name that no version of OCPP can write."""
    for part in (name.component, name.instance, name.variable, name.variable_instance):
        if part is not None and not 0 < len(part) <= NAME_LONGEST:
            raise InvalidInput(f"Each part of a name has 1 to {NAME_LONGEST} characters.", field="variable")
    if any(number is not None and not 0 <= number <= NUMBER_MAX for number in (name.evse, name.connector)):
        raise InvalidInput("EVSE and connector are numbers of at most 31 bits.", field="variable")
    if name.connector is not None and name.evse is None:
        raise InvalidInput("A connector is named together with its EVSE.", field="variable")


def _escaped(part: str) -> str:
    return _SIGNS.sub(lambda sign: f"%{ord(sign[0]):02X}_", part)


def _bracketed(part: str | None) -> str:
    return "" if part is None else f"[{_escaped(part)}]"


def _plain(part: str | None) -> str | None:
    return None if part is None else _ESCAPED.sub(_sign, part)


def _sign(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number < 0x11_0000 and not 0xD800 <= number < 0xE000 else found[0]
