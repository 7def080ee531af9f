"""Periodic event streams, and the values that came by them."""

from datetime import datetime
from enum import StrEnum

import msgspec


class StreamState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"  # values came, but nobody told of the stream


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of a station, by the number that the station gave it."""

    station_id: str
    number: int
    state: StreamState = StreamState.OPEN
    monitor: int | None = None  # whose variable's values come
    component: str | None = None  # as far as an event of the same monitor told
    variable: str | None = None
    interval_s: int | None = None
    batch: int | None = None  # values sent at once
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    last_at: datetime | None = None
    last_value: str | None = None
    pending: int = 0  # values that waited at the station when it last sent
    value_count: int = 0


class StreamValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value, at the time that the station took it."""

    at: datetime
    value: str
