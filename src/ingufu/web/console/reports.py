"""Reports in the console: how the network is used, by day and site, with the time before beside it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import InvalidInput
from ingufu.reports.days import month_ends
from ingufu.views import console_sites
from ingufu.views.console_sites import SitePlace
from ingufu.views.report_periods import Compare, period_of
from ingufu.views.reports import Grain, HourUse, Report, ReportQuery, SiteUse, Slot, Use, last_gathered
from ingufu.web.api import reports as api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import function_of

SITES_OFFERED = 300
SITES_SHOWN = 50
_KEPT_S = 30.0  # what was summed up
LEVELS = 6  # shades of an hour
_HIGH = 100.0  # of a picture
_COMPARED: Mapping[str, Compare] = {  # unless another is chosen
    "today": Compare.WEEKDAYS,
    "7d": Compare.WEEKDAYS,
    "month": Compare.MONTH,
    "last-month": Compare.MONTH,
    "year": Compare.YEAR,
}
_FEW_DAYS, _MANY_DAYS = 62, 400  # up to which days, and weeks, are told one by one
Span = Literal["today", "7d", "30d", "month", "last-month", "year", "own"]
Sort = Literal[
    "name", "-name", "energy", "-energy", "sessions", "-sessions", "utilisation", "-utilisation", "revenue", "-revenue"
]  # fmt: skip


class Asking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which days a page is of, and where."""

    span: Span = "30d"
    since: Annotated[str, Meta(max_length=10)] = ""
    until: Annotated[str, Meta(max_length=10)] = ""
    site: Annotated[str, Meta(max_length=100)] = ""


class ShowQuery(Asking, frozen=True, kw_only=True, omit_defaults=True):
    """The page as its address has it."""

    is_list: ClassVar[bool] = True  # what it is of is saved as a list's filters are
    by: Grain | None = None
    compare: Compare | None = None
    sort: Sort = "-energy"


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A bar of a picture, in parts of a hundred, and the words that stand for it."""

    x: float
    width: float
    height: float
    day: date
    value: Any
    is_latest: bool = False


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """An hour of the week, shaded."""

    energy_wh: Decimal
    occupied_s: int
    level: int  # 0: nothing


@page("/reports", scope=Scope.REPORTS_READ, query=ShowQuery)
async def show_report(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ShowQuery
) -> Response[str]:
    """Show how the network is used"""
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    zone = zone_of(places, criteria.site)
    today = web.services.clock.now().astimezone(ZoneInfo(zone)).date()
    since, until, problem = shown_period(criteria, today)
    query = ReportQuery(
        since=since,
        until=until,
        site_id=criteria.site or None,
        by=criteria.by or _fitting(since, until),
        compare=criteria.compare or _COMPARED.get(criteria.span, Compare.BEFORE),
    )
    it: Report = await since_gathered(web, pages, principal, api.get_network_report, query)
    asked: dict[str, str] = {name: str(value) for name, value in msgspec.to_builtins(criteria).items()}
    days = {"since": since.isoformat(), "until": until.isoformat()}
    files = urlencode(days | ({"site_id": criteria.site} if criteria.site else {}))
    days |= {"site": criteria.site} if criteria.site else {}
    currencies = sorted({one.currency for one in (*it.whole.earned, *it.before.earned)})
    return await pages.show(
        request,
        "pages/reports/report.html",
        it=it,
        query=criteria,
        since=since,
        until=until,
        problem=problem,
        zone=zone,
        tzinfo=present.zone(zone),
        places=[(place.id, place.name) for place in places[:SITES_OFFERED]],
        pictures=_pictures(it, currencies, until),
        currencies=currencies,
        compare=query.compare.value,
        days=(until - since).days + 1,
        is_whole_month=since.day == 1 and month_ends(until),
        is_today_in=until >= today,
        stations_href=f"{path_of('reports', 'stations')}?{urlencode(days | {'span': 'own'})}",
        gross=_gross,
        sites=_sorted(it.sites, criteria.sort)[:SITES_SHOWN],
        sites_cut=len(it.sites) > SITES_SHOWN,
        week=_week(it.hours),
        weekdays=[datetime(2024, 1, 1 + number, tzinfo=UTC) for number in range(7)],  # a Monday, and those after
        change=_change,
        sort_href=lambda key: f"{path_of('reports')}?{urlencode({**asked, 'sort': key})}",
        span_href=lambda span: (
            f"{path_of('reports')}?{urlencode({'span': span} | ({'site': criteria.site} if criteria.site else {}))}"
        ),
        csv_href=f"/api/v1/reports/export.csv?{files}",
        parquet_href=f"/api/v1/reports/export.parquet?{files}",
        see_money=Scope.MONEY_READ in principal.scopes,
    )


async def since_gathered(web: WebContext, pages: Pages, principal: Principal, handler: Any, query: Hashable) -> Any:
    """Return what a handler of the API answers: kept for a while, until figures are gathered anew."""
    gathered_at = await last_gathered(web.services.database)
    key = (handler, principal.site_ids, Scope.MONEY_READ in principal.scopes, query, gathered_at)
    return await pages.memo.of(key, _KEPT_S, lambda: function_of(handler)(web, principal, query))


def zone_of(places: Sequence[SitePlace], site_id: str) -> str:
    chosen = [place.time_zone for place in places if place.id == site_id]
    return present.common_zone(chosen or [place.time_zone for place in places])


def shown_period(criteria: Asking, today: date) -> tuple[date, date, str]:
    """Return the first and the last day, and what is wrong with those that were typed."""
    begin = today.replace(day=1)
    spans = {
        "today": (today, today),
        "7d": (today - timedelta(days=6), today),
        "30d": (today - timedelta(days=29), today),
        "month": (begin, today),
        "last-month": ((begin - timedelta(days=1)).replace(day=1), begin - timedelta(days=1)),
        "year": (today - timedelta(days=364), today),
    }
    if criteria.span != "own":
        return *spans[criteria.span], ""
    try:
        until = date.fromisoformat(criteria.until)
        return *period_of(date.fromisoformat(criteria.since), until, datetime.combine(today, time(), UTC)), ""
    except (ValueError, InvalidInput) as error:
        return *spans["30d"], str(error) or "?"


def _fitting(since: date, until: date) -> Grain:
    days = (until - since).days
    return Grain.DAY if days <= _FEW_DAYS else Grain.WEEK if days <= _MANY_DAYS else Grain.MONTH


def _gross(use: Use, currency: str) -> Decimal:
    return next((one.gross for one in use.earned if one.currency == currency), Decimal(0))


def _change(now: Decimal | float | None, before: Decimal | float | None) -> float | None:
    """Return by which part something has changed; None if there was nothing before."""
    return float(now) / float(before) - 1 if now is not None and before else None


def _pictures(it: Report, currencies: Sequence[str], until: date) -> dict[str, list[Bar]]:
    wanted: dict[str, Callable[[Use], Any]] = {
        "energy": lambda use: use.energy_wh,
        "sessions": lambda use: use.ended,
        "utilisation": lambda use: use.utilisation,
    }
    drawn = {name: _bars(it.slots, pick, until) for name, pick in wanted.items()}
    for currency in currencies:
        drawn[currency] = _bars(it.slots, lambda use, currency=currency: _gross(use, currency), until)  # type: ignore[misc]  # bound now
    return drawn


def _bars(slots: Sequence[Slot], pick: Callable[[Use], Any], until: date) -> list[Bar]:
    values = [pick(slot.use) for slot in slots]
    most = max((float(value) for value in values if value is not None), default=0.0) or 1.0
    width = 100 / max(len(slots), 1)
    return [
        Bar(
            x=round(number * width + width * 0.1, 3),
            width=round(width * 0.8, 3),
            height=round(max(0.0, float(value or 0)) / most * _HIGH, 2),
            day=slot.first_day,
            value=value,
            is_latest=number == len(slots) - 1 and slot.first_day <= until,
        )
        for number, (slot, value) in enumerate(zip(slots, values, strict=True))
    ]


def _week(hours: Sequence[HourUse]) -> list[list[Hour]]:
    """Return the hours of each weekday, shaded by the energy in them."""
    most = max((hour.energy_wh for hour in hours), default=Decimal(0))
    rows: list[list[Hour]] = [[] for _ in range(7)]
    for one in hours:
        level = 0 if not one.energy_wh or not most else 1 + int(one.energy_wh / most * (LEVELS - 1))
        rows[one.weekday].append(Hour(energy_wh=one.energy_wh, occupied_s=one.occupied_s, level=level))
    return rows


def _sorted(sites: Sequence[SiteUse], sort: str) -> list[SiteUse]:
    keys: dict[str, Callable[[SiteUse], Any]] = {
        "name": lambda site: site.name.casefold(),
        "energy": lambda site: site.use.energy_wh,
        "sessions": lambda site: site.use.ended,
        "utilisation": lambda site: site.use.utilisation or 0.0,
        "revenue": lambda site: sum(one.gross for one in site.use.earned),
    }
    return sorted(sites, key=keys[sort.removeprefix("-")], reverse=sort.startswith("-"))


ROUTES: tuple[HTTPRouteHandler, ...] = (show_report,)
