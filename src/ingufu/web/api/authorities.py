"""The authorities whose contract certificates are trusted (Plug & Charge)."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.certificates.model import Authority, Purpose
from ingufu.core import errors
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class NewAuthorities(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Authorities to trust."""

    pem: Annotated[str, Meta(min_length=1, max_length=500_000, description="One certificate or a bundle, as PEM.")]
    purpose: Annotated[
        Purpose, Meta(description="`contract`: issues contracts (MO root); `v2g`: stations and vehicles.")
    ] = Purpose.CONTRACT
    note: Annotated[str, Meta(max_length=400)] = ""


@route("GET", "/authorities", scope=Scope.STATIONS_READ, is_for_network=True)
async def list_authorities(web: WebContext) -> list[Authority]:
    """List trusted authorities

    Roots are anchors of trust; others help to find the way to one.
    """
    return await web.services.authorities.all()


@route(
    "POST",
    "/authorities",
    scope=Scope.ADMIN,
    is_for_network=True,
    body=NewAuthorities,
    raises=(errors.InvalidInput, errors.Conflict),
)
async def add_authorities(web: WebContext, principal: Principal, given: NewAuthorities) -> list[Authority]:
    """Trust authorities

    Returns those of the PEM text; what was known already stays as it is.
    """
    async with web.services.database.work() as work:
        entered = await web.services.authorities.add(work, given.pem, given.purpose, note=given.note)
        for one in entered:
            access.note(web, work, principal, "authority.add", one.id, after=one)
    return entered


@route(
    "GET",
    "/authorities/{authority_id:str}",
    scope=Scope.STATIONS_READ,
    is_for_network=True,
    raises=(errors.NotFound,),
)
async def get_authority(web: WebContext, authority_id: str) -> Authority:
    """Get a trusted authority

    With its certificate.
    """
    return await web.services.authorities.get(authority_id)


@route(
    "DELETE",
    "/authorities/{authority_id:str}",
    scope=Scope.ADMIN,
    is_for_network=True,
    raises=(errors.NotFound, errors.Conflict),
)
async def remove_authority(web: WebContext, principal: Principal, authority_id: str) -> None:
    """Trust an authority no longer

    Contracts below it are refused from now on.
    """
    known = await web.services.authorities.get(authority_id)
    async with web.services.database.work() as work:
        await web.services.authorities.remove(work, authority_id)
        access.note(web, work, principal, "authority.remove", authority_id, before=known)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_authorities, add_authorities, get_authority, remove_authority)
