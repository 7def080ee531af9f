"""Documents as lists show them, with what they are now: paid, overdue, credited, awaiting a fiscal signature."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, literal_column, or_, select, true

from ingufu.accounts.model import OfFleet
from ingufu.billing.fiscal.tables import fiscal_receipts
from ingufu.billing.invoices.compose import standing_of
from ingufu.billing.invoices.model import DocumentKind, DocumentState, Standing
from ingufu.billing.invoices.tables import customers, document_lines, documents, legal_entities, settlements
from ingufu.billing.records.tables import records
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.views.charge_records import seen_records
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.personal import as_seen, hides_drivers
from ingufu.views.stations import Cursor, Limit, SiteIds
from ingufu.views.tenures import hull, is_bounded, sites_of, spans_of, within
from ingufu.views.transactions import Instant

_credits = documents.alias("credits")
_SHOWN = ("id", "kind", "number", "legal_entity_id", "customer_id", "customer_name", "issued_on", "due_on", "period",
          "currency", "net", "tax", "gross", "payable", "corrects_id", "problem", "created_at")  # fmt: skip
_EXPORT_ROWS = 500
# In the words of the index that holds them: a bound value would not be known to be in it.
_IN_NEED = and_(documents.c.state == literal_column("'draft'"), documents.c.problem != literal_column("''"))


class DocumentQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which documents, the newest first."""

    q: Annotated[str, Meta(max_length=100, description="A part of the number or of the customer's name.")] | None = None
    kind: DocumentKind | None = None
    state: DocumentState | None = None
    legal_entity_id: Annotated[str, Meta(max_length=100)] | None = None
    customer_id: Annotated[str, Meta(max_length=100)] | None = None
    charge_record_id: Annotated[str, Meta(max_length=100, description="That bill or credit it.")] | None = None
    driver_id: Annotated[str, Meta(max_length=100, description="With a session of this driver.")] | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    needs_attention: Annotated[bool | None, Meta(description="Drafts that say what is missing.")] = None
    since: Annotated[Instant | None, Meta(description="Made at this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Made before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class DocumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A document in one line."""

    id: str
    kind: DocumentKind
    standing: Annotated[Standing, Meta(description="What it is now.")]
    number: str | None = None
    legal_entity_id: str
    legal_entity_name: str | None = None
    customer_id: str | None = None
    customer_name: str = ""
    issued_on: str | None = None
    due_on: str | None = None
    period: Annotated[str | None, Meta(description="Of a statement, as in 2026-03.")] = None
    currency: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    payable: Annotated[Decimal, Meta(description="What is to be paid; of a credit note, what is given back.")]
    settled: Decimal = Decimal(0)
    credited: Decimal = Decimal(0)
    corrects_id: str | None = None
    problem: Annotated[str, Meta(description="Why a draft was not finalised by itself.")] = ""
    awaits_signature: Annotated[bool, Meta(description="A fiscal device has not answered yet.")] = False
    created_at: datetime


class CustomerQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which customers, by name."""

    q: Annotated[str, Meta(max_length=100, description="A part of the name.")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


async def list_documents(
    database: Database, query: DocumentQuery, site_ids: SiteIds, now: datetime
) -> Page[DocumentRow]:
    """Return one page of the documents that one may see: those of which every line is of one's sites."""
    order = Order(documents.c.created_at, datetime, documents.c.id, name="created_at", is_descending=True)
    keys = select(documents.c.id).where(
        *_conditions(query, site_ids), seen(site_ids)
    )  # an index holds what these ask for
    found = await database.select(ordered(keys, order, cursor=query.cursor, limit=query.limit))
    page, cursor = cut(found, order, query.limit)
    ids = [row["order_tie"] for row in page]
    rows = {row["id"]: row for row in await database.select(_rows().where(documents.c.id.in_(ids)))} if ids else {}
    return Page(items=as_seen(site_ids, tuple(_row(rows[key], now) for key in ids)), next=cursor)


async def export_documents(
    database: Database, query: DocumentQuery, site_ids: SiteIds, now: datetime
) -> AsyncIterator[list[DocumentRow]]:
    """Yield all that fit, the newest first, a few at a time."""
    cursor: str | None = None
    while True:
        asked = msgspec.structs.replace(query, limit=_EXPORT_ROWS, cursor=cursor)
        page = await list_documents(database, asked, site_ids, now)
        if page.items:
            yield list(page.items)
        cursor = page.next
        if cursor is None:
            return


async def check_seen(database: Database, document_id: str, site_ids: SiteIds) -> None:
    """Raise NotFound if there is no such document, or it is not one's to see."""
    rows = await database.select(select(documents.c.id).where(documents.c.id == document_id, seen(site_ids)))
    if not rows:
        raise NotFound("There is no such document.")


async def find_document(database: Database, document_id: str, now: datetime, site_ids: SiteIds) -> DocumentRow | None:
    """Return a document in one line, whosever it is, as those may see it who see these sites."""
    rows = await database.select(_rows().where(documents.c.id == document_id))
    return as_seen(site_ids, _row(rows[0], now)) if rows else None


async def list_documents_of(
    database: Database, record_id: str, site_ids: SiteIds, now: datetime
) -> tuple[DocumentRow, ...]:
    """Return the documents that bill or credit a charge record."""
    page = await list_documents(database, DocumentQuery(charge_record_id=record_id), site_ids, now)
    return page.items


async def list_customers(database: Database, query: CustomerQuery) -> Page[dict[str, Any]]:
    """Return one page of customers, as they are kept."""
    order = Order(customers.c.name, str, customers.c.id, name="name")
    statement = select(customers.c.details)
    if query.q:
        statement = statement.where(func.lower(customers.c.name).contains(query.q.lower(), autoescape=True))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(row["details"] for row in rows), next=cursor)


def seen(site_ids: SiteIds) -> ColumnElement[bool]:
    """Return the condition that a document is one's to see."""
    if site_ids is None:
        return documents.c.id.is_not(None)
    of_it = document_lines.c.document_id == documents.c.id
    begins: datetime | None = None
    elsewhere = ~exists(select(records.c.id).where(seen_records(site_ids), records.c.id == document_lines.c.record_id))
    places: ColumnElement[bool] = true()
    if not isinstance(site_ids, OfFleet):
        known = sorted(sites_of(site_ids))
        if not known:
            return false()
        places = document_lines.c.site_id.in_(known)
        not_there = or_(document_lines.c.site_id.is_(None), document_lines.c.site_id.not_in(known))
        elsewhere = or_(not_there, elsewhere) if is_bounded(site_ids) else not_there
        begins, _ = hull(spans_of(site_ids))
    return and_(
        *within(documents.c.created_at, begins, None),  # a document is made after the records that it bills
        exists(select(document_lines.c.position).where(of_it, places)),
        ~exists(select(document_lines.c.position).where(of_it, elsewhere)),
    )


def _rows() -> Select[Any]:
    settled = (
        select(func.coalesce(func.sum(settlements.c.amount), 0))
        .where(settlements.c.document_id == documents.c.id)
        .scalar_subquery()
    )
    credited = (
        select(func.coalesce(func.sum(_credits.c.payable), 0))
        .where(_credits.c.corrects_id == documents.c.id, _credits.c.state == DocumentState.FINALISED.value)
        .scalar_subquery()
    )
    waits = case((and_(fiscal_receipts.c.state.is_not(None), fiscal_receipts.c.state != "signed"), 1), else_=0)
    return select(
        *(documents.c[name] for name in _SHOWN),
        documents.c.state,
        legal_entities.c.name.label("legal_entity_name"),
        legal_entities.c.details.label("entity"),
        _exact(settled, "settled"),
        _exact(credited, "credited"),
        waits.label("waits"),
    ).select_from(
        documents.outerjoin(legal_entities, legal_entities.c.id == documents.c.legal_entity_id).outerjoin(
            fiscal_receipts, fiscal_receipts.c.document_id == documents.c.id
        )
    )


def _exact(value: Any, name: str) -> Any:  # a scalar subquery, of the type of what it sums
    return func.coalesce(value, 0, type_=documents.c.payable.type).label(name)


def _row(row: dict[str, Any], now: datetime) -> DocumentRow:
    state = DocumentState(row["state"])
    standing = Standing(state.value) if state is not DocumentState.FINALISED else _standing(row, now)
    shown = {name: row[name] for name in _SHOWN}
    return msgspec.convert(
        shown
        | {
            "standing": standing,
            "legal_entity_name": row["legal_entity_name"],
            "settled": row["settled"],
            "credited": row["credited"],
            "awaits_signature": bool(row["waits"]),
        },
        DocumentRow,
    )


def _standing(row: dict[str, Any], now: datetime) -> Standing:
    zone = ZoneInfo((row["entity"] or {}).get("time_zone", "UTC"))
    due_on = datetime.fromisoformat(row["due_on"]).date() if row["due_on"] else None
    today = now.astimezone(zone).date()
    return standing_of(DocumentKind(row["kind"]), row["payable"], row["settled"], row["credited"], due_on, today)


def _conditions(query: DocumentQuery, site_ids: SiteIds) -> list[ColumnElement[bool]]:
    exact = {
        documents.c.kind: query.kind.value if query.kind else None,
        documents.c.state: query.state.value if query.state else None,
        documents.c.legal_entity_id: query.legal_entity_id,
        documents.c.customer_id: query.customer_id,
        documents.c.currency: query.currency,
    }
    found: list[ColumnElement[bool]] = [column == value for column, value in exact.items() if value is not None]
    if query.q:
        text = query.q.strip().lower()
        is_number = func.lower(documents.c.number).contains(text, autoescape=True)
        is_customer = func.lower(documents.c.customer_name).contains(text, autoescape=True)
        found.append(is_number if hides_drivers(site_ids) else or_(is_number, is_customer))
    if query.driver_id is not None:
        of_driver = select(records.c.id).where(records.c.driver_id == query.driver_id)
        found.append(
            documents.c.id.in_(select(document_lines.c.document_id).where(document_lines.c.record_id.in_(of_driver)))
        )
    if query.charge_record_id is not None:
        found.append(
            documents.c.id.in_(
                select(document_lines.c.document_id).where(document_lines.c.record_id == query.charge_record_id)
            )
        )
    if query.needs_attention is not None:
        found.append(_IN_NEED if query.needs_attention else ~_IN_NEED)
    if query.since is not None:
        found.append(documents.c.created_at >= query.since)
    if query.until is not None:
        found.append(documents.c.created_at < query.until)
    return found


async def count_attention(database: Database, site_ids: SiteIds) -> int:
    """Return how many drafts wait for somebody to add what is missing."""
    statement = select(func.count().label("n")).where(_IN_NEED, seen(site_ids))
    rows = await database.select(statement)
    return int(rows[0]["n"])
