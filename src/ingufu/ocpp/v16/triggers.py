"""OCPP 1.6: what the security extension asks for beside the messages of the core (A04, L01, N01)."""

from collections.abc import Mapping

from msgspec import UNSET

from ingufu.core.commands import Outcome, Trigger
from ingufu.core.control import ExtendedTriggerMessage
from ingufu.core.errors import StationUnsupported
from ingufu.ocpp.v16 import types

_TRIGGERS: Mapping[Trigger, types.MessageTriggerEnum] = {
    Trigger.BOOT: "BootNotification",
    Trigger.HEARTBEAT: "Heartbeat",
    Trigger.STATUS: "StatusNotification",
    Trigger.METER_VALUES: "MeterValues",
    Trigger.FIRMWARE_STATUS: "FirmwareStatusNotification",
    Trigger.LOG_STATUS: "LogStatusNotification",
    Trigger.SIGN_STATION_CERTIFICATE: "SignChargePointCertificate",
}


def extended(command: ExtendedTriggerMessage) -> types.ExtendedTriggerMessageRequest:
    message = _TRIGGERS.get(command.trigger)
    if message is None:
        raise StationUnsupported(f"The extension of OCPP 1.6 has no trigger for {command.trigger.value}.")
    return types.ExtendedTriggerMessageRequest(
        requested_message=message, connector_id=UNSET if command.evse is None else command.evse
    )


def outcome(response: types.ExtendedTriggerMessageResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Accepted")
