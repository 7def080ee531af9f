"""One session: what was charged, and is it right?"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.infra.storage.database import Database
from ingufu.views import control as control_views
from ingufu.views import frames as frame_views
from ingufu.views import metering, sites
from ingufu.views import session as views
from ingufu.views import transactions as transaction_views
from ingufu.views.control import ControlView
from ingufu.views.frames import FrameQuery
from ingufu.views.paging import Page
from ingufu.views.session import ReadingQuery, SeriesPoint
from ingufu.views.timeline import EventFilter
from ingufu.views.transactions import TransactionView
from ingufu.web.api.evidence import see as see_evidence
from ingufu.web.console import live, present
from ingufu.web.console.charge_records import tariff_options
from ingufu.web.console.log import rows_of
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.live import LiveEvent, LiveHub

POINTS = 400  # of the curve
READINGS = 100
EVENTS = 200
FRAMES = 20
PARTS = "pages/sessions/session_parts.html"
PRICE = "pages/sessions/price.html"
EVIDENCE = "parts/evidence.html"
PRICED_EVERY_S = 10.0  # while readings come in
TOLD = "pages/sessions/told.html"
CONTROL = "pages/sessions/steering.html"


class SessionQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The page as its address has it."""

    tariff: Annotated[str, Meta(max_length=100)] = ""  # by which the session is priced beside its own


@page("/sessions/{session:str}", scope=Scope.TRANSACTIONS_READ, is_for_fleets=True, query=SessionQuery)
async def show_session(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, session: str, criteria: SessionQuery
) -> Response[str]:
    """Show a session"""
    database = web.services.database
    it = await transaction_views.get_transaction(database, session, principal.site_ids)
    zone = await zone_of(database, it)
    events = await views.list_transaction_events(database, it.id, principal.site_ids)
    readings = await _readings(database, it, principal)
    frames: Sequence[frame_views.Frame] = ()
    if Scope.FRAMES_READ in principal.scopes:
        wanted = FrameQuery(station=it.station_id, transaction_id=it.id, limit=FRAMES)
        frames = (await frame_views.list_frames(database, wanted, principal.site_ids)).items
    names = _names(pages, request)
    return await pages.show(
        request,
        "pages/sessions/session.html",
        it=it,
        zone=zone,
        tzinfo=present.zone(zone),
        events=events[:EVENTS],
        events_cut=len(events) > EVENTS,
        anomalies=await views.list_anomalies(database, it.id, principal.site_ids),
        readings=readings.items,
        readings_cut=readings.next is not None,
        frames=rows_of(frames),
        has_chart=bool(readings.items),
        control=await _control(web, principal, it),
        pricing=await _pricing(web, principal, it, criteria.tariff),
        evidence=await see_evidence(web, it.id) if Scope.MONEY_READ in principal.scopes else None,
        signed=await metering.list_signed(database, it.id, principal.site_ids),
        legend=names if it.soc_percent is not None else names[:2],
    )


@page("/sessions/{session:str}/chart.json", scope=Scope.TRANSACTIONS_READ, is_for_fleets=True)
async def get_chart(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, session: str
) -> Response[bytes]:
    """Get the curve of a session as the chart draws it"""
    database = web.services.database
    it = await transaction_views.get_transaction(database, session, principal.site_ids)
    points = (await views.get_series(database, it.id, POINTS)).points
    power, energy, soc = _names(pages, request)
    data = {
        "zone": await zone_of(database, it),
        "series": [
            {"name": power, "unit": "kW", "axis": "power", **_power(points)},
            {"name": energy, "unit": "kWh", "axis": "energy", "points": _energy(it, points)},
        ],
    }
    charge = [[_ms(point), point.soc_percent] for point in points if point.soc_percent is not None]
    if charge:
        data["series"].append({"name": soc, "unit": "%", "axis": "soc", "points": charge})  # type: ignore[attr-defined]
    return Response(msgspec.json.encode(data), media_type="application/json")


@page("/sessions/{session:str}/live", scope=Scope.TRANSACTIONS_READ, is_for_fleets=True)
async def follow_session(
    web: WebContext, pages: Pages, hub: LiveHub, principal: Principal, request: Asked, session: str
) -> Stream:
    """Tell what changes of a session"""
    database = web.services.database
    first = await transaction_views.get_transaction(database, session, principal.site_ids)
    zone = present.zone(await zone_of(database, first))

    priced_at = web.services.clock.monotonic()

    async def tell(events: Sequence[LiveEvent] | None) -> live.Change:
        nonlocal priced_at
        mine = None if events is None else [event for event in events if event.transaction_id == first.id]
        if mine is not None and all(event.kind == "TransactionUpdated" for event in mine):
            parts: dict[str, str] = {}
            if mine and web.services.clock.monotonic() - priced_at >= PRICED_EVERY_S:
                priced_at = web.services.clock.monotonic()
                parts = await _price_part(web, pages, principal, request, first)
            return live.Change(figures=_figures(pages, request, mine), parts=parts)
        it = await transaction_views.get_transaction(database, session, principal.site_ids)
        reports = await views.list_transaction_events(database, it.id, principal.site_ids)
        readings = await _readings(database, it, principal)
        anomalies = await views.list_anomalies(database, it.id, principal.site_ids)
        steering, may = await _control(web, principal, it), pages.may(request)
        parts = await _price_part(web, pages, principal, request, it) | {
            "session-control": pages.macro(
                request, CONTROL, "session_control", it, steering, may, path_of("sessions", it.id), zone
            ),
            "session-tiles": pages.macro(request, PARTS, "session_tiles", it, zone),
            "session-facts": pages.macro(request, PARTS, "session_facts", it, zone, may.see_stations),
            "session-anomalies": pages.macro(request, PARTS, "session_anomalies", anomalies, zone),
            "session-reports": pages.macro(
                request, TOLD, "session_reports", reports[:EVENTS], len(reports) > EVENTS, zone
            ),
            "session-readings": pages.macro(
                request, TOLD, "session_readings", readings.items, readings.next is not None, zone
            ),
            "session-status": pages.macro(request, "pages/sessions/rows.html", "session_badge", it, "session-status"),
        }
        if not it.is_open and Scope.MONEY_READ in principal.scopes:
            truth = await see_evidence(web, it.id)
            parts["energy-truth"] = pages.macro(request, EVIDENCE, "energy_truth", truth, may, it.id, zone)
        if not it.is_open:
            parts["stop"] = ""
        return live.Change(parts=parts)

    wanted = EventFilter(
        station_ids=frozenset({first.station_id}), site_ids=principal.site_ids, transaction_ids=frozenset({first.id})
    )
    return live.stream(request, hub, principal, wanted, tell)


async def _readings(database: Database, it: TransactionView, principal: Principal) -> Page[views.ReadingRow]:
    wanted = ReadingQuery(sort="-at", limit=READINGS)
    return await views.list_readings(database, it.id, wanted, principal.site_ids)


async def _pricing(web: WebContext, principal: Principal, it: TransactionView, tariff_id: str) -> dict[str, Any] | None:
    """Return what the session costs, and by another tariff if one is asked for; None: the reader may not see prices."""
    if Scope.MONEY_READ not in principal.scopes:
        return None
    records = web.services.charge_records
    options = await tariff_options(web, principal)
    named = dict(options)
    cost, other = await records.running(it.id), None
    if tariff_id in named:
        tariff = await records.tariff_at(tariff_id, it.started_at, until=it.ended_at)
        other = await records.what_if(it.id, (tariff,), beside=cost)
    return {
        "cost": cost,
        "tariffs": options,
        "other": other,
        "other_name": named.get(tariff_id, ""),
    }


async def _price_part(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, it: TransactionView
) -> dict[str, str]:
    if Scope.MONEY_READ not in principal.scopes:
        return {}
    cost = await web.services.charge_records.running(it.id)
    return {"session-price-now": pages.macro(request, PRICE, "price_now", it, cost)}


async def _control(web: WebContext, principal: Principal, it: TransactionView) -> ControlView:
    known = await web.services.control.of(it.id)
    return await control_views.get_control(web.services.database, known, it.id, principal.site_ids)


def _names(pages: Pages, request: Asked) -> list[str]:
    return [
        pages.text(request, "Power, kW"),
        pages.text(request, "Energy, kWh"),
        pages.text(request, "State of charge, 0 to 100 %"),
    ]


def _power(points: Sequence[SeriesPoint]) -> dict[str, Any]:
    """Return the power as it was told, or, where it never was, as the steps that the register tells."""
    told = [[_ms(point), round(point.power_w / 1000, 3)] for point in points if point.power_w is not None]
    if told:
        return {"points": told}
    known = [point for point in points if point.energy_wh is not None]
    steps = [[_ms(before), _mean_kw(before, after)] for before, after in pairwise(known)]
    return {"points": [*steps, [_ms(known[-1]), steps[-1][1]]] if steps else [], "step": True}


def _mean_kw(before: SeriesPoint, after: SeriesPoint) -> float:
    hours = (after.at - before.at).total_seconds() / 3600
    rise_wh = float((after.energy_wh or 0) - (before.energy_wh or 0))
    return round(max(0.0, rise_wh) / hours / 1000, 3) if hours else 0.0


def _energy(it: TransactionView, points: Sequence[SeriesPoint]) -> list[list[float]]:
    known = [point for point in points if point.energy_wh is not None]
    start_wh = it.start_wh if it.start_wh is not None else next((point.energy_wh for point in known), None)
    return [[_ms(point), round(float((point.energy_wh or 0) - (start_wh or 0)) / 1000, 4)] for point in known]


def _figures(pages: Pages, request: Asked, events: Sequence[LiveEvent]) -> dict[str, str]:
    filters = pages.environment(request).filters
    texts: dict[str, str] = {}
    for event in events:
        texts["session-power"] = filters["power"](event.details.get("power_w")).number
        texts["session-energy"] = filters["billed_energy"](event.details.get("energy_wh")).number
        if event.details.get("soc_percent") is not None:
            texts["session-soc"] = filters["percent"](event.details["soc_percent"] / 100)
    return texts


async def zone_of(database: Database, it: TransactionView) -> str:
    """Return the zone of the session's site; UTC if it has none."""
    return "UTC" if it.site_id is None else (await sites.get_site(database, it.site_id, None)).time_zone


def _ms(point: SeriesPoint) -> int:
    return int(point.at.timestamp() * 1000)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_session, get_chart, follow_session)
