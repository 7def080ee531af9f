"""Decisions on id tokens as lists show them: who was let charge, who was not, and why."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, func, literal_column, select

from ingufu.authorization.model import Occasion, VerdictReason, VerdictStatus
from ingufu.authorization.tables import decisions, tokens
from ingufu.charging.tables import transactions
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds, named
from ingufu.views.tenures import held_now
from ingufu.views.transactions import Instant


class DecisionQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which authorisation decisions, the newest first."""

    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    token_id: Annotated[str, Meta(max_length=100)] | None = None
    token: Annotated[str, Meta(max_length=255, description="The whole value of the token, in any case.")] | None = None
    driver_id: Annotated[str, Meta(max_length=100, description="On tokens that they have now.")] | None = None
    group_id: Annotated[str, Meta(max_length=100, description="On tokens that are in it now.")] | None = None
    transaction_id: Annotated[str, Meta(max_length=100)] | None = None
    status: VerdictStatus | None = None
    is_refused: bool | None = None
    reason: VerdictReason | None = None
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


async def list_decisions(
    database: Database, query: DecisionQuery, site_ids: SiteIds, fleet_id: str | None = None
) -> Page[DecisionRow]:
    """Return one page of the decisions that one may see: of a fleet those on its own tokens."""
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
    if query.token is not None:
        statement = statement.where(await _of_value(database, query.token.strip().casefold()))
    if fleet_id is not None:
        statement = statement.where(decisions.c.token_id.in_(_tokens_of(tokens.c.organisation_id == fleet_id)))
    elif site_ids is not None:
        statement = statement.where(held_now(site_ids, stations.c.site_id, decisions.c.at))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, DecisionRow) for row in rows), next=cursor)


def _decision_conditions(query: DecisionQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.token_id is not None:
        found.append(decisions.c.token_id == query.token_id)
    if query.driver_id is not None:
        found.append(decisions.c.token_id.in_(_tokens_of(tokens.c.driver_id == query.driver_id)))
    if query.group_id is not None:
        found.append(decisions.c.token_id.in_(_tokens_of(tokens.c.group_id == query.group_id)))
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
    return found + _more_conditions(query)


def _more_conditions(query: DecisionQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.reason is not None:
        found.append(decisions.c.reason == query.reason.value)
    if query.since is not None:
        found.append(decisions.c.at >= query.since)
    if query.until is not None:
        found.append(decisions.c.at < query.until)
    return found


async def _of_value(database: Database, value: str) -> ColumnElement[bool]:
    """Return the condition on decisions on a token of this value: by its id if it is known, else on unknown ones."""
    known = [row["id"] for row in await database.select(_tokens_of(tokens.c.value_key == value))]
    if known:
        return decisions.c.token_id.in_(known)
    return and_(decisions.c.token_id.is_(None), func.lower(decisions.c.token_value) == value)


def _tokens_of(condition: ColumnElement[bool]) -> Select[Any]:
    return select(tokens.c.id).where(condition)
