"""Tariffs: the list, and the page of one with its week, its versions, where it applies and what was done to it."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.tariffs.changes import Change
from ingufu.tariffs.feeds import feed_ids
from ingufu.tariffs.model import TariffKind, Terms
from ingufu.tariffs.situations import Target
from ingufu.views import tariffs as views
from ingufu.views.tariffs import AssignmentRow, TariffQuery, TariffRow, VersionRow, VersionState
from ingufu.web.api import tariffs as api
from ingufu.web.console import present, tariffs_places
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.price_words import PriceWords, text
from ingufu.web.console.tariffs_curve import Curve, curve, window
from ingufu.web.console.tariffs_drawing import Drawing, draw
from ingufu.web.console.tariffs_supposing import instant_of
from ingufu.web.console.tariffs_week import Feeds, monday_of
from ingufu.web.console.tariffs_words import TariffWords
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS = 50
_WEEK = timedelta(days=7)
_TEXTS = ("target", "name", "valid_from", "note", "title")


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=200)] = ""
    retired: Literal["yes", "no"] | None = None
    kind: TariffKind | None = None
    target: Target | None = None
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which week of a tariff is shown: the one that holds this day."""

    week: date | None = None


class Listed(msgspec.Struct, frozen=True):
    """A tariff as a row, with what a person should look at."""

    it: TariffRow
    warnings: list[str]


class Versioned(msgspec.Struct, frozen=True):
    """A version, with what changed by it."""

    it: VersionRow
    gone: list[str]
    come: list[str]


@page("/tariffs", scope=Scope.TARIFFS_READ, query=ListQuery)
async def show_tariffs(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the tariffs"""
    query = TariffQuery(
        q=criteria.q.strip(),
        is_retired=None if criteria.retired is None else criteria.retired == "yes",
        kind=criteria.kind,
        target=criteria.target,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )
    found = await views.list_tariffs(web.services.database, query, principal.site_ids, web.services.clock.now())
    asked = {name: str(value) for name in ("q", "retired", "kind", "target") if (value := getattr(criteria, name))}
    sites = await tariffs_places.sites_of(web, principal)
    words = words_of(pages, request)
    return await pages.show(
        request,
        "pages/tariffs/list.html",
        rows=[Listed(row, look_at(row, words)) for row in found.items],
        query=criteria,
        targets=[(one.value, words.target(one)) for one in Target],
        is_filtered=bool(asked),
        may_change=may_change(principal),
        sees_feeds=principal.site_ids is None,
        zone=present.zone(present.common_zone([site.time_zone for site in sites])),
        total=found.total,
        next_href=_href(asked, found.next) if found.next else None,
        first_href=_href(asked, None) if criteria.cursor else None,
    )


@page("/tariffs/{tariff_id:str}", scope=Scope.TARIFFS_READ, query=PageQuery)
async def show_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str, criteria: PageQuery
) -> Response[str]:
    """Show a tariff"""
    return await _show(web, pages, principal, request, tariff_id, criteria.week)


@action("/tariffs/{tariff_id:str}/assign", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def give_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str, form: Form
) -> Response[Any]:
    """Let a tariff apply somewhere"""
    entered = present.Entered({name: form.text(name) for name in _TEXTS})
    speech = words_of(pages, request).speech
    row = await api.row(web, principal, tariff_id)
    zone = present.zone(tariffs_places.zone_of(row.assignments, await tariffs_places.sites_of(web, principal)))
    try:
        given = await tariffs_places.assignment_of(web, principal, entered["target"], entered["name"], speech)
        begins = instant_of(entered["valid_from"], zone, speech, "valid_from")
        given = msgspec.structs.replace(given, valid_from=begins, note=entered["note"][:200])
        made = await function_of(api.assign_tariff)(web, principal, tariff_id, given)
    except (InvalidInput, Conflict, NotFound) as error:
        return await _show(web, pages, principal, request, tariff_id, None, entered, _problem(error, "name"))
    place = words_of(pages, request).place(made.target, made.label)
    toast = Toast(message=pages.text(request, "The tariff is given to it"), detail=place)
    return pages.go(request, path_of("tariffs", tariff_id), toast)


@action("/tariffs/{tariff_id:str}/assignments/{assignment_id:str}/end", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def take_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str, assignment_id: str
) -> Response[Any]:
    """Let a tariff apply there no longer"""
    known = await web.services.tariffs.assignment(assignment_id)
    if known.tariff_id != tariff_id:
        raise NotFound("There is no such assignment of a tariff.")
    await function_of(api.end_assignment)(web, principal, assignment_id)
    return _gone(pages, request, tariff_id, pages.text(request, "It applies there no longer"))


@action("/tariffs/{tariff_id:str}/versions/{number:str}/withdraw", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def withdraw_version(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str, number: str
) -> Response[Any]:
    """Take back a version that has not begun"""
    try:
        await function_of(api.withdraw_tariff_version)(web, principal, tariff_id, number)
    except Conflict as error:
        toast = Toast(message=pages.text(request, "It cannot be withdrawn any more"), detail=error.message, tone="wait")
        return pages.done(request, toast, to=path_of("tariffs", tariff_id))
    return _gone(pages, request, tariff_id, pages.text(request, "The version is withdrawn"))


@action("/tariffs/{tariff_id:str}/retire", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def retire_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str
) -> Response[Any]:
    """Retire a tariff"""
    await function_of(api.retire_tariff)(web, principal, tariff_id)
    return _gone(pages, request, tariff_id, pages.text(request, "The tariff is retired"))


@action("/tariffs/{tariff_id:str}/restore", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def restore_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str
) -> Response[Any]:
    """Take a tariff back into use"""
    await function_of(api.restore_tariff)(web, principal, tariff_id)
    return pages.go(request, path_of("tariffs", tariff_id), Toast(message=pages.text(request, "It is in use again")))


@action("/tariffs/{tariff_id:str}/describe", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def rename_tariff(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, tariff_id: str, form: Form
) -> Response[Any]:
    """Call a tariff otherwise"""
    entered = present.Entered({name: form.text(name) for name in _TEXTS})
    try:
        fields = api.TariffFields(name=entered["title"][:200])
        await function_of(api.update_tariff)(web, principal, tariff_id, fields)
    except (InvalidInput, Conflict) as error:
        return await _show(web, pages, principal, request, tariff_id, None, entered, ("title", error.message))
    return pages.go(request, path_of("tariffs", tariff_id), Toast(message=pages.text(request, "Saved")))


def words_of(pages: Pages, request: Asked) -> TariffWords:
    """Return the words for tariffs in the reader's language."""
    found: TariffWords = pages.environment(request).globals["tariff_words"]  # type: ignore[assignment]  # ours
    return found


def may_change(principal: Principal) -> bool:
    """Return whether the principal may change tariffs: they are the network's, not a site's."""
    return Scope.TARIFFS_WRITE in principal.scopes and principal.site_ids is None


def look_at(row: TariffRow, words: TariffWords) -> list[str]:
    """Return what a person should look at of a tariff."""
    if row.is_retired:
        return []
    said = [] if row.assignments else [text(words.speech, "It applies nowhere: nothing is priced by it.")]
    terms = row.current.terms if row.current is not None else None
    return said + (words.warnings(terms) if terms is not None else [])


async def feeds_of(web: WebContext, terms: Terms, since: datetime, until: datetime) -> Feeds:
    """Return what the feeds of terms say of a time."""
    return {
        feed_id: await web.services.price_feeds.prices(feed_id, since, until)
        for feed_id in feed_ids(terms)
        if await web.services.price_feeds.find(feed_id) is not None
    }


async def drawing_of(  # a week of terms
    web: WebContext, terms: Terms, words: PriceWords, zone: tzinfo, at: datetime
) -> Drawing:
    """Return the week of terms that holds an instant, with what their feeds say of it."""
    monday = monday_of(at.astimezone(zone).date())
    begins = datetime.combine(monday, time(0), zone)
    feeds = await feeds_of(web, terms, begins, begins + _WEEK + timedelta(hours=2))
    return draw(terms, words, zone=zone, at=at, now=web.services.clock.now(), feeds=feeds)


async def curve_of(web: WebContext, feed_id: str, words: PriceWords, zone: tzinfo) -> tuple[str, Curve | None]:
    """Return the name of a feed and the picture of its prices today and tomorrow."""
    now = web.services.clock.now()
    feed = await web.services.price_feeds.get(feed_id)
    begins, ends = window(now, zone)
    prices = await web.services.price_feeds.prices(feed_id, begins, ends)
    return feed.name, curve(prices, feed.currency, words, now=now, zone=zone)


async def _show(  # the page of one tariff
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    tariff_id: str,
    week: date | None,
    entered: Mapping[str, str] | None = None,
    error: tuple[str, str] | None = None,
) -> Response[str]:
    now, words = web.services.clock.now(), words_of(pages, request)
    row = await api.row(web, principal, tariff_id)
    sites = await tariffs_places.sites_of(web, principal)
    zone_name = tariffs_places.zone_of(row.assignments, sites)
    zone = present.zone(zone_name)
    at = now if week is None else datetime.combine(week, time(12), zone)
    found = await views.list_versions(web.services.database, tariff_id, principal.site_ids, now)
    shown = _in_force(found, at) or row.current or row.next
    drawing = None if shown is None else await drawing_of(web, shown.terms, words.prices, zone, at)
    monday = monday_of(at.astimezone(zone).date())
    feeds = [] if shown is None else feed_ids(shown.terms)
    places = await views.list_assignments(web.services.database, tariff_id, principal.site_ids)
    is_all = principal.site_ids is None
    history = await web.services.tariffs.history(tariff_id) if is_all else []
    return await pages.show(
        request,
        "pages/tariffs/tariff.html",
        status=422 if error else 200,
        it=row,
        drawing=drawing,
        zone=zone,
        zone_name=zone_name,
        week_before=(monday - _WEEK).isoformat(),
        week_after=(monday + _WEEK).isoformat(),
        warnings=look_at(row, words),
        versions=_versioned(found, words),
        assignments=places,
        curves=[await curve_of(web, one, words.prices, zone) for one in feeds],
        history=[(change, _said(change, places, words)) for change in history],
        may_change=may_change(principal),
        targets=[(one.value, words.target(one)) for one in Target],
        choices=await tariffs_places.suggestions(web, principal, sites, words.speech) if may_change(principal) else [],
        form=entered or present.Entered(),
        errors=[error] if error else [],
        now_at=now,
    )


def _in_force(found: tuple[VersionRow, ...], at: datetime) -> VersionRow | None:
    standing = [one for one in found if one.state is not VersionState.WITHDRAWN and one.valid_from <= at]
    return max(standing, key=lambda one: (one.valid_from, one.number), default=None)


def _versioned(found: tuple[VersionRow, ...], words: TariffWords) -> list[Versioned]:
    """Return the versions, the newest first, each compared with the one that it follows."""
    rows: list[Versioned] = []
    for one in found:
        before = _before(found, one)
        gone, come = words.compared(before.terms, one.terms) if before is not None else ([], [])
        rows.append(Versioned(one, gone, come))
    return rows


def _before(found: tuple[VersionRow, ...], version: VersionRow) -> VersionRow | None:
    earlier = [one for one in found if one.number < version.number and one.state is not VersionState.WITHDRAWN]
    known = [one for one in earlier if one.valid_from <= version.valid_from]
    return max(known, key=lambda one: (one.valid_from, one.number), default=None)


def _said(change: Change, assignments: tuple[AssignmentRow, ...], words: TariffWords) -> str:
    said = words.change(change.kind, change.version)
    values = {one.path: one.after or one.before or "" for one in change.differences}
    if values.get("target") not in set(Target):
        return said
    place = (values["target"], values.get("target_id", ""), values.get("evse", ""))
    known = {(one.target.value, one.target_id, str(one.evse or "")): one.label for one in assignments}
    return f"{said} {words.place(Target(values['target']), known.get(place, ''))}"


def _problem(error: InvalidInput | Conflict | NotFound, field: str) -> tuple[str, str]:
    named = error.field if isinstance(error, InvalidInput) else None
    return (named if named in _TEXTS else field, error.message)


def _gone(pages: Pages, request: Asked, tariff_id: str, message: str) -> Response[Any]:
    """Show the tariff's page anew with what was done, also where a dialog of it asked."""
    return pages.leave(request, path_of("tariffs", tariff_id), Toast(message=message))


def _href(asked: dict[str, str], cursor: str | None) -> str:
    query = urlencode(asked | ({"cursor": cursor} if cursor else {}))
    return path_of("tariffs") + (f"?{query}" if query else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_tariffs, show_tariff, give_tariff, take_tariff, withdraw_version, retire_tariff, restore_tariff, rename_tariff,
)  # fmt: skip
