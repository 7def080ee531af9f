"""How long stations are told to wait: apart from each other, and longer while very many boot at once."""

from collections import deque
from datetime import datetime, timedelta
from zlib import crc32

from ingufu.stations.model import BootAnswer, StationRules

WINDOW = timedelta(minutes=1)
_WHOLE = 2**32


class BootPace:
    """Counts the boots of the last minute, and gives the interval that goes with the answer to each."""

    def __init__(self, rules: StationRules) -> None:
        self._rules = rules
        most = int(rules.storm_boots_per_minute * rules.storm_stretch) or 1  # more of them change nothing
        self._boots: deque[datetime] = deque(maxlen=most)

    def interval_s(self, station_id: str, answer: BootAnswer, at: datetime, wished_s: int | None = None) -> int:
        """Return the seconds between heartbeats of an accepted station, else those before its next boot.

        What is wished for this station counts as it is. Every other interval is a little longer or shorter, always by
        the same part for one station, and grows with the number of boots while a storm lasts.
        Spec: OCPP 2.1 part 2, B01 (not 0), B02, B03.
        """
        self._boots.append(at)
        while self._boots and at - self._boots[0] > WINDOW:
            self._boots.popleft()
        if wished_s is not None and answer is BootAnswer.ACCEPTED:
            return wished_s
        part = 2.0 * (crc32(station_id.encode()) / _WHOLE) - 1.0
        interval_s = self._rules.interval_s(answer) * (1.0 + self._rules.interval_jitter * part) * self.stretch
        return max(1, round(interval_s))

    @property
    def stretch(self) -> float:
        """How many times longer intervals are now."""
        usual = self._rules.storm_boots_per_minute
        if not usual or len(self._boots) <= usual:
            return 1.0
        return min(len(self._boots) / usual, self._rules.storm_stretch)
