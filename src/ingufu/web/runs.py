"""Commands to many stations at once, with what became of each; they go on when their page is closed."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import IngufuError, NotFound
from ingufu.core.ids import IdMaker

MAX_RUNS = 100  # kept in memory at once; the oldest finished one goes
KEPT = timedelta(hours=1)  # how long the results of a finished run can be looked at
AT_ONCE = 20  # stations asked at the same time by one run

log = structlog.get_logger(__name__)


class Result:
    """What became of one station. `state` is waiting, asking, accepted, answered, or failed."""

    __slots__ = ("detail", "duration_s", "identity", "state", "station_id")

    def __init__(self, station_id: str, identity: str) -> None:
        self.station_id = station_id
        self.identity = identity
        self.state = "waiting"
        self.detail = ""  # the station's own word, or the code of the error
        self.duration_s: float | None = None


class Run:
    """One command to many stations."""

    def __init__(
        self, run_id: str, owner_id: str, action: str, results: Sequence[Result], started_at: datetime
    ) -> None:
        self.id = run_id
        self.owner_id = owner_id
        self.action = action
        self.results = tuple(results)
        self.started_at = started_at
        self.ended_at: datetime | None = None

    @property
    def done_count(self) -> int:
        return sum(result.state not in {"waiting", "asking"} for result in self.results)

    @property
    def accepted_count(self) -> int:
        return sum(result.state == "accepted" for result in self.results)


Ask = Callable[[str], Awaitable[tuple[bool, str]]]  # a station's id to whether it accepted, and its word


class Runs:
    """The runs of this process. A restart loses them, but the audit trail and the timelines have every command."""

    def __init__(self, clock: Clock, ids: IdMaker) -> None:
        self._clock = clock
        self._ids = ids
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, owner_id: str, action: str, stations: Sequence[tuple[str, str]], ask: Ask) -> Run:
        """Begin to ask every station (its id and identity) and return the run, which fills while it goes on."""
        self._forget_old()
        results = [Result(station_id, identity) for station_id, identity in stations]
        run = Run(self._ids.new(), owner_id, action, results, self._clock.now())
        self._runs[run.id] = run
        task = asyncio.create_task(self._ask_all(run, ask))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def get(self, run_id: str, owner_id: str) -> Run:
        """Return the run, if the same person started it. Raises NotFound."""
        run = self._runs.get(run_id)
        if run is None or run.owner_id != owner_id:
            raise NotFound("The results of this command are no longer kept. Each station's timeline has its own.")
        return run

    async def close(self) -> None:
        """Ask no further stations."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask_all(self, run: Run, ask: Ask) -> None:
        waiting = iter(run.results)

        async def work() -> None:
            for result in waiting:
                await self._ask_one(result, ask)

        await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(run.results)))))
        run.ended_at = self._clock.now()

    async def _ask_one(self, result: Result, ask: Ask) -> None:
        began_s = self._clock.monotonic()
        result.state = "asking"
        try:
            is_accepted, result.detail = await ask(result.station_id)
            result.state = "accepted" if is_accepted else "answered"
        except IngufuError as error:
            result.state, result.detail = "failed", error.code
        except Exception:
            result.state, result.detail = "failed", "internal-error"
            log.exception("run.failed", station=result.station_id)
        result.duration_s = self._clock.monotonic() - began_s

    def _forget_old(self) -> None:
        now = self._clock.now()
        for run in tuple(self._runs.values()):
            is_old = run.ended_at is not None and now - run.ended_at > KEPT
            if is_old or (run.ended_at is not None and len(self._runs) >= MAX_RUNS):
                del self._runs[run.id]
