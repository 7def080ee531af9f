"""What a simulated 2.x station answers about charging profiles."""

from collections.abc import Callable, Mapping

from ingufu.simulator import flow, limits, orders
from ingufu.simulator.dialect import Answer
from ingufu.simulator.peer import Payload
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory

Answerer = Callable[[Memory, TransactionEvents, Payload], Answer]


def _rejected(reason: str) -> Answer:
    return Answer(payload={"status": "Rejected", "statusInfo": {"reasonCode": reason}})


def _set_profile(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    station = memory.station
    wire = dict(payload["chargingProfile"])
    number = int(payload["evseId"])
    if not station.spec.manner.has_smart_charging:
        return Answer(error="NotSupported", description="no smart charging")
    if wire["chargingProfilePurpose"] == limits.EXTERNAL:
        return _rejected("UnsupportedPurpose")
    if wire["chargingProfilePurpose"] == limits.STATION_MAX and number != 0:
        return _rejected("InvalidProfile")
    if number and station.evse(number) is None:
        return _rejected("UnknownEvse")
    if orders.install_profile(station, wire, number) is None:
        is_tx = wire["chargingProfilePurpose"] == limits.TX
        return _rejected("TxNotFound" if is_tx else "InvalidSchedule")
    return Answer(payload={"status": "Accepted"}, after=lambda: flow.limits_changed(station))


def _clear_profile(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    station = memory.station
    criteria = payload.get("chargingProfileCriteria") or {}
    cleared = station.profiles.clear(
        profile_id=payload.get("chargingProfileId"),
        evse=criteria.get("evseId"),
        purpose=criteria.get("chargingProfilePurpose"),
        stack_level=criteria.get("stackLevel"),
    )
    status = "Accepted" if cleared else "Unknown"
    return Answer(payload={"status": status}, after=lambda: flow.limits_changed(station))


def _get_profiles(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    wanted, number = payload["chargingProfile"], payload.get("evseId")
    found = [profile for profile in memory.station.profiles.all() if _is_wanted(profile, wanted, number)]
    if not found:
        return Answer(payload={"status": "NoProfiles"})
    request_id = int(payload["requestId"])

    def report() -> None:
        numbers = sorted({profile.evse for profile in found})
        for index, evse in enumerate(numbers):
            said: Payload = {
                "requestId": request_id,
                "chargingLimitSource": "CSO",
                "chargingProfile": [profile.wire for profile in found if profile.evse == evse],
                "evseId": evse,
                "tbc": index < len(numbers) - 1,
            }
            memory.say("ReportChargingProfiles", said)

    return Answer(payload={"status": "Accepted"}, after=report)


def _is_wanted(profile: limits.Profile, wanted: Payload, number: int | None) -> bool:
    ids = wanted.get("chargingProfileId")
    if ids is not None:
        return profile.profile_id in ids
    sources = wanted.get("chargingLimitSource")
    return (
        (number is None or profile.evse == number)
        and (sources is None or "CSO" in sources)
        and wanted.get("chargingProfilePurpose", profile.purpose) == profile.purpose
        and wanted.get("stackLevel", profile.stack_level) == profile.stack_level
    )


def _composite(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    station = memory.station
    number = int(payload["evseId"])
    evse = station.evse(number or 1)
    if evse is None:
        return _rejected("UnknownEvse")
    unit = str(payload.get("chargingRateUnit", "A"))
    start_at = station.now()
    duration_s = int(payload["duration"])
    periods = station.profiles.composite(flow.charging(station, evse), start_at, duration_s, unit)
    schedule: Payload = {
        "evseId": number,
        "duration": duration_s,
        "scheduleStart": station.stamp(start_at),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": int(p.start_s), "limit": p.limit} for p in periods],
    }
    return Answer(payload={"status": "Accepted", "schedule": schedule})


PROFILES: Mapping[str, Answerer] = {
    "ClearChargingProfile": _clear_profile,
    "GetChargingProfiles": _get_profiles,
    "GetCompositeSchedule": _composite,
    "SetChargingProfile": _set_profile,
}
