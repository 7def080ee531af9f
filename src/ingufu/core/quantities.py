"""Physical quantities as stations report them, brought to one unit without loss: Wh, W, A, V, %, degrees Celsius."""

from decimal import Decimal
from enum import StrEnum


class Unit(StrEnum):
    """The unit each family of measurands is kept in."""

    WH = "Wh"
    VARH = "varh"
    VAH = "VAh"
    W = "W"
    VAR = "var"
    VA = "VA"
    A = "A"
    V = "V"
    CELSIUS = "Celsius"
    PERCENT = "Percent"
    HERTZ = "Hertz"
    NONE = ""


_SCALES: dict[str, tuple[Unit, Decimal]] = {
    "wh": (Unit.WH, Decimal(1)),
    "kwh": (Unit.WH, Decimal(1000)),
    "mwh": (Unit.WH, Decimal(1_000_000)),
    "varh": (Unit.VARH, Decimal(1)),
    "kvarh": (Unit.VARH, Decimal(1000)),
    "vah": (Unit.VAH, Decimal(1)),
    "kvah": (Unit.VAH, Decimal(1000)),
    "w": (Unit.W, Decimal(1)),
    "kw": (Unit.W, Decimal(1000)),
    "var": (Unit.VAR, Decimal(1)),
    "kvar": (Unit.VAR, Decimal(1000)),
    "va": (Unit.VA, Decimal(1)),
    "kva": (Unit.VA, Decimal(1000)),
    "a": (Unit.A, Decimal(1)),
    "ma": (Unit.A, Decimal("0.001")),
    "v": (Unit.V, Decimal(1)),
    "kv": (Unit.V, Decimal(1000)),
    "celsius": (Unit.CELSIUS, Decimal(1)),
    "celcius": (Unit.CELSIUS, Decimal(1)),  # spelt so in the first 1.6 schemas
    "percent": (Unit.PERCENT, Decimal(1)),
    "%": (Unit.PERCENT, Decimal(1)),
    "hertz": (Unit.HERTZ, Decimal(1)),
    "hz": (Unit.HERTZ, Decimal(1)),
}

_KELVIN_ZERO = Decimal("273.15")
_FAHRENHEIT_ZERO = Decimal(32)


def normalise(value: Decimal, unit: str, multiplier: int = 0) -> tuple[Decimal, str]:
    """Return the value in the kept unit and that unit's name.

    `multiplier` is the power of ten of OCPP 2.x `unitOfMeasure`. An unknown unit is kept with its value as it came.
    Case matters nowhere but between milliwatt and megawatt hours, of which no meter of a station reports the former.
    """
    scaled = value.scaleb(multiplier) if multiplier else value
    key = unit.strip().lower()
    if key in ("k", "kelvin"):
        return scaled - _KELVIN_ZERO, Unit.CELSIUS
    if key == "fahrenheit":
        return (scaled - _FAHRENHEIT_ZERO) * 5 / 9, Unit.CELSIUS
    kept = _SCALES.get(key)
    if kept is None:
        return scaled, unit
    return scaled * kept[1], kept[0]
