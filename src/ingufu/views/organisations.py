"""Organisations as lists show them: with the sites they own, and how many belong to them."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import Select, func, select

from ingufu.accounts.model import OrganisationKind
from ingufu.accounts.tables import api_keys, organisations, users
from ingufu.authorization.tables import drivers, token_groups, tokens
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites


class OwnedSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site of an organisation."""

    id: str
    name: str


class OrganisationRow(msgspec.Struct, frozen=True, kw_only=True):
    """The operator, a host with its sites, or a fleet with its drivers."""

    id: str
    name: str
    kind: OrganisationKind
    sites: Annotated[tuple[OwnedSite, ...], Meta(description="Of a host; all others are the operator's.")] = ()
    user_count: int = 0
    key_count: int = 0
    driver_count: int = 0
    token_count: int = 0
    group_count: int = 0
    created_at: datetime


async def list_organisations(database: Database) -> list[OrganisationRow]:
    """Return all organisations, the oldest first."""
    return await _with_sites(database, _rows().order_by(organisations.c.created_at, organisations.c.id))


async def get_organisation(database: Database, organisation_id: str) -> OrganisationRow:
    """Return the organisation. Raises NotFound."""
    found = await _with_sites(database, _rows().where(organisations.c.id == organisation_id))
    if not found:
        raise NotFound("There is no such organisation.")
    return found[0]


def _rows() -> Select[tuple[object, ...]]:
    counts = (
        select(func.count()).where(table.c.organisation_id == organisations.c.id).scalar_subquery().label(name)
        for table, name in (
            (users, "user_count"),
            (api_keys, "key_count"),
            (drivers, "driver_count"),
            (tokens, "token_count"),
            (token_groups, "group_count"),
        )
    )
    return select(*organisations.columns, *counts)


async def _with_sites(database: Database, statement: Select[tuple[object, ...]]) -> list[OrganisationRow]:
    rows = await database.select(statement)
    owned: dict[str, list[OwnedSite]] = {row["id"]: [] for row in rows}
    hosts = [row["id"] for row in rows if row["kind"] == OrganisationKind.HOST.value]
    chosen = select(sites.c.id, sites.c.name, sites.c.organisation_id).order_by(sites.c.name_key)
    for site in await database.select(chosen.where(sites.c.organisation_id.in_(hosts))):
        owned[site["organisation_id"]].append(OwnedSite(id=site["id"], name=site["name"]))
    return [msgspec.convert({**row, "sites": owned[row["id"]]}, OrganisationRow) for row in rows]
