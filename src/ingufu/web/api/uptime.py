"""How much of a time EVSEs could be used, and when they could not."""

from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.views import stations, uptime
from ingufu.views.uptime import StationUptime, UptimeQuery
from ingufu.web.context import WebContext
from ingufu.web.routes import route


@route(
    "GET",
    "/stations/{station:str}/uptime",
    scope=Scope.STATIONS_READ,
    query=UptimeQuery,
    raises=(errors.NotFound, errors.InvalidInput),
)
async def get_uptime(web: WebContext, principal: Principal, station: str, criteria: UptimeQuery) -> StationUptime:
    """Tell how much of a time the EVSEs of a station could be used

    With what kept them from it: no connection, faults, or that they were out of service, asked for or not. Figures
    are made from the timeline; what it no longer holds is unknown.
    """
    found = await stations.get_station(web.services.database, station, principal.site_ids)
    return await uptime.get_uptime(web.services.database, found, criteria, now=web.services.clock.now())


ROUTES: tuple[HTTPRouteHandler, ...] = (get_uptime,)
