"""Why stations are not online: a diagnosis for each, attempts by address, and taking in who is not known."""

from secrets import token_bytes
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.infra import secrets
from ingufu.stations.model import Approval, Station
from ingufu.views import diagnosis
from ingufu.views import stations as views
from ingufu.views.diagnosis import AttemptGroup, Diagnosis, GroupQuery
from ingufu.views.stations import StationView
from ingufu.web import access
from ingufu.web.api.stations import Identity, Name, Password
from ingufu.web.context import WebContext
from ingufu.web.routes import route

MOST_EVSES = 50


class AdoptStation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an unknown station is taken in."""

    identity: Identity
    site_id: str | None = None
    name: Name | None = None
    keeps_password: Annotated[
        bool, Meta(description="The password with which it called is its password from now on, if it had one.")
    ] = True
    password: Annotated[Password | None, Meta(description="Its password; without one, and unless kept, made here.")] = (
        None
    )
    evse_count: Annotated[int, Meta(ge=0, le=MOST_EVSES, description="EVSEs to enter before it tells of them.")] = 0


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """The station, and its password if it was made here."""

    station: StationView
    password: Annotated[str | None, Meta(description="Shown only now; type it into the station.")] = None


@route("GET", "/stations/{station:str}/diagnosis", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_diagnosis(web: WebContext, principal: Principal, station: str) -> Diagnosis:
    """Say why a station is not online, or not well

    From its attempts, those from its address, its boots, its clock, and how its connections ended. The first finding
    is the likeliest cause; each says what to do.
    """
    return await diagnosis_of(web, await access.station_of(web, principal, station))


async def diagnosis_of(web: WebContext, station: Station) -> Diagnosis:
    """Return the diagnosis of a station that one may see."""
    now = web.services.clock.now()
    tried, failed = await diagnosis.attempts_of(web.services.database, station, now - diagnosis.LOOKED_BACK)
    grace_s = web.services.stations.quirks.effects(station).does.offline_grace_s
    return diagnosis.diagnose(station, tried, failed, now, grace_s)


@route("GET", "/connection-attempts/by-address", scope=Scope.STATIONS_READ, query=GroupQuery)
async def list_by_address(web: WebContext, principal: Principal, criteria: GroupQuery) -> list[AttemptGroup]:
    """List refused attempts by address

    Which addresses fail how often, under which names, for which causes.
    """
    now = web.services.clock.now()
    return await diagnosis.list_groups(web.services.database, criteria, now, principal.site_ids)


@route(
    "POST",
    "/connection-attempts/adopt",
    scope=Scope.STATIONS_WRITE,
    body=AdoptStation,
    raises=(errors.Conflict, errors.InvalidInput),
)
async def adopt_station(web: WebContext, principal: Principal, given: AdoptStation) -> Adopted:
    """Take in an unknown station

    One step from an attempt to a station of ours: approved, at a site, with the password that it used or a new one,
    and with its EVSEs. A station that is one of ours already is a conflict.
    """
    access.check_site(principal, given.site_id)
    if given.site_id is not None:
        await access.check_site_exists(web, given.site_id)
    services = web.services
    known = await services.stations.find_by_identity(given.identity)
    if known is not None and known.approval is Approval.APPROVED:
        raise errors.Conflict(f"{known.identity} is one of ours already.")
    is_kept = given.keeps_password and given.password is None and known is not None and known.password_hash is not None
    made = None if is_kept or given.password is not None else secrets.make_station_password(token_bytes)
    async with services.database.work() as work:
        if known is None:
            station = await services.stations.create(work, given.identity)
        else:
            station = await services.stations.approve(work, known.id, keeps_password=is_kept)
        access.note(web, work, principal, "station.adopt", station.id, before=known, after=station)
    await _furnish(web, station, given, given.password or made)
    await access.reload(web, station.id)
    return Adopted(station=await views.get_station(services.database, station.id, None), password=made)


async def _furnish(web: WebContext, station: Station, given: AdoptStation, password: str | None) -> None:
    """Give the station its site, name, password and EVSEs."""
    stations = web.services.stations
    async with web.services.database.work() as work:
        await stations.update(work, station.id, site_id=given.site_id, name=given.name or station.name)
    if password is not None:
        async with web.services.database.work() as work:
            await stations.set_password(work, station.id, password)
    for number in range(1, given.evse_count + 1):
        async with web.services.database.work() as work:
            await stations.set_connector(work, station.id, number, 1)


ROUTES: tuple[HTTPRouteHandler, ...] = (get_diagnosis, list_by_address, adopt_station)
