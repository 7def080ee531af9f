"""OCPP 2.x: transaction events and meter values; remote start and stop."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET

from ingufu.charging import figures, plain
from ingufu.charging.fold import STOP_TRIGGERS
from ingufu.charging.model import (
    AnomalyKind,
    ChargingState,
    MeterReading,
    ReportKind,
    Sample,
    SignedValue,
    TransactionReport,
)
from ingufu.charging.pulse import Beat, Turn
from ingufu.core.commands import Outcome, StartCharging, StopCharging
from ingufu.ocpp import wire
from ingufu.ocpp.salvage import Oddities, find_gaps, salvage
from ingufu.ocpp.table import CallContext, QuickStep, given
from ingufu.ocpp.v2 import authorization, control, costs, types
from ingufu.services import Services

_PLAIN = msgspec.json.Decoder(float_hook=Decimal)
NO_SEQUENCE = -(2**63)  # stands in for a missing seqNo

_KINDS: Mapping[str, ReportKind] = {
    "Started": ReportKind.STARTED,
    "Updated": ReportKind.UPDATED,
    "Ended": ReportKind.ENDED,
}
_STATES: Mapping[str, ChargingState] = {state.value: state for state in ChargingState}
# What has a place of its own in the report; everything else is kept as details.
_PLACED = frozenset(
    {"eventType", "meterValue", "timestamp", "triggerReason", "seqNo", "offline", "reservationId", "evse", "idToken"}
)
_PLACED_INFO = frozenset({"transactionId", "chargingState", "stoppedReason", "remoteStartId"})


async def transaction_event(
    context: CallContext, request: types.TransactionEventRequest
) -> types.TransactionEventResponse:
    """Keep the event; always answered, with a verdict if and only if it carried a token (E01 to E06)."""
    report = _report(context, request)
    recorded = await context.services.charging.record(context.work, report, skew_s=context.clock_skew_s)
    response = types.TransactionEventResponse()
    if request.id_token is not UNSET and recorded.verdict is not None:
        response = types.TransactionEventResponse(id_token_info=authorization.id_token_info(recorded.verdict))
    if report.kind is ReportKind.ENDED:
        response = await costs.with_total(context, response, report, recorded)
    if not context.services.control.concerns(report):
        return response
    following = await context.services.control.follow(context.work, report, recorded)
    return control.with_following(response, following, context.version)


def transaction_event_quickly(
    services: Services, station_id: str, request: types.TransactionEventRequest, received_at: datetime
) -> QuickStep | None:
    """Keep an update that says nothing new but a reading, if it is plain and in order."""
    info = request.transaction_info
    if (
        request.event_type != "Updated"
        or request.id_token is not UNSET
        or request.reservation_id is not UNSET
        or request.offline is True
        or request.trigger_reason in STOP_TRIGGERS
        or not services.control.is_quiet(station_id, request.trigger_reason)
        or _says_more(request)
    ):
        return None
    at, evse, state = request.timestamp, request.evse, info.charging_state
    turn = Turn(
        request.seq_no,
        at,
        at.isoformat(),
        request.trigger_reason,
        None if state is UNSET else _STATES[state],
        None if evse is UNSET else evse.id,
        None if evse is UNSET else given(evse.connector_id),
        received_at,
    )
    values = request.meter_value
    if values is UNSET:
        return services.charging.pulses.turn(station_id, info.transaction_id, turn, None)
    value = values[0]
    understood = plain.read([_said(sample) for sample in value.sampled_value]) if len(values) == 1 else None
    if understood is None or any(sample.signed_meter_value is not UNSET for sample in value.sampled_value):
        return None
    beat = Beat(value.timestamp, value.timestamp.isoformat(), understood.figures, understood.samples, received_at)
    return services.charging.pulses.turn(station_id, info.transaction_id, turn, beat)


def _says_more(request: types.TransactionEventRequest) -> bool:
    """Return whether an event says what is kept of few."""
    info = request.transaction_info
    return info.remote_start_id is not UNSET or info.stopped_reason is not UNSET or _has_rare(request)


def _has_rare(request: types.TransactionEventRequest) -> bool:
    """Return whether an event says what the report has no place for."""
    return _rare_of(request) != _NO_RARE or _rare_of_info(request.transaction_info) != _NO_RARE_INFO


def _said(sample: types.SampledValue) -> tuple[str, plain.Said]:
    unit, context, location, phase = sample.unit_of_measure, sample.context, sample.location, sample.phase
    said = (
        None if sample.measurand is UNSET else sample.measurand,
        None if unit is UNSET or unit.unit is UNSET else unit.unit,
        0 if unit is UNSET or unit.multiplier is UNSET else unit.multiplier,
        None if context is UNSET else context,
        None if location is UNSET else location,
        None if phase is UNSET else phase,
    )
    return str(sample.value), said


async def meter_values(context: CallContext, request: types.MeterValuesRequest) -> types.MeterValuesResponse:
    """Keep readings outside of transactions; evse 0 is the station's own meter (J01)."""
    readings, oddities = _readings(context, request.meter_value)
    await context.services.charging.add_readings(
        context.work,
        station_id=context.station_id,
        version=context.version,
        evse=request.evse_id or None,
        reference=None,
        readings=readings,
        received_at=context.received_at,
        oddities=oddities,
    )
    return types.MeterValuesResponse()


def remote_start(command: StartCharging) -> types.RequestStartTransactionRequest:
    return types.RequestStartTransactionRequest(
        id_token=types.IdToken(id_token=command.token, type=command.token_kind),
        group_id_token=UNSET if command.group is None else types.IdToken(id_token=command.group, type="Central"),
        remote_start_id=command.remote_start_id,
        evse_id=UNSET if command.evse is None else command.evse,
    )


def remote_stop(command: StopCharging) -> types.RequestStopTransactionRequest:
    return types.RequestStopTransactionRequest(transaction_id=command.reference)


def start_outcome(response: types.RequestStartTransactionResponse) -> Outcome:
    details: dict[str, Any] = _reason(response)
    if response.transaction_id is not UNSET:
        details["transaction"] = response.transaction_id
    return Outcome(status=response.status, is_accepted=response.status == "Accepted", details=details)


def stop_outcome(response: types.RequestStopTransactionResponse) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Accepted", details=_reason(response))


def _reason(response: types.RequestStartTransactionResponse | types.RequestStopTransactionResponse) -> dict[str, Any]:
    info = given(response.status_info)
    return {} if info is None else {"reason": info.reason_code, "info": given(info.additional_info) or ""}


def _report(context: CallContext, request: types.TransactionEventRequest) -> TransactionReport:
    info, evse, id_token = request.transaction_info, given(request.evse), given(request.id_token)
    kind = _KINDS[request.event_type]
    state = given(info.charging_state)
    readings, oddities = _readings(context, given(request.meter_value) or ())
    return TransactionReport(
        kind=kind,
        station_id=context.station_id,
        version=context.version,
        evse=None if evse is None or evse.id <= 0 else evse.id,
        connector=None if evse is None else given(evse.connector_id),
        reference=info.transaction_id,
        token=None if id_token is None else authorization.token(id_token),
        at=request.timestamp,
        at_station=request.timestamp.isoformat(),
        received_at=context.received_at,
        seq=None if request.seq_no == NO_SEQUENCE else request.seq_no,
        trigger=request.trigger_reason,
        state=None if state is None else ChargingState(state),
        stop_reason=given(info.stopped_reason) or ("Local" if kind is ReportKind.ENDED else None),
        is_offline=given(request.offline) or False,
        remote_start_id=given(info.remote_start_id),
        reservation_id=given(request.reservation_id),
        readings=readings,
        details=_details(request),
        oddities=oddities,
    )


def _details(request: types.TransactionEventRequest) -> dict[str, Any]:
    """Return what the event says beside what the report has a place for; empty for most."""
    if not _has_rare(request):
        return {}
    plain: dict[str, Any] = _PLAIN.decode(wire.encode(request))
    info = plain.pop("transactionInfo")
    details = {name: value for name, value in plain.items() if name not in _PLACED}
    details |= {name: value for name, value in info.items() if name not in _PLACED_INFO}
    return details


_RARE = (
    "cost_details",
    "number_of_phases_used",
    "cable_max_current",
    "preconditioning_status",
    "evse_sleep",
    "custom_data",
)
_RARE_INFO = ("time_spent_charging", "operation_mode", "tariff_id", "transaction_limit", "custom_data")
_rare_of, _NO_RARE = attrgetter(*_RARE), (UNSET,) * len(_RARE)
_rare_of_info, _NO_RARE_INFO = attrgetter(*_RARE_INFO), (UNSET,) * len(_RARE_INFO)


def _readings(context: CallContext, values: tuple[types.MeterValue, ...]) -> tuple[tuple[MeterReading, ...], Oddities]:
    oddities: list[tuple[AnomalyKind, str]] = []
    readings = tuple(
        MeterReading(
            at=value.timestamp,
            at_station=value.timestamp.isoformat(),
            samples=tuple(_sample(sample, oddities) for sample in value.sampled_value),
        )
        for value in values
    )
    readings, unread = salvage(readings, context.repairs, _plain_sample)
    return readings, (*oddities, *unread, *find_gaps(context))


def _plain_sample(plain: Mapping[str, Any]) -> Sample:
    unit = plain.get("unitOfMeasure") or {}
    return figures.sample_from_number(
        Decimal(str(plain["value"])),
        measurand=plain.get("measurand"),
        unit=unit.get("unit"),
        multiplier=int(unit.get("multiplier") or 0),
        context=plain.get("context"),
        location=plain.get("location"),
        phase=plain.get("phase"),
        signed=None,
    )


def _sample(sample: types.SampledValue, oddities: list[tuple[AnomalyKind, str]]) -> Sample:
    unit = given(sample.unit_of_measure)
    signed = given(sample.signed_meter_value)
    kept = figures.sample_from_number(
        Decimal(sample.value),  # plain again: what decoding made of it is a class of its own
        measurand=given(sample.measurand),
        unit=None if unit is None else given(unit.unit),
        multiplier=0 if unit is None else given(unit.multiplier) or 0,
        context=given(sample.context),
        location=given(sample.location),
        phase=given(sample.phase),
        signed=None
        if signed is None
        else SignedValue(
            data=signed.signed_meter_data,
            method=given(signed.signing_method),
            encoding=signed.encoding_method,
            public_key=given(signed.public_key),
        ),
    )
    if kept.value is None and kept.signed is None:
        oddities.append((AnomalyKind.UNREADABLE_VALUE, f"{kept.measurand}: {str(sample.value)[:100]}"))
    return kept
