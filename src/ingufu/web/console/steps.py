"""Time travel through a session: each step of it, and what was known and what it cost right then."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.records.model import SessionPrice
from ingufu.charging.model import AsKnown
from ingufu.tariffs.model import AppliedTariff
from ingufu.views import transactions as transaction_views
from ingufu.views.moments import Moment, MomentKind, session_at
from ingufu.views.transactions import TransactionView
from ingufu.web.api import moments as api
from ingufu.web.console import present
from ingufu.web.console.charge_records import tariff_options
from ingufu.web.console.log import LogRow, rows_of
from ingufu.web.console.pages import Pages, page
from ingufu.web.console.session import zone_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import function_of

_KEPT_S = 30.0  # what was worked out for a step


class StepQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The page as its address has it."""

    step: Annotated[str, Meta(max_length=60)] = ""  # a moment's id; else the last one
    tariff: Annotated[str, Meta(max_length=100)] = ""  # by which the session is priced instead of its own


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A moment as the page draws it."""

    moment: Moment
    row: LogRow | None = None  # of a message
    is_chosen: bool = False


@page("/sessions/{session:str}/steps", scope=Scope.TRANSACTIONS_READ, query=StepQuery)
async def show_steps(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, session: str, criteria: StepQuery
) -> Response[str]:
    """Show a session step by step"""
    it = await transaction_views.get_transaction(web.services.database, session, principal.site_ids)
    found = await function_of(api.list_moments)(web, principal, it.id)
    place = _place(found.items, criteria.step)
    chosen = found.items[place] if found.items else None
    zone = await zone_of(web.services.database, it)
    known = None if chosen is None else await _known(web, pages, it, chosen)
    then = session_at(it.updated_at if chosen is None else chosen.at, known, principal.site_ids)
    return await pages.show(
        request,
        "pages/sessions/steps.html",
        it=it,
        zone=zone,
        tzinfo=present.zone(zone),
        steps=_steps(found.items, chosen),
        is_cut=found.is_cut,
        chosen=chosen,
        number=place + 1,
        before=found.items[place - 1].id if place > 0 else "",
        after=found.items[place + 1].id if place + 1 < len(found.items) else "",
        then=then,
        tariff=criteria.tariff,
        pricing=None if chosen is None else await _pricing(web, pages, principal, it, known, chosen, criteria.tariff),
    )


def _place(moments: Sequence[Moment], wanted: str) -> int:
    places = {moment.id: place for place, moment in enumerate(moments)}
    return places.get(wanted, max(len(moments) - 1, 0))


async def _known(web: WebContext, pages: Pages, it: TransactionView, chosen: Moment) -> AsKnown | None:
    """Return what was known: all its readings are gone through, so it is kept for who steps back and forth."""
    key = ("known", it.id, it.updated_at, chosen.at)
    return await pages.memo.of(key, _KEPT_S, lambda: web.services.charging.as_known(it.id, chosen.at))


async def _pricing(  # what there is to price, by what, and for whom
    web: WebContext,
    pages: Pages,
    principal: Principal,
    it: TransactionView,
    known: AsKnown | None,
    chosen: Moment,
    tariff_id: str,
) -> dict[str, Any] | None:
    """Return what the session cost then, by its own tariff or the named one; None: the reader may not see prices."""
    if Scope.MONEY_READ not in principal.scopes:
        return None
    records = web.services.charge_records
    options = await tariff_options(web, principal)
    named = dict(options)
    tariffs: tuple[AppliedTariff, ...] = ()
    if tariff_id in named:
        tariffs = (await records.tariff_at(tariff_id, it.started_at, until=it.ended_at),)

    async def cost() -> SessionPrice | None:
        return None if known is None else await records.of_known(known.transaction, chosen.at, tariffs)

    key = ("known-cost", it.id, it.updated_at, chosen.at, tariff_id if tariffs else "")
    return {
        "cost": await pages.memo.of(key, _KEPT_S, cost),
        "tariffs": options,
        "by": named.get(tariff_id, ""),
        "choice": await records.choice_of(it.id),
    }


def _steps(moments: Sequence[Moment], chosen: Moment | None) -> list[Step]:
    rows = {row.row.id: row for row in rows_of([one.frame for one in moments if one.frame is not None])}
    return [
        Step(
            moment=_lenient(moment),
            row=rows.get(moment.frame.id) if moment.frame is not None else None,
            is_chosen=moment is chosen,
        )
        for moment in moments
    ]


def _lenient(moment: Moment) -> Moment:
    if moment.kind is not MomentKind.EVENT or moment.event is None:
        return moment
    return msgspec.structs.replace(moment, event=present.events([moment.event])[0])


ROUTES: tuple[HTTPRouteHandler, ...] = (show_steps,)
