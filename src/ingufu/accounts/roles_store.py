"""Every query of roles that people define, and of who holds which."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, exists, func, select, update

from ingufu.accounts.model import OrganisationKind, Role, RoleDefinition, Scope
from ingufu.accounts.tables import api_keys, organisations, role_grants, roles, users
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert

_SHOWN = [roles.c[name] for name in RoleDefinition.__struct_fields__ if name in roles.columns]
_ROLES = select(*_SHOWN).order_by(roles.c.name_key)
_ROLE = select(*_SHOWN).where(roles.c.id == bindparam("id_"))
_BY_NAME = select(*_SHOWN).where(roles.c.name_key == bindparam("key"))
_SCOPES = frozenset(scope.value for scope in Scope)
_ADD = insert(roles)
_REMOVE = delete(roles).where(
    roles.c.id == bindparam("id_"), ~exists(select(role_grants.c.id).where(role_grants.c.role == bindparam("id_")))
)
_REPLACE = update(role_grants).where(role_grants.c.role == bindparam("id_")).values(role=bindparam("other"))
_HOLDERS = select(role_grants.c.role, func.count(role_grants.c.user_id.distinct()).label("n")).group_by(
    role_grants.c.role
)

_IS_ADMIN = (role_grants.c.role == Role.ADMIN.value) & role_grants.c.site_id.is_(None)
_OTHER_ADMIN = (
    select(func.min(users.c.id))
    .select_from(
        users.join(role_grants, role_grants.c.user_id == users.c.id).join(
            organisations, organisations.c.id == users.c.organisation_id
        )
    )
    .where(
        _IS_ADMIN,
        organisations.c.kind == OrganisationKind.OPERATOR.value,
        users.c.disabled_at.is_(None),
        users.c.id != bindparam("but_not"),
    )
)
# Two removals at once come one after the other: each holds the operator's row while it looks for another administrator.
_IN_TURN = (
    update(organisations)
    .where(organisations.c.kind == OrganisationKind.OPERATOR.value)
    .values(name=organisations.c.name)
)
_KEEPS_ADMIN = update(users).where(users.c.id == _OTHER_ADMIN.scalar_subquery()).values(name=users.c.name)
_FIND_OTHER_ADMIN = _OTHER_ADMIN.with_only_columns(func.min(users.c.id).label("id"))

_REMOVE_ORGANISATION = delete(organisations).where(organisations.c.id == bindparam("id_"))
_REMOVE_DEAD_KEYS = delete(api_keys).where(
    api_keys.c.organisation_id == bindparam("id_"),
    api_keys.c.revoked_at.is_not(None) | (api_keys.c.expires_at <= bindparam("now_")),
)


async def all_roles(database: Database) -> list[RoleDefinition]:
    return [_known(row) for row in await database.fetch_all(_ROLES)]


async def role(database: Database, role_id: str) -> RoleDefinition | None:
    return _role(await database.fetch_one(_ROLE, {"id_": role_id}))


async def role_by_name(database: Database, name_key: str) -> RoleDefinition | None:
    return _role(await database.fetch_one(_BY_NAME, {"key": name_key}))


async def count_holders(database: Database) -> dict[str, int]:
    """Return how many users hold each role that is held."""
    return {row["role"]: int(row["n"]) for row in await database.fetch_all(_HOLDERS)}


def add_role(work: Work, added: RoleDefinition, name_key: str) -> None:
    """Add the role; the unit is undone with Conflict if its name is taken."""
    values = msgspec.structs.asdict(added) | {"name_key": name_key, "scopes": list(added.scopes)}
    del values["is_built_in"]
    work.execute(_ADD, values)


def change_role(work: Work, role_id: str, values: Mapping[str, Any]) -> None:
    work.execute_once(update(roles).where(roles.c.id == role_id).values(**values), expect=1)


def replace_role(work: Work, role_id: str, other: str) -> None:
    """Let those who hold the role hold the other one."""
    work.execute(_REPLACE, {"id_": role_id, "other": other})


def remove_role(work: Work, role_id: str) -> None:
    """Remove the role; the unit is undone with Conflict if somebody was given it meanwhile."""
    work.execute(_REMOVE, {"id_": role_id}, expect=1)


async def has_other_admin(database: Database, but_not: str) -> bool:
    row = await database.fetch_one(_FIND_OTHER_ADMIN, {"but_not": but_not})
    return row is not None and row["id"] is not None


def keep_admin(work: Work, but_not: str) -> None:
    """Have the unit undone with Conflict if no administrator is left beside this one when it is written."""
    work.execute(_IN_TURN, {})
    work.execute(_KEEPS_ADMIN, {"but_not": but_not}, expect=1)


def remove_organisation(work: Work, organisation_id: str, now: datetime) -> None:
    """Remove the organisation with its keys that are good no longer; Conflict if anybody belongs to it."""
    work.execute(_REMOVE_DEAD_KEYS, {"id_": organisation_id, "now_": now})
    work.execute(_REMOVE_ORGANISATION, {"id_": organisation_id}, expect=1)


def _role(row: Row | None) -> RoleDefinition | None:
    return None if row is None else _known(row)


def _known(row: Row) -> RoleDefinition:
    """Return the role with those of its scopes that this program knows."""
    scopes = [scope for scope in row["scopes"] if scope in _SCOPES]
    return msgspec.convert({**row, "scopes": scopes}, RoleDefinition)
