"""OCPP 1.6: every message that stations send and every command of ours, one row each."""

from ingufu.core import admission, commands, configuration, control
from ingufu.core import costs as core_costs
from ingufu.ocpp.completion import NO_REGISTER
from ingufu.ocpp.notices import keeping
from ingufu.ocpp.table import Inbound, InboundTable, Loss, Outbound, OutboundTable
from ingufu.ocpp.v16 import (
    authorization,
    charging,
    configuration_keys,
    contracts,
    costs,
    lists,
    refusals,
    reservations,
    stations,
    triggers,
    types,
)

SUBPROTOCOL = "ocpp1.6"
VERSION = "1.6"

INBOUND: InboundTable = {
    "Authorize": Inbound(types.AuthorizeRequest, authorization.authorize),
    "BootNotification": Inbound(types.BootNotificationRequest, stations.boot_notification, may_precede_boot=True),
    "DataTransfer": Inbound(types.DataTransferRequest, contracts.data_transfer),
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
        quick=charging.meter_values_quickly,
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
    admission.CancelReservation: Outbound(
        "CancelReservation", reservations.cancel, types.CancelReservationResponse, reservations.outcome
    ),
    admission.ClearCache: Outbound("ClearCache", lists.clear_cache, types.ClearCacheResponse, lists.plain_outcome),
    admission.GetListLimits: Outbound(
        "GetConfiguration", lists.get_limits, types.GetConfigurationResponse, lists.limits_outcome
    ),
    admission.GetLocalListVersion: Outbound(
        "GetLocalListVersion", lists.get_version, types.GetLocalListVersionResponse, lists.version_outcome
    ),
    admission.GetReservationSupport: Outbound(
        "GetConfiguration", reservations.get_support, types.GetConfigurationResponse, reservations.support_outcome
    ),
    admission.ReserveNow: Outbound("ReserveNow", reservations.reserve, types.ReserveNowResponse, reservations.outcome),
    admission.SendLocalList: Outbound(
        "SendLocalList", lists.send_list, types.SendLocalListResponse, lists.plain_outcome
    ),
    commands.ChangeAvailability: Outbound(
        "ChangeAvailability",
        stations.change_availability,
        types.ChangeAvailabilityResponse,
        stations.availability_outcome,
    ),
    configuration.ReadVariables: Outbound(
        "GetConfiguration",
        configuration_keys.read,
        types.GetConfigurationResponse,
        configuration_keys.read_outcome,
    ),
    configuration.WriteVariables: Outbound(
        "ChangeConfiguration",
        configuration_keys.write,
        types.ChangeConfigurationResponse,
        configuration_keys.write_outcome,
    ),
    control.ExtendedTriggerMessage: Outbound(
        "ExtendedTriggerMessage", triggers.extended, types.ExtendedTriggerMessageResponse, triggers.outcome
    ),
    core_costs.TellCost: Outbound("DataTransfer", costs.tell, types.DataTransferResponse, costs.told),
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
