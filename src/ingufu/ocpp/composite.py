"""The schedule that a 1.6 station follows by the profiles it has accepted, for those that cannot tell it themselves.

Spec: OCPP 1.6 3.13. Of one purpose the valid profile of the highest stack level counts; one for the transaction takes
the place of the default; none may exceed that of the whole station.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

VOLTS: Final = 230
LIMIT_A: Final = Decimal(32)  # of a station of which nothing is known
MOST_PERIODS: Final = 100

Json = Any  # whatever JSON holds


class Accepted(msgspec.Struct, frozen=True):
    """A profile that the station has accepted."""

    connector: int
    profile: dict[str, Json]
    at: datetime


def with_profile(known: Sequence[Accepted], payload: bytes, at: datetime) -> tuple[Accepted, ...]:
    """Return what the station holds after it accepted a SetChargingProfile: the same id, or place, is replaced."""
    plain = json.loads(payload, parse_float=Decimal)
    new = Accepted(plain["connectorId"], plain["csChargingProfiles"], at)
    kept = [one for one in known if _id(one) != _id(new) and _place(one) != _place(new)]
    return (*kept, new)[-MOST_PERIODS:]


def without_profiles(known: Sequence[Accepted], payload: bytes) -> tuple[Accepted, ...]:
    """Return what the station holds after it accepted a ClearChargingProfile."""
    plain = json.loads(payload, parse_float=Decimal)
    if "id" in plain:
        return tuple(one for one in known if _id(one) != plain["id"])

    def is_cleared(one: Accepted) -> bool:
        return all(
            plain[name] == value
            for name, value in (
                ("connectorId", one.connector),
                ("chargingProfilePurpose", one.profile.get("chargingProfilePurpose")),
                ("stackLevel", one.profile.get("stackLevel")),
            )
            if name in plain
        )

    return tuple(one for one in known if not is_cleared(one))


def compose(known: Sequence[Accepted], payload: bytes, now: datetime) -> bytes | None:
    """Return the answer to a GetCompositeSchedule, None where no profile tells anything."""
    asked = json.loads(payload, parse_float=Decimal)
    connector, duration_s = asked["connectorId"], int(asked["duration"])
    unit = asked.get("chargingRateUnit") or _unit(known)
    relevant = [one for one in known if one.connector in (0, connector)]
    if not relevant or unit is None:
        return None
    edges = sorted({0, *(edge for one in relevant for edge in _edges(one, now) if 0 < edge < duration_s)})
    periods: list[dict[str, Json]] = []
    for edge in edges[:MOST_PERIODS]:
        limit = _limit(relevant, now + timedelta(seconds=edge), unit)
        if limit is not None and (not periods or periods[-1]["limit"] != limit):
            periods.append({"startPeriod": edge, "limit": limit})
    if not periods:
        return None
    start = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    schedule = {"duration": duration_s, "chargingRateUnit": unit, "chargingSchedulePeriod": periods}
    answer = {"status": "Accepted", "connectorId": connector, "scheduleStart": start, "chargingSchedule": schedule}
    return msgspec.json.Encoder(decimal_format="number").encode(answer)


def _limit(relevant: list[Accepted], at: datetime, unit: str) -> Decimal | None:
    best: dict[str, Decimal] = {}
    for one in sorted(relevant, key=lambda one: (int(one.profile.get("stackLevel", 0)), one.at)):
        limit = _limit_of(one, at, unit)
        if limit is not None:
            best[str(one.profile.get("chargingProfilePurpose"))] = limit
    own = best.get("TxProfile", best.get("TxDefaultProfile"))
    found = [limit for limit in (own, best.get("ChargePointMaxProfile")) if limit is not None]
    return min(found) if found else None


def _limit_of(one: Accepted, at: datetime, unit: str) -> Decimal | None:
    schedule = one.profile.get("chargingSchedule") or {}
    if not _is_valid(one.profile, at):
        return None
    elapsed_s = (at - _start(one, at)).total_seconds()
    duration = schedule.get("duration")
    if elapsed_s < 0 or (duration is not None and elapsed_s >= duration):
        return None
    limit: Decimal | None = None
    for period in schedule.get("chargingSchedulePeriod") or ():
        if period["startPeriod"] <= elapsed_s:
            limit = _converted(Decimal(period["limit"]), schedule["chargingRateUnit"], unit, period)
    return limit


def _converted(limit: Decimal, own: str, unit: str, period: dict[str, Json]) -> Decimal:
    if own == unit:
        return limit
    watts = VOLTS * int(period.get("numberPhases", 3))
    return (limit / watts).quantize(Decimal("0.1")) if unit == "A" else limit * watts


def _is_valid(profile: dict[str, Json], at: datetime) -> bool:
    begin, end = _time(profile.get("validFrom")), _time(profile.get("validTo"))
    return (begin is None or begin <= at) and (end is None or at < end)


def _start(one: Accepted, at: datetime) -> datetime:
    start = _time((one.profile.get("chargingSchedule") or {}).get("startSchedule")) or one.at
    length = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}.get(str(one.profile.get("recurrencyKind")))
    if length is not None and start <= at:
        start += (at - start) // length * length
    return start


def _edges(one: Accepted, now: datetime) -> list[int]:
    """Return after how many seconds from now something of the profile begins or ends."""
    schedule = one.profile.get("chargingSchedule") or {}
    begin_s = (_start(one, now) - now).total_seconds()
    marks = [begin_s + int(period["startPeriod"]) for period in schedule.get("chargingSchedulePeriod") or ()]
    if schedule.get("duration") is not None:
        marks.append(begin_s + int(schedule["duration"]))
    for name in ("validFrom", "validTo"):
        moment = _time(one.profile.get(name))
        if moment is not None:
            marks.append((moment - now).total_seconds())
    return [int(mark) for mark in marks]


def _time(text: Json) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text)).astimezone(UTC)


def _unit(known: Sequence[Accepted]) -> str | None:
    units = [(one.profile.get("chargingSchedule") or {}).get("chargingRateUnit") for one in known]
    return next((unit for unit in units if unit in ("A", "W")), None)


def _id(one: Accepted) -> Json:
    return one.profile.get("chargingProfileId")


def _place(one: Accepted) -> tuple[Json, ...]:
    return (one.connector, one.profile.get("chargingProfilePurpose"), one.profile.get("stackLevel"))
