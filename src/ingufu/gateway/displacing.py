"""How often connections of one station may take each other's place: two with one identity would do so without end."""

from collections import OrderedDict
from collections.abc import Callable

EVERY_S = 1.0
LONGEST_WAIT_S = 5.0  # within the time that a handshake may take


class Displacements:
    """Spaces them. The first is at once, as nearly always a station has come back before its end was noticed."""

    def __init__(self, is_open: Callable[[str], bool], monotonic: Callable[[], float]) -> None:
        self._is_open = is_open
        self._monotonic = monotonic
        self._next_at: OrderedDict[str, float] = OrderedDict()  # by station; soon forgotten

    def wait_s(self, station_id: str) -> float | None:
        """Return after how many seconds a new connection may open; 0 where none is open, None if too many wait."""
        now = self._monotonic()
        while self._next_at and next(iter(self._next_at.values())) <= now:
            self._next_at.popitem(last=False)
        if not self._is_open(station_id):
            return 0.0
        at = max(self._next_at.get(station_id, now), now)
        if at - now > LONGEST_WAIT_S:
            return None
        self._next_at[station_id] = at + EVERY_S
        self._next_at.move_to_end(station_id)
        return at - now
