"""Transactions, with what they are made of: events, readings, series, anomalies, frames."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.charging.ending import REASON_MAX
from ingufu.core import errors
from ingufu.infra.storage.database import Work
from ingufu.ledger.service import retried
from ingufu.views import frames as frame_views
from ingufu.views import session as session_views
from ingufu.views import transactions as views
from ingufu.views.frames import Frame, FrameQuery
from ingufu.views.paging import Page
from ingufu.views.session import AnomalyRow, ReadingQuery, ReadingRow, Series, SeriesQuery, TransactionEventRow
from ingufu.views.transactions import TransactionQuery, TransactionRow, TransactionView
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Instant = Annotated[datetime, Meta(tz=True)]


class End(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a transaction is taken for over, and since when."""

    reason: Annotated[
        str, Meta(min_length=1, max_length=REASON_MAX, description="Stands with its anomalies, and in the audit trail.")
    ]
    ended_at: Annotated[
        Instant | None, Meta(description="When it ended; null: when the station last told anything of it.")
    ] = None
    force: Annotated[
        bool, Meta(description="Also if its station is connected and told of it within the last hour.")
    ] = False


@route("GET", "/transactions", scope=Scope.TRANSACTIONS_READ, is_for_fleets=True, query=TransactionQuery)
async def list_transactions(web: WebContext, principal: Principal, criteria: TransactionQuery) -> Page[TransactionRow]:
    """List transactions

    The newest first. They are not counted: follow `next` until it is null.
    """
    return await views.list_transactions(web.services.database, criteria, principal.site_ids)


@route(
    "GET",
    "/transactions/{transaction_id:str}",
    scope=Scope.TRANSACTIONS_READ,
    is_for_fleets=True,
    raises=(errors.NotFound,),
)
async def get_transaction(web: WebContext, principal: Principal, transaction_id: str) -> TransactionView:
    """Get a transaction

    As it is now: one that runs changes with every reading.
    """
    return await views.get_transaction(web.services.database, transaction_id, principal.site_ids)


@route("GET", "/transactions/{transaction_id:str}/events", scope=Scope.TRANSACTIONS_READ, raises=(errors.NotFound,))
async def list_transaction_events(
    web: WebContext, principal: Principal, transaction_id: str
) -> list[TransactionEventRow]:
    """List what the station reported

    Start, updates and end as they came, in the order in which they came.
    """
    await _check(web, principal, transaction_id)
    return await session_views.list_transaction_events(web.services.database, transaction_id, principal.site_ids)


@route(
    "GET",
    "/transactions/{transaction_id:str}/readings",
    scope=Scope.TRANSACTIONS_READ,
    is_for_fleets=True,
    query=ReadingQuery,
    raises=(errors.NotFound,),
)
async def list_readings(
    web: WebContext, principal: Principal, transaction_id: str, criteria: ReadingQuery
) -> Page[ReadingRow]:
    """List meter readings

    Each with the figures people look at, and in `samples` every value as the station sent it, signed ones included.
    """
    await _check(web, principal, transaction_id)
    return await session_views.list_readings(web.services.database, transaction_id, criteria, principal.site_ids)


@route(
    "GET",
    "/transactions/{transaction_id:str}/series",
    scope=Scope.TRANSACTIONS_READ,
    is_for_fleets=True,
    query=SeriesQuery,
    raises=(errors.NotFound,),
)
async def get_series(web: WebContext, principal: Principal, transaction_id: str, criteria: SeriesQuery) -> Series:
    """Get the curve of a transaction

    Power, energy and the rest over time, in at most `points` points, as charts draw it.
    """
    await _check(web, principal, transaction_id)
    return await session_views.get_series(web.services.database, transaction_id, criteria.points)


@route("GET", "/transactions/{transaction_id:str}/anomalies", scope=Scope.TRANSACTIONS_READ, raises=(errors.NotFound,))
async def list_anomalies(web: WebContext, principal: Principal, transaction_id: str) -> list[AnomalyRow]:
    """List what is odd

    What the station reported was kept as it came; this is what did not fit together.
    """
    await _check(web, principal, transaction_id)
    return await session_views.list_anomalies(web.services.database, transaction_id, principal.site_ids)


@route(
    "POST",
    "/transactions/{transaction_id:str}/end",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=End,
    raises=(errors.NotFound, errors.InvalidInput, errors.Conflict),
)
async def end_transaction(web: WebContext, principal: Principal, transaction_id: str, given: End) -> TransactionView:
    """End a transaction by estimate

    For one that is over although its station will never say so, as it was replaced or has lost its memory: it ends at
    its newest register, its driver may charge again, and it is billed once somebody has looked at it. The station is
    not asked: what may still run is stopped with `POST /stations/{station}/stop`. If the station tells of the real
    end later, that counts.
    """
    it = await views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    reason = given.reason.strip()
    if not reason:
        raise errors.InvalidInput("Say why it is taken for over.", field="reason")
    is_sure = given.force or not await _is_connected(web, it.station_id)

    async def end(work: Work) -> None:
        ended = await web.services.charging.end(work, it.id, reason=reason, ended_at=given.ended_at, is_sure=is_sure)
        details = {"reason": reason, "ended_at": msgspec.to_builtins(ended.ended_at), "force": given.force}
        access.note(web, work, principal, "transaction.end", it.id, details)

    await retried(web.services.database, end)
    await access.reload(web, it.station_id)
    return await views.get_transaction(web.services.database, it.id, principal.site_ids)


@route("GET", "/frames", scope=Scope.FRAMES_READ, query=FrameQuery, raises=(errors.NotFound,))
async def list_frames(web: WebContext, principal: Principal, criteria: FrameQuery) -> Page[Frame]:
    """List frames

    The raw messages of stations, the newest first, by station, time, transaction and connection. Secrets are taken
    out before they are kept, and they are kept as long as the settings say. A page may be short, even empty, though
    `next` is there: where little fits, one page looks through a part of the log and the next goes on.
    """
    return await frame_views.list_frames(web.services.database, criteria, principal.site_ids)


async def _is_connected(web: WebContext, station_id: str) -> bool:
    try:
        return (await web.services.stations.get(station_id)).is_online
    except errors.NotFound:  # deleted: it never comes back
        return False


async def _check(web: WebContext, principal: Principal, transaction_id: str) -> None:
    """Raise NotFound for a transaction that does not exist or is not the principal's to see."""
    await views.get_transaction(web.services.database, transaction_id, principal.site_ids)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_transactions, get_transaction, list_transaction_events, list_readings, get_series, list_anomalies,
    end_transaction, list_frames,
)  # fmt: skip
