"""The table of reservations."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, text

from ingufu.infra.storage.columns import Instant

metadata = MetaData()

IS_LIVE = text("status IN ('asked', 'kept') AND evse IS NOT NULL")
IS_PENDING = text("status IN ('asked', 'kept', 'cancelling')")

reservations = Table(
    "reservations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # what stations know it by
    Column("station_id", Text, nullable=False),
    Column("evse", Integer),
    Column("plug", Text),
    Column("token_value", Text, nullable=False),
    Column("token_kind", Text, nullable=False),
    Column("token_id", Text),
    Column("group_value", Text),
    Column("status", Text, nullable=False),  # ReservationStatus
    Column("detail", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("kept_at", Instant),
    Column("ended_at", Instant),
    Column("transaction_id", Text),
    Index("reservations_by_station", "station_id", "id"),
    Index(
        "reservations_one_per_evse", "station_id", "evse", unique=True, sqlite_where=IS_LIVE, postgresql_where=IS_LIVE
    ),
    Index("reservations_pending", "expires_at", sqlite_where=IS_PENDING, postgresql_where=IS_PENDING),
)
