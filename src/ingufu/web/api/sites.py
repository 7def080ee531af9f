"""Sites: the places where stations stand; and the network at a glance."""

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.views import overview as overview_views
from ingufu.views import sites as views
from ingufu.views.overview import Overview
from ingufu.views.paging import Page
from ingufu.views.power import PowerCurve, PowerPoint
from ingufu.views.revenue import get_revenue
from ingufu.views.sites import SiteQuery, SiteRow
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Country = Annotated[str, Meta(max_length=2, description="ISO 3166-1 alpha-2.")]
TimeZone = Annotated[str, Meta(max_length=60, description="IANA name, for instance `Africa/Kigali`.")]


class SiteFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a site. What is left out stays as it is, or has its default."""

    name: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    address: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    city: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    time_zone: TimeZone | UnsetType = UNSET


class NewSite(SiteFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site to enter."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]


class OverviewQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose day it is."""

    time_zone: Annotated[str, Meta(max_length=60, description="IANA name of the zone in which today began.")] = "UTC"


@route("GET", "/overview", scope=Scope.STATIONS_READ, query=OverviewQuery, raises=(errors.InvalidInput,))
async def get_overview(web: WebContext, principal: Principal, criteria: OverviewQuery) -> Overview:
    """Get the network at a glance

    What is online, faulted and charging now, and today's sessions and revenue beside those of the same weekday last
    week.
    """
    try:
        ZoneInfo(criteria.time_zone)
    except (ValueError, OSError, KeyError) as error:
        raise errors.InvalidInput("There is no such time zone.", field="time_zone") from error
    database, now = web.services.database, web.services.clock.now()
    zone, site_ids = criteria.time_zone, principal.site_ids
    found = await overview_views.get_overview(database, site_ids, now=now, time_zone=zone)
    if Scope.MONEY_READ not in principal.scopes:
        return found
    return msgspec.structs.replace(found, revenue=await get_revenue(database, site_ids, now=now, time_zone=zone))


@route("GET", "/overview/power", scope=Scope.STATIONS_READ)
async def get_power(principal: Principal, curve: PowerCurve) -> list[PowerPoint]:
    """Get the power of the last 24 hours

    The mean of each quarter of an hour, of all stations together; the last one so far.
    """
    return await curve.last_day(principal.site_ids)


@route("GET", "/sites", scope=Scope.STATIONS_READ, query=SiteQuery)
async def list_sites(web: WebContext, principal: Principal, criteria: SiteQuery) -> Page[SiteRow]:
    """List sites

    With how many stations each has, and how many of them are online.
    """
    return await views.list_sites(web.services.database, criteria, principal.site_ids)


@route(
    "POST",
    "/sites",
    scope=Scope.STATIONS_WRITE,
    is_for_network=True,
    body=NewSite,
    raises=(errors.Conflict, errors.InvalidInput),
)
async def create_site(web: WebContext, principal: Principal, given: NewSite) -> SiteRow:
    """Enter a site

    Its name is its own: no other site may have it.
    """
    async with web.services.database.work() as work:
        organisation_id = await access.organisation_of(web, principal)
        site = await web.services.sites.create(work, organisation_id=organisation_id, **access.given_fields(given))
        access.note(web, work, principal, "site.create", site.id, after=site)
    return await views.get_site(web.services.database, site.id, None)


@route("GET", "/sites/{site_id:str}", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_site(web: WebContext, principal: Principal, site_id: str) -> SiteRow:
    """Get a site

    With how many stations it has.
    """
    return await views.get_site(web.services.database, site_id, principal.site_ids)


@route(
    "PATCH",
    "/sites/{site_id:str}",
    scope=Scope.STATIONS_WRITE,
    body=SiteFields,
    raises=(errors.NotFound, errors.Conflict, errors.InvalidInput),
)
async def update_site(web: WebContext, principal: Principal, site_id: str, given: SiteFields) -> SiteRow:
    """Change a site

    Only the fields that are given change.
    """
    await views.get_site(web.services.database, site_id, principal.site_ids)
    fields = access.given_fields(given)
    known = await web.services.sites.get(site_id)
    async with web.services.database.work() as work:
        changed = await web.services.sites.update(work, site_id, **fields)
        access.note(web, work, principal, "site.update", site_id, before=known, after=changed)
    return await views.get_site(web.services.database, site_id, None)


@route(
    "DELETE",
    "/sites/{site_id:str}",
    scope=Scope.STATIONS_WRITE,
    is_for_network=True,
    raises=(errors.NotFound, errors.Conflict),
)
async def delete_site(web: WebContext, principal: Principal, site_id: str) -> None:
    """Delete a site

    One that has stations has to be emptied first.
    """
    site = await views.get_site(web.services.database, site_id, principal.site_ids)
    if await views.has_stations(web.services.database, site_id):
        raise errors.Conflict("The site has stations: move them first.")
    async with web.services.database.work() as work:
        await web.services.sites.delete(work, site_id)
        access.note(web, work, principal, "site.delete", site_id, before=site)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    get_overview, get_power, list_sites, create_site, get_site, update_site, delete_site,
)  # fmt: skip
