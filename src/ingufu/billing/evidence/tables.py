"""Tables of energy verdicts, signed records and their checks, the review queue, and meter keys."""

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, Table, Text, text

from ingufu.infra.storage.columns import Exact, Instant, Json

metadata = MetaData()

IS_OPEN = text("closed_at IS NULL")
IS_CLOSED = text("closed_at IS NOT NULL")

# The first three are only ever added to: triggers of the database refuse everything else.
verdicts = Table(
    "energy_verdicts",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("station_id", Text, nullable=False),
    Column("standing", Text, nullable=False),  # Standing
    Column("energy_wh", Exact, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("signature", Text, nullable=False),  # SignatureState
    Column("reasons", Json, nullable=False),
    Column("judged_at", Instant, nullable=False),
    Column("decided_by", Text),
    Column("note", Text, nullable=False),
    Column("facts", Text, nullable=False),  # SHA-256 of what it was judged from: the same facts are not judged twice
    Column("software", Text, nullable=False),
    Index("energy_verdicts_by_time", "judged_at"),
    Index("energy_verdicts_by_station", "station_id", "judged_at"),
)

records = Table(
    "signed_records",
    metadata,
    Column("sha256", Text, primary_key=True),  # of what is signed, whatever it came wrapped in
    Column("transaction_id", Text, nullable=False),  # that brought them first
    Column("data", Text, nullable=False),
    Column("method", Text),
    Column("encoding", Text),
    Column("public_key", Text),
    Column("kept_at", Instant, nullable=False),
)

checks = Table(
    "signature_checks",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # of the verdict
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("sha256", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("context", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("state", Text, nullable=False),  # SignatureState
    Column("detail", Text, nullable=False),
    Column("meter_serial", Text),
    Column("page", Text),
    Column("begin_wh", Exact),
    Column("end_wh", Exact),
    Column("key_fingerprint", Text),
    Column("delivered", Text, nullable=False),  # DeliveredKey
    Column("delivered_fingerprint", Text),
    Column("software", Text, nullable=False),
    Column("checked_at", Instant, nullable=False),
)

items = Table(
    "review_items",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("number", Integer, nullable=False),  # of the verdict that waits
    Column("proposed_wh", Exact, nullable=False),
    Column("doubts", Text, nullable=False),  # their codes, each between bars
    Column("opened_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Text),
    Index("review_items_open", "opened_at", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
    Index("review_items_closed", "opened_at", sqlite_where=IS_CLOSED, postgresql_where=IS_CLOSED),
    Index("review_items_by_station", "station_id", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
)

meter_keys = Table(
    "meter_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("evse", Integer),
    Column("connector", Integer),
    Column("meter_serial", Text),
    Column("der_hex", Text, nullable=False),
    Column("curve", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("valid_from", Instant),
    Column("valid_until", Instant),
    Column("note", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("meter_keys_by_station", "station_id"),
    Index("meter_keys_by_fingerprint", "fingerprint"),
)

sites = Table(
    "site_evidence",
    metadata,
    Column("site_id", Text, primary_key=True),
    Column("demands_signatures", Boolean, nullable=False),
    Column("since", Instant),
)
