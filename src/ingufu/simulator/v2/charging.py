"""What a simulated 2.x station answers about starting and stopping, availability, reservations, local lists."""

from collections.abc import Callable, Mapping

from ingufu.simulator import orders
from ingufu.simulator.access import Verdict
from ingufu.simulator.dialect import Answer
from ingufu.simulator.evse import Part
from ingufu.simulator.peer import Payload
from ingufu.simulator.v2.events import TransactionEvents
from ingufu.simulator.v2.memory import Memory, token, verdict
from ingufu.simulator.wording import read_instant

Answerer = Callable[[Memory, TransactionEvents, Payload], Answer]


def _request_start(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    group = payload.get("groupIdToken")
    order = orders.start(
        memory.station,
        payload.get("evseId"),
        token(payload["idToken"]),
        group=None if group is None else str(group["idToken"]),
        remote_start_id=int(payload["remoteStartId"]),
        profile=payload.get("chargingProfile"),
    )
    said: Payload = {"status": order.status}
    running = None if order.evse is None else order.evse.transaction
    if running is not None and order.status == "Accepted":
        said["transactionId"] = running.reference  # it began with the cable (F02)
    return Answer(payload=said, after=order.after)


def _request_stop(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    order = orders.stop(memory.station, str(payload["transactionId"]))
    return Answer(payload={"status": order.status}, after=order.after)


def _unlock(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    evse = memory.station.evse(int(payload["evseId"]))
    if evse is None or payload["connectorId"] != 1:
        return Answer(payload={"status": "UnknownConnector"})
    if evse.transaction is not None and evse.token is not None:
        return Answer(payload={"status": "OngoingAuthorizedTransaction"})
    order = orders.unlock(memory.station, evse)
    return Answer(payload={"status": order.status}, after=order.after)


def _change_availability(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    place = payload.get("evse")
    number = None if place is None else int(place["id"])
    is_operative = payload["operationalStatus"] == "Operative"
    if place is not None and place.get("connectorId") not in (None, 1):
        return Answer(payload={"status": "Rejected"})
    if number is None:
        order = orders.change_station_availability(memory.station, is_operative=is_operative)
    else:
        part = Part.EVSE if place is None or place.get("connectorId") is None else Part.CONNECTOR
        order = orders.change_availability(memory.station, number, is_operative=is_operative, part=part)
    return Answer(payload={"status": order.status}, after=order.after)


def _transaction_status(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    station = memory.station
    said: Payload = {"messagesInQueue": station.peer.queued_transaction_messages > 0}
    name = payload.get("transactionId")
    if name is not None:
        said["ongoingIndicator"] = any(
            evse.transaction is not None and evse.transaction.reference == name for evse in station.evses
        )
    return Answer(payload=said)


def _reserve_now(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    until = read_instant(payload["expiryDateTime"])
    wanted = payload.get("connectorType")
    kinds = {evse.spec.connector_type for evse in memory.station.evses}
    if until is None or (wanted is not None and wanted not in kinds):
        return Answer(payload={"status": "Rejected"})
    group = payload.get("groupIdToken")
    order = orders.reserve(
        memory.station,
        payload.get("evseId"),
        int(payload["id"]),
        token(payload["idToken"]),
        None if group is None else str(group["idToken"]),
        until,
    )
    return Answer(payload={"status": order.status}, after=order.after)


def _cancel_reservation(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    order = orders.cancel_reservation(memory.station, int(payload["reservationId"]))
    return Answer(payload={"status": order.status}, after=order.after)


def _clear_cache(memory: Memory, _: TransactionEvents, __: Payload) -> Answer:
    if memory.device_model.value("AuthCacheCtrlr", "Enabled") != "true":
        return Answer(payload={"status": "Rejected"})
    memory.station.access.clear_cache()
    return Answer(payload={"status": "Accepted"})


def _local_list_version(memory: Memory, _: TransactionEvents, __: Payload) -> Answer:
    return Answer(payload={"versionNumber": memory.station.access.version})


def _send_local_list(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    access = memory.station.access
    version = int(payload["versionNumber"])
    is_full = payload["updateType"] == "Full"
    entries: dict[str, Verdict | None] = {
        token(entry["idToken"]).value: verdict(entry.get("idTokenInfo"))
        for entry in payload.get("localAuthorizationList", ())
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


def _cost_updated(_: Memory, __: TransactionEvents, ___: Payload) -> Answer:
    return Answer(payload={})


def _data_transfer(memory: Memory, _: TransactionEvents, payload: Payload) -> Answer:
    if payload["vendorId"] != memory.station.spec.manner.vendor:
        return Answer(payload={"status": "UnknownVendorId"})
    if payload.get("messageId") != "Echo":
        return Answer(payload={"status": "UnknownMessageId"})
    said: Payload = {"status": "Accepted"}
    if "data" in payload:
        said["data"] = payload["data"]
    return Answer(payload=said)


CHARGING: Mapping[str, Answerer] = {
    "CancelReservation": _cancel_reservation,
    "ChangeAvailability": _change_availability,
    "ClearCache": _clear_cache,
    "CostUpdated": _cost_updated,
    "DataTransfer": _data_transfer,
    "GetLocalListVersion": _local_list_version,
    "GetTransactionStatus": _transaction_status,
    "RequestStartTransaction": _request_start,
    "RequestStopTransaction": _request_stop,
    "ReserveNow": _reserve_now,
    "SendLocalList": _send_local_list,
    "UnlockConnector": _unlock,
}
