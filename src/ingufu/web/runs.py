"""What is done to many at once, with what became of each; it goes on when its page is closed."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

import structlog

from ingufu.accounts.model import Principal
from ingufu.core.clock import Clock
from ingufu.core.errors import IngufuError, NotFound, TooManyRequests, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.infra.ending import end

MAX_RUNS = 100  # kept in memory at once; the oldest finished one goes
MAX_RESULTS = 400_000  # of all runs together, likewise
MAX_RUNNING = 4  # of one person or key at a time
KEPT = timedelta(hours=1)  # how long the results of a finished run can be looked at
AT_ONCE = 20  # of one run, at the same time
LAST_ANSWERS_S = 1.0  # for what is asked already when the process is to end: it has ten seconds for all
LAST_NOTE_S = 2.0
_CLOSED = "The server is being stopped."

log = structlog.get_logger(__name__)


class Subject(StrEnum):
    """To what a run does something."""

    STATIONS = "stations"
    TOKENS = "tokens"
    DRIVERS = "drivers"
    IMPORT = "import"


class State(StrEnum):
    """What became of one."""

    WAITING = "waiting"
    ASKING = "asking"
    ACCEPTED = "accepted"
    ANSWERED = "answered"  # it was asked, and said no
    FAILED = "failed"
    NEW = "new"  # these three of imports
    CHANGED = "changed"
    SAME = "same"


UNFINISHED = frozenset({State.WAITING, State.ASKING})


class Result:
    """What became of one."""

    __slots__ = ("detail", "duration_s", "id", "name", "state")

    def __init__(self, object_id: str, name: str, state: State = State.WAITING, detail: str = "") -> None:
        self.id = object_id
        self.name = name
        self.state = state
        self.detail = detail  # a station's own word, the code of an error, or what is wrong
        self.duration_s: float | None = None


class Run:
    """Something done to many. `total` is what there is to do; of an import about, until it is over."""

    def __init__(  # what it is about, and what there is to do
        self,
        run_id: str,
        owner_id: str,
        subject: Subject,
        action: str,
        total: int,
        started_at: datetime,
        request_id: str = "",
    ) -> None:
        self.id = run_id
        self.owner_id = owner_id
        self.request_id = request_id  # that began it: the audit trail has under it what was done, also after a restart
        self.subject = subject
        self.action = action
        self.total = total
        self.started_at = started_at
        self.ended_at: datetime | None = None
        self.problem = ""  # why it ended early
        self.source = ""  # of an import: the id of its file
        self.results: list[Result] = []
        self.counts: Counter[State] = Counter()

    @property
    def done_count(self) -> int:
        return sum(number for state, number in self.counts.items() if state not in UNFINISHED)

    @property
    def is_whole(self) -> bool:
        """Whether it came to its end with each that it is about."""
        return not any(self.counts[state] for state in UNFINISHED)

    @property
    def accepted_count(self) -> int:
        return self.counts[State.ACCEPTED]

    def add(self, result: Result) -> None:
        """Take a result in."""
        self.results.append(result)
        self.counts[result.state] += 1

    def move(self, result: Result, state: State) -> None:
        """Let a result have come to this."""
        self.counts[result.state] -= 1
        self.counts[state] += 1
        result.state = state


Item: TypeAlias = tuple[str, str]  # id and name
Ask: TypeAlias = Callable[[str], Awaitable[tuple[bool, str]]]  # an id to whether it was done, and what it said
Do: TypeAlias = Callable[[Run], Awaitable[None]]
Note: TypeAlias = Callable[[Run], Awaitable[None]]  # keeps in the audit trail what is about to be done, or was not


class Runs:
    """The runs of this process. A restart loses them, but the audit trail has who was chosen and all that was done."""

    def __init__(self, clock: Clock, ids: IdMaker) -> None:
        self._clock = clock
        self._ids = ids
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._tasks: dict[asyncio.Task[None], tuple[Run, Note | None]] = {}  # with what notes that it was broken off
        self._left: dict[asyncio.Task[None], tuple[Run, Note | None]] = {}  # those that went on when it was stopped
        self._is_closed = False

    async def start(
        self,
        principal: Principal,
        subject: Subject,
        action: str,
        items: Sequence[Item],
        ask: Ask,
        note: Note,
        note_end: Note,
    ) -> Run:
        """Begin to ask for every item and return the run, which fills while it goes on.

        Nothing is asked before it is noted: what a crash breaks off can be found. `note_end` is for a run that the
        end of the process breaks off. Raises TooManyRequests, Unavailable.
        """

        async def ask_all(run: Run) -> None:
            await self._ask_all(run, ask)

        run = self._made(principal, subject, action, len(items))
        for object_id, name in items:
            run.add(Result(object_id, name))
        await self._noted(run, note)
        if self._is_closed:  # meanwhile
            await self._break_off(run, note_end)
            raise Unavailable(_CLOSED)
        self._go(run, ask_all, note_end)
        return run

    async def begin(self, principal: Principal, subject: Subject, action: str, total: int, do: Do, note: Note) -> Run:
        """Begin something that adds its results itself, and return its run. Raises TooManyRequests, Unavailable."""
        run = self._made(principal, subject, action, total)
        await self._noted(run, note)
        if self._is_closed:
            raise Unavailable(_CLOSED)
        self._go(run, do, None)
        return run

    def get(self, run_id: str, owner_id: str) -> Run:
        """Return the run, if the same person started it. Raises NotFound."""
        run = self._runs.get(run_id)
        if run is None or run.owner_id != owner_id:
            raise NotFound(
                "The results are no longer kept: an hour has passed, or the server was started anew. "
                "What was done stays done; the audit trail has it, by the id of the request that began it."
            )
        return run

    def stop(self) -> None:
        """Ask for no further ones. What fails from now on counts as without an answer: stations lose us as well."""
        if not self._is_closed:
            self._is_closed = True
            self._left = dict(self._tasks)

    async def close(self) -> None:
        """Stop; those that are asked may answer for a moment. What is left then is noted."""
        self.stop()
        going, self._left = self._left, {}
        asking = [task for task, (_, note_end) in going.items() if note_end is not None]
        for task in going.keys() - asking:
            task.cancel()
        if asking:
            await asyncio.wait(asking, timeout=LAST_ANSWERS_S)
        for task in asking:
            task.cancel()
        if going:
            await asyncio.wait(going, timeout=LAST_ANSWERS_S)
        broken = [(run, note) for run, note in going.values() if note is not None and not run.is_whole]
        await asyncio.gather(*(self._break_off(run, note) for run, note in broken))
        await end(*going)

    async def _break_off(self, run: Run, note_end: Note) -> None:
        run.ended_at, run.problem = self._clock.now(), Unavailable.code
        try:
            async with asyncio.timeout(LAST_NOTE_S):
                await note_end(run)
        except Exception:  # the process ends all the same
            log.exception("run.end_not_noted", run=run.id, action=run.action)

    def _made(self, principal: Principal, subject: Subject, action: str, total: int) -> Run:
        if self._is_closed:
            raise Unavailable(_CLOSED)
        self._forget_old()
        if sum(run.owner_id == principal.id and run.ended_at is None for run in self._runs.values()) >= MAX_RUNNING:
            raise TooManyRequests("Several of your runs still go on. Wait for one of them.", retry_after_s=10)
        began = self._clock.now()
        run = Run(self._ids.new(), principal.id, subject, action, total, began, principal.request_id or "")
        self._runs[run.id] = run
        return run

    async def _noted(self, run: Run, note: Note) -> None:
        try:
            await note(run)
        except BaseException:
            del self._runs[run.id]  # nobody knows of it yet
            raise

    def _go(self, run: Run, do: Do, note_end: Note | None) -> None:
        task = asyncio.create_task(self._carry_out(run, do))
        self._tasks[task] = (run, note_end)
        task.add_done_callback(self._tasks.pop)

    async def _carry_out(self, run: Run, do: Do) -> None:
        try:
            await do(run)
        except IngufuError as error:
            run.problem = error.code
        except Exception:
            run.problem = "internal-error"
            log.exception("run.failed", action=run.action)
        finally:
            run.ended_at = self._clock.now()

    async def _ask_all(self, run: Run, ask: Ask) -> None:
        waiting = iter(run.results)

        async def work() -> None:
            for result in waiting:
                if self._is_closed:
                    return
                await self._ask_one(run, result, ask)

        await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(run.results)))))

    async def _ask_one(self, run: Run, result: Result, ask: Ask) -> None:
        began_s = self._clock.monotonic()
        run.move(result, State.ASKING)
        try:
            is_accepted, result.detail = await ask(result.id)
            run.move(result, State.ACCEPTED if is_accepted else State.ANSWERED)
        except IngufuError as error:
            if self._is_closed:
                return
            result.detail = error.code
            run.move(result, State.FAILED)
        except Exception:
            result.detail = "internal-error"
            run.move(result, State.FAILED)
            log.exception("run.one_failed", object=result.id)
        result.duration_s = self._clock.monotonic() - began_s

    def _forget_old(self) -> None:
        now = self._clock.now()
        kept = sum(len(run.results) for run in self._runs.values())
        for run in tuple(self._runs.values()):
            if run.ended_at is None:
                continue
            if now - run.ended_at > KEPT or len(self._runs) >= MAX_RUNS or kept > MAX_RESULTS:
                kept -= len(run.results)
                del self._runs[run.id]
