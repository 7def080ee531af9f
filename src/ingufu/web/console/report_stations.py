"""The stations of a report in the console: which are used most, and how many different cards charged."""

from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.views import console_sites
from ingufu.views.report_stations import CardReport, StationReport, StationSort, StationsQuery, StationUse
from ingufu.views.reports import DaysQuery
from ingufu.web.api import reports as api
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.console.reports import Asking, shown_period, since_gathered, zone_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import function_of

SHOWN = 100
_CARDS_AGE_S = 300.0


class RankingQuery(Asking, frozen=True, kw_only=True, omit_defaults=True):
    """The page as its address has it."""

    sort: StationSort = StationSort.ENERGY
    top: Annotated[int, Meta(ge=1, le=SHOWN)] = SHOWN


@page("/reports/stations", scope=Scope.REPORTS_READ, query=RankingQuery)
async def show_ranking(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: RankingQuery
) -> Response[str]:
    """Show the stations that are used most"""
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    zone = zone_of(places, criteria.site)
    since, until, _ = shown_period(criteria, web.services.clock.now().astimezone(ZoneInfo(zone)).date())
    site_id = criteria.site or None
    ranking = StationsQuery(since=since, until=until, site_id=site_id, sort=criteria.sort, limit=criteria.top)
    it: StationReport = await since_gathered(web, pages, principal, api.get_stations_report, ranking)
    asked = DaysQuery(since=since, until=until, site_id=site_id)
    cards = await _cards(web, pages, principal, asked)
    days = {"span": "own", "since": since.isoformat(), "until": until.isoformat()}
    days |= {"site": criteria.site} if criteria.site else {}
    files = urlencode({"since": days["since"], "until": days["until"]} | ({"site_id": site_id} if site_id else {}))
    return await pages.show(
        request,
        "pages/reports/stations.html",
        it=it,
        cards=cards,
        query=criteria,
        site=next((place.name for place in places if place.id == criteria.site), ""),
        href_of=lambda station: _href_of(principal, station),
        sort_href=lambda key: f"{path_of('reports', 'stations')}?{urlencode(days | {'sort': key.removeprefix('-')})}",
        report_href=f"{path_of('reports')}?{urlencode(days)}",
        csv_href=f"/api/v1/reports/stations/export.csv?{files}",
        parquet_href=f"/api/v1/reports/stations/export.parquet?{files}",
        see_money=Scope.MONEY_READ in principal.scopes,
    )


async def _cards(web: WebContext, pages: Pages, principal: Principal, asked: DaysQuery) -> CardReport:
    """Return how many cards charged, as it was counted at most some minutes ago: each session has to be looked at."""

    async def count() -> CardReport:
        found: CardReport = await function_of(api.get_cards_report)(web, principal, asked)
        return found

    return await pages.memo.of(("cards", principal.site_ids, asked), _CARDS_AGE_S, count)


def _href_of(principal: Principal, station: StationUse) -> str | None:
    """Return where the station's page is; None if it is gone, or now where the reader sees nothing."""
    is_seen = principal.site_ids is None or station.site_id in principal.site_ids
    may_see = Scope.STATIONS_READ in principal.scopes and is_seen and station.identity is not None
    return path_of("stations", station.station_id) if may_see else None


ROUTES: tuple[HTTPRouteHandler, ...] = (show_ranking,)
