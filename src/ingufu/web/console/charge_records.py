"""Charge records: the list, a record with its reasons, its correction, and the sessions that have no price."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.records.model import RatingState, RecordKind
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.views import charge_records as views
from ingufu.views import console_sites
from ingufu.views import invoices as invoice_views
from ingufu.views import tariffs as tariff_views
from ingufu.views.charge_records import RatingQuery, RecordQuery
from ingufu.web.api import charge_records as api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS = 50
TARIFFS_OFFERED = 200
SUMMED = 4000  # records added up while one waits


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=100)] = ""
    site: Annotated[str, Meta(max_length=100)] = ""
    kind: RecordKind | None = None
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sessions without a price as the address has them."""

    q: Annotated[str, Meta(max_length=100)] = ""
    site: Annotated[str, Meta(max_length=100)] = ""
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class Shown(msgspec.Struct, frozen=True):
    """A row of a list, in the time of its site."""

    it: Any
    zone: Any  # tzinfo


@page("/charge-records", scope=Scope.MONEY_READ, is_for_fleets=True, query=ListQuery)
async def show_charge_records(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show all charge records"""
    database = web.services.database
    places = await console_sites.list_places(database, principal.site_ids)
    query = _wanted(criteria)
    found = await views.list_records(database, query, principal.site_ids)
    asked = {"q": criteria.q, "site": criteria.site, "kind": criteria.kind.value if criteria.kind else ""}
    asked = {name: value for name, value in asked.items() if value}
    export = {"station": criteria.q.strip(), "site_id": criteria.site, "kind": asked.get("kind", "")}
    exported = urlencode({name: value for name, value in export.items() if value})
    sums: tuple[views.Sum, ...] = ()
    is_cut = False
    if asked:
        sums, is_cut = await views.sum_newest(database, query, principal.site_ids, most=SUMMED)
    return await pages.show(
        request,
        "pages/charge_records/list.html",
        rows=[Shown(row, present.zone(row.time_zone)) for row in found.items],
        sums=sums,
        sums_cut=is_cut,
        query=criteria,
        kinds=[("charge", pages.text(request, "charge")), ("credit", pages.text(request, "credit"))],
        places=[(place.id, place.name) for place in places],
        unpriced=await views.count_ratings(database, RatingState.UNPRICED, principal.site_ids),
        is_filtered=bool(asked),
        next_href=_href(asked, found.next) if found.next else None,
        first_href=_href(asked, None) if criteria.cursor else None,
        csv_href=f"/api/v1/charge-records/export.csv?{exported}",
        parquet_href=f"/api/v1/charge-records/export.parquet?{exported}",
    )


@page("/charge-records/unpriced", scope=Scope.MONEY_READ, query=PageQuery)
async def show_unpriced(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: PageQuery
) -> Response[Any]:
    """Show the ended sessions that have no price"""
    return await _show_unpriced(web, pages, principal, request, criteria)


@action("/charge-records/unpriced", scope=Scope.MONEY_WRITE)
async def do_bill_unpriced(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Bill sessions by a tariff"""
    tariff_id = form.text("tariff")[:100]
    if not tariff_id:
        why = pages.text(request, "Which tariff?")
        return await _show_unpriced(web, pages, principal, request, PageQuery(), why)
    billed = refused = 0
    rate = function_of(api.rate_transaction)
    for session in form.texts("session")[:ROWS]:
        try:
            await rate(web, principal, session[:100], api.RateAgain(tariff_id=tariff_id))
            billed += 1
        except (Conflict, NotFound, InvalidInput):
            refused += 1
    message = pages.text(request, "%(number)s billed", number=billed)
    detail = pages.text(request, "%(number)s could not be", number=refused) if refused else ""
    toast = Toast(message=message, detail=detail, tone="wait" if refused else "ok")
    return pages.done(request, toast, to=path_of("charge-records"))


@page("/charge-records/{record_id:str}", scope=Scope.MONEY_READ, is_for_fleets=True)
async def show_charge_record(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, record_id: str
) -> Response[Any]:
    """Show a charge record"""
    return await _show_record(web, pages, principal, request, record_id)


@action("/charge-records/{record_id:str}/correct", scope=Scope.MONEY_WRITE)
async def do_correct(  # the record, and what is to become of it
    web: WebContext, pages: Pages, principal: Principal, request: Asked, record_id: str, form: Form
) -> Response[Any]:
    """Credit a charge record, and bill its session anew or not at all"""
    reason = (form.text("reason") or form.text("credit-reason")).strip()[:400]
    if not reason:
        error = ("reason", pages.text(request, "Say why: it stands on the credit."))
        return await _show_record(web, pages, principal, request, record_id, error)
    try:
        if form.text("do") == "credit":
            made = await function_of(api.credit_charge_record)(web, principal, record_id, api.Credit(reason=reason))
            message = pages.text(request, "The record is taken back")
        else:
            given = api.Correction(reason=reason, tariff_id=form.text("tariff")[:100] or None)
            made = await function_of(api.correct_charge_record)(web, principal, record_id, given)
            message = pages.text(request, "The session is billed anew")
    except Conflict as error:
        return await _show_record(web, pages, principal, request, record_id, ("reason", error.message))
    toast = Toast(message=message, detail=made.record.snapshot.station_identity)
    return pages.done(request, toast, to=path_of("charge-records", made.record.id))


async def tariff_options(web: WebContext, principal: Principal) -> list[tuple[str, str]]:
    """Return the tariffs that a session can be priced by, of those that the reader may see."""
    if Scope.TARIFFS_READ not in principal.scopes:
        return []
    return await tariff_views.list_names(web.services.database, principal.site_ids, most=TARIFFS_OFFERED)


async def _show_record(  # the page, as it is or with what is wrong
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    record_id: str,
    error: tuple[str, str] | None = None,
) -> Response[Any]:
    record = await views.get_record(web.services.database, record_id, principal.site_ids)
    seen = await api.view_of(web, principal, record)
    return await pages.show(
        request,
        "pages/charge_records/record.html",
        status=422 if error else 200,
        it=record,
        chain=seen.chain,
        documents=await invoice_views.list_documents_of(
            web.services.database, record.id, principal.site_ids, web.services.clock.now()
        ),
        is_standing=seen.is_standing,
        zone=record.snapshot.time_zone,
        tzinfo=present.zone(record.snapshot.time_zone),
        tariffs=await tariff_options(web, principal),
        may_change=Scope.MONEY_WRITE in principal.scopes,
        errors=[error] if error else [],
    )


async def _show_unpriced(  # the page, as it is or with what is wrong
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: PageQuery, error: str | None = None
) -> Response[Any]:
    query = RatingQuery(
        state=RatingState.UNPRICED,
        station=criteria.q.strip() or None,
        site_id=criteria.site or None,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )
    asked = {name: value for name, value in (("q", criteria.q), ("site", criteria.site)) if value}
    found = await views.list_ratings(web.services.database, query, principal.site_ids)
    here = path_of("charge-records", "unpriced")
    return await pages.show(
        request,
        "pages/charge_records/unpriced.html",
        status=422 if error else 200,
        rows=[Shown(row, present.zone(row.time_zone)) for row in found.items],
        tariffs=await tariff_options(web, principal),
        error=error,
        may_change=Scope.MONEY_WRITE in principal.scopes,
        query=criteria,
        places=[
            (one.id, one.name) for one in await console_sites.list_places(web.services.database, principal.site_ids)
        ],
        next_href=f"{here}?{urlencode(asked | {'cursor': found.next})}" if found.next else None,
        first_href=(f"{here}?{urlencode(asked)}" if asked else here) if criteria.cursor else None,
    )


def _wanted(criteria: ListQuery) -> RecordQuery:
    return RecordQuery(
        station=criteria.q.strip() or None,
        site_id=(criteria.site,) if criteria.site else (),
        kind=criteria.kind,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )


def _href(asked: dict[str, str], cursor: str | None) -> str:
    query = urlencode(asked | ({"cursor": cursor} if cursor else {}))
    return path_of("charge-records") + (f"?{query}" if query else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_charge_records, show_unpriced, do_bill_unpriced, show_charge_record, do_correct,
)  # fmt: skip
