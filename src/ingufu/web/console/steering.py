"""What may be done with a session that runs: its limit, its priority, a message, a question about it, its end."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.charging.control.model import TransactionControl
from ingufu.charging.ending import REASON_MAX
from ingufu.core.errors import Conflict, InvalidInput, NotFound, StationUnavailable, Unavailable
from ingufu.views import transactions
from ingufu.views.transactions import TransactionView
from ingufu.web.api import limits as api
from ingufu.web.api import transactions as api_transactions
from ingufu.web.console import present
from ingufu.web.console.numbers import read_within
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.tariffs import words_of
from ingufu.web.console.tariffs_supposing import instant_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

TEMPLATE = "pages/sessions/steering.html"
DAYS_MINUTES = 60 * 24 * 366


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """One action on a session being done."""

    web: WebContext
    pages: Pages
    principal: Principal
    request: Asked
    it: TransactionView
    form: Form

    @property
    def where(self) -> str:
        return path_of("sessions", self.it.id)


@page("/sessions/{session:str}/actions/{name:str}", scope=Scope.STATIONS_COMMAND)
async def show_steering(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, session: str, name: str
) -> Response[Any]:
    """Show the form of an action on a session"""
    it = await _seen(web, principal, session, name)
    doing = Steering(web=web, pages=pages, principal=principal, request=request, it=it, form=Form())
    return await _show(doing, name, _entered(await web.services.control.of(it.id)))


@action("/sessions/{session:str}/actions/{name:str}", scope=Scope.STATIONS_COMMAND)
async def steer(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, session: str, name: str, form: Form
) -> Response[Any]:
    """Do it"""
    it = await _seen(web, principal, session, name)
    doing = Steering(web=web, pages=pages, principal=principal, request=request, it=it, form=form)
    try:
        return await _DOES[name](doing)
    except InvalidInput as error:
        return await _again(doing, name, error.field or "", error.message)
    except Conflict as error:
        return await _again(doing, name, "", error.message)
    except (StationUnavailable, Unavailable) as error:
        words = pages.macro(request, "parts/words.html", "error_word", error.code)
        return pages.done(request, Toast(message=words, detail=it.station_identity or "", tone="bad"), to=doing.where)


def read_limit(pages: Pages, request: Asked, form: Form) -> api.Limit:
    """Return the limit in a form's fields. Raises InvalidInput."""
    energy_kwh = read_within(pages, request, form, "energy_kwh", low=Decimal("0.001"), high=10_000)
    minutes = form.integer("minutes", low=1, high=DAYS_MINUTES)
    cost = read_within(pages, request, form, "cost", low=0, high=1_000_000_000)
    return api.Limit(
        max_energy_wh=None if energy_kwh is None else (energy_kwh * 1000).quantize(Decimal(1)),
        max_time_s=None if minutes is None else minutes * 60,
        max_soc_percent=form.integer("soc", low=1, high=100),
        max_cost=cost,
    )


async def _limit(doing: Steering) -> Response[Any]:
    given = read_limit(doing.pages, doing.request, doing.form)
    await function_of(api.set_limit)(doing.web, doing.principal, doing.it.id, given)
    if given.as_kept().is_empty:
        return _told(doing, doing.pages.text(doing.request, "The limit is taken away"))
    return _told(doing, doing.pages.text(doing.request, "The limit is set"))


async def _message(doing: Steering) -> Response[Any]:
    content = doing.form.text("content")
    if not content:
        raise InvalidInput(doing.pages.text(doing.request, "What shall the driver read?"), field="content")
    given = api.Said(content=content[:1000], language=doing.form.text("language") or None)
    await function_of(api.set_message)(doing.web, doing.principal, doing.it.id, given)
    return _told(doing, doing.pages.text(doing.request, "The message goes with the next answer"))


async def _priority(doing: Steering) -> Response[Any]:
    wanted = doing.form.integer("priority", low=-9, high=9)
    given = api.Priority(priority=0 if wanted is None else wanted)
    await function_of(api.set_priority)(doing.web, doing.principal, doing.it.id, given)
    return _told(doing, doing.pages.text(doing.request, "The priority goes with the next answer"))


async def _boost(doing: Steering) -> Response[Any]:
    given = api.PriorityCharging(is_active=doing.form.text("is_active") != "no")
    outcome = await function_of(api.use_priority_charging)(doing.web, doing.principal, doing.it.id, given)
    label = doing.pages.macro(doing.request, TEMPLATE, "steering_label", "boost")
    tone = "ok" if outcome.is_accepted else "wait"
    return _told(doing, f"{label}: {outcome.status}", tone=tone)


async def _status(doing: Steering) -> Response[Any]:
    status = await function_of(api.ask_status)(doing.web, doing.principal, doing.it.id)
    words = doing.pages.macro(doing.request, TEMPLATE, "status_words", status.is_ongoing, status.has_messages)
    return _told(doing, words.strip(), tone="wait" if status.is_ongoing is False else "ok")


async def _end(doing: Steering) -> Response[Any]:
    reason = doing.form.text("reason").strip()
    if not reason:
        raise InvalidInput(doing.pages.text(doing.request, "Say why it is taken for over."), field="reason")
    zone, speech = present.zone(doing.it.time_zone), words_of(doing.pages, doing.request).speech
    given = api_transactions.End(
        reason=reason[:REASON_MAX],
        ended_at=instant_of(doing.form.text("ended_at"), zone, speech, "ended_at"),
        force=doing.form.is_on("force"),
    )
    await function_of(api_transactions.end_transaction)(doing.web, doing.principal, doing.it.id, given)
    return _told(doing, doing.pages.text(doing.request, "The session is ended by estimate"))


Do: TypeAlias = Callable[[Steering], Awaitable[Response[Any]]]
_DOES: Mapping[str, Do] = {
    "limit": _limit, "message": _message, "priority": _priority, "boost": _boost, "status": _status,
    "end": _end,
}  # fmt: skip


async def _seen(web: WebContext, principal: Principal, session: str, name: str) -> TransactionView:
    """Return the session. Raises NotFound, also for an action that there is not."""
    if name not in _DOES:
        raise NotFound("There is no such action.")
    return await transactions.get_transaction(web.services.database, session, principal.site_ids)


def _entered(control: TransactionControl | None) -> present.Entered:
    """Return what is asked of a session now, as the forms show it."""
    if control is None:
        return present.Entered()
    limit = control.limit
    known = {
        "energy_kwh": None if limit.max_energy_wh is None else (limit.max_energy_wh / 1000).normalize(),
        "minutes": None if limit.max_time_s is None else -(-limit.max_time_s // 60),
        "soc": limit.max_soc_percent,
        "cost": None if limit.max_cost is None else limit.max_cost.normalize(),
        "priority": control.priority,
        "content": control.message.content if control.message is not None else None,
    }
    return present.Entered(
        {
            name: f"{value:f}" if isinstance(value, Decimal) else str(value)
            for name, value in known.items()
            if value is not None
        }
    )


def _told(doing: Steering, message: str, *, tone: str = "ok") -> Response[Any]:
    toast = Toast(message=message, detail=doing.it.station_identity or "", tone=tone)
    return doing.pages.done(doing.request, toast, to=doing.where)


async def _again(doing: Steering, name: str, field: str, message: str) -> Response[Any]:
    """Show the form again with what is wrong."""
    entered = present.Entered({key: value for key, value in doing.form.pairs if key != "csrf_token"})
    return await _show(doing, name, entered, [(field, message)])


async def _show(
    doing: Steering, name: str, entered: present.Entered, errors: Sequence[tuple[str, str]] = ()
) -> Response[Any]:
    values = {"action": name, "it": doing.it, "form": entered, "errors": list(errors)}
    status = 422 if errors else 200
    headers = doing.request.headers
    if headers.get("x-dialog") or headers.get("hx-request"):
        return doing.pages.part(doing.request, "pages/sessions/steering_sheet.html", status=status, **values)
    return await doing.pages.show(doing.request, "pages/sessions/steering_page.html", status=status, **values)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_steering, steer)
