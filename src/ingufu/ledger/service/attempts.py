"""How often somebody may try a code that is wrong."""

from collections import OrderedDict, deque

from ingufu.core.clock import Clock
from ingufu.core.errors import TooManyRequests

MOST = 10  # wrong codes in a time
WITHIN_S = 600.0
MAX_KNOWN = 10_000  # of those who tried; beyond it the longest unheard of is forgotten


class Attempts:
    """Counts wrong codes by who tries them, in this process. Right ones are never counted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, *who: str) -> None:
        """Raise TooManyRequests if one of them tried wrong codes too often."""
        now = self._clock.monotonic()
        for one in who:
            failed = self._failed.get(one)
            while failed and failed[0] <= now - WITHIN_S:
                failed.popleft()
            if failed and len(failed) >= MOST:
                wait_s = int(failed[0] + WITHIN_S - now) + 1
                raise TooManyRequests("Too many wrong codes; try again later.", retry_after_s=wait_s)

    def count(self, *who: str) -> None:
        """Note that they tried a wrong code."""
        for one in who:
            self._failed.setdefault(one, deque(maxlen=MOST)).append(self._clock.monotonic())
            self._failed.move_to_end(one)
        while len(self._failed) > MAX_KNOWN:
            self._failed.popitem(last=False)
