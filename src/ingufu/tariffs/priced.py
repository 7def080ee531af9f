"""What something costs, line by line, with the reason of every line. Amounts are exact until `billed` rounds them.

An amount without an end (a third of an hour at a price) is shown with 24 decimals; it is rounded for the bill from its
exact value, never from what is shown.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ingufu.core.money import Rounding
from ingufu.tariffs.model import Dimension, ReservationPart, Restrictions, Tax


class RoundingPolicy(StrEnum):
    """On what amounts are rounded to the smallest unit of the currency, once each."""

    LINE = "line"
    TAX_GROUP = "tax-group"  # all lines that bear the same taxes
    TOTAL = "total"


class RoundingRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """How exact amounts become amounts that can be paid."""

    policy: RoundingPolicy = RoundingPolicy.TAX_GROUP
    rounding: Rounding = Rounding.HALF_UP


class TaxAmount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one tax at one rate comes to. `base` is what it is laid on."""

    name: str
    percent: Decimal
    base: Decimal
    amount: Decimal


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one price component came to: a quantity at a price, with the tariff, element and restrictions it is from."""

    dimension: Dimension
    reservation: ReservationPart | None = None  # set where reserved time is priced
    quantity: Decimal  # billed: kWh, hours or 1
    measured: Decimal  # what `quantity` was before its step or grace
    unit: str  # "kWh", "h" or "session"
    unit_price: Decimal  # with what the feed said
    feed_id: str | None = None  # set where the component follows a feed
    feed_price: Decimal | None = None  # what it said; None with a feed: nothing, so that the price alone counts
    taxes: tuple[Tax, ...] | None = None
    tariff_id: str
    version: int
    element: int  # its place in the tariff, from 0
    restrictions: Restrictions = Restrictions()
    is_tax_included: bool = False  # in the unit price
    step_size: int = 1
    grace_s: int = 0
    started_at: datetime | None = None  # the first and the last instant that it counts
    ended_at: datetime | None = None
    net: Decimal
    gross: Decimal


class LimitKind(StrEnum):
    MIN_PRICE = "min_price"
    MAX_PRICE = "max_price"


class Limited(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """That a bound of the tariff changed the total."""

    kind: LimitKind
    is_net: bool  # the net total met its bound; else the gross one
    before: Decimal
    after: Decimal


class Period(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A stretch in which the same components counted (OCPI ChargingPeriod), as measured: no step is in it."""

    started_at: datetime
    tariff_id: str
    version: int
    energy_kwh: Decimal = Decimal(0)
    time_h: Decimal = Decimal(0)
    parking_h: Decimal = Decimal(0)
    reservation_h: Decimal = Decimal(0)
    max_power_kw: Decimal | None = None  # of the powers that were measured
    min_power_kw: Decimal | None = None


class Billed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The amounts in whole smallest units of the currency: they sum up, and are what is owed."""

    net: Decimal
    tax: Decimal
    gross: Decimal
    taxes: tuple[TaxAmount, ...] = ()
    line_net: tuple[Decimal, ...] = ()  # of each line; with limits spread over them they sum up to `net`
    line_gross: tuple[Decimal, ...] = ()
    rounding: Rounding = Rounding.HALF_UP
    policy: RoundingPolicy = RoundingPolicy.TAX_GROUP


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a usage costs."""

    currency: str
    lines: tuple[Line, ...] = ()
    periods: tuple[Period, ...] = ()
    limits: tuple[Limited, ...] = ()
    taxes: tuple[TaxAmount, ...] = ()
    net: Decimal = Decimal(0)  # before taxes, within the limits; exact
    gross: Decimal = Decimal(0)
    is_tax_known: bool = True  # false where a component does not say its tax: net and gross are then the same
    energy_kwh: Decimal = Decimal(0)
    time_h: Decimal = Decimal(0)  # charging and parked
    parking_h: Decimal = Decimal(0)
    reservation_h: Decimal = Decimal(0)
    billed: Billed
