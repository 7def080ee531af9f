"""Drivers, id tokens and groups as lists show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, exists, false, func, literal_column, or_, select

from ingufu.accounts.tables import organisations
from ingufu.authorization.decide import MASK, is_secret
from ingufu.authorization.model import TokenLimits
from ingufu.authorization.tables import driver_plans, drivers, token_groups, tokens
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.stations.tables import stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, contains

MATCHED = 1000  # tokens that a text may mean, to be looked up by their ids


class TokenQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which id tokens, in which order."""

    q: Annotated[str, Meta(max_length=200, description="Part of the value, the note or the driver's name.")] = ""
    kind: Annotated[str, Meta(max_length=20)] | None = None
    group_id: Annotated[str, Meta(max_length=100)] | None = None
    driver_id: Annotated[str, Meta(max_length=100)] | None = None
    organisation_id: Annotated[str, Meta(max_length=100)] | None = None
    is_blocked: bool | None = None
    is_expired: Annotated[bool | None, Meta(description="Whether its time is over.")] = None
    is_used: Annotated[bool | None, Meta(description="Whether it was ever accepted.")] = None
    sort: Literal["value", "-value", "created_at", "-created_at"] = "value"
    limit: Limit = 50
    cursor: Cursor | None = None


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """An id token, with its group and driver."""

    id: str
    value: Annotated[str, Meta(description="Masked if it is itself a secret (KeyCode).")]
    kind: str
    group_id: str | None = None
    group_name: str | None = None
    group_value: Annotated[str | None, Meta(description="What stations see as parentIdTag or groupIdToken.")] = None
    driver_id: str | None = None
    driver_name: str | None = None
    blocked_at: datetime | None = None
    block_reason: str = ""
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    concurrent_limit: Annotated[int | None, Meta(description="Transactions at once; null: no limit.")] = None
    language: str | None = None
    second_language: str | None = None
    charging_priority: int | None = None
    message: str | None = None
    has_credit: bool = True
    limits: Annotated[
        TokenLimits | None, Meta(description="Where and when it may start; null: everywhere, always.")
    ] = None
    note: str = ""
    last_used_at: datetime | None = None
    last_station_id: str | None = None
    last_station_identity: str | None = None
    organisation_id: str = ""
    is_driver_blocked: Annotated[bool, Meta(description="Refused because its driver is blocked.")] = False
    created_at: datetime


class DriverQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which drivers, in which order."""

    q: Annotated[str, Meta(max_length=200, description="Part of name, e-mail address or telephone number.")] = ""
    is_blocked: bool | None = None
    group_id: Annotated[str, Meta(max_length=100, description="With a token of this group.")] | None = None
    organisation_id: Annotated[str, Meta(max_length=100)] | None = None
    has_tokens: Annotated[bool | None, Meta(description="Whether they have any token.")] = None
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"
    limit: Limit = 50
    cursor: Cursor | None = None


class DriverRow(msgspec.Struct, frozen=True, kw_only=True):
    """A driver."""

    id: str
    organisation_id: str
    name: str
    email: str | None = None
    phone: str | None = None
    language: str
    note: str = ""
    plan: Annotated[str | None, Meta(description="What they have subscribed to; null: nothing.")] = None
    blocked_at: datetime | None = None
    block_reason: str = ""
    organisation_name: str | None = None
    token_count: int = 0
    created_at: datetime


class GroupQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which groups."""

    q: Annotated[str, Meta(max_length=200, description="Part of value or name.")] = ""
    organisation_id: Annotated[str, Meta(max_length=100)] | None = None
    sort: Literal["name", "-name"] = "name"
    limit: Limit = 50
    cursor: Cursor | None = None


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """A group of tokens: one of them may stop what another started."""

    id: str
    organisation_id: str
    value: Annotated[str, Meta(description="What stations see as parentIdTag or groupIdToken.")]
    name: str
    is_master_pass: Annotated[bool, Meta(description="Its tokens may stop any transaction, and start none.")]
    token_count: int = 0
    created_at: datetime


async def list_tokens(
    database: Database, query: TokenQuery, fleet_id: str | None = None, *, now: datetime | None = None
) -> Page[TokenRow]:
    """Return one page of the tokens; of a fleet its own alone. `now` decides what has expired."""
    sorts = {
        "value": (tokens.c.value_key, str),
        "created_at": (tokens.c.created_at, datetime),
    }
    order = _order(query.sort, sorts, tokens.c.id)
    statement = _token_rows().where(*await _found_conditions(database, query, fleet_id, now))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(_token(row) for row in rows), next=cursor)


async def count_tokens(
    database: Database, query: TokenQuery, fleet_id: str | None = None, *, now: datetime | None = None
) -> int:
    """Return how many tokens fit."""
    named = tokens.outerjoin(drivers, drivers.c.id == tokens.c.driver_id)
    statement = select(func.count().label("count")).select_from(named)
    rows = await database.select(statement.where(*await _found_conditions(database, query, fleet_id, now)))
    return int(rows[0]["count"])


async def choose_tokens(  # by hand or by filter
    database: Database,
    chosen: TokenQuery | Sequence[str],
    fleet_id: str | None,
    *,
    now: datetime,
    most: int,
) -> list[tuple[str, str]]:
    """Return ids and values of the tokens that are named or fit, as far as they may be seen; at most so many."""
    named = tokens.outerjoin(drivers, drivers.c.id == tokens.c.driver_id)
    statement = select(tokens.c.id, tokens.c.value, tokens.c.kind).select_from(named).order_by(tokens.c.value_key)
    if isinstance(chosen, TokenQuery):
        statement = statement.where(*_token_conditions(chosen, fleet_id, now))
    else:
        statement = statement.where(tokens.c.id.in_(chosen), *_owned(tokens, fleet_id))
    rows = await database.select(statement.limit(most))
    return [(row["id"], MASK if is_secret(row["kind"]) else row["value"]) for row in rows]


async def tokens_of_driver(database: Database, driver_id: str, fleet_id: str | None) -> list[str]:
    """Return the ids of all tokens of a driver, as far as they may be seen."""
    statement = select(tokens.c.id).where(tokens.c.driver_id == driver_id, *_owned(tokens, fleet_id))
    return [row["id"] for row in await database.select(statement.order_by(tokens.c.value_key))]


async def choose_drivers(
    database: Database, chosen: DriverQuery | Sequence[str], fleet_id: str | None, *, most: int
) -> list[tuple[str, str]]:
    """Return ids and names of the drivers who are named or fit, as far as they may be seen; at most so many."""
    statement = select(drivers.c.id, drivers.c.name).order_by(drivers.c.name_key)
    if isinstance(chosen, DriverQuery):
        statement = statement.where(*_driver_conditions(chosen, fleet_id))
    else:
        statement = statement.where(drivers.c.id.in_(chosen), *_owned(drivers, fleet_id))
    return [(row["id"], row["name"]) for row in await database.select(statement.limit(most))]


async def get_token(database: Database, token_id: str, fleet_id: str | None = None) -> TokenRow:
    """Return the token. Raises NotFound."""
    rows = await database.select(_token_rows().where(tokens.c.id == token_id, *_owned(tokens, fleet_id)))
    if not rows:
        raise NotFound("There is no such token.")
    return _token(rows[0])


async def list_drivers(database: Database, query: DriverQuery, fleet_id: str | None = None) -> Page[DriverRow]:
    """Return one page of the drivers; of a fleet its own alone."""
    sorts = {"name": (drivers.c.name_key, str), "created_at": (drivers.c.created_at, datetime)}
    order = _order(query.sort, sorts, drivers.c.id)
    statement = _driver_rows().where(*_driver_conditions(query, fleet_id))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, DriverRow) for row in rows), next=cursor)


async def count_drivers(database: Database, query: DriverQuery, fleet_id: str | None = None) -> int:
    """Return how many drivers fit."""
    statement = select(func.count().label("count")).select_from(drivers)
    rows = await database.select(statement.where(*_driver_conditions(query, fleet_id)))
    return int(rows[0]["count"])


async def get_driver(database: Database, driver_id: str, fleet_id: str | None = None) -> DriverRow:
    """Return the driver. Raises NotFound."""
    rows = await database.select(_driver_rows().where(drivers.c.id == driver_id, *_owned(drivers, fleet_id)))
    if not rows:
        raise NotFound("There is no such driver.")
    return msgspec.convert(rows[0], DriverRow)


async def list_groups(database: Database, query: GroupQuery, fleet_id: str | None = None) -> Page[GroupRow]:
    """Return one page of the groups; of a fleet its own alone."""
    order = _order(query.sort, {"name": (func.lower(token_groups.c.name), str)}, token_groups.c.id)
    conditions = _owned(token_groups, fleet_id)
    if query.q:
        conditions.append(or_(contains(token_groups.c.value_key, query.q), contains(token_groups.c.name, query.q)))
    if query.organisation_id is not None:
        conditions.append(token_groups.c.organisation_id == query.organisation_id)
    statement = _group_rows().where(*conditions)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, GroupRow) for row in rows), next=cursor)


async def get_group(database: Database, group_id: str, fleet_id: str | None = None) -> GroupRow:
    """Return the group. Raises NotFound."""
    rows = await database.select(_group_rows().where(token_groups.c.id == group_id, *_owned(token_groups, fleet_id)))
    if not rows:
        raise NotFound("There is no such group.")
    return msgspec.convert(rows[0], GroupRow)


async def choose_groups(database: Database, ids: Sequence[str], fleet_id: str | None = None) -> list[tuple[str, str]]:
    """Return ids and names of the groups that are named, as far as they may be seen."""
    statement = select(token_groups.c.id, token_groups.c.name, token_groups.c.value)
    statement = statement.where(token_groups.c.id.in_(ids), *_owned(token_groups, fleet_id))
    rows = await database.select(statement.order_by(func.lower(token_groups.c.name)))
    return [(row["id"], row["name"] or row["value"]) for row in rows]


async def match_tokens(database: Database, text: str, *, most: int) -> list[str]:
    """Return the tokens whose value, note or driver's name has the text in it, at most so many; no secret ones."""
    wanted = text.strip().casefold()
    keyed = tokens.alias()
    value = select(keyed.c.value_key).where(keyed.c.value_key.contains(wanted, autoescape=True))
    person = select(drivers.c.id).where(drivers.c.name_key.contains(wanted, autoescape=True))
    matches = (  # each by an index that holds all that is looked through
        tokens.c.value_key.in_(value.limit(most)),
        tokens.c.driver_id.in_(person.limit(most)),
        (tokens.c.note != literal_column("''")) & contains(tokens.c.note, text),
    )
    found: dict[str, None] = {}
    for is_it in matches:
        rows = await database.select(select(tokens.c.id).where(is_it, _is_open()).limit(most))
        found |= {row["id"]: None for row in rows}
    return list(found)[:most]


async def _found_conditions(
    database: Database, query: TokenQuery, fleet_id: str | None, now: datetime | None
) -> list[ColumnElement[bool]]:
    """Return what the tokens must meet; those that a text may mean are looked up first, unless they are very many.

    The many are met soon enough in the order of the list.
    """
    if not query.q.strip():
        return _token_conditions(query, fleet_id, now)
    ids = await match_tokens(database, query.q, most=MATCHED + 1)
    if len(ids) > MATCHED:
        return _token_conditions(query, fleet_id, now)
    rest = _token_conditions(msgspec.structs.replace(query, q=""), fleet_id, now)
    return [*rest, tokens.c.id.in_(ids) if ids else false()]


def _order(sort: str, sorts: dict[str, tuple[Any, Any]], tie: Any) -> Order:  # columns of Core
    name = sort.removeprefix("-")
    column, kind = sorts[name]
    return Order(column, kind, tie, name=name, is_descending=sort.startswith("-"))


def _token_rows() -> Select[Any]:
    chosen = [tokens.c[name] for name in TokenRow.__struct_fields__ if name in tokens.columns]
    return select(
        *chosen,
        drivers.c.name.label("driver_name"),
        drivers.c.blocked_at.is_not(None).label("is_driver_blocked"),
        token_groups.c.name.label("group_name"),
        token_groups.c.value.label("group_value"),
        stations.c.identity.label("last_station_identity"),
    ).select_from(
        tokens.outerjoin(drivers, drivers.c.id == tokens.c.driver_id)
        .outerjoin(token_groups, token_groups.c.id == tokens.c.group_id)
        .outerjoin(stations, stations.c.id == tokens.c.last_station_id)
    )


def _token(row: dict[str, Any]) -> TokenRow:
    shown = {**row, "value": MASK} if is_secret(row["kind"]) else row
    return msgspec.convert(shown, TokenRow)


def _driver_rows() -> Select[Any]:
    count = select(func.count()).where(tokens.c.driver_id == drivers.c.id).scalar_subquery()
    chosen = [drivers.c[name] for name in DriverRow.__struct_fields__ if name in drivers.columns]
    plan = (
        select(driver_plans.c.plan)
        .where(driver_plans.c.driver_id == drivers.c.id, driver_plans.c.valid_until.is_(None))
        .correlate(drivers)
        .scalar_subquery()
    )
    return select(
        *chosen,
        organisations.c.name.label("organisation_name"),
        count.label("token_count"),
        plan.label("plan"),
    ).select_from(drivers.outerjoin(organisations, organisations.c.id == drivers.c.organisation_id))


def _group_rows() -> Select[Any]:
    count = select(func.count()).where(tokens.c.group_id == token_groups.c.id).scalar_subquery()
    chosen = [token_groups.c[name] for name in GroupRow.__struct_fields__ if name in token_groups.columns]
    return select(*chosen, count.label("token_count"))


def _token_conditions(query: TokenQuery, fleet_id: str | None, now: datetime | None) -> list[ColumnElement[bool]]:
    found = _owned(tokens, fleet_id)
    if query.q:
        texts = (tokens.c.value_key, tokens.c.note, func.coalesce(drivers.c.name, ""))
        found.append(or_(*(contains(text, query.q) for text in texts)) & _is_open())
    exact = {
        tokens.c.kind: query.kind,
        tokens.c.group_id: query.group_id,
        tokens.c.driver_id: query.driver_id,
        tokens.c.organisation_id: query.organisation_id,
    }
    found += [column == value for column, value in exact.items() if value is not None]
    found += _set(tokens.c.blocked_at, query.is_blocked) + _set(tokens.c.last_used_at, query.is_used)
    if query.is_expired is not None and now is not None:
        is_over = tokens.c.expires_at <= now
        found.append(is_over if query.is_expired else or_(tokens.c.expires_at.is_(None), ~is_over))
    return found


def _is_open() -> ColumnElement[bool]:
    """Return the condition that a token is no secret: those cannot be searched for."""
    return func.lower(tokens.c.kind) != "keycode"


def _driver_conditions(query: DriverQuery, fleet_id: str | None) -> list[ColumnElement[bool]]:
    found = _owned(drivers, fleet_id)
    if query.q:
        texts = (drivers.c.name, func.coalesce(drivers.c.email, ""), func.coalesce(drivers.c.phone, ""))
        found.append(or_(*(contains(text, query.q) for text in texts)))
    if query.organisation_id is not None:
        found.append(drivers.c.organisation_id == query.organisation_id)
    found += _set(drivers.c.blocked_at, query.is_blocked)
    if query.group_id is not None:
        found.append(drivers.c.id.in_(select(tokens.c.driver_id).where(tokens.c.group_id == query.group_id)))
    if query.has_tokens is not None:
        one = exists().where(tokens.c.driver_id == drivers.c.id)
        found.append(one if query.has_tokens else ~one)
    return found


def _owned(table: Any, fleet_id: str | None) -> list[ColumnElement[bool]]:
    return [] if fleet_id is None else [table.c.organisation_id == fleet_id]


def _set(column: Any, is_set: bool | None) -> list[ColumnElement[bool]]:  # noqa: FBT001 - None: it does not matter
    if is_set is None:
        return []
    return [column.is_not(None) if is_set else column.is_(None)]
