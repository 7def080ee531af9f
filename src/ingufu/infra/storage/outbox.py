"""Events on their way out: stored with the data they tell of, handed to live listeners after the commit."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, Index, MetaData, Table, Text

from ingufu.core.events import Event
from ingufu.infra.storage.columns import BigId, Instant, Json
from ingufu.infra.storage.statements import insert

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("occurred_at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("station_id", Text),
    Column("transaction_id", Text),
    Column("details", Json, nullable=False),
    Index("events_by_station", "station_id", "id"),
    Index("events_by_transaction", "transaction_id", "id"),
    Index("events_by_time", "occurred_at"),
    Index("events_by_kind", "kind", "id"),
)

INSERT = insert(events)

Publish = Callable[[Sequence[Event]], None]


def row(event: Event) -> dict[str, Any]:
    """Return the event as a row of the table."""
    return {
        "occurred_at": event.occurred_at,
        "kind": event.kind,
        "station_id": event.station_id,
        "transaction_id": event.transaction_id,
        "details": dict(event.details()),
    }
