"""OCPP 2.x: limits, priority and messages of transactions, and what stations say of them when asked."""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET

from ingufu.charging.control.model import Following, TransactionLimit
from ingufu.core.commands import Outcome
from ingufu.core.control import AskTransactionStatus, TransactionStatus, UsePriorityCharging
from ingufu.ocpp import notices
from ingufu.ocpp.table import CallContext, given
from ingufu.ocpp.v2 import types


def with_following(
    response: types.TransactionEventResponse, following: Following, version: str
) -> types.TransactionEventResponse:
    """Return the answer to an event with what was asked of its transaction."""
    changes: dict[str, Any] = {}
    if following.limit is not None and version == "2.1":
        changes["transaction_limit"] = _limit(following.limit)
    if following.priority is not None:
        changes["charging_priority"] = following.priority
    if following.message is not None:
        said = following.message
        changes["updated_personal_message"] = types.MessageContent(
            format=said.format,  # type: ignore[arg-type]  # checked when it was entered
            language=UNSET if said.language is None else said.language,
            content=said.content,
        )
    return msgspec.structs.replace(response, **changes) if changes else response


async def notify_priority(
    context: CallContext, request: types.NotifyPriorityChargingRequest
) -> types.NotifyPriorityChargingResponse:
    """Keep that a driver has asked for priority, or no longer (2.1 K22); of an unknown transaction on the timeline."""
    transaction = await context.services.charging.find(context.station_id, request.transaction_id)
    if transaction is None:
        notices.note(context, "NotifyPriorityCharging", request)
    else:
        await context.services.control.note_priority(context.work, transaction, is_active=request.activated, actor=None)
    return types.NotifyPriorityChargingResponse()


def ask_status(command: AskTransactionStatus) -> types.GetTransactionStatusRequest:
    return types.GetTransactionStatusRequest(transaction_id=UNSET if command.reference is None else command.reference)


def status_outcome(response: types.GetTransactionStatusResponse) -> TransactionStatus:
    """Return what the station says: that it knows no such transaction looks like one that is over (E14.FR.01)."""
    is_ongoing = given(response.ongoing_indicator)
    words = {True: "Ongoing", False: "NotOngoing", None: "Known"}
    return TransactionStatus(
        status=words[is_ongoing],
        is_accepted=True,
        is_ongoing=is_ongoing,
        has_messages=response.messages_in_queue,
        details={"is_ongoing": is_ongoing, "has_messages": response.messages_in_queue},
    )


def use_priority(command: UsePriorityCharging) -> types.UsePriorityChargingRequest:
    return types.UsePriorityChargingRequest(transaction_id=command.reference, activate=command.is_active)


def priority_outcome(response: types.UsePriorityChargingResponse) -> Outcome:
    info = given(response.status_info)
    details = {} if info is None else {"reason": info.reason_code, "info": given(info.additional_info) or ""}
    return Outcome(status=response.status, is_accepted=response.status == "Accepted", details=details)


def _limit(limit: TransactionLimit) -> types.TransactionLimit:
    return types.TransactionLimit(
        max_cost=_number(limit.max_cost),
        max_energy=_number(limit.max_energy_wh),
        max_time=UNSET if limit.max_time_s is None else limit.max_time_s,
        max_soc=UNSET if limit.max_soc_percent is None else limit.max_soc_percent,
    )


def _number(value: Decimal | None) -> Any:
    return UNSET if value is None else value
