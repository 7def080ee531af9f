"""One station: how it is now, its timeline, its sessions, its connections."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.infra.storage.database import Database
from ingufu.reservations.model import ReservationStatus
from ingufu.views import attempts as attempt_views
from ingufu.views import console_stations, session, sites, timeline
from ingufu.views import reservations as reservation_views
from ingufu.views import stations as station_views
from ingufu.views import transactions as transaction_views
from ingufu.views.attempts import AttemptQuery
from ingufu.views.paging import Page
from ingufu.views.reservations import ReservationQuery
from ingufu.views.session import SeriesPoint
from ingufu.views.stations import EvseView, StationView
from ingufu.views.timeline import EventFilter, EventQuery
from ingufu.views.transactions import TransactionQuery, TransactionRow
from ingufu.web.console import doctoring, formats, live, present
from ingufu.web.console.notes import notes_of
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.live import LiveEvent, LiveHub

WEEK = timedelta(days=7)
FEED_LENGTH = 8
RECENT = 5
CURVE_POINTS = 48  # of the small curve on a card
CURVES_DRAWN = 12  # of one station; the cards of a larger one show numbers alone
EVENTS = 50
ROWS = 50
_FIGURES = frozenset({"TransactionUpdated"})  # which change nothing but figures
STEERING = (
    "RemoteStartAsked", "RemoteStartSucceeded", "RemoteStartExpired", "LimitChanged", "LimitReached", "PriorityChanged",
)  # fmt: skip
ADMISSION = (
    "PlaceReserved", "ReservationRefused", "ReservationUsed", "ReservationEnded", "ReservationOvertaken",
    "LocalListSent", "LocalListFailed", "AdmissionChanged", "ContractRefused",
)  # fmt: skip
NOTICES = (
    "NoticeReceived", "SecurityEventReported", "StreamOpened", "StreamClosed", "StreamUnknown", "SamplingSettled",
)  # fmt: skip
CONFIGURATION = (
    "ReportEnded", "VariablesWritten", "DriftChanged", "DesiredChanged", "NetworkProfileAnswered", "ResetSettled",
)  # fmt: skip
KINDS: dict[str, tuple[str, ...]] = {
    "connection": ("StationConnected", "StationDisconnected", "StationBooted", "FirmwareChanged", "ConnectionRefused"),
    "status": ("StatusChanged", "AvailabilityAsked", "AvailabilityKept", "AvailabilityRepeated"),
    "sessions": ("TransactionStarted", "TransactionEnded", "TransactionCorrected", "AnomalySeen", *STEERING),
    "commands": ("CommandAnswered", "StationChanged", "StationDiscovered", *CONFIGURATION),
    "admission": ADMISSION,
    "notices": NOTICES,
}

NEWS = tuple(kind for about, kinds in KINDS.items() if about != "notices" for kind in kinds)  # of the page's short list


class TimelineQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The timeline as its address has it."""

    about: Literal["connection", "status", "sessions", "commands", "admission", "notices"] | None = None
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of a list."""

    cursor: Annotated[str, Meta(max_length=1000)] = ""


class SessionRow(msgspec.Struct, frozen=True):
    """A session as a row of a list."""

    it: TransactionRow
    zone: Any  # tzinfo


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A station as one of its pages shows it, and the zone that its times are in."""

    station: StationView
    zone: str

    def frame(self, tab: str) -> dict[str, Any]:
        """Return what every page of the station is rendered with."""
        return {"station": self.station, "zone": self.zone, "tzinfo": present.zone(self.zone), "tab": tab}


class Reserved(msgspec.Struct, frozen=True, kw_only=True):
    """For whom an EVSE is kept, and until when."""

    token: str
    expires_at: datetime


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """An EVSE as its card shows it."""

    key: str
    number: int
    name: str
    connectors: str
    status: str
    is_online: bool
    power_w: float | None = None
    energy_wh: Any = None
    soc_percent: float | None = None
    started_at: Any = None
    token: str | None = None
    transaction_id: str | None = None
    session_href: str | None = None
    powers: list[float | None] = []
    fault: str | None = None
    changed_at: Any = None
    notes: list[str] = []  # markup
    reserved: Reserved | None = None


@page("/stations/{station:str}", scope=Scope.STATIONS_READ)
async def show_station(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[str]:
    """Show how a station is now"""
    seen = await see(web, principal, station)
    database, now, it = web.services.database, web.services.clock.now(), seen.station
    connectivity = await console_stations.get_connectivity(
        database, it.id, since=now - WEEK, until=now, is_online=it.is_online
    )
    return await pages.show(
        request,
        "pages/station/now.html",
        **seen.frame("now"),
        cards=await cards_of(database, pages, request, it, principal),
        connectivity=connectivity,
        week_ago=now - WEEK,
        feed=await _feed(database, it, principal),
        recent=await _recent(database, it, principal, seen.zone),
        clock_text=_clock_text(pages, request, it),
    )


async def _feed(database: Database, it: StationView, principal: Principal) -> Any:
    """Return what happened lately; None: the reader may not see events."""
    if Scope.EVENTS_READ not in principal.scopes:
        return None
    query = EventQuery(station=it.id, kind=NEWS, limit=FEED_LENGTH)
    return present.events((await timeline.list_events(database, query, principal.site_ids)).items)


async def _recent(database: Database, it: StationView, principal: Principal, zone: str) -> list[SessionRow] | None:
    """Return the latest sessions; None: the reader may not see sessions."""
    if Scope.TRANSACTIONS_READ not in principal.scopes:
        return None
    query = TransactionQuery(station=it.id, limit=RECENT)
    found = await transaction_views.list_transactions(database, query, principal.site_ids)
    return [SessionRow(row, present.zone(zone)) for row in found.items]


@page("/stations/{station:str}/live", scope=Scope.STATIONS_READ)
async def follow_station(  # all that a stream is made of
    web: WebContext, pages: Pages, hub: LiveHub, principal: Principal, request: Asked, station: str
) -> Stream:
    """Tell what changes on a station's page"""
    first = await see(web, principal, station)
    database, station_id = web.services.database, first.station.id
    news = NEWS if Scope.EVENTS_READ in principal.scopes else ()

    async def tell(events: Sequence[LiveEvent] | None) -> live.Change:
        if events is not None and all(event.kind in _FIGURES for event in events):
            return live.Change(figures=_figures(pages, request, events))
        seen = await see(web, principal, station_id)
        zone = present.zone(seen.zone)
        return live.Change(
            parts=_parts(pages, request, seen, await cards_of(database, pages, request, seen.station, principal)),
            entries=pages.entries(request, "feed", [one for one in events or () if one.kind in news], zone),
        )

    wanted = EventFilter(station_ids=frozenset({station_id}), site_ids=principal.site_ids)
    return live.stream(request, hub, principal, wanted, tell)


@page("/stations/{station:str}/timeline", scope=Scope.EVENTS_READ, query=TimelineQuery)
async def show_timeline(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, criteria: TimelineQuery
) -> Response[str]:
    """Show what happened to a station"""
    seen = await see(web, principal, station)
    kinds = KINDS[criteria.about] if criteria.about else ()
    query = EventQuery(station=seen.station.id, kind=kinds, limit=EVENTS, cursor=criteria.cursor or None)
    found = await timeline.list_events(web.services.database, query, principal.site_ids)
    asked: dict[str, str] = {"about": criteria.about} if criteria.about else {}
    base = path_of("stations", seen.station.id, "timeline")
    return await pages.show(
        request,
        "pages/station/timeline.html",
        **seen.frame("timeline"),
        events=present.events(found.items),
        query=criteria,
        is_filtered=criteria.about is not None,
        older_href=f"{base}?{urlencode({**asked, 'cursor': found.next})}" if found.next else None,
        live_href=None if criteria.cursor else f"{base}/live?{urlencode(asked)}",
    )


@page("/stations/{station:str}/timeline/live", scope=Scope.EVENTS_READ, query=TimelineQuery)
async def follow_timeline(  # all that a stream is made of
    web: WebContext,
    pages: Pages,
    hub: LiveHub,
    principal: Principal,
    request: Asked,
    station: str,
    criteria: TimelineQuery,
) -> Stream:
    """Tell what happens to a station"""
    seen = await see(web, principal, station)
    kinds = KINDS[criteria.about] if criteria.about else tuple(kind for every in KINDS.values() for kind in every)

    async def tell(events: Sequence[LiveEvent] | None) -> live.Change:
        return live.Change(entries=pages.entries(request, "feed", events or (), present.zone(seen.zone)))

    wanted = EventFilter(station_ids=frozenset({seen.station.id}), kinds=frozenset(kinds), site_ids=principal.site_ids)
    return live.stream(request, hub, principal, wanted, tell)


@page("/stations/{station:str}/sessions", scope=Scope.TRANSACTIONS_READ, query=PageQuery)
async def show_sessions(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, criteria: PageQuery
) -> Response[str]:
    """Show the sessions of a station"""
    seen = await see(web, principal, station)
    query = TransactionQuery(station=seen.station.id, limit=ROWS, cursor=criteria.cursor or None)
    found = await transaction_views.list_transactions(web.services.database, query, principal.site_ids)
    rows = tuple(SessionRow(row, present.zone(seen.zone)) for row in found.items)
    return await pages.show(
        request,
        "pages/station/sessions.html",
        **seen.frame("sessions"),
        page=Page(items=rows, next=found.next),
        **_paging(seen, "sessions", found.next, criteria.cursor),
    )


@page("/stations/{station:str}/attempts", scope=Scope.STATIONS_READ, query=PageQuery)
async def show_attempts(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, criteria: PageQuery
) -> Response[str]:
    """Show how a station connected, or failed to"""
    seen = await see(web, principal, station)
    query = AttemptQuery(station=seen.station.id, limit=ROWS, cursor=criteria.cursor or None)
    found = await attempt_views.list_attempts(web.services.database, query, principal.site_ids)
    return await pages.show(
        request,
        "pages/station/attempts.html",
        **seen.frame("attempts"),
        page=found,
        addresses=web.settings.ocpp_addresses,
        **await doctoring.facts_of(web, seen.station.id, is_first=not criteria.cursor),
        **_paging(seen, "attempts", found.next, criteria.cursor),
    )


async def see(web: WebContext, principal: Principal, station: str) -> Seen:
    """Return the station as the principal may see it. Raises NotFound."""
    found = await station_views.get_station(web.services.database, station, principal.site_ids)
    zone = "UTC"
    if found.site_id is not None:
        zone = (await sites.get_site(web.services.database, found.site_id, None)).time_zone
    return Seen(station=found, zone=zone)


async def cards_of(
    database: Database, pages: Pages, request: Asked, station: StationView, principal: Principal
) -> list[Card]:
    """Return the cards of a station's EVSEs. Who charges there, and how, is told to those who may see sessions."""
    site_ids = principal.site_ids
    by_id: dict[str, TransactionRow] = {}
    if Scope.TRANSACTIONS_READ in principal.scopes:
        query = TransactionQuery(station=station.id, is_open=True, limit=100)
        by_id = {row.id: row for row in (await transaction_views.list_transactions(database, query, site_ids)).items}
    drawn = [evse.transaction.id for evse in station.evses if evse.transaction is not None and by_id][:CURVES_DRAWN]
    curves = {one: (await session.get_series(database, one, CURVE_POINTS)).points for one in drawn}
    wanted = ReservationQuery(station=station.id, status=ReservationStatus.KEPT, limit=100)
    kept = await reservation_views.list_reservations(database, wanted, site_ids)
    reserved = {row.evse: Reserved(token=row.token_value, expires_at=row.expires_at) for row in kept.items}
    notes = await notes_of(database, pages, request, station, site_ids)
    cards = [_card(pages, request, station, evse, by_id, curves) for evse in station.evses]
    replace = msgspec.structs.replace
    return [replace(one, reserved=reserved.get(one.number), notes=notes.get(one.number, [])) for one in cards]


def _card(  # everything that a card shows
    pages: Pages,
    request: Asked,
    station: StationView,
    evse: EvseView,
    running: dict[str, TransactionRow],
    curves: dict[str, tuple[SeriesPoint, ...]],
) -> Card:
    number = evse.number
    card = Card(
        key=str(number),
        number=number,
        name=pages.text(request, "EVSE %(number)s", number=number),
        connectors=", ".join(_plug(pages, request, plug) for plug in evse.connectors),
        status=present.evse_status(evse, is_online=station.is_online),
        is_online=station.is_online,
        fault=_fault(evse) if station.is_online else None,
        changed_at=max((plug.status_at for plug in evse.connectors if plug.status_at), default=None),
    )
    if evse.transaction is None:
        return card
    known = running.get(evse.transaction.id)
    return msgspec.structs.replace(
        card,
        power_w=evse.transaction.power_w,
        energy_wh=evse.transaction.energy_wh,
        soc_percent=evse.transaction.soc_percent,
        started_at=evse.transaction.started_at,
        token=(known.driver_name or known.token_value) if known else None,
        transaction_id=evse.transaction.id,
        session_href=path_of("sessions", evse.transaction.id) if known else None,
        powers=[point.power_w for point in curves.get(evse.transaction.id, ())],
    )


def _plug(pages: Pages, request: Asked, plug: Any) -> str:
    parts = [PLUGS.get(plug.kind, plug.kind)] if plug.kind else []
    if plug.max_power_w:
        parts.append(str(pages.environment(request).filters["power"](plug.max_power_w)))
    return ", ".join(parts)


PLUGS = {
    "cCCS1": "CCS 1", "cCCS2": "CCS 2", "cG105": "CHAdeMO", "cTesla": "Tesla", "cType1": "Type 1", "cType2": "Type 2",
    "sType2": "Type 2", "sType3": "Type 3", "s309-1P-16A": "CEE 16 A", "s309-1P-32A": "CEE 32 A",
    "s309-3P-16A": "CEE 3P 16 A", "s309-3P-32A": "CEE 3P 32 A", "sBS1361": "BS 1363", "sCEE-7-7": "Schuko",
    "cNACS": "NACS", "cMCS": "MCS", "cGBT-AC": "GB/T AC", "cGBT-DC": "GB/T DC", "Pan": "Pantograph",
}  # fmt: skip


def _fault(evse: EvseView) -> str | None:
    for plug in evse.connectors:
        if plug.status == "faulted":
            code = plug.error_code if plug.error_code not in {None, "", "NoError"} else None
            return (
                ", ".join(part for part in (code, plug.vendor_error_code, plug.error_info) if part) or formats.MISSING
            )
    return None


def _figures(pages: Pages, request: Asked, events: Sequence[LiveEvent]) -> dict[str, str]:
    filters = pages.environment(request).filters
    texts: dict[str, str] = {}
    for event in events:
        evse, it = event.details.get("evse"), event.details
        texts[f"power-{evse}"] = filters["power"](it.get("power_w")).number
        texts[f"energy-{evse}"] = filters["energy"](it.get("energy_wh")).number
        if it.get("soc_percent") is not None:
            texts[f"soc-{evse}"] = filters["percent"](it["soc_percent"] / 100)
            texts[f"soc-bar-{evse}"] = str(it["soc_percent"])
    return texts


def _parts(pages: Pages, request: Asked, seen: Seen, cards: Sequence[Card]) -> dict[str, str]:
    base, may = path_of("stations", seen.station.id), pages.may(request)
    head = "pages/station/head.html"
    return {
        "station-marks": pages.macro(request, head, "station_marks", seen.station),
        "station-lead": pages.macro(request, head, "station_lead", seen.station, present.zone(seen.zone)),
        "station-notices": pages.macro(request, head, "station_notices", seen.station, may, base),
        "cards": pages.macro(request, "pages/station/cards.html", "station_cards", cards, may, base),
    }


def _clock_text(pages: Pages, request: Asked, station: StationView) -> str | None:
    skew = station.clock_skew_s
    if skew is None:
        return None
    if abs(skew) < 2:
        return pages.text(request, "right")
    span = pages.environment(request).filters["duration"](abs(skew))
    if skew > 0:
        return pages.text(request, "%(span)s ahead", span=span)
    return pages.text(request, "%(span)s behind", span=span)


def _paging(seen: Seen, tab: str, cursor: str | None, shown: str) -> dict[str, Any]:
    base = path_of("stations", seen.station.id, tab)
    return {"next_href": f"{base}?cursor={cursor}" if cursor else None, "first_href": base if shown else None}


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_station, follow_station, show_timeline, follow_timeline, show_sessions, show_attempts,
)  # fmt: skip
