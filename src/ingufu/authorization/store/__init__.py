"""Every query of drivers, groups, id tokens and decisions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from ingufu.authorization.model import (
    Driver,
    DriverDetails,
    GroupDetails,
    PresentedToken,
    Token,
    TokenDetails,
    TokenFacts,
    TokenGroup,
    token_key,
)
from ingufu.authorization.store.rows import DRIVER, token_of
from ingufu.authorization.tables import decisions, driver_plans, drivers, token_groups, tokens
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert

_DETAILS = [name for name in DriverDetails.__struct_fields__ if name in drivers.columns]
_GROUP = [token_groups.c[name] for name in TokenGroup.__struct_fields__]
_TOKEN = [tokens.c[name] for name in Token.__struct_fields__]

_DRIVER_BY_ID = select(*DRIVER).where(drivers.c.id == bindparam("id"))
_DRIVER_BY_EMAIL = select(*DRIVER).where(drivers.c.email_key == bindparam("email_key"))
_DRIVERS_BY_NAME = (
    select(*DRIVER)
    .where(drivers.c.name_key == bindparam("name_key"), drivers.c.name == bindparam("name"))
    .order_by(drivers.c.id)
    .limit(2)
)
_GROUP_BY_ID = select(*_GROUP).where(token_groups.c.id == bindparam("id"))
_GROUP_BY_VALUE = select(*_GROUP).where(token_groups.c.value_key == bindparam("value_key"))
_TOKEN_BY_ID = select(*_TOKEN).where(tokens.c.id == bindparam("id"))
_TOKEN_BY_VALUE = select(*_TOKEN).where(
    tokens.c.value_key == bindparam("value_key"), tokens.c.kind == bindparam("kind")
)
_TOKENS_OF_GROUP = select(func.count().label("count")).where(tokens.c.group_id == bindparam("id"))
_TOKENS_OF_DRIVER = select(tokens.c.id).where(tokens.c.driver_id == bindparam("id")).order_by(tokens.c.value_key)
_FACTS_OF = select(
    *_TOKEN,
    token_groups.c.value.label("group_value"),
    token_groups.c.is_master_pass.label("is_master_pass"),
    drivers.c.blocked_at.label("driver_blocked_at"),
    drivers.c.language.label("driver_language"),
).select_from(
    tokens.outerjoin(token_groups, tokens.c.group_id == token_groups.c.id).outerjoin(
        drivers, tokens.c.driver_id == drivers.c.id
    )
)
_FACTS = _FACTS_OF.where(
    (tokens.c.value_key == bindparam("value_key")) | (tokens.c.value_key == bindparam("contract_key"))
)
_LISTABLE = _FACTS_OF.where(
    tokens.c.blocked_at.is_(None),
    tokens.c.has_credit.is_(True),
    func.lower(tokens.c.kind).not_in(["central", "noauthorization", "directpayment"]),
).order_by(tokens.c.id)

_INSERT_DRIVER = insert(drivers)
_INSERT_GROUP = insert(token_groups)
_INSERT_TOKEN = insert(tokens)
_INSERT_DECISION = insert(decisions)
_UPDATE_DRIVER = (
    update(drivers)
    .where(drivers.c.id == bindparam("key"))
    .values({name: bindparam(name) for name in (*_DETAILS, "email_key", "name_key")})
)
_UPDATE_GROUP = (
    update(token_groups)
    .where(token_groups.c.id == bindparam("key"))
    .values({name: bindparam(name) for name in (*GroupDetails.__struct_fields__, "value_key")})
)
_UPDATE_TOKEN = (
    update(tokens)
    .where(tokens.c.id == bindparam("key"))
    .values({name: bindparam(name) for name in (*TokenDetails.__struct_fields__, "value_key")})
)
_BLOCK_DRIVER = (
    update(drivers)
    .where(drivers.c.id == bindparam("key"))
    .values(blocked_at=bindparam("blocked_at"), block_reason=bindparam("block_reason"))
)
_BLOCK_TOKEN = (
    update(tokens)
    .where(tokens.c.id == bindparam("key"))
    .values(blocked_at=bindparam("blocked_at"), block_reason=bindparam("block_reason"))
)
_TOUCH_TOKEN = (
    update(tokens)
    .where(tokens.c.id == bindparam("key"))
    .values(last_used_at=bindparam("last_used_at"), last_station_id=bindparam("last_station_id"))
)
_TAKE_TURN = (
    update(tokens)
    .where(tokens.c.id == bindparam("key"), tokens.c.start_turn == bindparam("seen"))
    .values(start_turn=bindparam("next"))
)
_RELEASE_TOKEN = (
    update(tokens)
    .where(tokens.c.id == bindparam("key"), tokens.c.driver_id == bindparam("owner"))
    .values(driver_id=None)
)
_DELETE_PLANS = delete(driver_plans).where(driver_plans.c.driver_id == bindparam("key"))
_DELETE_DRIVER = delete(drivers).where(drivers.c.id == bindparam("key"))
_DELETE_GROUP = delete(token_groups).where(token_groups.c.id == bindparam("key"))
_DELETE_TOKEN = delete(tokens).where(tokens.c.id == bindparam("key"))


async def find_facts(database: Database, token: PresentedToken) -> list[TokenFacts]:
    """Return the tokens of this value, of every kind, with their groups and drivers."""
    keys = {"value_key": token.key, "contract_key": token.contract_key}
    return [_facts(row) for row in await database.fetch_all(_FACTS, keys)]


async def find_listable(database: Database) -> list[TokenFacts]:
    """Return the tokens that are neither blocked nor out of credit, and of a kind that is read at stations."""
    return [_facts(row) for row in await database.fetch_all(_LISTABLE)]


async def find_token(database: Database, token_id: str) -> Token | None:
    row = await database.fetch_one(_TOKEN_BY_ID, {"id": token_id})
    return token_of(row) if row else None


async def find_token_by_value(database: Database, value: str, kind: str) -> Token | None:
    row = await database.fetch_one(_TOKEN_BY_VALUE, {"value_key": token_key(value, kind), "kind": kind})
    return token_of(row) if row else None


async def find_group(database: Database, group_id: str) -> TokenGroup | None:
    row = await database.fetch_one(_GROUP_BY_ID, {"id": group_id})
    return TokenGroup(**row) if row else None


async def find_group_by_value(database: Database, value: str) -> TokenGroup | None:
    row = await database.fetch_one(_GROUP_BY_VALUE, {"value_key": value.casefold()})
    return TokenGroup(**row) if row else None


async def find_driver(database: Database, driver_id: str) -> Driver | None:
    row = await database.fetch_one(_DRIVER_BY_ID, {"id": driver_id})
    return Driver(**row) if row else None


async def find_driver_by_email(database: Database, email: str) -> Driver | None:
    row = await database.fetch_one(_DRIVER_BY_EMAIL, {"email_key": email.casefold()})
    return Driver(**row) if row else None


async def find_drivers_by_name(database: Database, name: str) -> list[Driver]:
    """Return at most two drivers of this very name: enough to see whether it names one."""
    return [
        Driver(**row) for row in await database.fetch_all(_DRIVERS_BY_NAME, {"name_key": name.casefold(), "name": name})
    ]


async def count_tokens_of_group(database: Database, group_id: str) -> int:
    row = await database.fetch_one(_TOKENS_OF_GROUP, {"id": group_id})
    return int(row["count"]) if row else 0


async def tokens_of_driver(database: Database, driver_id: str) -> list[str]:
    """Return the ids of all tokens of a driver."""
    return [row["id"] for row in await database.fetch_all(_TOKENS_OF_DRIVER, {"id": driver_id})]


def insert_driver(work: Work, driver: Driver) -> None:
    keys = {"email_key": _key(driver.email), "name_key": driver.name.casefold()}
    work.execute(_INSERT_DRIVER, _without_plan(driver) | keys)


def insert_group(work: Work, group: TokenGroup) -> None:
    work.execute(_INSERT_GROUP, msgspec.structs.asdict(group) | {"value_key": group.value.casefold()})


def insert_token(work: Work, token: Token) -> None:
    work.execute(_INSERT_TOKEN, msgspec.structs.asdict(token) | {"value_key": token_key(token.value, token.kind)})


def update_driver(work: Work, driver_id: str, details: DriverDetails) -> None:
    keys = {"key": driver_id, "email_key": _key(details.email), "name_key": details.name.casefold()}
    row = _without_plan(details) | keys
    work.execute(_UPDATE_DRIVER, row, expect=1)


def update_group(work: Work, group_id: str, details: GroupDetails) -> None:
    row = msgspec.structs.asdict(details) | {"key": group_id, "value_key": details.value.casefold()}
    work.execute(_UPDATE_GROUP, row, expect=1)


def update_token(work: Work, token_id: str, details: TokenDetails) -> None:
    key = token_key(details.value, details.kind)
    row = msgspec.structs.asdict(details) | {"key": token_id, "value_key": key}
    work.execute(_UPDATE_TOKEN, row, expect=1)


def set_driver_block(work: Work, driver_id: str, blocked_at: datetime | None, reason: str) -> None:
    work.execute(_BLOCK_DRIVER, {"key": driver_id, "blocked_at": blocked_at, "block_reason": reason}, expect=1)


def set_token_block(work: Work, token_id: str, blocked_at: datetime | None, reason: str) -> None:
    work.execute(_BLOCK_TOKEN, {"key": token_id, "blocked_at": blocked_at, "block_reason": reason}, expect=1)


def delete_driver(work: Work, driver_id: str) -> None:
    work.execute(_DELETE_PLANS, {"key": driver_id})
    work.execute(_DELETE_DRIVER, {"key": driver_id}, expect=1)


def delete_group(work: Work, group_id: str) -> None:
    work.execute(_DELETE_GROUP, {"key": group_id}, expect=1)


def delete_token(work: Work, token_id: str) -> None:
    work.execute(_DELETE_TOKEN, {"key": token_id}, expect=1)


def append_decision(work: Work, row: Mapping[str, Any]) -> None:
    work.append(_INSERT_DECISION, row)


def release_token(work: Work, token_id: str, driver_id: str) -> None:
    """Let a token of a driver be nobody's."""
    work.execute(_RELEASE_TOKEN, {"key": token_id, "owner": driver_id}, expect=1)


def take_turn(work: Work, token_id: str, seen: int) -> None:
    """Let no other start of the token that was judged at the same time be accepted beside this one: Conflict then."""
    work.execute(_TAKE_TURN, {"key": token_id, "seen": seen, "next": (seen + 1) % 2**31}, expect=1)


def touch_token(database: Database, token_id: str, at: datetime, station_id: str) -> None:
    """Note when and where a token was last accepted. It may be lost in a crash: the decisions tell the same."""
    database.write_behind(_TOUCH_TOKEN, [{"key": token_id, "last_used_at": at, "last_station_id": station_id}])


def _facts(row: Row) -> TokenFacts:
    return TokenFacts(
        token=token_of({name: row[name] for name in Token.__struct_fields__}),
        group_value=row["group_value"],
        is_master_pass=bool(row["is_master_pass"]),
        is_driver_blocked=row["driver_blocked_at"] is not None,
        driver_language=row["driver_language"],
    )


def _without_plan(driver: Driver | DriverDetails) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.structs.asdict(driver)
    del row["plan"]  # it has a table of its own
    return row


def _key(text: str | None) -> str | None:
    return None if text is None else text.casefold()
