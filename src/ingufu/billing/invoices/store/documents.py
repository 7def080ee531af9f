"""Documents with their lines, their numbers, and what of the charge records they are made of."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, exists, func, select, update

from ingufu.billing.invoices.model import Document, DocumentKind, DocumentLine, DocumentState, Settlement
from ingufu.billing.invoices.parties import Automatic
from ingufu.billing.invoices.tables import (
    credited_lines,
    document_lines,
    document_numbers,
    documents,
    invoiced_records,
    invoicing_progress,
    settlements,
)
from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.billing.records.tables import records
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, upsert

_BY_ID = select(documents.c.body).where(documents.c.id == bindparam("id"))
_LINES = (
    select(document_lines.c.body)
    .where(document_lines.c.document_id == bindparam("id"))
    .order_by(document_lines.c.position)
)
_INSERT = insert(documents)
_INSERT_LINE = insert(document_lines)
_SUMS = ("customer_id", "customer_name", "net", "tax", "gross", "payable")
_FINAL = ("state", "number", "year", "sequence", "issued_at", "issued_on", "due_on", "problem", "digest", "body")
_CHANGE = (
    update(documents)
    .where(documents.c.id == bindparam("document"), documents.c.state == "draft")
    .values({name: bindparam(name) for name in (*_FINAL, *_SUMS)})
)
_DELETE_LINES = delete(document_lines).where(document_lines.c.document_id == bindparam("document"))
_LAST = select(document_numbers.c.last).where(
    document_numbers.c.legal_entity_id == bindparam("entity"),
    document_numbers.c.kind == bindparam("kind"),
    document_numbers.c.year == bindparam("year"),
)
_FIRST_NUMBER = insert(document_numbers)
_NEXT_NUMBER = (
    update(document_numbers)
    .where(
        document_numbers.c.legal_entity_id == bindparam("entity"),
        document_numbers.c.kind == bindparam("of_kind"),
        document_numbers.c.year == bindparam("of_year"),
        document_numbers.c.last == bindparam("before"),
    )
    .values(last=bindparam("after"))
)
_NOTE_RECORD = insert(invoiced_records)
_CLAIM_RECORD = (
    update(invoiced_records)
    .where(invoiced_records.c.record_id == bindparam("record"), invoiced_records.c.document_id.is_(None))
    .values(document_id=bindparam("document"))
)
_RELEASE_RECORDS = (
    update(invoiced_records)
    .where(invoiced_records.c.document_id == bindparam("document"))
    .values(document_id=None, outcome=Automatic.NONE.value)
)
_RECORD = select(invoiced_records).where(invoiced_records.c.record_id == bindparam("record"))
_WAITING = (
    select(invoiced_records)
    .where(
        invoiced_records.c.document_id.is_(None),
        invoiced_records.c.outcome == Automatic.MONTHLY.value,
        invoiced_records.c.customer_id == bindparam("customer"),
        invoiced_records.c.legal_entity_id == bindparam("entity"),
        invoiced_records.c.currency == bindparam("currency"),
        invoiced_records.c.ended_at < bindparam("before"),
    )
    .order_by(invoiced_records.c.ended_at, invoiced_records.c.record_id)
    .limit(bindparam("limit"))
)
_DUE = (
    select(
        invoiced_records.c.customer_id,
        invoiced_records.c.legal_entity_id,
        invoiced_records.c.currency,
        func.min(invoiced_records.c.ended_at).label("first"),
        func.max(invoiced_records.c.ended_at).label("last"),
    )
    .where(invoiced_records.c.document_id.is_(None), invoiced_records.c.outcome == Automatic.MONTHLY.value)
    .group_by(invoiced_records.c.customer_id, invoiced_records.c.legal_entity_id, invoiced_records.c.currency)
)
_original = invoiced_records.alias("original")
_LATE_CREDITS = (
    select(invoiced_records.c.record_id, invoiced_records.c.corrects_id, _original.c.document_id.label("document_id"))
    .select_from(
        invoiced_records.join(_original, _original.c.record_id == invoiced_records.c.corrects_id).join(
            documents, and_(documents.c.id == _original.c.document_id, documents.c.state == "finalised")
        )
    )
    .where(
        invoiced_records.c.document_id.is_(None),
        invoiced_records.c.corrects_id.is_not(None),
        invoiced_records.c.outcome != Automatic.NONE.value,
    )
    .limit(bindparam("limit"))
)
_UNSEEN = (
    select(records.c.id, records.c.issued_at)
    .where(
        records.c.issued_at >= bindparam("since"),
        ~exists(select(invoiced_records.c.record_id).where(invoiced_records.c.record_id == records.c.id)),
    )
    .order_by(records.c.issued_at, records.c.id)
    .limit(bindparam("limit"))
)
_LET_GO = (
    update(invoiced_records)
    .where(invoiced_records.c.record_id == bindparam("record"), invoiced_records.c.document_id.is_(None))
    .values(outcome=Automatic.NONE.value)
)
_STATEMENTS = (
    select(documents.c.body)
    .where(
        documents.c.kind == DocumentKind.STATEMENT.value,
        documents.c.state != DocumentState.VOID.value,
        documents.c.legal_entity_id == bindparam("entity"),
        documents.c.customer_id == bindparam("customer"),
        documents.c.currency == bindparam("currency"),
        documents.c.period == bindparam("period"),
    )
    .order_by(documents.c.part)
)
_CREDIT_LINE = insert(credited_lines)
_RELEASE_LINES = delete(credited_lines).where(credited_lines.c.credit_id == bindparam("credit"))
_CREDITED = select(credited_lines.c.position).where(credited_lines.c.document_id == bindparam("id"))
_IS_CREDIT = records.c.kind == RecordKind.CREDIT.value
_OWED_NO_MORE = (
    select(document_lines.c.position)
    .select_from(
        document_lines.join(
            credited_lines,
            and_(
                credited_lines.c.document_id == document_lines.c.document_id,
                credited_lines.c.position == document_lines.c.position,
            ),
        )
        .join(documents, and_(documents.c.id == credited_lines.c.credit_id, documents.c.state == "finalised"))
        .join(records, and_(records.c.corrects_id == document_lines.c.record_id, _IS_CREDIT))
    )
    .where(document_lines.c.document_id == bindparam("id"))
)
_CREDITS = (
    select(documents.c.body)
    .where(documents.c.corrects_id == bindparam("id"), documents.c.state != DocumentState.VOID.value)
    .order_by(documents.c.created_at)
)
_SETTLE = insert(settlements)
_SETTLED = select(settlements).where(settlements.c.document_id == bindparam("id")).order_by(settlements.c.entered_at)
_SETTLED_AS = select(settlements).where(
    settlements.c.document_id == bindparam("id"), settlements.c.reference == bindparam("reference")
)
_REACHED = select(invoicing_progress.c.reached_at).where(invoicing_progress.c.name == bindparam("name"))
_REACH = upsert(invoicing_progress, ["name"])


async def find(database: Database, document_id: str) -> Document | None:
    row = await database.fetch_one(_BY_ID, {"id": document_id})
    return await _with_lines(database, row) if row else None


async def find_statements(
    database: Database, entity_id: str, customer_id: str, currency: str, period: str
) -> list[Document]:
    """Return the statements of the month that were made, in the order of their parts, without their lines."""
    rows = await database.fetch_all(
        _STATEMENTS, {"entity": entity_id, "customer": customer_id, "currency": currency, "period": period}
    )
    return [msgspec.convert(row["body"], Document) for row in rows]


def add(work: Work, document: Document) -> None:
    """Store a draft with its lines."""
    row = _row(document) | {
        "id": document.id,
        "kind": document.kind.value,
        "organisation_id": document.seller.organisation_id,
        "legal_entity_id": document.seller.id,
        "period": document.period or None,
        "part": document.part if document.period else None,
        "currency": document.currency,
        "corrects_id": document.corrects.document_id if document.corrects else None,
        "created_at": document.created_at,
    }
    work.execute(_INSERT, row)
    _add_lines(work, document)


def rewrite_lines(work: Work, document: Document) -> None:
    """Replace the lines of a draft; what is finalised refuses it."""
    work.execute(_DELETE_LINES, {"document": document.id})
    _add_lines(work, document)


def change(work: Work, document: Document) -> None:
    """Store what became of a draft; Conflict at the commit if it is none any more."""
    work.execute(_CHANGE, _row(document) | {"document": document.id}, expect=1)


async def find_last_number(database: Database, entity_id: str, kind: DocumentKind, year: int) -> int:
    row = await database.fetch_one(_LAST, {"entity": entity_id, "kind": kind.value, "year": year})
    return int(row["last"]) if row else 0


def take_number(work: Work, entity_id: str, kind: DocumentKind, year: int, last: int) -> None:
    """Take the number after `last`; Conflict at the commit if somebody else took it."""
    if last == 0:
        work.execute(_FIRST_NUMBER, {"legal_entity_id": entity_id, "kind": kind.value, "year": year, "last": 1})
        return
    values = {"entity": entity_id, "of_kind": kind.value, "of_year": year, "before": last, "after": last + 1}
    work.execute(_NEXT_NUMBER, values, expect=1)


def note_record(
    work: Work,
    record: ChargeRecord,
    *,
    outcome: Automatic,
    entity_id: str | None = None,
    customer_id: str | None = None,
    document_id: str | None = None,
    note: str = "",
) -> None:
    """Keep what becomes of a charge record; Conflict at the commit if that is kept already."""
    work.execute(
        _NOTE_RECORD,
        {
            "record_id": record.id,
            "corrects_id": record.corrects_id if record.kind is RecordKind.CREDIT else None,
            "organisation_id": record.organisation_id,
            "legal_entity_id": entity_id,
            "customer_id": customer_id,
            "outcome": outcome.value,
            "document_id": document_id,
            "currency": record.currency,
            "ended_at": record.ended_at,
            "note": note,
        },
    )


def claim_record(work: Work, record_id: str, document_id: str) -> None:
    """Have a document be what bills the record; Conflict at the commit if another one does."""
    work.execute(_CLAIM_RECORD, {"record": record_id, "document": document_id}, expect=1)


def let_go(work: Work, record_id: str) -> None:
    """Have a record be billed no more by itself."""
    work.execute(_LET_GO, {"record": record_id}, expect=1)


def release(work: Work, document_id: str) -> None:
    """Give back the records and the credited lines of a draft that is given up."""
    work.execute(_RELEASE_RECORDS, {"document": document_id})
    work.execute(_RELEASE_LINES, {"credit": document_id})


async def find_unseen(database: Database, since: datetime, limit: int) -> list[Row]:
    """Return charge records issued since, of which it is not kept what becomes of them; oldest first."""
    return await database.fetch_all(_UNSEEN, {"since": since, "limit": limit})


async def find_record(database: Database, record_id: str) -> Row | None:
    """Return what becomes of the charge record."""
    return await database.fetch_one(_RECORD, {"record": record_id})


async def find_taken_back(database: Database, record_ids: Sequence[str]) -> frozenset[str]:
    """Return which of the charge records are taken back by credits, whether those were looked at yet or not."""
    rows = await database.select(select(records.c.corrects_id).where(records.c.corrects_id.in_(record_ids), _IS_CREDIT))
    return frozenset(row["corrects_id"] for row in rows)


async def find_waiting(
    database: Database, entity_id: str, customer_id: str, currency: str, before: datetime, limit: int
) -> list[str]:
    """Return the charge records that wait for a statement, oldest first."""
    values = {"entity": entity_id, "customer": customer_id, "currency": currency, "before": before, "limit": limit}
    return [row["record_id"] for row in await database.fetch_all(_WAITING, values)]


async def find_due(database: Database) -> list[Row]:
    """Return who waits for a statement, with whom, in which currency, since when."""
    return await database.fetch_all(_DUE)


async def find_late_credits(database: Database, limit: int) -> list[Row]:
    """Return credits of charge records that stand on a finalised document already."""
    return await database.fetch_all(_LATE_CREDITS, {"limit": limit})


def credit_line(work: Work, document_id: str, position: int, credit_id: str) -> None:
    """Take a line back; Conflict at the commit if another credit note does."""
    work.execute(_CREDIT_LINE, {"document_id": document_id, "position": position, "credit_id": credit_id})


async def find_credited(database: Database, document_id: str) -> frozenset[int]:
    """Return the lines of the document that credit notes take back."""
    return frozenset(row["position"] for row in await database.fetch_all(_CREDITED, {"id": document_id}))


async def find_owed_no_more(database: Database, document_id: str) -> frozenset[int]:
    """Return the credited lines whose charge records are credited, too: a credit note alone leaves the ledger."""
    return frozenset(row["position"] for row in await database.fetch_all(_OWED_NO_MORE, {"id": document_id}))


async def find_credits(database: Database, document_id: str) -> list[Document]:
    """Return the credit notes of the document, without their lines."""
    rows = await database.fetch_all(_CREDITS, {"id": document_id})
    return [msgspec.convert(row["body"], Document) for row in rows]


def settle(work: Work, settlement: Settlement) -> None:
    work.execute(_SETTLE, msgspec.structs.asdict(settlement))


async def find_settlements(database: Database, document_id: str) -> list[Settlement]:
    return [Settlement(**row) for row in await database.fetch_all(_SETTLED, {"id": document_id})]


async def find_settlement(database: Database, document_id: str, reference: str) -> Settlement | None:
    row = await database.fetch_one(_SETTLED_AS, {"id": document_id, "reference": reference})
    return Settlement(**row) if row else None


async def find_reached(database: Database, name: str) -> datetime | None:
    """Return up to which instant the charge records were looked at."""
    row = await database.fetch_one(_REACHED, {"name": name})
    return row["reached_at"] if row else None


def reach(work: Work, name: str, at: datetime) -> None:
    work.execute(_REACH, {"name": name, "reached_at": at})


def digest(document: Document) -> str:
    """Return a fingerprint of everything on the document."""
    return hashlib.sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()


def total_credited(notes: Sequence[Document]) -> Decimal:
    """Return what finalised credit notes give back."""
    given = [one.payable for one in notes if one.state is DocumentState.FINALISED]
    return sum(given, Decimal(0))


def _add_lines(work: Work, document: Document) -> None:
    for line in document.lines:
        values = {"document_id": document.id, "position": line.position, "record_id": line.record_id}
        work.execute(_INSERT_LINE, values | {"site_id": line.site_id, "body": msgspec.to_builtins(line)})


async def _with_lines(database: Database, row: Row) -> Document:
    document = msgspec.convert(row["body"], Document)
    lines = await database.fetch_all(_LINES, {"id": document.id})
    return msgspec.structs.replace(document, lines=tuple(msgspec.convert(line["body"], DocumentLine) for line in lines))


def _row(document: Document) -> dict[str, Any]:
    is_final = document.state is DocumentState.FINALISED
    return {
        **{name: getattr(document, name) for name in ("net", "tax", "gross", "payable")},
        "customer_id": document.buyer.id if document.buyer else None,
        "customer_name": document.buyer.name if document.buyer else "",
        "state": document.state.value,
        "number": document.number or None,
        "year": document.year or None,
        "sequence": document.sequence or None,
        "issued_at": document.issued_at,
        "issued_on": document.issued_on.isoformat() if document.issued_on else None,
        "due_on": document.due_on.isoformat() if document.due_on else None,
        "problem": document.problem,
        "digest": digest(document) if is_final else None,
        "body": msgspec.to_builtins(msgspec.structs.replace(document, lines=())),
    }
