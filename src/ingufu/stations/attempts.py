"""Which refused connection attempts get a row of their own: a flood of equal ones is counted, not listed."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from ingufu.core.addresses import network_of
from ingufu.stations.model import Attempt

MAX_ROWS = 2000  # refusals remembered at once, whoever they come from
MAX_ROWS_PER_ADDRESS = 20  # of one cause; further identities from there share one row
WRITE_EVERY = timedelta(seconds=5)  # how often the growing count of one row is written
MANY = "various"  # the address of a row that stands for many

_Key = tuple[str, str, str | None]


class _Row:
    """A refusal that is being counted."""

    __slots__ = ("attempt", "key", "written_at", "written_count")

    def __init__(self, key: _Key, attempt: Attempt) -> None:
        self.key = key
        self.attempt = attempt
        self.written_at = attempt.at
        self.written_count = 0


class Refusals:
    """Counts equal refusals within a window that begins with the first, and says which rows to write.

    Memory is bounded whatever comes: past the limits, refusals share a row by address, then one by cause. IPv6
    addresses are counted by their network, of which each caller has a whole one.
    """

    def __init__(self, window_s: float) -> None:
        self._window = timedelta(seconds=window_s)
        self._rows: OrderedDict[_Key, _Row] = OrderedDict()
        self._by_address: dict[tuple[str, str], int] = {}
        self._scanned_at: datetime | None = None

    def note(self, attempt: Attempt) -> tuple[bool, list[Attempt]]:
        """Take a refusal in. Return whether it is the first of its row, and the rows to write now."""
        key = self._key(attempt)
        due: list[Attempt] = []
        if self._is_time(attempt.at) or self._is_over(self._rows.get(key), attempt.at):
            due = self.due(attempt.at)
            key = self._key(attempt)
        row = self._rows.get(key)
        if row is not None:
            count = row.attempt.count + attempt.count
            row.attempt = msgspec.structs.replace(row.attempt, count=count, last_at=attempt.last_at)
            return False, due
        row = self._rows[key] = _Row(key, _as_row(attempt, key))
        origin = _origin(key)
        self._by_address[origin] = self._by_address.get(origin, 0) + 1
        return True, [*due, *_written([row], attempt.at)]

    def due(self, now: datetime, *, is_last: bool = False) -> list[Attempt]:
        """Return the rows whose count grew since they were written; with `is_last` however short ago that is."""
        self._scanned_at = now
        rows = [*self._expired(now), *self._rows.values()]
        ripe = (row for row in rows if is_last or row.key not in self._rows or now - row.written_at >= WRITE_EVERY)
        return list(_written(ripe, now))

    def _is_time(self, now: datetime) -> bool:
        return self._scanned_at is None or abs(now - self._scanned_at) >= WRITE_EVERY

    def _is_over(self, row: _Row | None, now: datetime) -> bool:
        """Return whether the row's window is over; also if it lies in the future, after the clock was set back."""
        return row is not None and abs(now - row.attempt.at) > self._window

    def _key(self, attempt: Attempt) -> _Key:
        key = (attempt.outcome.value, attempt.address, attempt.identity)
        if key in self._rows:
            return key
        if self._by_address.get(_origin(key), 0) >= MAX_ROWS_PER_ADDRESS:
            key = (*_origin(key), None)
        if len(self._rows) >= MAX_ROWS and key not in self._rows:
            key = (key[0], MANY, None)
        return key

    def _expired(self, now: datetime) -> list[_Row]:
        gone = [row for row in self._rows.values() if self._is_over(row, now)]
        for row in gone:
            del self._rows[row.key]
            origin = _origin(row.key)
            left = self._by_address[origin] - 1
            if left:
                self._by_address[origin] = left
            else:
                del self._by_address[origin]
        return gone


def _origin(key: _Key) -> tuple[str, str]:
    return key[0], network_of(key[1])


def _as_row(attempt: Attempt, key: _Key) -> Attempt:
    if attempt.identity == key[2] and attempt.address == key[1]:
        return attempt
    return msgspec.structs.replace(
        attempt, identity=None, station_id=None, path="", address=key[1], detail="Several identities or addresses."
    )


def _written(rows: Iterable[_Row], now: datetime) -> Iterator[Attempt]:
    for row in rows:
        if row.attempt.count > row.written_count:
            row.written_count, row.written_at = row.attempt.count, now
            yield row.attempt
