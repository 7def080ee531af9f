"""Table of what is asked of the readings of stations."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, text

from ingufu.infra.storage.columns import Instant, Json

metadata = MetaData()

IS_WAITING = text("state = 'waiting'")

samplings = Table(
    "samplings",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("occasion", Text, primary_key=True),
    Column("measurands", Json),
    Column("interval_s", Integer),
    Column("state", Text, nullable=False),  # SamplingState
    Column("taken", Json, nullable=False),
    Column("refused", Json, nullable=False),
    Column("refused_firmware", Text),
    Column("detail", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Text),
    Column("settled_at", Instant),
    Index("samplings_waiting", "station_id", sqlite_where=IS_WAITING, postgresql_where=IS_WAITING),
)
