"""Contracts as stations of all versions show them: judged before anything is written, and what is refused is told."""

from collections.abc import Mapping

from ingufu.authorization.model import Occasion, PresentedToken, Verdict, VerdictStatus
from ingufu.certificates.events import ContractRefused
from ingufu.certificates.model import ContractStatus, ContractVerdict, Presented
from ingufu.ocpp.table import CallContext

_REFUSALS: Mapping[ContractStatus, VerdictStatus] = {
    ContractStatus.EXPIRED: VerdictStatus.EXPIRED
}  # every other one is "Invalid" (2.x C07.FR.05 to 11)


async def authorize(
    context: CallContext, token: PresentedToken, presented: Presented | None
) -> tuple[Verdict, ContractStatus | None]:
    """Return the verdict on a token and on the certificate of its contract, if one is shown.

    Responders are asked before anything is written: other stations do not wait.
    """
    contract = None if presented is None else await context.services.contracts.judge(presented)
    refused = None
    if contract is not None and not contract.is_accepted:
        refused = _REFUSALS.get(contract.status, VerdictStatus.INVALID)
        context.work.emit(
            ContractRefused(
                occurred_at=context.received_at,
                station_id=context.station_id,
                status=contract.status.value,
                reason=contract.detail[:400],
            )
        )
    verdict = await context.services.authorization.check(
        context.work,
        token,
        station_id=context.station_id,
        evse=None,
        at=context.received_at,
        occasion=Occasion.AUTHORIZE,
        refused=refused,
    )
    return verdict, None if contract is None else _status(contract, verdict)


def _status(contract: ContractVerdict, verdict: Verdict) -> ContractStatus:
    """Return what is said of the certificate; one that holds for a contract that was blocked is cancelled."""
    is_cancelled = contract.is_accepted and verdict.status is VerdictStatus.BLOCKED
    return ContractStatus.CANCELLED if is_cancelled else contract.status
