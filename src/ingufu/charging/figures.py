"""Sampled values: as stations write them into samples of one unit, and samples into what people look at. Pure.

Nothing is lost on the way: what came is kept beside what was understood, and what cannot be understood has no value.
"""

import re
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ingufu.charging.model import OUTLET, PERIODIC, REGISTER, Figures, Sample, SignedValue
from ingufu.core.quantities import Unit, normalise

ENERGY_LIMIT_WH = Decimal(9_000_000_000_000)  # what the exact column holds
ENERGY_QUANTUM = Decimal("0.000001")  # six places, as stored
FLOAT_LIMIT = 1e12  # beyond it no power, current or voltage is real
TEXT_MAX = 64  # characters of a number; longer ones are no measurement
EXPONENT_MAX = 15
MULTIPLIER_MAX = 12
PLACES = Decimal("0.000000001")
REMEMBERED = 4096  # kinds of samples: stations of a network send some dozens
REMEMBERED_MAX = 200  # characters of one, so that what is remembered of hostile stations stays small

_COMMON_NUMBER = re.compile(r"[+-]?\d{1,12}(\.\d{1,9})?", re.ASCII)  # within all bounds by its form
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
_Found = dict[str, list[Sample]]  # samples with a value, by measurand
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
    text = str(value)
    kept = Decimal(value) if _COMMON_NUMBER.fullmatch(text) else _bound(value)
    return _build(text, kept, measurand, unit, multiplier, context, location, phase, format=None, signed=signed)


def summarise(samples: Iterable[Sample]) -> Figures:
    """Return what people look at: totals before phases, the outlet before other places, export as negative power."""
    found: dict[str, list[Sample]] = {}
    context: str | None = None
    for sample in samples:
        if context is None:
            context = sample.context
        if sample.value is not None:
            if sample.measurand in found:
                found[sample.measurand].append(sample)
            else:
                found[sample.measurand] = [sample]
    drawn: dict[str, Any] = {}
    for measurand in found:
        if measurand in DRAWN:
            name, draw = DRAWN[measurand]
            drawn[name] = draw(found)
    return Figures(context=context or PERIODIC, **drawn)


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
    kind = _recall(measurand, unit, multiplier, context, location, phase)
    kept_unit = kind.unit
    if value is not None and not kind.is_plain:
        value, kept_unit = _convert(value, kind, multiplier)
    return Sample(
        measurand=kind.measurand,
        value=value,
        unit=kept_unit,
        raw_value=raw_value,
        raw_unit=unit,
        multiplier=multiplier,
        phase=kind.phase,
        location=kind.location,
        context=kind.context,
        format=format,
        signed=signed,
    )


class _Kind(NamedTuple):
    """What a station says of a sample beside its value, understood."""

    measurand: str
    family: Unit | None
    unit: str
    is_plain: bool  # the value is kept as it comes
    phase: str | None
    location: str
    context: str


def _recall(
    measurand: str | None,
    unit: str | None,
    multiplier: int,
    context: str | None,
    location: str | None,
    phase: str | None,
) -> _Kind:
    """Return the kind of a sample, which in nearly every message has been understood before."""
    said = len(measurand or "") + len(unit or "") + len(context or "") + len(location or "") + len(phase or "")
    understand = _remembered if said <= REMEMBERED_MAX else _understand
    return understand(measurand, unit, multiplier, context, location, phase)


def _understand(
    measurand: str | None,
    unit: str | None,
    multiplier: int,
    context: str | None,
    location: str | None,
    phase: str | None,
) -> _Kind:
    name = measurand or REGISTER
    family = _COMMON.get(name)
    if family is None:
        name, location, phase = _split_measurand(name, location, phase)
        family = _family(name)
    kept_unit = unit if unit is not None and unit.strip() else (family.value if family else "")
    kept_location = _LOCATIONS.get(location.casefold(), location) if location else OUTLET
    return _Kind(
        measurand=REGISTER if name == REGISTER else name,  # the very objects: a sample is kept without its defaults
        family=family,
        unit=kept_unit,
        is_plain=kept_unit == family and multiplier == 0,
        phase=_PHASES.get(phase.casefold(), phase) if phase else None,
        location=OUTLET if kept_location == OUTLET else kept_location,
        context=PERIODIC if not context or context == PERIODIC else context,
    )


_remembered = lru_cache(REMEMBERED)(_understand)


def _convert(value: Decimal, kind: _Kind, multiplier: int) -> tuple[Decimal | None, str]:
    if -MULTIPLIER_MAX <= multiplier <= MULTIPLIER_MAX:
        return _to_family(value, kind.unit, multiplier, kind.family)
    return None, kind.unit


def _to_family(value: Decimal, unit: str, multiplier: int, family: Unit | None) -> tuple[Decimal, str]:
    """Return the value in the unit its measurand has: stations say kW of energies and V of a state of charge."""
    normalised, kept = normalise(value, Unit.PERCENT if family is Unit.PERCENT else unit, multiplier)
    if family is not None and kept in _KNOWN_UNITS:
        return normalised, family.value
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
    if _COMMON_NUMBER.fullmatch(text):
        return Decimal(text)
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


def _total(samples: list[Sample] | None, unit: Unit) -> Decimal | None:
    """Return the total where there is one, else the sum of the phases. Several totals: the greatest."""
    if not samples:
        return None
    if len(samples) == 1 and samples[0].phase is None and samples[0].unit == unit.value:
        return samples[0].value
    samples = _nearest(_of_unit(samples, unit))
    totals = [sample.value for sample in samples if sample.phase is None and sample.value is not None]
    if totals:
        return max(totals)
    lines = _by_line(samples)
    return sum(lines.values(), Decimal(0)) if lines else None


def _by_line(samples: list[Sample]) -> dict[str, Decimal]:
    return {
        _LINES[sample.phase]: sample.value for sample in samples if sample.phase in _LINES and sample.value is not None
    }


def _energy(found: _Found) -> Decimal | None:
    total = _total(found.get(REGISTER), Unit.WH)
    if total is None or abs(total) > ENERGY_LIMIT_WH:
        return None
    return total.quantize(ENERGY_QUANTUM, ROUND_HALF_EVEN)


def _power(found: _Found) -> float | None:
    imported = _total(found.get("Power.Active.Import"), Unit.W)
    exported = _total(found.get("Power.Active.Export"), Unit.W)
    if imported is None and exported is None:
        return None
    return _float((imported or Decimal(0)) - abs(exported or Decimal(0)))


def _current(found: _Found) -> float | None:
    """Return the total if one is given, else that of the busiest phase: currents of phases do not add up."""
    for measurand, sign in (("Current.Import", 1), ("Current.Export", -1)):
        samples = _nearest(_of_unit(found.get(measurand), Unit.A))
        totals = [sample.value for sample in samples if sample.phase is None and sample.value is not None]
        values = totals or list(_by_line(samples).values())
        values = values or [sample.value for sample in samples if sample.value is not None]  # a lone N
        if values:
            return _float(max(values, key=abs) * sign)
    return None


def _voltage(found: _Found) -> float | None:
    """Return the total, else the mean against neutral, else the mean between phases."""
    nearest = _nearest(_of_unit(found.get("Voltage"), Unit.V))
    totals = [sample.value for sample in nearest if sample.phase is None and sample.value is not None]
    values = totals[:1] or list(_by_line(nearest).values())
    values = values or [sample.value for sample in nearest if sample.value is not None]
    return _float(sum(values, Decimal(0)) / len(values)) if values else None


def _soc(found: _Found) -> float | None:
    for sample in found.get("SoC", ()):
        if sample.value is not None and 0 <= sample.value <= 100:
            return float(sample.value)
    return None


def _temperature(found: _Found) -> float | None:
    samples = _of_unit(found.get("Temperature"), Unit.CELSIUS)
    values = [sample.value for sample in samples if sample.value is not None]
    return _float(max(values)) if values else None


def _float(value: Decimal) -> float | None:
    number = float(value)
    return number if abs(number) <= FLOAT_LIMIT else None


# Which figure a measurand makes, and how it is drawn from all of them.
DRAWN: dict[str, tuple[str, Callable[[_Found], Decimal | float | None]]] = {
    REGISTER: ("energy_wh", _energy),
    "Power.Active.Import": ("power_w", _power),
    "Power.Active.Export": ("power_w", _power),
    "Current.Import": ("current_a", _current),
    "Current.Export": ("current_a", _current),
    "Voltage": ("voltage_v", _voltage),
    "SoC": ("soc_percent", _soc),
    "Temperature": ("temperature_c", _temperature),
}
