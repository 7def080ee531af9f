"""OCPP 2.0.1 and 2.1: every message that stations send and every command of ours, one row each."""

from ingufu.core import admission, commands, configuration, control
from ingufu.core import costs as core_costs
from ingufu.ocpp.notices import keeping
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.table import Inbound, InboundTable, Loss, Outbound, OutboundTable
from ingufu.ocpp.v2 import (
    authorization,
    certificates,
    charging,
    costs,
    device_model,
    lists,
    refusals,
    reservations,
    stations,
    streams,
    types,
)
from ingufu.ocpp.v2 import control as control_messages

SUBPROTOCOL_201 = "ocpp2.0.1"
SUBPROTOCOL_21 = "ocpp2.1"
VERSION_201 = "2.0.1"
VERSION_21 = "2.1"


def _kept(request: type[Payload], response: type[Payload], action: str) -> Inbound:
    """Return the row of a message that is kept on the timeline and answered with nothing in it."""
    return Inbound(request, keeping(action, lambda _: response()))


INBOUND_201: InboundTable = {
    "Authorize": Inbound(types.AuthorizeRequest, authorization.authorize),
    "BootNotification": Inbound(types.BootNotificationRequest, stations.boot_notification, may_precede_boot=True),
    "ClearedChargingLimit": _kept(
        types.ClearedChargingLimitRequest, types.ClearedChargingLimitResponse, "ClearedChargingLimit"
    ),
    "DataTransfer": Inbound(types.DataTransferRequest, refusals.data_transfer),
    "FirmwareStatusNotification": _kept(
        types.FirmwareStatusNotificationRequest,
        types.FirmwareStatusNotificationResponse,
        "FirmwareStatusNotification",
    ),
    "Get15118EVCertificate": Inbound(types.Get15118EVCertificateRequest, refusals.ev_certificate),
    "GetCertificateStatus": Inbound(types.GetCertificateStatusRequest, certificates.certificate_status),
    "Heartbeat": Inbound(types.HeartbeatRequest, stations.heartbeat),
    "LogStatusNotification": _kept(
        types.LogStatusNotificationRequest, types.LogStatusNotificationResponse, "LogStatusNotification"
    ),
    "MeterValues": Inbound(
        types.MeterValuesRequest,
        charging.meter_values,
        Loss.MONEY,
        unreadable=types.MeterValuesResponse(),
        stand_ins={"evseId": lambda _: 0},
    ),
    "NotifyChargingLimit": _kept(
        types.NotifyChargingLimitRequest, types.NotifyChargingLimitResponse, "NotifyChargingLimit"
    ),
    "NotifyCustomerInformation": _kept(
        types.NotifyCustomerInformationRequest, types.NotifyCustomerInformationResponse, "NotifyCustomerInformation"
    ),
    "NotifyDisplayMessages": _kept(
        types.NotifyDisplayMessagesRequest, types.NotifyDisplayMessagesResponse, "NotifyDisplayMessages"
    ),
    "NotifyEVChargingNeeds": Inbound(types.NotifyEVChargingNeedsRequest, refusals.charging_needs),
    "NotifyEVChargingSchedule": Inbound(
        types.NotifyEVChargingScheduleRequest,
        keeping("NotifyEVChargingSchedule", lambda _: types.NotifyEVChargingScheduleResponse(status="Accepted")),
    ),
    "NotifyEvent": Inbound(types.NotifyEventRequest, stations.notify_event),
    "NotifyMonitoringReport": Inbound(types.NotifyMonitoringReportRequest, device_model.notify_monitoring_report),
    "NotifyReport": Inbound(types.NotifyReportRequest, device_model.notify_report),
    "PublishFirmwareStatusNotification": _kept(
        types.PublishFirmwareStatusNotificationRequest,
        types.PublishFirmwareStatusNotificationResponse,
        "PublishFirmwareStatusNotification",
    ),
    "ReportChargingProfiles": _kept(
        types.ReportChargingProfilesRequest, types.ReportChargingProfilesResponse, "ReportChargingProfiles"
    ),
    "ReservationStatusUpdate": Inbound(types.ReservationStatusUpdateRequest, reservations.status_update),
    "SecurityEventNotification": Inbound(types.SecurityEventNotificationRequest, stations.security_event),
    "SignCertificate": Inbound(types.SignCertificateRequest, refusals.sign_certificate),
    "StatusNotification": Inbound(types.StatusNotificationRequest, stations.status_notification),
    "TransactionEvent": Inbound(
        types.TransactionEventRequest,
        charging.transaction_event,
        Loss.MONEY,
        quick=charging.transaction_event_quickly,
        stand_ins={
            "eventType": lambda _: "Updated",
            "seqNo": lambda _: charging.NO_SEQUENCE,
            "timestamp": lambda received_at: received_at.isoformat(),
            "triggerReason": lambda _: "AbnormalCondition",
        },
    ),
}

INBOUND_21: InboundTable = {
    **INBOUND_201,
    "BatterySwap": _kept(types.BatterySwapRequest, types.BatterySwapResponse, "BatterySwap"),
    "ClosePeriodicEventStream": Inbound(types.ClosePeriodicEventStreamRequest, streams.close_stream),
    "GetCertificateChainStatus": Inbound(types.GetCertificateChainStatusRequest, certificates.certificate_chain_status),
    "NotifyDERAlarm": _kept(types.NotifyDERAlarmRequest, types.NotifyDERAlarmResponse, "NotifyDERAlarm"),
    "NotifyDERStartStop": _kept(
        types.NotifyDERStartStopRequest, types.NotifyDERStartStopResponse, "NotifyDERStartStop"
    ),
    "NotifyEVChargingNeeds": Inbound(types.NotifyEVChargingNeedsRequest, refusals.charging_needs_21),
    "NotifyPeriodicEventStream": Inbound(types.NotifyPeriodicEventStream, streams.notify_stream),
    "NotifyPriorityCharging": Inbound(types.NotifyPriorityChargingRequest, control_messages.notify_priority),
    "NotifySettlement": _kept(types.NotifySettlementRequest, types.NotifySettlementResponse, "NotifySettlement"),
    "OpenPeriodicEventStream": Inbound(types.OpenPeriodicEventStreamRequest, streams.open_stream),
    "PullDynamicScheduleUpdate": Inbound(types.PullDynamicScheduleUpdateRequest, refusals.dynamic_schedule),
    "ReportDERControl": _kept(types.ReportDERControlRequest, types.ReportDERControlResponse, "ReportDERControl"),
    "VatNumberValidation": Inbound(types.VatNumberValidationRequest, refusals.vat_number),
}

OUTBOUND: OutboundTable = {
    admission.CancelReservation: Outbound(
        "CancelReservation", reservations.cancel, types.CancelReservationResponse, reservations.outcome
    ),
    admission.ClearCache: Outbound("ClearCache", lists.clear_cache, types.ClearCacheResponse, lists.plain_outcome),
    admission.GetListLimits: Outbound(
        "GetVariables", lists.get_limits, types.GetVariablesResponse, lists.limits_outcome
    ),
    admission.GetLocalListVersion: Outbound(
        "GetLocalListVersion", lists.get_version, types.GetLocalListVersionResponse, lists.version_outcome
    ),
    admission.GetReservationSupport: Outbound(
        "GetVariables", reservations.get_support, types.GetVariablesResponse, reservations.support_outcome
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
        "GetVariables", device_model.read, types.GetVariablesResponse, device_model.read_outcome
    ),
    configuration.RequestBaseReport: Outbound(
        "GetBaseReport", device_model.request_base_report, types.GetBaseReportResponse, device_model.report_outcome
    ),
    configuration.RequestMonitors: Outbound(
        "GetMonitoringReport",
        device_model.request_monitors,
        types.GetMonitoringReportResponse,
        device_model.report_outcome,
    ),
    configuration.RequestReport: Outbound(
        "GetReport", device_model.request_report, types.GetReportResponse, device_model.report_outcome
    ),
    configuration.SetNetworkProfile: Outbound(
        "SetNetworkProfile",
        device_model.set_network_profile,
        types.SetNetworkProfileResponse,
        device_model.network_profile_outcome,
    ),
    configuration.WriteVariables: Outbound(
        "SetVariables", device_model.write, types.SetVariablesResponse, device_model.write_outcome
    ),
    control.AskTransactionStatus: Outbound(
        "GetTransactionStatus",
        control_messages.ask_status,
        types.GetTransactionStatusResponse,
        control_messages.status_outcome,
    ),
    core_costs.TellCost: Outbound("CostUpdated", costs.cost_updated, types.CostUpdatedResponse, costs.told),
    commands.ResetStation: Outbound("Reset", stations.reset, types.ResetResponse, stations.reset_outcome),
    commands.StartCharging: Outbound(
        "RequestStartTransaction",
        charging.remote_start,
        types.RequestStartTransactionResponse,
        charging.start_outcome,
    ),
    commands.StopCharging: Outbound(
        "RequestStopTransaction", charging.remote_stop, types.RequestStopTransactionResponse, charging.stop_outcome
    ),
    commands.TriggerMessage: Outbound(
        "TriggerMessage", stations.trigger, types.TriggerMessageResponse, stations.trigger_outcome
    ),
    commands.UnlockConnector: Outbound(
        "UnlockConnector", stations.unlock, types.UnlockConnectorResponse, stations.unlock_outcome
    ),
}

OUTBOUND_21: OutboundTable = {
    **OUTBOUND,
    control.AdjustEventStream: Outbound(
        "AdjustPeriodicEventStream", streams.adjust, types.AdjustPeriodicEventStreamResponse, streams.adjust_outcome
    ),
    control.ListEventStreams: Outbound(
        "GetPeriodicEventStream", streams.listing, types.GetPeriodicEventStreamResponse, streams.listing_outcome
    ),
    control.UsePriorityCharging: Outbound(
        "UsePriorityCharging",
        control_messages.use_priority,
        types.UsePriorityChargingResponse,
        control_messages.priority_outcome,
    ),
}
