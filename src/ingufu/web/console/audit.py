"""The audit log: who did what to what, found by filters, one entry with before and after, and whether it is whole."""

import contextlib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import ActorKind, Scope
from ingufu.accounts.trail_model import AuditEntry, AuditQuery
from ingufu.views import console_sites
from ingufu.views.audit import names_of
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked

ROWS = 50
_DIGITS = 18
_PAGES: Mapping[str, str] = {  # kind of object: where its page is
    "station": "stations",
    "driver": "drivers",
    "group": "groups",
    "token": "tokens",
    "tariff": "tariffs",
    "charge-record": "charge-records",
    "invoice": "invoices",
    "transaction": "sessions",
    "verdict": "sessions",
    "wallet": "drivers",
    "legal-entity": "legal-entities",
    "fiscal-device": "fiscal-devices",
    "customer": "customers",
}
Text = Annotated[str, Meta(max_length=200)]


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Text = ""
    actor: Text = ""
    actor_kind: ActorKind | None = None
    action: Text = ""
    object_kind: Text = ""
    object_id: Text = ""
    address: Annotated[str, Meta(max_length=100)] = ""
    request_id: Annotated[str, Meta(max_length=100)] = ""
    refused: Literal["yes", "no"] | None = None
    since: date | None = None
    until: date | None = None
    cursor: Annotated[str, Meta(max_length=_DIGITS, pattern="^[0-9]*$")] = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, and what its object is called and where its page is."""

    it: AuditEntry
    name: str
    href: str | None


@page("/audit", scope=Scope.AUDIT_READ, is_for_network=True, query=ListQuery)
async def show_audit(web: WebContext, pages: Pages, request: Asked, criteria: ListQuery) -> Response[str]:
    """Show the audit log"""
    accounts = web.services.accounts
    zone_name, zone = await _zone(web)
    wanted = _wanted(criteria, zone)
    before_id = int(criteria.cursor) if criteria.cursor else None
    entries, following = await accounts.audit_page(wanted, before_id=before_id, limit=ROWS)
    asked = {name: value for name, value in msgspec.to_builtins(criteria).items() if value not in ("", None)}
    asked.pop("cursor", None)
    exported = urlencode(_export_query(wanted))
    return await pages.show(
        request,
        "pages/audit/list.html",
        rows=await _rows(web, entries),
        query=criteria,
        kinds=_options(_words(pages, request, "kind_words"), criteria.object_kind),
        actions=_options(_words(pages, request, "action_words"), criteria.action),
        is_filtered=bool(asked),
        zone=zone,
        zone_name=zone_name,
        verification=accounts.verification,
        next_href=_href({**asked, "cursor": following}) if following else None,
        first_href=_href(asked) if criteria.cursor else None,
        csv_href=f"/api/v1/audit/export.csv?{exported}",
        parquet_href=f"/api/v1/audit/export.parquet?{exported}",
    )


@action("/audit/verify", scope=Scope.AUDIT_READ, is_for_network=True)
async def do_verify(web: WebContext, pages: Pages, request: Asked) -> Response[Any]:
    """Check the whole audit trail now"""
    found = await web.services.accounts.verify_audit()
    if found.is_whole:
        message = pages.text(request, "The audit log is whole up to entry %(number)s", number=found.head_number)
        return pages.go(request, path_of("audit"), Toast(message=message))
    return pages.go(
        request, path_of("audit"), Toast(message=pages.text(request, "The audit log is broken"), tone="bad")
    )


@page("/audit/{entry_id:int}", scope=Scope.AUDIT_READ, is_for_network=True)
async def show_entry(web: WebContext, pages: Pages, request: Asked, entry_id: int) -> Response[str]:
    """Show an entry of the audit log"""
    entry = await web.services.accounts.audit_entry(entry_id)
    _, zone = await _zone(web)
    [row] = await _rows(web, [entry])
    return await pages.show(
        request,
        "pages/audit/entry.html",
        row=row,
        it=entry,
        zone=zone,
        changes=[(name, _part(told, "before"), _part(told, "after")) for name, told in entry.changes.items()],
        of_object_href=_href({"object_kind": entry.object_kind, "object_id": entry.object_id}),
        of_actor_href=_href({"actor": entry.actor_id}),
        of_address_href=_href({"address": entry.address}) if entry.address else None,
        of_request_href=_href({"request_id": entry.request_id}) if entry.request_id else None,
    )


def _wanted(criteria: ListQuery, zone: tzinfo) -> AuditQuery:
    since = None if criteria.since is None else datetime.combine(criteria.since, time(), zone)
    until = None
    if criteria.until is not None:
        with contextlib.suppress(OverflowError):  # the last day that calendars know has no day after
            until = datetime.combine(criteria.until + timedelta(days=1), time(), zone)
    return AuditQuery(
        q=criteria.q.strip() or None,
        actor=criteria.actor.strip() or None,
        actor_kind=criteria.actor_kind,
        action=criteria.action.strip() or None,
        object_kind=criteria.object_kind or None,
        object_id=criteria.object_id.strip() or None,
        address=criteria.address.strip() or None,
        request_id=criteria.request_id.strip() or None,
        is_refused=None if criteria.refused is None else criteria.refused == "yes",
        since=since,
        until=until,
    )


async def _rows(web: WebContext, entries: list[AuditEntry]) -> list[Row]:
    names = await names_of(web.services.database, entries)
    return [
        Row(it=it, name=names.get((it.object_kind, it.object_id)) or _called(it), href=_page_of(it)) for it in entries
    ]


def _called(entry: AuditEntry) -> str:
    """Return what the object is called by the entry itself; else its id, if that says more."""
    told = entry.changes.get("name")
    name = entry.details.get("name") or _part(told, "after") or _part(told, "before")
    if isinstance(name, str) and name:
        return name
    is_said = entry.action.endswith(".export") or entry.object_id == entry.object_kind
    return "" if is_said or (entry.object_kind == "login" and not entry.is_refused) else entry.object_id


def _words(pages: Pages, request: Asked, name: str) -> Mapping[str, str]:
    module: Any = pages.environment(request).get_template("parts/audit_words.html").module
    return cast("Mapping[str, str]", getattr(module, name))


def _options(words: Mapping[str, str], chosen: str) -> list[tuple[str, str]]:
    """Return what may be chosen, in the order of its words; what was chosen is among them."""
    known = sorted(((key, str(text)) for key, text in words.items()), key=lambda pair: pair[1].casefold())
    return known if not chosen or chosen in words else [(chosen, chosen), *known]


async def _zone(web: WebContext) -> tuple[str, tzinfo]:
    places = await console_sites.list_places(web.services.database, None)
    name = present.common_zone([place.time_zone for place in places])
    return name, present.zone(name)


def _export_query(wanted: AuditQuery) -> dict[str, str]:
    found = {name: value for name, value in msgspec.to_builtins(wanted).items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in found.items()}


def _part(told: Any, side: str) -> Any:
    return told.get(side) if isinstance(told, dict) else None


def _page_of(entry: AuditEntry) -> str | None:
    place = _PAGES.get(entry.object_kind)
    return path_of(place, entry.object_id) if place and entry.object_id and not entry.is_refused else None


def _href(asked: Mapping[str, Any]) -> str:
    return f"{path_of('audit')}?{urlencode(asked)}" if asked else path_of("audit")


ROUTES: tuple[HTTPRouteHandler, ...] = (show_audit, do_verify, show_entry)
