"""Tariffs in the terms of OCPI 2.3.0 (mod_tariffs), with grace for idle time and prices from feeds added.

Units stand in the names. A price is per kWh, per hour or per session, in the currency of its tariff; all are exact.
"""

from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum

import msgspec


class Dimension(StrEnum):
    """What a price component counts (OCPI TariffDimensionType)."""

    ENERGY = "ENERGY"  # per kWh
    FLAT = "FLAT"  # once per session
    TIME = "TIME"  # per hour in which the vehicle wants power, whether it gets it or not
    PARKING_TIME = "PARKING_TIME"  # per hour in which the vehicle asks for no power


class TariffKind(StrEnum):
    """For which kind of session a tariff is meant (OCPI TariffType); none means every kind."""

    AD_HOC_PAYMENT = "AD_HOC_PAYMENT"
    PROFILE_CHEAP = "PROFILE_CHEAP"
    PROFILE_FAST = "PROFILE_FAST"
    PROFILE_GREEN = "PROFILE_GREEN"
    REGULAR = "REGULAR"


class ReservationPart(StrEnum):
    """What part of a reservation an element prices (OCPI ReservationRestrictionType)."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class Weekday(StrEnum):
    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class TaxBasis(StrEnum):
    """Whether the prices of a tariff hold their taxes (OCPI 2.3.0 TaxIncluded)."""

    EXCLUDED = "NO"
    INCLUDED = "YES"
    NONE = "N/A"  # no tax applies


class Tax(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One tax on a component. Taxes are laid on the net price; a compound one on the net price and those before it."""

    name: str = "VAT"
    percent: Decimal
    is_compound: bool = False


class PriceFeed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A price that varies in time: `price + factor * price of the feed`, kept within floor and ceiling."""

    feed_id: str
    factor: Decimal = Decimal(1)
    floor: Decimal | None = None
    ceiling: Decimal | None = None


class PriceComponent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one dimension costs."""

    dimension: Dimension
    price: Decimal
    taxes: tuple[Tax, ...] | None = None  # None: unknown or not applicable, which is not the same as a tax of 0 %
    step_size: int = 1  # Wh or s; the total of the session is rounded up to a multiple (OCPI step_size)
    grace_s: int = 0  # PARKING_TIME only: free since the vehicle last stopped asking for power
    feed: PriceFeed | None = None  # ENERGY only


class Restrictions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """When an element applies: all that are given must hold. Lower bounds are inclusive, upper ones exclusive."""

    start_time: time | None = None  # wall clock of the site; an end before the start wraps midnight
    end_time: time | None = None  # 00:00 is the end of the day
    start_date: date | None = None  # of the site
    end_date: date | None = None
    min_kwh: Decimal | None = None  # delivered in the session so far
    max_kwh: Decimal | None = None
    min_current_a: Decimal | None = None  # now, summed over phases
    max_current_a: Decimal | None = None
    min_power_kw: Decimal | None = None
    max_power_kw: Decimal | None = None
    min_duration_s: int | None = None  # of the session so far, charging or not
    max_duration_s: int | None = None
    days_of_week: tuple[Weekday, ...] = ()
    reservation: ReservationPart | None = None


class Element(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Price components that share restrictions. For each dimension the first element that has it and applies counts."""

    components: tuple[PriceComponent, ...]
    restrictions: Restrictions = Restrictions()


class PriceLimit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A bound of what a session costs; the net and the gross one act independently."""

    before_taxes: Decimal | None = None
    after_taxes: Decimal | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a version of a tariff says: all that pricing needs, and nothing that changes afterwards."""

    currency: str
    elements: tuple[Element, ...]
    tax_basis: TaxBasis = TaxBasis.EXCLUDED
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff as people know it. What it costs stands in its versions."""

    id: str
    organisation_id: str
    name: str
    kind: TariffKind | None = None
    texts: dict[str, str] = {}  # language (RFC 5646): what displays and pages say instead of our own words
    is_retired: bool = False  # no longer to be given to anything
    created_at: datetime
    updated_at: datetime


class TariffVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a tariff costs from an instant on, until the next version. Never changed once a session was priced by it."""

    tariff_id: str
    number: int  # from 1
    valid_from: datetime
    valid_until: datetime | None = None
    terms: Terms
    created_at: datetime
    created_by: str = ""
    used_at: datetime | None = None  # when a session was first priced by it
    withdrawn_at: datetime | None = None  # taken back before it began


class AppliedTariff(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version as a session is priced by it: kept whole with the charge record."""

    tariff_id: str
    version: int
    name: str = ""
    terms: Terms
    from_at: datetime | None = None  # None: since the session began; set where a tariff came in the middle of it
    feeds: dict[str, tuple["FeedPrice", ...]] = {}  # the prices of feeds in the time of the session


class FeedPrice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a feed says from an instant on, until the next."""

    from_at: datetime
    price: Decimal  # per kWh
