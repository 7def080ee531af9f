"""OCPP 2.x: boot, heartbeat, status, events and security events; reset, unlock, availability and triggers."""

from collections.abc import Mapping

from msgspec import UNSET, UnsetType

from ingufu.core.commands import (
    Availability,
    ChangeAvailability,
    Outcome,
    ResetKind,
    ResetStation,
    Trigger,
    TriggerMessage,
    UnlockConnector,
)
from ingufu.core.errors import StationUnsupported
from ingufu.ocpp import booting, notices
from ingufu.ocpp.table import CallContext, given
from ingufu.ocpp.v2 import types
from ingufu.stations.events import SecurityEventReported
from ingufu.stations.model import Boot, ConnectorStatus, StatusReport

_STATUS: Mapping[str, ConnectorStatus] = {
    "Available": ConnectorStatus.AVAILABLE,
    "Occupied": ConnectorStatus.OCCUPIED,
    "Reserved": ConnectorStatus.RESERVED,
    "Unavailable": ConnectorStatus.UNAVAILABLE,
    "Faulted": ConnectorStatus.FAULTED,
}


async def boot_notification(
    context: CallContext, request: types.BootNotificationRequest
) -> types.BootNotificationResponse:
    station = request.charging_station
    modem = given(station.modem)
    boot = Boot(
        vendor=station.vendor_name,
        model=station.model,
        serial_number=given(station.serial_number),
        firmware_version=given(station.firmware_version),
        iccid=None if modem is None else given(modem.iccid),
        imsi=None if modem is None else given(modem.imsi),
        reason=request.reason,
    )
    booted = await booting.boot(context, boot)
    return types.BootNotificationResponse(
        current_time=context.received_at,
        interval=booted.interval_s,
        status=booted.answer.value,
    )


async def heartbeat(context: CallContext, request: types.HeartbeatRequest) -> types.HeartbeatResponse:
    del request
    return types.HeartbeatResponse(current_time=context.received_at)


async def status_notification(
    context: CallContext, request: types.StatusNotificationRequest
) -> types.StatusNotificationResponse:
    skew_s = (request.timestamp - context.received_at).total_seconds()
    context.services.stations.seen(context.station_id, context.received_at, skew_s)
    report = StatusReport(
        evse=request.evse_id,
        connector=request.connector_id,
        status=_STATUS[request.connector_status],
        raw_status=request.connector_status,
        at=request.timestamp,
    )
    await context.services.stations.report_status(context.work, context.station_id, report, context.received_at)
    return types.StatusNotificationResponse()


async def notify_event(context: CallContext, request: types.NotifyEventRequest) -> types.NotifyEventResponse:
    """Keep the events; those on a connector's availability are its status, as 2.1 reports it (G01)."""
    notices.note(context, "NotifyEvent", request)
    for event in request.event_data:
        if event.variable_monitoring_id is not UNSET and context.version == "2.1":
            context.services.stations.streams.learn(
                context.work,
                context.station_id,
                event.variable_monitoring_id,
                event.component.name,
                event.variable.name,
            )
        report = _availability(event)
        if report is not None:
            await context.services.stations.report_status(context.work, context.station_id, report, context.received_at)
    return types.NotifyEventResponse()


async def security_event(
    context: CallContext, request: types.SecurityEventNotificationRequest
) -> types.SecurityEventNotificationResponse:
    context.work.emit(
        SecurityEventReported(
            occurred_at=context.received_at,
            station_id=context.station_id,
            name=request.type,
            info=given(request.tech_info),
        )
    )
    return types.SecurityEventNotificationResponse()


_RESETS: Mapping[ResetKind, types.ResetEnum] = {
    ResetKind.IMMEDIATE: "Immediate",
    ResetKind.ON_IDLE: "OnIdle",
    ResetKind.RESUME: "ImmediateAndResume",
}


def reset(command: ResetStation) -> types.ResetRequest:
    return types.ResetRequest(
        type=_RESETS[command.kind],
        evse_id=UNSET if command.evse is None else command.evse,
    )


def unlock(command: UnlockConnector) -> types.UnlockConnectorRequest:
    return types.UnlockConnectorRequest(evse_id=command.evse, connector_id=command.connector)


def change_availability(command: ChangeAvailability) -> types.ChangeAvailabilityRequest:
    operative = command.availability is Availability.OPERATIVE
    return types.ChangeAvailabilityRequest(
        operational_status="Operative" if operative else "Inoperative", evse=_evse(command.evse, command.connector)
    )


def trigger(command: TriggerMessage) -> types.TriggerMessageRequest:
    """Ask for a message. For a status 2.x wants the connector named (F06.FR.12)."""
    connector = command.connector
    if command.trigger is Trigger.STATUS and command.evse is not None and connector is None:
        connector = 1
    message = _TRIGGERS.get(command.trigger)
    if message is None:
        raise StationUnsupported(f"OCPP 2 has no trigger for {command.trigger.value}.")
    return types.TriggerMessageRequest(
        requested_message=message,
        evse=_evse(command.evse, connector),
        custom_trigger=UNSET if command.custom is None else command.custom,
    )


_TRIGGERS: Mapping[Trigger, types.MessageTriggerEnum] = {
    Trigger.BOOT: "BootNotification",
    Trigger.HEARTBEAT: "Heartbeat",
    Trigger.STATUS: "StatusNotification",
    Trigger.METER_VALUES: "MeterValues",
    Trigger.FIRMWARE_STATUS: "FirmwareStatusNotification",
    Trigger.LOG_STATUS: "LogStatusNotification",
    Trigger.TRANSACTION: "TransactionEvent",
    Trigger.PUBLISH_FIRMWARE_STATUS: "PublishFirmwareStatusNotification",
    Trigger.SIGN_STATION_CERTIFICATE: "SignChargingStationCertificate",
    Trigger.SIGN_V2G_CERTIFICATE: "SignV2GCertificate",
    Trigger.SIGN_V2G20_CERTIFICATE: "SignV2G20Certificate",
    Trigger.SIGN_COMBINED_CERTIFICATE: "SignCombinedCertificate",
    Trigger.CUSTOM: "CustomTrigger",
}


def unlock_outcome(response: types.UnlockConnectorResponse) -> Outcome:
    return _outcome(response.status, response.status == "Unlocked", response.status_info)


def availability_outcome(response: types.ChangeAvailabilityResponse) -> Outcome:
    return _outcome(response.status, response.status != "Rejected", response.status_info)


def reset_outcome(response: types.ResetResponse) -> Outcome:
    return _outcome(response.status, response.status != "Rejected", response.status_info)


def trigger_outcome(response: types.TriggerMessageResponse) -> Outcome:
    return _outcome(response.status, response.status == "Accepted", response.status_info)


def _outcome(status: str, is_accepted: bool, info: types.StatusInfo | UnsetType) -> Outcome:  # noqa: FBT001
    details = {} if info is UNSET else {"reason": info.reason_code, "info": given(info.additional_info) or ""}
    return Outcome(status=status, is_accepted=is_accepted, details=details)


def _evse(evse: int | None, connector: int | None) -> types.EVSE | UnsetType:
    if evse is None:
        return UNSET
    return types.EVSE(id=evse, connector_id=UNSET if connector is None else connector)


def _availability(event: types.EventData) -> StatusReport | None:
    evse = given(event.component.evse)
    if event.variable.name.casefold() != "availabilitystate" or event.actual_value not in _STATUS:
        return None
    if event.component.name.casefold() == "chargingstation":
        return StatusReport(
            evse=0,
            connector=0,
            status=_STATUS[event.actual_value],
            raw_status=event.actual_value,
            at=event.timestamp,
        )
    if evse is None or event.component.name.casefold() != "connector":
        return None
    return StatusReport(
        evse=evse.id,
        connector=given(evse.connector_id) or 1,
        status=_STATUS[event.actual_value],
        raw_status=event.actual_value,
        at=event.timestamp,
        error_code=given(event.tech_code),
        error_info=given(event.tech_info),
    )
