"""Remote control: starts that are awaited, stops, availability that is kept, and messages asked for."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.model import Occasion, PresentedToken, Verdict
from ingufu.charging.control.model import RemoteStart, TransactionLimit
from ingufu.core import errors
from ingufu.core.commands import (
    Availability,
    Outcome,
    StartCharging,
    StopCharging,
    Trigger,
    TriggerMessage,
)
from ingufu.core.control import AskTransactionStatus, ExtendedTriggerMessage, TransactionStatus
from ingufu.core.variables import variable
from ingufu.stations.availability.model import Wish
from ingufu.stations.availability.service import command_of
from ingufu.stations.model import Station
from ingufu.views import control as views
from ingufu.views import transactions as transaction_views
from ingufu.views.control import RemoteStartQuery, RemoteStartRow
from ingufu.views.paging import Page
from ingufu.web import access
from ingufu.web.api.commands import RAISES, Connector, Evse, call
from ingufu.web.api.limits import Limit
from ingufu.web.context import WebContext
from ingufu.web.errors import TokenRefused
from ingufu.web.routes import route

CONNECTION_TIMEOUT = variable("TxCtrlr", "EVConnectionTimeOut")
GRACE_S = 60  # for what the station has to tell


class Start(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to start."""

    token: Annotated[str, Meta(min_length=1, max_length=255, description="The id token to charge in the name of.")]
    token_kind: (
        Annotated[str, Meta(max_length=20, description="Its kind; else that of the registered token, or Central.")]
        | None
    ) = None
    group: (
        Annotated[str, Meta(min_length=1, max_length=36, description="Group whose tokens may stop it, too (OCPP 2.x).")]
        | None
    ) = None
    evse: Annotated[Evse | None, Meta(description="Where; else at any EVSE that is free.")] = None
    force: Annotated[bool, Meta(description="Also if the token would be refused here.")] = False
    limit: Annotated[Limit | None, Meta(description="How far it may go.")] = None
    wait_s: (
        Annotated[
            float,
            Meta(gt=0, le=86_400, description="How long the station waits for a vehicle; else as is usual."),
        ]
        | None
    ) = None


class Stop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to stop."""

    transaction: Annotated[str, Meta(min_length=1, max_length=100, description="Its id, or the station's name for it.")]
    force: Annotated[
        bool, Meta(description="Ask for it as it is named here, also if we know of none, or of its end.")
    ] = False


class SetAvailability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to take into or out of service: the station, an EVSE or a connector."""

    availability: Availability
    evse: Evse | None = None
    connector: Connector | None = None


class TriggerOne(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the station is to send now."""

    trigger: Trigger
    evse: Evse | None = None
    connector: Connector | None = None
    custom: (
        Annotated[str, Meta(min_length=1, max_length=50, description="What, with the trigger `custom` (OCPP 2.1).")]
        | None
    ) = None
    is_extended: Annotated[bool, Meta(description="In the words of the security extension (OCPP 1.6).")] = False


class AskStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """About which transaction to ask."""

    transaction: (
        Annotated[str, Meta(min_length=1, max_length=100, description="As the station names it; else about none.")]
        | None
    ) = None


class Started(Outcome, frozen=True, kw_only=True):
    """What the station answered to a start, and the verdict on the token. Nothing need have started yet."""

    remote_start_id: int
    id: Annotated[str, Meta(description="Of the remote start, to see what comes of it.")]
    verdict: Verdict


@route(
    "POST",
    "/stations/{station:str}/start",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=Start,
    raises=(*RAISES, TokenRefused),
)
async def start(web: WebContext, principal: Principal, station: str, given: Start) -> Started:
    """Start charging

    The token is checked as if it were presented at the station; one that is refused is not sent, unless `force` says
    so. The station may answer `Rejected`: that is an outcome, not an error. That it accepts does not mean that anything
    starts: `GET /stations/{station}/starts` tells whether a transaction came of it, or whether the time is over.
    """
    known = await access.station_of(web, principal, station)
    verdict = await _judge(web, known, given)
    if not verdict.is_accepted and not given.force:
        raise TokenRefused(f"The token would be refused: {verdict.status.value} ({verdict.reason.value}).")
    registered = await web.services.authorization.find_token(given.token, given.token_kind)
    kind = given.token_kind or (registered.kind if registered is not None else "Central")
    awaited = await _await_start(web, principal, known, given, kind)
    command = StartCharging(
        token=given.token, token_kind=kind, group=given.group, evse=given.evse, remote_start_id=awaited.number
    )
    outcome = await _ask_start(web, principal, known, awaited, command)
    return Started(
        status=outcome.status,
        is_accepted=outcome.is_accepted,
        details=outcome.details,
        remote_start_id=awaited.number,
        id=awaited.id,
        verdict=verdict,
    )


@route(
    "GET",
    "/stations/{station:str}/starts",
    scope=Scope.STATIONS_READ,
    query=RemoteStartQuery,
    raises=(errors.NotFound,),
)
async def list_remote_starts(
    web: WebContext, principal: Principal, station: str, criteria: RemoteStartQuery
) -> Page[RemoteStartRow]:
    """List remote starts

    What was asked of the station, the newest first, and what came of it: `started` names the transaction, `expired`
    says that none began in time.
    """
    known = await access.station_of(web, principal, station)
    return await views.list_remote_starts(web.services.database, known.id, criteria, principal.site_ids)


@route(
    "POST",
    "/stations/{station:str}/stop",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=Stop,
    raises=(*RAISES, errors.Conflict),
)
async def stop(web: WebContext, principal: Principal, station: str, given: Stop) -> Outcome:
    """Stop a transaction

    The station ends it and reports so; that report, not this answer, ends it here. With `force` the station is asked
    also for what we know nothing of: a station that was set up elsewhere may hold on to such a one.
    """
    known = await access.station_of(web, principal, station)
    reference = given.transaction
    try:
        found = await transaction_views.find_at_station(web.services.database, known.id, given.transaction)
        reference = found.reference
        if not found.is_open and not given.force:
            raise errors.Conflict("The transaction has ended already.")
    except errors.NotFound:
        if not given.force:
            raise
    return await call(web, principal, known, StopCharging(reference=reference))


@route(
    "POST",
    "/stations/{station:str}/transaction-status",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=AskStatus,
    raises=RAISES,
)
async def ask_transaction_status(
    web: WebContext, principal: Principal, station: str, given: AskStatus
) -> TransactionStatus:
    """Ask about a transaction

    Whether it runs, and whether messages about it wait at the station; without one, whether any messages do. A station
    that knows no such transaction answers as if it were over (OCPP 2.x).
    """
    known = await access.station_of(web, principal, station)
    status = await call(web, principal, known, AskTransactionStatus(reference=given.transaction))
    if given.transaction is not None:
        transaction = await web.services.charging.find(known.id, given.transaction)
        if transaction is not None:
            async with web.services.database.work() as work:
                await web.services.control.note_status(work, transaction, status)
    return status


@route("GET", "/stations/{station:str}/availability", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_availability(web: WebContext, principal: Principal, station: str) -> list[Wish]:
    """List what was asked of availability

    Of the station (EVSE 0), its EVSEs (connector 0) and its connectors. What is asked to be out of service is so,
    whatever else is asked of the whole or of parts. It is kept through restarts of ours and theirs: a station that
    does otherwise is told again.
    """
    known = await access.station_of(web, principal, station)
    return await web.services.stations.wishes.of(known.id)


@route(
    "POST",
    "/stations/{station:str}/availability",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=SetAvailability,
    raises=(*RAISES, errors.Conflict),
)
async def set_availability(web: WebContext, principal: Principal, station: str, given: SetAvailability) -> Outcome:
    """Take into or out of service

    The whole station, one EVSE or one connector. The wish is kept, also if the station cannot be told now; it is told
    then when it comes back. `Scheduled` means that it follows when what charges has ended. With OCPP 1.6, no part is
    put into service while the whole station is to be out of it.
    """
    known = await access.station_of(web, principal, station)
    wishes = web.services.stations.wishes
    is_operative = given.availability is Availability.OPERATIVE
    evse = given.evse or None  # 0 is the whole station
    if is_operative and evse is not None and await wishes.find_whole_out(known) is not None:
        raise errors.Conflict("The whole station is out of service. Put the station into service first.")
    connector = None if known.ocpp_version == "1.6" else given.connector  # 1.6 has one for each EVSE: the same place
    async with web.services.database.work() as work:
        await web.services.stations.set_operative(work, known.id, evse, given.connector, is_operative=is_operative)
        wish = wishes.ask(
            work, known.id, is_operative=is_operative, evse=evse, connector=connector, actor=principal.name
        )
    await access.reload(web, known.id)
    try:
        outcome = await call(web, principal, known, command_of(wish))
    except errors.IngufuError as error:
        async with web.services.database.work() as work:
            wishes.note_failure(work, wish, error.code)
        raise
    async with web.services.database.work() as work:
        wishes.note_answer(work, wish, outcome)
    await access.reload(web, known.id)  # what it undid is told again; what is shown already is kept
    return outcome


@route(
    "POST",
    "/stations/{station:str}/trigger",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=TriggerOne,
    raises=RAISES,
)
async def trigger(web: WebContext, principal: Principal, station: str, given: TriggerOne) -> Outcome:
    """Ask for a message

    The station answers whether it will send it; the message itself comes afterwards, as ever.
    """
    known = await access.station_of(web, principal, station)
    if given.is_extended:
        return await call(web, principal, known, ExtendedTriggerMessage(trigger=given.trigger, evse=given.evse))
    if (given.trigger is Trigger.CUSTOM) is not (given.custom is not None):
        raise errors.InvalidInput("With `custom`, and only then, it is said what.", field="custom")
    command = TriggerMessage(trigger=given.trigger, evse=given.evse, connector=given.connector, custom=given.custom)
    return await call(web, principal, known, command)


async def _judge(web: WebContext, station: Station, given: Start) -> Verdict:
    services = web.services
    async with services.database.work() as work:
        return await services.authorization.check(
            work,
            PresentedToken(value=given.token, kind=given.token_kind),
            station_id=station.id,
            evse=given.evse,
            at=services.clock.now(),
            occasion=Occasion.REMOTE_START,
        )


async def _await_start(web: WebContext, principal: Principal, station: Station, given: Start, kind: str) -> RemoteStart:
    """Keep that a start is asked, before it is: what comes of it may be told before the answer."""
    async with web.services.database.work() as work:
        awaited = await web.services.control.ask_start(
            work,
            station.id,
            token=given.token,
            token_kind=kind,
            evse=given.evse,
            limit=TransactionLimit() if given.limit is None else given.limit.as_kept(),
            actor=principal.name,
            timeout_s=given.wait_s or await _patience_s(web, station),
        )
    await access.reload(web, station.id)
    return awaited


async def _patience_s(web: WebContext, station: Station) -> float | None:
    """Return how long the station waits for a vehicle, as it has told, and some more; None: not known."""
    text = await web.services.configuration.value(station.id, CONNECTION_TIMEOUT.key)
    is_known = text is not None and text.isascii() and text.isdigit() and 0 < len(text) < 6
    return int(text) + GRACE_S if is_known and text is not None else None


async def _ask_start(
    web: WebContext, principal: Principal, station: Station, awaited: RemoteStart, command: StartCharging
) -> Outcome:
    control, database = web.services.control, web.services.database
    try:
        outcome = await call(web, principal, station, command)
    except errors.IngufuError as error:
        if not isinstance(error, errors.StationTimeout):  # one that says nothing may start all the same
            async with database.work() as work:
                await control.note_start_failure(work, awaited, error.code)
        raise
    async with database.work() as work:
        await control.note_start_answer(work, awaited, outcome)
    return outcome


ROUTES: tuple[HTTPRouteHandler, ...] = (
    start, list_remote_starts, stop, ask_transaction_status, list_availability, set_availability, trigger,
)  # fmt: skip
