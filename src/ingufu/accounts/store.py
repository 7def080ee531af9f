"""Every query of organisations, users, log-ins, API keys, the audit trail and idempotency keys."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from ingufu.accounts.decide import StoredAnswer
from ingufu.accounts.model import ApiKey, Login, Organisation, RoleGrant, User
from ingufu.accounts.tables import (
    api_keys,
    idempotency,
    login_failures,
    logins,
    organisations,
    role_grants,
    users,
)
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert

# Organisations and users

_ORGANISATIONS = select(organisations).order_by(organisations.c.created_at, organisations.c.id)
_ORGANISATION = select(organisations).where(organisations.c.id == bindparam("id_"))
_ADD_ORGANISATION = insert(organisations)
_USER = select(users).where(users.c.id == bindparam("id_"))
_USER_BY_EMAIL = select(users).where(users.c.email_key == bindparam("key"))
_USERS = select(users).order_by(users.c.email_key)
_ANY_USER = select(users.c.id).limit(1)
_ADD_USER = insert(users)
_REMOVE_USER = delete(users).where(users.c.id == bindparam("id_"))
_GRANTS = select(role_grants).where(role_grants.c.user_id == bindparam("id_")).order_by(role_grants.c.site_id)
_ALL_GRANTS = select(role_grants).order_by(role_grants.c.site_id)
_ADD_GRANT = insert(role_grants)
_REMOVE_GRANTS = delete(role_grants).where(role_grants.c.user_id == bindparam("id_"))


async def all_organisations(database: Database) -> list[Organisation]:
    return msgspec.convert(await database.fetch_all(_ORGANISATIONS), list[Organisation])


async def organisation(database: Database, organisation_id: str) -> Organisation | None:
    row = await database.fetch_one(_ORGANISATION, {"id_": organisation_id})
    return None if row is None else msgspec.convert(row, Organisation)


def add_organisation(work: Work, added: Organisation) -> None:
    work.execute(_ADD_ORGANISATION, msgspec.structs.asdict(added))


def change_organisation(work: Work, organisation_id: str, values: Mapping[str, Any]) -> None:
    statement = update(organisations).where(organisations.c.id == organisation_id).values(**values)
    work.execute_once(statement, expect=1)


async def user(database: Database, user_id: str) -> User | None:
    return await _with_grants(database, await database.fetch_one(_USER, {"id_": user_id}))


async def user_by_email(database: Database, email_key: str) -> User | None:
    return await _with_grants(database, await database.fetch_one(_USER_BY_EMAIL, {"key": email_key}))


async def all_users(database: Database) -> list[User]:
    granted: dict[str, list[RoleGrant]] = {}
    for row in await database.fetch_all(_ALL_GRANTS):
        granted.setdefault(row["user_id"], []).append(msgspec.convert(row, RoleGrant))
    rows = await database.fetch_all(_USERS)
    return [_user(row, granted.get(row["id"], ())) for row in rows]


async def has_users(database: Database) -> bool:
    return await database.fetch_one(_ANY_USER) is not None


def add_user(work: Work, added: User, email_key: str, grant_ids: Iterable[str]) -> None:
    values = msgspec.structs.asdict(added) | {"email_key": email_key}
    del values["grants"]
    work.execute(_ADD_USER, values)
    _add_grants(work, added.id, added.grants, grant_ids)


def change_user(work: Work, user_id: str, values: Mapping[str, Any]) -> None:
    if values:
        work.execute_once(update(users).where(users.c.id == user_id).values(**values), expect=1)


def replace_grants(work: Work, user_id: str, grants: Sequence[RoleGrant], grant_ids: Iterable[str]) -> None:
    work.execute(_REMOVE_GRANTS, {"id_": user_id})
    _add_grants(work, user_id, grants, grant_ids)


def remove_user(work: Work, user_id: str) -> None:
    work.execute(_REMOVE_USER, {"id_": user_id}, expect=1)


def _add_grants(work: Work, user_id: str, grants: Sequence[RoleGrant], grant_ids: Iterable[str]) -> None:
    for grant, grant_id in zip(grants, grant_ids, strict=True):
        row = {"id": grant_id, "user_id": user_id, "role": grant.role, "site_id": grant.site_id}
        work.execute(_ADD_GRANT, row)


async def _with_grants(database: Database, row: Row | None) -> User | None:
    if row is None:
        return None
    grants = await database.fetch_all(_GRANTS, {"id_": row["id"]})
    return _user(row, msgspec.convert(grants, list[RoleGrant]))


def _user(row: Row, grants: Sequence[RoleGrant]) -> User:
    return msgspec.convert(row | {"grants": tuple(grants)}, User)


# Log-ins

_ADD_LOGIN = insert(logins)
_LOGIN = select(logins).where(logins.c.secret_hash == bindparam("hash"))
_LOGINS_OF = (
    select(logins)
    .where(
        logins.c.user_id == bindparam("user"), logins.c.revoked_at.is_(None), logins.c.expires_at > bindparam("now_")
    )
    .order_by(logins.c.last_used_at.desc(), logins.c.id.desc())
    .limit(200)
)
_RENEW_LOGIN = update(logins).where(logins.c.id == bindparam("id_")).values(secret_hash=bindparam("hash"))
_USED_LOGIN = (
    update(logins)
    .where(logins.c.id == bindparam("id_"), logins.c.last_used_at < bindparam("now_"))
    .values(last_used_at=bindparam("now_"), expires_at=bindparam("until"))
)
_REVOKE_LOGIN = (
    update(logins)
    .where(logins.c.id == bindparam("id_"), logins.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now_"))
)
_REVOKE_LOGINS = (
    update(logins)
    .where(logins.c.user_id == bindparam("user"), logins.c.revoked_at.is_(None), logins.c.id != bindparam("but_not"))
    .values(revoked_at=bindparam("now_"))
)
_ADD_FAILURE = insert(login_failures)
_FAILURES_OF_EMAIL = select(login_failures.c.at).where(
    login_failures.c.email_key == bindparam("key"), login_failures.c.at > bindparam("since")
)
_FAILURES_OF_ADDRESS = select(login_failures.c.at).where(
    login_failures.c.address == bindparam("key"), login_failures.c.at > bindparam("since")
)
_FORGIVE = delete(login_failures).where(login_failures.c.email_key == bindparam("key"))
_PRUNE_LOGINS = delete(logins).where(logins.c.expires_at < bindparam("before"))
_PRUNE_FAILURES = delete(login_failures).where(login_failures.c.at < bindparam("before"))


async def login(database: Database, secret_hash: str) -> Login | None:
    row = await database.fetch_one(_LOGIN, {"hash": secret_hash})
    return None if row is None else msgspec.convert(row, Login)


async def logins_of(database: Database, user_id: str, now: datetime) -> list[Login]:
    return msgspec.convert(await database.fetch_all(_LOGINS_OF, {"user": user_id, "now_": now}), list[Login])


def renew_login(work: Work, login_id: str, secret_hash: str) -> None:
    work.execute(_RENEW_LOGIN, {"id_": login_id, "hash": secret_hash}, expect=1)


def add_login(work: Work, added: Login) -> None:
    work.execute(_ADD_LOGIN, msgspec.structs.asdict(added))


def mark_login_used(database: Database, login_id: str, at: datetime, until: datetime) -> None:
    database.write_behind(_USED_LOGIN, [{"id_": login_id, "now_": at, "until": until}])


def revoke_login(work: Work, login_id: str, at: datetime) -> None:
    work.execute(_REVOKE_LOGIN, {"id_": login_id, "now_": at})


def revoke_logins(work: Work, user_id: str, at: datetime, *, but_not: str = "") -> None:
    work.execute(_REVOKE_LOGINS, {"user": user_id, "now_": at, "but_not": but_not})


async def failures_of_email(database: Database, email_key: str, since: datetime) -> list[datetime]:
    return [row["at"] for row in await database.fetch_all(_FAILURES_OF_EMAIL, {"key": email_key, "since": since})]


async def failures_of_address(database: Database, address: str, since: datetime) -> list[datetime]:
    return [row["at"] for row in await database.fetch_all(_FAILURES_OF_ADDRESS, {"key": address, "since": since})]


def add_failure(work: Work, email_key: str, address: str, at: datetime) -> None:
    work.execute(_ADD_FAILURE, {"at": at, "email_key": email_key, "address": address})


def forgive(work: Work, email_key: str) -> None:
    work.execute(_FORGIVE, {"key": email_key})


def prune_logins(work: Work, *, ended_before: datetime, failed_before: datetime) -> None:
    work.execute(_PRUNE_LOGINS, {"before": ended_before})
    work.execute(_PRUNE_FAILURES, {"before": failed_before})


# API keys

_KEYS = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
_KEY = select(api_keys).where(api_keys.c.id == bindparam("id_"))
_KEY_BY_SECRET = select(api_keys).where(api_keys.c.secret_hash == bindparam("hash"))
_ADD_KEY = insert(api_keys)
_REVOKE_KEY = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("id_"), api_keys.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now_"))
)
_USED_KEY = update(api_keys).where(api_keys.c.id == bindparam("id_")).values(last_used_at=bindparam("now_"))


async def all_keys(database: Database) -> list[ApiKey]:
    return msgspec.convert(await database.fetch_all(_KEYS), list[ApiKey])


async def key(database: Database, key_id: str) -> ApiKey | None:
    return _key(await database.fetch_one(_KEY, {"id_": key_id}))


async def key_by_secret(database: Database, secret_hash: str) -> ApiKey | None:
    return _key(await database.fetch_one(_KEY_BY_SECRET, {"hash": secret_hash}))


def add_key(work: Work, added: ApiKey, secret_hash: str) -> None:
    values = msgspec.structs.asdict(added) | {"secret_hash": secret_hash, "scopes": list(added.scopes)}
    values["site_ids"] = None if added.site_ids is None else list(added.site_ids)
    work.execute(_ADD_KEY, values)


def revoke_key(work: Work, key_id: str, at: datetime) -> None:
    work.execute(_REVOKE_KEY, {"id_": key_id, "now_": at})


def mark_key_used(database: Database, key_id: str, at: datetime) -> None:
    database.write_behind(_USED_KEY, [{"id_": key_id, "now_": at}])


def _key(row: Row | None) -> ApiKey | None:
    return None if row is None else msgspec.convert(row, ApiKey)


# Idempotency keys

_OF_PRINCIPAL = (idempotency.c.principal_id == bindparam("principal"), idempotency.c.key == bindparam("key_"))
_ANSWER = select(idempotency).where(*_OF_PRINCIPAL)
_BEGIN = insert(idempotency)
_TAKE_OVER = (
    update(idempotency)
    .where(
        *_OF_PRINCIPAL, idempotency.c.created_at == bindparam("was"), idempotency.c.status == bindparam("status_was")
    )
    .values(request_hash=bindparam("hash"), status=0, headers={}, body="", created_at=bindparam("now_"))
)
_FINISH = (
    update(idempotency)
    .where(*_OF_PRINCIPAL, idempotency.c.status == 0)
    .values(status=bindparam("status_"), headers=bindparam("headers_"), body=bindparam("body_"))
)
_ABANDON = delete(idempotency).where(*_OF_PRINCIPAL, idempotency.c.status == 0)
_PRUNE_ANSWERS = delete(idempotency).where(idempotency.c.created_at < bindparam("before"))


async def answer(database: Database, principal_id: str, key_: str) -> StoredAnswer | None:
    row = await database.fetch_one(_ANSWER, {"principal": principal_id, "key_": key_})
    return None if row is None else msgspec.convert(row, StoredAnswer)


def begin(work: Work, principal_id: str, key_: str, request_hash: str, at: datetime) -> None:
    """Claim the key; the unit is undone with Conflict if it is claimed already."""
    claim = {"principal_id": principal_id, "key": key_, "request_hash": request_hash, "created_at": at}
    work.execute(_BEGIN, claim | {"status": 0, "headers": {}, "body": ""})


def take_over(work: Work, principal_id: str, key_: str, request_hash: str, at: datetime, stored: StoredAnswer) -> None:
    """Claim a key whose claim has lapsed; the unit is undone with Conflict if someone else was faster."""
    params = {"principal": principal_id, "key_": key_, "hash": request_hash, "now_": at}
    work.execute(_TAKE_OVER, params | {"was": stored.created_at, "status_was": stored.status}, expect=1)


def finish(work: Work, principal_id: str, key_: str, answered: Mapping[str, Any]) -> None:
    params = {"principal": principal_id, "key_": key_}
    params |= {"status_": answered["status"], "headers_": answered["headers"], "body_": answered["body"]}
    work.execute(_FINISH, params)


def abandon(work: Work, principal_id: str, key_: str) -> None:
    work.execute(_ABANDON, {"principal": principal_id, "key_": key_})


def prune_answers(work: Work, before: datetime) -> None:
    work.execute(_PRUNE_ANSWERS, {"before": before})
