"""What the things are called that entries of the audit trail name by their ids."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, case, func, null, select

from ingufu.accounts.tables import organisations, users
from ingufu.accounts.trail_model import AuditEntry
from ingufu.authorization.decide import SECRET_KINDS
from ingufu.authorization.tables import drivers, token_groups, tokens
from ingufu.billing.invoices.tables import customers, documents, legal_entities
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.tariffs.tables import tariffs

_NAMED: Mapping[str, tuple[ColumnElement[Any], ColumnElement[Any]]] = {  # kind of object: its id, its name
    "station": (stations.c.id, stations.c.identity),
    "site": (sites.c.id, sites.c.name),
    "user": (users.c.id, users.c.name),
    "organisation": (organisations.c.id, organisations.c.name),
    "driver": (drivers.c.id, drivers.c.name),
    "group": (token_groups.c.id, token_groups.c.name),
    "tariff": (tariffs.c.id, tariffs.c.name),
    "token": (tokens.c.id, case((func.lower(tokens.c.kind).in_(SECRET_KINDS), null()), else_=tokens.c.value)),
    "invoice": (documents.c.id, documents.c.number),
    "customer": (customers.c.id, customers.c.name),
    "legal-entity": (legal_entities.c.id, legal_entities.c.name),
}


async def names_of(database: Database, entries: Iterable[AuditEntry]) -> dict[tuple[str, str], str]:
    """Return by kind and id what the objects of these entries are called now; what is gone has no name any more."""
    ids: dict[str, set[str]] = {}
    for entry in entries:
        if entry.object_kind in _NAMED:
            ids.setdefault(entry.object_kind, set()).add(entry.object_id)
    found: dict[tuple[str, str], str] = {}
    for kind, wanted in ids.items():
        id_, name = _NAMED[kind]
        statement = select(id_.label("id"), name.label("name")).where(id_.in_(sorted(wanted)))
        found |= {(kind, row["id"]): row["name"] for row in await database.select(statement) if row["name"]}
    return found
