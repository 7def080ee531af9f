"""What stations are set to: variables read and set, reports, and what is desired of each station."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.configuration.model import (
    DesiredChange,
    ItemOutcome,
    Monitor,
    StationState,
)
from ingufu.configuration.service import Reading, ReportWish
from ingufu.core import errors, variables
from ingufu.core.configuration import (
    Criterion,
    MonitorCriterion,
    Place,
    ReadItem,
    ReportBase,
    WriteItem,
)
from ingufu.core.variables import Attribute
from ingufu.views import configuration as views
from ingufu.views.configuration import ChangeRow, ReportRow, VariableQuery, VariableRow, WishView
from ingufu.views.paging import Page
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

VariableText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=variables.TEXT_LONGEST,
        description="`Component[instance]@EVSE:connector.Variable[instance]`; keys of 1.6 have the name that means the "
        "same, or `ConfigurationKey.<key>`.",
    ),
]
Value = Annotated[str, Meta(max_length=2500)]
MOST = 500
ASKS = (
    errors.NotFound,
    errors.InvalidInput,
    errors.Conflict,
    errors.StationOffline,
    errors.StationTimeout,
    errors.StationUnsupported,
    errors.StationNotAccepted,
    errors.StationUnavailable,
    errors.Unavailable,
)


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value of a variable."""

    variable: VariableText
    attribute: Attribute = Attribute.ACTUAL


class ToRead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to read."""

    variables: Annotated[tuple[Named, ...], Meta(min_length=1, max_length=MOST)]


class Given(Named, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value to set."""

    value: Value


class ToSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to set."""

    values: Annotated[tuple[Given, ...], Meta(min_length=1, max_length=MOST)]
    force: Annotated[bool, Meta(description="Also what does not fit or is known to be dangerous.")] = False
    verify: Annotated[bool, Meta(description="Read back what was taken, as some stations take and clamp.")] = False


class ItemResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one value."""

    variable: str
    attribute: Attribute
    status: str  # the station's word; NotSent, NotSupported, NoAnswer are ours
    is_accepted: bool
    value: str | None = None
    reason: str = ""
    part: int  # the message it travelled in; 0: none


class WantedPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A component, or one variable of it."""

    component: Annotated[str, Meta(min_length=1, max_length=50)]
    instance: Annotated[str, Meta(max_length=50)] | None = None
    evse: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    connector: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    variable: Annotated[str, Meta(min_length=1, max_length=50)] | None = None
    variable_instance: Annotated[str, Meta(max_length=50)] | None = None


class ToReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to report: a base; or what criteria and places choose together; with `monitors`, the monitors of these."""

    base: ReportBase | None = None
    criteria: Annotated[tuple[Criterion, ...], Meta(max_length=4)] = ()
    places: Annotated[tuple[WantedPlace, ...], Meta(max_length=100)] = ()
    monitors: bool = False
    monitor_criteria: Annotated[tuple[MonitorCriterion, ...], Meta(max_length=3)] = ()


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value to desire; null: none any more."""

    variable: VariableText
    value: Value | None


class Wishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to desire from now on."""

    values: Annotated[tuple[Wish, ...], Meta(min_length=1, max_length=MOST)]


class ToApply(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to set of what is desired."""

    variables: Annotated[tuple[VariableText, ...], Meta(max_length=MOST, description="Only these; none: all.")] = ()
    tries_again: Annotated[bool, Meta(description="Also what the station has refused before.")] = True


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which variable."""

    variable: VariableText


@route(
    "GET",
    "/stations/{station:str}/variables",
    scope=Scope.STATIONS_READ,
    query=VariableQuery,
    raises=(errors.NotFound,),
)
async def list_variables(
    web: WebContext, principal: Principal, station: str, criteria: VariableQuery
) -> Page[VariableRow]:
    """List a station's variables

    As it last told of them, with what is desired of each. Configuration keys of 1.6 and the device model of 2.x are
    one list. Secrets are never shown.
    """
    known = await access.station_of(web, principal, station)
    return await views.list_variables(web.services.database, known.id, criteria)


@route(
    "GET",
    "/stations/{station:str}/variables/history",
    scope=Scope.STATIONS_READ,
    query=HistoryQuery,
    raises=(errors.NotFound, errors.InvalidInput),
)
async def list_variable_changes(
    web: WebContext, principal: Principal, station: str, criteria: HistoryQuery
) -> list[ChangeRow]:
    """List the changes of a variable

    When its value was told to be another one, and every attempt to set it, by whom and with what result.
    """
    known = await access.station_of(web, principal, station)
    key = variables.parse(criteria.variable).key
    return list(await views.list_changes(web.services.database, known.id, key))


@route(
    "POST",
    "/stations/{station:str}/variables/read",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=ToRead,
    raises=ASKS,
)
async def read_variables(web: WebContext, principal: Principal, station: str, given: ToRead) -> list[ItemResult]:
    """Read variables

    The station is asked in as many messages as it needs (ItemsPerMessage, BytesPerMessage, GetConfigurationMaxKeys);
    each value has its own result, and says in which message it travelled.
    """
    known = await access.station_of(web, principal, station)
    items = [ReadItem(name=variables.parse(one.variable), attribute=one.attribute) for one in given.variables]
    outcomes = await web.services.configuration.asking.read(by(web, principal), known, items)
    async with web.services.database.work() as work:
        results = {one.name.text: one.status for one in outcomes}
        access.note(web, work, principal, "station.read-variables", known.id, {"results": results})
    return [result(one) for one in outcomes]


@route(
    "POST", "/stations/{station:str}/variables/set", status=200, scope=Scope.STATIONS_COMMAND, body=ToSet, raises=ASKS
)
async def set_variables(web: WebContext, principal: Principal, station: str, given: ToSet) -> list[ItemResult]:
    """Set variables

    Once, now. A value that does not fit what the station told of the variable, or is known to be dangerous, is not
    sent unless forced. To have a value kept, desire it.
    """
    known = await access.station_of(web, principal, station)
    items = [
        WriteItem(name=variables.parse(one.variable), attribute=one.attribute, value=one.value) for one in given.values
    ]
    asking, who = web.services.configuration.asking, by(web, principal)
    outcomes = await asking.write(who, known, items, is_forced=given.force)
    taken = [one for one in outcomes if one.status == "Accepted"]
    if given.verify and taken:
        await asking.read(who, known, [ReadItem(name=one.name, attribute=one.attribute) for one in taken])
    await web.services.configuration.wishes.reassess(known.id)
    async with web.services.database.work() as work:
        results = {one.name.text: one.status for one in outcomes}
        asked = {one.variable: one.value for one in given.values}
        access.note(web, work, principal, "station.variables", known.id, {"results": results}, after=asked)
    return [result(one) for one in outcomes]


@route("GET", "/stations/{station:str}/monitors", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_monitors(web: WebContext, principal: Principal, station: str) -> list[Monitor]:
    """List a station's monitors

    As it last reported them. Ask for a report of them first.
    """
    known = await access.station_of(web, principal, station)
    return await web.services.configuration.monitors(known.id)


@route("GET", "/stations/{station:str}/reports", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_reports(web: WebContext, principal: Principal, station: str) -> list[ReportRow]:
    """List a station's reports

    The newest first, with how far each is, and which parts of it are missing.
    """
    known = await access.station_of(web, principal, station)
    return list(await views.list_reports(web.services.database, known.id))


@route("GET", "/stations/{station:str}/reports/{report:str}", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_report(web: WebContext, principal: Principal, station: str, report: str) -> ReportRow:
    """Get a report

    How far it is.
    """
    known = await access.station_of(web, principal, station)
    found = await views.get_report(web.services.database, known.id, report)
    if found is None:
        raise errors.NotFound(f"The station has no report {report!r}.")
    return found


@route("POST", "/stations/{station:str}/reports", status=200, scope=Scope.STATIONS_COMMAND, body=ToReport, raises=ASKS)
async def request_report(web: WebContext, principal: Principal, station: str, given: ToReport) -> ReportRow:
    """Ask for a report

    Of variables or monitors. A 2.x station sends it in parts afterwards: look at the report until its state is at an
    end. A 1.6 station tells all its keys at once. One report of a kind is under way per station.
    """
    known = await access.station_of(web, principal, station)
    places = tuple(Place(**msgspec.structs.asdict(one)) for one in given.places)
    reporting, who = web.services.configuration.reporting, by(web, principal)
    if given.monitors:
        report = await reporting.request_monitors(who, known, given.monitor_criteria, places)
    else:
        chosen = bool(given.criteria or places)
        if chosen and given.base is not None:
            raise errors.InvalidInput("A base report is not narrowed by criteria or places.", field="base")
        wish = ReportWish(
            base=given.base or (None if chosen else ReportBase.FULL), criteria=given.criteria, places=places
        )
        report = await reporting.request(who, known, wish)
    async with web.services.database.work() as work:
        details = {"report": report.id, "monitors": given.monitors}
        access.note(web, work, principal, "station.report", known.id, details)
    return views.report_row(report)


@route("GET", "/stations/{station:str}/configuration", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_configuration_state(web: WebContext, principal: Principal, station: str) -> StationState:
    """Get the state of a station's configuration

    When its inventory was taken, how many values are desired and how many of them it does not have, whether it needs
    a reset, and what is due.
    """
    known = await access.station_of(web, principal, station)
    return await web.services.configuration.state(known.id)


@route("GET", "/stations/{station:str}/desired", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_desired(web: WebContext, principal: Principal, station: str) -> list[WishView]:
    """List what is desired of a station

    For each variable the value that counts, where it comes from and why, and where it stands at the station. What is
    set for the station itself counts before a template given to it by hand; then come templates for its site,
    firmware, model, vendor, OCPP version, and for every station; of equals the higher priority, then the newer one.
    """
    known = await access.station_of(web, principal, station)
    await web.services.configuration.wishes.reassess(known.id)
    return list(await views.list_wishes(web.services.database, known.id))


@route(
    "PUT",
    "/stations/{station:str}/desired",
    scope=Scope.STATIONS_WRITE,
    body=Wishes,
    raises=(errors.NotFound, errors.InvalidInput, errors.Unavailable),
)
async def desire(web: WebContext, principal: Principal, station: str, given: Wishes) -> list[WishView]:
    """Desire values of a station

    From now on, before what any template says. They are set soon if the station is connected, else when it has come.
    Secrets are kept encrypted and shown to nobody.
    """
    known = await access.station_of(web, principal, station)
    names = [variables.parse(one.variable) for one in given.values]
    known_wishes = {one.variable: one.value for one in await views.list_wishes(web.services.database, known.id)}
    async with web.services.database.work() as work:
        wishes = [DesiredChange(name=name, value=one.value) for name, one in zip(names, given.values, strict=True)]
        await web.services.configuration.desire(work, known.id, wishes, actor=principal.name)
        after = {name.text: one.value for name, one in zip(names, given.values, strict=True)}
        before = {name: known_wishes.get(name) for name in after}
        access.note(web, work, principal, "station.desire", known.id, before=before, after=after)
    await web.services.configuration.wishes.reassess(known.id)
    return list(await views.list_wishes(web.services.database, known.id))


@route(
    "POST",
    "/stations/{station:str}/desired/apply",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=ToApply,
    raises=ASKS,
)
async def apply_desired(web: WebContext, principal: Principal, station: str, given: ToApply) -> list[ItemResult]:
    """Set what is desired

    Now, instead of when it is due. What is in step already is not sent.
    """
    known = await access.station_of(web, principal, station)
    keys = frozenset(variables.parse(one).key for one in given.variables)
    outcomes = await web.services.configuration.care.apply(
        by(web, principal), known.id, only=keys or None, tries_again=given.tries_again
    )
    async with web.services.database.work() as work:
        results = {one.name.text: one.status for one in outcomes}
        access.note(web, work, principal, "station.apply", known.id, {"results": results})
    return [result(one) for one in outcomes]


def by(web: WebContext, principal: Principal) -> Reading:
    """Return who asks, through which link."""
    return Reading(link=web.link, actor=principal.name, timeout_s=web.settings.call_timeout_s)


def result(one: ItemOutcome) -> ItemResult:
    """Return an outcome with its variable as text."""
    return ItemResult(
        variable=one.name.text,
        attribute=one.attribute,
        status=one.status,
        is_accepted=one.is_accepted,
        value=one.value,
        reason=one.reason,
        part=one.part,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_variables, list_variable_changes, read_variables, set_variables, list_monitors, list_reports, get_report,
    request_report, get_configuration_state, list_desired, desire, apply_desired,
)  # fmt: skip
