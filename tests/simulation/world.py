"""What everything in one simulation shares: the time, the dice, the weather, the trace, and what was found wrong."""

import hashlib
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from simulation.loop import VirtualLoop
from simulation.plan import Plan

EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Trace:
    """Everything that happened, in order; put into words only when someone wants to read it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._entries: list[tuple[float, str, str, object]] = []

    def note(self, who: str, what: str, detail: object = "") -> None:
        self._entries.append((self._loop._now_s, who, what, detail))

    def lines(self) -> list[str]:
        return [f"{at:12.4f}  {who:<10} {what:<12} {_worded(detail)}" for at, who, what, detail in self._entries]

    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()[:16]


class World:
    """One simulation. `dice` gives each part chances of its own, so that one part's draws do not shift another's."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.loop = VirtualLoop(self.dice("loop"), disorder=plan.disorder)  # type: ignore[abstract]  # no sockets, no files
        self.trace = Trace(self.loop)
        self.wrongs: list[str] = []
        self.counts: Counter[str] = Counter()  # of all that happened, to show that it does
        self.unheard: list[bytes] = []  # texts that came by a connection which the server had closed
        self.clock_offset_s = 0.0  # of the server's date
        self.trouble_until_s = 0.0  # until then an answer may rightly be missing
        self.storage_until_s = -1.0  # until then storage fails, or has just failed
        self.is_calm = False  # no fault happens any more
        self.has_jumped = False  # the server's date has not always been right

    def dice(self, name: str) -> random.Random:
        return random.Random(f"{self.plan.seed}/{name}")

    def count(self, what: str) -> None:
        """Note that something happened that is meant to happen in some seeds."""
        self.counts[what] += 1

    def wrong(self, text: str) -> None:
        """Keep that something is as it must not be."""
        self.trace.note("world", "WRONG", text)
        self.wrongs.append(text)

    def trouble(self, for_s: float = 0.0) -> None:
        """Note that for so long from now the server may fail to answer."""
        self.trouble_until_s = max(self.trouble_until_s, self.loop.time() + for_s)

    def now(self) -> datetime:
        """Return the true instant."""
        return EPOCH + timedelta(seconds=self.loop._now_s)


class ServerClock:
    """The server's clock: its date may jump, its seconds do not."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._world.loop._now_s + self._world.clock_offset_s)

    def monotonic(self) -> float:
        return self._world.loop._now_s


def _worded(detail: object) -> str:
    return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
