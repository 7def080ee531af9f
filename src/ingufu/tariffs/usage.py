"""What is priced: a session as stretches of time with their energy, and the reservation before it."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class Activity(StrEnum):
    """What a stretch of a session is, as prices see it."""

    CHARGING = "charging"  # the vehicle wants power; also while the station gives none (OCPP SuspendedEVSE, faults)
    PARKED = "parked"  # the vehicle asks for no power (OCPP SuspendedEV, EVConnected after charging, Finishing)


class Stretch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A time in which nothing changed but the register: its energy is spread evenly over it."""

    started_at: datetime
    ended_at: datetime
    activity: Activity = Activity.CHARGING
    energy_wh: Decimal = Decimal(0)
    power_w: Decimal | None = None  # as measured; None: energy by time
    current_a: Decimal | None = None  # summed over phases; None: not known, and bounds of current are held to be met


class ReservedTime(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The reservation of a session, or one that nobody came for."""

    started_at: datetime
    ended_at: datetime
    is_expired: bool = False


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was used: stretches that follow each other without gap or overlap, oldest first. Times are aware."""

    stretches: tuple[Stretch, ...] = ()
    time_zone: str = "UTC"  # IANA name, of the site: wall clock restrictions are held against it
    reservation: ReservedTime | None = None
