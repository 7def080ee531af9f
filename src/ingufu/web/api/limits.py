"""What is asked of a transaction that runs: its limit, its priority, and what its driver reads at the station."""

from decimal import Decimal
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.charging.control.model import Message, TransactionLimit
from ingufu.charging.model import Transaction
from ingufu.core import errors
from ingufu.core.commands import Outcome
from ingufu.core.control import AskTransactionStatus, TransactionStatus, UsePriorityCharging
from ingufu.views import control as views
from ingufu.views import transactions as transaction_views
from ingufu.views.control import ControlView
from ingufu.web import access
from ingufu.web.api.commands import RAISES, call
from ingufu.web.context import WebContext
from ingufu.web.routes import route

_RAISES = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a transaction may go. What is left out is not limited."""

    max_cost: (
        Annotated[Decimal, Meta(description="In the currency of the tariff; only stations of OCPP 2.1 keep it.")] | None
    ) = None
    max_energy_wh: Decimal | None = None
    max_time_s: Annotated[int, Meta(ge=1, lt=2**31, description="From its start.")] | None = None
    max_soc_percent: Annotated[int, Meta(ge=1, le=100, description="State of charge of the vehicle.")] | None = None

    def as_kept(self) -> TransactionLimit:
        return TransactionLimit(**msgspec.structs.asdict(self))


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the driver reads at the station (OCPP 2.x)."""

    content: Annotated[str, Meta(min_length=1, max_length=512)]
    format: Annotated[str, Meta(max_length=10, description="ASCII, HTML, URI or UTF8.")] = "UTF8"
    language: Annotated[str, Meta(min_length=2, max_length=8, description="As in `en` or `fr-RW`.")] | None = None


class Priority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How important it is to a station that shares its power."""

    priority: Annotated[int, Meta(ge=-9, le=9, description="0 is usual, 9 the most.")]


class PriorityCharging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether it charges with priority."""

    is_active: bool


@route("GET", "/transactions/{transaction_id:str}/control", scope=Scope.TRANSACTIONS_READ, raises=(errors.NotFound,))
async def get_control(web: WebContext, principal: Principal, transaction_id: str) -> ControlView:
    """Get what is asked of a transaction

    Its limit and whether it was sent, confirmed and reached; the remote start it came of; priority, message, and what
    the station said when it was asked. Everything is null where nothing was asked.
    """
    it = await _seen(web, principal, transaction_id)
    return await _view(web, principal, it.id)


@route(
    "PUT",
    "/transactions/{transaction_id:str}/limit",
    scope=Scope.STATIONS_COMMAND,
    body=Limit,
    raises=_RAISES,
)
async def set_limit(web: WebContext, principal: Principal, transaction_id: str, given: Limit) -> ControlView:
    """Limit a transaction

    Takes the place of the limit it had. A station of OCPP 2.1 hears of it with the next answer to one of its messages,
    and ends the transaction by itself; any other is told to stop when the limit is reached. Where a station has said
    that it keeps a limit, it can raise it but not forget it.
    """
    it = await _seen(web, principal, transaction_id)
    async with web.services.database.work() as work:
        await web.services.control.set_limit(work, it, given.as_kept(), actor=principal.name)
        access.note(web, work, principal, "transaction.limit", it.id, msgspec.to_builtins(given))
    await access.reload(web, it.station_id)
    return await _view(web, principal, it.id)


@route(
    "PUT",
    "/transactions/{transaction_id:str}/message",
    scope=Scope.STATIONS_COMMAND,
    body=Said,
    raises=_RAISES,
)
async def set_message(web: WebContext, principal: Principal, transaction_id: str, given: Said) -> ControlView:
    """Show the driver a message

    It goes with the next answer to one of the station's messages (OCPP 2.x `updatedPersonalMessage`).
    """
    it = await _seen(web, principal, transaction_id)
    said = Message(content=given.content, format=given.format, language=given.language)
    async with web.services.database.work() as work:
        await web.services.control.set_message(work, it, said)
        access.note(web, work, principal, "transaction.message", it.id, after=said)
    await access.reload(web, it.station_id)
    return await _view(web, principal, it.id)


@route(
    "PUT",
    "/transactions/{transaction_id:str}/priority",
    scope=Scope.STATIONS_COMMAND,
    body=Priority,
    raises=_RAISES,
)
async def set_priority(web: WebContext, principal: Principal, transaction_id: str, given: Priority) -> ControlView:
    """Set the priority of a transaction

    It goes with the next answer to one of the station's messages (OCPP 2.x `chargingPriority`).
    """
    it = await _seen(web, principal, transaction_id)
    async with web.services.database.work() as work:
        await web.services.control.set_priority(work, it, given.priority)
        access.note(web, work, principal, "transaction.priority", it.id, {"priority": given.priority})
    await access.reload(web, it.station_id)
    return await _view(web, principal, it.id)


@route(
    "POST",
    "/transactions/{transaction_id:str}/priority-charging",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=PriorityCharging,
    raises=(*RAISES, errors.Conflict),
)
async def use_priority_charging(
    web: WebContext, principal: Principal, transaction_id: str, given: PriorityCharging
) -> Outcome:
    """Charge with priority

    Or no longer. The station needs a profile for it, else it answers `NoProfile` (OCPP 2.1).
    """
    it = await _seen(web, principal, transaction_id)
    if not it.is_open:
        raise errors.Conflict("The transaction has ended already.")
    station = await web.services.stations.get(it.station_id)
    command = UsePriorityCharging(reference=it.reference, is_active=given.is_active)
    outcome = await call(web, principal, station, command)
    if outcome.is_accepted:
        async with web.services.database.work() as work:
            await web.services.control.note_priority(work, it, is_active=given.is_active, actor=principal.name)
        await access.reload(web, it.station_id)
    return outcome


@route(
    "POST",
    "/transactions/{transaction_id:str}/status",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    raises=RAISES,
)
async def ask_status(web: WebContext, principal: Principal, transaction_id: str) -> TransactionStatus:
    """Ask the station about a transaction

    Whether it runs, and whether messages about it wait there. One that the station says is over, with nothing more to
    tell, twice within some minutes, is closed by estimate (OCPP 2.x).
    """
    it = await _seen(web, principal, transaction_id)
    station = await web.services.stations.get(it.station_id)
    status = await call(web, principal, station, AskTransactionStatus(reference=it.reference))
    async with web.services.database.work() as work:
        await web.services.control.note_status(work, it, status)
    await access.reload(web, it.station_id)
    return status


async def _view(web: WebContext, principal: Principal, transaction_id: str) -> ControlView:
    control = await web.services.control.of(transaction_id)
    return await views.get_control(web.services.database, control, transaction_id, principal.site_ids)


async def _seen(web: WebContext, principal: Principal, transaction_id: str) -> Transaction:
    """Return the transaction. Raises NotFound, also if it is not the principal's to see."""
    await transaction_views.get_transaction(web.services.database, transaction_id, principal.site_ids)
    return await web.services.charging.get(transaction_id)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    get_control, set_limit, set_message, set_priority, use_priority_charging, ask_status,
)  # fmt: skip
