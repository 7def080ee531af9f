"""How stations reach us: network profiles and their order; and the resets that put them into force."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.configuration.model import KeptProfile, ResetRecord
from ingufu.core import errors
from ingufu.core.configuration import NetworkProfile
from ingufu.web import access
from ingufu.web.api.configuration import ASKS, ItemResult, by, result
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class ProfileToSend(NetworkProfile, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network profile. Secrets in it are sent, kept encrypted, and never shown."""

    force: Annotated[bool, Meta(description="Also into the slot in use, or with less security.")] = False


class Slots(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Slots in the order in which the station tries them."""

    slots: Annotated[tuple[Annotated[int, Meta(ge=0, lt=2**31)], ...], Meta(min_length=1, max_length=20)]
    force: Annotated[bool, Meta(description="Also an order that may keep the station from coming back.")] = False


@route("GET", "/stations/{station:str}/network-profiles", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_network_profiles(web: WebContext, principal: Principal, station: str) -> list[KeptProfile]:
    """List a station's network profiles

    What was sent to each slot, and what the station answered, without secrets.
    """
    known = await access.station_of(web, principal, station)
    return [hidden(one) for one in await web.services.configuration.network.profiles(known.id)]


@route(
    "PUT",
    "/stations/{station:str}/network-profiles/{slot:int}",
    scope=Scope.STATIONS_COMMAND,
    body=ProfileToSend,
    raises=ASKS,
)
async def send_network_profile(
    web: WebContext, principal: Principal, station: str, slot: int, given: ProfileToSend
) -> KeptProfile:
    """Send a network profile

    To a slot of a 2.x station. It counts once the slot stands in the order of priority and the station has started
    anew. A profile with less security than the station is held to is not sent unless forced.
    """
    known = await access.station_of(web, principal, station)
    fields = msgspec.structs.asdict(given)
    is_forced = fields.pop("force")
    kept = await web.services.configuration.network.send(
        by(web, principal), known, slot, NetworkProfile(**fields), is_forced=is_forced
    )
    async with web.services.database.work() as work:
        details = {"slot": slot, "status": kept.status}
        access.note(web, work, principal, "station.network_profile", known.id, details, after=hidden(kept))
    return hidden(kept)


@route("PUT", "/stations/{station:str}/network-priority", scope=Scope.STATIONS_COMMAND, body=Slots, raises=ASKS)
async def set_network_priority(web: WebContext, principal: Principal, station: str, given: Slots) -> ItemResult:
    """Set the order of network profiles

    The station tries the first slot, and goes on to the next ones if that fails (its fallback). An order that would
    keep it from coming back is not sent unless forced. It counts after the next reset.
    """
    known = await access.station_of(web, principal, station)
    outcome = await web.services.configuration.network.prioritise(
        by(web, principal), known, given.slots, is_forced=given.force
    )
    async with web.services.database.work() as work:
        details = {"slots": list(given.slots), "status": outcome.status}
        access.note(web, work, principal, "station.network_priority", known.id, details)
    return result(outcome)


@route("GET", "/stations/{station:str}/resets", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_resets(web: WebContext, principal: Principal, station: str) -> list[ResetRecord]:
    """List a station's resets

    The newest first; one that is scheduled stays so until the station boots.
    """
    known = await access.station_of(web, principal, station)
    return await web.services.configuration.resetting.resets(known.id)


def hidden(kept: KeptProfile) -> KeptProfile:
    """Return the profile without its sealed secrets."""
    return msgspec.structs.replace(kept, sealed=None)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_network_profiles, send_network_profile, set_network_priority, list_resets)
