"""The table of authorities whose contract certificates are trusted."""

from sqlalchemy import Boolean, Column, MetaData, Table, Text

from ingufu.infra.storage.columns import Instant

metadata = MetaData()

authorities = Table(
    "certificate_authorities",
    metadata,
    Column("id", Text, primary_key=True),
    Column("purpose", Text, nullable=False),  # Purpose
    Column("is_root", Boolean, nullable=False),  # a trust anchor; False: one on the way to an anchor
    Column("name", Text, nullable=False),  # the subject
    Column("issuer", Text, nullable=False),
    Column("serial_number", Text, nullable=False),  # hexadecimal
    Column("fingerprint", Text, nullable=False, unique=True),  # SHA-256, hexadecimal
    Column("valid_from", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("pem", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
