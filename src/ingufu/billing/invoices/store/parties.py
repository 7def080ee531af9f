"""Legal entities and customers."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, or_, select, update

from ingufu.billing.invoices.parties import Customer, LegalEntity
from ingufu.billing.invoices.tables import customer_members, customers, legal_entities, legal_entity_sites, logos
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, insert_or_ignore

_ENTITY = select(legal_entities.c.details, legal_entities.c.version)
_ENTITY_BY_ID = _ENTITY.where(legal_entities.c.id == bindparam("id"))
_ENTITIES = _ENTITY.order_by(legal_entities.c.name, legal_entities.c.id)
_ENTITY_OF_SITE = (
    select(legal_entities.c.details, legal_entities.c.version)
    .select_from(legal_entities.join(legal_entity_sites, legal_entity_sites.c.legal_entity_id == legal_entities.c.id))
    .where(legal_entity_sites.c.site_id == bindparam("site_id"))
)
_ENTITY_BY_DEFAULT = _ENTITY.where(
    legal_entities.c.organisation_id == bindparam("organisation_id"), legal_entities.c.is_default.is_(True)
)
_INSERT_ENTITY = insert(legal_entities)
_ENTITY_CHANGES = ("name", "is_default", "details", "retired_at", "updated_at")
_UPDATE_ENTITY = (
    update(legal_entities)
    .where(legal_entities.c.id == bindparam("entity"), legal_entities.c.version == bindparam("before"))
    .values({name: bindparam(name) for name in _ENTITY_CHANGES} | {"version": legal_entities.c.version + 1})
)
_INSERT_SITE = insert(legal_entity_sites)
_DELETE_SITES = delete(legal_entity_sites).where(legal_entity_sites.c.legal_entity_id == bindparam("entity"))
_INSERT_LOGO = insert_or_ignore(logos)
_LOGO = select(logos.c.media_type, logos.c.content).where(logos.c.id == bindparam("id"))

_CUSTOMER = select(customers.c.details, customers.c.version)
_CUSTOMER_BY_ID = _CUSTOMER.where(customers.c.id == bindparam("id"))
_CUSTOMER_OF_MEMBER = (
    select(customers.c.details, customers.c.version, customer_members.c.kind.label("member_kind"))
    .select_from(customers.join(customer_members, customer_members.c.customer_id == customers.c.id))
    .where(
        or_(
            and_(customer_members.c.kind == "driver", customer_members.c.member_id == bindparam("driver_id")),
            and_(customer_members.c.kind == "group", customer_members.c.member_id == bindparam("group_id")),
        )
    )
    .order_by(customer_members.c.kind)  # a driver's own data before those of the group
    .limit(1)
)
_INSERT_CUSTOMER = insert(customers)
_CUSTOMER_CHANGES = ("name", "kind", "details", "updated_at")
_UPDATE_CUSTOMER = (
    update(customers)
    .where(customers.c.id == bindparam("customer"), customers.c.version == bindparam("before"))
    .values({name: bindparam(name) for name in _CUSTOMER_CHANGES} | {"version": customers.c.version + 1})
)
_INSERT_MEMBER = insert(customer_members)
_DELETE_MEMBERS = delete(customer_members).where(customer_members.c.customer_id == bindparam("customer"))


async def find_entity(database: Database, entity_id: str) -> tuple[LegalEntity, int] | None:
    """Return the entity and the version of its row."""
    return _entity(await database.fetch_one(_ENTITY_BY_ID, {"id": entity_id}))


async def find_entities(database: Database) -> list[LegalEntity]:
    rows = await database.fetch_all(_ENTITIES)
    return [found[0] for row in rows if (found := _entity(row)) is not None]


async def find_entity_for(database: Database, site_id: str | None, organisation_id: str) -> LegalEntity | None:
    """Return who sells at the site: as the site says, else as its organisation does."""
    if site_id is not None:
        found = _entity(await database.fetch_one(_ENTITY_OF_SITE, {"site_id": site_id}))
        if found is not None:
            return found[0]
    found = _entity(await database.fetch_one(_ENTITY_BY_DEFAULT, {"organisation_id": organisation_id}))
    return found[0] if found else None


def add_entity(work: Work, entity: LegalEntity) -> None:
    work.execute(_INSERT_ENTITY, _entity_row(entity) | {"id": entity.id, "organisation_id": entity.organisation_id,
                 "key": entity.key, "version": 1, "created_at": entity.created_at})  # fmt: skip
    _add_sites(work, entity.id, entity.site_ids)


def change_entity(work: Work, entity: LegalEntity, version: int) -> None:
    """Store an entity that is still as it was read; Conflict at the commit otherwise."""
    work.execute(_UPDATE_ENTITY, _entity_row(entity) | {"entity": entity.id, "before": version}, expect=1)
    work.execute(_DELETE_SITES, {"entity": entity.id})
    _add_sites(work, entity.id, entity.site_ids)


def add_logo(work: Work, logo_id: str, media_type: str, content: str) -> None:
    work.execute(_INSERT_LOGO, {"id": logo_id, "media_type": media_type, "content": content})


async def find_logo(database: Database, logo_id: str) -> tuple[str, str] | None:
    """Return media type and content (base64)."""
    row = await database.fetch_one(_LOGO, {"id": logo_id})
    return (row["media_type"], row["content"]) if row else None


async def find_customer(database: Database, customer_id: str) -> tuple[Customer, int] | None:
    return _customer(await database.fetch_one(_CUSTOMER_BY_ID, {"id": customer_id}))


async def find_customer_of(database: Database, driver_id: str | None, group_id: str | None) -> Customer | None:
    """Return who pays for the driver, or for the group."""
    if driver_id is None and group_id is None:
        return None
    row = await database.fetch_one(_CUSTOMER_OF_MEMBER, {"driver_id": driver_id or "", "group_id": group_id or ""})
    found = _customer(row)
    return found[0] if found else None


def add_customer(work: Work, customer: Customer) -> None:
    row = _customer_row(customer)
    work.execute(_INSERT_CUSTOMER, row | {"id": customer.id, "organisation_id": customer.organisation_id,
                 "version": 1, "created_at": customer.created_at})  # fmt: skip
    _add_members(work, customer)


def change_customer(work: Work, customer: Customer, version: int) -> None:
    """Store a customer who is still as they were read; Conflict at the commit otherwise."""
    work.execute(_UPDATE_CUSTOMER, _customer_row(customer) | {"customer": customer.id, "before": version}, expect=1)
    work.execute(_DELETE_MEMBERS, {"customer": customer.id})
    _add_members(work, customer)


def _add_sites(work: Work, entity_id: str, site_ids: Iterable[str]) -> None:
    for site_id in site_ids:
        work.execute(_INSERT_SITE, {"site_id": site_id, "legal_entity_id": entity_id})


def _add_members(work: Work, customer: Customer) -> None:
    for kind, members in (("driver", customer.driver_ids), ("group", customer.group_ids)):
        for member in members:
            work.execute(_INSERT_MEMBER, {"kind": kind, "member_id": member, "customer_id": customer.id})


def _entity_row(entity: LegalEntity) -> dict[str, Any]:
    row = {name: getattr(entity, name) for name in ("name", "is_default", "retired_at", "updated_at")}
    return row | {"details": msgspec.to_builtins(entity)}


def _customer_row(customer: Customer) -> dict[str, Any]:
    return {
        "name": customer.name,
        "kind": customer.kind.value,
        "updated_at": customer.updated_at,
        "details": msgspec.to_builtins(customer),
    }


def _entity(row: Row | None) -> tuple[LegalEntity, int] | None:
    return (msgspec.convert(row["details"], LegalEntity), row["version"]) if row else None


def _customer(row: Row | None) -> tuple[Customer, int] | None:
    return (msgspec.convert(row["details"], Customer), row["version"]) if row else None
