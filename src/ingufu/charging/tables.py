"""Tables of transactions, their events, meter readings and anomalies."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

from ingufu.infra.storage.columns import BigId, Exact, Instant, Json

metadata = MetaData()

IS_ODD = text("anomaly_count > 0")
# A few of a million rows. Said as queries say it, and partial: a planner that has counted the values of `is_open` takes
# an index over all of them for useless.
IS_OPEN = text("is_open IS true")
IS_OPEN_SQLITE = text("is_open IS 1")

sequences = Table(
    "sequences",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", Integer, nullable=False),
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Integer, unique=True),  # the integer id of 1.6, made by us
    Column("station_id", Text, nullable=False),
    Column("reference", Text, nullable=False),  # how the station names it: 1.6 our number, 2.x its own id
    Column("start_key", Text, unique=True),  # what tells a repeated 1.6 start from a new one
    Column("version", Text, nullable=False),
    Column("evse", Integer),
    Column("connector", Integer),
    Column("token_id", Text),
    Column("token_value", Text),
    Column("token_kind", Text),
    Column("group_id", Text),
    Column("driver_id", Text),
    Column("verdict", Text),  # VerdictStatus at its start
    Column("verdict_reason", Text),
    Column("state", Text, nullable=False),  # ChargingState
    Column("is_open", Boolean, nullable=False),
    Column("started_at", Instant, nullable=False),  # effective: the station's time, mended where it cannot be
    Column("started_at_station", Text),  # as the station wrote it
    Column("start_received_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_at_station", Text),
    Column("end_received_at", Instant),
    Column("start_wh", Exact),
    Column("end_wh", Exact),
    Column("energy_wh", Exact, nullable=False),
    Column("energy_source", Text, nullable=False),  # EnergySource: where energy_wh comes from
    Column("last_reading_at", Instant),
    Column("last_wh", Exact),
    Column("power_w", Float),
    Column("soc_percent", Float),
    Column("stop_reason", Text),
    Column("stop_token_value", Text),
    Column("is_offline_start", Boolean, nullable=False),
    Column("is_estimated", Boolean, nullable=False),  # closed by us, without the station's word
    Column("remote_start_id", BigInteger),  # these three are the station's: of any size
    Column("reservation_id", BigInteger),
    Column("last_seq", BigInteger),
    Column("seq_count", BigInteger, nullable=False),
    Column("anomaly_count", Integer, nullable=False),
    Column("heard_at", Instant),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("station_id", "reference", name="transactions_once"),
    Index("transactions_by_start", "started_at"),
    Index("transactions_by_station", "station_id", "started_at"),
    Index("transactions_by_reference", "reference"),
    Index("transactions_open", "station_id", sqlite_where=IS_OPEN_SQLITE, postgresql_where=IS_OPEN),
    Index("transactions_open_by_start", "started_at", sqlite_where=IS_OPEN_SQLITE, postgresql_where=IS_OPEN),
    Index("transactions_by_token", "token_id", "started_at"),
    Index("transactions_by_driver", "driver_id", "started_at"),
    Index("transactions_odd", "started_at", sqlite_where=IS_ODD, postgresql_where=IS_ODD),
)

transaction_events = Table(
    "transaction_events",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("transaction_id", Text, nullable=False),
    Column("event_key", Text, nullable=False),  # 2.x: the seqNo; 1.6: start, stop, stop repeated
    Column("kind", Text, nullable=False),  # ReportKind
    Column("seq", BigInteger),
    Column("at", Instant, nullable=False),
    Column("at_station", Text),
    Column("received_at", Instant, nullable=False),
    Column("trigger", Text),
    Column("state", Text),
    Column("is_offline", Boolean, nullable=False),
    Column("details", Json, nullable=False),
    UniqueConstraint("transaction_id", "event_key", name="transaction_events_once"),
)

readings = Table(
    "meter_readings",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("station_id", Text, nullable=False),
    Column("evse", Integer),
    Column("transaction_id", Text),
    Column("at", Instant, nullable=False),
    Column("at_station", Text),
    Column("received_at", Instant, nullable=False),
    Column("context", Text, nullable=False),
    Column("energy_wh", Exact),  # import register, total
    Column("power_w", Float),  # import, total; negative while exporting
    Column("current_a", Float),
    Column("voltage_v", Float),
    Column("soc_percent", Float),
    Column("temperature_c", Float),
    Column("samples", Text, nullable=False),  # JSON of every sample as it came and as it was understood
    Index("readings_by_transaction", "transaction_id", "at"),
    Index(  # of the station's own meter and of connectors at rest; all others are found by their transaction
        "readings_by_station",
        "station_id",
        "at",
        sqlite_where=text("transaction_id IS NULL"),
        postgresql_where=text("transaction_id IS NULL"),
    ),
    Index("readings_by_time", "at"),
)

anomalies = Table(
    "anomalies",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("station_id", Text, nullable=False),
    Column("evse", Integer),
    Column("transaction_id", Text),
    Column("kind", Text, nullable=False),  # AnomalyKind
    Column("detail", Text, nullable=False),
    Column("count", Integer, nullable=False),  # how often; above 1 only of the last that is kept of its kind
    Index("anomalies_by_transaction", "transaction_id"),
    Index("anomalies_by_station", "station_id", "at"),
    Index("anomalies_by_time", "at"),
)
