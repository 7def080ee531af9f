"""How the network is used: energy, sessions, revenue and utilisation by day and site."""

import msgspec
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.views import reports as views
from ingufu.views import sites as site_views
from ingufu.views.reports import SHEET, DaysQuery, DayUse, Report, ReportQuery
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

    What sessions came to in a period, by day, week or month, by site, and by hour of the week, with the same number
    of days before beside it. Revenue only with `money:read`. Figures follow what happens within seconds; days are
    those of each site's own calendar.
    """
    if criteria.site_id is not None:
        await site_views.get_site(web.services.database, criteria.site_id, principal.site_ids)
    return await views.get_report(
        web.services.database,
        criteria,
        principal.site_ids,
        now=web.services.clock.now(),
        with_money=Scope.MONEY_READ in principal.scopes,
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


def _read(web: WebContext, principal: Principal, query: DaysQuery) -> Batches[DayUse]:
    return views.list_days(
        web.services.database,
        query,
        principal.site_ids,
        now=web.services.clock.now(),
        with_money=Scope.MONEY_READ in principal.scopes,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    get_network_report, rebuild_reports,
    *exports("/reports", SHEET, "days of sites", _read, scope=Scope.REPORTS_READ, query=DaysQuery, tag="reports"),
)  # fmt: skip
