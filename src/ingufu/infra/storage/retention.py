"""What is too old goes, in steps so small that nobody who writes notices."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
import structlog
from sqlalchemy import ColumnElement, Delete, Table, delete, func, select

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.seeking import Seek

BATCH_ROWS = 500  # takes 3 to 7 ms, indexes included
DISORDER = timedelta(minutes=5)  # rows stand out of order by so much where ids tell the time; others go a little later

T = TypeVar("T")
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
    newest = await _newest(database, rule)
    if rule.seek is None:
        return await _prune_by_age(database, rule, before, newest)
    end = await rule.seek.first_since(database, before + DISORDER)
    return await _prune_by_id(database, rule, before, end if newest is None else min(end, newest))


async def _newest(database: Database, rule: Rule) -> int | None:
    """Return the last id of a table that counts them.

    That row stays: SQLite would give its number again, and who reads on would miss rows.
    """
    counted = rule.table.autoincrement_column
    if counted is None:
        return None
    found = await database.select(select(func.max(counted).label("id")))
    newest: int | None = found[0]["id"]
    return newest or 0


async def _prune_by_age(database: Database, rule: Rule, before: datetime, newest: int | None) -> int:
    kept = [] if rule.only is None else [rule.only]
    counted = rule.table.autoincrement_column
    if counted is not None and newest is not None:
        kept.append(counted < newest)
    total = 0
    while (count := await _rested(_prune_oldest(database, rule, before, kept))) > 0:
        total += count
        if count < rule.batch_rows:
            break
    return total


async def _prune_oldest(database: Database, rule: Rule, before: datetime, kept: Sequence[ColumnElement[bool]]) -> int:
    """Delete the oldest rows, some `batch_rows` (more only if they are of the very same instant)."""
    at = rule.table.c[rule.at]
    order = [*(rule.table.c[name] for name in rule.index), at]
    oldest = select(at.label("at")).where(at < before, *kept).order_by(*order).limit(rule.batch_rows).subquery()
    step = select(func.count().label("rows"), func.max(oldest.c.at).label("last")).select_from(oldest)
    found = await database.select(step)
    rows: int = found[0]["rows"]
    if rows:  # by one bound alone: by two of them SQLite may go by the one that is further away
        await _delete(database, delete(rule.table).where(at <= found[0]["last"], *kept))
    return rows


async def _prune_by_id(database: Database, rule: Rule, before: datetime, end: int) -> int:
    """Go through the rows below an id, and delete those that are old.

    Each step looks at `batch_rows` of them and no more: where none is old, the first that is would be looked for in
    the whole table.
    """
    total, after = 0, 0
    while after < end - 1:
        last, count = await _rested(_prune_next(database, rule, before, (after, end)))
        total += count
        after = last
    return total


async def _prune_next(database: Database, rule: Rule, before: datetime, between: tuple[int, int]) -> tuple[int, int]:
    """Return the last id that was looked at, and how many rows went."""
    after, end = between
    number, at = rule.table.c.id, rule.table.c[rule.at]
    only = [] if rule.only is None else [rule.only]
    rows = select(number, at.label("at")).where(number > after, number < end, *only)
    found = await database.select(rows.order_by(number).limit(rule.batch_rows))
    if not found:
        return end, 0
    last, count = int(found[-1]["id"]), sum(row["at"] < before for row in found)
    if count:
        await _delete(database, delete(rule.table).where(number > after, number <= last, at < before, *only))
    return last, count


async def _delete(database: Database, statement: Delete) -> None:
    async with database.work() as work:
        work.execute_once(statement)


async def _rested(step: Awaitable[T]) -> T:
    """Return what `step` returns, after a rest as long as it took."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    result = await step
    await asyncio.sleep(loop.time() - began_s)
    return result
