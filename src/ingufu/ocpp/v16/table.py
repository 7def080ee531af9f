"""OCPP 1.6: every message that stations send and every command of ours, one row each."""

from ingufu.core import commands
from ingufu.ocpp.completion import NO_REGISTER
from ingufu.ocpp.notices import keeping
from ingufu.ocpp.table import Inbound, InboundTable, Loss, Outbound, OutboundTable
from ingufu.ocpp.v16 import authorization, charging, refusals, stations, types

SUBPROTOCOL = "ocpp1.6"
VERSION = "1.6"

INBOUND: InboundTable = {
    "Authorize": Inbound(types.AuthorizeRequest, authorization.authorize),
    "BootNotification": Inbound(types.BootNotificationRequest, stations.boot_notification, may_precede_boot=True),
    "DataTransfer": Inbound(types.DataTransferRequest, refusals.data_transfer),
    "DiagnosticsStatusNotification": Inbound(
        types.DiagnosticsStatusNotificationRequest,
        keeping("DiagnosticsStatusNotification", lambda _: types.DiagnosticsStatusNotificationResponse()),
    ),
    "FirmwareStatusNotification": Inbound(
        types.FirmwareStatusNotificationRequest,
        keeping("FirmwareStatusNotification", lambda _: types.FirmwareStatusNotificationResponse()),
    ),
    "Heartbeat": Inbound(types.HeartbeatRequest, stations.heartbeat),
    "LogStatusNotification": Inbound(
        types.LogStatusNotificationRequest,
        keeping("LogStatusNotification", lambda _: types.LogStatusNotificationResponse()),
    ),
    "MeterValues": Inbound(
        types.MeterValuesRequest,
        charging.meter_values,
        Loss.MONEY,
        unreadable=types.MeterValuesResponse(),
        stand_ins={"connectorId": lambda _: 0},
    ),
    "SecurityEventNotification": Inbound(types.SecurityEventNotificationRequest, stations.security_event),
    "SignCertificate": Inbound(types.SignCertificateRequest, refusals.sign_certificate),
    "SignedFirmwareStatusNotification": Inbound(
        types.SignedFirmwareStatusNotificationRequest,
        keeping("SignedFirmwareStatusNotification", lambda _: types.SignedFirmwareStatusNotificationResponse()),
    ),
    "StartTransaction": Inbound(
        types.StartTransactionRequest,
        charging.start_transaction,
        Loss.MONEY,
        stand_ins={
            "connectorId": lambda _: 0,
            "idTag": lambda _: "",  # seen of stations that charge for nothing
            "meterStart": lambda _: NO_REGISTER,
            "timestamp": lambda received_at: received_at.isoformat(),
        },
    ),
    "StatusNotification": Inbound(types.StatusNotificationRequest, stations.status_notification),
    "StopTransaction": Inbound(
        types.StopTransactionRequest,
        charging.stop_transaction,
        Loss.MONEY,
        stand_ins={
            "meterStop": lambda _: NO_REGISTER,
            "timestamp": lambda received_at: received_at.isoformat(),
            "transactionId": lambda _: -1,
        },
    ),
}

OUTBOUND: OutboundTable = {
    commands.ChangeAvailability: Outbound(
        "ChangeAvailability",
        stations.change_availability,
        types.ChangeAvailabilityResponse,
        stations.availability_outcome,
    ),
    commands.ResetStation: Outbound("Reset", stations.reset, types.ResetResponse, stations.plain_outcome),
    commands.StartCharging: Outbound(
        "RemoteStartTransaction",
        charging.remote_start,
        types.RemoteStartTransactionResponse,
        charging.remote_outcome,
    ),
    commands.StopCharging: Outbound(
        "RemoteStopTransaction", charging.remote_stop, types.RemoteStopTransactionResponse, charging.remote_outcome
    ),
    commands.TriggerMessage: Outbound(
        "TriggerMessage", stations.trigger, types.TriggerMessageResponse, stations.plain_outcome
    ),
    commands.UnlockConnector: Outbound(
        "UnlockConnector", stations.unlock, types.UnlockConnectorResponse, stations.unlock_outcome
    ),
}
