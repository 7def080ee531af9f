"""Meters: values outside of transactions, signed values as they came, and periodic event streams."""

from typing import Annotated

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.charging import signatures
from ingufu.charging.model import SignedValue
from ingufu.core import errors
from ingufu.core.commands import Outcome
from ingufu.core.control import AdjustEventStream, ListEventStreams
from ingufu.stations.streams.model import Stream
from ingufu.views import metering as views
from ingufu.views import transactions as transaction_views
from ingufu.views.metering import IdleReadingQuery, SignedRow, StreamValueQuery, StreamValueRow
from ingufu.views.paging import Page
from ingufu.views.session import ReadingRow
from ingufu.web import access
from ingufu.web.api.commands import RAISES, call
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class AdjustStream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a stream is sent from now on."""

    interval_s: Annotated[int, Meta(ge=0, lt=2**31, description="At the latest after so many seconds.")] | None = None
    values: Annotated[int, Meta(ge=0, lt=2**31, description="As soon as there are so many.")] | None = None


@route(
    "GET",
    "/stations/{station:str}/readings",
    scope=Scope.STATIONS_READ,
    query=IdleReadingQuery,
    raises=(errors.NotFound,),
)
async def list_station_readings(
    web: WebContext, principal: Principal, station: str, criteria: IdleReadingQuery
) -> Page[ReadingRow]:
    """List meter readings outside of transactions

    Clock-aligned and triggered ones of EVSEs at rest, and those of the station's own meter (EVSE 0). They are kept as
    long as the settings say; readings of transactions are found there.
    """
    known = await access.station_of(web, principal, station)
    return await views.list_idle_readings(web.services.database, known.id, criteria, principal.site_ids)


@route(
    "GET",
    "/transactions/{transaction_id:str}/signed-values",
    scope=Scope.TRANSACTIONS_READ,
    is_for_fleets=True,
    raises=(errors.NotFound,),
)
async def list_signed_values(web: WebContext, principal: Principal, transaction_id: str) -> list[SignedRow]:
    """List signed meter values

    Byte for byte as the station sent them, for the transparency software of whoever charged. What came of checking them
    here is in the verdict of the transaction. Hosts get none without `drivers:read`: they may name the card.
    """
    await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    return await views.list_signed(web.services.database, transaction_id, principal.site_ids)


@route(
    "GET",
    "/transactions/{transaction_id:str}/signed-values/file",
    scope=Scope.TRANSACTIONS_READ,
    is_for_fleets=True,
    raises=(errors.NotFound,),
    result=str,
    media_type="application/xml",
)
async def get_signed_file(web: WebContext, principal: Principal, transaction_id: str) -> Response[str]:
    """Get signed meter values as a file

    In the XML container that transparency software opens. Its data are those of the station, untouched.
    """
    it = await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    rows = await views.list_signed(web.services.database, it.id, principal.site_ids)
    content = signatures.to_xml(
        signatures.Signed(
            transaction=it.reference,
            context=row.context,
            value=SignedValue(data=row.data, encoding=row.encoding, public_key=row.public_key),
        )
        for row in rows
    )
    headers = {"Content-Disposition": f'attachment; filename="signed-{it.id}.xml"'}
    return Response(content, media_type="application/xml", headers=headers)


@route("GET", "/stations/{station:str}/streams", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_streams(web: WebContext, principal: Principal, station: str) -> list[Stream]:
    """List periodic event streams

    Open and closed ones (OCPP 2.1), with the last value of each. `unknown` are those that sent values before anybody
    told of them.
    """
    known = await access.station_of(web, principal, station)
    return await web.services.stations.streams.of(known.id)


@route(
    "POST",
    "/stations/{station:str}/streams",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    raises=RAISES,
)
async def refresh_streams(web: WebContext, principal: Principal, station: str) -> list[Stream]:
    """Ask for the periodic event streams

    The station says which are open; all others are closed then (OCPP 2.1).
    """
    known = await access.station_of(web, principal, station)
    told = await call(web, principal, known, ListEventStreams())
    async with web.services.database.work() as work:
        await web.services.stations.streams.note_listing(work, known.id, told.streams)
    return await web.services.stations.streams.of(known.id)


@route(
    "POST",
    "/stations/{station:str}/streams/{number:int}",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=AdjustStream,
    raises=RAISES,
)
async def adjust_stream(
    web: WebContext, principal: Principal, station: str, number: int, given: AdjustStream
) -> Outcome:
    """Adjust a periodic event stream

    How often it is sent, or with how many values at once (OCPP 2.1).
    """
    known = await access.station_of(web, principal, station)
    if not 0 <= number < 2**31:
        raise errors.NotFound("There is no such stream.")
    if given.interval_s is None and given.values is None:
        raise errors.InvalidInput("Say the interval, or how many values.", field="interval_s")
    command = AdjustEventStream(stream=number, interval_s=given.interval_s, values=given.values)
    outcome = await call(web, principal, known, command)
    if outcome.is_accepted:
        async with web.services.database.work() as work:
            await web.services.stations.streams.note_adjusted(
                work, known.id, number, interval_s=given.interval_s, batch=given.values
            )
    return outcome


@route(
    "GET",
    "/stations/{station:str}/streams/{number:int}/values",
    scope=Scope.STATIONS_READ,
    query=StreamValueQuery,
    raises=(errors.NotFound,),
)
async def list_stream_values(
    web: WebContext, principal: Principal, station: str, number: int, criteria: StreamValueQuery
) -> Page[StreamValueRow]:
    """List the values of a periodic event stream

    The newest first, each at the time that the station took it.
    """
    known = await access.station_of(web, principal, station)
    if not 0 <= number < 2**31:
        raise errors.NotFound("There is no such stream.")
    return await views.list_stream_values(web.services.database, known.id, number, criteria)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_station_readings, list_signed_values, get_signed_file, list_streams, refresh_streams, adjust_stream,
    list_stream_values,
)  # fmt: skip
