"""Limits that stations do not keep to by themselves: when one is reached, the station is told to stop."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from ingufu.charging.control import decide
from ingufu.charging.control.model import TransactionControl
from ingufu.charging.events import TransactionUpdated
from ingufu.charging.model import Transaction
from ingufu.core.commands import StopCharging
from ingufu.core.errors import Conflict, IngufuError, NotFound
from ingufu.gateway.link import Connections
from ingufu.gateway.singly import Singly
from ingufu.services import Services
from ingufu.stations.events import CommandAnswered

ACTOR = "limit reached"

log = structlog.get_logger(__name__)


class Looked(NamedTuple):
    """That a limit was looked at and not reached, and when it will be if it is one of time."""

    revision: int
    time_is_up_at: datetime | None


class Enforcer:
    """Watches the transactions that have a limit. What it has begun is in storage: a restart goes on from it."""

    def __init__(self, services: Services, connections: Connections) -> None:
        self._services = services
        self._connections = connections
        self._limited: dict[str, TransactionControl] = {}
        self._looked: dict[str, Looked] = {}
        self._singly: Singly[None] = Singly()

    async def load(self) -> None:
        """Learn which transactions have a limit."""
        self._limited = {one.transaction_id: one for one in await self._services.control.limited()}
        self._looked = {key: looked for key, looked in self._looked.items() if key in self._limited}

    def is_suspect(self, event: TransactionUpdated) -> bool:
        """Return whether live figures say that a limit may be reached."""
        control = self._limited.get(event.transaction_id or "")
        if control is None or control.reached is not None:
            return False
        limit = control.limit
        if limit.max_energy_wh is not None and event.energy_wh >= limit.max_energy_wh:
            return True
        soc = event.soc_percent
        return limit.max_soc_percent is not None and soc is not None and soc >= limit.max_soc_percent

    def ended(self, transaction_id: str) -> None:
        self._limited.pop(transaction_id, None)

    async def look(self) -> None:
        """Look at new limits, those of time, and stops that are due; live figures tell of the others."""
        await self.load()
        due = [transaction_id for transaction_id, control in self._limited.items() if self._is_due(control)]
        await asyncio.gather(*(self.enforce(transaction_id) for transaction_id in due))

    def _is_due(self, control: TransactionControl) -> bool:
        now = self._services.clock.now()
        if control.reached is not None:
            due_at = decide.next_stop_at(control, self._services.control.rules)
            return due_at is not None and now >= due_at
        looked = self._looked.get(control.transaction_id)
        if looked is None or looked.revision != control.revision:
            return True
        return looked.time_is_up_at is not None and now >= looked.time_is_up_at

    async def enforce(self, transaction_id: str) -> None:
        """Stop a transaction if its limit is reached, or again if that came to nothing."""
        await self._singly.do(transaction_id, lambda: self._try(transaction_id))

    async def _try(self, transaction_id: str) -> None:
        try:
            await self._enforce(transaction_id)
        except NotFound:
            self.ended(transaction_id)
        except Conflict:
            log.info("limits.changed_meanwhile", transaction=transaction_id)
        except IngufuError as error:
            log.warning("limits.not_enforced", transaction=transaction_id, error=error.message)

    async def _enforce(self, transaction_id: str) -> None:
        services = self._services
        transaction = await services.charging.get(transaction_id)
        control = await services.control.of(transaction_id)
        if control is None or not transaction.is_open:
            self.ended(transaction_id)
            return
        now = services.clock.now()
        if control.reached is None:
            reached = decide.find_reached(control.limit, transaction, now)
            if reached is None:
                self._looked[transaction_id] = Looked(control.revision, _time_is_up_at(control, transaction))
                return
            async with services.database.work() as work:
                control = await services.control.note_reached(work, control, reached.kind)
            self._limited[transaction_id] = control
        due_at = decide.next_stop_at(control, services.control.rules)
        if due_at is None or now < due_at or not decide.goes_on(control, transaction):
            return
        if self._connections.get(transaction.station_id) is not None:
            await self._stop(control, transaction.reference)

    async def _stop(self, control: TransactionControl, reference: str) -> None:
        services = self._services
        result, status = "result", None
        try:
            outcome = await self._connections.call(control.station_id, StopCharging(reference=reference))
            answer = status = outcome.status
        except IngufuError as error:
            answer = result = error.code
        current = await services.control.of(control.transaction_id)
        if current is None or current.revision != control.revision:
            return  # the limit was changed, or the station told of it: that counts
        async with services.database.work() as work:
            self._limited[control.transaction_id] = await services.control.note_stop(work, current, answer)
            work.emit(
                CommandAnswered(
                    occurred_at=services.clock.now(),
                    station_id=control.station_id,
                    transaction_id=control.transaction_id,
                    action=StopCharging.__name__,
                    result=result,
                    status=status,
                    actor=ACTOR,
                )
            )


def _time_is_up_at(control: TransactionControl, transaction: Transaction) -> datetime | None:
    most_s = control.limit.max_time_s
    return None if most_s is None else transaction.started_at + timedelta(seconds=most_s)
