"""What stations measure, how often: asked for here, and settled with each station."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.charging.sampling.model import Occasion, Sampling
from ingufu.core import errors
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class AskSampling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is measured, and how often. What is left out stays as it is at the station."""

    occasion: Annotated[Occasion, Meta(description="When the readings are taken.")]
    measurands: (
        Annotated[
            tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
            Meta(min_length=1, max_length=50, description="For instance `Energy.Active.Import.Register`, `SoC`."),
        ]
        | None
    ) = None
    interval_s: Annotated[int, Meta(ge=0, le=604_800, description="Seconds between readings; 0: none.")] | None = None
    tries_again: Annotated[bool, Meta(description="Also what the station has refused before.")] = False


@route("GET", "/stations/{station:str}/sampling", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_sampling(web: WebContext, principal: Principal, station: str) -> list[Sampling]:
    """List what is asked of readings

    For each occasion what is wanted, and what of it the station takes: one that refuses a whole list is asked for each
    measurand by itself, and what it refuses is remembered until its firmware changes.
    """
    known = await access.station_of(web, principal, station)
    return await web.services.samplings.of(known.id)


@route(
    "PUT",
    "/stations/{station:str}/sampling",
    scope=Scope.STATIONS_COMMAND,
    body=AskSampling,
    raises=(errors.NotFound, errors.InvalidInput),
)
async def ask_sampling(web: WebContext, principal: Principal, station: str, given: AskSampling) -> Sampling:
    """Ask for readings

    It is settled with the station within seconds if it is connected, else when it has come back; `GET` tells how far
    it is. What the station takes is desired of it from then on, so that it is set again if it changes.
    """
    known = await access.station_of(web, principal, station)
    if given.measurands is None and given.interval_s is None:
        raise errors.InvalidInput("Say what is measured, or how often.", field="measurands")
    async with web.services.database.work() as work:
        sampling = await web.services.samplings.ask(
            work,
            known.id,
            given.occasion,
            measurands=given.measurands,
            interval_s=given.interval_s,
            tries_again=given.tries_again,
            actor=principal.name,
        )
        access.note(web, work, principal, "station.sampling", known.id, msgspec.to_builtins(given))
    await access.reload(web, known.id)
    return sampling


ROUTES: tuple[HTTPRouteHandler, ...] = (list_sampling, ask_sampling)
