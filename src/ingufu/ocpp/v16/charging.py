"""OCPP 1.6: start, stop and meter values of transactions; remote start and stop."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from ingufu.charging import figures, intake, plain
from ingufu.charging.model import AnomalyKind, MeterReading, ReportKind, Sample, TransactionReport
from ingufu.charging.pulse import Beat
from ingufu.core.commands import Outcome, StartCharging, StopCharging
from ingufu.core.errors import InvalidInput, StationUnsupported
from ingufu.ocpp.completion import NO_REGISTER
from ingufu.ocpp.salvage import Oddities, find_gaps, salvage
from ingufu.ocpp.table import CallContext, QuickStep, given
from ingufu.ocpp.v16 import authorization, types
from ingufu.services import Services


async def start_transaction(
    context: CallContext, request: types.StartTransactionRequest
) -> types.StartTransactionResponse:
    """Keep the start and say under which number, whatever is odd about it (1.6 4.8)."""
    report = TransactionReport(
        kind=ReportKind.STARTED,
        station_id=context.station_id,
        version=context.version,
        evse=_evse(request.connector_id),
        connector=1,
        token=authorization.token(request.id_tag, context),
        at=request.timestamp,
        at_station=request.timestamp.isoformat(),
        received_at=context.received_at,
        register_wh=_register(request.meter_start),
        reservation_id=_reservation(context, given(request.reservation_id)),
        oddities=find_gaps(context),
    )
    skew_s = context.clock_skew_s
    recorded = await context.services.charging.record(context.work, report, skew_s=skew_s)
    if context.services.control.concerns(report):
        await context.services.control.follow(context.work, report, recorded, skew_s=skew_s)
    number, verdict = recorded.transaction.number, recorded.verdict
    if number is None or verdict is None:
        raise InvalidInput("A start has a number and a verdict.")
    return types.StartTransactionResponse(id_tag_info=authorization.id_tag_info(verdict), transaction_id=number)


async def stop_transaction(
    context: CallContext, request: types.StopTransactionRequest
) -> types.StopTransactionResponse:
    """Keep the end; an unknown transaction is kept as an orphan (1.6 4.10)."""
    id_tag = given(request.id_tag)
    readings, oddities = _readings(context, given(request.transaction_data) or ())
    recorded = await context.services.charging.record(
        context.work,
        TransactionReport(
            kind=ReportKind.ENDED,
            station_id=context.station_id,
            version=context.version,
            reference=_reference(context, request.transaction_id),
            token=None if id_tag is None else authorization.token(id_tag, context),
            at=request.timestamp,
            at_station=request.timestamp.isoformat(),
            received_at=context.received_at,
            register_wh=_register(request.meter_stop),
            stop_reason=given(request.reason) or "Local",
            readings=readings,
            oddities=oddities,
        ),
    )
    if id_tag is None or recorded.verdict is None:
        return types.StopTransactionResponse()
    return types.StopTransactionResponse(id_tag_info=authorization.id_tag_info(recorded.verdict))


async def meter_values(context: CallContext, request: types.MeterValuesRequest) -> types.MeterValuesResponse:
    """Keep the readings, in or out of a transaction; always answered (1.6 4.7)."""
    readings, oddities = _readings(context, request.meter_value)
    number = given(request.transaction_id)
    await context.services.charging.add_readings(
        context.work,
        station_id=context.station_id,
        version=context.version,
        evse=_evse(request.connector_id),
        reference=None if number is None else _reference(context, number),
        readings=readings,
        received_at=context.received_at,
        oddities=oddities,
    )
    return types.MeterValuesResponse()


def meter_values_quickly(
    services: Services, station_id: str, request: types.MeterValuesRequest, received_at: datetime
) -> QuickStep | None:
    """Keep one reading of a running transaction, if it is plain and in order."""
    number = request.transaction_id
    if number is UNSET or number <= 0 or len(request.meter_value) != 1:
        return None
    value = request.meter_value[0]
    at, evse = value.timestamp, request.connector_id
    understood = plain.read([_said(sample) for sample in value.sampled_value]) or _understood(value)
    if understood is None:
        return None
    beat = Beat(at, at.isoformat(), understood.figures, understood.samples, received_at)
    return services.charging.pulses.step(station_id, str(number), evse if evse > 0 else None, beat)


def _said(sample: types.SampledValue) -> tuple[str, plain.Said]:
    unit, context, location, phase = sample.unit, sample.context, sample.location, sample.phase
    said = (
        None if sample.measurand is UNSET else sample.measurand,
        None if unit is UNSET else unit,
        0,
        None if context is UNSET else context,
        None if location is UNSET else location,
        None if phase is UNSET else phase,
    )
    return ("" if sample.format == "SignedData" else sample.value), said


def _understood(value: types.MeterValue) -> plain.Plain | None:
    """Return what a reading says that is not plain; None if something in it is odd."""
    oddities: list[tuple[AnomalyKind, str]] = []
    kept = intake.merge((_reading(value.timestamp, value.sampled_value, oddities),))
    if oddities or len(kept) != 1:
        return None
    return plain.Plain(kept[0].figures, intake.written(kept[0].samples))


def remote_start(command: StartCharging) -> types.RemoteStartTransactionRequest:
    if len(command.token) > authorization.PARENT_LIMIT:
        raise StationUnsupported(f"OCPP 1.6 carries tokens of at most {authorization.PARENT_LIMIT} characters.")
    return types.RemoteStartTransactionRequest(
        id_tag=command.token, connector_id=UNSET if command.evse is None else command.evse
    )


def remote_stop(command: StopCharging) -> types.RemoteStopTransactionRequest:
    try:
        number = int(command.reference)
    except ValueError as error:
        raise InvalidInput("OCPP 1.6 names transactions by whole numbers.", field="reference") from error
    return types.RemoteStopTransactionRequest(transaction_id=number)


def remote_outcome(
    response: types.RemoteStartTransactionResponse | types.RemoteStopTransactionResponse,
) -> Outcome:
    return Outcome(status=response.status, is_accepted=response.status == "Accepted")


def _reference(context: CallContext, number: int) -> str | None:
    """Return how the station names a transaction; 0 and -1 mean that it never learnt our number (quirk 33)."""
    if number > 0:
        return str(number)
    context.met(33)
    return None


def _reservation(context: CallContext, number: int | None) -> int | None:
    """Return the reservation that a start uses; 0 stands for none (quirk 46)."""
    if number == 0:
        context.met(46)
    return number or None


def _evse(connector: int) -> int | None:
    """Return the EVSE that a connector of 1.6 is to us; 0 is the station itself."""
    return connector if connector > 0 else None


def _register(value: int) -> Decimal | None:
    return None if value == NO_REGISTER else Decimal(value)


def _readings(
    context: CallContext,
    values: tuple[types.MeterValue, ...] | tuple[types.TransactionData, ...],
) -> tuple[tuple[MeterReading, ...], Oddities]:
    oddities: list[tuple[AnomalyKind, str]] = []
    readings = tuple(_reading(value.timestamp, value.sampled_value, oddities) for value in values)
    readings, unread = salvage(readings, context.repairs, _plain_sample)
    return readings, (*oddities, *unread, *find_gaps(context))


def _plain_sample(plain: Mapping[str, Any]) -> Sample:
    return figures.sample_from_text(
        str(plain["value"]),
        measurand=plain.get("measurand"),
        unit=plain.get("unit"),
        context=plain.get("context"),
        location=plain.get("location"),
        phase=plain.get("phase"),
        format=plain.get("format"),
    )


def _reading(
    at: datetime,
    samples: tuple[types.SampledValue, ...] | tuple[types.StopTransactionSampledValue, ...],
    oddities: list[tuple[AnomalyKind, str]],
) -> MeterReading:
    return MeterReading(
        at=at, at_station=at.isoformat(), samples=tuple(_sample(sample, oddities) for sample in samples)
    )


def _sample(
    sample: types.SampledValue | types.StopTransactionSampledValue, oddities: list[tuple[AnomalyKind, str]]
) -> Sample:
    kept = figures.sample_from_text(
        sample.value,
        measurand=given(sample.measurand),
        unit=given(sample.unit),
        context=given(sample.context),
        location=given(sample.location),
        phase=given(sample.phase),
        format=given(sample.format),
    )
    if kept.value is None and kept.signed is None:
        oddities.append((AnomalyKind.UNREADABLE_VALUE, f"{kept.measurand}: {sample.value[:100]!r}"))
    return kept
