"""A usage that nobody had: what calculators, previews and comparisons are asked about."""

from datetime import datetime, timedelta
from decimal import Decimal

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.arranging import LONGEST
from ingufu.tariffs.usage import Activity, ReservedTime, Stretch, Usage

_LONGEST_MIN = LONGEST // timedelta(minutes=1)


def suppose(
    *,
    started_at: datetime,
    energy_kwh: Decimal,
    charging_min: Decimal,
    idle_min: Decimal = Decimal(0),
    power_kw: Decimal | None = None,
    current_a: Decimal | None = None,
    time_zone: str = "UTC",
    reserved_min: Decimal = Decimal(0),
    is_expired: bool = False,
) -> Usage:
    """Return the usage of a vehicle that charges evenly, then stays plugged in without asking for power.

    Energy needs no time at all: so calculators may leave it out. `power_kw` is what restrictions of power are held
    against; without it, energy by time. The reserved time lies before the start.
    Raises InvalidInput for negative quantities.
    """
    quantities = {
        "energy_kwh": energy_kwh,
        "charging_min": charging_min,
        "idle_min": idle_min,
        "reserved_min": reserved_min,
        "power_kw": power_kw or Decimal(0),
        "current_a": current_a or Decimal(0),
    }
    for field, quantity in quantities.items():
        if not (quantity.is_finite() and quantity >= 0):
            raise InvalidInput("Give a number that is not negative.", field=field)
    full_at = started_at + _minutes(charging_min, "charging_min")
    gone_at = full_at + _minutes(idle_min, "idle_min")
    charged = Stretch(
        started_at=started_at,
        ended_at=full_at,
        energy_wh=energy_kwh * 1000,
        power_w=None if power_kw is None else power_kw * 1000,
        current_a=current_a,
    )
    parked = Stretch(started_at=full_at, ended_at=gone_at, activity=Activity.PARKED, current_a=Decimal(0))
    is_used = energy_kwh or charging_min or idle_min or not is_expired
    reserved_from = started_at - _minutes(reserved_min, "reserved_min")
    return Usage(
        stretches=() if not is_used else (charged, parked) if idle_min else (charged,),
        time_zone=time_zone,
        reservation=ReservedTime(started_at=reserved_from, ended_at=started_at, is_expired=is_expired)
        if reserved_min
        else None,
    )


def _minutes(minutes: Decimal, field: str) -> timedelta:
    if minutes > _LONGEST_MIN:
        raise InvalidInput("That is longer than any session.", field=field)
    return timedelta(microseconds=int(minutes * 60_000_000))
