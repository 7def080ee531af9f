"""Readings taken apart into measurands, the way a vendor reports them; both versions write their values from this."""

from decimal import Decimal

import msgspec

from ingufu.simulator.meter import Reading
from ingufu.simulator.vendors import Manner

REGISTER = "Energy.Active.Import.Register"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One sampled value, in no version's form."""

    measurand: str
    value: Decimal
    unit: str
    phase: str | None = None
    location: str | None = None


def taken(reading: Reading, measurands: tuple[str, ...], manner: Manner) -> list[Sample]:
    """Return the samples of those measurands that this meter has, in their order."""
    samples: list[Sample] = []
    for measurand in measurands:
        samples.extend(_of(reading, measurand, manner))
    return samples


def _of(reading: Reading, measurand: str, manner: Manner) -> list[Sample]:
    match measurand:
        case "Energy.Active.Import.Register":
            return [_energy(measurand, reading.energy_tenths, manner)]
        case "Energy.Active.Import.Interval":
            return [_energy(measurand, reading.interval_tenths, manner)]
        case "Power.Active.Import":
            return [_power(measurand, reading.power_w, manner), *_phase_powers(reading, manner)]
        case "Power.Offered":
            return [_power(measurand, reading.offered_w, manner)]
        case "Current.Import":
            return _per_phase(measurand, reading.currents_a, "A", reading, manner)
        case "Voltage":
            return _per_phase(measurand, reading.voltages_v, "V", reading, manner)
        case _:
            return _single(reading, measurand)


def _single(reading: Reading, measurand: str) -> list[Sample]:
    if measurand == "Current.Offered":
        volts = sum(reading.voltages_v) or 400.0
        value = Decimal(str(round(reading.offered_w / volts, 1)))
        return [Sample(measurand=measurand, value=value, unit="A")]
    if measurand == "SoC" and reading.soc is not None:
        return [Sample(measurand=measurand, value=Decimal(str(reading.soc)), unit="Percent", location="EV")]
    if measurand == "Temperature":
        value = Decimal(str(reading.temperature_c))
        return [Sample(measurand=measurand, value=value, unit="Celsius", location="Body")]
    if measurand == "Frequency":
        return [Sample(measurand=measurand, value=Decimal(50), unit="")]
    return []


def _energy(measurand: str, tenths: int, manner: Manner) -> Sample:
    exact_wh = Decimal(tenths) / 10
    if manner.energy_in_kwh:
        return Sample(measurand=measurand, value=exact_wh / 1000, unit="kWh")
    return Sample(measurand=measurand, value=exact_wh, unit="Wh")


def _power(measurand: str, power_w: float, manner: Manner) -> Sample:
    value = Decimal(str(round(power_w, 1)))
    if manner.power_in_kw:
        return Sample(measurand=measurand, value=(value / 1000).quantize(Decimal("0.001")), unit="kW")
    return Sample(measurand=measurand, value=value, unit="W")


def _phase_powers(reading: Reading, manner: Manner) -> list[Sample]:
    if not manner.per_phase or reading.is_dc:
        return []
    watts = [amps * volts for amps, volts in zip(reading.currents_a, reading.voltages_v, strict=False)]
    return [
        msgspec.structs.replace(_power("Power.Active.Import", watt, manner), phase=manner.phase_names[index])
        for index, watt in enumerate(watts)
    ]


def _per_phase(measurand: str, values: tuple[float, ...], unit: str, reading: Reading, manner: Manner) -> list[Sample]:
    decimals = [Decimal(str(value)) for value in values]
    if reading.is_dc or not decimals:
        return [Sample(measurand=measurand, value=value, unit=unit) for value in decimals]
    if manner.per_phase or measurand == "Voltage":
        return [
            Sample(measurand=measurand, value=value, unit=unit, phase=manner.phase_names[index])
            for index, value in enumerate(decimals)
        ]
    return [Sample(measurand=measurand, value=max(decimals), unit=unit)]
