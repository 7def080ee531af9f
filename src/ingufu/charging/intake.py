"""A station's report made fit to be kept: bounded, its times mended, its readings merged. Pure."""

from datetime import datetime
from decimal import Decimal

import msgspec

from ingufu.charging import clocks, figures
from ingufu.charging.model import (
    PERIODIC,
    AnomalyKind,
    ChargingRules,
    Figures,
    MeterReading,
    Sample,
    TransactionReport,
)
from ingufu.core.texts import plain, plain_or_none

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
REFERENCE_MAX = 255
WORD_MAX = 60
DETAIL_MAX = 500

_encode_samples = msgspec.json.Encoder().encode

Oddity = tuple[AnomalyKind, str]


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it will be kept."""

    report: TransactionReport
    clock_at: datetime | None  # the instant the station gave, if it could not be right
    oddities: tuple[Oddity, ...]


class KeptReading(msgspec.Struct, frozen=True, kw_only=True):
    """The samples of one instant and context, with their figures: one row."""

    at: datetime
    at_station: str | None
    figures: Figures
    samples: tuple[Sample, ...]
    is_mended: bool = False

    @property
    def told_at(self) -> str:
        """When it was taken in the station's words, which are the same each time it is told."""
        return self.at_station or self.at.isoformat()


def clean(report: TransactionReport, rules: ChargingRules) -> Intake:
    """Return the report with every value such that it can be kept; what had to be changed is noted."""
    at, oddities = report.at, [(kind, plain(detail, DETAIL_MAX)) for kind, detail in report.oddities]
    fault = clocks.find_fault(at, report.received_at, rules.clock_ahead_s)
    at_station = plain_or_none(report.at_station, WORD_MAX)
    if fault is not None:
        oddities.append((fault, f"The station said {at_station or at.isoformat()}."))
        at, at_station = report.received_at, at_station or report.at.isoformat()
    register, is_odd = _register(report.register_wh)
    if is_odd:
        oddities.append((AnomalyKind.IMPLAUSIBLE_VALUE, f"The register said {str(report.register_wh)[:40]}."))
    readings, faults = mend(report.readings, report.received_at, rules)
    oddities += [(kind, "Of a meter reading.") for kind in sorted(faults) if kind is not fault]
    oddities += find_unreadable(readings)
    cleaned = msgspec.structs.replace(
        report,
        evse=int32_or_none(report.evse),
        connector=int32_or_none(report.connector),
        reference=plain_or_none(report.reference, REFERENCE_MAX),
        at=at,
        at_station=at_station,
        register_wh=register,
        seq=int64_or_none(report.seq),
        trigger=plain_or_none(report.trigger, WORD_MAX),
        stop_reason=plain_or_none(report.stop_reason, WORD_MAX),
        is_offline=report.is_offline or (report.received_at - at).total_seconds() > rules.offline_after_s,
        remote_start_id=int64_or_none(report.remote_start_id),
        reservation_id=int64_or_none(report.reservation_id) or None,  # some send 0 with every start
        readings=readings,
    )
    return Intake(report=cleaned, clock_at=report.at if fault else None, oddities=tuple(oddities))


def mend(
    readings: tuple[MeterReading, ...], received_at: datetime, rules: ChargingRules
) -> tuple[tuple[MeterReading, ...], frozenset[AnomalyKind]]:
    """Return readings with possible times, and what was wrong with them."""
    return clocks.mend_readings(readings, received_at, rules.clock_ahead_s)


def find_unreadable(readings: tuple[MeterReading, ...]) -> list[Oddity]:
    """Return one note if samples could not be understood."""
    unreadable = [
        sample
        for reading in readings
        for sample in reading.samples
        if sample.value is None and figures.is_unreadable(sample)
    ]
    if not unreadable:
        return []
    first = unreadable[0]
    text = f"{len(unreadable)} of them, the first: {first.measurand[:WORD_MAX]} {first.raw_value[:WORD_MAX]!r}"
    return [(AnomalyKind.UNREADABLE_VALUE, plain(text, DETAIL_MAX))]


def merge(readings: tuple[MeterReading, ...]) -> tuple[KeptReading, ...]:
    """Return one kept reading for each instant and context: stations send one measurand at a time, or all at once.

    Where times were mended, the station's own words tell instants apart: two wrong times may be mended to one.
    """
    if len(readings) == 1 and len({sample.context for sample in readings[0].samples}) == 1:  # as in most messages
        return (_keep(readings[0], readings[0].samples),)
    groups: dict[tuple[datetime, str | None, str], list[Sample]] = {}
    first: dict[tuple[datetime, str | None, str], MeterReading] = {}
    for reading in readings:
        for sample in reading.samples:
            key = (reading.at, reading.at_station if reading.is_mended else None, sample.context)
            groups.setdefault(key, []).append(sample)
            first.setdefault(key, reading)
    return tuple(_keep(first[key], tuple(samples)) for key, samples in groups.items())


def written(samples: tuple[Sample, ...]) -> str:
    """Return samples as they are kept."""
    return _encode_samples(samples).decode()


def int32_or_none(number: int | None) -> int | None:
    """Return the number of an EVSE or a connector, if it can be one."""
    return number if number is not None and -INT32_MAX <= number <= INT32_MAX else None


def int64_or_none(number: int | None) -> int | None:
    """Return a number that the station has chosen, if a database column holds it."""
    return number if number is not None and -INT64_MAX <= number <= INT64_MAX else None


def _keep(reading: MeterReading, samples: tuple[Sample, ...]) -> KeptReading:
    at_station = plain_or_none(reading.at_station, WORD_MAX)
    return KeptReading(
        at=reading.at,
        at_station=at_station,
        figures=_summarise(samples),
        samples=samples,
        is_mended=reading.is_mended,
    )


def _summarise(samples: tuple[Sample, ...]) -> Figures:
    summary = figures.summarise(samples)
    if summary.context is PERIODIC:
        return summary
    return msgspec.structs.replace(summary, context=plain(summary.context, WORD_MAX))


def _register(register: Decimal | None) -> tuple[Decimal | None, bool]:
    if register is None:
        return None, False
    if not register.is_finite() or abs(register) > figures.ENERGY_LIMIT_WH:
        return None, True
    return register.quantize(figures.ENERGY_QUANTUM), False
