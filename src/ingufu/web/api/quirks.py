"""Quirks: what is known to be odd about stations, which hold for one, and how often each was met."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.stations.quirks.model import Group
from ingufu.stations.service.quirks import StationQuirk
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class KnownQuirk(msgspec.Struct, frozen=True, kw_only=True):
    """A quirk of the catalogue."""

    number: int
    group: Group
    title: str
    who: str
    odd: str
    cope: str
    reference: str
    is_on: bool
    is_general: Annotated[bool, Meta(description="Coped with whoever shows it.")]
    source: Annotated[str, Meta(description="The file that it comes from.")]
    stations: Annotated[int, Meta(description="Stations that showed it.")] = 0
    count: Annotated[int, Meta(description="How often it was met, at all stations.")] = 0


class SwitchQuirk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a quirk is coped with for a station."""

    is_on: Annotated[bool | None, Meta(description="null: as the station's make has it.")]


@route("GET", "/quirks", scope=Scope.STATIONS_READ)
async def list_quirks(web: WebContext, principal: Principal) -> list[KnownQuirk]:
    """List all quirks

    What is known to be odd about stations, what is done about it, and how often it was met.
    """
    quirks = web.services.stations.quirks
    totals = await quirks.totals_stored() if principal.site_ids is None else {}
    return [
        KnownQuirk(
            number=one.number,
            group=one.group,
            title=one.title,
            who=one.who,
            odd=one.odd,
            cope=one.cope,
            reference=one.reference,
            is_on=one.is_on,
            is_general=one.is_general,
            source=one.source,
            stations=totals.get(one.number, (0, 0))[0],
            count=totals.get(one.number, (0, 0))[1],
        )
        for one in quirks.catalogue
    ]


@route("GET", "/stations/{station:str}/quirks", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_station_quirks(web: WebContext, principal: Principal, station: str) -> list[StationQuirk]:
    """List a station's quirks

    Those that hold for it by what it is, those that it showed, and those that were switched for it; with why, how
    often each was met and when last.
    """
    known = await access.station_of(web, principal, station)
    return await web.services.stations.quirks.of(known)


@route(
    "PUT",
    "/stations/{station:str}/quirks/{number:int}",
    scope=Scope.STATIONS_WRITE,
    body=SwitchQuirk,
    raises=(errors.NotFound, errors.Conflict),
)
async def switch_quirk(
    web: WebContext, principal: Principal, station: str, number: int, given: SwitchQuirk
) -> list[StationQuirk]:
    """Switch a quirk for a station

    The connection it has is treated in the new way at once; what belongs to connecting holds from the next one.
    Desired values that were not sent because of a quirk are tried once more.
    """
    known = await access.station_of(web, principal, station)
    quirk = web.services.stations.quirks.get(number)
    async with web.services.database.work() as work:
        changed = await web.services.stations.switch_quirk(work, known.id, quirk.number, is_on=given.is_on)
        access.note(web, work, principal, "station.quirk", known.id, {"number": number}, before=known, after=changed)
    await access.reload(web, known.id)
    await web.services.configuration.wishes.reassess(known.id)
    return await web.services.stations.quirks.of(changed)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_quirks, list_station_quirks, switch_quirk)
