"""The rules of a price as one would write them down first: stretch by stretch, with fractions."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from ingufu.tariffs.model import Dimension, PriceComponent, Restrictions, Terms, Weekday
from ingufu.tariffs.usage import Activity, Stretch, Usage


def plain_price(usage: Usage, terms: Terms) -> dict[PriceComponent, Fraction]:
    """Return what each component comes to before taxes, looked up anew for each stretch."""
    zone, found = ZoneInfo(usage.time_zone), dict[PriceComponent, Fraction]()
    began_at, energy_kwh, parked_s = usage.stretches[0].started_at, Fraction(0), 0
    for stretch in usage.stretches:
        energy = Fraction(stretch.energy_wh) / 1000
        seconds = int((stretch.ended_at - stretch.started_at).total_seconds())
        parked_s = parked_s + seconds if stretch.activity is Activity.PARKED else 0
        timed = Dimension.PARKING_TIME if parked_s else Dimension.TIME
        for dimension, quantity in (
            (Dimension.FLAT, Fraction(1)),
            (Dimension.ENERGY, energy),
            (timed, Fraction(seconds, 3600)),
        ):
            component = _component(terms, dimension, stretch, zone, (stretch.started_at - began_at, energy_kwh))
            if component is None or (parked_s and parked_s <= component.grace_s):
                continue
            if dimension is not Dimension.FLAT or component not in found:
                found[component] = found.get(component, Fraction(0)) + quantity * Fraction(component.price)
        energy_kwh += energy
    return found


def _component(
    terms: Terms, dimension: Dimension, stretch: Stretch, zone: ZoneInfo, so_far: tuple[timedelta, Fraction]
) -> PriceComponent | None:
    shown = stretch.started_at.astimezone(zone)
    for element in terms.elements:
        for component in element.components:
            if component.dimension is dimension and _holds(element.restrictions, shown, stretch.power_w, so_far):
                return component
    return None


def _holds(one: Restrictions, shown: datetime, power_w: Decimal | None, so_far: tuple[timedelta, Fraction]) -> bool:
    wall, start, end = shown.time(), one.start_time or time(0), one.end_time or time(0)
    return (
        (start <= wall < end if start < end else wall >= start or wall < end)
        and (not one.days_of_week or tuple(Weekday)[shown.weekday()] in one.days_of_week)
        and (one.min_kwh is None or so_far[1] >= one.min_kwh)
        and (one.max_kwh is None or so_far[1] < one.max_kwh)
        and (one.min_power_kw is None or power_w is None or power_w >= one.min_power_kw * 1000)
        and (one.max_power_kw is None or power_w is None or power_w < one.max_power_kw * 1000)
        and (one.min_duration_s is None or so_far[0] >= timedelta(seconds=one.min_duration_s))
        and (one.max_duration_s is None or so_far[0] < timedelta(seconds=one.max_duration_s))
    )
