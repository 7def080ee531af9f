"""Organisations: the operator, hosts with the sites they own, fleets with their drivers."""

from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Organisation, OrganisationKind, Principal, Scope
from ingufu.core import errors
from ingufu.infra.storage.database import Work
from ingufu.ledger.service import retried
from ingufu.views import organisations as views
from ingufu.views.organisations import OrganisationRow
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Name = Annotated[str, Meta(min_length=1, max_length=100)]
_OPEN: dict[str, Any] = {"is_for_network": True, "is_for_organisations": True}
_CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class NewOrganisation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organisation to enter."""

    name: Name
    kind: OrganisationKind


class Rename(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new name."""

    name: Name


class OwnedSites(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All sites that the organisation owns."""

    site_ids: Annotated[tuple[Annotated[str, Meta(max_length=100)], ...], Meta(max_length=1000)]


class Ownership(OrganisationRow, frozen=True, kw_only=True):
    """A host with its sites, and what ended with the change."""

    ended_agreement_ids: Annotated[
        tuple[str, ...], Meta(description="Agreements with former hosts of sites that changed hands: agree anew.")
    ] = ()


@route("GET", "/organisations", scope=Scope.USERS_READ, **_OPEN)
async def list_organisations(web: WebContext, principal: Principal) -> list[OrganisationRow]:
    """List organisations

    The operator, hosts, fleets, each with its sites and how many users, keys and drivers it has. Hosts and fleets
    see themselves.
    """
    return await seen_organisations(web, principal)


@route(
    "POST",
    "/organisations",
    scope=Scope.USERS_WRITE,
    is_for_network=True,
    body=NewOrganisation,
    raises=(errors.InvalidInput, errors.Conflict),
)
async def create_organisation(web: WebContext, principal: Principal, given: NewOrganisation) -> Organisation:
    """Enter an organisation

    There is one operator; hosts own sites, fleets have drivers. What an organisation is stays.
    """
    async with web.services.database.work() as work:
        added = await web.services.accounts.create_organisation(work, given.name, given.kind)
        access.note(web, work, principal, "organisation.create", added.id, {"name": added.name}, after=added)
    return added


@route(
    "GET",
    "/organisations/{organisation_id:str}",
    scope=Scope.USERS_READ,
    **_OPEN,
    raises=(errors.NotFound,),
)
async def get_organisation(web: WebContext, principal: Principal, organisation_id: str) -> OrganisationRow:
    """Get an organisation

    With its sites, and how many users, keys and drivers it has.
    """
    if principal.people_of not in (None, organisation_id):
        raise errors.NotFound(f"There is no organisation {organisation_id!r}.")
    return await views.get_organisation(web.services.database, organisation_id)


@route(
    "PATCH",
    "/organisations/{organisation_id:str}",
    scope=Scope.USERS_WRITE,
    is_for_network=True,
    body=Rename,
    raises=_CHANGES,
)
async def rename_organisation(
    web: WebContext, principal: Principal, organisation_id: str, given: Rename
) -> Organisation:
    """Rename an organisation

    Everything of it stays.
    """
    before = await web.services.accounts.organisation(organisation_id)
    async with web.services.database.work() as work:
        renamed = await web.services.accounts.rename_organisation(work, organisation_id, given.name)
        details = {"name": given.name}
        access.note(web, work, principal, "organisation.rename", organisation_id, details, before=before, after=renamed)
    return renamed


@route(
    "PUT",
    "/organisations/{organisation_id:str}/sites",
    scope=Scope.USERS_WRITE,
    is_for_network=True,
    body=OwnedSites,
    raises=_CHANGES,
)
async def set_owned_sites(web: WebContext, principal: Principal, organisation_id: str, given: OwnedSites) -> Ownership:
    """Say which sites a host owns

    All of them: those left out go back to the operator. Its people see them within seconds, and the others no more.
    What is charged there is theirs to see from now on; what was before is not. Of sites that they had before they keep
    the charge records, the documents and the reports of their own time.
    A site of another host has to be taken from that host first. What was agreed about a site with its former host ends
    at once; what that host has earned stays due to it.
    """
    services = web.services
    organisation = await services.accounts.organisation(organisation_id)
    if organisation.kind is not OrganisationKind.HOST:
        raise errors.Conflict("Only hosts own sites; all that no host owns are the operator's.")

    async def do(work: Work) -> list[str]:
        return await _share_out(web, work, principal, organisation_id, frozenset(given.site_ids))

    ended = await retried(services.database, do)
    found = await views.get_organisation(services.database, organisation_id)
    return Ownership(**msgspec.structs.asdict(found), ended_agreement_ids=tuple(ended))


@route(
    "DELETE",
    "/organisations/{organisation_id:str}",
    scope=Scope.USERS_WRITE,
    is_for_network=True,
    raises=_CHANGES,
)
async def delete_organisation(web: WebContext, principal: Principal, organisation_id: str) -> None:
    """Delete an organisation

    One that has users, keys, sites, drivers, cards or groups keeps them, and stays.
    """
    found = await views.get_organisation(web.services.database, organisation_id)
    if found.driver_count or found.token_count or found.group_count:
        raise errors.Conflict("The organisation has drivers, cards or groups: delete them first.")
    async with web.services.database.work() as work:
        await web.services.accounts.delete_organisation(work, organisation_id)
        access.note(web, work, principal, "organisation.delete", organisation_id, {"name": found.name}, before=found)


async def _share_out(
    web: WebContext, work: Work, principal: Principal, organisation_id: str, wanted: frozenset[str]
) -> list[str]:
    """Give the host these sites and no others; return which agreements end by it."""
    services = web.services
    operator_id = await access.operator_of(web)
    before = await services.sites.ids_of(organisation_id)
    for site_id in sorted(wanted - before):
        await access.check_site_exists(web, site_id)
        if (await services.sites.get(site_id)).organisation_id != operator_id:
            raise errors.Conflict(f"The site {site_id} is another host's.")
    moved = sorted(wanted ^ before)
    for site_id in moved:  # before the agreements: whoever agrees in the same moment waits, and looks again
        former_id, owner_id = (operator_id, organisation_id) if site_id in wanted else (organisation_id, operator_id)
        services.sites.hand_over(work, site_id, former_id=former_id, organisation_id=owner_id)
    ended: list[str] = []
    for site_id in moved:
        host_id = organisation_id if site_id in wanted else None
        for known, after in await services.hosts.change_hands(work, operator_id, site_id, host_id=host_id):
            access.note(web, work, principal, "agreement.end", after.id, before=known, after=after)
            ended.append(after.id)
    access.note(
        web, work, principal, "organisation.sites", organisation_id,
        before={"site_ids": sorted(before)}, after={"site_ids": sorted(wanted)},
    )  # fmt: skip
    work.after_commit(services.accounts.forget_rights)
    return ended


async def seen_organisations(web: WebContext, principal: Principal) -> list[OrganisationRow]:
    """Return the organisations that the principal may see: all, or the own one."""
    known = await views.list_organisations(web.services.database)
    return [one for one in known if principal.people_of in (None, one.id)]


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_organisations, create_organisation, get_organisation, rename_organisation, set_owned_sites,
    delete_organisation,
)  # fmt: skip
