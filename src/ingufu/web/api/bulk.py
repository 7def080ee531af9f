"""One thing done to many stations, cards or drivers: those that are named, or all that a filter finds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.core.commands import Availability, Outcome, ResetKind, Trigger
from ingufu.views import stations as station_views
from ingufu.views import tokens as views
from ingufu.views.paging import MAX_LIMIT
from ingufu.views.stations import StationQuery
from ingufu.views.tokens import DriverQuery, TokenQuery
from ingufu.web import access
from ingufu.web.api import commands, configuration, control, drivers, local_lists, templates, tokens
from ingufu.web.api import runs as runs_api
from ingufu.web.api.drivers import Fate
from ingufu.web.api.runs import RunView
from ingufu.web.context import WebContext
from ingufu.web.routes import function_of, route
from ingufu.web.runs import Item, Note, Run, Runs, State, Subject

MOST = 100_000  # cards or drivers of one run
MOST_STATIONS = 10_000
MOST_NAMED = 1000
IDS_OF_AN_ENTRY = 120  # of the audit trail, which keeps so much of each

QueryT = TypeVar("QueryT")
Instant = Annotated[datetime, Meta(tz=True)]
Ids = Annotated[tuple[Annotated[str, Meta(max_length=100)], ...], Meta(max_length=MOST_NAMED)]
Expected = (
    Annotated[
        int,
        Meta(ge=0, description="How many it found when somebody looked: if it finds another number, nothing is done."),
    ]
    | None
)


class TokenFilter(TokenQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which id tokens, as their list is filtered; order and paging do not matter."""


class DriverFilter(DriverQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which drivers, as their list is filtered; order and paging do not matter."""


class StationFilter(StationQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which stations, as their list is filtered; order and paging do not matter."""


class _Chosen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ones: by id, or all that fit."""

    ids: Ids = ()
    expected: Expected = None


class TokensBulk(_Chosen, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done to which tokens."""

    action: Literal["block", "unblock", "set-group", "set-expiry", "delete"]
    filter: TokenFilter | None = None
    reason: Annotated[str, Meta(max_length=400)] = ""
    group_id: Annotated[str, Meta(max_length=100)] | None = None
    expires_at: Instant | None = None


class DriversBulk(_Chosen, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done to which drivers. A group and an end are given to all their tokens."""

    action: Literal["block", "unblock", "set-group", "set-expiry", "delete"]
    filter: DriverFilter | None = None
    reason: Annotated[str, Meta(max_length=400)] = ""
    group_id: Annotated[str, Meta(max_length=100)] | None = None
    expires_at: Instant | None = None
    tokens: Annotated[Fate, Meta(description="Of who is deleted.")] = Fate.REFUSE


class StationsBulk(_Chosen, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What which stations are asked."""

    action: Literal[
        "reset", "unlock", "inoperative", "operative", "trigger", "clear-cache", "local-list", "template", "apply"
    ]
    filter: StationFilter | None = None
    kind: Annotated[ResetKind, Meta(description="Of a reset.")] = ResetKind.ON_IDLE
    trigger: Annotated[Trigger, Meta(description="What they are to send.")] = Trigger.STATUS
    template: Annotated[str, Meta(max_length=100, description="That they are given.")] | None = None


_LEFT = (State.WAITING, State.ASKING)
_RAISES = (errors.InvalidInput, errors.Conflict, errors.TooManyRequests)


@route(
    "POST", "/tokens/bulk", status=202, scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True,
    body=TokensBulk, raises=_RAISES,
)  # fmt: skip
async def change_tokens(web: WebContext, runs: Runs, principal: Principal, given: TokensBulk) -> RunView:
    """Change many id tokens

    Block, unblock, set the group or the end, delete. The answer is a run; each token has its own result.
    """
    return runs_api.view(await start_tokens(web, runs, principal, given))


@route(
    "POST", "/drivers/bulk", status=202, scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True,
    body=DriversBulk, raises=_RAISES,
)  # fmt: skip
async def change_drivers(web: WebContext, runs: Runs, principal: Principal, given: DriversBulk) -> RunView:
    """Change many drivers

    Block, unblock, delete; or set the group or the end of all their tokens. The answer is a run.
    """
    return runs_api.view(await start_drivers(web, runs, principal, given))


@route("POST", "/stations/bulk", status=202, scope=Scope.STATIONS_COMMAND, body=StationsBulk, raises=_RAISES)
async def command_stations(web: WebContext, runs: Runs, principal: Principal, given: StationsBulk) -> RunView:
    """Ask many stations

    Twenty at a time; each station has its own result. `template` needs the scope `stations:write` as well, and to see
    the whole network. `unlock` lets go of every connector of a station.

    If the server is started anew in between, look in the audit trail who was done before you ask again: whoever was
    reset or unlocked would be so twice.
    """
    return runs_api.view(await start_stations(web, runs, principal, given))


async def start_tokens(web: WebContext, runs: Runs, principal: Principal, given: TokensBulk) -> Run:
    """Begin to change tokens. Raises InvalidInput, Conflict, TooManyRequests."""
    now, database = web.services.clock.now(), web.services.database
    chosen = _which(given, given.filter)
    if given.group_id is not None:
        await _check_group(web, principal, given.group_id)
    items = await views.choose_tokens(database, chosen, principal.fleet_id, now=now, most=MOST + 1)

    async def change(token_id: str) -> tuple[bool, str]:
        return await _change_token(web, principal, given, token_id)

    items, notes = _checked(items, given, MOST), _noting(web, principal, given)
    return await runs.start(principal, Subject.TOKENS, given.action, items, change, *notes)


async def start_drivers(web: WebContext, runs: Runs, principal: Principal, given: DriversBulk) -> Run:
    """Begin to change drivers. Raises InvalidInput, Conflict, TooManyRequests."""
    chosen = _which(given, given.filter)
    if given.group_id is not None:
        await _check_group(web, principal, given.group_id)
    items = await views.choose_drivers(web.services.database, chosen, principal.fleet_id, most=MOST + 1)

    async def change(driver_id: str) -> tuple[bool, str]:
        return await _change_driver(web, principal, given, driver_id)

    items, notes = _checked(items, given, MOST), _noting(web, principal, given)
    return await runs.start(principal, Subject.DRIVERS, given.action, items, change, *notes)


async def start_stations(web: WebContext, runs: Runs, principal: Principal, given: StationsBulk) -> Run:
    """Begin to ask stations. Raises InvalidInput, Conflict, Forbidden, TooManyRequests."""
    if given.action == "template":
        if Scope.STATIONS_WRITE not in principal.scopes or principal.site_ids is not None:
            raise errors.Forbidden("Templates concern the whole network, and need the scope stations:write.")
        if not given.template:
            raise errors.InvalidInput("Which template?", field="template")
        await function_of(templates.get_template)(web, given.template)
    items = await choose_stations(web, principal, _which(given, given.filter))

    async def ask(station_id: str) -> tuple[bool, str]:
        return await _ask(web, principal, given, station_id)

    items, notes = _checked(items, given, MOST_STATIONS), _noting(web, principal, given)
    return await runs.start(principal, Subject.STATIONS, given.action, items, ask, *notes)


async def choose_stations(web: WebContext, principal: Principal, chosen: StationQuery | Sequence[str]) -> list[Item]:
    """Return ids and identities of the stations that are named or fit, as far as they may be seen."""
    database, site_ids = web.services.database, principal.site_ids
    if not isinstance(chosen, StationQuery):
        found = await station_views.list_by_ids(database, sorted(set(chosen)), site_ids)
        return [(row.id, row.identity) for row in found]
    query = msgspec.structs.replace(chosen, limit=MAX_LIMIT, cursor=None)
    items: list[Item] = []
    while True:
        page = await station_views.list_stations(database, query, site_ids)
        items += [(row.id, row.identity) for row in page.items]
        if page.next is None or len(items) > MOST_STATIONS:
            return items
        query = msgspec.structs.replace(query, cursor=page.next)


def _noting(web: WebContext, principal: Principal, given: _Chosen) -> tuple[Note, Note]:
    """Return what keeps in the audit trail what is asked for of whom, and what keeps who was left of a broken run.

    What became of each is there by itself.
    """
    asked = {name: value for name, value in msgspec.to_builtins(given).items() if value and name != "ids"}

    async def note(run: Run) -> None:
        told = asked | {"number": run.total}
        await _note_ids(web, principal, run, "bulk", told, "ids", [one.id for one in run.results])

    async def note_end(run: Run) -> None:
        waiting, asking = ([one.id for one in run.results if one.state is state] for state in _LEFT)
        told = {"action": run.action, "counts": {state.value: number for state, number in run.counts.items() if number}}
        await _note_ids(web, principal, run, "bulk-ended", told | {"unanswered": asking}, "not_asked", waiting)

    return note, note_end


async def _note_ids(  # in so many entries as it takes
    web: WebContext, principal: Principal, run: Run, what: str, told: Mapping[str, Any], name: str, ids: Sequence[str]
) -> None:
    parts = [ids[first : first + IDS_OF_AN_ENTRY] for first in range(0, len(ids), IDS_OF_AN_ENTRY)] or [[]]
    async with web.services.database.work() as work:
        for number, some in enumerate(parts, 1):
            details = {**(told if number == 1 else {"action": run.action}), name: some}
            place = {"part": number, "parts": len(parts)} if len(parts) > 1 else {}
            access.note(web, work, principal, f"{run.subject.value[:-1]}.{what}", run.id, {**details, **place})


def _which(given: _Chosen, query: QueryT | None) -> QueryT | Sequence[str]:
    if (query is None) is not bool(given.ids):
        raise errors.InvalidInput("Name ids, or give a filter: one of both.", field="ids")
    return given.ids if query is None else query


def _checked(items: list[Item], given: _Chosen, most: int) -> list[Item]:
    if len(items) > most:
        raise errors.InvalidInput(f"More than {most} fit. Choose fewer.", field="filter")
    if given.expected is not None and given.expected != len(items):
        raise errors.Conflict(f"Meanwhile {len(items)} fit, not {given.expected}. Look again.")
    return items


async def _check_group(web: WebContext, principal: Principal, group_id: str) -> None:
    try:
        await views.get_group(web.services.database, group_id, principal.fleet_id)
    except errors.NotFound as error:
        raise errors.InvalidInput(error.message, field="group_id") from error


async def _change_token(
    web: WebContext, principal: Principal, given: TokensBulk | DriversBulk, token_id: str
) -> tuple[bool, str]:
    match given.action:
        case "block":
            await function_of(tokens.block_token)(web, principal, token_id, tokens.Block(reason=given.reason))
        case "unblock":
            await function_of(tokens.unblock_token)(web, principal, token_id)
        case "set-group":
            fields = tokens.TokenFields(group_id=given.group_id)
            await function_of(tokens.update_token)(web, principal, token_id, fields)
        case "set-expiry":
            fields = tokens.TokenFields(expires_at=given.expires_at)
            await function_of(tokens.update_token)(web, principal, token_id, fields)
        case "delete":
            return await _deleted_token(web, principal, token_id)
    return True, ""


async def _deleted_token(web: WebContext, principal: Principal, token_id: str) -> tuple[bool, str]:
    try:
        await function_of(tokens.delete_token)(web, principal, token_id)
    except errors.Conflict as error:
        return False, error.message
    return True, ""


async def _change_driver(web: WebContext, principal: Principal, given: DriversBulk, driver_id: str) -> tuple[bool, str]:
    match given.action:
        case "block":
            await function_of(drivers.block_driver)(web, principal, driver_id, tokens.Block(reason=given.reason))
        case "unblock":
            await function_of(drivers.unblock_driver)(web, principal, driver_id)
        case "delete":
            try:
                deletion = drivers.Deletion(tokens=given.tokens)
                await function_of(drivers.delete_driver)(web, principal, driver_id, deletion)
            except errors.Conflict as error:
                return False, error.message
        case _:
            held = await views.tokens_of_driver(web.services.database, driver_id, principal.fleet_id)
            for token_id in held:
                await _change_token(web, principal, given, token_id)
            return True, str(len(held))
    return True, ""


async def _ask(web: WebContext, principal: Principal, given: StationsBulk, station_id: str) -> tuple[bool, str]:
    match given.action:
        case "reset":
            outcome = await function_of(commands.reset)(web, principal, station_id, commands.Reset(kind=given.kind))
        case "trigger":
            what = control.TriggerOne(trigger=given.trigger)
            outcome = await function_of(control.trigger)(web, principal, station_id, what)
        case "unlock":
            return await _unlock_all(web, principal, station_id)
        case "clear-cache":
            outcome = await function_of(local_lists.clear_cache)(web, principal, station_id)
        case "local-list":
            sent = await function_of(local_lists.send_local_list)(web, principal, station_id, local_lists.SendList())
            return sent.state.value in {"in-step", "unused"}, sent.state.value
        case "template" | "apply":
            return await _configure(web, principal, station_id, given.template if given.action == "template" else None)
        case _:
            wanted = control.SetAvailability(availability=Availability(given.action))
            outcome = await function_of(control.set_availability)(web, principal, station_id, wanted)
    return outcome.is_accepted, outcome.status


async def _unlock_all(web: WebContext, principal: Principal, station_id: str) -> tuple[bool, str]:
    """Have every connector that is known let go of its cable, one after the other."""
    found = await station_views.list_by_ids(web.services.database, [station_id], principal.site_ids)
    places = [(evse.number, plug.number) for row in found for evse in row.evses for plug in evse.connectors]
    outcomes: list[Outcome] = [
        await function_of(commands.unlock)(web, principal, station_id, commands.Unlock(evse=evse, connector=connector))
        for evse, connector in places or [(1, 1)]
    ]
    return all(one.is_accepted for one in outcomes), ", ".join(dict.fromkeys(one.status for one in outcomes))


async def _configure(web: WebContext, principal: Principal, station_id: str, template: str | None) -> tuple[bool, str]:
    """Give a station a template, if one is named, and set what is desired of it, if it is connected."""
    if template:
        given = templates.Stations(stations=(station_id,))
        await function_of(templates.give_template)(web, principal, template, given)
    if not (await web.services.stations.get(station_id)).is_online:
        return True, "offline"
    outcomes: list[configuration.ItemResult] = await function_of(configuration.apply_desired)(
        web, principal, station_id, configuration.ToApply()
    )
    refused = [f"{one.variable}: {one.status}" for one in outcomes if not one.is_accepted]
    return not refused, "; ".join(refused)[:300] or f"{len(outcomes)}"


ROUTES: tuple[HTTPRouteHandler, ...] = (change_tokens, change_drivers, command_stations)
