"""What may be said in each phase of a station's registration, in both directions (2.x B01 to B03, 1.6 4.2)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from ingufu.ocpp.table import Phase
from ingufu.stations.model import BootAnswer

PHASES: Final[Mapping[BootAnswer | None, Phase]] = MappingProxyType(
    {
        None: Phase.NEW,
        BootAnswer.ACCEPTED: Phase.ACCEPTED,
        BootAnswer.PENDING: Phase.PENDING,
        BootAnswer.REJECTED: Phase.REJECTED,
    }
)

# What a pending station is never asked (2.x B02, 1.6 4.2: remote start and stop).
_NOT_WHILE_PENDING: Final = frozenset(
    {"RemoteStartTransaction", "RemoteStopTransaction", "RequestStartTransaction", "RequestStopTransaction"}
)

# What a TriggerMessage (1.6 and 2.x wording) or a request for a report lets a pending station send.
_TRIGGERED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BootNotification": "BootNotification",
        "Heartbeat": "Heartbeat",
        "StatusNotification": "StatusNotification",
        "MeterValues": "MeterValues",
        "TransactionEvent": "TransactionEvent",
        "FirmwareStatusNotification": "FirmwareStatusNotification",
        "DiagnosticsStatusNotification": "DiagnosticsStatusNotification",
        "LogStatusNotification": "LogStatusNotification",
        "PublishFirmwareStatusNotification": "PublishFirmwareStatusNotification",
        "SignChargingStationCertificate": "SignCertificate",
        "SignChargePointCertificate": "SignCertificate",
        "SignV2GCertificate": "SignCertificate",
        "SignV2G20Certificate": "SignCertificate",
        "SignCombinedCertificate": "SignCertificate",
        "GetBaseReport": "NotifyReport",
        "GetReport": "NotifyReport",
        "GetMonitoringReport": "NotifyMonitoringReport",
        "GetLog": "LogStatusNotification",
        "GetDiagnostics": "DiagnosticsStatusNotification",
        "UpdateFirmware": "FirmwareStatusNotification",
        "SignedUpdateFirmware": "SignedFirmwareStatusNotification",
        "PublishFirmware": "PublishFirmwareStatusNotification",
        "GetDisplayMessages": "NotifyDisplayMessages",
        "CustomerInformation": "NotifyCustomerInformation",
        "GetChargingProfiles": "ReportChargingProfiles",
        "GetDERControl": "ReportDERControl",
    }
)
_TRIGGERS: Final = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})


def allowed_by(action: str, payload: bytes) -> str | None:
    """Return what a pending station may send because we asked for this, or None."""
    if action in _TRIGGERS:
        try:
            asked: Any = msgspec.json.decode(payload)  # Any: whatever was sent as a raw command
        except msgspec.DecodeError:
            return None
        action = str(asked.get("requestedMessage")) if isinstance(asked, dict) else ""
    return _TRIGGERED.get(action)


def refusal(phase: Phase, action: str) -> str | None:
    """Return why a station in this phase is not asked this, or None.

    A rejected station is asked for nothing (2.x B03; 1.6 4.2), a pending one for no start or stop.
    """
    if phase is Phase.REJECTED:
        return "The station's boot was rejected: nothing may be asked of it until it boots again and is accepted."
    if phase is Phase.PENDING and action in _NOT_WHILE_PENDING:
        return "The station's boot is pending: it starts and stops nothing until it boots again and is accepted."
    return None
