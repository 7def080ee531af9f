"""Stations: the list with search, filters and sorting, entering one, and commands to several at once."""

from collections.abc import Container, Sequence
from datetime import tzinfo
from secrets import token_bytes
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import UNSET, Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.infra import secrets
from ingufu.stations.model import Approval
from ingufu.views import console_sites, console_stations
from ingufu.views import stations as station_views
from ingufu.views.console_sites import SitePlace
from ingufu.views.console_stations import Choices
from ingufu.views.paging import Page
from ingufu.views.stations import Condition, StationQuery, StationRow, StationSort
from ingufu.views.timeline import EventFilter
from ingufu.web.api import stations as api
from ingufu.web.console import live, present
from ingufu.web.console.pages import Pages, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.live import LiveEvent, LiveHub
from ingufu.web.routes import function_of
from ingufu.web.spreadsheets import export_hrefs

ROWS = 50
SITES_OFFERED = 300  # in the choice of sites; beyond, one searches
_CHOICES_AGE_S = 30.0
_ROW_KINDS = frozenset(
    {"StationConnected", "StationDisconnected", "StationBooted", "StationChanged", "FirmwareChanged", "StatusChanged",
     "TransactionStarted", "TransactionEnded", "TransactionUpdated"}
)  # fmt: skip

Word = Annotated[str, Meta(max_length=200)]


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Word = ""
    status: Condition | None = None
    site: Annotated[str, Meta(max_length=100)] = ""
    online: Literal["yes", "no"] | None = None
    approval: Approval | None = None
    version: Literal["1.6", "2.0.1", "2.1"] | None = None
    vendor: Word = ""
    firmware: Word = ""
    sort: StationSort = "identity"
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class FollowQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which stations a list shows."""

    of: Annotated[str, Meta(max_length=4000)] = ""


class NewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is known already of a station that is to be entered."""

    identity: Annotated[str, Meta(max_length=200)] = ""


class ListRow(msgspec.Struct, frozen=True):
    """A station as a row of the list."""

    station: StationRow
    statuses: list[tuple[str, str]]
    power_w: float | None
    zone: Any  # tzinfo


@page("/stations", scope=Scope.STATIONS_READ, query=ListQuery)
async def list_stations(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the stations"""
    database, site_ids = web.services.database, principal.site_ids
    found = await station_views.list_stations(database, wanted(criteria), site_ids)
    places = await console_sites.list_places(database, site_ids)
    has_stations = bool(found.items) or bool(await console_stations.count_all(database, site_ids))
    asked = _asked(criteria)
    return await pages.show(
        request,
        "pages/stations/list.html",
        page=Page(items=rows_of(found.items, places), next=found.next, total=found.total),
        query=criteria,
        places=offered(places),
        asked={key: value for key, value in asked.items() if key != "cursor"},
        choices=await _choices(web, pages, principal),
        is_filtered=bool(asked.keys() - {"sort", "cursor"}),
        next_href=_href(asked, cursor=found.next) if found.next else None,
        first_href=_href(asked, cursor="") if criteria.cursor else None,
        sort_href=lambda key: _href(asked, sort=key, cursor=""),
        live_href=path_of("live", "stations") + "?" + urlencode({"of": ",".join(row.id for row in found.items)}),
        has_stations=has_stations,
        export_hrefs=export_hrefs("/stations", wanted(criteria)),
        addresses=web.settings.ocpp_addresses,
    )


@page("/live/stations", scope=Scope.EVENTS_READ, query=FollowQuery)
async def follow_stations(
    web: WebContext, pages: Pages, hub: LiveHub, principal: Principal, request: Asked, criteria: FollowQuery
) -> Stream:
    """Tell what changes in the rows that a list shows"""
    database = web.services.database
    shown = frozenset(criteria.of.split(",")[:200])
    places = await console_sites.list_places(database, principal.site_ids)

    async def tell(events: Sequence[LiveEvent] | None) -> live.Change:
        ids = shown if events is None else {event.station_id or "" for event in events if event.kind in _ROW_KINDS}
        found = await station_views.list_by_ids(database, sorted(ids), principal.site_ids) if ids else ()
        may = pages.may(request)
        return live.Change(
            parts={
                f"row-{row.station.id}": pages.macro(request, "pages/stations/row.html", "station_row", row, may)
                for row in rows_of(found, places)
            }
        )

    return live.stream(request, hub, principal, EventFilter(station_ids=shown, site_ids=principal.site_ids), tell)


@page("/stations/new", scope=Scope.STATIONS_WRITE, query=NewQuery)
async def show_new(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: NewQuery
) -> Response[str]:
    """Show the form for a new station"""
    profile = str(web.services.stations.rules.default_security_profile)
    entered = present.Entered({"identity": criteria.identity, "security_profile": profile})
    return await _show_new(web, pages, principal, request, entered)


@action("/stations/new", scope=Scope.STATIONS_WRITE)
async def create_station(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[str]:
    """Enter a station, and show once what to type into it"""
    entered = present.Entered({name: form.text(name) for name in ("identity", "name", "site_id", "secret")})
    entered["security_profile"] = form.text("security_profile") or "1"
    try:
        password = read_password(form, is_needed=entered["security_profile"] in {"1", "2"})
        given = api.NewStation(
            identity=_needed(form, "identity"),
            site_id=form.text("site_id") or None,
            security_profile=form.integer("security_profile", low=0, high=3) or 0,
            name=form.text("name") or UNSET,
            password=password or UNSET,
        )
        station = await function_of(api.create_station)(web, principal, given)
    except InvalidInput as error:
        return await _show_new(web, pages, principal, request, entered, [(error.field or "identity", error.message)])
    except Conflict as error:
        return await _show_new(web, pages, principal, request, entered, [("identity", error.message)])
    return await pages.show(
        request,
        "pages/stations/added.html",
        station=station,
        password=password,
        addresses=web.settings.ocpp_addresses,
    )


def rows_of(found: Sequence[StationRow], places: Sequence[SitePlace]) -> tuple[ListRow, ...]:
    """Return stations as rows of a list."""
    zones = {place.id: place.time_zone for place in places}
    return tuple(
        ListRow(row, present.evse_statuses(row), present.station_power_w(row), _zone(zones, row.site_id))
        for row in found
    )


def offered(
    places: Sequence[SitePlace], chosen: Container[str] = (), *, most: int = SITES_OFFERED
) -> list[tuple[str, str]]:
    """Return the sites that a choice offers, id and name: what is chosen is among them, or saving would drop it."""
    return [(one.id, one.name) for number, one in enumerate(places) if number < most or one.id in chosen]


def read_password(form: Form, *, is_needed: bool) -> str | None:
    """Return the password that was entered, or a fresh one if that was chosen. Raises InvalidInput."""
    if form.text("secret") != "own":
        return secrets.make_station_password(token_bytes) if is_needed else None
    given = form.exact("password")
    flaw = secrets.station_password_flaw(given)
    if flaw is not None:
        raise InvalidInput(flaw, field="password")
    return given


async def _show_new(  # the form, as it is or with what is wrong
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    entered: present.Entered,
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    return await pages.show(
        request,
        "pages/stations/new.html",
        status=422 if errors else 200,
        form=entered,
        errors=list(errors),
        places=offered(places),
        addresses=web.settings.ocpp_addresses,
    )


def wanted(criteria: ListQuery) -> StationQuery:
    return StationQuery(
        q=criteria.q,
        site_id=(criteria.site,) if criteria.site else (),
        approval=criteria.approval,
        is_online=None if criteria.online is None else criteria.online == "yes",
        version=criteria.version,
        vendor=criteria.vendor or None,
        firmware=criteria.firmware or None,
        status=criteria.status,
        sort=criteria.sort,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )


async def _choices(web: WebContext, pages: Pages, principal: Principal) -> Choices:
    async def read() -> Choices:
        return await console_stations.list_choices(web.services.database, principal.site_ids)

    return await pages.memo.of(("choices", principal.site_ids), _CHOICES_AGE_S, read)


def _asked(criteria: ListQuery) -> dict[str, str]:
    plain: dict[str, str] = msgspec.to_builtins(criteria)
    return plain


def _href(asked: dict[str, str], **changes: str | None) -> str:
    query = urlencode({name: value for name, value in {**asked, **changes}.items() if value})
    return path_of("stations") + (f"?{query}" if query else "")


def _zone(zones: dict[str, str], site_id: str | None) -> tzinfo:
    return present.zone(zones.get(site_id or "", "UTC"))


def _needed(form: Form, name: str) -> str:
    text = form.text(name)
    if not text:
        raise InvalidInput("This has to be filled in.", field=name)
    return text


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_stations, follow_stations, show_new, create_station,
)  # fmt: skip
