"""What is too old goes, in steps so small that nobody who writes notices."""

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from sqlalchemy import ColumnElement, Delete, SelectBase, Table, and_, delete, func, select

from ingufu.infra.storage.database import Database

BATCH_ROWS = 500  # takes 3 to 7 ms, indexes included

log = structlog.get_logger(__name__)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How long rows of a table are kept."""

    name: str
    table: Table
    days: int  # 0: for ever
    at: str = "at"  # the column with their age
    only: ColumnElement[bool] | None = None  # which rows the rule is for
    index: tuple[str, ...] = ()  # columns that stand before `at` in the index to go by


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
    while (count := await _rested(_prune_batch(database, rule, before))) > 0:
        total += count
        if count < BATCH_ROWS:
            break
    return total


async def _prune_batch(database: Database, rule: Rule, before: datetime) -> int:
    """Delete the oldest rows, some `BATCH_ROWS` (more only if they are of the very same instant)."""
    found = await database.select(_step(rule, before))
    rows: int = found[0]["rows"]
    if rows:
        async with database.work() as work:
            work.execute_once(_removal(rule, found[0]["last"]))
    return rows


def _step(rule: Rule, before: datetime) -> SelectBase:
    """Select how many rows the next step takes, and the instant of its last one."""
    at = rule.table.c[rule.at]
    oldest = select(at.label("at")).where(at < before, *_conditions(rule)).order_by(*_order(rule)).limit(BATCH_ROWS)
    rows = oldest.subquery()
    return select(func.count().label("rows"), func.max(rows.c.at).label("last")).select_from(rows)


def _removal(rule: Rule, last: datetime) -> Delete:
    return delete(rule.table).where(and_(rule.table.c[rule.at] <= last, *_conditions(rule)))


def _conditions(rule: Rule) -> list[ColumnElement[bool]]:
    conditions = [] if rule.only is None else [rule.only]
    counted = rule.table.autoincrement_column
    if counted is not None:  # the newest stays: SQLite would give its number again, and who reads on would miss rows
        conditions.append(counted < select(func.max(counted)).scalar_subquery())
    return conditions


def _order(rule: Rule) -> list[ColumnElement[Any]]:
    return [rule.table.c[name] for name in (*rule.index, rule.at)]


async def _rested(step: Awaitable[int]) -> int:
    """Return what `step` returns, after a rest as long as it took."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    result = await step
    await asyncio.sleep(loop.time() - began_s)
    return result
