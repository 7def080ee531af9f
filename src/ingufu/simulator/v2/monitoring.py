"""What a simulated 2.x station answers about monitors, display messages and customers' data."""

from collections.abc import Callable, Mapping
from typing import Any

from ingufu.simulator.dialect import Answer
from ingufu.simulator.peer import Payload
from ingufu.simulator.v2.device_model import matches
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory, token
from ingufu.simulator.v2.streams import close_stream, open_stream

Answerer = Callable[[Memory, TransactionEvents, Payload], Answer]
_CRITERIA = {
    "ThresholdMonitoring": ("UpperThreshold", "LowerThreshold"),
    "DeltaMonitoring": ("Delta", "TargetDelta", "TargetDeltaRelative"),
    "PeriodicMonitoring": ("Periodic", "PeriodicClockAligned"),
}
_HIGHEST_SEVERITY = 9


def _set_base(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    if payload["monitoringBase"] != "All":
        memory.monitors.clear()
    return Answer(payload={"status": "Accepted"})


def _set_level(_: Memory, __: TransactionEvents, payload: Payload) -> Answer:
    is_known = 0 <= int(payload["severity"]) <= _HIGHEST_SEVERITY
    return Answer(payload={"status": "Accepted" if is_known else "Rejected"})


def _set_monitoring(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    results = [_set_one(memory, wire) for wire in payload["setMonitoringData"]]
    streamed = [
        memory.monitors[result["id"]]
        for result, wire in zip(results, payload["setMonitoringData"], strict=True)
        if result["status"] == "Accepted" and "periodicEventStream" in wire
    ]

    def begin() -> None:
        for monitor in streamed:
            open_stream(memory, monitor)

    is_21 = memory.station.spec.version == "2.1"
    return Answer(payload={"setMonitoringResult": results}, after=begin if streamed and is_21 else None)


def _set_one(memory: Memory, wire: Payload) -> Payload:
    result: Payload = {name: wire[name] for name in ("type", "component", "variable", "severity")}
    named = [v for v in memory.device_model.variables() if matches(v, {"component": wire["component"]})]
    found = [v for v in named if matches(v, wire)]
    if not found:
        return {"status": "UnknownVariable" if named else "UnknownComponent", **result}
    number = wire.get("id")
    if number is not None and number not in memory.monitors:
        return {"status": "Rejected", **result}
    for known, monitor in memory.monitors.items():
        same = all(monitor[name] == wire[name] for name in ("type", "severity", "component", "variable"))
        if same and known != number:
            return {"status": "Duplicate", **result}
    number = number if number is not None else max(memory.monitors, default=0) + 1
    memory.monitors[number] = {"transaction": False, **wire, "id": number}
    return {"status": "Accepted", "id": number, **result}


def _clear_monitoring(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    results = [
        {"id": number, "status": "NotFound" if memory.monitors.pop(number, None) is None else "Accepted"}
        for number in payload["id"]
    ]
    cleared = [one["id"] for one in results if one["status"] == "Accepted"]

    def end() -> None:
        for number in cleared:
            close_stream(memory, number)

    return Answer(payload={"clearMonitoringResult": results}, after=end)


def _get_monitoring(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    criteria = payload.get("monitoringCriteria")
    kinds = None if criteria is None else [kind for criterion in criteria for kind in _CRITERIA.get(criterion, ())]
    chosen = [monitor for monitor in memory.monitors.values() if kinds is None or monitor["type"] in kinds]
    wanted = payload.get("componentVariable")
    if wanted is not None:
        chosen = [monitor for monitor in chosen if any(_is_of(monitor, one) for one in wanted)]
    if not chosen:
        return Answer(payload={"status": "EmptyResultSet"})
    request_id = int(payload["requestId"])

    def report() -> None:
        said: Payload = {
            "requestId": request_id,
            "generatedAt": memory.station.stamp(),
            "seqNo": 0,
            "tbc": False,
            "monitor": [_reported(memory, monitor) for monitor in chosen],
        }
        memory.say("NotifyMonitoringReport", said)

    return Answer(payload={"status": "Accepted"}, after=report)


def _reported(memory: Memory, monitor: Payload) -> Payload:
    names = ["id", "transaction", "value", "type", "severity"]
    one: dict[str, Any] = {name: monitor[name] for name in names}
    if memory.station.spec.version == "2.1":
        one["eventNotificationType"] = "CustomMonitor"
    return {"component": monitor["component"], "variable": monitor["variable"], "variableMonitoring": [one]}


def _is_of(monitor: Payload, wanted: Payload) -> bool:
    variable = wanted.get("variable")
    return bool(monitor["component"] == wanted["component"] and variable in (None, monitor["variable"]))


def _set_message(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    message = payload["message"]
    if message["message"]["format"] != "UTF8":
        return Answer(payload={"status": "NotSupportedMessageFormat"})
    if message["priority"] == "InFront":  # codespell:ignore infront
        return Answer(payload={"status": "NotSupportedPriority"})
    name = message.get("transactionId")
    running = {evse.transaction.reference for evse in memory.station.evses if evse.transaction is not None}
    if name is not None and name not in running:
        return Answer(payload={"status": "UnknownTransaction"})
    memory.messages[int(message["id"])] = message
    return Answer(payload={"status": "Accepted"})


def _get_messages(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    ids = payload.get("id")
    chosen = [
        message
        for number, message in memory.messages.items()
        if (ids is None or number in ids)
        and payload.get("priority", message["priority"]) == message["priority"]
        and payload.get("state", message.get("state")) == message.get("state")
    ]
    if not chosen:
        return Answer(payload={"status": "Unknown"})
    said: Payload = {"requestId": int(payload["requestId"]), "messageInfo": chosen, "tbc": False}
    return Answer(payload={"status": "Accepted"}, after=lambda: memory.say("NotifyDisplayMessages", said))


def _clear_message(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    known = memory.messages.pop(int(payload["id"]), None) is not None
    return Answer(payload={"status": "Accepted" if known else "Unknown"})


def _customer_information(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    named = [name for name in ("idToken", "customerCertificate", "customerIdentifier") if name in payload]
    if len(named) != 1:
        return Answer(payload={"status": "Invalid"})
    access = memory.station.access
    data = "no data"
    if named == ["idToken"]:
        known = access.known(token(payload["idToken"]), memory.station.now())
        data = "no data" if known is None else f"cached status: {known.status}"
    if payload["clear"]:
        access.clear_cache()
    said: Payload = {
        "requestId": int(payload["requestId"]),
        "generatedAt": memory.station.stamp(),
        "seqNo": 0,
        "tbc": False,
        "data": data if payload["report"] else "cleared",
    }
    return Answer(payload={"status": "Accepted"}, after=lambda: memory.say("NotifyCustomerInformation", said))


MONITORING: Mapping[str, Answerer] = {
    "ClearDisplayMessage": _clear_message,
    "ClearVariableMonitoring": _clear_monitoring,
    "CustomerInformation": _customer_information,
    "GetDisplayMessages": _get_messages,
    "GetMonitoringReport": _get_monitoring,
    "SetDisplayMessage": _set_message,
    "SetMonitoringBase": _set_base,
    "SetMonitoringLevel": _set_level,
    "SetVariableMonitoring": _set_monitoring,
}
