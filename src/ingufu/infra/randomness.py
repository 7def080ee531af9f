"""Random bytes of the system, taken in large draughts: a call into the kernel for each id costs more than the id."""

import os
import threading

DRAUGHT_BYTES = 4096


class SystemRandomness:
    """The system's own generator, as fit for secrets as it is; a fork would share what is drawn, so there must be none.

    May be used by several threads.
    """

    def __init__(self) -> None:
        self._drawn = b""
        self._at = 0
        self._lock = threading.Lock()

    def bytes(self, count: int) -> bytes:
        """Return so many random bytes, none of them ever given before."""
        if count > DRAUGHT_BYTES:
            return os.urandom(count)
        with self._lock:
            end = self._at + count
            if end > len(self._drawn):
                self._drawn, self._at, end = os.urandom(DRAUGHT_BYTES), 0, count
            taken, self._at = self._drawn[self._at : end], end
        return taken

    def uniform(self) -> float:
        """Return a number from 0 up to 1, with 53 random bits."""
        return (int.from_bytes(self.bytes(7), "big") >> 3) * 2**-53
