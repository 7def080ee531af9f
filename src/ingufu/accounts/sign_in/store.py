"""Every query of second factors, passkeys, linked identities, links in mails and steps of a log-in."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from ingufu.accounts.sign_in.model import Factors, Link, Linked, LinkKind, Passkey, Totp
from ingufu.accounts.sign_in.tables import (
    linked_identities,
    passkeys,
    recovery_codes,
    reset_requests,
    sign_in_links,
    totp_factors,
    used_steps,
)
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert

# Apps that make codes, and recovery codes

_TOTP = select(totp_factors).where(totp_factors.c.user_id == bindparam("user"))
_ADD_TOTP = insert(totp_factors)
_REMOVE_TOTP = delete(totp_factors).where(totp_factors.c.user_id == bindparam("user"))
_REMOVE_DRAFT = delete(totp_factors).where(
    totp_factors.c.user_id == bindparam("user"), totp_factors.c.confirmed_at.is_(None)
)
_TAKE_CODE = (
    update(totp_factors)
    .where(totp_factors.c.user_id == bindparam("user"), totp_factors.c.last_step < bindparam("step"))
    .values(last_step=bindparam("step"))
)
_CONFIRM_TOTP = (
    update(totp_factors)
    .where(totp_factors.c.user_id == bindparam("user"), totp_factors.c.confirmed_at.is_(None))
    .values(confirmed_at=bindparam("now_"), last_step=bindparam("step"))
)
_ADD_CODE = insert(recovery_codes)
_REMOVE_CODES = delete(recovery_codes).where(recovery_codes.c.user_id == bindparam("user"))
_USE_CODE = (
    update(recovery_codes)
    .where(
        recovery_codes.c.user_id == bindparam("user"),
        recovery_codes.c.code_hash == bindparam("hash"),
        recovery_codes.c.used_at.is_(None),
    )
    .values(used_at=bindparam("now_"))
)
_LEFT = select(func.count().label("n")).where(
    recovery_codes.c.user_id == bindparam("user"), recovery_codes.c.used_at.is_(None)
)
_KEYS_OF = select(func.count().label("n")).where(passkeys.c.user_id == bindparam("user"))


async def totp(database: Database, user_id: str) -> Totp | None:
    row = await database.fetch_one(_TOTP, {"user": user_id})
    return None if row is None else msgspec.convert(row, Totp)


async def factors(database: Database, user_id: str) -> Factors:
    app = await totp(database, user_id)
    left = await database.fetch_one(_LEFT, {"user": user_id})
    keys = await database.fetch_one(_KEYS_OF, {"user": user_id})
    return Factors(
        has_totp=app is not None and app.confirmed_at is not None,
        passkeys=int(keys["n"]) if keys else 0,
        recovery_codes=int(left["n"]) if left else 0,
    )


def begin_totp(work: Work, added: Totp) -> None:
    """Keep an app that has to show a code yet; Conflict undoes the unit if one is confirmed already."""
    work.execute(_REMOVE_DRAFT, {"user": added.user_id})
    work.execute(_ADD_TOTP, msgspec.structs.asdict(added))


def confirm_totp(work: Work, user_id: str, step: int, at: datetime) -> None:
    work.execute(_CONFIRM_TOTP, {"user": user_id, "step": step, "now_": at}, expect=1)


def take_code(work: Work, user_id: str, step: int) -> None:
    """Take the code of this step; Conflict undoes the unit if it or a later one was taken."""
    work.execute(_TAKE_CODE, {"user": user_id, "step": step}, expect=1)


def remove_totp(work: Work, user_id: str) -> None:
    work.execute(_REMOVE_TOTP, {"user": user_id})


def replace_codes(work: Work, user_id: str, hashes: Mapping[str, str]) -> None:
    """Put these in the place of all recovery codes of the user; `hashes` by id."""
    work.execute(_REMOVE_CODES, {"user": user_id})
    for code_id, code_hash in hashes.items():
        work.execute(_ADD_CODE, {"id": code_id, "user_id": user_id, "code_hash": code_hash})


def use_code(work: Work, user_id: str, code_hash: str, at: datetime) -> None:
    """Use a recovery code; Conflict undoes the unit if there is none or it was used."""
    work.execute(_USE_CODE, {"user": user_id, "hash": code_hash, "now_": at}, expect=1)


# Passkeys

_PASSKEYS = select(passkeys).where(passkeys.c.user_id == bindparam("user")).order_by(passkeys.c.id)
_PASSKEY = select(passkeys).where(passkeys.c.credential_id == bindparam("credential"))
_ADD_PASSKEY = insert(passkeys)
_USED_PASSKEY = (
    update(passkeys)
    .where(passkeys.c.id == bindparam("id_"), passkeys.c.sign_count == bindparam("was"))
    .values(sign_count=bindparam("count"), last_used_at=bindparam("now_"), is_backed_up=bindparam("backed"))
)
_NAME_PASSKEY = (
    update(passkeys)
    .where(passkeys.c.id == bindparam("id_"), passkeys.c.user_id == bindparam("user"))
    .values(name=bindparam("name_"))
)
_REMOVE_PASSKEY = delete(passkeys).where(passkeys.c.id == bindparam("id_"), passkeys.c.user_id == bindparam("user"))
_REMOVE_PASSKEYS = delete(passkeys).where(passkeys.c.user_id == bindparam("user"))


async def passkeys_of(database: Database, user_id: str) -> list[Passkey]:
    return msgspec.convert(await database.fetch_all(_PASSKEYS, {"user": user_id}), list[Passkey])


async def passkey(database: Database, credential_id: str) -> Passkey | None:
    row = await database.fetch_one(_PASSKEY, {"credential": credential_id})
    return None if row is None else msgspec.convert(row, Passkey)


def add_passkey(work: Work, added: Passkey) -> None:
    work.execute(_ADD_PASSKEY, msgspec.structs.asdict(added) | {"transports": list(added.transports)})


def mark_passkey_used(work: Work, used: Passkey, count: int, at: datetime, *, is_backed_up: bool) -> None:
    """Keep the counter; Conflict undoes the unit if it was used in this moment by another."""
    row = {"id_": used.id, "was": used.sign_count, "count": count, "now_": at, "backed": is_backed_up}
    work.execute(_USED_PASSKEY, row, expect=1)


def name_passkey(work: Work, user_id: str, passkey_id: str, name: str) -> None:
    work.execute(_NAME_PASSKEY, {"id_": passkey_id, "user": user_id, "name_": name}, expect=1)


def remove_passkey(work: Work, user_id: str, passkey_id: str) -> None:
    work.execute(_REMOVE_PASSKEY, {"id_": passkey_id, "user": user_id}, expect=1)


def remove_factors(work: Work, user_id: str) -> None:
    """Let the user have no second factor and no passkey any more."""
    for statement in (_REMOVE_TOTP, _REMOVE_CODES, _REMOVE_PASSKEYS):
        work.execute(statement, {"user": user_id})


# Steps of a log-in

_USE_STEP = insert(used_steps)
_PRUNE_STEPS = delete(used_steps).where(used_steps.c.expires_at < bindparam("before"))


def use_step(work: Work, step_hash: str, expires_at: datetime) -> None:
    """Conflict undoes the unit if it was used before."""
    work.execute(_USE_STEP, {"step_hash": step_hash, "expires_at": expires_at})


# Links in mails

_ADD_LINK = insert(sign_in_links)
_LINK = select(sign_in_links).where(sign_in_links.c.token_hash == bindparam("hash"))
_USE_LINK = (
    update(sign_in_links)
    .where(sign_in_links.c.id == bindparam("id_"), sign_in_links.c.used_at.is_(None))
    .values(used_at=bindparam("now_"))
)
_END_LINKS = (
    update(sign_in_links)
    .where(sign_in_links.c.user_id == bindparam("user"), sign_in_links.c.used_at.is_(None))
    .values(used_at=bindparam("now_"))
)
_LINKS_SINCE = select(func.count().label("n")).where(
    sign_in_links.c.user_id == bindparam("user"),
    sign_in_links.c.kind == LinkKind.RESET.value,
    sign_in_links.c.created_at > bindparam("since"),
)
_PRUNE_LINKS = delete(sign_in_links).where(sign_in_links.c.expires_at < bindparam("before"))
_ASK = insert(reset_requests)
_ASKED = (
    select(reset_requests)
    .where(reset_requests.c.handled_at.is_(None))
    .order_by(reset_requests.c.at, reset_requests.c.id)
    .limit(50)
)
_HANDLED = (
    update(reset_requests)
    .where(reset_requests.c.id == bindparam("id_"), reset_requests.c.handled_at.is_(None))
    .values(handled_at=bindparam("now_"))
)
_ASKED_FROM = select(reset_requests.c.at).where(
    reset_requests.c.address == bindparam("address_"), reset_requests.c.at > bindparam("since")
)
_PRUNE_ASKED = delete(reset_requests).where(reset_requests.c.at < bindparam("before"))


def add_link(work: Work, added: Link) -> None:
    work.execute(_ADD_LINK, msgspec.structs.asdict(added))


async def link(database: Database, token_hash: str) -> Link | None:
    row = await database.fetch_one(_LINK, {"hash": token_hash})
    return None if row is None else msgspec.convert(row, Link)


def use_link(work: Work, link_id: str, at: datetime) -> None:
    work.execute(_USE_LINK, {"id_": link_id, "now_": at}, expect=1)


def end_links(work: Work, user_id: str, at: datetime) -> None:
    work.execute(_END_LINKS, {"user": user_id, "now_": at})


async def count_resets(database: Database, user_id: str, since: datetime) -> int:
    row = await database.fetch_one(_LINKS_SINCE, {"user": user_id, "since": since})
    return int(row["n"]) if row else 0


def ask_reset(work: Work, values: Mapping[str, Any]) -> None:
    work.execute(_ASK, values)


async def asked_resets(database: Database) -> Sequence[Row]:
    return await database.fetch_all(_ASKED)


async def asked_from(database: Database, address: str, since: datetime) -> list[datetime]:
    return [row["at"] for row in await database.fetch_all(_ASKED_FROM, {"address_": address, "since": since})]


def handle_reset(work: Work, request_id: str, at: datetime) -> None:
    """Conflict undoes the unit if another process has done so."""
    work.execute(_HANDLED, {"id_": request_id, "now_": at}, expect=1)


# Identities of providers

_LINKED = select(linked_identities).where(
    linked_identities.c.issuer == bindparam("issuer_"), linked_identities.c.subject == bindparam("subject_")
)
_LINKED_OF = (
    select(linked_identities).where(linked_identities.c.user_id == bindparam("user")).order_by(linked_identities.c.id)
)
_ADD_LINKED = insert(linked_identities)
_USED_LINKED = (
    update(linked_identities).where(linked_identities.c.id == bindparam("id_")).values(last_used_at=bindparam("now_"))
)


async def linked(database: Database, issuer: str, subject: str) -> Linked | None:
    row = await database.fetch_one(_LINKED, {"issuer_": issuer, "subject_": subject})
    return None if row is None else msgspec.convert(row, Linked)


async def linked_of(database: Database, user_id: str) -> list[Linked]:
    return msgspec.convert(await database.fetch_all(_LINKED_OF, {"user": user_id}), list[Linked])


def add_linked(work: Work, added: Linked) -> None:
    work.execute(_ADD_LINKED, msgspec.structs.asdict(added))


def mark_linked_used(work: Work, linked_id: str, at: datetime) -> None:
    work.execute(_USED_LINKED, {"id_": linked_id, "now_": at})


def prune(work: Work, now: datetime, asked_before: datetime) -> None:
    work.execute(_PRUNE_STEPS, {"before": now})
    work.execute(_PRUNE_LINKS, {"before": asked_before})
    work.execute(_PRUNE_ASKED, {"before": asked_before})
