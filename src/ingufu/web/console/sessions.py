"""Sessions: the list with search, filters, sums and export."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.views import console_sessions, console_sites
from ingufu.views import transactions as views
from ingufu.views.console_sites import SitePlace
from ingufu.views.paging import Page
from ingufu.views.timeline import EventFilter
from ingufu.views.transactions import Match, TransactionQuery, TransactionRow
from ingufu.web import access, spreadsheets
from ingufu.web.api.exports import SESSIONS
from ingufu.web.console import live, present
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.console.station import SessionRow
from ingufu.web.console.stations import offered
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.live import LiveEvent, LiveHub

ROWS = 50
SUMMED = 20_000  # sessions added up while one waits
SUMMED_APART = 4000  # those of a place or a word: each is read from another place of the disk
UNASKED = timedelta(days=30)  # what is added up if no time was asked for


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=200)] = ""
    running: Literal["yes", "no"] | None = None
    odd: Literal["yes", "no"] | None = None
    site: Annotated[str, Meta(max_length=100)] = ""
    since: date | None = None
    until: date | None = None
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class FollowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions a list shows."""

    of: Annotated[str, Meta(max_length=4000)] = ""


@page("/sessions", scope=Scope.TRANSACTIONS_READ, is_for_fleets=True, query=ListQuery)
async def list_sessions(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the sessions"""
    database, site_ids = web.services.database, principal.site_ids
    places = await console_sites.list_places(database, site_ids)
    query, match = _wanted(criteria, places), await _match(web, principal, criteria.q)
    found = await _page(web, principal, query, match)
    asked: dict[str, str] = msgspec.to_builtins(criteria)
    is_filtered = bool(asked.keys() - {"cursor"})
    has_sessions = bool(found.items) or is_filtered or await console_sessions.has_any(database, site_ids)
    summed = query if is_filtered else msgspec.structs.replace(query, since=web.services.clock.now() - UNASKED)
    rows = rows_of(found.items, places)
    most = SUMMED if match is None and not criteria.site else SUMMED_APART
    return await pages.show(
        request,
        "pages/sessions/list.html",
        page=Page(items=rows, next=found.next),
        totals=await views.sum_transactions(database, summed, match, site_ids, most=most) if found.items else None,
        query=criteria,
        places=offered(places),
        is_filtered=is_filtered,
        next_href=_href(asked, cursor=found.next) if found.next else None,
        first_href=_href(asked, cursor="") if criteria.cursor else None,
        csv_href=path_of("sessions.csv") + _query(asked, cursor=""),
        parquet_href=path_of("sessions.parquet") + _query(asked, cursor=""),
        live_href=path_of("live", "sessions")
        + "?"
        + urlencode({"of": ",".join(row.it.id for row in rows if row.it.is_open)}),
        has_sessions=has_sessions,
    )


@page("/live/sessions", scope=Scope.TRANSACTIONS_READ, is_for_fleets=True, query=FollowQuery)
async def follow_sessions(
    web: WebContext, pages: Pages, hub: LiveHub, principal: Principal, request: Asked, criteria: FollowQuery
) -> Stream:
    """Tell what changes in the running sessions that a list shows"""
    shown = frozenset(filter(None, criteria.of.split(",")[:200]))
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    own = frozenset[str]()
    if principal.fleet_id is not None:  # they see no site, but these
        rows = await views.list_by_ids(web.services.database, sorted(shown), principal.site_ids)
        own = frozenset(row.id for row in rows)
    links = pages.may(request).see_stations

    async def tell(events: Sequence[LiveEvent] | None) -> live.Change:
        if events is None:
            return live.Change()
        mine = [event for event in events if event.transaction_id in shown]
        ended = {event.transaction_id or "" for event in mine if event.kind != "TransactionUpdated"}
        found = await views.list_by_ids(web.services.database, sorted(ended), principal.site_ids)
        return live.Change(
            figures=_figures(pages, request, [event for event in mine if event.kind == "TransactionUpdated"]),
            parts={
                f"session-{row.it.id}": pages.macro(
                    request, "pages/sessions/rows.html", "session_row", row, True, links
                )
                for row in rows_of(found, places)
            },
        )

    kinds = frozenset({"TransactionUpdated", "TransactionEnded", "AnomalySeen"})
    wanted = EventFilter(kinds=kinds, site_ids=principal.site_ids, transaction_ids=own)
    return live.stream(request, hub, principal, wanted, tell)


@page("/sessions.csv", scope=Scope.TRANSACTIONS_READ, is_for_fleets=True, query=ListQuery)
async def export_sessions(web: WebContext, principal: Principal, criteria: ListQuery) -> Stream:
    """Export the sessions of a list as CSV"""
    return await _export(web, principal, spreadsheets.Form.CSV, criteria)


@page("/sessions.parquet", scope=Scope.TRANSACTIONS_READ, is_for_fleets=True, query=ListQuery)
async def export_sessions_as_parquet(web: WebContext, principal: Principal, criteria: ListQuery) -> Stream:
    """Export the sessions of a list as Parquet"""
    return await _export(web, principal, spreadsheets.Form.PARQUET, criteria)


def rows_of(found: Sequence[TransactionRow], places: Sequence[SitePlace]) -> tuple[SessionRow, ...]:
    """Return sessions as rows of a list, each in its site's zone."""
    zones = {place.id: place.time_zone for place in places}
    return tuple(SessionRow(row, present.zone(zones.get(row.site_id or "", "UTC"))) for row in found)


async def _export(web: WebContext, principal: Principal, form: spreadsheets.Form, criteria: ListQuery) -> Stream:
    answered = await spreadsheets.answer(web, SESSIONS, form, await _all(web, principal, criteria))
    await access.note_export(web, principal, SESSIONS.name, form, criteria)
    return answered


async def _all(web: WebContext, principal: Principal, criteria: ListQuery) -> spreadsheets.Batches[TransactionRow]:
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    match = await _match(web, principal, criteria.q)
    return spreadsheets.paged(lambda query: _page(web, principal, query, match), _wanted(criteria, places))


async def _page(
    web: WebContext, principal: Principal, query: TransactionQuery, match: Match | None
) -> Page[TransactionRow]:
    if match is None:
        return await views.list_transactions(web.services.database, query, principal.site_ids)
    return await views.list_matching(web.services.database, query, match, principal.site_ids)


async def _match(web: WebContext, principal: Principal, text: str) -> Match | None:
    return await console_sessions.find_match(web.services.database, text, principal.site_ids) if text.strip() else None


def _wanted(criteria: ListQuery, places: Sequence[SitePlace]) -> TransactionQuery:
    """Return the query; days begin at midnight of the site that is asked for, or of the zone that all sites share."""
    names = [place.time_zone for place in places if not criteria.site or place.id == criteria.site]
    zone = present.zone(present.common_zone(names))
    until = criteria.until + timedelta(days=1) if criteria.until else None  # the whole of the last day
    return TransactionQuery(
        site_id=(criteria.site,) if criteria.site else (),
        is_open=None if criteria.running is None else criteria.running == "yes",
        has_anomalies=None if criteria.odd is None else criteria.odd == "yes",
        since=datetime.combine(criteria.since, time(), zone) if criteria.since else None,
        until=datetime.combine(until, time(), zone) if until else None,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )


def _figures(pages: Pages, request: Asked, events: Sequence[LiveEvent]) -> dict[str, str]:
    filters = pages.environment(request).filters
    texts: dict[str, str] = {}
    for event in events:
        texts[f"session-energy-{event.transaction_id}"] = str(filters["energy"](event.details.get("energy_wh")))
        texts[f"session-power-{event.transaction_id}"] = str(filters["power"](event.details.get("power_w")))
    return texts


def _href(asked: dict[str, str], **changes: str | None) -> str:
    return path_of("sessions") + _query(asked, **changes)


def _query(asked: dict[str, str], **changes: str | None) -> str:
    query = urlencode({name: value for name, value in {**asked, **changes}.items() if value})
    return f"?{query}" if query else ""


ROUTES: tuple[HTTPRouteHandler, ...] = (list_sessions, follow_sessions, export_sessions, export_sessions_as_parquet)
