"""OCPP 2.x: what a session costs, told while it runs and in the answer to its end (I02, I03)."""

import asyncio
from decimal import ROUND_HALF_UP, Decimal

import msgspec
import structlog

from ingufu.charging.model import Recorded, ReportKind, TransactionReport
from ingufu.core.commands import Outcome
from ingufu.core.costs import TellCost
from ingufu.core.errors import IngufuError, StationUnsupported
from ingufu.ocpp.table import CallContext
from ingufu.ocpp.v2 import types

PATIENCE_S = 0.5  # the station waits for its answer; a display that stays empty is better
PLACES = Decimal("0.0001")

log = structlog.get_logger(__name__)


async def with_total(
    context: CallContext,
    response: types.TransactionEventResponse,
    report: TransactionReport,
    recorded: Recorded,
) -> types.TransactionEventResponse:
    """Return the answer to an end with what the session costs, if a tariff applies and that is known at once.

    An end that is told late interests no display any more.
    """
    if report.kind is not ReportKind.ENDED or report.is_offline or recorded.transaction.is_open:
        return response
    try:
        async with asyncio.timeout(PATIENCE_S):
            cost = await context.services.charge_records.total_of(recorded.transaction, report)
    except TimeoutError:
        log.info("cost.not_in_time", transaction=recorded.transaction.id)
        return response
    except IngufuError as error:  # the end is recorded all the same
        log.warning("cost.not_known", transaction=recorded.transaction.id, error=error.message)
        return response
    return response if cost is None else msgspec.structs.replace(response, total_cost=cost.quantize(PLACES))


def cost_updated(command: TellCost) -> types.CostUpdatedRequest:
    """Return what a station is told of a running session; of one that is over it hears in the answer to its end."""
    if command.is_final:
        raise StationUnsupported("OCPP 2.x tells the final cost in the answer to the end of the transaction.")
    return types.CostUpdatedRequest(
        total_cost=command.cost.quantize(PLACES, ROUND_HALF_UP), transaction_id=command.reference
    )


def told(response: types.CostUpdatedResponse) -> Outcome:
    del response
    return Outcome(status="Accepted", is_accepted=True)
