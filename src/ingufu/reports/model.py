"""What figures are: numbers that add up, of an EVSE or a site on a day. Rates are made of sums, when somebody asks."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

import msgspec

NETWORK = "*"  # the place that all sites are together
NOWHERE = ""  # the place of stations that stand at no site
DAY, MONTH = "d", "m"  # grains
MICRO = 1_000_000  # of a Wh, of a second


class Figures(msgspec.Struct, kw_only=True):
    """What sessions came to. Counted up while figures are gathered, so it is not frozen."""

    started: int = 0
    ended: int = 0
    succeeded: int = 0  # of those that ended
    refused: int = 0
    energy_uwh: int = 0  # millionths of a Wh: whole numbers, so that sums are exact in whatever order
    occupied_s: int = 0
    charging_s: int = 0
    hours: dict[int, list[int]] = {}  # by hour of the local day: [micro-Wh, occupied seconds]

    @property
    def energy_wh(self) -> Decimal:
        return Decimal(self.energy_uwh).scaleb(-6)

    def add(self, other: "Figures") -> None:
        """Count the other in."""
        self.started += other.started
        self.ended += other.ended
        self.succeeded += other.succeeded
        self.refused += other.refused
        self.energy_uwh += other.energy_uwh
        self.occupied_s += other.occupied_s
        self.charging_s += other.charging_s
        for hour, (energy_uwh, occupied_s) in other.hours.items():
            known = self.hours.setdefault(hour, [0, 0])
            known[0] += energy_uwh
            known[1] += occupied_s


class Takings(msgspec.Struct, kw_only=True):
    """What charge records of one currency came to, credits taken off."""

    records: int = 0  # without credits
    credits: int = 0
    net: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)

    def add(self, other: "Takings") -> None:
        """Count the other in."""
        self.records += other.records
        self.credits += other.credits
        self.net += other.net
        self.gross += other.gross


class Place(msgspec.Struct, frozen=True):
    """Where a station stands, and by which clock its days go."""

    site_id: str
    time_zone: str


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a session contributes to figures."""

    id: str
    station_id: str
    evse: int
    started_at: datetime
    ended_at: datetime | None
    heard_at: datetime | None  # of an open one: until when it is counted
    start_wh: Decimal | None
    energy_wh: Decimal


class Dirty(msgspec.Struct, frozen=True):
    """What is to be gathered anew."""

    sessions: Mapping[date, frozenset[str]] = {}  # stations by day
    takings: Mapping[date, frozenset[str]] = {}  # sites by day


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far the figures are gathered."""

    position: int
    decision_id: int
    first_day: str
    next_day: str | None
    version: int
    gathered_at: datetime
    rebuilt_at: datetime | None = None


def sum_of(parts: Iterable[Figures]) -> Figures:
    """Return all of them together."""
    whole = Figures()
    for part in parts:
        whole.add(part)
    return whole
