"""How much of a time the EVSEs of a station could be used, and when they could not."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Literal

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.views import uptime
from ingufu.views.uptime import Outage, UptimeQuery
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.console.station import see
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked

CHOICES = (7, 30, 90, 365)
LISTED = 100  # outages on the page, the latest
Key = tuple[Any, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An outage, and the EVSEs that had the very same."""

    it: Outage
    evses: tuple[int, ...]


class PeriodQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How far back, as the address has it."""

    days: Literal[7, 30, 90, 365] = 30


@page("/stations/{station:str}/uptime", scope=Scope.STATIONS_READ, query=PeriodQuery)
async def show_uptime(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, criteria: PeriodQuery
) -> Response[str]:
    """Show how much of a time a station could be used"""
    seen = await see(web, principal, station)
    now = web.services.clock.now()
    query = UptimeQuery(since=now - timedelta(days=criteria.days), until=now)
    found = await uptime.get_uptime(web.services.database, seen.station, query, now=now)
    base = path_of("stations", seen.station.id, "uptime")
    return await pages.show(
        request,
        "pages/station/uptime.html",
        **seen.frame("uptime"),
        found=found,
        strips=[(one, [(part.began_at, part.condition) for part in one.stretches]) for one in found.evses],
        rows=_rows(found.outages[:LISTED]),
        listed=min(len(found.outages), LISTED),
        periods=_periods(pages, request, base),
        days=str(criteria.days),
    )


def _rows(outages: Iterable[Outage]) -> list[Row]:
    """Return outages in their order, those of several EVSEs at once together."""
    found: dict[Key, Row] = {}
    for one in outages:
        key = (one.began_at, one.ended_at, one.is_planned, one.cause, one.error_code)
        known = found[key].evses if key in found else ()
        found[key] = Row(it=one, evses=(*known, one.evse))
    return list(found.values())


def _periods(pages: Pages, request: Asked, base: str) -> list[dict[str, Any]]:
    return [
        {
            "key": str(days),
            "label": pages.text(request, "%(number)s days", number=days),
            "href": f"{base}?days={days}",
        }
        for days in CHOICES
    ]


ROUTES: tuple[HTTPRouteHandler, ...] = (show_uptime,)
