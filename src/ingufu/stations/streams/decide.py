"""When the values of a stream were taken, and whether enough of them come at once. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from ingufu.core.texts import plain
from ingufu.stations.streams.model import Stream, StreamValue

VALUE_MAX = 2500  # characters, as 2.1 allows
OFFSET_MAX_S = Decimal(366 * 86_400)
BATCH_MOST = 1000
SHORT_OF_BATCH = 2  # so many batches behind, and it can send more at once


def read_values(
    base_at: datetime, elements: Iterable[tuple[Decimal, str]], received_at: datetime
) -> tuple[StreamValue, ...]:
    """Return the values at their times: the base time and the offset of each, in seconds (2.1 N15).

    An offset beyond a year is none; such a value is as old as the message.
    """
    found = []
    for offset_s, value in elements:
        at = received_at
        if offset_s.is_finite() and abs(offset_s) <= OFFSET_MAX_S:
            try:
                at = base_at + timedelta(seconds=float(offset_s))
            except OverflowError:
                at = received_at
        found.append(StreamValue(at=at, value=plain(value, VALUE_MAX)))
    return tuple(found)


def larger_batch(stream: Stream) -> int | None:
    """Return how many values the station should send at once, if it falls behind; None if all is well.

    2.1 N15: when `pending` grows, the batch is to be enlarged.
    """
    batch = stream.batch or 1
    if stream.pending < batch * SHORT_OF_BATCH or batch >= BATCH_MOST:
        return None
    return min(max(batch * 2, stream.pending), BATCH_MOST)
