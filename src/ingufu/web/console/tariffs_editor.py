"""The editor of a tariff: a form, or its terms as JSON, with the week drawn and a session priced as one types."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from ingufu.tariffs.checking import check_terms
from ingufu.tariffs.model import Dimension, TariffKind, Terms
from ingufu.tariffs.priced import Price
from ingufu.views.tariffs import TariffRow
from ingufu.web.api import pricing
from ingufu.web.api import tariffs as api
from ingufu.web.console import present, tariffs_places
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.tariffs import drawing_of, words_of
from ingufu.web.console.tariffs_draft import PRICES, Draft, starting_point
from ingufu.web.console.tariffs_drawing import Drawing
from ingufu.web.console.tariffs_reading import Read, json_of, read, read_json
from ingufu.web.console.tariffs_supposing import FIELDS, instant_of, usage_of
from ingufu.web.console.tariffs_words import TariffWords
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

MAX_JSON = 200_000
_KEPT = (
    "name",
    "kind",
    "seen",
    "begins",
    "valid-from",
    "zone",
    *(f"calc-{one}" for one in FIELDS),
)  # besides the terms
_PLACES: Mapping[str, str] = {  # fields of terms, as the form calls them
    "start_time": "start", "end_time": "end", "start_date": "start-date", "end_date": "end-date", "min_kwh": "min-kwh",
    "max_kwh": "max-kwh", "min_power_kw": "min-power", "max_power_kw": "max-power", "min_current_a": "min-current",
    "max_current_a": "max-current", "min_duration_s": "min-time", "max_duration_s": "max-time", "days_of_week": "day",
    "reservation": "for", "step_size": "step", "grace_s": "grace", "feed_id": "feed", "feed": "feed",
    "factor": "factor", "floor": "floor", "ceiling": "ceiling", "before_taxes": "net", "after_taxes": "gross",
}  # fmt: skip


class NewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """With what a new tariff begins."""

    start: Annotated[str, Meta(max_length=20)] = "energy"


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the editor shows of what is typed."""

    problems: tuple[tuple[str, str], ...] = ()
    drawing: Drawing | None = None
    zone: str = "UTC"
    warnings: tuple[str, ...] = ()
    price: Price | None = None


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """One tariff being edited."""

    web: WebContext
    pages: Pages
    principal: Principal
    request: Asked
    tariff: TariffRow | None = None

    @property
    def words(self) -> TariffWords:
        return words_of(self.pages, self.request)

    @property
    def target(self) -> str:
        return path_of("tariffs", "new") if self.tariff is None else path_of("tariffs", self.tariff.id, "edit")


@page("/tariffs/new", scope=Scope.TARIFFS_WRITE, is_for_network=True, query=NewQuery)
async def show_new_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: NewQuery
) -> Response[str]:
    """Show the form of a new tariff"""
    desk = Desk(web=web, pages=pages, principal=principal, request=request)
    sites = await tariffs_places.sites_of(web, principal)
    draft = starting_point(criteria.start, await tariffs_places.usual_currency(web, sites))
    draft.put("zone", tariffs_places.zones_of(sites)[0])
    return await _show(desk, draft, focus="name", is_fresh=True)


@page("/tariffs/{tariff_id:str}/edit", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def show_edited_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str
) -> Response[str]:
    """Show the form that changes a tariff"""
    row = await api.row(web, principal, tariff_id)
    shown = row.current or row.next
    draft = starting_point("energy", "") if shown is None else Draft.of_terms(shown.terms)
    draft.put("name", row.name)
    draft.put("seen", str(row.version_count))
    sites = await tariffs_places.sites_of(web, principal)
    draft.put("zone", tariffs_places.zone_of(row.assignments, sites))
    return await _show(Desk(web=web, pages=pages, principal=principal, request=request, tariff=row), draft)


@action("/tariffs/new", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def do_new_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Change the form of a new tariff, or make the tariff"""
    return await _do(Desk(web=web, pages=pages, principal=principal, request=request), form)


@action("/tariffs/{tariff_id:str}/edit", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def do_edited_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str, form: Form
) -> Response[Any]:
    """Change the form of a tariff, or make a version of it"""
    row = await api.row(web, principal, tariff_id)
    return await _do(Desk(web=web, pages=pages, principal=principal, request=request, tariff=row), form)


@action("/tariffs/new/preview", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def preview_new_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Show what is typed as a week"""
    desk = Desk(web=web, pages=pages, principal=principal, request=request)
    draft = Draft.of_form(form)
    return pages.part(request, "pages/tariffs/preview.html", preview=await _preview(desk, draft, _read(desk, draft)))


@action("/tariffs/{tariff_id:str}/edit/preview", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def preview_edited_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str, form: Form
) -> Response[Any]:
    """Show what is typed as a week"""
    row = await api.row(web, principal, tariff_id)
    desk = Desk(web=web, pages=pages, principal=principal, request=request, tariff=row)
    draft = Draft.of_form(form)
    return pages.part(request, "pages/tariffs/preview.html", preview=await _preview(desk, draft, _read(desk, draft)))


async def _do(desk: Desk, form: Form) -> Response[Any]:
    """Do what the button says: save, show the other view, or add, remove and move rules."""
    draft, what = Draft.of_form(form), form.text("do")
    if what == "save":
        return await _save(desk, draft)
    found = _read(desk, draft)
    if what == "json" and found.terms is not None:
        draft.put("view", "json")
        draft.put("json", json_of(found.terms))
        return await _show(desk, draft, focus="json")
    if what == "form" and found.terms is not None:
        return await _show(desk, _kept(draft, found.terms), focus="currency")
    if what in {"json", "form", "show"}:
        return await _show(desk, draft, found.problems)
    changed = draft.change(what)
    return await _show(desk, draft, focus=_focus(what, changed))


async def _save(desk: Desk, draft: Draft) -> Response[Any]:
    found = _read(desk, draft)
    problems = list(found.problems)
    if not draft.text("name"):
        problems.insert(0, ("name", desk.pages.text(desk.request, "Give the tariff a name.")))
    if desk.tariff is not None and draft.text("seen") != str(desk.tariff.version_count):
        draft.put("seen", str(desk.tariff.version_count))
        said = desk.pages.text(
            desk.request, "Somebody saved another version meanwhile. Look at it on the tariff's page, or save again."
        )
        problems.append(("save", said))
    begins: datetime | None = None
    try:
        begins = _begins(desk, draft)
    except InvalidInput as error:
        problems.append(("valid-from", error.message))
    if problems or found.terms is None:
        return await _show(desk, draft, problems)
    try:
        made = await _stored(desk, draft, found.terms, begins)
    except Conflict as error:
        return await _show(desk, draft, [("name", error.message)])
    except (InvalidInput, NotFound) as error:
        return await _show(desk, draft, [(_field(error, draft, found.terms), error.message)])
    toast = Toast(message=desk.pages.text(desk.request, "The tariff is saved"), detail=draft.text("name"))
    return desk.pages.go(desk.request, path_of("tariffs", made), toast)


async def _stored(desk: Desk, draft: Draft, terms: Terms, begins: datetime | None) -> str:
    """Store what was typed, and return the id of the tariff."""
    name = draft.text("name")[:200]
    if desk.tariff is None:
        kind = draft.text("kind")
        given = api.NewTariffFields(
            name=name, terms=terms, kind=TariffKind(kind) if kind in set(TariffKind) else None, valid_from=begins
        )
        made: TariffRow = await function_of(api.create_tariff)(desk.web, desk.principal, given)
        return made.id
    tariff_id = desk.tariff.id
    version = api.NewVersion(terms=terms, valid_from=begins)
    if name != desk.tariff.name:  # first: if it is taken, nothing was changed
        await function_of(api.update_tariff)(desk.web, desk.principal, tariff_id, api.TariffFields(name=name))
    is_same = desk.tariff.current is not None and desk.tariff.current.terms == terms
    if begins is not None or not is_same:
        await function_of(api.add_tariff_version)(desk.web, desk.principal, tariff_id, version)
    return tariff_id


def _begins(desk: Desk, draft: Draft) -> datetime | None:
    if draft.text("begins") != "later":
        return None
    begins = instant_of(draft.text("valid-from"), present.zone(draft.text("zone")), desk.words.speech, "valid-from")
    if begins is None:
        raise InvalidInput(desk.pages.text(desk.request, "From when? Enter date and time."), field="valid-from")
    return begins


def _read(desk: Desk, draft: Draft) -> Read:
    """Return what is typed as terms; terms that can be read but not be priced by are a problem of their field too."""
    speech = desk.words.speech
    is_json = draft.text("view") == "json"
    found = read_json(draft.text("json")[:MAX_JSON], speech) if is_json else read(draft, speech)
    if found.terms is None:
        return found
    try:
        check_terms(found.terms)
    except InvalidInput as error:
        problem = (_field(error, draft, found.terms), error.message)
        return msgspec.structs.replace(found, terms=None, problems=(problem,))
    return found


def _kept(draft: Draft, terms: Terms) -> Draft:
    """Return terms as fields, with what else was typed."""
    fresh = Draft.of_terms(terms)
    for name in _KEPT:
        fresh.put(name, *draft.texts(name))
    return fresh


def _field(error: InvalidInput | NotFound, draft: Draft, terms: Terms) -> str:
    """Return the field of the form that an error is about: "elements.1.components.0.price" is "r7-energy-price"."""
    path = (error.field or "") if isinstance(error, InvalidInput) else ""
    if draft.text("view") == "json" and path not in {"name", "valid_from"}:
        return "json"
    parts = path.split(".")
    last = _PLACES.get(parts[-1], parts[-1])
    if parts[0] in {"min_price", "max_price"}:
        return f"{parts[0][:3]}-{last}"
    rules = draft.rules
    if parts[0] != "elements" or len(parts) < 3 or not parts[1].isdecimal() or int(parts[1]) >= len(rules):
        return {"valid_from": "valid-from", "feed_id": "currency", "elements": "add-rule"}.get(path, path or "name")
    rule = f"r{rules[int(parts[1])]}"
    if parts[2] != "components" or len(parts) < 5 or not parts[3].isdecimal():
        return f"{rule}-{last}" if parts[-1] in _PLACES else f"{rule}-energy-price"
    component = terms.elements[int(parts[1])].components[int(parts[3])]
    return f"{rule}-{_key(component.dimension)}-{last if parts[-1] in _PLACES else 'price'}"


def _key(dimension: Dimension) -> str:
    return next(key for key, one in PRICES.items() if one is dimension)


def _focus(what: str, changed: str) -> str | None:
    """Return the field to go to after a rule or a tax came, went or was moved."""
    verb = what.partition(" ")[0]
    if verb == "add-tax":
        return f"tax-{changed}-percent"
    return f"r{changed}-energy-price" if changed else None


async def _preview(desk: Desk, draft: Draft, found: Read) -> Preview:
    zone_name = draft.text("zone") or "UTC"
    zone, words = present.zone(zone_name), desk.words
    problems = list(found.problems)
    priced: Price | None = None
    if found.terms is not None and any(draft.text(f"calc-{one}") for one in FIELDS):
        try:
            usage = usage_of(lambda name: draft.text(f"calc-{name}"), words.speech, zone, str(zone))
            given = pricing.PreviewRequest(terms=found.terms, usage=usage)
            priced = (await function_of(pricing.preview_price)(desk.web, desk.principal, given)).price
        except (InvalidInput, Forbidden, NotFound) as error:
            field = error.field if isinstance(error, InvalidInput) else ""
            problems.append((f"calc-{field}" if field in FIELDS else "calc-kwh", error.message))
    seen = found.seen
    has_prices = seen is not None and any(element.components for element in seen.elements)
    at = desk.web.services.clock.now()
    return Preview(
        problems=tuple(problems),
        drawing=await drawing_of(desk.web, seen, words.prices, zone, at) if seen is not None and has_prices else None,
        zone=str(zone),
        warnings=tuple(words.warnings(found.terms)) if found.terms is not None else (),
        price=priced,
    )


async def _show(
    desk: Desk,
    draft: Draft,
    problems: tuple[tuple[str, str], ...] | list[tuple[str, str]] = (),
    *,
    focus: str | None = None,
    is_fresh: bool = False,
) -> Response[Any]:
    """Show the form with everything as it was typed, and what is wrong beside its fields."""
    sites = await tariffs_places.sites_of(desk.web, desk.principal)
    feeds = await desk.web.services.price_feeds.all()
    if not draft.text("zone"):
        draft.put("zone", tariffs_places.zones_of(sites)[0])
    preview = await _preview(desk, draft, _read(desk, draft))
    values: dict[str, Any] = {
        "tariff": desk.tariff,
        "draft": draft,
        "target": desk.target,
        "problems": list(problems),
        "errors": dict(reversed(list(problems))),
        "kinds": desk.words.kinds(),
        "feeds": [(feed.id, f"{feed.name} ({feed.currency})") for feed in feeds],
        "zones": list(dict.fromkeys([draft.text("zone"), *tariffs_places.zones_of(sites)])),
        "preview": msgspec.structs.replace(preview, problems=() if problems or is_fresh else preview.problems),
        "focus": focus,
        "is_json": draft.text("view") == "json",
    }
    status = 422 if problems else 200
    if desk.request.headers.get("hx-request"):
        return desk.pages.part(desk.request, "pages/tariffs/editor_fields.html", status=status, **values)
    return await desk.pages.show(desk.request, "pages/tariffs/editor.html", status=status, **values)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_new_tariff, show_edited_tariff, do_new_tariff, do_edited_tariff, preview_new_tariff, preview_edited_tariff,
)  # fmt: skip
