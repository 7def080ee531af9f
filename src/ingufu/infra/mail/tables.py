"""Table of mail on its way."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

from ingufu.infra.storage.columns import Instant

metadata = MetaData()

outgoing_mail = Table(
    "outgoing_mail",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("content", Text, nullable=False),  # sealed; emptied when it was sent or given up, as it may hold a link
    Column("created_at", Instant, nullable=False),
    Column("next_try_at", Instant),  # None: nothing more is done
    Column("tries", Integer, nullable=False),
    Column("sent_at", Instant),
    Column("failed_at", Instant),
    Column("last_error", Text),
    Column("kind", Text, nullable=False),  # what it is about: invitation, reset
    Index("outgoing_mail_due", "next_try_at"),
)
