"""Refused connection attempts put together: who fails for which reason, how often, since when."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, false, func, or_, select

from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.model import Approval, AttemptOutcome
from ingufu.stations.tables import attempts, stations
from ingufu.views.paging import Order, Page, beyond, cursor_at
from ingufu.views.stations import SiteIds, contains, seen


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Equal refusals of one identity, with the facts of the latest."""

    outcome: AttemptOutcome
    identity: str | None = None
    station_id: str | None = None
    station_name: str | None = None
    site_id: str | None = None
    time_zone: str | None = None
    approval: Approval | None = None
    is_online: bool = False
    first_at: datetime
    last_at: datetime
    count: int
    address_count: int
    # of the latest
    listener: str
    address: str
    path: str
    offered: tuple[str, ...] = ()
    tls_version: str | None = None
    certificate_name: str | None = None
    user_agent: str | None = None
    http_status: int | None = None
    detail: str = ""


async def list_refusals(  # what the page filters by
    database: Database,
    site_ids: SiteIds,
    *,
    since: datetime,
    text: str = "",
    outcome: AttemptOutcome | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Refusal]:
    """Return one page of the refusals since then, those that were repeated last first.

    Raises InvalidInput for a cursor that is not ours.
    """
    latest = func.max(attempts.c.id).label("latest")  # ids rise with time
    order = Order(func.max(attempts.c.last_at), datetime, func.max(attempts.c.id), name="last_at", is_descending=True)
    groups = (
        select(
            latest,
            func.min(attempts.c.at).label("first_at"),
            func.max(attempts.c.last_at).label("last_at"),
            func.sum(attempts.c.count).label("count"),
            func.count(attempts.c.address.distinct()).label("address_count"),
        )
        .where(*_conditions(since, text, outcome, site_ids))
        .group_by(attempts.c.outcome, func.coalesce(attempts.c.identity, ""), func.coalesce(attempts.c.station_id, ""))
        .order_by(order.column.desc(), order.tie.desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        groups = groups.having(beyond(order, cursor))
    found = await database.select(groups)
    shown, last = found[:limit], found[limit - 1] if len(found) > limit else None
    rows = {row["id"]: row for row in await _facts(database, [row["latest"] for row in shown])}
    return Page(
        items=tuple(msgspec.convert({**rows[row["latest"]], **row}, Refusal) for row in shown),
        next=None if last is None else cursor_at(order, last["last_at"], last["latest"]),
    )


async def count_refusals(database: Database, site_ids: SiteIds, *, since: datetime) -> int:
    """Return how many identities fail for how many reasons, for the mark beside the menu."""
    groups = (
        select(attempts.c.outcome)
        .where(*_conditions(since, "", None, site_ids))
        .group_by(attempts.c.outcome, func.coalesce(attempts.c.identity, ""), func.coalesce(attempts.c.station_id, ""))
        .subquery()
    )
    return int((await database.select(select(func.count().label("number")).select_from(groups)))[0]["number"])


async def _facts(database: Database, ids: list[str]) -> list[dict[str, Any]]:
    names = (
        "id", "outcome", "identity", "station_id", "listener", "address", "path", "offered", "tls_version",
        "certificate_name", "user_agent", "http_status", "detail",
    )  # fmt: skip
    statement = (
        select(
            *(attempts.c[name] for name in names),
            stations.c.name.label("station_name"),
            stations.c.site_id,
            stations.c.approval,
            func.coalesce(stations.c.is_online, false()).label("is_online"),
            sites.c.time_zone,
        )
        .select_from(
            attempts.outerjoin(stations, stations.c.id == attempts.c.station_id).outerjoin(
                sites, sites.c.id == stations.c.site_id
            )
        )
        .where(attempts.c.id.in_(ids))
    )
    return await database.select(statement) if ids else []


def _conditions(
    since: datetime, text: str, outcome: AttemptOutcome | None, site_ids: SiteIds
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        attempts.c.at >= since,
        attempts.c.outcome != AttemptOutcome.CONNECTED.value,
    ]
    if outcome is not None:
        found.append(attempts.c.outcome == outcome.value)
    if text:
        found.append(or_(contains(func.coalesce(attempts.c.identity, ""), text), contains(attempts.c.address, text)))
    if site_ids is not None:
        found.append(attempts.c.station_id.in_(select(stations.c.id).where(seen(site_ids))))
    return found
