"""Who sells and who buys: legal entities with what the law wants on documents, and customers' billing data."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.invoices.parties import (
    Address,
    Automatic,
    BankAccount,
    Customer,
    CustomerKind,
    LegalEntity,
    TaxRounding,
    Texts,
)
from ingufu.core import errors
from ingufu.core.money import Rounding
from ingufu.views import invoices as views
from ingufu.views.invoices import CustomerQuery
from ingufu.views.paging import Page
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=300)]
Id = Annotated[str, Meta(min_length=1, max_length=100)]
Ids = Annotated[tuple[Id, ...], Meta(max_length=2000)]
Language = Literal["en", "fr", "rw", "sw"]
Currency = Annotated[str, Meta(pattern="^([A-Z]{3})?$", description="ISO 4217; empty: none.")]


class LegalEntityFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a legal entity. What is left out stays as it is, or has its default."""

    name: Name | UnsetType = UNSET
    trading_name: Text | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    tax_id: Annotated[str, Meta(max_length=40, description="VAT id, TIN or PIN; checked.")] | UnsetType = UNSET
    tax_id_name: Annotated[str, Meta(max_length=20, description="What it is called on documents.")] | UnsetType = UNSET
    register_number: Text | UnsetType = UNSET
    register_name: Text | UnsetType = UNSET
    email: Annotated[str, Meta(max_length=254)] | UnsetType = UNSET
    phone: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    website: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    bank: BankAccount | UnsetType = UNSET
    texts: Annotated[dict[Language, Texts], Meta(description="By language.")] | UnsetType = UNSET
    language: Annotated[Language, Meta(description="Of documents, where the buyer has none.")] | UnsetType = UNSET
    time_zone: Annotated[str, Meta(max_length=64, description="Of dates of issue and of months.")] | UnsetType = UNSET
    tax_currency: Annotated[Currency, Meta(description="In which the tax office counts.")] | UnsetType = UNSET
    exchange_rates: Annotated[
        dict[str, Decimal], Meta(description="Units of the tax currency for one of each other currency.")
    ] | UnsetType = UNSET  # fmt: skip
    rounding: Rounding | UnsetType = UNSET
    tax_rounding: (
        Annotated[TaxRounding, Meta(description="Where tax is rounded: a rule of the country.")] | UnsetType
    ) = UNSET
    zero_category: Annotated[Literal["Z", "E"], Meta(description="What a rate of 0 % means.")] | UnsetType = UNSET
    untaxed_category: Annotated[Literal["O", "E", "Z"], Meta(description="What no tax at all means.")] | UnsetType = (
        UNSET
    )
    exemption: Annotated[str, Meta(max_length=300, description="By which article no tax is due.")] | UnsetType = UNSET
    outside: Annotated[str, Meta(max_length=300, description="Why a sale is no subject of the tax.")] | UnsetType = (
        UNSET
    )
    numbers: Annotated[
        dict[Literal["receipt", "invoice", "credit-note", "statement"], str],
        Meta(description="Template of each series, as in `{entity}-{yyyy}-{seq:06d}`."),
    ] | UnsetType = UNSET  # fmt: skip
    automatic: Annotated[Automatic, Meta(description="What becomes of a charge record by itself.")] | UnsetType = UNSET
    payment_days: Annotated[int, Meta(ge=0, le=365)] | UnsetType = UNSET
    retention_years: Annotated[int, Meta(ge=1, le=50)] | UnsetType = UNSET
    receipt_limit: Annotated[Decimal | None, Meta(description="Above it a buyer is named.")] | UnsetType = UNSET
    logo: (
        Annotated[str, Meta(max_length=90_000, description="PNG or SVG as base64; empty: none.")] | UnsetType | None
    ) = UNSET
    is_default: Annotated[bool, Meta(description="For sites that name no other.")] | UnsetType = UNSET
    site_ids: Ids | UnsetType = UNSET
    fiscal_device_id: Id | UnsetType | None = UNSET


class NewLegalEntity(LegalEntityFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A legal entity to enter."""

    key: Annotated[str, Meta(min_length=1, max_length=12, description="Part of its numbers; never changes.")]
    name: Name


class CustomerFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a customer. What is left out stays as it is, or has its default."""

    kind: CustomerKind | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    tax_id: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    email: Annotated[str, Meta(max_length=254)] | UnsetType = UNSET
    language: Annotated[Literal["", "en", "fr", "rw", "sw"], Meta(description="Empty: the seller's.")] | UnsetType = (
        UNSET
    )
    is_reverse_charge: Annotated[bool, Meta(description="The buyer owes the tax.")] | UnsetType = UNSET
    reference: Annotated[str, Meta(max_length=100, description="Wanted on invoices (BT-10).")] | UnsetType = UNSET
    automatic: Annotated[Automatic | None, Meta(description="null: as the seller has it.")] | UnsetType = UNSET
    payment_days: Annotated[int, Meta(ge=0, le=365)] | UnsetType | None = UNSET
    driver_ids: Ids | UnsetType = UNSET
    group_ids: Ids | UnsetType = UNSET


class NewCustomer(CustomerFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer to enter."""

    name: Name


@route("GET", "/legal-entities", scope=Scope.MONEY_READ, is_for_network=True)
async def list_legal_entities(web: WebContext) -> list[LegalEntity]:
    """List legal entities

    By name, those among them that sell no more.
    """
    return await web.services.money.entities.all()


@route("POST", "/legal-entities", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewLegalEntity, raises=CHANGES)
async def create_legal_entity(web: WebContext, principal: Principal, given: NewLegalEntity) -> LegalEntity:
    """Enter a legal entity

    A site has one, and an organisation one default.
    """
    fields = access.given_fields(given)
    organisation_id = await access.organisation_of(web, principal)
    await _check_refers(web, fields)
    async with web.services.database.work() as work:
        made = await web.services.money.entities.create(work, organisation_id=organisation_id, **fields)
        access.note(web, work, principal, "legal-entity.create", made.id, after=made)
    return made


@route("GET", "/legal-entities/{entity_id:str}", scope=Scope.MONEY_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_legal_entity(web: WebContext, entity_id: str) -> LegalEntity:
    """Get a legal entity

    As it is now; documents keep what it was when they were issued.
    """
    return await web.services.money.entities.get(entity_id)


@route(
    "PATCH",
    "/legal-entities/{entity_id:str}",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=LegalEntityFields,
    raises=CHANGES,
)
async def update_legal_entity(
    web: WebContext, principal: Principal, entity_id: str, given: LegalEntityFields
) -> LegalEntity:
    """Change a legal entity

    Only the fields that are given change, and no document that was issued.
    """
    fields = access.given_fields(given)
    known = await web.services.money.entities.get(entity_id)
    await _check_refers(web, fields)
    async with web.services.database.work() as work:
        made = await web.services.money.entities.update(work, entity_id, **fields)
        access.note(web, work, principal, "legal-entity.update", entity_id, before=known, after=made)
    return made


@route(
    "POST",
    "/legal-entities/{entity_id:str}/retire",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def retire_legal_entity(web: WebContext, principal: Principal, entity_id: str) -> LegalEntity:
    """Retire a legal entity

    It sells no more and is nobody's default. Its documents stay, and can be credited.
    """
    known = await web.services.money.entities.get(entity_id)
    async with web.services.database.work() as work:
        made = await web.services.money.entities.retire(work, entity_id)
        access.note(web, work, principal, "legal-entity.retire", entity_id, before=known, after=made)
    return made


@route("GET", "/customers", scope=Scope.MONEY_READ, is_for_network=True, query=CustomerQuery, result=Page[Customer])
async def list_customers(web: WebContext, criteria: CustomerQuery) -> Page[Any]:
    """List customers

    Who is named on documents, by name.
    """
    return await views.list_customers(web.services.database, criteria)


@route("POST", "/customers", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewCustomer, raises=CHANGES)
async def create_customer(web: WebContext, principal: Principal, given: NewCustomer) -> Customer:
    """Enter a customer

    With the drivers and groups for whom they pay; nobody else pays for these.
    """
    fields = access.given_fields(given)
    organisation_id = await access.organisation_of(web, principal)
    async with web.services.database.work() as work:
        made = await web.services.money.customers.create(work, organisation_id=organisation_id, **fields)
        access.note(web, work, principal, "customer.create", made.id, after=made)
    return made


@route("GET", "/customers/{customer_id:str}", scope=Scope.MONEY_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_customer(web: WebContext, customer_id: str) -> Customer:
    """Get a customer

    As they are now; documents keep what they were when they were issued.
    """
    return await web.services.money.customers.get(customer_id)


@route(
    "PATCH",
    "/customers/{customer_id:str}",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=CustomerFields,
    raises=CHANGES,
)
async def update_customer(web: WebContext, principal: Principal, customer_id: str, given: CustomerFields) -> Customer:
    """Change a customer

    Only the fields that are given change, and no document that was issued.
    """
    fields = access.given_fields(given)
    known = await web.services.money.customers.get(customer_id)
    async with web.services.database.work() as work:
        made = await web.services.money.customers.update(work, customer_id, **fields)
        access.note(web, work, principal, "customer.update", customer_id, before=known, after=made)
    return made


async def _check_refers(web: WebContext, fields: dict[str, Any]) -> None:
    """Raise InvalidInput if a site or the device that is named does not exist."""
    for site_id in fields.get("site_ids", ()):
        await access.check_site_exists(web, site_id)
    if fields.get("fiscal_device_id"):
        try:
            await web.services.money.fiscal.get(fields["fiscal_device_id"])
        except errors.NotFound as error:
            raise errors.InvalidInput("There is no such fiscal device.", field="fiscal_device_id") from error


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_legal_entities, create_legal_entity, get_legal_entity, update_legal_entity, retire_legal_entity,
    list_customers, create_customer, get_customer, update_customer,
)  # fmt: skip
