"""Sampled values: as stations write them into samples of one unit, and samples into what people look at. Pure.

Nothing is lost on the way: what came is kept beside what was understood, and what cannot be understood has no value.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

import msgspec

from ingufu.charging.model import Figures, Sample, SignedValue
from ingufu.core.quantities import Unit, normalise

REGISTER = "Energy.Active.Import.Register"
OUTLET = "Outlet"
PERIODIC = "Sample.Periodic"

ENERGY_LIMIT_WH = Decimal(9_000_000_000_000)  # what the exact column holds
ENERGY_QUANTUM = Decimal("0.000001")  # six places, as stored
FLOAT_LIMIT = 1e12  # beyond it no power, current or voltage is real
TEXT_MAX = 64  # characters of a number; longer ones are no measurement
EXPONENT_MAX = 15
MULTIPLIER_MAX = 12
PLACES = Decimal("0.000000001")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)

# The unit each family of measurands has, longest names first.
_FAMILIES: tuple[tuple[str, Unit], ...] = (
    ("Energy.Reactive", Unit.VARH),
    ("Energy.Apparent", Unit.VAH),
    ("Energy", Unit.WH),
    ("Power.Reactive", Unit.VAR),
    ("Power.Apparent", Unit.VA),
    ("Power.Factor", Unit.NONE),
    ("Power", Unit.W),
    ("Current", Unit.A),
    ("Voltage", Unit.V),
    ("Temperature", Unit.CELSIUS),
    ("SoC", Unit.PERCENT),
    ("Frequency", Unit.HERTZ),
    ("RPM", Unit.NONE),
)
# The measurands most messages carry, so that they need no search.
_COMMON: dict[str, Unit] = {
    REGISTER: Unit.WH,
    "Power.Active.Import": Unit.W,
    "Power.Offered": Unit.W,
    "Current.Import": Unit.A,
    "Current.Offered": Unit.A,
    "Voltage": Unit.V,
    "SoC": Unit.PERCENT,
    "Temperature": Unit.CELSIUS,
}
_KNOWN_UNITS = frozenset(unit.value for unit in Unit)
_LOCATIONS = {name.casefold(): name for name in ("Body", "Cable", "EV", "Inlet", "Outlet", "Upstream")}
_PHASES = {name.casefold(): name for name in ("L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1")}
_LINES = {"L1": "L1", "L2": "L2", "L3": "L3", "L1-N": "L1", "L2-N": "L2", "L3-N": "L3"}
_LOCATION_ORDER = {"Outlet": 0, "Body": 1, "Cable": 2, "EV": 3, "Inlet": 4}


def sample_from_text(
    raw_value: str,
    *,
    measurand: str | None = None,
    unit: str | None = None,
    context: str | None = None,
    location: str | None = None,
    phase: str | None = None,
    format: str | None = None,  # noqa: A002 - the standard's word
) -> Sample:
    """Return the sample of a 1.6 `sampledValue`. What is no number has no value; signed data are kept byte for byte."""
    signed = _read_signed(raw_value, is_declared=format == "SignedData")
    value = None if signed is not None else _parse(raw_value)
    return _build(raw_value, value, measurand, unit, 0, context, location, phase, format=format, signed=signed)


def sample_from_number(
    value: Decimal,
    *,
    measurand: str | None = None,
    unit: str | None = None,
    multiplier: int = 0,
    context: str | None = None,
    location: str | None = None,
    phase: str | None = None,
    signed: SignedValue | None = None,
) -> Sample:
    """Return the sample of a 2.x `sampledValue`. `multiplier` is a power of ten."""
    return _build(
        str(value), _bound(value), measurand, unit, multiplier, context, location, phase, format=None, signed=signed
    )


def summarise(samples: Iterable[Sample]) -> Figures:
    """Return what people look at: totals before phases, the outlet before other places, export as negative power."""
    by_measurand: dict[str, list[Sample]] = {}
    context = PERIODIC
    for index, sample in enumerate(samples):
        if index == 0:
            context = sample.context
        if sample.value is not None:
            by_measurand.setdefault(sample.measurand, []).append(sample)
    if not by_measurand:
        return Figures(context=context)
    return Figures(
        context=context,
        energy_wh=_energy(by_measurand.get(REGISTER)),
        power_w=_power(by_measurand),
        current_a=_current(by_measurand),
        voltage_v=_voltage(by_measurand.get("Voltage")),
        soc_percent=_soc(by_measurand.get("SoC")),
        temperature_c=_highest(_of_unit(by_measurand.get("Temperature"), Unit.CELSIUS)),
    )


def is_unreadable(sample: Sample) -> bool:
    """Return whether a sample says nothing that could be understood."""
    return sample.value is None and sample.signed is None


def _build(
    raw_value: str,
    value: Decimal | None,
    measurand: str | None,
    unit: str | None,
    multiplier: int,
    context: str | None,
    location: str | None,
    phase: str | None,
    *,
    format: str | None,  # noqa: A002
    signed: SignedValue | None,
) -> Sample:
    name = measurand or REGISTER
    family = _COMMON.get(name)
    if family is None:
        name, location, phase = _split_measurand(name, location, phase)
        family = _family(name)
    kept_unit = unit if unit is not None and unit.strip() else (family or "")
    if value is not None and -MULTIPLIER_MAX <= multiplier <= MULTIPLIER_MAX:
        value, kept_unit = _to_family(value, kept_unit, multiplier, family)
    else:
        value = None
    return Sample(
        measurand=name,
        value=value,
        unit=kept_unit,
        raw_value=raw_value,
        raw_unit=unit,
        multiplier=multiplier,
        phase=_PHASES.get(phase.casefold(), phase) if phase else None,
        location=_LOCATIONS.get(location.casefold(), location) if location else OUTLET,
        context=context or PERIODIC,
        format=format,
        signed=signed,
    )


def _to_family(value: Decimal, unit: str, multiplier: int, family: Unit | None) -> tuple[Decimal, str]:
    """Return the value in the unit its measurand has: stations say kW of energies and V of a state of charge."""
    if family is Unit.PERCENT:
        return normalise(value, Unit.PERCENT, multiplier)
    normalised, kept = normalise(value, unit, multiplier)
    if family is not None and kept != family and kept in _KNOWN_UNITS:
        kept = family.value
    return normalised, kept


def _split_measurand(measurand: str, location: str | None, phase: str | None) -> tuple[str, str | None, str | None]:
    """Return measurand, location and phase, where a station has put all into one word (`Current.Import.Inlet.L1`)."""
    parts = measurand.split(".")
    while len(parts) > 1:
        tail = parts[-1].casefold()
        if tail in _PHASES and phase is None:
            phase = _PHASES[tail]
        elif tail in _LOCATIONS and location is None:
            location = _LOCATIONS[tail]
        else:
            break
        parts.pop()
    return ".".join(parts), location, phase


def _family(measurand: str) -> Unit | None:
    for prefix, unit in _FAMILIES:
        if measurand == prefix or measurand.startswith(prefix + "."):
            return unit
    return None


def _parse(text: str) -> Decimal | None:
    trimmed = text[: TEXT_MAX * 2].strip()
    if len(text) > TEXT_MAX * 2 or len(trimmed) > TEXT_MAX or not _NUMBER.fullmatch(trimmed):
        return None
    return _bound(Decimal(trimmed))


def _bound(value: Decimal) -> Decimal | None:
    """Return a value that arithmetic can bear, None for what no meter measures (NaN, 1e9999)."""
    if not value.is_finite() or value.adjusted() > EXPONENT_MAX:
        return None
    try:
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -9:
            value = value.quantize(PLACES, ROUND_HALF_EVEN)
    except InvalidOperation:
        return None
    return value


def _read_signed(text: str, *, is_declared: bool) -> SignedValue | None:
    """Return the signed data in a 1.6 value: the container of the OCA's note on signed values, or bare data."""
    start = text[:16].lstrip()
    if start.startswith("OCMF|"):
        return SignedValue(data=text, encoding="OCMF")
    if start.startswith(("{", '"')):
        container = _decode(text)
        data = container.get("signedMeterData") if container is not None else None
        if container is not None and isinstance(data, str):
            return SignedValue(
                data=data,
                method=_word(container.get("signingMethod")),
                encoding=_word(container.get("encodingMethod")),
                public_key=_word(container.get("publicKey")),
            )
    return SignedValue(data=text) if is_declared else None


def _decode(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a text; some stations have encoded it twice."""
    decoded: Any = text
    for _ in range(2):
        if isinstance(decoded, str):
            try:
                decoded = msgspec.json.decode(decoded)
            except (msgspec.DecodeError, RecursionError):
                return None
    return decoded if isinstance(decoded, dict) else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _of_unit(samples: list[Sample] | None, unit: Unit) -> list[Sample]:
    return [sample for sample in samples or () if sample.unit == unit.value]


def _nearest(samples: list[Sample]) -> list[Sample]:
    """Return the samples of the place that is nearest to the outlet."""
    if len({sample.location for sample in samples}) <= 1:
        return samples
    best = min(_LOCATION_ORDER.get(sample.location, 9) for sample in samples)
    return [sample for sample in samples if _LOCATION_ORDER.get(sample.location, 9) == best]


def _total(samples: list[Sample]) -> Decimal | None:
    """Return the total where there is one, else the sum of the phases. Several totals: the greatest."""
    samples = _nearest(samples)
    totals = [sample.value for sample in samples if sample.phase is None and sample.value is not None]
    if totals:
        return max(totals)
    lines = _by_line(samples)
    return sum(lines.values(), Decimal(0)) if lines else None


def _by_line(samples: list[Sample]) -> dict[str, Decimal]:
    return {
        _LINES[sample.phase]: sample.value for sample in samples if sample.phase in _LINES and sample.value is not None
    }


def _energy(samples: list[Sample] | None) -> Decimal | None:
    total = _total(_of_unit(samples, Unit.WH))
    if total is None or abs(total) > ENERGY_LIMIT_WH:
        return None
    return total.quantize(ENERGY_QUANTUM, ROUND_HALF_EVEN)


def _power(by_measurand: dict[str, list[Sample]]) -> float | None:
    imported = _total(_of_unit(by_measurand.get("Power.Active.Import"), Unit.W))
    exported = _total(_of_unit(by_measurand.get("Power.Active.Export"), Unit.W))
    if imported is None and exported is None:
        return None
    return _float((imported or Decimal(0)) - abs(exported or Decimal(0)))


def _current(by_measurand: dict[str, list[Sample]]) -> float | None:
    """Return the total if one is given, else that of the busiest phase: currents of phases do not add up."""
    for measurand, sign in (("Current.Import", 1), ("Current.Export", -1)):
        samples = _nearest(_of_unit(by_measurand.get(measurand), Unit.A))
        totals = [sample.value for sample in samples if sample.phase is None and sample.value is not None]
        values = totals or list(_by_line(samples).values())
        values = values or [sample.value for sample in samples if sample.value is not None]  # a lone N
        if values:
            return _float(max(values, key=abs) * sign)
    return None


def _voltage(samples: list[Sample] | None) -> float | None:
    """Return the total, else the mean against neutral, else the mean between phases."""
    nearest = _nearest(_of_unit(samples, Unit.V))
    totals = [sample.value for sample in nearest if sample.phase is None and sample.value is not None]
    values = totals[:1] or list(_by_line(nearest).values())
    values = values or [sample.value for sample in nearest if sample.value is not None]
    return _float(sum(values, Decimal(0)) / len(values)) if values else None


def _soc(samples: list[Sample] | None) -> float | None:
    for sample in samples or ():
        if sample.value is not None and 0 <= sample.value <= 100:
            return float(sample.value)
    return None


def _highest(samples: list[Sample]) -> float | None:
    values = [sample.value for sample in samples if sample.value is not None]
    return _float(max(values)) if values else None


def _float(value: Decimal) -> float | None:
    number = float(value)
    return number if abs(number) <= FLOAT_LIMIT else None
