"""What is too old goes, in steps so small that nobody who writes notices."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from sqlalchemy import ColumnElement, Delete, SelectBase, Table, and_, delete, func, select

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.seeking import Seek

BATCH_ROWS = 500  # takes 3 to 7 ms, indexes included
DISORDER = timedelta(hours=1)  # by how much rows may stand out of order where their ids tell the time

log = structlog.get_logger(__name__)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How long rows of a table are kept."""

    name: str
    table: Table
    days: int  # 0: for ever
    at: str = "at"  # the column with their age
    only: ColumnElement[bool] | None = None  # which rows the rule is for
    index: tuple[str, ...] = ()  # columns that stand before `at` in the index to go by
    seek: Seek | None = None  # for a table without such an index, whose ids rise with time
    batch_rows: int = BATCH_ROWS


async def prune(database: Database, rules: Iterable[Rule], now: datetime) -> dict[str, int]:
    """Delete what the rules no longer keep, and return how many rows by the rule's name.

    Each batch is a unit of work like any other, and after it we rest as long as it took, so that others wait for a
    few milliseconds at most. Space that has become free is given back to the disk. Raises Unavailable; what was
    deleted until then stays deleted.
    """
    counts: dict[str, int] = {}
    for rule in rules:
        if rule.days > 0:
            counts[rule.name] = await _prune(database, rule, now - timedelta(days=rule.days))
    while await _rested(database.engine.shrink()):
        pass
    pruned = {name: count for name, count in counts.items() if count}
    if pruned:
        log.info("storage.pruned", **pruned)
    return counts


async def _prune(database: Database, rule: Rule, before: datetime) -> int:
    total = 0
    old = [rule.table.c[rule.at] < before, *_conditions(rule)]
    if rule.seek is not None:
        old.append(rule.table.c.id < await rule.seek.first_since(database, before + DISORDER))
    while (count := await _rested(_prune_batch(database, rule, old))) > 0:
        total += count
        if count < rule.batch_rows:
            break
    return total


async def _prune_batch(database: Database, rule: Rule, old: Sequence[ColumnElement[bool]]) -> int:
    """Delete the oldest rows, some `batch_rows` (more only if they are of the very same instant)."""
    found = await database.select(_step(rule, old))
    rows: int = found[0]["rows"]
    if rows:
        async with database.work() as work:
            work.execute_once(_removal(rule, old, found[0]["last"]))
    return rows


def _step(rule: Rule, old: Sequence[ColumnElement[bool]]) -> SelectBase:
    """Select how many rows the next step takes, and the last of them, by what they are taken in order of."""
    order = _order(rule)
    rows = select(order[-1].label("place")).where(*old).order_by(*order).limit(rule.batch_rows).subquery()
    return select(func.count().label("rows"), func.max(rows.c.place).label("last")).select_from(rows)


def _removal(rule: Rule, old: Sequence[ColumnElement[bool]], last: Any) -> Delete:
    return delete(rule.table).where(and_(_order(rule)[-1] <= last, *old))


def _conditions(rule: Rule) -> list[ColumnElement[bool]]:
    conditions = [] if rule.only is None else [rule.only]
    counted = rule.table.autoincrement_column
    if counted is not None:  # the newest stays: SQLite would give its number again, and who reads on would miss rows
        conditions.append(counted < select(func.max(counted)).scalar_subquery())
    return conditions


def _order(rule: Rule) -> list[ColumnElement[Any]]:
    return [rule.table.c[name] for name in (*rule.index, rule.at if rule.seek is None else "id")]


async def _rested(step: Awaitable[int]) -> int:
    """Return what `step` returns, after a rest as long as it took."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    result = await step
    await asyncio.sleep(loop.time() - began_s)
    return result
