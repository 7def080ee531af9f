"""Tables of fiscal devices and of what they have to sign. What is signed cannot be changed: see the migration."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

from ingufu.infra.storage.columns import Instant, Json

metadata = MetaData()

IS_OPEN = text("state <> 'signed'")

fiscal_devices = Table(
    "fiscal_devices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # DeviceKind
    Column("name", Text, nullable=False),
    Column("settings", Json, nullable=False),  # DeviceSettings
    Column("sealed", Text, nullable=False),  # its communication key, by the vault
    Column("state", Text, nullable=False),  # DeviceState
    Column("problem", Text, nullable=False),
    Column("next_number", Integer, nullable=False),  # of the next receipt that is sent
    Column("tries", Integer, nullable=False),  # of the receipt at the head of the queue
    Column("try_at", Instant, nullable=False),
    Column("lease", Text),  # of the process that talks to it
    Column("lease_until", Instant),
    Column("told", Json, nullable=False),  # what it said of itself
    Column("version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

fiscal_receipts = Table(
    "fiscal_receipts",
    metadata,
    Column("document_id", Text, primary_key=True),
    Column("device_id", Text, nullable=False),
    Column("place", Integer, nullable=False),  # in the queue, from 1
    Column("number", Integer),  # the device's invcNo, once it was chosen
    Column("state", Text, nullable=False),  # ReceiptState
    Column("request", Json),  # exactly what is sent, once it was chosen
    Column("stamp", Json),  # FiscalStamp
    Column("problem", Text, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("signed_at", Instant),
    UniqueConstraint("device_id", "place", name="fiscal_receipts_place"),
    UniqueConstraint("device_id", "number", name="fiscal_receipts_number"),
    Index("fiscal_receipts_open", "device_id", "place", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
)
