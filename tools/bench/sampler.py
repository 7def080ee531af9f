"""`ingufu` with a thread in it that looks, while it is told to, at what the threads of the process are busy with.

A look counts by the processor time that the thread took since the look before: who waits counts nothing.
The thread gets its turn between two instructions of Python, so what C code does counts for the function that called it.
"""

import json
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.002
SWITCH_S = 0.00001  # how long a thread may keep the interpreter from the sampler
WAITING_S = 0.05
DEPTH = 60


class Sampler(threading.Thread):
    """Samples while the file `orders` exists, and writes what it saw beside it when that is gone."""

    def __init__(self, orders: Path) -> None:
        super().__init__(name="sampler", daemon=True)
        self._orders = orders
        self._spent: dict[int, int] = {}
        self._stacks: Counter[tuple[str, ...]] = Counter()

    def run(self) -> None:
        while not self._orders.exists():
            time.sleep(WAITING_S)
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        self._look()
        self._stacks.clear()
        while self._orders.exists():
            time.sleep(EVERY_S * random.uniform(0.5, 1.5))  # what recurs must not be met at the same point for ever
            self._look()
        sys.setswitchinterval(usual)
        written = [[weight, list(stack)] for stack, weight in self._stacks.items()]
        whole = self._orders.with_suffix(".part")
        whole.write_text(json.dumps(written))
        whole.rename(self._orders.with_suffix(".json"))

    def _look(self) -> None:
        own = threading.get_ident()
        for ident, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way to see other threads
            if ident == own:
                continue
            try:
                spent = time.clock_gettime_ns(time.pthread_getcpuclockid(ident))
            except OSError:  # it has just ended
                continue
            taken = spent - self._spent.get(ident, spent)
            self._spent[ident] = spent
            if taken > 0:
                self._stacks[_stack(frame)] += taken


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
