"""The review queue: sessions whose energy is doubtful, decided one by one or several at once; and what sites demand."""

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.evidence.model import Choice, Standing
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.views import evidence as views
from ingufu.views import session as session_views
from ingufu.views import transactions as transaction_views
from ingufu.views.console_sites import list_places
from ingufu.views.evidence import ReviewQuery, ReviewRow, VerdictView
from ingufu.views.transactions import TransactionView
from ingufu.web.api import evidence as api
from ingufu.web.console import present
from ingufu.web.console.numbers import read_number
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS = 50
POINTS = 80  # of the small curve
KWH = Decimal(1000)
DOUBTS = (
    "differs-from-signed", "signature-invalid", "signature-no-key", "signature-missing", "signature-incomplete",
    "signature-unsupported", "signed-time-elsewhere", "register-reset", "register-rollover", "register-negative",
    "register-missing", "no-register", "readings-disagree", "end-not-believed", "end-gap", "readings-gap",
    "messages-missing", "implausible-power", "no-duration", "unit-confusion", "lost-end", "clock-unset", "second-end",
    "very-long", "overlap",
)  # fmt: skip
_FIELDS = ("choice", "energy_kwh", "note")
WORDS = "parts/evidence.html"


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The queue as its address has it."""

    q: Annotated[str, Meta(max_length=100)] = ""
    reason: Annotated[str, Meta(max_length=60)] = ""
    state: Literal["closed"] | None = None
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class SitesQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sites as the address has them."""

    q: Annotated[str, Meta(max_length=100)] = ""
    cursor: Annotated[str, Meta(max_length=100)] = ""  # the last site of the page before


class Shown(msgspec.Struct, frozen=True):
    """A session that waits as a row, in the time of its site."""

    it: ReviewRow
    zone: Any  # tzinfo
    href: str


@page("/review-queue", scope=Scope.MONEY_READ, query=ListQuery)
async def show_queue(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the review queue"""
    query = ReviewQuery(
        station=criteria.q.strip() or None,
        reason=criteria.reason or None,
        is_open=criteria.state is None,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )
    found = await views.list_reviews(web.services.database, query, principal.site_ids)
    asked = {name: value for name, value in msgspec.structs.asdict(criteria).items() if value and name != "cursor"}
    return await pages.show(
        request,
        "pages/evidence/queue.html",
        rows=shown(found.items),
        query=criteria,
        doubts=[(code, pages.macro(request, WORDS, "reason_word", code)) for code in DOUBTS],
        is_filtered=bool(asked),
        next_href=_href(asked, found.next) if found.next else None,
        first_href=_href(asked, None) if criteria.cursor else None,
        here_href=_href(asked, criteria.cursor or None),
    )


@page("/review-queue/{session:str}/decide", scope=Scope.MONEY_WRITE)
async def show_decision(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, session: str
) -> Response[Any]:
    """Show the form that decides on a session"""
    it = await transaction_views.get_transaction(web.services.database, session, principal.site_ids)
    return await _show(web, pages, request, it, None)


@action("/review-queue/{session:str}/decide", scope=Scope.MONEY_WRITE)
async def do_decide(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, session: str, form: Form
) -> Response[Any]:
    """Decide on a session"""
    it = await transaction_views.get_transaction(web.services.database, session, principal.site_ids)
    try:
        view = await function_of(api.decide_review)(web, principal, it.id, _decision(pages, request, form))
    except InvalidInput as error:
        return await _show(web, pages, request, it, form, (error.field or "note", error.message))
    except Conflict as error:
        return await _show(web, pages, request, it, form, ("choice-do-not-bill", error.message))
    billed = view.verdict.standing is not Standing.NOT_BILLABLE
    message = pages.text(request, "The session is billed") if billed else pages.text(request, "It is not billed")
    toast = Toast(message=message, detail=it.station_name or it.station_identity or "")
    return pages.done(request, toast, to=path_of("review-queue"))


@action("/review-queue/confirm", scope=Scope.MONEY_WRITE)
async def confirm_proposals(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Ask before several proposals are billed"""
    rows: list[ReviewRow] = []
    for item in _chosen(form):
        try:
            row = await views.get_review(web.services.database, item.transaction_id, principal.site_ids)
        except NotFound:
            continue
        if row.closed_at is None:
            rows.append(row)
    if not rows:
        toast = Toast(message=pages.text(request, "Choose sessions that wait first"), tone="wait")
        return pages.go(request, path_of("review-queue"), toast)
    total = sum((row.proposed_wh for row in rows), Decimal(0))
    return await pages.show(request, "pages/evidence/confirm.html", rows=shown(rows), total_wh=total)


@action("/review-queue/accept", scope=Scope.MONEY_WRITE)
async def do_accept(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Bill several proposals as they are"""
    chosen = _chosen(form)
    if not chosen:
        return pages.go(request, path_of("review-queue"))
    names = await _names(web, principal, [item.transaction_id for item in chosen])
    results = await function_of(api.accept_proposals)(web, principal, api.AcceptProposals(items=chosen))
    return await pages.show(
        request,
        "pages/evidence/accepted.html",
        results=[(result, names.get(result.transaction_id)) for result in results],
        done=sum(result.is_done for result in results),
    )


@page("/review-queue/sites", scope=Scope.MONEY_READ, query=SitesQuery)
async def show_sites(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: SitesQuery
) -> Response[str]:
    """Show which sites demand signatures"""
    database, wanted = web.services.database, criteria.q.strip().casefold()
    places = [one for one in await list_places(database, principal.site_ids) if wanted in one.name.casefold()]
    first = next((place + 1 for place, one in enumerate(places) if one.id == criteria.cursor), 0)
    some = places[first : first + ROWS]
    demands = await views.find_site_evidence(database, [one.id for one in some])
    asked = {"q": criteria.q} if wanted else {}
    return await pages.show(
        request,
        "pages/evidence/sites.html",
        sites=[(one.id, one.name, demands[one.id]) for one in some],
        query=criteria,
        is_filtered=bool(wanted),
        next_href=_sites_href(asked, some[-1].id) if first + ROWS < len(places) else None,
        first_href=_sites_href(asked, None) if criteria.cursor else None,
        here_href=_sites_href(asked, criteria.cursor or None),
    )


@action("/review-queue/sites", scope=Scope.MONEY_WRITE)
async def set_site(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Have a site demand signatures, or no longer"""
    given = api.SiteEvidenceFields(demands_signatures=form.is_on("demands"))
    await function_of(api.set_site_evidence)(web, principal, form.text("site")[:100], given)
    message = pages.text(request, "The site demands signatures")
    if not given.demands_signatures:
        message = pages.text(request, "The site demands no signatures")
    return pages.done(request, Toast(message=message), to=path_of("review-queue", "sites"))


def shown(rows: Sequence[ReviewRow]) -> list[Shown]:
    """Return sessions that wait as rows of a list."""
    return [Shown(row, _zone(row), path_of("review-queue", row.transaction_id, "decide")) for row in rows]


async def _show(  # the form, as it is or with what is wrong
    web: WebContext,
    pages: Pages,
    request: Asked,
    it: TransactionView,
    form: Form | None,
    error: tuple[str, str] | None = None,
) -> Response[Any]:
    view = await api.see(web, it.id)
    if view.verdict is None:
        raise NotFound("The session was not judged yet.")
    entered = {"choice": "bill-proposed"} if form is None else {name: form.text(name) for name in _FIELDS}
    values: dict[str, Any] = {
        "it": it,
        "view": view,
        "proposal": _proposal(view),
        "form": present.Entered(entered),
        "errors": [error] if error else [],
        "curve": await _curve(web, it),
        "back": "",
    }
    status = 422 if error else 200
    if request.headers.get("x-dialog") or request.headers.get("hx-request"):
        return pages.part(request, "pages/evidence/decision_sheet.html", status=status, **values)
    return await pages.show(request, "pages/evidence/decision_page.html", status=status, **values)


def _proposal(view: VerdictView) -> Decimal:
    """Return what the last verdict proposes that nobody decided."""
    return next(one.energy_wh for one in reversed(view.history) if one.decided_by is None)


async def _curve(web: WebContext, it: TransactionView) -> list[float | None]:
    """Return how far the register had come over the session, for a small drawing."""
    points = (await session_views.get_series(web.services.database, it.id, POINTS)).points
    values = [point.energy_wh for point in points]
    least = min((value for value in values if value is not None), default=Decimal(0))
    return [None if value is None else float(value - least) for value in values]


def _decision(pages: Pages, request: Asked, form: Form) -> api.DecisionFields:
    """Return the decision that was entered. Raises InvalidInput."""
    try:
        choice = Choice(form.text("choice"))
    except ValueError as error:
        raise InvalidInput(pages.text(request, "Choose what becomes of it."), field="choice-do-not-bill") from error
    number = form.integer("number", low=1, high=2**31 - 1)
    if number is None:
        raise InvalidInput(pages.text(request, "Open the form again."), field="choice-do-not-bill")
    energy = _kilowatt_hours(pages, request, form.text("energy_kwh")) if choice is Choice.BILL_OTHER else None
    return api.DecisionFields(choice=choice, number=number, energy_wh=energy, note=form.text("note")[:1000])


def _kilowatt_hours(pages: Pages, request: Asked, text: str) -> Decimal:
    value = read_number(pages, request, text, "energy_kwh")
    if value is None or not 0 <= value < Decimal(1_000_000):
        raise InvalidInput(pages.text(request, "Give the energy in kWh, for instance 12.345."), field="energy_kwh")
    return value * KWH


def _chosen(form: Form) -> tuple[api.Accepted, ...]:
    """Return the sessions that were ticked, each with the verdict that was looked at."""
    found: list[api.Accepted] = []
    for text in form.texts("session")[: api.AT_ONCE]:
        key, _, number = text.rpartition(":")
        if key and number.isascii() and number.isdigit() and len(number) < 10 and len(key) <= 100:
            found.append(api.Accepted(transaction_id=key, number=int(number)))
    return tuple(found)


async def _names(web: WebContext, principal: Principal, ids: Sequence[str]) -> dict[str, str]:
    rows = await transaction_views.list_by_ids(web.services.database, ids, principal.site_ids)
    return {row.id: f"{row.station_name or row.station_identity or row.station_id}, {row.reference}" for row in rows}


def _zone(row: ReviewRow) -> tzinfo:
    return present.zone(row.time_zone)


def _href(asked: dict[str, str], cursor: str | None) -> str:
    query = urlencode(asked | ({"cursor": cursor} if cursor else {}))
    return path_of("review-queue") + (f"?{query}" if query else "")


def _sites_href(asked: dict[str, str], cursor: str | None) -> str:
    query = urlencode(asked | ({"cursor": cursor} if cursor else {}))
    return path_of("review-queue", "sites") + (f"?{query}" if query else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_queue, show_decision, do_decide, confirm_proposals, do_accept, show_sites, set_site,
)  # fmt: skip
