"""Tables of charge records, and of how far each session is on its way to one."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint, text

from ingufu.infra.storage.columns import Exact, Instant

metadata = MetaData()

IS_DUE = text("due_at IS NOT NULL")
IS_CREDIT = text("kind <> 'charge'")  # some of a million; said as queries say it

records = Table(
    "charge_records",  # a trigger forbids to change or delete a row
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # RecordKind
    Column("corrects_id", Text),
    Column("subject", Text, nullable=False),  # the transaction's id, or "reservation:<number>"
    Column("revision", Integer, nullable=False),
    Column("transaction_id", Text),
    Column("organisation_id", Text, nullable=False),
    Column("legal_entity_id", Text),
    Column("site_id", Text),
    Column("station_id", Text, nullable=False),
    Column("driver_id", Text),
    Column("token_id", Text),
    Column("group_id", Text),
    Column("tariff_id", Text),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("energy_wh", Exact, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net", Exact, nullable=False),
    Column("tax", Exact, nullable=False),
    Column("gross", Exact, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("document", LargeBinary, nullable=False),  # the whole record as deflated JSON
    UniqueConstraint("subject", "revision", "kind", name="charge_records_once"),
    UniqueConstraint("corrects_id", "kind", name="charge_records_corrected_once"),
    Index("charge_records_by_issue", "issued_at", "id"),
    Index("charge_records_credits", "issued_at", "id", sqlite_where=IS_CREDIT, postgresql_where=IS_CREDIT),
    Index("charge_records_by_start", "started_at", "id"),
    Index("charge_records_by_transaction", "transaction_id"),
    Index("charge_records_by_station", "station_id", "issued_at"),
    Index("charge_records_by_site", "site_id", "issued_at"),
    Index("charge_records_by_driver", "driver_id", "issued_at"),
)

sums = Table(
    "charge_record_sums",  # what the records of a site, or of all of them, come to by day; kept by a trigger
    metadata,
    Column("place", Text, primary_key=True),  # the site's id; empty: of no site; *: of all
    Column("day", Text, primary_key=True),  # of issue, in UTC: 2026-11-20
    Column("kind", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("energy_wh", Exact, nullable=False),
    Column("net", Exact, nullable=False),
    Column("tax", Exact, nullable=False),
    Column("gross", Exact, nullable=False),
)

ratings = Table(
    "ratings",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("transaction_id", Text),
    Column("reservation_id", Integer),
    Column("station_id", Text),
    Column("state", Text, nullable=False),  # RatingState
    Column("reason", Text, nullable=False),  # RatingReason
    Column("detail", Text, nullable=False),
    Column("due_at", Instant),
    Column("fence", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("record_id", Text),
    Column("revision", Integer, nullable=False),
    Column("verdict_number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ratings_due", "due_at", sqlite_where=IS_DUE, postgresql_where=IS_DUE),
    Index("ratings_by_state", "state", "updated_at", "subject"),
)

cursors = Table(
    "record_cursors",  # how far the stored events have been followed
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

refusals = Table(
    "cost_refusals",  # stations that have said that they take no costs
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("firmware_version", Text, nullable=False),  # a new one may take them
    Column("answer", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
