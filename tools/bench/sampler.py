"""`ingufu` that looks, while it is told to, at what its threads are busy with: at each signal of the processor's clock.

The main thread answers a signal between two instructions of Python, wherever it is: what C code does counts for the
function that called it, and no call is met more often because it lets others run meanwhile, as it would be by a thread
that waits for its turn. A look counts by the processor time that a thread took since the look before.
"""

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.002  # of processor time
WAITING_S = 0.05
DEPTH = 60


class Sampler(threading.Thread):
    """Samples while the file `orders` exists, and writes what it saw beside it when that is gone.

    To be made in the main thread, which hears the signals.
    """

    def __init__(self, orders: Path) -> None:
        super().__init__(name="sampler", daemon=True)
        self._orders = orders
        self._main = threading.get_ident()
        self._spent: dict[int, int] = {}
        self._stacks: Counter[tuple[str, ...]] = Counter()
        signal.signal(signal.SIGPROF, self._look)

    def run(self) -> None:
        while not self._orders.exists():
            time.sleep(WAITING_S)
        signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
        while self._orders.exists():
            time.sleep(WAITING_S)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        written = [[weight, list(stack)] for stack, weight in dict(self._stacks).items()]
        whole = self._orders.with_suffix(".part")
        whole.write_text(json.dumps(written))
        whole.rename(self._orders.with_suffix(".json"))

    def _look(self, _signal: int, main: FrameType | None) -> None:
        frames = sys._current_frames()  # noqa: SLF001 - the documented way to see other threads
        for ident, frame in frames.items():
            try:
                spent = time.clock_gettime_ns(time.pthread_getcpuclockid(ident))
            except OSError:  # it has just ended
                continue
            taken = spent - self._spent.get(ident, spent)
            self._spent[ident] = spent
            if taken > 0 and ident != self.ident:
                self._stacks[_stack(main if ident == self._main else frame)] += taken


def _stack(frame: FrameType | None) -> tuple[str, ...]:
    """Return where a thread is, the innermost function first, as `module:function`."""
    found: list[str] = []
    while frame is not None and len(found) < DEPTH:
        found.append(f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(found)


if __name__ == "__main__":
    Sampler(Path(sys.argv.pop(1))).start()
    from ingufu.app.cli import main

    sys.path.pop(0)  # as `python -m ingufu` has it
    main()
