"""Charging profiles as a station keeps them: installed, replaced, cleared, and what they allow at an instant."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from ingufu.simulator.spec import CONTROL_VOLTAGE_V
from ingufu.simulator.wording import read_instant

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
DC_CONTROL_VOLTAGE_V = 330.0  # of a nearly empty battery: a limit in A is kept whatever the charge
STATION_MAX = "ChargingStationMaxProfile"
EXTERNAL = "ChargingStationExternalConstraints"
TX_DEFAULT = "TxDefaultProfile"
TX = "TxProfile"
_V16_PURPOSES = {"ChargePointMaxProfile": STATION_MAX}


class Period(msgspec.Struct, frozen=True):
    """A stretch of a schedule."""

    start_s: float
    limit: float
    phases: int | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A charging profile, whichever version sent it; `wire` is what came."""

    profile_id: int
    purpose: str
    stack_level: int
    kind: str
    unit: str
    periods: tuple[Period, ...]
    evse: int  # 0: the station
    wire: dict[str, Any]
    recurrency_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    start_at: datetime | None = None
    duration_s: float | None = None
    transaction: str | None = None


class Charging(msgspec.Struct, frozen=True, kw_only=True):
    """What limits are asked for: an EVSE, and its transaction if there is one."""

    evse: int
    is_dc: bool
    phases: int
    max_power_w: float
    transaction: str | None = None
    started_at: datetime | None = None
    sharing: int = 1  # how many EVSEs draw on what the station as a whole may take

    def watts(self, limit: float, unit: str, phases: int | None) -> float:
        if unit == "W":
            return limit
        if self.is_dc:
            return limit * DC_CONTROL_VOLTAGE_V
        return limit * CONTROL_VOLTAGE_V * min(self.phases, phases or self.phases)

    def in_unit(self, watts: float, unit: str) -> float:
        if unit == "W":
            return round(watts, 1)
        return round(watts / (DC_CONTROL_VOLTAGE_V if self.is_dc else CONTROL_VOLTAGE_V * self.phases), 1)


def parsed(wire: Mapping[str, Any], evse: int, received_at: datetime) -> Profile | None:
    """Read a profile of either version; None if it says nothing a station could follow."""
    schedule = wire.get("chargingSchedule")
    if isinstance(schedule, list):
        schedule = schedule[0] if schedule else None
    if not isinstance(schedule, dict):
        return None
    periods = tuple(
        Period(float(period["startPeriod"]), float(period["limit"]), period.get("numberPhases"))
        for period in schedule.get("chargingSchedulePeriod", ())
        if period.get("limit") is not None
    )
    starts_s = [period.start_s for period in periods]
    if not periods or starts_s[0] != 0 or starts_s != sorted(starts_s):
        return None
    purpose = str(wire["chargingProfilePurpose"])
    transaction = wire.get("transactionId")
    kind = str(wire["chargingProfileKind"])
    recurrency = {"Daily": DAY_S, "Weekly": WEEK_S}.get(str(wire.get("recurrencyKind")))
    start_at = read_instant(schedule.get("startSchedule"))
    if start_at is None and kind in ("Absolute", "Dynamic"):
        start_at = received_at
    return Profile(
        profile_id=int(wire["chargingProfileId"] if "chargingProfileId" in wire else wire["id"]),
        purpose=_V16_PURPOSES.get(purpose, purpose),
        stack_level=int(wire["stackLevel"]),
        kind=kind,
        unit=str(schedule["chargingRateUnit"]),
        periods=periods,
        evse=evse,
        wire=dict(wire),
        recurrency_s=recurrency if kind == "Recurring" else None,
        valid_from=read_instant(wire.get("validFrom")),
        valid_to=read_instant(wire.get("validTo")),
        start_at=start_at,
        duration_s=schedule.get("duration"),
        transaction=None if transaction is None else str(transaction),
    )


class ProfileStore:
    """The profiles installed on one station."""

    def __init__(self) -> None:
        self._profiles: list[Profile] = []

    def __len__(self) -> int:
        return len(self._profiles)

    def all(self) -> tuple[Profile, ...]:
        return tuple(self._profiles)

    def install(self, profile: Profile) -> None:
        """Add the profile; one with the same id, or the same purpose, level and place, is replaced (1.6: 3.13.2)."""
        place = (profile.purpose, profile.stack_level, profile.evse, profile.transaction)
        self._profiles = [
            kept
            for kept in self._profiles
            if kept.profile_id != profile.profile_id
            and (kept.purpose, kept.stack_level, kept.evse, kept.transaction) != place
        ]
        self._profiles.append(profile)

    def clear(
        self,
        *,
        profile_id: int | None = None,
        evse: int | None = None,
        purpose: str | None = None,
        stack_level: int | None = None,
    ) -> int:
        """Remove what matches all that is given, everything if nothing is; an id stands alone. Return how many."""
        purpose = _V16_PURPOSES.get(purpose or "", purpose)

        def matches(profile: Profile) -> bool:
            if profile_id is not None:
                return profile.profile_id == profile_id
            return (
                (evse is None or profile.evse == evse)
                and (purpose is None or profile.purpose == purpose)
                and (stack_level is None or profile.stack_level == stack_level)
            )

        before = len(self._profiles)
        self._profiles = [profile for profile in self._profiles if not matches(profile)]
        return before - len(self._profiles)

    def transaction_ended(self, transaction: str | None, evse: int) -> None:
        """Drop the TxProfiles of that EVSE: they die with their transaction."""
        self._profiles = [
            profile
            for profile in self._profiles
            if not (profile.purpose == TX and profile.evse == evse and profile.transaction in (None, transaction))
        ]

    def limit_w(self, charging: Charging, at: datetime) -> float:
        """Return what may flow at that instant: per purpose the highest level, of those the lowest (K01.FR.40)."""
        own_w = self._strongest(TX, charging, at)
        if own_w is None:
            own_w = self._strongest(TX_DEFAULT, charging, at)
        whole_w = [self._strongest(purpose, charging, at) for purpose in (STATION_MAX, EXTERNAL)]
        limits = [own_w, *(limit / charging.sharing for limit in whole_w if limit is not None)]
        return min((limit for limit in limits if limit is not None), default=charging.max_power_w)

    def composite(self, charging: Charging, start_at: datetime, duration_s: int, unit: str) -> list[Period]:
        """Return the steps of what is allowed from `start_at` on, in the unit asked for."""
        end_at = start_at + timedelta(seconds=duration_s)
        turns = {start_at} | {turn for turn in self._turns(charging, start_at, end_at) if start_at < turn < end_at}
        periods: list[Period] = []
        for turn in sorted(turns):
            limit = charging.in_unit(self.limit_w(charging, turn), unit)
            if not periods or periods[-1].limit != limit:
                periods.append(Period(int((turn - start_at).total_seconds()), limit))
        return periods

    def _strongest(self, purpose: str, charging: Charging, at: datetime) -> float | None:
        best: tuple[int, int, float] | None = None
        for profile in self._profiles:
            if profile.purpose != purpose or profile.evse not in (0, charging.evse):
                continue
            if profile.transaction is not None and profile.transaction != charging.transaction:
                continue
            period = active_period(profile, charging.started_at, at)
            if period is not None:
                watts = charging.watts(period.limit, profile.unit, period.phases)
                rank = (profile.stack_level, profile.evse, watts)
                best = rank if best is None or rank[:2] > best[:2] else best
        return None if best is None else min(best[2], charging.max_power_w * charging.sharing)

    def _turns(self, charging: Charging, start_at: datetime, end_at: datetime) -> set[datetime]:
        turns: set[datetime] = set()
        for profile in self._profiles:
            turns |= {at for at in (profile.valid_from, profile.valid_to) if at is not None}
            for origin_at in _origins(profile, charging.started_at, start_at, end_at):
                turns |= {origin_at + timedelta(seconds=period.start_s) for period in profile.periods}
                if profile.duration_s is not None:
                    turns.add(origin_at + timedelta(seconds=profile.duration_s))
        return turns


def active_period(profile: Profile, started_at: datetime | None, at: datetime) -> Period | None:
    """Return the profile's period in force at that instant, if it is in force at all."""
    if (profile.valid_from is not None and at < profile.valid_from) or (
        profile.valid_to is not None and at >= profile.valid_to
    ):
        return None
    origin_at = started_at if profile.kind == "Relative" else profile.start_at
    if origin_at is None:
        return None
    elapsed_s = (at - origin_at).total_seconds()
    if elapsed_s < 0:
        return None
    if profile.recurrency_s is not None:
        elapsed_s %= profile.recurrency_s
    if profile.duration_s is not None and elapsed_s >= profile.duration_s:
        return None
    current = [period for period in profile.periods if period.start_s <= elapsed_s]
    return current[-1]


def _origins(profile: Profile, started_at: datetime | None, start_at: datetime, end_at: datetime) -> Iterable[datetime]:
    origin_at = started_at if profile.kind == "Relative" else profile.start_at
    if origin_at is None:
        return
    yield origin_at
    if profile.recurrency_s is not None:
        turn = timedelta(seconds=profile.recurrency_s)
        passed = max(0, int((start_at - origin_at) / turn))
        at = origin_at + passed * turn
        while at < end_at:
            yield at
            at += turn
