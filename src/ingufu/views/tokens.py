"""Drivers, id tokens, groups and decisions as lists show them."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select

from ingufu.authorization.decide import MASK, is_secret
from ingufu.authorization.model import Occasion, TokenLimits, VerdictReason, VerdictStatus
from ingufu.authorization.tables import decisions, drivers, token_groups, tokens
from ingufu.charging.tables import transactions
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds, contains, named, seen
from ingufu.views.transactions import Instant


class TokenQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which id tokens, in which order."""

    q: Annotated[str, Meta(max_length=200, description="Part of the value, the note or the driver's name.")] = ""
    kind: Annotated[str, Meta(max_length=20)] | None = None
    group_id: Annotated[str, Meta(max_length=100)] | None = None
    driver_id: Annotated[str, Meta(max_length=100)] | None = None
    is_blocked: bool | None = None
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
    created_at: datetime


class DriverQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which drivers, in which order."""

    q: Annotated[str, Meta(max_length=200, description="Part of name, e-mail address or telephone number.")] = ""
    is_blocked: bool | None = None
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
    blocked_at: datetime | None = None
    token_count: int = 0
    created_at: datetime


class GroupQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which groups."""

    q: Annotated[str, Meta(max_length=200, description="Part of value or name.")] = ""
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


class DecisionQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which authorisation decisions, the newest first."""

    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    token_id: Annotated[str, Meta(max_length=100)] | None = None
    transaction_id: Annotated[str, Meta(max_length=100)] | None = None
    status: VerdictStatus | None = None
    is_refused: bool | None = None
    since: Annotated[Instant | None, Meta(description="At this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class DecisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision on a token, with its reason."""

    id: int
    at: datetime
    station_id: str
    station_identity: str | None = None
    time_zone: Annotated[str, Meta(description="Of the station's site.")] = "UTC"
    evse: int | None = None
    token_id: str | None = None
    token_value: str
    token_kind: str
    occasion: Occasion
    status: VerdictStatus
    reason: VerdictReason
    transaction_id: str | None = None


async def list_tokens(database: Database, query: TokenQuery) -> Page[TokenRow]:
    """Return one page of the tokens."""
    sorts = {"value": (tokens.c.value_key, str), "created_at": (tokens.c.created_at, datetime)}
    conditions: list[ColumnElement[bool]] = []
    if query.q:
        texts = (tokens.c.value_key, tokens.c.note, func.coalesce(drivers.c.name, ""))
        is_open = func.lower(tokens.c.kind) != "keycode"  # what is a secret cannot be searched for
        conditions.append(or_(*(contains(text, query.q) for text in texts)) & is_open)
    exact = {tokens.c.kind: query.kind, tokens.c.group_id: query.group_id, tokens.c.driver_id: query.driver_id}
    conditions += [column == value for column, value in exact.items() if value is not None]
    if query.is_blocked is not None:
        conditions.append(tokens.c.blocked_at.is_not(None) if query.is_blocked else tokens.c.blocked_at.is_(None))
    order = _order(query.sort, sorts, tokens.c.id)
    rows = await database.select(
        ordered(_token_rows().where(*conditions), order, cursor=query.cursor, limit=query.limit)
    )
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(_token(row) for row in rows), next=cursor)


async def get_token(database: Database, token_id: str) -> TokenRow:
    """Return the token. Raises NotFound."""
    rows = await database.select(_token_rows().where(tokens.c.id == token_id))
    if not rows:
        raise NotFound("There is no such token.")
    return _token(rows[0])


async def list_drivers(database: Database, query: DriverQuery) -> Page[DriverRow]:
    """Return one page of the drivers."""
    sorts = {"name": (func.lower(drivers.c.name), str), "created_at": (drivers.c.created_at, datetime)}
    conditions: list[ColumnElement[bool]] = []
    if query.q:
        texts = (drivers.c.name, func.coalesce(drivers.c.email, ""), func.coalesce(drivers.c.phone, ""))
        conditions.append(or_(*(contains(text, query.q) for text in texts)))
    if query.is_blocked is not None:
        conditions.append(drivers.c.blocked_at.is_not(None) if query.is_blocked else drivers.c.blocked_at.is_(None))
    order = _order(query.sort, sorts, drivers.c.id)
    rows = await database.select(
        ordered(_driver_rows().where(*conditions), order, cursor=query.cursor, limit=query.limit)
    )
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, DriverRow) for row in rows), next=cursor)


async def get_driver(database: Database, driver_id: str) -> DriverRow:
    """Return the driver. Raises NotFound."""
    rows = await database.select(_driver_rows().where(drivers.c.id == driver_id))
    if not rows:
        raise NotFound("There is no such driver.")
    return msgspec.convert(rows[0], DriverRow)


async def list_groups(database: Database, query: GroupQuery) -> Page[GroupRow]:
    """Return one page of the groups."""
    order = _order(query.sort, {"name": (func.lower(token_groups.c.name), str)}, token_groups.c.id)
    statement = _group_rows()
    if query.q:
        statement = statement.where(
            or_(contains(token_groups.c.value_key, query.q), contains(token_groups.c.name, query.q))
        )
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, GroupRow) for row in rows), next=cursor)


async def get_group(database: Database, group_id: str) -> GroupRow:
    """Return the group. Raises NotFound."""
    rows = await database.select(_group_rows().where(token_groups.c.id == group_id))
    if not rows:
        raise NotFound("There is no such group.")
    return msgspec.convert(rows[0], GroupRow)


async def list_decisions(database: Database, query: DecisionQuery, site_ids: SiteIds) -> Page[DecisionRow]:
    """Return one page of the decisions that one may see."""
    order = Order(decisions.c.at, datetime, decisions.c.id, tie_kind=int, name="at", is_descending=True)
    statement = (
        select(
            *decisions.columns,
            stations.c.identity.label("station_identity"),
            func.coalesce(sites.c.time_zone, "UTC").label("time_zone"),
        )
        .select_from(
            decisions.outerjoin(stations, stations.c.id == decisions.c.station_id).outerjoin(
                sites, sites.c.id == stations.c.site_id
            )
        )
        .where(*_decision_conditions(query))
    )
    if query.station is not None:
        ids = select(stations.c.id).where(named(query.station))
        statement = statement.where(decisions.c.station_id.in_([row["id"] for row in await database.select(ids)]))
    if site_ids is not None:
        statement = statement.where(seen(site_ids))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, DecisionRow) for row in rows), next=cursor)


def _order(sort: str, sorts: dict[str, tuple[Any, Any]], tie: Any) -> Order:  # columns of Core
    name = sort.removeprefix("-")
    column, kind = sorts[name]
    return Order(column, kind, tie, name=name, is_descending=sort.startswith("-"))


def _token_rows() -> Select[Any]:
    chosen = [tokens.c[name] for name in TokenRow.__struct_fields__ if name in tokens.columns]
    return select(*chosen, drivers.c.name.label("driver_name"), token_groups.c.name.label("group_name")).select_from(
        tokens.outerjoin(drivers, drivers.c.id == tokens.c.driver_id).outerjoin(
            token_groups, token_groups.c.id == tokens.c.group_id
        )
    )


def _token(row: dict[str, Any]) -> TokenRow:
    shown = {**row, "value": MASK} if is_secret(row["kind"]) else row
    return msgspec.convert(shown, TokenRow)


def _driver_rows() -> Select[Any]:
    count = select(func.count()).where(tokens.c.driver_id == drivers.c.id).scalar_subquery()
    chosen = [drivers.c[name] for name in DriverRow.__struct_fields__ if name in drivers.columns]
    return select(*chosen, count.label("token_count"))


def _group_rows() -> Select[Any]:
    count = select(func.count()).where(tokens.c.group_id == token_groups.c.id).scalar_subquery()
    chosen = [token_groups.c[name] for name in GroupRow.__struct_fields__ if name in token_groups.columns]
    return select(*chosen, count.label("token_count"))


def _decision_conditions(query: DecisionQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.token_id is not None:
        found.append(decisions.c.token_id == query.token_id)
    if query.transaction_id is not None:  # found by its station, for decisions are many and rarely name one
        of_it = select(transactions.c.station_id).where(transactions.c.id == query.transaction_id)
        found += [
            decisions.c.transaction_id == query.transaction_id,
            decisions.c.station_id == of_it.scalar_subquery(),
        ]
    if query.status is not None:
        found.append(decisions.c.status == query.status.value)
    is_accepted = query.status is VerdictStatus.ACCEPTED
    if query.is_refused or (query.status is not None and not is_accepted):
        accepted: ColumnElement[str] = literal_column("'Accepted'")
        found.append(decisions.c.status != accepted)  # in the words of the partial index
    if query.is_refused is False:
        found.append(decisions.c.status == VerdictStatus.ACCEPTED.value)
    if query.since is not None:
        found.append(decisions.c.at >= query.since)
    if query.until is not None:
        found.append(decisions.c.at < query.until)
    return found
