"""Tables of legal entities, customers and documents. What is finalised cannot be changed: see the migration."""

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

from ingufu.infra.storage.columns import Exact, Instant, Json

metadata = MetaData()

IS_DEFAULT = text("is_default IS true")
IS_DEFAULT_SQLITE = text("is_default IS 1")
IS_STATEMENT = text("kind = 'statement' AND state <> 'void'")
IS_WAITING = text("document_id IS NULL")
NEEDS_ATTENTION = text("state = 'draft' AND problem <> ''")

legal_entities = Table(
    "legal_entities",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("details", Json, nullable=False),  # LegalEntity
    Column("retired_at", Instant),
    Column("version", Integer, nullable=False),  # of the row
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index(
        "legal_entities_default",
        "organisation_id",
        unique=True,
        sqlite_where=IS_DEFAULT_SQLITE,
        postgresql_where=IS_DEFAULT,
    ),
)

legal_entity_sites = Table(
    "legal_entity_sites",
    metadata,
    Column("site_id", Text, primary_key=True),
    Column("legal_entity_id", Text, nullable=False),
)

logos = Table(
    "logos",
    metadata,
    Column("id", Text, primary_key=True),  # SHA-256 of the picture
    Column("media_type", Text, nullable=False),
    Column("content", Text, nullable=False),  # base64
)

customers = Table(
    "billing_customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("details", Json, nullable=False),  # Customer
    Column("version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("billing_customers_by_name", "name", "id"),
)

customer_members = Table(
    "billing_customer_members",
    metadata,
    Column("kind", Text, primary_key=True),  # driver or group
    Column("member_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Index("billing_customer_members_by_customer", "customer_id"),
)

document_numbers = Table(
    "document_numbers",
    metadata,
    Column("legal_entity_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("organisation_id", Text, nullable=False),
    Column("legal_entity_id", Text, nullable=False),
    Column("customer_id", Text),
    Column("customer_name", Text, nullable=False),
    Column("number", Text),
    Column("year", Integer),
    Column("sequence", Integer),
    Column("issued_at", Instant),
    Column("issued_on", Text),
    Column("due_on", Text),
    Column("period", Text),
    Column("part", Integer),  # of a month that one statement does not hold
    Column("currency", Text, nullable=False),
    Column("net", Exact, nullable=False),
    Column("tax", Exact, nullable=False),
    Column("gross", Exact, nullable=False),
    Column("payable", Exact, nullable=False),
    Column("corrects_id", Text),
    Column("problem", Text, nullable=False),
    Column("digest", Text),  # SHA-256 of what was finalised
    Column("body", Json, nullable=False),  # Document without its lines
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("legal_entity_id", "kind", "year", "sequence", name="documents_gapless"),
    UniqueConstraint("legal_entity_id", "number", name="documents_numbered"),
    # With all that a list is narrowed by: documents are wide, and a search would read every one of them.
    Index("documents_by_time", "created_at", "id", "kind", "state", "number", "customer_name"),
    Index("documents_by_customer", "customer_id", "created_at"),
    Index("documents_by_corrected", "corrects_id"),
    Index(
        "documents_in_need",
        "created_at",
        "id",
        sqlite_where=NEEDS_ATTENTION,
        postgresql_where=NEEDS_ATTENTION,
    ),
    Index(
        "documents_one_statement",
        "legal_entity_id",
        "customer_id",
        "currency",
        "period",
        "part",
        unique=True,
        sqlite_where=IS_STATEMENT,
        postgresql_where=IS_STATEMENT,
    ),
)

document_lines = Table(
    "document_lines",
    metadata,
    Column("document_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("record_id", Text),
    Column("site_id", Text),
    Column("body", Json, nullable=False),  # DocumentLine
    Index("document_lines_by_record", "record_id"),
    Index("document_lines_by_site", "site_id"),
)

credited_lines = Table(
    "credited_lines",
    metadata,
    Column("document_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("credit_id", Text, nullable=False),
    Index("credited_lines_by_credit", "credit_id"),
)

invoiced_records = Table(
    "invoiced_records",
    metadata,
    Column("record_id", Text, primary_key=True),
    Column("corrects_id", Text),  # of a credit: the record that it takes back
    Column("organisation_id", Text, nullable=False),
    Column("legal_entity_id", Text),
    Column("customer_id", Text),
    Column("outcome", Text, nullable=False),  # Automatic: what becomes of it by itself
    Column("document_id", Text),
    Column("currency", Text, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("note", Text, nullable=False),
    Index("invoiced_records_by_document", "document_id"),
    Index(
        "invoiced_records_waiting",
        "outcome",
        "customer_id",
        "ended_at",
        sqlite_where=IS_WAITING,
        postgresql_where=IS_WAITING,
    ),
)

invoicing_progress = Table(
    "invoicing_progress",
    metadata,
    Column("name", Text, primary_key=True),
    Column("reached_at", Instant, nullable=False),
)

settlements = Table(
    "document_settlements",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document_id", Text, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("paid_at", Instant, nullable=False),
    Column("entered_at", Instant, nullable=False),
    Column("entered_by", Text, nullable=False),
    UniqueConstraint("document_id", "reference", name="document_settlements_once"),
)
