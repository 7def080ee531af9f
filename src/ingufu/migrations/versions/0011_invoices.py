"""Legal entities, invoices and fiscal devices."""

import sqlalchemy as sa
from alembic import op

from ingufu.infra.storage.columns import Exact, Instant, Json

revision: str = "0011"
down_revision: str | None = "0010"

_FINALISED = "a finalised document is never changed: correct it by a credit note"
_LINES_OF = "SELECT 1 FROM documents WHERE id = {row}.document_id AND state = 'finalised'"


def upgrade() -> None:
    _parties()
    _documents()
    _records()
    _fiscal()
    guard = _guard_sqlite if op.get_bind().dialect.name == "sqlite" else _guard_postgresql
    for table, event, condition in _GUARDS:
        guard(table, event, condition)


# What the database itself refuses: table, event, and when. OLD and NEW are the row before and after.
_GUARDS = (
    ("documents", "UPDATE", "OLD.state = 'finalised'"),
    ("documents", "DELETE", "OLD.state = 'finalised'"),
    ("document_lines", "INSERT", f"EXISTS ({_LINES_OF.format(row='NEW')})"),
    ("document_lines", "UPDATE", f"EXISTS ({_LINES_OF.format(row='OLD')})"),
    ("document_lines", "DELETE", f"EXISTS ({_LINES_OF.format(row='OLD')})"),
    ("invoiced_records", "UPDATE", f"EXISTS ({_LINES_OF.format(row='OLD')})"),
    ("invoiced_records", "DELETE", f"EXISTS ({_LINES_OF.format(row='OLD')})"),
    ("document_numbers", "UPDATE", "NEW.last <> OLD.last + 1"),
    ("document_numbers", "DELETE", "OLD.last > 0"),
    ("document_settlements", "UPDATE", "OLD.id IS NOT NULL"),
    ("document_settlements", "DELETE", "OLD.id IS NOT NULL"),
    ("fiscal_receipts", "UPDATE", "OLD.state = 'signed'"),
    ("fiscal_receipts", "DELETE", "OLD.state = 'signed'"),
)


def _guard_sqlite(table: str, event: str, condition: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_final_{event.lower()} BEFORE {event} ON {table} WHEN {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{_FINALISED}'); END"
    )


def _guard_postgresql(table: str, event: str, condition: str) -> None:
    name = f"{table}_final_{event.lower()}"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN "
        f"RAISE EXCEPTION '{_FINALISED}' USING ERRCODE = 'check_violation'; END IF; "
        f"RETURN {'OLD' if event == 'DELETE' else 'NEW'}; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _parties() -> None:
    op.create_table(
        "legal_entities",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.Column("retired_at", Instant),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
    op.create_index(
        "legal_entities_default",
        "legal_entities",
        ["organisation_id"],
        unique=True,
        sqlite_where=sa.text("is_default IS 1"),
        postgresql_where=sa.text("is_default IS true"),
    )
    op.create_table(
        "legal_entity_sites",
        sa.Column("site_id", sa.Text, primary_key=True),
        sa.Column("legal_entity_id", sa.Text, nullable=False),
    )
    op.create_table(
        "logos",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "billing_customers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
    op.create_index("billing_customers_by_name", "billing_customers", ["name", "id"])
    op.create_table(
        "billing_customer_members",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("member_id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
    )
    op.create_index("billing_customer_members_by_customer", "billing_customer_members", ["customer_id"])


def _documents() -> None:
    op.create_table(
        "document_numbers",
        sa.Column("legal_entity_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text),
        sa.Column("customer_name", sa.Text, nullable=False),
        sa.Column("number", sa.Text),
        sa.Column("year", sa.Integer),
        sa.Column("sequence", sa.Integer),
        sa.Column("issued_at", Instant),
        sa.Column("issued_on", sa.Text),
        sa.Column("due_on", sa.Text),
        sa.Column("period", sa.Text),
        sa.Column("part", sa.Integer),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("net", Exact, nullable=False),
        sa.Column("tax", Exact, nullable=False),
        sa.Column("gross", Exact, nullable=False),
        sa.Column("payable", Exact, nullable=False),
        sa.Column("corrects_id", sa.Text),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("digest", sa.Text),
        sa.Column("body", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.UniqueConstraint("legal_entity_id", "kind", "year", "sequence", name="documents_gapless"),
        sa.UniqueConstraint("legal_entity_id", "number", name="documents_numbered"),
    )
    listed = ["created_at", "id", "kind", "state", "number", "customer_name"]
    op.create_index("documents_by_time", "documents", listed)
    op.create_index("documents_by_customer", "documents", ["customer_id", "created_at"])
    op.create_index("documents_by_corrected", "documents", ["corrects_id"])
    in_need = sa.text("state = 'draft' AND problem <> ''")
    op.create_index(
        "documents_in_need",
        "documents",
        ["created_at", "id"],
        sqlite_where=in_need,
        postgresql_where=in_need,
    )
    is_statement = sa.text("kind = 'statement' AND state <> 'void'")
    op.create_index(
        "documents_one_statement",
        "documents",
        ["legal_entity_id", "customer_id", "currency", "period", "part"],
        unique=True,
        sqlite_where=is_statement,
        postgresql_where=is_statement,
    )
    op.create_table(
        "document_lines",
        sa.Column("document_id", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("record_id", sa.Text),
        sa.Column("site_id", sa.Text),
        sa.Column("body", Json, nullable=False),
    )
    op.create_index("document_lines_by_record", "document_lines", ["record_id"])
    op.create_index("document_lines_by_site", "document_lines", ["site_id"])
    op.create_table(
        "credited_lines",
        sa.Column("document_id", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("credit_id", sa.Text, nullable=False),
    )
    op.create_index("credited_lines_by_credit", "credited_lines", ["credit_id"])


def _records() -> None:
    op.create_table(
        "invoiced_records",
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("corrects_id", sa.Text),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("legal_entity_id", sa.Text),
        sa.Column("customer_id", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("document_id", sa.Text),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("ended_at", Instant, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("invoiced_records_by_document", "invoiced_records", ["document_id"])
    is_waiting = sa.text("document_id IS NULL")
    op.create_index(
        "invoiced_records_waiting",
        "invoiced_records",
        ["outcome", "customer_id", "ended_at"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )
    op.create_table(
        "invoicing_progress",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("reached_at", Instant, nullable=False),
    )
    op.create_table(
        "document_settlements",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("amount", Exact, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("paid_at", Instant, nullable=False),
        sa.Column("entered_at", Instant, nullable=False),
        sa.Column("entered_by", sa.Text, nullable=False),
        sa.UniqueConstraint("document_id", "reference", name="document_settlements_once"),
    )


def _fiscal() -> None:
    op.create_table(
        "fiscal_devices",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("next_number", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("try_at", Instant, nullable=False),
        sa.Column("lease", sa.Text),
        sa.Column("lease_until", Instant),
        sa.Column("told", Json, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
    op.create_table(
        "fiscal_receipts",
        sa.Column("document_id", sa.Text, primary_key=True),
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("request", Json),
        sa.Column("stamp", Json),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("queued_at", Instant, nullable=False),
        sa.Column("signed_at", Instant),
        sa.UniqueConstraint("device_id", "place", name="fiscal_receipts_place"),
        sa.UniqueConstraint("device_id", "number", name="fiscal_receipts_number"),
    )
    is_open = sa.text("state <> 'signed'")
    op.create_index(
        "fiscal_receipts_open",
        "fiscal_receipts",
        ["device_id", "place"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
