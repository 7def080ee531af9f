"""The door to storage: reads of committed data, and units of work that commit together or not at all."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import structlog
from sqlalchemy.sql import ClauseElement

from ingufu.core.events import Event
from ingufu.infra.storage import outbox
from ingufu.infra.storage.engine import Engine, Outcome, Unit, Write
from ingufu.infra.storage.group_commit import GroupCommit, Source
from ingufu.infra.storage.statements import Statements

Row = dict[str, Any]

log = structlog.get_logger(__name__)


def _publish_nothing(events: Sequence[Event]) -> None:
    del events


class Database:
    """Storage as everyone above sees it. Which engine it is, only the composition root knows."""

    def __init__(self, engine: Engine, statements: Statements | None = None) -> None:
        """Use `statements` of the engine's dialect if given: what was prepared for another database is ready there."""
        self.engine = engine
        self.statements = Statements(engine.dialect) if statements is None else statements
        self.writer = GroupCommit(engine, self.statements)
        self.publish: outbox.Publish = _publish_nothing
        self.reads_at_once = False  # no read is waited for, unless writes lag

    async def open(self) -> None:
        await self.engine.open()

    async def close(self) -> None:
        """Return when all that was submitted is on disk and the connections are closed."""
        await self.writer.close()
        await self.engine.close()

    @property
    def failure(self) -> str | None:
        """Why nothing can be written until the process is started anew (a failed disk), or None."""
        return self.engine.failure

    async def fetch_all(
        self, statement: ClauseElement, params: Mapping[str, Any] | None = None, *, may_lag: bool = False
    ) -> list[Row]:
        """Return the rows of a select that is a constant of its module (compiled once).

        What this process has written and what lags (`Work.defer`, `hold_back`) is in them, unless they `may_lag`.
        """
        prepared = self.statements.constant(statement)
        if not may_lag and self.writer.lags(prepared):
            await self.writer.settle()
        return prepared.rows(await self.engine.fetch(prepared, prepared.bind(params or {})))

    async def fetch_one(
        self, statement: ClauseElement, params: Mapping[str, Any] | None = None, *, may_lag: bool = False
    ) -> Row | None:
        """Return the first row of a constant select, or None; as `fetch_all`."""
        rows = await self.fetch_all(statement, params, may_lag=may_lag)
        return rows[0] if rows else None

    async def select(self, statement: ClauseElement) -> list[Row]:
        """Return the rows of a select built for this occasion (filters, paging), with all that lags."""
        prepared = self.statements.once(statement)
        if self.writer.lags(prepared):
            await self.writer.settle()
        return prepared.rows(await self.engine.fetch(prepared, prepared.bind({})))

    async def settle(self) -> None:
        """Return when all that lags is in its tables. Raises Unavailable."""
        await self.writer.settle()

    def work(self) -> "Work":
        """Begin a unit of work."""
        return Work(self)

    def write_behind(self, statement: ClauseElement, rows: Sequence[Mapping[str, Any]], *, cost: int = 1) -> None:
        """Let rows join a commit soon; they may be lost in a crash, and nobody is told.

        `cost` is how many plain rows (some 500 bytes) each of them is as large as.
        """
        prepared = self.statements.constant(statement)
        self.writer.behind(prepared, [prepared.bind(row) for row in rows], cost=cost)

    def announce(self, events: Sequence[Event]) -> None:
        """Tell live listeners what is no fact to be kept."""
        try:
            self.publish(events)
        except Exception:  # one listener's fault must not keep others from going on
            log.exception("storage.publish_failed")

    def write(self, statement: ClauseElement, params: Mapping[str, Any], *, expect: int | None = None) -> Write:
        """Return what `Work.execute` would add, for a unit that is no `Work`."""
        prepared = self.statements.constant(statement)
        return Write(prepared, prepared.bind(params), expect)

    def deferred(self, statement: ClauseElement, row: Mapping[str, Any]) -> Write:
        """Return what `Work.defer` would add, for a unit that is no `Work` (`GroupCommit.submit_for`)."""
        prepared = self.statements.constant(statement)
        is_deferred = self.engine.defers
        return Write(prepared, prepared.bind(row), None, not is_deferred, is_deferred)

    def hold_back(self, source: Source) -> Callable[[], None]:
        """Have `source` asked for units it holds back, within a second and before its table is read.

        What is returned it has to call whenever it holds something back. The units are of figures that can be made
        again: a crash may lose them.
        """
        self.writer.sources.append(source)
        return self.writer.stir


class Work:
    """A unit of work: writes, events and what follows the commit.

    Reads see committed data, never the writes collected here; a rule that rests on what it read says so with
    `expect`, and a unique key or a changed row then undoes this unit alone with Conflict.
    Used as a context manager it commits at the end of the block, unless the block raised.

    A value that cannot be stored (too large a number) raises InvalidInput where it is given.
    """

    __slots__ = ("_after", "_database", "_events", "_is_done", "_writes")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writes: list[Write] = []
        self._events: list[Event] = []
        self._after: list[Callable[[], None]] = []
        self._is_done = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del error, trace
        if kind is None:
            await self.commit()

    def execute(self, statement: ClauseElement, params: Mapping[str, Any], *, expect: int | None = None) -> None:
        """Add a write by a constant statement. With `expect`, so many rows must change or the unit is undone.

        A statement with `expect` never touches more rows than that, whatever it finds.
        """
        prepared = self._database.statements.constant(statement)
        self._add(Write(prepared, prepared.bind(params), expect))

    def execute_once(self, statement: ClauseElement, *, expect: int | None = None) -> None:
        """Add a write by a statement built for this occasion."""
        prepared = self._database.statements.once(statement)
        self._add(Write(prepared, prepared.bind({}), expect))

    def append(self, statement: ClauseElement, row: Mapping[str, Any]) -> None:
        """Add a row to a series (readings, events, frames): written in bulk, after the other writes of the commit.

        Rows of one statement keep their order; several statements are not ordered among each other.
        """
        prepared = self._database.statements.constant(statement)
        self._add(Write(prepared, prepared.bind(row), None, is_bulk=True))

    def defer(self, statement: ClauseElement, row: Mapping[str, Any]) -> None:
        """Add a row to a series that needs not be in its table at once: it is durable with the unit all the same.

        Whoever reads the table in this process finds it; other processes do within a second or so.
        """
        self._add(self._database.deferred(statement, row))

    def emit(self, event: Event) -> None:
        """Store a fact with the data and tell live listeners after the commit."""
        self.append(outbox.INSERT, outbox.row(event))
        self._events.append(event)

    def announce(self, event: Event) -> None:
        """Tell live listeners after the commit, without storing the fact."""
        self._events.append(event)

    def after_commit(self, do: Callable[[], None]) -> None:
        """Have `do` run once the unit is durable, in order; it must not raise."""
        self._after.append(do)

    async def commit(self) -> None:
        """Return when all of it is durable. Who is cancelled while waiting leaves the unit to be written all the same.

        Raises Conflict if a key exists or an expected row had changed, InvalidInput if the database refuses a value,
        Unavailable if storage failed. Nothing is written then, unless Unavailable says that this is not known.
        """
        if self._is_done:
            return
        self._is_done = True
        if not self._writes:
            self._follow_up()
            return
        await self._database.writer.submit(self._writes, self._follow_up)

    def commit_then(self, tell: Callable[[Exception | None], None]) -> bool:
        """Have it committed and `tell` called: with None when all of it is durable, else with what `commit` raises.

        For who does not wait in a task. `tell` must not raise. False if the database is closed: nothing follows then.
        """
        self._is_done = True
        return self._database.writer.submit_for(_Told(self._writes, self._follow_up, tell))

    def _add(self, write: Write) -> None:
        if self._is_done:
            raise RuntimeError("This unit of work has been committed; begin another one.")
        self._writes.append(write)

    def _follow_up(self) -> None:
        for do in self._after:
            try:
                do()
            except Exception:  # the data is safe; one listener's fault must not keep the others from knowing
                log.exception("storage.after_commit_failed")
        if self._events:
            self._database.announce(self._events)


class _Told:
    """A unit whose end is told by a call."""

    __slots__ = ("_follow", "_tell", "unit")

    def __init__(self, unit: Unit, follow: Callable[[], None], tell: Callable[[Exception | None], None]) -> None:
        self.unit = unit
        self._follow = follow
        self._tell = tell

    def settle(self, outcome: Outcome) -> None:
        """Do what follows the commit, and tell."""
        if outcome is None:
            self._follow()
        self._tell(outcome)
