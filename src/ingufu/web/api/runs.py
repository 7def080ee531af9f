"""What is done to many at once: how far it is, and what became of each."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal
from ingufu.core import errors
from ingufu.views.paging import Page
from ingufu.views.stations import Limit
from ingufu.web import spreadsheets
from ingufu.web.context import WebContext
from ingufu.web.routes import route
from ingufu.web.runs import Result, Run, Runs, State, Subject

_ROWS = 1000  # of a file, at once


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is done to many, and how far it is."""

    id: str
    subject: Subject
    action: str
    total: Annotated[int, Meta(description="What there is to do; of an import about, until it is over.")]
    done: int
    counts: Annotated[dict[State, int], Meta(description="How many came to what.")]
    started_at: datetime
    request_id: Annotated[str, Meta(description="That began it: the audit trail has what was done under it.")]
    ended_at: Annotated[datetime | None, Meta(description="Null: it still goes on. Ask again.")] = None
    problem: Annotated[str, Meta(description="Code of the error for which it ended early; empty: none.")] = ""


class ResultView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one."""

    id: Annotated[str, Meta(description="Of the station, token or driver; of an import the row's line in the file.")]
    name: str
    state: State
    detail: Annotated[str, Meta(description="A station's own word, the code of an error, or what is wrong.")] = ""
    duration_s: float | None = None


class ResultQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which results, in the order of the run."""

    state: State | None = None
    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=12, pattern="^[0-9]+$")] | None = None


@route("GET", "/runs/{run_id:str}", raises=(errors.NotFound,))
async def get_run(runs: Runs, principal: Principal, run_id: str) -> RunView:
    """See how far a run is

    Runs are kept for an hour after their end, and only whoever started one finds it. A restart of the server ends and
    forgets them: what was done stays done. The audit trail has it, by the `request_id` of the run: who was chosen, each
    one that was done, and, if the server was stopped and did not crash, who was not asked (`not_asked`) or did not
    answer any more (`unanswered`).

    The same request again is right for what may be done twice, such as a block or what is desired. A reset or an unlock
    would hit once more who was done: name only the others.
    """
    return view(runs.get(run_id, principal.id))


@route("GET", "/runs/{run_id:str}/results", query=ResultQuery, raises=(errors.NotFound, errors.InvalidInput))
async def list_run_results(runs: Runs, principal: Principal, run_id: str, criteria: ResultQuery) -> Page[ResultView]:
    """List what became of each

    In the order in which they were named, or of the file.
    """
    found = runs.get(run_id, principal.id).results
    first = int(criteria.cursor or 0)
    shown: list[ResultView] = []
    for place in range(first, len(found)):
        if criteria.state not in (None, found[place].state):
            continue
        if len(shown) == criteria.limit:
            return Page(items=tuple(shown), next=str(place))
        shown.append(_result(found[place]))
    return Page(items=tuple(shown))


@route(
    "GET", "/runs/{run_id:str}/results.csv", result=bytes, media_type=spreadsheets.MEDIA_TYPE, raises=(errors.NotFound,)
)
async def export_run_results(web: WebContext, runs: Runs, principal: Principal, run_id: str) -> Stream:
    """Export what became of each as CSV

    One line for each, with what is wrong where something is.
    """
    run = runs.get(run_id, principal.id)
    headers = spreadsheets.attachment(web, f"results-{run.action}", "csv")
    return Stream(_lines(run), media_type=spreadsheets.MEDIA_TYPE, headers=headers)


def view(run: Run) -> RunView:
    """Return a run as the API shows it."""
    return RunView(
        id=run.id,
        subject=run.subject,
        action=run.action,
        total=run.total,
        done=run.done_count,
        counts={state: number for state, number in run.counts.items() if number},
        started_at=run.started_at,
        request_id=run.request_id,
        ended_at=run.ended_at,
        problem=run.problem,
    )


def _result(one: Result) -> ResultView:
    return ResultView(id=one.id, name=one.name, state=one.state, detail=one.detail, duration_s=one.duration_s)


async def _lines(run: Run) -> AsyncIterator[bytes]:
    first = "line" if run.subject is Subject.IMPORT else "id"
    yield spreadsheets.MARK + spreadsheets.lines([(first, "name", "result", "detail")])
    for place in range(0, len(run.results), _ROWS):
        rows = [(one.id, one.name, one.state.value, one.detail) for one in run.results[place : place + _ROWS]]
        yield spreadsheets.lines(rows)


ROUTES: tuple[HTTPRouteHandler, ...] = (get_run, list_run_results, export_run_results)
