"""Providers' reports and their lines as lists show them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Select, func, select

from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import MatchState, ReportedKind
from ingufu.ledger.tables import ledger_report_rows, ledger_reports
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit


class ReportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which reports, the last taken in first."""

    provider: Annotated[str, Meta(max_length=200)] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's report, with how many lines are in each state."""

    id: str
    provider: str
    name: str = ""
    first_at: datetime
    last_at: datetime
    rows: int
    imported_at: datetime
    imported_by: str = ""
    states: Annotated[dict[str, int], Meta(description="How many lines are in each state.")]
    unresolved: Annotated[int, Meta(description="Lines that differ and are not resolved.")]


class LineQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines of a report."""

    state: MatchState | None = None
    is_resolved: bool | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a report, beside what is booked."""

    line: int
    reference: str
    at: datetime
    kind: ReportedKind
    amount: Annotated[Decimal | None, Meta(description="Reported; null: the provider does not report it.")] = None
    fee: Decimal
    currency: str
    booked: Annotated[Decimal | None, Meta(description="On the clearing account; null: nothing.")] = None
    state: MatchState
    entry_id: str | None = None
    resolution: str = ""
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolved_entry_id: str | None = None

    @property
    def difference(self) -> Decimal:
        return (self.amount or Decimal(0)) - (self.booked or Decimal(0))

    @property
    def is_settled(self) -> bool:
        return self.resolved_at is not None or self.state in {MatchState.MATCHED, MatchState.DUPLICATE}


_DIFFERING = (MatchState.MISSING_HERE.value, MatchState.MISSING_THERE.value, MatchState.AMOUNT_DIFFERS.value)


async def list_reports(database: Database, books: str, query: ReportQuery) -> Page[ReportRow]:
    """Return one page of the reports."""
    order = Order(ledger_reports.c.id, str, ledger_reports.c.id, name="id", is_descending=True)  # they rise
    statement = _reports(books)
    if query.provider is not None:
        statement = statement.where(ledger_reports.c.provider == query.provider)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=await _counted(database, rows), next=cursor)


async def list_providers(database: Database, books: str) -> list[str]:
    """Return of which providers there are reports."""
    providers = select(ledger_reports.c.provider).where(ledger_reports.c.organisation_id == books).distinct()
    return sorted(row["provider"] for row in await database.select(providers))


async def get_report(database: Database, books: str, report_id: str) -> ReportRow:
    """Return the report. Raises NotFound."""
    rows = await database.select(_reports(books).where(ledger_reports.c.id == report_id))
    if not rows:
        raise NotFound("There is no such report.")
    return (await _counted(database, rows))[0]


async def list_lines(database: Database, report_id: str, query: LineQuery) -> Page[LineRow]:
    """Return one page of a report's lines, in the order of the file."""
    lines = ledger_report_rows.c
    order = Order(lines.line, int, lines.line, tie_kind=int, name="line")
    statement = select(*(lines[name] for name in LineRow.__struct_fields__)).where(lines.report_id == report_id)
    if query.state is not None:
        statement = statement.where(lines.state == query.state.value)
    if query.is_resolved is not None:
        is_resolved = lines.resolved_at.is_not(None)
        statement = statement.where(is_resolved if query.is_resolved else ~is_resolved)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, LineRow) for row in rows), next=cursor)


async def get_line(database: Database, report_id: str, line: int) -> LineRow:
    """Return a line of a report. Raises NotFound."""
    lines = ledger_report_rows.c
    rows = await database.select(
        select(*(lines[name] for name in LineRow.__struct_fields__)).where(
            lines.report_id == report_id, lines.line == line
        )
    )
    if not rows:
        raise NotFound("The report has no such line.")
    return msgspec.convert(rows[0], LineRow)


def _reports(books: str) -> Select[Any]:
    own = [ledger_reports.c[name] for name in ReportRow.__struct_fields__ if name in ledger_reports.columns]
    return select(*own).where(ledger_reports.c.organisation_id == books)


async def _counted(database: Database, rows: list[dict[str, Any]]) -> tuple[ReportRow, ...]:
    lines = ledger_report_rows.c
    is_open = lines.resolved_at.is_(None) & lines.state.in_(_DIFFERING)
    counted = await database.select(
        select(
            lines.report_id,
            lines.state,
            func.count(lines.line).label("lines"),
            func.count(lines.line).filter(is_open).label("unresolved"),
        )
        .where(lines.report_id.in_([row["id"] for row in rows]))
        .group_by(lines.report_id, lines.state)
    )
    return tuple(
        msgspec.convert(
            {
                **row,
                "states": {one["state"]: one["lines"] for one in counted if one["report_id"] == row["id"]},
                "unresolved": sum(one["unresolved"] for one in counted if one["report_id"] == row["id"]),
            },
            ReportRow,
        )
        for row in rows
    )
