"""How the network is used: energy, sessions, revenue and utilisation by day and site."""

import msgspec
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.views import report_stations as station_views
from ingufu.views import reports as views
from ingufu.views import sites as site_views
from ingufu.views.report_days import SHEET, DayUse, list_days
from ingufu.views.report_stations import CardReport, StationReport, StationsQuery, StationUse
from ingufu.views.reports import DaysQuery, Report, ReportQuery
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route
from ingufu.web.spreadsheets import Batches, exports


class Rebuilding(msgspec.Struct, frozen=True, kw_only=True):
    """Figures are being gathered anew."""

    first_day: str


@route("GET", "/reports", scope=Scope.REPORTS_READ, query=ReportQuery, raises=(errors.InvalidInput, errors.NotFound))
async def get_network_report(web: WebContext, principal: Principal, criteria: ReportQuery) -> Report:
    """Get a report

    What sessions came to in a period, by day, week or month, by site, and by hour of the week, with the days that it
    is compared with beside it. Revenue only with `money:read`. Figures follow what happens within seconds; days are
    those of each site's own calendar.
    """
    await _check_site(web, principal, criteria.site_id)
    return await views.get_report(
        web.services.database,
        criteria,
        principal.site_ids,
        now=web.services.clock.now(),
        with_money=Scope.MONEY_READ in principal.scopes,
    )


@route(
    "GET",
    "/reports/stations",
    scope=Scope.REPORTS_READ,
    query=StationsQuery,
    raises=(errors.InvalidInput, errors.NotFound),
)
async def get_stations_report(web: WebContext, principal: Principal, criteria: StationsQuery) -> StationReport:
    """Get the figures of stations

    The stations with the highest figures in a period, by what is asked for. Revenue only with `money:read`.
    """
    await _check_site(web, principal, criteria.site_id)
    return await station_views.list_stations(
        web.services.database,
        criteria,
        principal.site_ids,
        now=web.services.clock.now(),
        with_money=Scope.MONEY_READ in principal.scopes,
    )


@route(
    "GET", "/reports/cards", scope=Scope.REPORTS_READ, query=DaysQuery, raises=(errors.InvalidInput, errors.NotFound)
)
async def get_cards_report(web: WebContext, principal: Principal, criteria: DaysQuery) -> CardReport:
    """Count the cards that charged

    How many different cards began sessions in a period; each counts once, however often it came.
    """
    await _check_site(web, principal, criteria.site_id)
    return await station_views.count_cards(
        web.services.database, criteria, principal.site_ids, now=web.services.clock.now()
    )


@route("POST", "/reports/rebuild", status=202, scope=Scope.ADMIN, is_for_network=True)
async def rebuild_reports(web: WebContext, principal: Principal) -> Rebuilding:
    """Gather all figures anew

    In the background, day by day; each day's old figures stay until its new ones are there. Only needed if figures
    are doubted: they follow late data and corrections by themselves.
    """
    async with web.services.database.work() as work:
        known = await web.services.reports.rebuild(work)
        access.note(web, work, principal, "reports.rebuild", "reports")
    return Rebuilding(first_day=known.first_day)


async def _check_site(web: WebContext, principal: Principal, site_id: str | None) -> None:
    """Raise NotFound for a site that is none to the principal."""
    if site_id is not None:
        await site_views.get_site(web.services.database, site_id, principal.site_ids)


def _read_stations(web: WebContext, principal: Principal, query: DaysQuery) -> Batches[StationUse]:
    return station_views.all_stations(
        web.services.database,
        query,
        principal.site_ids,
        now=web.services.clock.now(),
        with_money=Scope.MONEY_READ in principal.scopes,
    )


def _read(web: WebContext, principal: Principal, query: DaysQuery) -> Batches[DayUse]:
    return list_days(
        web.services.database,
        query,
        principal.site_ids,
        now=web.services.clock.now(),
        with_money=Scope.MONEY_READ in principal.scopes,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    get_network_report, get_stations_report, get_cards_report, rebuild_reports,
    *exports("/reports", SHEET, "days of sites", _read, scope=Scope.REPORTS_READ, query=DaysQuery, tag="reports"),
    *exports(
        "/reports/stations", station_views.SHEET, "figures of stations", _read_stations, scope=Scope.REPORTS_READ,
        query=DaysQuery, tag="reports",
    ),
)  # fmt: skip
