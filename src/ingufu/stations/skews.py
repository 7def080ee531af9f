"""How far the clocks of stations are off, as far as messages tell of which some are old."""

from datetime import datetime

SAME_S = 5.0  # two messages agree if they differ by no more: latency, and whole seconds
APART_S = 10.0  # and are at least so far apart: what has gathered at a station comes in one go


class Skews:
    """The clock of each station minus ours, in seconds.

    An old message looks as if the clock were behind. So a clock counts as set back only when two messages that are
    apart agree: their own distance is then the one that we measured. Whatever looks later is believed at once.
    """

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._doubted: dict[str, tuple[float, datetime]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, station_id: str) -> float | None:
        """Return how far ahead the station's clock is; None: not known."""
        return self._known.get(station_id)

    def note(self, station_id: str, skew_s: float, received_at: datetime) -> None:
        """Take into account how far ahead a message seemed to be."""
        known = self._known.get(station_id)
        if known is not None and skew_s < known - SAME_S:
            doubted = self._doubted.get(station_id)
            if doubted is None or abs(skew_s - doubted[0]) > SAME_S:
                self._doubted[station_id] = (skew_s, received_at)
                return
            if abs((received_at - doubted[1]).total_seconds()) < APART_S:
                return
        self._known[station_id] = skew_s
        self._doubted.pop(station_id, None)

    def forget(self, station_id: str) -> None:
        """Know nothing of a station."""
        self._known.pop(station_id, None)
        self._doubted.pop(station_id, None)
