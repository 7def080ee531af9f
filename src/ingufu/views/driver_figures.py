"""What drivers charged lately: sessions, energy and money of the last 30 days, and when they charged last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Column, func, select

from ingufu.billing.records.tables import records
from ingufu.charging.tables import transactions
from ingufu.infra.storage.database import Database

SPAN = timedelta(days=30)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one driver charged."""

    sessions: Annotated[int, Meta(description="That began in the span.")] = 0
    energy_wh: Decimal = Decimal(0)
    money: Annotated[
        dict[str, Decimal], Meta(description="What was billed in the span with taxes, credits taken off, by currency.")
    ] = {}
    last_session_at: datetime | None = None
    last_session_id: str | None = None


async def of_drivers(database: Database, driver_ids: Sequence[str], *, since: datetime) -> dict[str, Figures]:
    """Return what each of these drivers charged since then; all of them are there."""
    return await _figures(database, transactions.c.driver_id, records.c.driver_id, driver_ids, since)


async def _figures(  # both ends of the same question
    database: Database, column: Column[Any], billed: Column[Any], ids: Sequence[str], since: datetime
) -> dict[str, Figures]:
    if not ids:
        return {}
    sums = await database.select(
        select(
            column.label("id"),
            func.count().label("sessions"),
            func.sum(transactions.c.energy_wh).label("energy_wh"),
        )
        .where(column.in_(ids), transactions.c.started_at >= since)
        .group_by(column)
    )
    takings = await database.select(
        select(billed.label("id"), records.c.currency, func.sum(records.c.gross).label("gross"))
        .where(billed.in_(ids), records.c.issued_at >= since)
        .group_by(billed, records.c.currency)
        .order_by(records.c.currency)
    )
    lasts = await _lasts(database, column, ids)
    money: dict[str, dict[str, Decimal]] = {}
    for row in takings:
        money.setdefault(row["id"], {})[row["currency"]] = row["gross"]
    by_id = {row["id"]: row for row in sums}
    return {
        one: Figures(
            sessions=by_id[one]["sessions"] if one in by_id else 0,
            energy_wh=by_id[one]["energy_wh"] if one in by_id else Decimal(0),
            money=money.get(one, {}),
            last_session_at=lasts[one][0] if one in lasts else None,
            last_session_id=lasts[one][1] if one in lasts else None,
        )
        for one in ids
    }


async def _lasts(database: Database, column: Column[Any], ids: Sequence[str]) -> dict[str, tuple[datetime, str]]:
    """Return the last session of each, found by its index."""
    latest = (
        select(column.label("owner"), func.max(transactions.c.started_at).label("at"))
        .where(column.in_(ids))
        .group_by(column)
        .subquery()
    )
    rows = await database.select(
        select(column.label("id"), transactions.c.started_at, func.max(transactions.c.id).label("session_id"))
        .where(column == latest.c.owner, transactions.c.started_at == latest.c.at)
        .group_by(column, transactions.c.started_at)
    )
    return {row["id"]: (row["started_at"], row["session_id"]) for row in rows}
