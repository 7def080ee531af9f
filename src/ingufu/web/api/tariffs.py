"""Tariffs: what charging costs, since when, and where each applies."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.tariffs.changes import Change
from ingufu.tariffs.model import TariffKind, Terms
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Target, Where
from ingufu.views import tariffs as views
from ingufu.views.paging import Page
from ingufu.views.stations import station_id_of
from ingufu.views.tariffs import AssignmentRow, TariffQuery, TariffRow, VersionRow
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Instant = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Text = Annotated[str, Meta(max_length=512)]
Texts = Annotated[
    dict[str, Text], Meta(max_length=20, description="By language (RFC 5646): shown instead of our words.")
]
From = Annotated[Instant | None, Meta(description="null: from now on. Nothing can be changed for the past.")]
CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)
_READS = (errors.NotFound,)


class NewTariffFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tariff with its first version."""

    name: Annotated[Name, Meta(description="No other tariff is called so.")]
    terms: Terms
    kind: Annotated[TariffKind | None, Meta(description="For which kind of session; null: for every kind.")] = None
    texts: Texts = {}
    valid_from: From = None


class TariffFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a tariff is called and described; what it costs changes by a new version."""

    name: Name | UnsetType = UNSET
    texts: Texts | UnsetType = UNSET


class NewVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tariff costs from an instant on."""

    terms: Terms
    valid_from: From = None


class NewAssignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where or to whom a tariff applies."""

    target: Target
    target_id: Annotated[
        str,
        Meta(max_length=100, description="Id of the driver, group, site or station, the plan; for everyone empty."),
    ] = ""
    evse: Annotated[Annotated[int, Meta(ge=1, le=2**31 - 1)] | None, Meta(description="For an EVSE: its number.")] = (
        None
    )
    valid_from: From = None
    valid_until: Annotated[Instant | None, Meta(description="null: without an end.")] = None
    note: Text = ""


class AssignmentFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of an assignment."""

    valid_from: Instant | UnsetType = UNSET
    valid_until: Instant | UnsetType | None = UNSET
    note: Text | UnsetType = UNSET


@route("GET", "/tariffs", scope=Scope.TARIFFS_READ, query=TariffQuery)
async def list_tariffs(web: WebContext, principal: Principal, criteria: TariffQuery) -> Page[TariffRow]:
    """List tariffs

    By name, with what they cost now and next, and where they apply.
    """
    return await views.list_tariffs(web.services.database, criteria, principal.site_ids, web.services.clock.now())


@route("POST", "/tariffs", scope=Scope.TARIFFS_WRITE, is_for_network=True, body=NewTariffFields, raises=CHANGES)
async def create_tariff(web: WebContext, principal: Principal, given: NewTariffFields) -> TariffRow:
    """Create a tariff

    It applies nowhere until it is assigned.
    """
    new = NewTariff(
        organisation_id=await access.organisation_of(web, principal),
        name=given.name,
        terms=given.terms,
        kind=given.kind,
        texts=given.texts,
        valid_from=given.valid_from,
    )
    async with web.services.database.work() as work:
        tariff, version = await web.services.tariffs.create(work, new, by=principal.name)
        details = {"version": version.number}
        after = msgspec.structs.asdict(tariff) | {"terms": version.terms}
        access.note(web, work, principal, "tariff.create", tariff.id, details, after=after)
    return await row(web, principal, tariff.id)


@route("GET", "/tariffs/{tariff_id:str}", scope=Scope.TARIFFS_READ, raises=_READS)
async def get_tariff(web: WebContext, principal: Principal, tariff_id: str) -> TariffRow:
    """Get a tariff

    With what it costs now and next, and where it applies.
    """
    return await row(web, principal, tariff_id)


@route(
    "PATCH",
    "/tariffs/{tariff_id:str}",
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    body=TariffFields,
    raises=CHANGES,
)
async def update_tariff(web: WebContext, principal: Principal, tariff_id: str, given: TariffFields) -> TariffRow:
    """Call or describe a tariff otherwise

    What it costs is changed by a new version.
    """
    fields = access.given_fields(given)
    known = await web.services.tariffs.get(tariff_id)
    async with web.services.database.work() as work:
        changed = await web.services.tariffs.describe(work, tariff_id, by=principal.name, **fields)
        access.note(web, work, principal, "tariff.update", tariff_id, before=known, after=changed)
    return await row(web, principal, tariff_id)


@route(
    "POST",
    "/tariffs/{tariff_id:str}/retire",
    status=200,
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def retire_tariff(web: WebContext, principal: Principal, tariff_id: str) -> TariffRow:
    """Retire a tariff

    It applies nowhere from now on. Sessions that run go on with it, and what was priced stays.
    """
    known = await web.services.tariffs.get(tariff_id)
    async with web.services.database.work() as work:
        changed = await web.services.tariffs.retire(work, tariff_id, by=principal.name)
        access.note(web, work, principal, "tariff.retire", tariff_id, before=known, after=changed)
    return await row(web, principal, tariff_id)


@route(
    "POST",
    "/tariffs/{tariff_id:str}/restore",
    status=200,
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def restore_tariff(web: WebContext, principal: Principal, tariff_id: str) -> TariffRow:
    """Take a tariff back into use

    It applies where it is assigned from then on.
    """
    known = await web.services.tariffs.get(tariff_id)
    async with web.services.database.work() as work:
        changed = await web.services.tariffs.restore(work, tariff_id, by=principal.name)
        access.note(web, work, principal, "tariff.restore", tariff_id, before=known, after=changed)
    return await row(web, principal, tariff_id)


@route("GET", "/tariffs/{tariff_id:str}/versions", scope=Scope.TARIFFS_READ, raises=_READS)
async def list_tariff_versions(web: WebContext, principal: Principal, tariff_id: str) -> list[VersionRow]:
    """List what a tariff cost, costs and will cost

    The newest version first. Withdrawn ones never held.
    """
    now = web.services.clock.now()
    return list(await views.list_versions(web.services.database, tariff_id, principal.site_ids, now))


@route(
    "POST",
    "/tariffs/{tariff_id:str}/versions",
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    body=NewVersion,
    raises=CHANGES,
)
async def add_tariff_version(web: WebContext, principal: Principal, tariff_id: str, given: NewVersion) -> VersionRow:
    """Change what a tariff costs

    By a new version, from now or later on. The version before ends where it begins; one that would begin at the same
    later instant is replaced. Sessions that began before go on at the price of their beginning.
    """
    versions = await web.services.tariffs.versions(tariff_id)
    async with web.services.database.work() as work:
        made = await web.services.tariffs.change(
            work, tariff_id, given.terms, by=principal.name, valid_from=given.valid_from
        )
        before = max(versions, key=lambda one: one.number, default=None)
        details = {"version": made.number, "valid_from": made.valid_from}
        access.note(
            web, work, principal, "tariff.change", tariff_id, details,
            before=None if before is None else before.terms, after=made.terms,
        )  # fmt: skip
    return await version_row(web, tariff_id, made.number)


@route("GET", "/tariffs/{tariff_id:str}/versions/{number:str}", scope=Scope.TARIFFS_READ, raises=_READS)
async def get_tariff_version(web: WebContext, principal: Principal, tariff_id: str, number: str) -> VersionRow:
    """Get a version of a tariff

    As it was made: versions never change.
    """
    await row(web, principal, tariff_id)
    return await version_row(web, tariff_id, version_number(number))


@route(
    "POST",
    "/tariffs/{tariff_id:str}/versions/{number:str}/withdraw",
    status=200,
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def withdraw_tariff_version(web: WebContext, principal: Principal, tariff_id: str, number: str) -> VersionRow:
    """Take back a version that has not begun

    The version before it goes on.
    """
    known = await web.services.tariffs.version(tariff_id, version_number(number))
    async with web.services.database.work() as work:
        gone = await web.services.tariffs.withdraw(work, tariff_id, version_number(number), by=principal.name)
        details = {"version": version_number(number)}
        access.note(web, work, principal, "tariff.withdraw", tariff_id, details, before=known, after=gone)
    return await version_row(web, tariff_id, version_number(number))


@route("GET", "/tariffs/{tariff_id:str}/history", scope=Scope.TARIFFS_READ, is_for_network=True, raises=_READS)
async def get_tariff_history(web: WebContext, tariff_id: str) -> list[Change]:
    """Get the history of a tariff

    What was changed, by whom and when, and what differs; the newest first.
    """
    return await web.services.tariffs.history(tariff_id)


@route("GET", "/tariffs/{tariff_id:str}/assignments", scope=Scope.TARIFFS_READ, raises=_READS)
async def list_assignments(web: WebContext, principal: Principal, tariff_id: str) -> list[AssignmentRow]:
    """List where a tariff applies, did and will

    The first made first.
    """
    await row(web, principal, tariff_id)
    return list(await views.list_assignments(web.services.database, tariff_id, principal.site_ids))


@route(
    "POST",
    "/tariffs/{tariff_id:str}/assignments",
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    body=NewAssignment,
    raises=CHANGES,
)
async def assign_tariff(web: WebContext, principal: Principal, tariff_id: str, given: NewAssignment) -> AssignmentRow:
    """Let a tariff apply somewhere, or to somebody

    Of several, that of the driver goes first, then that of the token's group, of the driver's plan, of the EVSE, the
    station, the site, and at last the one for everyone.
    """
    where = await existing(web, Where(target=given.target, target_id=given.target_id, evse=given.evse))
    async with web.services.database.work() as work:
        made = await web.services.tariffs.assign(
            work,
            tariff_id,
            where,
            by=principal.name,
            valid_from=given.valid_from,
            valid_until=given.valid_until,
            note=given.note,
        )
        access.note(web, work, principal, "tariff.assign", tariff_id, {"assignment": made.id}, after=made)
    return await views.get_assignment(web.services.database, made.id, None)


@route("GET", "/tariff-assignments/{assignment_id:str}", scope=Scope.TARIFFS_READ, raises=_READS)
async def get_assignment(web: WebContext, principal: Principal, assignment_id: str) -> AssignmentRow:
    """Get an assignment of a tariff

    Where it applies, and for how long.
    """
    return await views.get_assignment(web.services.database, assignment_id, principal.site_ids)


@route(
    "PATCH",
    "/tariff-assignments/{assignment_id:str}",
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    body=AssignmentFields,
    raises=CHANGES,
)
async def update_assignment(
    web: WebContext, principal: Principal, assignment_id: str, given: AssignmentFields
) -> AssignmentRow:
    """Let an assignment begin or end at another time

    What has begun keeps its beginning, and can end now or later.
    """
    fields = access.given_fields(given)
    known = await web.services.tariffs.assignment(assignment_id)
    async with web.services.database.work() as work:
        after = await web.services.tariffs.reassign(work, assignment_id, by=principal.name, **fields)
        details: dict[str, Any] = {"assignment": assignment_id}
        access.note(web, work, principal, "tariff.reassign", after.tariff_id, details, before=known, after=after)
    return await views.get_assignment(web.services.database, assignment_id, None)


@route(
    "DELETE",
    "/tariff-assignments/{assignment_id:str}",
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def end_assignment(web: WebContext, principal: Principal, assignment_id: str) -> None:
    """Let a tariff apply there no longer

    From now on; what has not begun is taken back. Sessions that run go on with it.
    """
    known = await web.services.tariffs.assignment(assignment_id)
    async with web.services.database.work() as work:
        await web.services.tariffs.unassign(work, assignment_id, by=principal.name)
        access.note(
            web, work, principal, "tariff.unassign", known.tariff_id, {"assignment": assignment_id}, before=known
        )


async def row(web: WebContext, principal: Principal, tariff_id: str) -> TariffRow:
    """Return the tariff as it stands now. Raises NotFound."""
    now = web.services.clock.now()
    return await views.get_tariff(web.services.database, tariff_id, principal.site_ids, now)


async def version_row(web: WebContext, tariff_id: str, number: int) -> VersionRow:
    """Return a version as it stands now. Raises NotFound."""
    return views.version_row(await web.services.tariffs.version(tariff_id, number), web.services.clock.now())


def version_number(text: str) -> int:
    """Return the number that an address names. Raises NotFound if it is none."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if value < 1:
        raise NotFound("The tariff has no such version.")
    return value


async def existing(web: WebContext, where: Where) -> Where:
    """Return the target with the id of a station that was named by its identity.

    Raises InvalidInput if there is no such thing. A plan is a name, and need not be anything yet.
    """
    services = web.services
    try:
        match where.target:
            case Target.DRIVER:
                await services.authorization.get_driver(where.target_id)
            case Target.GROUP:
                await services.authorization.get_group(where.target_id)
            case Target.SITE:
                await services.sites.get(where.target_id)
            case Target.STATION | Target.EVSE:
                station = await station_id_of(services.database, where.target_id, None)
                where = msgspec.structs.replace(where, target_id=station)
            case Target.PLAN | Target.EVERYONE:
                pass
    except NotFound as error:
        raise InvalidInput(error.message, field="target_id") from error
    if where.target is Target.EVSE and where.evse is not None:
        numbers = {evse.number for evse, _ in await services.stations.topology(where.target_id)}
        if where.evse not in numbers:
            raise InvalidInput("The station has no such EVSE.", field="evse")
    return where


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_tariffs, create_tariff, get_tariff, update_tariff, retire_tariff, restore_tariff,
    list_tariff_versions, add_tariff_version, get_tariff_version, withdraw_tariff_version, get_tariff_history,
    list_assignments, assign_tariff, get_assignment, update_assignment, end_assignment,
)  # fmt: skip
