"""Transactions, with what they are made of: events, readings, series, anomalies, frames."""

from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.views import frames as frame_views
from ingufu.views import session as session_views
from ingufu.views import transactions as views
from ingufu.views.frames import Frame, FrameQuery
from ingufu.views.paging import Page
from ingufu.views.session import AnomalyRow, ReadingQuery, ReadingRow, Series, SeriesQuery, TransactionEventRow
from ingufu.views.transactions import TransactionQuery, TransactionRow, TransactionView
from ingufu.web.context import WebContext
from ingufu.web.routes import route


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


@route("GET", "/frames", scope=Scope.FRAMES_READ, query=FrameQuery, raises=(errors.NotFound,))
async def list_frames(web: WebContext, principal: Principal, criteria: FrameQuery) -> Page[Frame]:
    """List frames

    The raw messages of stations, the newest first, by station, time, transaction and connection. Secrets are taken
    out before they are kept, and they are kept as long as the settings say. A page may be short, even empty, though
    `next` is there: where little fits, one page looks through a part of the log and the next goes on.
    """
    return await frame_views.list_frames(web.services.database, criteria, principal.site_ids)


async def _check(web: WebContext, principal: Principal, transaction_id: str) -> None:
    """Raise NotFound for a transaction that does not exist or is not the principal's to see."""
    await views.get_transaction(web.services.database, transaction_id, principal.site_ids)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_transactions, get_transaction, list_transaction_events, list_readings, get_series, list_anomalies, list_frames,
)  # fmt: skip
