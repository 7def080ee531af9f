"""Tables of remote starts and of what is asked of transactions."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text, text

from ingufu.infra.storage.columns import Exact, Instant

metadata = MetaData()

IS_WAITING = text("state IN ('asked', 'accepted')")

remote_starts = Table(
    "remote_starts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),  # remoteStartId of 2.x
    Column("station_id", Text, nullable=False),
    Column("evse", Integer),
    Column("token_value", Text, nullable=False),  # masked, if it is a secret
    Column("token_digest", Text, nullable=False),
    Column("token_kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # RemoteStartState
    Column("answer", Text),
    Column("reference", Text),
    Column("transaction_id", Text),
    Column("max_cost", Exact),
    Column("max_energy_wh", Exact),
    Column("max_time_s", Integer),
    Column("max_soc_percent", Integer),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Text),
    Column("expires_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Index("remote_starts_by_station", "station_id", "asked_at"),
    Index("remote_starts_by_transaction", "transaction_id"),
    Index("remote_starts_waiting", "expires_at", sqlite_where=IS_WAITING, postgresql_where=IS_WAITING),
)

controls = Table(
    "transaction_controls",
    metadata,
    Column("transaction_id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("max_cost", Exact),  # what we want
    Column("max_energy_wh", Exact),
    Column("max_time_s", Integer),
    Column("max_soc_percent", Integer),
    Column("limit_set_at", Instant),
    Column("limit_set_by", Text),
    Column("limit_sent_at", Instant),
    Column("limit_sent_in", Text),
    Column("limit_confirmed_at", Instant),
    Column("reported_cost", Exact),  # what the station says it keeps to
    Column("reported_energy_wh", Exact),
    Column("reported_time_s", Integer),
    Column("reported_soc_percent", Integer),
    Column("reported_at", Instant),
    Column("reached", Text),  # LimitKind
    Column("reached_at", Instant),
    Column("reached_by_station", Boolean, nullable=False),
    Column("stop_asked_at", Instant),
    Column("stop_attempts", Integer, nullable=False),
    Column("stop_answer", Text),
    Column("priority", Integer),
    Column("priority_sent_in", Text),
    Column("has_priority", Boolean),
    Column("has_priority_by", Text),
    Column("has_priority_at", Instant),
    Column("message", Text),
    Column("message_format", Text),
    Column("message_language", Text),
    Column("message_set_at", Instant),
    Column("message_sent_in", Text),
    Column("is_ongoing", Boolean),  # what the station said when it was asked
    Column("has_messages", Boolean),
    Column("status_at", Instant),
    Index("controls_by_station", "station_id"),
)
