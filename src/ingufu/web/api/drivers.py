"""Drivers: the people whose id tokens charge, blocked and deleted, and what they charged."""

from enum import StrEnum
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.model import Driver, DriverDetails, DriverPlan
from ingufu.core import errors
from ingufu.views import driver_figures, driver_plans
from ingufu.views import tokens as views
from ingufu.views import wallets as wallet_views
from ingufu.views.driver_figures import Figures
from ingufu.views.paging import Page
from ingufu.views.tokens import DriverQuery, DriverRow
from ingufu.views.wallets import WalletQuery
from ingufu.web import access
from ingufu.web.api.ledger import books_of
from ingufu.web.api.tokens import CHANGES, CREATES, Block, Language, Note, Owner, check_reserved
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class DriverFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a driver. What is left out stays as it is, or has its default."""

    name: Name | UnsetType = UNSET
    email: Annotated[str, Meta(max_length=254)] | UnsetType | None = UNSET
    phone: Annotated[str, Meta(max_length=40)] | UnsetType | None = UNSET
    language: Language | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    plan: (
        Annotated[str, Meta(max_length=100, description="What they have subscribed to. Only the operator sets it.")]
        | UnsetType
        | None
    ) = UNSET


class NewDriver(DriverFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A driver to register."""

    name: Name
    organisation_id: Owner = None


class Fate(StrEnum):
    """What becomes of the tokens of a driver who is deleted."""

    REFUSE = "refuse"  # whoever has tokens is not deleted
    RELEASE = "release"  # they are nobody's and may charge as before
    BLOCK = "block"  # they are nobody's and refused


class Deletion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of the tokens."""

    tokens: Fate = Fate.REFUSE


@route("GET", "/drivers", scope=Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True, query=DriverQuery)
async def list_drivers(web: WebContext, principal: Principal, criteria: DriverQuery) -> Page[DriverRow]:
    """List drivers

    With search, filters and sorting.
    """
    return await views.list_drivers(web.services.database, criteria, principal.fleet_id)


@route(
    "POST",
    "/drivers",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    body=NewDriver,
    raises=(*CREATES, errors.Forbidden),
)
async def create_driver(web: WebContext, principal: Principal, given: NewDriver) -> DriverRow:
    """Register a driver

    Tokens become theirs by their `driver_id`.
    """
    fields = access.given_fields(given)
    organisation_id = await access.owner_of(web, principal, fields.pop("organisation_id"))
    check_reserved(principal, fields)
    details = DriverDetails(**fields)
    async with web.services.database.work() as work:
        driver = await web.services.authorization.create_driver(work, details, organisation_id=organisation_id)
        access.note(web, work, principal, "driver.create", driver.id, after=driver)
    return await views.get_driver(web.services.database, driver.id)


@route(
    "GET",
    "/drivers/{driver_id:str}",
    scope=Scope.TOKENS_READ,
    is_for_network=True,
    is_for_fleets=True,
    raises=(errors.NotFound,),
)
async def get_driver(web: WebContext, principal: Principal, driver_id: str) -> DriverRow:
    """Get a driver

    With how many tokens they have.
    """
    return await views.get_driver(web.services.database, driver_id, principal.fleet_id)


@route(
    "PATCH",
    "/drivers/{driver_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    body=DriverFields,
    raises=(*CHANGES, errors.Forbidden),
)
async def update_driver(web: WebContext, principal: Principal, driver_id: str, given: DriverFields) -> DriverRow:
    """Change a driver

    Only the fields that are given change; whether they are blocked is set by `block` and `unblock`. Another plan begins
    now, and the one before ends: a session is priced by the plan of its beginning.
    """
    fields = access.given_fields(given)
    known = await driver_of(web, principal, driver_id)
    check_reserved(principal, fields, known)
    if principal.fleet_id is not None:
        fields.pop("plan", None)  # it is as it was read: what the operator sets at this moment counts
    details = access.merged(DriverDetails, known, {"plan": UNSET} | fields)
    async with web.services.database.work() as work:
        changed = await web.services.authorization.update_driver(work, driver_id, details)
        access.note(web, work, principal, "driver.update", driver_id, before=known, after=changed)
    return await views.get_driver(web.services.database, driver_id)


@route(
    "POST",
    "/drivers/{driver_id:str}/block",
    status=200,
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    body=Block,
    raises=CHANGES,
)
async def block_driver(web: WebContext, principal: Principal, driver_id: str, given: Block) -> DriverRow:
    """Block a driver

    None of their tokens is accepted from now on; what they charge now goes on.
    """
    known = await driver_of(web, principal, driver_id)
    async with web.services.database.work() as work:
        blocked = await web.services.authorization.block_driver(work, driver_id, reason=given.reason)
        access.note(web, work, principal, "driver.block", driver_id, before=known, after=blocked)
    return await views.get_driver(web.services.database, driver_id)


@route(
    "POST",
    "/drivers/{driver_id:str}/unblock",
    status=200,
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    raises=CHANGES,
)
async def unblock_driver(web: WebContext, principal: Principal, driver_id: str) -> DriverRow:
    """Unblock a driver

    Their tokens are judged by themselves again.
    """
    known = await driver_of(web, principal, driver_id)
    async with web.services.database.work() as work:
        free = await web.services.authorization.unblock_driver(work, driver_id)
        access.note(web, work, principal, "driver.unblock", driver_id, before=known, after=free)
    return await views.get_driver(web.services.database, driver_id)


@route(
    "DELETE",
    "/drivers/{driver_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    query=Deletion,
    raises=CHANGES,
)
async def delete_driver(web: WebContext, principal: Principal, driver_id: str, criteria: Deletion) -> None:
    """Delete a driver

    Sessions, charge records, invoices and what is booked stay, under the driver's id. Who has money in a wallet or
    owes some cannot be deleted before that is settled.
    """
    known = await driver_of(web, principal, driver_id)
    await _check_settled(web, driver_id)
    authorization = web.services.authorization
    before, after = {"driver_id": driver_id}, {"driver_id": None}
    async with web.services.database.work() as work:  # one: no card is blocked of a driver who stays
        held = await authorization.delete_driver(work, driver_id, releases=criteria.tokens is not Fate.REFUSE)
        does = "token.block" if criteria.tokens is Fate.BLOCK else "token.update"
        for token_id in held:
            if criteria.tokens is Fate.BLOCK:
                await authorization.block_token(work, token_id, reason=f"Driver deleted: {known.name}")
            access.note(web, work, principal, does, token_id, before=before, after=after)
        details = {"tokens": len(held), "fate": criteria.tokens.value}  # which they were, their own entries tell
        access.note(web, work, principal, "driver.delete", driver_id, details, before=known)


@route(
    "GET",
    "/drivers/{driver_id:str}/figures",
    scope=Scope.TOKENS_READ,
    is_for_network=True,
    is_for_fleets=True,
    raises=(errors.NotFound,),
)
async def get_driver_figures(web: WebContext, principal: Principal, driver_id: str) -> Figures:
    """Get what a driver charged

    Sessions that began in the last 30 days, their energy, what they came to, and when they charged last.
    """
    await driver_of(web, principal, driver_id)
    since = web.services.clock.now() - driver_figures.SPAN
    found = await driver_figures.of_drivers(web.services.database, (driver_id,), since=since)
    return found[driver_id]


@route(
    "GET",
    "/drivers/{driver_id:str}/plans",
    scope=Scope.TOKENS_READ,
    is_for_network=True,
    is_for_fleets=True,
    raises=(errors.NotFound,),
)
async def list_driver_plans(web: WebContext, principal: Principal, driver_id: str) -> list[DriverPlan]:
    """List what a driver has subscribed to

    The newest first. Sessions that began in the time of a plan are priced by its tariff.
    """
    await driver_of(web, principal, driver_id)
    return await driver_plans.list_plans(web.services.database, driver_id)


async def driver_of(web: WebContext, principal: Principal, driver_id: str) -> Driver:
    """Return the driver. Raises NotFound, also if it is not the principal's to see."""
    driver = await web.services.authorization.get_driver(driver_id)
    if principal.fleet_id not in (None, driver.organisation_id):
        raise errors.NotFound("There is no such driver.")
    return driver


async def _check_settled(web: WebContext, driver_id: str) -> None:
    """Raise Conflict while the driver has money with us, or set aside."""
    books = await books_of(web)
    found = await wallet_views.list_wallets(web.services.database, books, WalletQuery(driver_id=driver_id))
    if any(wallet.balance or wallet.held for wallet in found.items):
        raise errors.Conflict("There is money in the driver's wallet, or owed: settle it first.")


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_drivers, create_driver, get_driver, update_driver, block_driver, unblock_driver, delete_driver,
    get_driver_figures, list_driver_plans,
)  # fmt: skip
