"""Table of what was asked of availability."""

from sqlalchemy import Boolean, Column, Integer, MetaData, Table, Text

from ingufu.infra.storage.columns import Instant

metadata = MetaData()

wishes = Table(
    "availability_wishes",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("evse", Integer, primary_key=True, autoincrement=False),  # 0: the whole station
    Column("connector", Integer, primary_key=True, autoincrement=False),  # 0: the whole EVSE
    Column("is_operative", Boolean, nullable=False),
    Column("state", Text, nullable=False),  # WishState
    Column("answer", Text),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Text),
    Column("told_at", Instant),
    Column("kept_at", Instant),
    Column("attempts", Integer, nullable=False),
)
