"""One thing to many stations, cards or drivers: asked once, done in the background, with a result for each."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.commands import ResetKind
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.views import stations as station_views
from ingufu.views import templates as template_views
from ingufu.views import tokens as token_views
from ingufu.views.tokens import DriverQuery, GroupQuery, TokenQuery
from ingufu.web.api import bulk as api
from ingufu.web.api import runs as runs_api
from ingufu.web.api.drivers import Fate
from ingufu.web.console import drivers, stations, tokens
from ingufu.web.console.pages import Pages, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.reading import criteria_of
from ingufu.web.routes import function_of
from ingufu.web.runs import Result, Run, Runs, State

SHOWN = 200  # results on a page; the file has all
NAMED = 60  # of those that are asked about
OFFERED = 500  # groups
_STATION_ACTIONS: Mapping[str, str] = {  # as the form says, to what the API calls it
    "reset": "reset", "status": "trigger", "inoperative": "inoperative", "operative": "operative", "unlock": "unlock",
    "cache": "clear-cache", "list": "local-list", "template": "template", "apply": "apply",
}  # fmt: skip
_CHANGES = ("block", "unblock", "set-group", "set-expiry", "delete")
_ASK_NO_MORE = 286  # what htmx understands as the end of asking every so often
_FIRST = (State.FAILED, State.ANSWERED, State.ASKING)  # what a person looks for

Noun = Literal["tokens", "drivers"]


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """By which request a run began: with it in the address what was done is found when the run itself is gone."""

    request_id: Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9._-]{8,64}\Z")] = ""


class Shown(NamedTuple):
    """A run as it was in one instant: it goes on while its page is being made."""

    is_over: bool
    results: list[Result]


@action("/stations/bulk", scope=Scope.STATIONS_COMMAND)
async def confirm_bulk(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Show what a command to the chosen stations would do"""
    what = _chosen_action(pages, request, form, tuple(_STATION_ACTIONS))
    is_all = form.is_on("all")
    chosen = stations.wanted(_criteria(form, stations.ListQuery)) if is_all else _ids(form, "station")
    items = await api.choose_stations(web, principal, chosen) if chosen else []
    if not items:
        return pages.go(request, path_of("stations"))
    found = await station_views.list_by_ids(
        web.services.database, [station_id for station_id, _ in items[:NAMED]], principal.site_ids
    )
    running = [sum(evse.transaction is not None for evse in row.evses) for row in found]
    return await pages.show(
        request,
        "pages/stations/bulk.html",
        action=what,
        number=len(items),
        stations=[(row.id, row.identity, count) for row, count in zip(found, running, strict=True)],
        charging=sum(running),
        hidden=_hidden(form, "station", is_all=is_all, number=len(items)),
        templates=await _templates(web, principal, what),
    )


@action("/runs", scope=Scope.STATIONS_COMMAND)
async def start_run(
    web: WebContext, pages: Pages, runs: Runs, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Ask the chosen stations, one after the other"""
    what = _chosen_action(pages, request, form, tuple(_STATION_ACTIONS))
    template = form.text("template")
    if what == "template" and not template:
        raise InvalidInput(pages.text(request, "Which template?"), field="template")
    kind = ResetKind.IMMEDIATE if form.text("kind") == ResetKind.IMMEDIATE.value else ResetKind.ON_IDLE
    given = _given(
        api.StationsBulk,
        form,
        "station",
        lambda: stations.wanted(_criteria(form, stations.ListQuery)),
        action=_STATION_ACTIONS[what],
        kind=kind,
        template=template or None,
    )
    return pages.go(request, path_of_run(await api.start_stations(web, runs, principal, given)))


@action("/tokens/bulk", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True)
async def confirm_tokens(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Show what would be done to the chosen cards"""
    return await _confirm(web, pages, principal, request, form, "tokens")


@action("/tokens/runs", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True)
async def change_tokens(
    web: WebContext, pages: Pages, runs: Runs, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Change the chosen cards"""
    given = _given(api.TokensBulk, form, "chosen", lambda: _query(form, "tokens"), **_change(pages, request, form))
    return pages.go(request, path_of_run(await api.start_tokens(web, runs, principal, given)))


@action("/drivers/bulk", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True)
async def confirm_drivers(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Show what would be done to the chosen drivers"""
    return await _confirm(web, pages, principal, request, form, "drivers")


@action("/drivers/runs", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True)
async def change_drivers(
    web: WebContext, pages: Pages, runs: Runs, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Change the chosen drivers"""
    fate = form.text("tokens")
    more = {"tokens": Fate(fate) if fate in set(Fate) else Fate.REFUSE}
    change = _change(pages, request, form) | more
    given = _given(api.DriversBulk, form, "chosen", lambda: _query(form, "drivers"), **change)
    return pages.go(request, path_of_run(await api.start_drivers(web, runs, principal, given)))


@page("/runs/{run:str}", query=RunQuery)
async def show_run(  # or that it is gone
    pages: Pages, runs: Runs, principal: Principal, request: Asked, run: str, criteria: RunQuery
) -> Response[str]:
    """Show what becomes of something that is done to many"""
    try:
        found = runs.get(run, principal.id)
    except NotFound:
        if not criteria.request_id:
            raise
        return await pages.show(request, "pages/runs/gone.html", status=404, request_id=criteria.request_id)
    return await pages.show(request, "pages/runs/run.html", run=found, shown=_shown(found))


@page("/runs/{run:str}/results", query=RunQuery)
async def show_results(  # or that they are gone
    pages: Pages, runs: Runs, principal: Principal, request: Asked, run: str, criteria: RunQuery
) -> Response[str]:
    """Show the results alone, for the page that asks for them again and again"""
    try:
        found = runs.get(run, principal.id)
    except NotFound:
        fragment = "pages/runs/gone_fragment.html"
        return pages.part(request, fragment, status=_ASK_NO_MORE, request_id=criteria.request_id)
    return pages.part(request, "pages/runs/results_fragment.html", run=found, shown=_shown(found))


@page("/runs/{run:str}/results.csv")
async def export_results(web: WebContext, runs: Runs, principal: Principal, run: str) -> Stream:
    """Export the results"""
    stream: Stream = await function_of(runs_api.export_run_results)(web, runs, principal, run)
    return stream


async def _confirm(  # the same question about cards and drivers
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form, noun: Noun
) -> Response[Any]:
    what = _chosen_action(pages, request, form, _CHANGES)
    is_all = form.is_on("all")
    database, fleet_id = web.services.database, principal.fleet_id
    chosen = _query(form, noun) if is_all else _ids(form, "chosen")
    if isinstance(chosen, DriverQuery) or noun == "drivers":
        items = await token_views.choose_drivers(database, chosen, fleet_id, most=api.MOST + 1)  # type: ignore[arg-type]
    else:
        now = web.services.clock.now()
        items = await token_views.choose_tokens(database, chosen, fleet_id, now=now, most=api.MOST + 1)
    if not items:
        return pages.go(request, path_of(noun))
    groups = await token_views.list_groups(database, GroupQuery(limit=OFFERED), fleet_id)
    return await pages.show(
        request,
        "pages/runs/confirm.html",
        noun=noun,
        action=what,
        number=len(items),
        names=[name for _, name in items[:NAMED]],
        hidden=_hidden(form, "chosen", is_all=is_all, number=len(items)),
        groups=[(row.id, row.name) for row in groups.items],
    )


def path_of_run(run: Run) -> str:
    """Return the address of a run's page."""
    return f"{path_of('runs', run.id)}?{urlencode({'request_id': run.request_id})}"


def _query(form: Form, noun: Noun) -> TokenQuery | DriverQuery:
    """Return what the list was filtered by, as the form repeats it."""
    if noun == "tokens":
        return tokens.wanted(_criteria(form, tokens.ListQuery))
    return drivers.wanted(_criteria(form, drivers.ListQuery))


def _criteria(form: Form, kind: type[msgspec.Struct]) -> Any:  # one of that kind
    fields = {field.encode_name for field in msgspec.structs.fields(kind)} - {"cursor"}
    return criteria_of(kind, {name: [form.text(f"filter.{name}")] for name in fields if form.text(f"filter.{name}")})


def _ids(form: Form, name: str) -> tuple[str, ...]:
    ids = tuple(sorted(set(form.texts(name))))
    if len(ids) > api.MOST_NAMED:
        raise InvalidInput(f"At most {api.MOST_NAMED} are chosen one by one.")
    return ids


def _hidden(form: Form, name: str, *, is_all: bool, number: int) -> list[tuple[str, str]]:
    """Return what the question hands on: who is chosen, by name or by filter."""
    if not is_all:
        return [(name, one) for one in _ids(form, name)]
    filters = [(key, value) for key, value in form.pairs if key.startswith("filter.") and value]
    return [("all", "yes"), ("expected", str(number)), *filters]


def _given(struct: Any, form: Form, name: str, query: Any, **fields: Any) -> Any:  # one of the bulk structs of the API
    if form.is_on("all"):
        expected = form.integer("expected", low=0, high=10**9)
        return struct(filter=query(), expected=expected, **fields)
    ids = _ids(form, name)
    if not ids:
        raise InvalidInput("Nothing is chosen.", field=name)
    return struct(ids=ids, **fields)


def _change(pages: Pages, request: Asked, form: Form) -> dict[str, Any]:
    what = _chosen_action(pages, request, form, _CHANGES)
    return {
        "action": what,
        "reason": form.text("reason")[:400],
        "group_id": form.text("group") or None if what == "set-group" else None,
        "expires_at": _instant(form) if what == "set-expiry" else None,
    }


def _instant(form: Form) -> datetime | None:
    text = form.text("expires_at")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError as error:
        raise InvalidInput("That is no date and time.", field="expires_at") from error


def _chosen_action(pages: Pages, request: Asked, form: Form, known: tuple[str, ...]) -> str:
    what = form.text("action")
    if what not in known:
        raise InvalidInput(pages.text(request, "Choose what to do."), field="action")
    return what


def _shown(run: Run) -> Shown:
    """Return the results that a page shows: what needs a look before the rest."""
    first = [one for one in run.results if one.state in _FIRST][:SHOWN] if len(run.results) > SHOWN else run.results
    rest = (one for one in run.results if one.state not in _FIRST)
    more = [] if first is run.results else [one for one, _ in zip(rest, range(SHOWN - len(first)), strict=False)]
    return Shown(is_over=run.ended_at is not None, results=[*first, *more])


async def _templates(web: WebContext, principal: Principal, what: str) -> list[tuple[str, str]]:
    """Return the templates that a choice offers, for who may give one."""
    if what != "template" or principal.site_ids is not None:
        return []
    return [(one.id, one.name) for one in await template_views.list_templates(web.services.database)]


ROUTES: tuple[HTTPRouteHandler, ...] = (
    confirm_bulk, start_run, confirm_tokens, change_tokens, confirm_drivers, change_drivers, show_run, show_results,
    export_results,
)  # fmt: skip
