"""The overview: is my network all right, now?"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Forbidden
from ingufu.views import console_attempts, console_overview, console_sites, console_stations
from ingufu.views.console_attempts import Refusal
from ingufu.views.console_overview import FEED_KINDS, Troubles
from ingufu.views.console_sites import SiteState
from ingufu.views.invoices import DocumentQuery, DocumentRow, count_attention, list_documents
from ingufu.views.overview import Overview, get_overview
from ingufu.views.power import PowerCurve
from ingufu.views.revenue import Revenue, get_revenue
from ingufu.views.stations import SiteIds
from ingufu.views.timeline import EventFilter, EventRow
from ingufu.web.console import live, navigation, present
from ingufu.web.console.pages import Pages, page
from ingufu.web.console.rendering import CONSOLE_PATH
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.live import LiveEvent, LiveHub

TROUBLES_SHOWN = 4  # of each kind
FEED_LENGTH = 15
SITES_SHOWN = 200
GONE_FOR = timedelta(minutes=5)  # a station that restarts is back by then
DAY = timedelta(days=1)
GATHER_S = 1.0  # a large network has news all the time
_REVENUE_AGE_S = 10.0  # of a whole day: seconds do not show
_FIGURES_AGE_S = 2.0  # how old what a crowd of readers shares may be
_PLACES_AGE_S = 5.0
_CURVE_AGE_S = 60.0
_TROUBLE_KINDS = frozenset(
    {"StationConnected", "StationDisconnected", "StationDiscovered", "StationChanged", "StatusChanged", "AnomalySeen",
     "ConnectionRefused", "DocumentDrafted", "DocumentVoided"}
)  # fmt: skip


class Drafts(msgspec.Struct, frozen=True, kw_only=True):
    """Documents that were not finalised by themselves: the latest, and how many there are in all."""

    total: int = 0
    latest: tuple[DocumentRow, ...] = ()


class Attention(msgspec.Struct, frozen=True, kw_only=True):
    """What needs a person, by kind."""

    faulted: Troubles
    waiting: Troubles
    offline: Troubles
    odd: Troubles
    drafts: Drafts = Drafts()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The key figures."""

    online: int
    offline: int
    faulted: int
    approved: int
    waiting: int
    charging: int
    power_w: float
    energy_wh: Any
    energy_change: float | None
    sessions: int
    session_change: float | None
    revenue: tuple[Revenue, ...] | None = None  # most records first; None: not to be seen
    revenue_change: float | None = None  # of the first


@page("/")
async def show_overview(
    web: WebContext, pages: Pages, principal: Principal, curve: PowerCurve, request: Asked
) -> Response[Any]:
    """Show the overview, or whoever may not see it the first page that they may"""
    first = navigation.first_path(principal)
    if first is None:
        raise Forbidden("Your role allows nothing here.")
    if first:
        return pages.go(request, CONSOLE_PATH + first)
    database, site_ids = web.services.database, principal.site_ids
    if not await console_stations.count_all(database, site_ids):
        return await pages.show(
            request, "pages/overview.html", has_stations=False, zone="UTC", addresses=web.settings.ocpp_addresses
        )
    places = await _places(web, pages, site_ids)
    zone = present.common_zone([place.time_zone for place in places])
    points = await curve.last_day(site_ids)
    return await pages.show(
        request,
        "pages/overview.html",
        has_stations=True,
        figures=shown(await _figures(web, pages, principal, zone)),
        powers=[point.power_w for point in points[-24:]],
        weekday=_weekday(pages, request, web, zone),
        troubles=await _attention(web, pages, principal),
        refusals=await _refusals(web, pages, principal),
        feed=present.events(await _feed(web, pages, site_ids)),
        places=ranked(places),
        zone=zone,
        tzinfo=present.zone(zone),
        addresses=web.settings.ocpp_addresses,
        tiles_address=None,
        tiles_attribution=None,
    )


@page("/overview/power.json", scope=Scope.STATIONS_READ)
async def get_power(
    web: WebContext, pages: Pages, principal: Principal, curve: PowerCurve, request: Asked
) -> Response[bytes]:
    """Get the network's power of the last day as the chart draws it"""
    site_ids = principal.site_ids
    places = await _places(web, pages, site_ids)

    async def series() -> list[dict[str, Any]]:
        now = await curve.last_day(site_ids)
        before = await curve.week_before(site_ids)
        week_ms = 7 * 86_400_000
        return [
            {"unit": "kW", "points": [[_ms(point.at), round(point.power_w / 1000, 2)] for point in now]},
            {"unit": "kW", "points": [[_ms(point.at) + week_ms, round(point.power_w / 1000, 2)] for point in before]},
        ]

    drawn = await pages.memo.of(("curve", site_ids), _CURVE_AGE_S, series)
    names = (pages.text(request, "Last 24 hours"), pages.text(request, "A week before"))
    zone = present.common_zone([place.time_zone for place in places])
    data = {"zone": zone, "series": [{"name": name, **one} for name, one in zip(names, drawn, strict=True)]}
    return Response(msgspec.json.encode(data), media_type="application/json")


@page("/overview/sites.json", scope=Scope.STATIONS_READ)
async def get_sites(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[bytes]:
    """Get the sites as the map draws them"""
    template = pages.environment(request).get_template("pages/overview_parts.html").module
    places = [place for place in await _places(web, pages, principal.site_ids) if place.latitude is not None]
    drawn = [
        {
            "name": place.name,
            "href": f"/console/stations?site={place.id}",
            "latitude": place.latitude,
            "longitude": place.longitude,
            "tone": place.tone,
            "status": str(template.place_state(place)).strip(),  # type: ignore[attr-defined]  # a macro of it
        }
        for place in places
        if place.longitude is not None
    ]
    return Response(msgspec.json.encode({"sites": drawn}), media_type="application/json")


@page("/live/overview", scope=Scope.EVENTS_READ)
async def follow_overview(web: WebContext, pages: Pages, hub: LiveHub, principal: Principal, request: Asked) -> Stream:
    """Tell what changes on the overview"""
    site_ids = principal.site_ids

    async def tell(events: Sequence[LiveEvent] | None) -> live.Change:
        zone = present.common_zone([place.time_zone for place in await _places(web, pages, site_ids)])
        figures = shown(await _figures(web, pages, principal, zone, live.FRESH_S))
        parts: dict[str, str] = {}
        if events is None or any(event.kind in _TROUBLE_KINDS for event in events):
            troubles = await _attention(web, pages, principal, live.FRESH_S)
            refusals = await _refusals(web, pages, principal, live.FRESH_S)
            places = await _places(web, pages, site_ids, live.FRESH_S)
            parts["attention"] = pages.macro(
                request, "pages/overview_parts.html", "attention", troubles, refusals, pages.may(request)
            )
            parts["places"] = pages.macro(request, "pages/overview_parts.html", "place_list", ranked(places))
        told = [event for event in events or () if is_news(event)]
        return live.Change(
            figures=_texts(pages, request, figures),
            parts=parts,
            entries=pages.entries(request, "feed", told, present.zone(zone), with_station=True),
        )

    return live.stream(request, hub, principal, EventFilter(site_ids=site_ids), tell, gather_s=GATHER_S)


def is_news(event: LiveEvent) -> bool:
    """Return whether an event is worth a line in the feed."""
    if event.kind == "StatusChanged":
        return "faulted" in (event.details.get("before"), event.details.get("after"))
    return event.kind in FEED_KINDS or event.kind == "ConnectionRefused"


def ranked(places: Sequence[SiteState]) -> list[SiteState]:
    """Return the sites, the most pressing first."""
    order = {"bad": 0, "wait": 1, "idle": 2, "active": 3, "ok": 4}
    return sorted(places, key=lambda place: (order[place.tone], place.name.casefold()))[:SITES_SHOWN]


def shown(found: Overview) -> Shown:
    """Return the figures with how they changed against the same weekday at the same time of day."""
    before = found.same_day_last_week_by_now
    revenue = None if found.revenue is None else tuple(sorted(found.revenue, key=lambda one: -one.today.records))
    first = revenue[0] if revenue else None
    return Shown(
        online=found.online,
        offline=found.offline,
        faulted=found.faulted,
        approved=found.stations,
        waiting=found.waiting,
        charging=found.charging,
        power_w=found.power_w,
        energy_wh=found.today.energy_wh,
        energy_change=_change(float(found.today.energy_wh), float(before.energy_wh)),
        sessions=found.today.sessions,
        session_change=_change(found.today.sessions, before.sessions),
        revenue=revenue,
        revenue_change=None
        if first is None
        else _change(float(first.today.net), float(first.same_day_last_week_by_now.net)),
    )


def _change(now: float, before: float) -> float | None:
    return now / before - 1 if before else None


def _texts(pages: Pages, request: Asked, figures: Shown) -> dict[str, str]:
    filters = pages.environment(request).filters
    first = figures.revenue[0] if figures.revenue else None
    revenue = {} if first is None else {"revenue-today": filters["money"](first.today.net, first.currency)}
    return revenue | {
        "stations-online": filters["count"](figures.online),
        "stations-faulted": filters["count"](figures.faulted),
        "charging-now": filters["count"](figures.charging),
        "power-now": filters["power"](figures.power_w).number,
        "energy-today": filters["energy"](figures.energy_wh).number,
        "sessions-today": filters["count"](figures.sessions),
    }


async def _figures(
    web: WebContext, pages: Pages, principal: Principal, zone: str, age_s: float = _FIGURES_AGE_S
) -> Overview:
    site_ids, database, now = principal.site_ids, web.services.database, web.services.clock.now()

    async def read() -> Overview:
        return await get_overview(database, site_ids, now=now, time_zone=zone)

    async def add_up() -> tuple[Revenue, ...]:
        return await get_revenue(database, site_ids, now=now, time_zone=zone)

    found: Overview = await pages.memo.of(("figures", site_ids, zone), age_s, read)
    if Scope.MONEY_READ not in principal.scopes:
        return found
    revenue = await pages.memo.of(("revenue", site_ids, zone), _REVENUE_AGE_S, add_up)
    return msgspec.structs.replace(found, revenue=revenue)


async def _places(
    web: WebContext, pages: Pages, site_ids: SiteIds, age_s: float = _PLACES_AGE_S
) -> tuple[SiteState, ...]:
    async def read() -> tuple[SiteState, ...]:
        return await console_sites.list_states(web.services.database, site_ids)

    return await pages.memo.of(("places", site_ids), age_s, read)


async def _attention(web: WebContext, pages: Pages, principal: Principal, age_s: float = _FIGURES_AGE_S) -> Attention:
    site_ids, database, now = principal.site_ids, web.services.database, web.services.clock.now()

    async def read() -> Attention:
        return Attention(
            faulted=await console_overview.find_faulted(database, site_ids, limit=TROUBLES_SHOWN),
            waiting=await console_overview.find_waiting(database, site_ids, limit=TROUBLES_SHOWN),
            offline=await console_overview.find_offline(
                database, site_ids, gone_before=now - GONE_FOR, limit=TROUBLES_SHOWN
            ),
            odd=await console_overview.find_odd_sessions(database, site_ids, since=now - DAY, limit=TROUBLES_SHOWN),
        )

    async def read_drafts() -> Drafts:
        query = DocumentQuery(needs_attention=True, limit=TROUBLES_SHOWN)
        latest = (await list_documents(database, query, site_ids, now)).items
        return Drafts(total=await count_attention(database, site_ids), latest=latest) if latest else Drafts()

    found: Attention = await pages.memo.of(("attention", site_ids), age_s, read)
    if Scope.MONEY_READ not in principal.scopes:
        return found
    drafts = await pages.memo.of(("drafts", site_ids), age_s, read_drafts)
    return msgspec.structs.replace(found, drafts=drafts)


async def _refusals(
    web: WebContext, pages: Pages, principal: Principal, age_s: float = _FIGURES_AGE_S
) -> list[Refusal]:
    """Return refusals that still matter: not of a station that has connected since, nor of one that waits."""
    since = web.services.clock.now() - DAY

    async def read() -> list[Refusal]:
        found = await console_attempts.list_refusals(web.services.database, principal.site_ids, since=since, limit=50)
        return [one for one in found.items if not one.is_online and one.outcome != "waiting-for-approval"]

    return await pages.memo.of(("refusals", principal.site_ids), age_s, read)


async def _feed(web: WebContext, pages: Pages, site_ids: SiteIds) -> tuple[EventRow, ...]:
    async def read() -> tuple[EventRow, ...]:
        return await console_overview.list_feed(web.services.database, site_ids, limit=FEED_LENGTH)

    return await pages.memo.of(("feed", site_ids), _FIGURES_AGE_S, read)


def _weekday(pages: Pages, request: Asked, web: WebContext, zone: str) -> str:
    local = web.services.clock.now().astimezone(present.zone(zone))
    name: str = pages.environment(request).filters["weekday"](local)
    return name


def _ms(at: Any) -> int:
    return int(at.timestamp() * 1000)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_overview, get_power, get_sites, follow_overview)
