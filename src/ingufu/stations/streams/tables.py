"""Tables of periodic event streams and their values."""

from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text

from ingufu.infra.storage.columns import BigId, Instant

metadata = MetaData()

streams = Table(
    "event_streams",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),  # StreamState
    Column("monitor", BigInteger),
    Column("component", Text),
    Column("variable", Text),
    Column("interval_s", BigInteger),
    Column("batch", BigInteger),
    Column("opened_at", Instant),
    Column("closed_at", Instant),
    Column("last_at", Instant),
    Column("last_value", Text),
    Column("pending", BigInteger, nullable=False),
    Column("value_count", BigInteger, nullable=False),
)

values = Table(
    "event_stream_values",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("station_id", Text, nullable=False),
    Column("stream", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("value", Text, nullable=False),
    Index("stream_values_by_stream", "station_id", "stream", "at"),
    Index("stream_values_by_time", "at"),
)
