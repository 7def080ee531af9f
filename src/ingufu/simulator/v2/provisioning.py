"""What a simulated 2.x station answers about variables, reports, reset, triggers and network profiles."""

from collections.abc import Callable, Mapping, Sequence

from ingufu.simulator import flow, orders
from ingufu.simulator.dialect import Answer
from ingufu.simulator.evse import Context, Evse, Reason, Trigger
from ingufu.simulator.peer import Lane, Payload
from ingufu.simulator.v2.device_model import ITEMS_PER_MESSAGE, NETWORK_SLOTS, READ_ONLY, Variable, matches, report
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory
from ingufu.simulator.v2.security import sign
from ingufu.simulator.vendors import Version

IDLE_LOOK_S = 5.0  # how often a station looks whether an EVSE that is to be reset is idle

Answerer = Callable[[Memory, TransactionEvents, Payload], Answer]


def _too_many() -> Answer:
    return Answer(error="OccurrenceConstraintViolation", description=f"at most {ITEMS_PER_MESSAGE} items")


def _get_variables(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    wanted = payload["getVariableData"]
    if len(wanted) > ITEMS_PER_MESSAGE:
        return _too_many()
    return Answer(payload={"getVariableResult": [memory.device_model.get(wire) for wire in wanted]})


def _set_variables(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    wanted = payload["setVariableData"]
    if len(wanted) > ITEMS_PER_MESSAGE:
        return _too_many()
    results = [memory.device_model.set(wire) for wire in wanted]

    def follow() -> None:
        station = memory.station
        for wire, result in zip(wanted, results, strict=True):
            is_password = str(wire["variable"]["name"]).casefold() == "basicauthpassword"
            if is_password and result["attributeStatus"] == "Accepted":
                station.change_password(str(wire["attributeValue"]))
        station.restart_heartbeat()
        flow.restart_sampling(station)

    return Answer(payload={"setVariableResult": results}, after=follow)


def _send_report(memory: Memory, request_id: int, variables: Sequence[Variable]) -> None:
    parts = [variables[i : i + ITEMS_PER_MESSAGE] for i in range(0, len(variables), ITEMS_PER_MESSAGE)]
    for seq_no, part in enumerate(parts):
        said: Payload = {
            "requestId": request_id,
            "generatedAt": memory.station.stamp(),
            "reportData": [report(variable) for variable in part],
            "tbc": seq_no < len(parts) - 1,
            "seqNo": seq_no,
        }
        memory.say("NotifyReport", said)


def _get_base_report(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    base = payload["reportBase"]
    variables = list(memory.device_model.variables())
    if base == "ConfigurationInventory":
        variables = [variable for variable in variables if variable.mutability != READ_ONLY]
    elif base == "SummaryInventory":
        variables = [variable for variable in variables if variable.name[0] in ("AvailabilityState", "Problem")]
    request_id = int(payload["requestId"])
    return Answer(payload={"status": "Accepted"}, after=lambda: _send_report(memory, request_id, variables))


def _get_report(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    wanted = payload.get("componentVariable")
    criteria = payload.get("componentCriteria")
    variables = [
        variable
        for variable in memory.device_model.variables()
        if wanted is None or any(matches(variable, one) for one in wanted)
    ]
    if criteria is not None:
        variables = _by_criteria(list(memory.device_model.variables()), variables, criteria)
    if not variables:
        return Answer(payload={"status": "EmptyResultSet"})
    request_id = int(payload["requestId"])
    return Answer(payload={"status": "Accepted"}, after=lambda: _send_report(memory, request_id, variables))


def _by_criteria(known: list[Variable], chosen: list[Variable], criteria: Sequence[str]) -> list[Variable]:
    """Keep what is of a component that meets one criterion; without the variable all are met but Problem (B08)."""
    flags = {(variable.place, variable.name[0]): variable.read() == "true" for variable in known}
    return [
        variable
        for variable in chosen
        if any(flags.get((variable.place, criterion), criterion != "Problem") for criterion in criteria)
    ]


def _reset(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    station = memory.station
    number = payload.get("evseId")
    if number is not None:
        return _reset_evse(memory, int(number), waits_for_idle=payload["type"] == "OnIdle")
    order = orders.reset(station, hard=True, waits_for_idle=payload["type"] == "OnIdle", reason=Reason.IMMEDIATE_RESET)
    return Answer(payload={"status": order.status}, after=order.after)


def _reset_evse(memory: Memory, number: int, *, waits_for_idle: bool) -> Answer:
    evse = memory.station.evse(number)
    if evse is None:
        return Answer(payload={"status": "Rejected"})

    def restart() -> None:
        if waits_for_idle and evse.transaction is not None:
            memory.station.later(IDLE_LOOK_S, restart)
            return
        if evse.transaction is not None or evse.token is not None:
            flow.stop(memory.station, evse, Reason.IMMEDIATE_RESET, Trigger.RESET, forces_end=True)
        memory.station.dialect.report_status(evse, is_asked=True)

    is_scheduled = waits_for_idle and evse.transaction is not None
    return Answer(payload={"status": "Scheduled" if is_scheduled else "Accepted"}, after=restart)


def _set_network_profile(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    data, slot = payload["connectionData"], int(payload["configurationSlot"])
    is_fit = str(data["ocppCsmsUrl"]).startswith(("ws://", "wss://")) and data["ocppTransport"] == "JSON"
    used = int(memory.device_model.value("SecurityCtrlr", "SecurityProfile") or 0)
    if not is_fit or slot not in NETWORK_SLOTS or int(data["securityProfile"]) < used:  # B09
        return Answer(payload={"status": "Rejected", "statusInfo": {"reasonCode": "InvalidNetworkConf"}})
    memory.network_profiles[slot] = data
    return Answer(payload={"status": "Accepted"})


def _trigger(memory: Memory, events: TransactionEvents, payload: Payload) -> Answer:
    station = memory.station
    place = payload.get("evse") or {}
    chosen = [evse for evse in station.evses if place.get("id") in (None, 0, evse.number)]
    wanted = str(payload["requestedMessage"])
    if wanted == "BootNotification" and station.is_accepted:
        return Answer(payload={"status": "Rejected"})  # F06.FR.17
    if not chosen:
        return Answer(payload={"status": "Rejected"})
    follow = _triggers(memory, events, chosen).get(wanted)
    return Answer(payload={"status": "NotImplemented" if follow is None else "Accepted"}, after=follow)


def _triggers(memory: Memory, events: TransactionEvents, chosen: list[Evse]) -> dict[str, Callable[[], None]]:
    station = memory.station

    def values() -> None:
        for evse in chosen:
            station.dialect.sampled(evse, flow.read(station, evse), Context.TRIGGER)

    def statuses() -> None:
        for evse in chosen:
            station.dialect.report_status(evse, is_asked=True)

    def transactions() -> None:
        for evse in chosen:
            events.repeat(evse)

    known: dict[str, Callable[[], None]] = {
        "BootNotification": lambda: station.send_boot("Triggered"),
        "Heartbeat": lambda: station.send_heartbeat(lane=Lane.URGENT),
        "MeterValues": values,
        "StatusNotification": statuses,
        "TransactionEvent": transactions,
        "FirmwareStatusNotification": memory.firmware_errand.repeat,
        "LogStatusNotification": memory.log_errand.repeat,
        "SignChargingStationCertificate": lambda: sign(memory, "ChargingStationCertificate"),
        "SignV2GCertificate": lambda: sign(memory, "V2GCertificate"),
    }
    if station.spec.version is Version.V21:
        known["SignV2G20Certificate"] = lambda: sign(memory, "V2G20Certificate")
    return known


PROVISIONING: Mapping[str, Answerer] = {
    "GetBaseReport": _get_base_report,
    "GetReport": _get_report,
    "GetVariables": _get_variables,
    "Reset": _reset,
    "SetNetworkProfile": _set_network_profile,
    "SetVariables": _set_variables,
    "TriggerMessage": _trigger,
}
