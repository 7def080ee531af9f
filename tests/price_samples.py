"""Short ways to write tariffs and usages down in tests of prices."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from ingufu.tariffs.model import (
    AppliedTariff,
    Dimension,
    Element,
    PriceComponent,
    PriceLimit,
    ReservationPart,
    Restrictions,
    Tax,
    TaxBasis,
    Terms,
)
from ingufu.tariffs.price import price
from ingufu.tariffs.priced import RoundingRule
from ingufu.tariffs.usage import Activity, ReservedTime, Stretch, Usage

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def component(dimension, amount, vat=None, **more):
    taxes = None if vat is None else (Tax(percent=Decimal(vat)),)
    return PriceComponent(dimension=dimension, price=Decimal(amount), taxes=taxes, **more)


def energy(amount, vat=None, **more):
    return component(Dimension.ENERGY, amount, vat, **more)


def flat(amount, vat=None, **more):
    return component(Dimension.FLAT, amount, vat, **more)


def time_(amount, vat=None, **more):
    return component(Dimension.TIME, amount, vat, **more)


def parking(amount, vat=None, **more):
    return component(Dimension.PARKING_TIME, amount, vat, **more)


def element(*components, **restrictions):
    return Element(components=components, restrictions=Restrictions(**restrictions))


def limit(before=None, after=None):
    return PriceLimit(
        before_taxes=None if before is None else Decimal(before), after_taxes=None if after is None else Decimal(after)
    )


def terms(*elements, currency="EUR", basis=TaxBasis.EXCLUDED, least=None, most=None):
    return Terms(currency=currency, elements=elements, tax_basis=basis, min_price=least, max_price=most)


def applied(what, tariff_id="tariff", **more):
    return AppliedTariff(tariff_id=tariff_id, version=1, terms=what, **more)


def charging(minutes, kwh="0", **more):
    return (minutes, {"energy_wh": Decimal(kwh) * 1000, **more})


def parked(minutes, kwh="0", **more):
    return (minutes, {"activity": Activity.PARKED, "energy_wh": Decimal(kwh) * 1000, **more})


def usage(*stretches, at=MONDAY, zone="UTC", reserved_min=None, is_expired=False):
    """Return the stretches one after the other from an instant on, after so many reserved minutes."""
    found = []
    here = at
    for minutes, more in stretches:
        end = here + timedelta(microseconds=int(Decimal(minutes) * 60_000_000))
        found.append(Stretch(started_at=here, ended_at=end, **more))
        here = end
    reservation = None
    if reserved_min is not None:
        reservation = ReservedTime(started_at=at - timedelta(minutes=reserved_min), ended_at=at, is_expired=is_expired)
    return Usage(stretches=tuple(found), time_zone=zone, reservation=reservation)


def priced(what, used, **more):
    """Return the price by one tariff."""
    return price(used, (applied(what),), **more)


def cost(what, used):
    """Return the exact net and gross amount by one tariff."""
    found = priced(what, used)
    return found.net, found.gross


def rule(policy, rounding="half-up"):
    return RoundingRule(policy=policy, rounding=rounding)


def as_shown(fraction):
    """Return a fraction with the decimals that a price shows."""
    return Decimal(round(Fraction(fraction) * 10**24)).scaleb(-24).normalize()


def minutes(count):
    return timedelta(minutes=count)


RESERVED = ReservationPart.RESERVATION
EXPIRES = ReservationPart.RESERVATION_EXPIRES


def reservable(*elements):
    return terms(*elements, element(flat("0.50", "20")), element(energy("0.25", "10")))


IDLE = terms(element(energy("1")), element(parking("60", grace_s=900)))
V1 = terms(element(energy("0.25", "10")))  # examples of OCPI's, by their numbers in test_vectors.py
V2 = terms(element(flat("0.50", "20")), element(energy("0.25", "10")))
V12 = reservable(
    element(time_("2", "20", step_size=600), reservation=RESERVED), element(flat("4.00", "20"), reservation=EXPIRES)
)
