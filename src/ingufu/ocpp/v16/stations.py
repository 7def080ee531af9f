"""OCPP 1.6: boot, heartbeat, status and security events; reset, unlock, availability and triggers."""

from collections.abc import Mapping

from msgspec import UNSET

from ingufu.charging.model import ChargingState
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
from ingufu.ocpp import booting
from ingufu.ocpp.table import CallContext, given
from ingufu.ocpp.v16 import types
from ingufu.stations.events import SecurityEventReported
from ingufu.stations.model import Boot, ConnectorStatus, StatusReport

_STATUS: Mapping[str, ConnectorStatus] = {
    "Available": ConnectorStatus.AVAILABLE,
    "Preparing": ConnectorStatus.OCCUPIED,
    "Charging": ConnectorStatus.OCCUPIED,
    "SuspendedEVSE": ConnectorStatus.OCCUPIED,
    "SuspendedEV": ConnectorStatus.OCCUPIED,
    "Finishing": ConnectorStatus.OCCUPIED,
    "Reserved": ConnectorStatus.RESERVED,
    "Unavailable": ConnectorStatus.UNAVAILABLE,
    "Faulted": ConnectorStatus.FAULTED,
}

# What a status says of the transaction that runs on the connector.
_CHARGING: Mapping[str, ChargingState] = {
    "Charging": ChargingState.CHARGING,
    "SuspendedEV": ChargingState.SUSPENDED_EV,
    "SuspendedEVSE": ChargingState.SUSPENDED_EVSE,
    "Finishing": ChargingState.EV_CONNECTED,  # before the stop: the vehicle is there, and asks for nothing any more
}


async def boot_notification(
    context: CallContext, request: types.BootNotificationRequest
) -> types.BootNotificationResponse:
    if not request.charge_point_vendor.strip():
        context.met(17)
    boot = Boot(
        vendor=request.charge_point_vendor,
        model=request.charge_point_model,
        serial_number=given(request.charge_point_serial_number) or given(request.charge_box_serial_number),
        firmware_version=given(request.firmware_version),
        iccid=given(request.iccid),
        imsi=given(request.imsi),
        meter_type=given(request.meter_type),
        meter_serial_number=given(request.meter_serial_number),
        was_asked=context.was_asked_to_boot,
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
    at = given(request.timestamp)
    if at is not None:
        context.services.stations.seen(
            context.station_id, context.received_at, (at - context.received_at).total_seconds()
        )
    report = StatusReport(
        evse=request.connector_id,
        connector=1 if request.connector_id > 0 else 0,
        status=_STATUS[request.status],
        raw_status=request.status,
        at=at,
        error_code=None if request.error_code == "NoError" else request.error_code,
        error_info=_meant(context, given(request.info)),
        vendor_id=_meant(context, given(request.vendor_id)),
        vendor_error_code=_meant(context, given(request.vendor_error_code)),
    )
    await context.services.stations.report_status(context.work, context.station_id, report, context.received_at)
    if request.status in _CHARGING:
        await context.services.charging.note_state(
            context.work,
            context.station_id,
            request.connector_id,
            _CHARGING[request.status],
            at or context.received_at,
        )
    return types.StatusNotificationResponse()


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


def reset(command: ResetStation) -> types.ResetRequest:
    if command.evse is not None:
        raise StationUnsupported("OCPP 1.6 resets the whole station only.")
    if command.kind is ResetKind.RESUME:
        raise StationUnsupported("OCPP 1.6 cannot resume what charged before a reset.")
    return types.ResetRequest(type="Hard" if command.kind is ResetKind.IMMEDIATE else "Soft")


def unlock(command: UnlockConnector) -> types.UnlockConnectorRequest:
    return types.UnlockConnectorRequest(connector_id=command.evse)


def change_availability(command: ChangeAvailability) -> types.ChangeAvailabilityRequest:
    operative = command.availability is Availability.OPERATIVE
    return types.ChangeAvailabilityRequest(
        connector_id=command.evse or 0, type="Operative" if operative else "Inoperative"
    )


def trigger(command: TriggerMessage) -> types.TriggerMessageRequest:
    message = _TRIGGERS.get(command.trigger)
    if message is None:
        raise StationUnsupported(f"OCPP 1.6 has no trigger for {command.trigger.value}.")
    return types.TriggerMessageRequest(
        requested_message=message, connector_id=UNSET if command.evse is None else command.evse
    )


_TRIGGERS: Mapping[Trigger, types.TriggerMessageRequestedMessageEnum] = {
    Trigger.BOOT: "BootNotification",
    Trigger.HEARTBEAT: "Heartbeat",
    Trigger.STATUS: "StatusNotification",
    Trigger.METER_VALUES: "MeterValues",
    Trigger.FIRMWARE_STATUS: "FirmwareStatusNotification",
    Trigger.LOG_STATUS: "DiagnosticsStatusNotification",
    Trigger.DIAGNOSTICS_STATUS: "DiagnosticsStatusNotification",
}


def unlock_outcome(response: types.UnlockConnectorResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Unlocked")


def availability_outcome(response: types.ChangeAvailabilityResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status in ("Accepted", "Scheduled"))


def plain_outcome(response: types.ResetResponse | types.TriggerMessageResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Accepted")


def _meant(context: CallContext, text: str | None) -> str | None:
    """Return a text, None for the ways in which stations write that there is none (quirk 64)."""
    if text is None or not text.strip():
        return None
    if text.strip().lower() in ("null", "none"):
        context.met(64)
        return None
    return text
