"""What a simulated 1.6 station answers to each CALL of the core and the optional profiles."""

from collections.abc import Callable

from ingufu.simulator import errands, flow, orders
from ingufu.simulator.access import Token, Verdict
from ingufu.simulator.dialect import Answer
from ingufu.simulator.evse import Context, Evse, Reason
from ingufu.simulator.peer import Lane, Payload, Request
from ingufu.simulator.v16.configuration import MAX_KEYS
from ingufu.simulator.v16.memory import Memory, verdict
from ingufu.simulator.v16.security import SECURITY
from ingufu.simulator.wording import read_instant

Answerer = Callable[[Memory, Payload], Answer]


def answer(memory: Memory, action: str, payload: Payload) -> Answer:
    """Answer a CALL; what a station of 1.6 has never heard of is NotImplemented."""
    answerer = ANSWERS.get(action) or SECURITY.get(action)
    if answerer is None:
        return Answer(error="NotImplemented", description=f"{action} is not an action of OCPP 1.6")
    try:
        return answerer(memory, payload)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        return Answer(error="FormationViolation", description=f"{type(fault).__name__}: {fault}")


def _change_availability(memory: Memory, payload: Payload) -> Answer:
    number = int(payload["connectorId"]) or None
    is_operative = payload["type"] == "Operative"
    order = orders.change_availability(memory.station, number, is_operative=is_operative)

    def change() -> None:
        if number is None:
            _set_station(memory, is_operative=is_operative)
        if order.after is not None:
            order.after()

    return Answer(payload={"status": order.status}, after=None if order.status == "Rejected" else change)


def _set_station(memory: Memory, *, is_operative: bool) -> None:
    station = memory.station
    station.is_operative = is_operative
    status = "Available" if is_operative else "Unavailable"
    said = {"connectorId": 0, "errorCode": "NoError", "status": status, "timestamp": station.stamp()}
    station.peer.request(Request("StatusNotification", said))


def _change_configuration(memory: Memory, payload: Payload) -> Answer:
    name, value = str(payload["key"]), str(payload["value"])
    status = memory.configuration.change(name, value)

    def follow() -> None:
        station = memory.station
        if name.casefold() == "authorizationkey":
            station.change_password(value)
        station.restart_heartbeat()
        flow.restart_sampling(station)

    return Answer(payload={"status": status}, after=follow if status == "Accepted" else None)


def _get_configuration(memory: Memory, payload: Payload) -> Answer:
    names = payload.get("key") or []
    if len(names) > MAX_KEYS:
        return Answer(error="OccurenceConstraintViolation", description=f"at most {MAX_KEYS} keys")
    found, unknown = memory.configuration.named(names) if names else (memory.configuration.keys(), [])
    said: Payload = {
        "configurationKey": [
            {"key": name, "readonly": key.is_readonly, "value": key.value} for name, key in found.items()
        ]
    }
    if unknown:
        said["unknownKey"] = unknown
    return Answer(payload=said)


def _clear_cache(memory: Memory, _: Payload) -> Answer:
    memory.station.access.clear_cache()
    return Answer(payload={"status": "Accepted"})


def _data_transfer(memory: Memory, payload: Payload) -> Answer:
    if payload["vendorId"] != memory.station.spec.manner.vendor:
        return Answer(payload={"status": "UnknownVendorId"})
    if payload.get("messageId") != "Echo":
        return Answer(payload={"status": "UnknownMessageId"})
    return Answer(payload={"status": "Accepted", "data": str(payload.get("data", ""))})


def _remote_start(memory: Memory, payload: Payload) -> Answer:
    order = orders.start(
        memory.station,
        payload.get("connectorId") or None,
        Token(str(payload["idTag"])),
        profile=payload.get("chargingProfile"),
    )
    return Answer(payload={"status": order.status}, after=order.after)


def _remote_stop(memory: Memory, payload: Payload) -> Answer:
    order = orders.stop(memory.station, str(int(payload["transactionId"])))
    return Answer(payload={"status": order.status}, after=order.after)


def _reset(memory: Memory, payload: Payload) -> Answer:
    is_hard = payload["type"] == "Hard"
    reason = Reason.IMMEDIATE_RESET if is_hard else Reason.SOFT_RESET
    order = orders.reset(memory.station, hard=is_hard, waits_for_idle=False, reason=reason)
    return Answer(payload={"status": order.status}, after=order.after)


def _unlock(memory: Memory, payload: Payload) -> Answer:
    evse = memory.station.evse(int(payload["connectorId"]))
    if evse is None or not evse.spec.connector_type.startswith("cType2"):
        return Answer(payload={"status": "NotSupported"})
    order = orders.unlock(memory.station, evse)
    return Answer(payload={"status": order.status}, after=order.after)


def _get_diagnostics(memory: Memory, payload: Payload) -> Answer:
    if not memory.station.spec.manner.has_firmware:
        return Answer(error="NotSupported", description="no FirmwareManagement profile")
    steps = errands.UPLOAD_FAILED if errands.fails(str(payload["location"])) else errands.UPLOAD
    memory.log_is_diagnostics = True
    name = f"{memory.station.spec.serial}-diagnostics.zip"
    return Answer(payload={"fileName": name}, after=lambda: memory.log_errand.run(steps))


def _update_firmware(memory: Memory, payload: Payload) -> Answer:
    station = memory.station
    if not station.spec.manner.has_firmware:
        return Answer(error="NotSupported", description="no FirmwareManagement profile")
    location = str(payload["location"])
    retrieve_at = read_instant(payload["retrieveDate"])
    wait_s = 0.0 if retrieve_at is None else (retrieve_at - station.now()).total_seconds()
    memory.firmware_is_signed = False

    def install() -> None:
        station.firmware = errands.next_firmware(location, station.firmware)
        memory.installed_after_boot = True
        flow.reset(station, hard=False, reason=Reason.REBOOT, boot_reason="FirmwareUpdate")

    def begin() -> None:
        if errands.fails(location):
            memory.firmware_errand.run(errands.FIRMWARE_FAILED, wait_s=wait_s)
        else:
            memory.firmware_errand.run(errands.FIRMWARE, wait_s=wait_s, done=install)

    return Answer(payload={}, after=begin)


def _get_local_list_version(memory: Memory, _: Payload) -> Answer:
    has_list = memory.station.spec.manner.has_local_list
    return Answer(payload={"listVersion": memory.station.access.version if has_list else -1})


def _send_local_list(memory: Memory, payload: Payload) -> Answer:
    access = memory.station.access
    if not memory.station.spec.manner.has_local_list:
        return Answer(payload={"status": "NotSupported"})
    version = int(payload["listVersion"])
    is_full = payload["updateType"] == "Full"
    entries: dict[str, Verdict | None] = {
        str(entry["idTag"]): verdict(entry.get("idTagInfo")) for entry in payload.get("localAuthorizationList", ())
    }
    if version <= 0 or (is_full and None in entries.values()):
        return Answer(payload={"status": "Failed"})
    if not is_full and version <= access.version:
        return Answer(payload={"status": "VersionMismatch"})
    if is_full:
        access.replace(version, entries)
    else:
        access.amend(version, entries)
    return Answer(payload={"status": "Accepted"})


def _reserve_now(memory: Memory, payload: Payload) -> Answer:
    number = int(payload["connectorId"])
    until = read_instant(payload["expiryDate"])
    if number == 0 or until is None:
        return Answer(payload={"status": "Rejected"})
    token = Token(str(payload["idTag"]))
    group = payload.get("parentIdTag")
    order = orders.reserve(memory.station, number, int(payload["reservationId"]), token, group, until)
    return Answer(payload={"status": order.status}, after=order.after)


def _cancel_reservation(memory: Memory, payload: Payload) -> Answer:
    order = orders.cancel_reservation(memory.station, int(payload["reservationId"]))
    return Answer(payload={"status": order.status}, after=order.after)


def _set_charging_profile(memory: Memory, payload: Payload) -> Answer:
    station = memory.station
    if not station.spec.manner.has_smart_charging:
        return Answer(payload={"status": "NotSupported"})
    wire = dict(payload["csChargingProfiles"])
    number = int(payload["connectorId"])
    if wire["chargingProfilePurpose"] == "ChargePointMaxProfile" and number != 0:
        return Answer(payload={"status": "Rejected"})
    profile = orders.install_profile(station, wire, number)
    status = "Rejected" if profile is None else "Accepted"
    return Answer(payload={"status": status}, after=lambda: flow.limits_changed(station))


def _clear_charging_profile(memory: Memory, payload: Payload) -> Answer:
    station = memory.station
    if not station.spec.manner.has_smart_charging:
        return Answer(error="NotSupported", description="no SmartCharging profile")
    cleared = station.profiles.clear(
        profile_id=payload.get("id"),
        evse=payload.get("connectorId"),
        purpose=payload.get("chargingProfilePurpose"),
        stack_level=payload.get("stackLevel"),
    )
    status = "Accepted" if cleared else "Unknown"
    return Answer(payload={"status": status}, after=lambda: flow.limits_changed(station))


def _get_composite_schedule(memory: Memory, payload: Payload) -> Answer:
    station = memory.station
    evse = station.evse(int(payload["connectorId"]) or 1)
    if evse is None or not station.spec.manner.has_smart_charging:
        return Answer(payload={"status": "Rejected"})
    unit = str(payload.get("chargingRateUnit", "A"))
    start_at = station.now()
    duration_s = int(payload["duration"])
    periods = station.profiles.composite(flow.charging(station, evse), start_at, duration_s, unit)
    schedule = {
        "duration": duration_s,
        "startSchedule": station.stamp(start_at),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": int(p.start_s), "limit": p.limit} for p in periods],
    }
    said = {
        "status": "Accepted",
        "connectorId": int(payload["connectorId"]),
        "scheduleStart": station.stamp(start_at),
        "chargingSchedule": schedule,
    }
    return Answer(payload=said)


def _trigger_message(memory: Memory, payload: Payload) -> Answer:
    wanted = str(payload["requestedMessage"])
    station = memory.station
    number = payload.get("connectorId")
    chosen = [evse for evse in station.evses if not number or evse.number == number]
    if not chosen:
        return Answer(payload={"status": "Rejected"})
    firmware = {
        "FirmwareStatusNotification": memory.firmware_errand.repeat,
        "DiagnosticsStatusNotification": lambda: _repeat_diagnostics(memory),
    }
    plain = {
        "BootNotification": lambda: station.send_boot("Triggered"),
        "Heartbeat": lambda: station.send_heartbeat(lane=Lane.URGENT),
        "MeterValues": lambda: _trigger_values(memory, chosen),
        "StatusNotification": lambda: _trigger_status(memory, chosen),
    }
    known = plain | firmware if station.spec.manner.has_firmware else plain
    follow = known.get(wanted)
    return Answer(payload={"status": "NotImplemented" if follow is None else "Accepted"}, after=follow)


def _repeat_diagnostics(memory: Memory) -> None:
    memory.log_is_diagnostics = True
    memory.log_errand.repeat()


def _trigger_values(memory: Memory, chosen: list[Evse]) -> None:
    for evse in chosen:
        memory.station.dialect.sampled(evse, flow.read(memory.station, evse), Context.TRIGGER)


def _trigger_status(memory: Memory, chosen: list[Evse]) -> None:
    for evse in chosen:
        memory.station.dialect.report_status(evse, is_asked=True)


ANSWERS: dict[str, Answerer] = {
    "CancelReservation": _cancel_reservation,
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "ClearChargingProfile": _clear_charging_profile,
    "DataTransfer": _data_transfer,
    "GetCompositeSchedule": _get_composite_schedule,
    "GetConfiguration": _get_configuration,
    "GetDiagnostics": _get_diagnostics,
    "GetLocalListVersion": _get_local_list_version,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ReserveNow": _reserve_now,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": _set_charging_profile,
    "TriggerMessage": _trigger_message,
    "UnlockConnector": _unlock,
    "UpdateFirmware": _update_firmware,
}
