"""OCPP 2.1: periodic event streams."""

from msgspec import UNSET, UnsetType

from ingufu.core.commands import Outcome
from ingufu.core.control import AdjustEventStream, EventStream, EventStreams, ListEventStreams
from ingufu.ocpp.table import CallContext, given
from ingufu.ocpp.v2 import types


async def open_stream(
    context: CallContext, request: types.OpenPeriodicEventStreamRequest
) -> types.OpenPeriodicEventStreamResponse:
    """Take the stream, unless the station has far too many (N11)."""
    told = _stream(request.constant_stream_data)
    if await context.services.stations.streams.open(context.work, context.station_id, told):
        return types.OpenPeriodicEventStreamResponse(status="Accepted")
    return types.OpenPeriodicEventStreamResponse(
        status="Rejected", status_info=types.StatusInfo(reason_code="TooManyElements")
    )


async def close_stream(
    context: CallContext, request: types.ClosePeriodicEventStreamRequest
) -> types.ClosePeriodicEventStreamResponse:
    await context.services.stations.streams.close(context.work, context.station_id, request.id)
    return types.ClosePeriodicEventStreamResponse()


async def notify_stream(context: CallContext, request: types.NotifyPeriodicEventStream) -> None:
    """Keep the values; nobody waits for an answer (N15)."""
    streams = context.services.stations.streams
    values = streams.read(request.basetime, [(element.t, element.v) for element in request.data], context.received_at)
    await streams.receive(
        context.work,
        context.station_id,
        request.id,
        values,
        pending=request.pending,
        received_at=context.received_at,
    )


def adjust(command: AdjustEventStream) -> types.AdjustPeriodicEventStreamRequest:
    return types.AdjustPeriodicEventStreamRequest(
        id=command.stream,
        params=types.PeriodicEventStreamParams(interval=_given(command.interval_s), values=_given(command.values)),
    )


def adjust_outcome(response: types.AdjustPeriodicEventStreamResponse) -> Outcome:
    info = given(response.status_info)
    details = {} if info is None else {"reason": info.reason_code, "info": given(info.additional_info) or ""}
    return Outcome(status=response.status, is_accepted=response.status == "Accepted", details=details)


def listing(command: ListEventStreams) -> types.GetPeriodicEventStreamRequest:
    del command
    return types.GetPeriodicEventStreamRequest()


def listing_outcome(response: types.GetPeriodicEventStreamResponse) -> EventStreams:
    told = given(response.constant_stream_data) or ()
    return EventStreams(status="Listed", is_accepted=True, streams=tuple(_stream(one) for one in told))


def _stream(told: types.ConstantStreamData) -> EventStream:
    return EventStream(
        number=told.id,
        monitor=told.variable_monitoring_id,
        interval_s=given(told.params.interval),
        values=given(told.params.values),
    )


def _given(value: int | None) -> int | UnsetType:
    return UNSET if value is None else value
