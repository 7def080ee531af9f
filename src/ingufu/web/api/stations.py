"""Stations: which there are, what we allow each, EVSEs and connectors."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.core.commands import Trigger, TriggerMessage
from ingufu.core.errors import StationUnavailable, Unavailable
from ingufu.stations.model import Approval, BootAnswer, Station
from ingufu.views import stations as views
from ingufu.views import transactions as transaction_views
from ingufu.views.paging import Page
from ingufu.views.stations import EvseView, StationQuery, StationRow, StationView
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Identity = Annotated[str, Meta(min_length=1, max_length=48, description="What the station calls itself in its URL.")]
Name = Annotated[str, Meta(max_length=100)]
Note = Annotated[str, Meta(max_length=2000)]
Profile = Annotated[int, Meta(ge=0, le=3, description="The lowest OCPP security profile accepted; 0 waives all.")]
Password = Annotated[
    str, Meta(min_length=16, max_length=64, description="The Basic password; a key of 16+ characters.")
]
CertificateName = Annotated[str, Meta(max_length=64, description="The common name its client certificate carries.")]
PingInterval = Annotated[int, Meta(ge=0, le=3600, description="Seconds between pings; 0: none; null: the setting's.")]
AssumedVersion = Annotated[str, Meta(max_length=20, description="Spoken when it offers no subprotocol: `ocpp1.6` ...")]


class StationFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a station. What is left out stays as it is, or has its default."""

    site_id: str | UnsetType | None = UNSET
    name: Name | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    security_profile: Profile | UnsetType = UNSET
    certificate_name: CertificateName | UnsetType | None = UNSET
    assumed_version: AssumedVersion | UnsetType | None = UNSET
    is_strict: Annotated[bool, Meta(description="Judge its messages by the letter.")] | UnsetType = UNSET
    is_silent: Annotated[bool, Meta(description="No automatic requests of ours after boot.")] | UnsetType = UNSET
    allows_compression: bool | UnsetType = UNSET
    ping_interval_s: PingInterval | UnsetType | None = UNSET


class NewStation(StationFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A station to enter."""

    identity: Identity
    password: Password | UnsetType = UNSET
    approval: Approval | UnsetType = UNSET
    boot_answer: BootAnswer | UnsetType = UNSET


class ApproveStation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a waiting station is taken in."""

    keeps_password: Annotated[
        bool, Meta(description="The password with which it called while it waited is its password from now on.")
    ] = False
    site_id: str | UnsetType | None = UNSET


class SetPassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new Basic password of a station."""

    password: Password


class SetBootAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the station hears at its next boot."""

    boot_answer: BootAnswer


class BootAnswerSet(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that is set now, and what came of asking the station to boot anew."""

    boot_answer: BootAnswer
    trigger: Annotated[
        str | None, Meta(description="The station's word on being asked to boot, or an error's code; null: not asked.")
    ] = None


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """Whether it is gone."""

    is_gone: Annotated[bool, Meta(description="False: it has charged, so it is only retired and refused at the door.")]


class SetConnector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a connector."""

    kind: Annotated[str, Meta(max_length=50, description="The plug, for instance `cCCS2`.")] | None = None
    max_power_w: Annotated[float, Meta(gt=0, le=10_000_000)] | None = None


_CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)


@route("GET", "/stations", scope=Scope.STATIONS_READ, query=StationQuery)
async def list_stations(web: WebContext, principal: Principal, criteria: StationQuery) -> Page[StationRow]:
    """List stations

    With search, filters and sorting. Each station comes with its EVSEs, their connectors' status and what charges
    there now. `total` counts all that fit the filters.
    """
    return await views.list_stations(web.services.database, criteria, principal.site_ids)


@route("POST", "/stations", scope=Scope.STATIONS_WRITE, body=NewStation, raises=(errors.Conflict, errors.InvalidInput))
async def create_station(web: WebContext, principal: Principal, given: NewStation) -> StationView:
    """Enter a station

    It is approved unless `approval` says otherwise. With security profile 1 or 2 it needs a password before it can
    connect.
    """
    fields = access.given_fields(given)
    await _check_site(web, principal, fields.get("site_id"))
    async with web.services.database.work() as work:
        station = await web.services.stations.create(work, fields.pop("identity"), **fields)
        access.note(web, work, principal, "station.create", station.id, after=station)
    return await _view(web, station)


@route("GET", "/stations/{station:str}", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_station(web: WebContext, principal: Principal, station: str) -> StationView:
    """Get a station

    `station` is its id, or the identity by which it calls itself.
    """
    return await views.get_station(web.services.database, station, principal.site_ids)


@route("PATCH", "/stations/{station:str}", scope=Scope.STATIONS_WRITE, body=StationFields, raises=_CHANGES)
async def update_station(web: WebContext, principal: Principal, station: str, given: StationFields) -> StationView:
    """Change a station

    Only the fields that are given change.
    """
    known = await access.station_of(web, principal, station)
    fields = access.given_fields(given)
    if "site_id" in fields:
        await _check_site(web, principal, fields["site_id"])
    async with web.services.database.work() as work:
        changed = await web.services.stations.update(work, known.id, **fields)
        access.note(web, work, principal, "station.update", known.id, before=known, after=changed)
    await access.reload(web, known.id)
    return await _view(web, changed)


@route("DELETE", "/stations/{station:str}", scope=Scope.STATIONS_WRITE, status=200, raises=_CHANGES)
async def delete_station(web: WebContext, principal: Principal, station: str) -> Deleted:
    """Delete a station

    A connected station has to be refused first. One that has charged is only retired: its transactions name it.
    """
    known = await access.station_of(web, principal, station)
    has_charged = await transaction_views.has_charged(web.services.database, known.id)
    async with web.services.database.work() as work:
        is_gone = await web.services.stations.delete(work, known.id, has_charged=has_charged)
        web.services.configuration.forget_station(work, known.id)
        for part in (
            web.services.control, web.services.samplings, web.services.stations.wishes, web.services.stations.streams,
        ):  # fmt: skip
            part.forget_station(work, known.id)
        access.note(web, work, principal, "station.delete", known.id, {"is_gone": is_gone}, before=known)
    return Deleted(is_gone=is_gone)


@route(
    "POST",
    "/stations/{station:str}/approve",
    status=200,
    scope=Scope.STATIONS_WRITE,
    body=ApproveStation,
    raises=_CHANGES,
)
async def approve_station(web: WebContext, principal: Principal, station: str, given: ApproveStation) -> StationView:
    """Approve a station

    It is one of ours from now on and may connect.
    """
    known = await access.station_of(web, principal, station)
    if given.site_id is not UNSET:
        await _check_site(web, principal, given.site_id)
    async with web.services.database.work() as work:
        changed = await web.services.stations.approve(work, known.id, keeps_password=given.keeps_password)
        if given.site_id is not UNSET:
            await web.services.stations.update(work, known.id, site_id=given.site_id)
        after = msgspec.structs.asdict(changed) | {
            "site_id": changed.site_id if given.site_id is UNSET else given.site_id
        }
        access.note(web, work, principal, "station.approve", known.id, before=known, after=after)
    await access.reload(web, known.id)
    return await _view(web, changed)


@route("POST", "/stations/{station:str}/refuse", status=200, scope=Scope.STATIONS_WRITE, raises=_CHANGES)
async def refuse_station(web: WebContext, principal: Principal, station: str) -> StationView:
    """Refuse a station

    It is turned away at the door from now on, and the connection it has is closed.
    """
    known = await access.station_of(web, principal, station)
    async with web.services.database.work() as work:
        changed = await web.services.stations.refuse(work, known.id)
        access.note(web, work, principal, "station.refuse", known.id, before=known, after=changed)
    await access.disconnect(web, known.id, "The station was refused by an operator.")
    return await _view(web, changed)


@route(
    "POST",
    "/stations/{station:str}/disconnect",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    raises=(errors.NotFound, errors.StationOffline),
)
async def disconnect_station(web: WebContext, principal: Principal, station: str) -> StationView:
    """Close a station's connection

    A station that is approved will come again, as it does after every loss.
    """
    known = await access.station_of(web, principal, station)
    async with web.services.database.work() as work:
        access.note(web, work, principal, "station.disconnect", known.id)
    if not await web.link.disconnect(known.id, "An operator closed the connection."):
        raise errors.StationOffline
    return await _view(web, known)


@route(
    "PUT", "/stations/{station:str}/password", scope=Scope.STATIONS_WRITE, body=SetPassword, raises=_CHANGES, status=204
)
async def set_password(web: WebContext, principal: Principal, station: str, given: SetPassword) -> None:
    """Set a station's password

    The station itself is not told: its new password has to be entered there, or sent by a command of its version
    before this. The connection it has stays.
    """
    known = await access.station_of(web, principal, station)
    async with web.services.database.work() as work:
        await web.services.stations.set_password(work, known.id, given.password)
        was, now = {"password": known.password_hash and "old"}, {"password": "new"}  # kept as: it changed
        access.note(web, work, principal, "station.password", known.id, before=was, after=now)
    await access.reload(web, known.id)


@route(
    "PUT",
    "/stations/{station:str}/boot-answer",
    scope=Scope.STATIONS_WRITE,
    body=SetBootAnswer,
    raises=_CHANGES,
)
async def set_boot_answer(web: WebContext, principal: Principal, station: str, given: SetBootAnswer) -> BootAnswerSet:
    """Set what a station hears when it boots

    Also while it is connected. A station that was Pending and becomes Accepted is asked to boot anew at once, so that
    it hears so, unless it is set to be silent.
    """
    known = await access.station_of(web, principal, station)
    async with web.services.database.work() as work:
        await web.services.stations.update(work, known.id, boot_answer=given.boot_answer)
        access.note(web, work, principal, "station.boot_answer", known.id, before=known, after=given)
    await access.reload(web, known.id)
    was_pending = BootAnswer.PENDING in (known.boot_answer, known.boot_status)
    is_due = given.boot_answer is BootAnswer.ACCEPTED and was_pending
    asked = await _ask_to_boot(web, known) if is_due and known.is_online and not known.is_silent else None
    return BootAnswerSet(boot_answer=given.boot_answer, trigger=asked)


@route("GET", "/stations/{station:str}/evses", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_evses(web: WebContext, principal: Principal, station: str) -> list[EvseView]:
    """List a station's EVSEs

    With their connectors and the transaction that is open at each.
    """
    return list((await views.get_station(web.services.database, station, principal.site_ids)).evses)


@route("GET", "/stations/{station:str}/evses/{evse:int}", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_evse(web: WebContext, principal: Principal, station: str, evse: int) -> EvseView:
    """Get an EVSE

    With its connectors and what charges there now.
    """
    known = await views.get_station(web.services.database, station, principal.site_ids)
    found = next((one for one in known.evses if one.number == evse), None)
    if found is None:
        raise errors.NotFound(f"The station has no EVSE {evse}.")
    return found


@route(
    "PUT",
    "/stations/{station:str}/evses/{evse:int}/connectors/{connector:int}",
    scope=Scope.STATIONS_WRITE,
    body=SetConnector,
    raises=_CHANGES,
)
async def set_connector(
    web: WebContext, principal: Principal, station: str, evse: int, connector: int, given: SetConnector
) -> EvseView:
    """Enter a connector's plug and power

    The connector is made if the station has not told of it yet.
    """
    known = await access.station_of(web, principal, station)
    shown = {one.number: one.connectors for one in (await _view(web, known)).evses}
    was = next((one for one in shown.get(evse, ()) if one.number == connector), None)
    async with web.services.database.work() as work:
        await web.services.stations.set_connector(
            work, known.id, evse, connector, kind=given.kind, max_power_w=given.max_power_w
        )
        details = {"evse": evse, "connector": connector}
        access.note(web, work, principal, "station.connector", known.id, details, before=was, after=given)
    await access.reload(web, known.id)
    view = await _view(web, known)
    return next(one for one in view.evses if one.number == evse)


async def _view(web: WebContext, station: Station) -> StationView:
    return await views.get_station(web.services.database, station.id, None)


async def _check_site(web: WebContext, principal: Principal, site_id: str | None) -> None:
    access.check_site(principal, site_id)
    if site_id is not None:
        await access.check_site_exists(web, site_id)


async def _ask_to_boot(web: WebContext, station: Station) -> str:
    try:
        outcome = await web.link.call(
            station.id, TriggerMessage(trigger=Trigger.BOOT), timeout_s=web.settings.call_timeout_s
        )
    except (StationUnavailable, Unavailable, errors.InvalidInput) as error:
        return error.code
    return outcome.status


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_stations, create_station, get_station, update_station, delete_station, approve_station, refuse_station,
    disconnect_station, set_password, set_boot_answer, list_evses, get_evse, set_connector,
)  # fmt: skip
