"""Drivers, cards and groups from a file that came by the web: judged and written as a run, whoever looks on."""

import asyncio
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from ingufu.accounts.model import Principal
from ingufu.accounts.service import changes
from ingufu.importing.batches import ROWS_AT_ONCE, Batches, Outcome
from ingufu.importing.model import Effect
from ingufu.importing.sheets import Sheet, count_lines, read_rows
from ingufu.infra.storage.database import Work
from ingufu.services import Services
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.runs import Result, Run, Runs, State, Subject

TRIAL, IMPORT = "trial", "import"  # what a run of a file does
_STATES: Mapping[Effect, State] = {Effect.NEW: State.NEW, Effect.CHANGED: State.CHANGED, Effect.SAME: State.SAME}
T = TypeVar("T")


class WebDesk:
    """Who imports by the web."""

    def __init__(self, web: WebContext, principal: Principal, organisation_id: str) -> None:
        self._web = web
        self._principal = principal
        self.organisation_id = organisation_id

    @property
    def services(self) -> Services:
        return self._web.services

    @property
    def owner_id(self) -> str | None:
        return self._principal.fleet_id

    def work(self) -> Work:
        return self._web.services.database.work()

    def note(  # one line of the audit trail
        self,
        work: Work,
        action: str,
        object_id: str,
        details: Mapping[str, Any] | None = None,
        *,
        before: changes.State | None = None,
        after: changes.State | None = None,
    ) -> None:
        access.note(self._web, work, self._principal, action, object_id, details, before=before, after=after)


async def start(  # a file, how it is read, and what is done with it
    web: WebContext,
    runs: Runs,
    principal: Principal,
    raw: bytes,
    sheet: Sheet,
    *,
    name: str,
    is_trial: bool,
    makes_missing: bool,
) -> Run:
    """Begin to judge every row and, but in a trial, to write the good ones. Raises TooManyRequests."""
    desk = WebDesk(web, principal, principal.fleet_id or await access.organisation_of(web, principal))

    async def do(run: Run) -> None:
        batches = Batches(desk, is_trial=is_trial, makes_missing=makes_missing)
        rows = read_rows(raw, sheet, name)
        while some := await asyncio.to_thread(_next, rows):
            for outcome in await batches.take(some):
                run.add(_result(outcome))
        run.total = len(run.results)

    async def note(run: Run) -> None:
        async with web.services.database.work() as work:
            access.note(web, work, principal, f"import.{run.action}", run.id, {"file": name, "bytes": len(raw)})

    action = f"{TRIAL if is_trial else IMPORT}-{sheet.kind.value}"
    return await runs.begin(principal, Subject.IMPORT, action, count_lines(raw, sheet), do, note)


def _next(rows: Iterator[T]) -> list[T]:
    return list(islice(rows, ROWS_AT_ONCE))


def _result(outcome: Outcome) -> Result:
    if outcome.effect is not None:
        return Result(str(outcome.line), outcome.name, _STATES[outcome.effect])
    detail = f"{outcome.field}: {outcome.reason}" if outcome.field else outcome.reason
    return Result(str(outcome.line), outcome.name, State.FAILED, detail)
