"""The keys of a station's meters: registered from the meter's label, and retired."""

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.evidence.keys import CURVES
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.views import evidence as views
from ingufu.views.evidence import KeyQuery, KeyRow
from ingufu.web.api import evidence as api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.station import Seen, see
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

SHOWN = 100
_FIELDS = ("public_key", "meter_serial", "evse", "curve", "note")


async def keys_of(web: WebContext, principal: Principal, station_id: str) -> tuple[KeyRow, ...]:
    """Return the keys of a station's meters, the newest first, to those who may see them."""
    if Scope.MONEY_READ not in principal.scopes:
        return ()
    query = KeyQuery(station=station_id, limit=SHOWN)
    return (await views.list_keys(web.services.database, query, principal.site_ids)).items


@page("/stations/{station:str}/meter-keys/new", scope=Scope.MONEY_WRITE)
async def show_new_key(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[Any]:
    """Show the form that registers a meter's key"""
    return await _show(pages, request, await see(web, principal, station), None)


@action("/stations/{station:str}/meter-keys/new", scope=Scope.MONEY_WRITE)
async def do_add_key(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Register a meter's key"""
    seen = await see(web, principal, station)
    try:
        given = api.NewKeyFields(
            station=seen.station.id,
            public_key=form.text("public_key")[:10_000],
            curve=form.text("curve")[:40] or None,
            evse=form.integer("evse", low=1, high=2**31 - 1),
            meter_serial=form.text("meter_serial")[:80] or None,
            note=form.text("note")[:400],
        )
        made = await function_of(api.add_meter_key)(web, principal, given)
    except InvalidInput as error:
        return await _show(pages, request, seen, None, form, (error.field or "public_key", error.message))
    except Conflict as error:
        return await _show(pages, request, seen, None, form, ("public_key", error.message))
    toast = Toast(message=pages.text(request, "The key is registered"), detail=made.fingerprint[:16])
    return pages.done(request, toast, to=path_of("stations", seen.station.id, "metering"))


@page("/stations/{station:str}/meter-keys/{key:str}/retire", scope=Scope.MONEY_WRITE)
async def show_retiring(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, key: str
) -> Response[Any]:
    """Ask before a meter's key is retired"""
    seen = await see(web, principal, station)
    return await _show(pages, request, seen, await views.get_key(web.services.database, key, principal.site_ids))


@action("/stations/{station:str}/meter-keys/{key:str}/retire", scope=Scope.MONEY_WRITE)
async def do_retire_key(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, key: str
) -> Response[Any]:
    """Retire a meter's key"""
    seen = await see(web, principal, station)
    known = await views.get_key(web.services.database, key, principal.site_ids)
    try:
        await function_of(api.retire_meter_key)(web, principal, known.id, api.RetireKey())
    except InvalidInput as error:
        return await _show(pages, request, seen, known, None, ("public_key", error.message))
    toast = Toast(message=pages.text(request, "The key is retired"), detail=known.fingerprint[:16])
    return pages.done(request, toast, to=path_of("stations", seen.station.id, "metering"))


async def _show(  # the form, as it is or with what is wrong
    pages: Pages,
    request: Asked,
    seen: Seen,
    key: KeyRow | None,
    form: Form | None = None,
    error: tuple[str, str] | None = None,
) -> Response[Any]:
    entered = {} if form is None else {name: form.text(name) for name in _FIELDS}
    values: dict[str, Any] = {
        "station": seen.station,
        "key": key,
        "form": present.Entered(entered),
        "errors": [error] if error else [],
        "evses": [(str(evse.number), f"EVSE {evse.number}") for evse in seen.station.evses],
        "curves": [(name, name) for name in CURVES],
    }
    status = 422 if error else 200
    if request.headers.get("x-dialog") or request.headers.get("hx-request"):
        return pages.part(request, "pages/evidence/key_sheet.html", status=status, **values)
    return await pages.show(request, "pages/evidence/key_page.html", status=status, **values)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_new_key, do_add_key, show_retiring, do_retire_key)
