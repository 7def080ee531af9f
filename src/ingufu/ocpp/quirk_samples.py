"""What is set right in sampled values of stations whose quirks are known. Each function says whether it did."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

REGISTER: Final = "Energy.Active.Import.Register"
PLACES: Final = ("Body", "Cable", "EV", "Inlet", "Outlet")
PHASES: Final = ("L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1")
NEAR_WH: Final = 1500  # a kWh figure is rounded, so its thousandfold is only near the register

Json = Any  # whatever JSON holds


def samples_in(plain: dict[str, Json]) -> Iterator[dict[str, Json]]:
    """Yield every sampled value of a request, of any version."""
    for name in ("meterValue", "transactionData"):
        values = plain.get(name)
        for value in values if isinstance(values, list) else [values]:
            found = value.get("sampledValue") if isinstance(value, dict) else None
            for sample in found if isinstance(found, list) else [found]:
                if isinstance(sample, dict):
                    yield sample


def rename(sample: dict[str, Json], names: Mapping[str, str]) -> bool:
    """Call the measurand what it is."""
    right = names.get(str(sample.get("measurand")))
    if right is None:
        return False
    sample["measurand"] = right
    return True


def split(sample: dict[str, Json]) -> bool:
    """Take place and phase out of the measurand's name, and the unit from a state of charge that has another."""
    measurand = sample.get("measurand")
    if measurand == "SoC" and sample.get("unit") not in (None, "Percent"):
        sample["unit"] = "Percent"
        return True
    if not isinstance(measurand, str):
        return False
    parts = measurand.split(".")
    phase = parts.pop() if len(parts) > 1 and parts[-1] in PHASES else None
    place = parts.pop() if len(parts) > 1 and parts[-1] in PLACES else None
    if phase is None and place is None:
        return False
    sample["measurand"] = ".".join(parts)
    if phase is not None:
        sample.setdefault("phase", phase)
    if place is not None:
        sample.setdefault("location", place)
    return True


def scale(sample: dict[str, Json], factors: Mapping[str, Decimal]) -> bool:
    """Multiply the value by the factor of its measurand."""
    factor = factors.get(str(sample.get("measurand", REGISTER)))
    value = _number(sample.get("value"))
    if factor is None or value is None:
        return False
    _put(sample, value * factor)
    return True


def correct_begin(sample: dict[str, Json], starts_wh: Sequence[Decimal]) -> bool:
    """Take a value of the beginning that is a thousandth of a known register for kWh."""
    if sample.get("context") != "Transaction.Begin" or sample.get("measurand", REGISTER) != REGISTER:
        return False
    value = _number(sample.get("value"))
    if value is None or sample.get("unit") == "kWh":
        return False
    if not any(abs(value * 1000 - start) <= NEAR_WH and abs(value - start) > NEAR_WH for start in starts_wh):
        return False
    _put(sample, value * 1000)
    return True


def power_w(sample: dict[str, Json]) -> float | None:
    """Return the power that a sample tells, None if it tells another thing."""
    if sample.get("measurand") != "Power.Active.Import":
        return None
    value = _number(sample.get("value"))
    return None if value is None else float(value) * (1000 if sample.get("unit") == "kW" else 1)


def _number(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal) or len(str(value)) > 40:
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def _put(sample: dict[str, Json], value: Decimal) -> None:
    """Write a value in the form in which the version has it: text in 1.6, a number in 2.x."""
    sample["value"] = f"{value.normalize():f}" if isinstance(sample["value"], str) else value
