"""How many sessions are priced in a second of processor time: by energy alone, and by a tariff with all that hurts."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal

import msgspec

from bench.plain_rating import plain_price
from ingufu.tariffs.model import (
    AppliedTariff,
    Dimension,
    Element,
    PriceComponent,
    Restrictions,
    Tax,
    TaxBasis,
    Terms,
    Weekday,
)
from ingufu.tariffs.price import price
from ingufu.tariffs.usage import Activity, Stretch, Usage

SESSIONS = 400  # different ones, over and over: more than any cache of a processor would keep of one
_BEGAN = datetime(2026, 3, 2, 5, 30, tzinfo=UTC)
_VAT = (Tax(percent=Decimal(18)),)


class Rated(msgspec.Struct, kw_only=True, frozen=True):
    """Sessions of one shape, priced for some seconds of processor time."""

    shape: str
    stretches: int
    lines: int
    per_cpu_s: float
    plain_per_cpu_s: float
    target_per_s: int


def measure(seconds: float) -> list[Rated]:
    """Price sessions of both shapes, and the same ones with the plain reading of the rules."""
    simple = AppliedTariff(tariff_id="simple", version=1, terms=_simple_terms())
    varied = AppliedTariff(tariff_id="varied", version=1, terms=_complex_terms())
    return [
        _measured(
            "energy, tax included", simple, [_simple_usage(number) for number in range(SESSIONS)], seconds, 20_000
        ),
        _measured(
            "time bands, tier, start fee, idle with grace, two taxes",
            varied,
            [_complex_usage(number) for number in range(SESSIONS)],
            seconds,
            5_000,
        ),
    ]


def _measured(shape: str, tariff: AppliedTariff, usages: list[Usage], seconds: float, target: int) -> Rated:
    first = price(usages[0], (tariff,))
    return Rated(
        shape=shape,
        stretches=len(usages[0].stretches),
        lines=len(first.lines),
        per_cpu_s=_rate(lambda usage: price(usage, (tariff,)), usages, seconds),
        plain_per_cpu_s=_rate(lambda usage: plain_price(usage, tariff.terms), usages, seconds / 2),
        target_per_s=target,
    )


def _rate(rate_one: Callable[[Usage], object], usages: list[Usage], seconds: float) -> float:
    """Return the best of three thirds: what disturbs a processor only ever makes it slower."""
    best = 0.0
    for _ in range(3):
        began, count = time.process_time(), 0
        while time.process_time() - began < seconds / 3:
            for usage in usages:
                rate_one(usage)
            count += len(usages)
        best = max(best, count / (time.process_time() - began))
    return best


def _simple_terms() -> Terms:
    energy = PriceComponent(dimension=Dimension.ENERGY, price=Decimal("265.50"), taxes=_VAT)
    return Terms(currency="RWF", tax_basis=TaxBasis.INCLUDED, elements=(Element(components=(energy,)),))


def _complex_terms() -> Terms:
    levy = (*_VAT, Tax(name="Levy", percent=Decimal("1.5"), is_compound=True))
    day = Restrictions(start_time=clock_time(8), end_time=clock_time(23))
    weekdays = tuple(Weekday)[:5]

    def energy(amount: str) -> PriceComponent:
        return PriceComponent(dimension=Dimension.ENERGY, price=Decimal(amount), taxes=levy)

    idle = PriceComponent(dimension=Dimension.PARKING_TIME, price=Decimal(6), taxes=_VAT, grace_s=900)
    return Terms(
        currency="KES",
        elements=(
            Element(components=(PriceComponent(dimension=Dimension.FLAT, price=Decimal(50), taxes=_VAT),)),
            Element(components=(energy("58.5"),), restrictions=_with(day, max_kwh=Decimal(20), days_of_week=weekdays)),
            Element(components=(energy("52"),), restrictions=_with(day, days_of_week=weekdays)),
            Element(components=(energy("41.25"),)),
            Element(components=(PriceComponent(dimension=Dimension.TIME, price=Decimal(30), taxes=_VAT),)),
            Element(components=(idle,), restrictions=day),
        ),
    )


def _with(one: Restrictions, **more: object) -> Restrictions:
    return msgspec.structs.replace(one, **more)


def _simple_usage(number: int) -> Usage:
    """Return a session as a fold leaves it: four stretches of charging, one of idle time."""
    return Usage(
        stretches=tuple(_stretch(number, place, minutes=14, is_parked=place == 4) for place in range(5)),
        time_zone="Africa/Kigali",
    )


def _complex_usage(number: int) -> Usage:
    """Return a session of an hour of which each minute is a reading, idle in its last third, over a change of band."""
    return Usage(
        stretches=tuple(_stretch(number, place, minutes=1, is_parked=place >= 40) for place in range(60)),
        time_zone="Africa/Nairobi",
    )


def _stretch(number: int, place: int, *, minutes: int, is_parked: bool) -> Stretch:
    began_at = _BEGAN - timedelta(minutes=number % 55) + timedelta(minutes=minutes * place)
    return Stretch(
        started_at=began_at,
        ended_at=began_at + timedelta(minutes=minutes),
        activity=Activity.PARKED if is_parked else Activity.CHARGING,
        energy_wh=Decimal(0) if is_parked else Decimal(680_000 + 1237 * number + 311 * place).scaleb(-3),
        power_w=Decimal(0) if is_parked else Decimal(40_800),
    )
