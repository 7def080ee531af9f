"""What may be done with one station: each action is a form with an address of its own, shown as a dialog by script."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET

from ingufu.accounts.model import Principal, Scope
from ingufu.core.commands import Availability, Outcome, ResetKind, Trigger
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, NotFound, StationUnavailable, Unavailable
from ingufu.views import console_sites, tokens, transactions
from ingufu.views.stations import StationView
from ingufu.views.tokens import TokenQuery
from ingufu.web.api import commands as api_commands
from ingufu.web.api import control as api_control
from ingufu.web.api import stations as api_stations
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.station import see
from ingufu.web.console.stations import offered, read_password
from ingufu.web.console.steering import read_limit
from ingufu.web.context import WebContext
from ingufu.web.errors import TokenRefused
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

TOKENS_OFFERED = 50
SCOPES: Mapping[str, Scope] = {
    "start": Scope.STATIONS_COMMAND, "stop": Scope.STATIONS_COMMAND, "reset": Scope.STATIONS_COMMAND,
    "unlock": Scope.STATIONS_COMMAND, "availability": Scope.STATIONS_COMMAND, "trigger": Scope.STATIONS_COMMAND,
    "disconnect": Scope.STATIONS_COMMAND, "approve": Scope.STATIONS_WRITE, "refuse": Scope.STATIONS_WRITE,
    "delete": Scope.STATIONS_WRITE, "password": Scope.STATIONS_WRITE,
}  # fmt: skip
_FIELDS = (
    "token", "evse", "force", "transaction", "kind", "connector", "availability", "trigger", "site_id",
    "keeps_password", "secret", "back", "energy_kwh", "minutes", "soc", "cost", "custom", "is_extended",
)  # fmt: skip


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of an action has to choose from, and what it has to say."""

    evses: list[tuple[str, str]] = []
    tokens: list[tuple[str, str]] = []
    places: list[tuple[str, str]] = []
    running: tuple[transactions.TransactionRow, ...] = ()
    session: transactions.TransactionRow | None = None
    has_charged: bool = False
    has_password: bool = False


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """One action being done."""

    web: WebContext
    pages: Pages
    principal: Principal
    request: Asked
    station: StationView
    form: Form


@page("/stations/{station:str}/actions/{name:str}", scope=Scope.STATIONS_READ)
async def show_action(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, name: str
) -> Response[str]:
    """Show the form of an action"""
    _check_scope(principal, name)
    seen = await see(web, principal, station)
    entered = present.Entered({key: value for key, value in request.query_params.items() if key in _FIELDS})
    if name == "approve" and seen.station.has_password:
        entered.setdefault("keeps_password", "true")
    doing = Doing(web=web, pages=pages, principal=principal, request=request, station=seen.station, form=Form())
    return await _show(doing, name, entered)


@action("/stations/{station:str}/actions/{name:str}", scope=Scope.STATIONS_READ)
async def do_action(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, name: str, form: Form
) -> Response[Any]:
    """Do it"""
    _check_scope(principal, name)
    seen = await see(web, principal, station)
    doing = Doing(web=web, pages=pages, principal=principal, request=request, station=seen.station, form=form)
    try:
        return await _DOES[name](doing)
    except TokenRefused as error:
        return await _show_again(doing, name, "token", error.message)
    except InvalidInput as error:
        return await _show_again(doing, name, error.field or "evse", error.message)
    except Conflict as error:
        return await _show_again(doing, name, "", error.message)
    except (StationUnavailable, Unavailable) as error:
        words = pages.macro(request, "parts/words.html", "error_word", error.code)
        back = path_of("stations", seen.station.id)
        return pages.done(request, Toast(message=words, detail=seen.station.identity, tone="bad"), to=back)


async def _start(doing: Doing) -> Response[Any]:
    token = doing.form.text("token")
    if not token:
        raise InvalidInput(doing.pages.text(doing.request, "Which card?"), field="token")
    given = api_control.Start(
        token=token,
        evse=_evse(doing),
        force=doing.form.is_on("force"),
        limit=read_limit(doing.pages, doing.request, doing.form),
    )
    return _answered(
        doing, "start", await function_of(api_control.start)(doing.web, doing.principal, doing.station.id, given)
    )


async def _stop(doing: Doing) -> Response[Any]:
    named = doing.form.text("transaction")
    if not named:
        raise InvalidInput(doing.pages.text(doing.request, "Which session?"), field="transaction")
    given = api_control.Stop(transaction=named[:100], force=doing.form.is_on("force"))
    return _answered(
        doing, "stop", await function_of(api_control.stop)(doing.web, doing.principal, doing.station.id, given)
    )


async def _reset(doing: Doing) -> Response[Any]:
    chosen = doing.form.text("kind")
    kind = ResetKind(chosen) if chosen in set(ResetKind) else ResetKind.ON_IDLE
    given = api_commands.Reset(kind=kind, evse=_evse(doing))
    return _answered(
        doing, "reset", await function_of(api_commands.reset)(doing.web, doing.principal, doing.station.id, given)
    )


async def _unlock(doing: Doing) -> Response[Any]:
    connector = doing.form.integer("connector", low=1, high=99) or 1
    given = api_commands.Unlock(evse=_evse(doing) or 0, connector=connector)
    done = await function_of(api_commands.unlock)(doing.web, doing.principal, doing.station.id, given)
    return _answered(doing, "unlock", done)


async def _availability(doing: Doing) -> Response[Any]:
    try:
        wanted = Availability(doing.form.text("availability"))
    except ValueError as error:
        raise InvalidInput(doing.pages.text(doing.request, "In service or out of it?"), field="evse") from error
    given = api_control.SetAvailability(availability=wanted, evse=_evse(doing))
    if wanted is Availability.OPERATIVE and given.evse and await _is_whole_out(doing):
        raise InvalidInput(
            doing.pages.text(doing.request, "The whole station is out of service. Put the station into service first."),
            field="evse",
        )
    done = await function_of(api_control.set_availability)(doing.web, doing.principal, doing.station.id, given)
    return _answered(doing, "availability", done)


async def _is_whole_out(doing: Doing) -> bool:
    stations = doing.web.services.stations
    return await stations.wishes.find_whole_out(await stations.get(doing.station.id)) is not None


async def _trigger(doing: Doing) -> Response[Any]:
    try:
        wanted = Trigger(doing.form.text("trigger"))
    except ValueError as error:
        raise InvalidInput(doing.pages.text(doing.request, "Which message?"), field="trigger") from error
    given = api_control.TriggerOne(
        trigger=wanted,
        evse=_evse(doing),
        custom=(doing.form.text("custom")[:50] or None) if wanted is Trigger.CUSTOM else None,
        is_extended=doing.form.is_on("is_extended"),
    )
    done = await function_of(api_control.trigger)(doing.web, doing.principal, doing.station.id, given)
    return _answered(doing, "trigger", done)


async def _disconnect(doing: Doing) -> Response[Any]:
    await function_of(api_stations.disconnect_station)(doing.web, doing.principal, doing.station.id)
    return _told(doing, doing.pages.text(doing.request, "The connection is closed"))


async def _approve(doing: Doing) -> Response[Any]:
    site_id = doing.form.text("site_id")
    given = api_stations.ApproveStation(keeps_password=doing.form.is_on("keeps_password"), site_id=site_id or UNSET)
    await function_of(api_stations.approve_station)(doing.web, doing.principal, doing.station.id, given)
    return _told(doing, doing.pages.text(doing.request, "The station is approved"))


async def _refuse(doing: Doing) -> Response[Any]:
    await function_of(api_stations.refuse_station)(doing.web, doing.principal, doing.station.id)
    return _told(doing, doing.pages.text(doing.request, "The station is refused"))


async def _delete(doing: Doing) -> Response[Any]:
    done = await function_of(api_stations.delete_station)(doing.web, doing.principal, doing.station.id)
    gone = doing.pages.text(doing.request, "The station is deleted")
    retired = doing.pages.text(doing.request, "The station is retired")
    toast = Toast(message=gone if done.is_gone else retired, detail=doing.station.identity)
    return doing.pages.leave(doing.request, path_of("stations"), toast)


async def _password(doing: Doing) -> Response[Any]:
    password = read_password(doing.form, is_needed=True)
    given = api_stations.SetPassword(password=password or "")
    await function_of(api_stations.set_password)(doing.web, doing.principal, doing.station.id, given)
    shown: dict[str, Any] = {
        "station": doing.station,
        "password": password,
        "addresses": doing.web.settings.ocpp_addresses,
    }
    if doing.request.headers.get("hx-request"):
        return doing.pages.part(doing.request, "pages/station/password_fragment.html", **shown)
    return await doing.pages.show(doing.request, "pages/station/password_set.html", **shown)


Do: TypeAlias = Callable[[Doing], Awaitable[Response[Any]]]
_DOES: Mapping[str, Do] = {
    "start": _start, "stop": _stop, "reset": _reset, "unlock": _unlock, "availability": _availability,
    "trigger": _trigger, "disconnect": _disconnect, "approve": _approve, "refuse": _refuse, "delete": _delete,
    "password": _password,
}  # fmt: skip


def _check_scope(principal: Principal, name: str) -> None:
    """Raise NotFound for an action that there is not, Forbidden for one that is not the principal's to do."""
    if name not in SCOPES:
        raise NotFound("There is no such action.")
    if SCOPES[name] not in principal.scopes:
        raise Forbidden(f"This needs the scope {SCOPES[name].value}.")


def _evse(doing: Doing) -> int | None:
    return doing.form.integer("evse", low=0, high=2**31 - 1)


def _answered(doing: Doing, name: str, outcome: Outcome) -> Response[Any]:
    """Tell what the station answered."""
    label = doing.pages.macro(doing.request, "pages/station/action_form.html", "action_label", name)
    toast = Toast(
        message=f"{label}: {outcome.status}",
        detail=doing.pages.text(doing.request, "%(name)s answered", name=doing.station.identity),
        tone="ok" if outcome.is_accepted else "wait",
    )
    return doing.pages.done(doing.request, toast, to=path_of("stations", doing.station.id))


def _told(doing: Doing, message: str) -> Response[Any]:
    back = path_of("attempts") if doing.form.text("back") == "attempts" else path_of("stations", doing.station.id)
    return doing.pages.done(doing.request, Toast(message=message, detail=doing.station.identity), to=back)


async def _show_again(doing: Doing, name: str, field: str, message: str) -> Response[Any]:
    """Show the form again with what is wrong."""
    entered = present.Entered({key: doing.form.text(key) for key in _FIELDS})
    return await _show(doing, name, entered, [(field, message)])


async def _show(
    doing: Doing, name: str, entered: present.Entered, errors: Sequence[tuple[str, str]] = ()
) -> Response[Any]:
    choices = await _choices(doing, name, entered)
    values = {"action": name, "station": doing.station, "form": entered, "errors": list(errors), "choices": choices}
    status = 422 if errors else 200
    headers = doing.request.headers
    if headers.get("x-dialog") or headers.get("hx-request"):
        return doing.pages.part(doing.request, "pages/station/sheet.html", status=status, **values)
    return await doing.pages.show(doing.request, "pages/station/action.html", status=status, **values)


async def _choices(doing: Doing, name: str, entered: present.Entered) -> Choices:
    database, it = doing.web.services.database, doing.station
    query = transactions.TransactionQuery(station=it.id, is_open=True, limit=20)
    running: tuple[transactions.TransactionRow, ...] = ()
    if name in {"reset", "stop"}:
        running = (await transactions.list_transactions(database, query, doing.principal.site_ids)).items
    known: list[tuple[str, str]] = []
    if name == "start" and Scope.TOKENS_READ in doing.principal.scopes and doing.principal.site_ids is None:
        found = await tokens.list_tokens(database, TokenQuery(is_blocked=False, limit=TOKENS_OFFERED))
        known = [(row.value, row.driver_name or row.note) for row in found.items]
    places = await console_sites.list_places(database, doing.principal.site_ids) if name == "approve" else ()
    return Choices(
        evses=[(str(evse.number), f"EVSE {evse.number}") for evse in it.evses],
        tokens=known,
        places=offered(places),
        running=running,
        session=next((row for row in running if row.id == entered["transaction"]), None),
        has_charged=name == "delete" and await transactions.has_charged(database, it.id),
        has_password=it.has_password,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (show_action, do_action)
