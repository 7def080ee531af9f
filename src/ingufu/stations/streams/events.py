"""What happens to periodic event streams."""

from ingufu.core.events import Event


class StreamOpened(Event, frozen=True, kw_only=True):
    """A station began to send the values of a monitored variable by itself."""

    stream: int
    monitor: int | None
    interval_s: int | None = None
    batch: int | None = None


class StreamClosed(Event, frozen=True, kw_only=True):
    """A station stopped sending a stream of values."""

    stream: int


class StreamUnknown(Event, frozen=True, kw_only=True):
    """Values came of a stream that nobody told of: they are kept, and the station is asked."""

    stream: int


class StreamUpdated(Event, frozen=True, kw_only=True):
    """Announced live, not stored: the values themselves are."""

    stream: int
    value: str
    count: int
    wants_batch: int | None = None  # it falls behind: so many should come at once
