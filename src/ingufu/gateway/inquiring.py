"""Asking stations of 2.x whether a transaction that we take for open still runs (E14)."""

import asyncio
from datetime import timedelta

import structlog

from ingufu.charging.model import Transaction
from ingufu.core.control import AskTransactionStatus
from ingufu.core.errors import Conflict, IngufuError
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.link import Connections
from ingufu.gateway.singly import Singly
from ingufu.ocpp.table import Phase
from ingufu.services import Services

SILENT = timedelta(hours=6)  # nothing was heard of a transaction for so long although its station is connected
STARTED = timedelta(minutes=15)  # so long after a start a station may still tell of what it has kept
ASKED_AT_ONCE = 50  # transactions

FREE = "Its station has said since that the place is free, and nothing more was heard of it."
WHY = "The station says that it does not run any more, and that it has nothing more to tell."

log = structlog.get_logger(__name__)


class Inquirer:
    """Asks after a reconnection, again where a station denied a transaction, and where one is silent for long."""

    def __init__(self, services: Services, connections: Connections) -> None:
        self._services = services
        self._connections = connections
        self._singly: Singly[bool] = Singly()

    async def greet(self, connection: StationConnection) -> None:
        """Ask about every transaction that was open before the station came, and of which it has not told since."""
        if not _can_ask(connection):
            return
        came_at = connection.admitted.attempt.at
        for transaction in await self._services.charging.open_on(connection.station_id):
            if transaction.updated_at < came_at and not await self.ask(transaction):
                return

    async def look(self) -> None:
        """Ask again about what stations denied long enough ago; close what they deny still."""
        services = self._services
        now = services.clock.now()
        wait = timedelta(seconds=services.control.rules.gone_after_s)
        due = [
            control.transaction_id
            for control in await services.control.doubtful()
            if control.status_at is not None and now - control.status_at >= wait
        ]
        await asyncio.gather(*(self._ask_again(transaction_id) for transaction_id in due[:ASKED_AT_ONCE]))

    async def look_at_silent(self) -> None:
        """Ask about the transactions of connected stations of which nothing was heard for hours."""
        before = self._services.clock.now() - SILENT
        asked = 0
        for transaction in await self._services.charging.silent_since(before):
            control = await self._services.control.of(transaction.id)
            if control is not None and control.status_at is not None and control.status_at > before:
                continue
            asked += await self.ask(transaction)
            if asked >= ASKED_AT_ONCE:
                return

    async def close_left(self) -> None:
        """Close what stations cannot be asked about, if they say that its place is free: its end was lost.

        After a new start that is soon, else when nothing was heard of it for hours.
        """
        now = self._services.clock.now()
        for transaction in await self._services.charging.left_since(silent=now - SILENT, started=now - STARTED):
            connection = self._connections.get(transaction.station_id)
            if connection is not None and not _can_ask(connection):
                await self._close(transaction, FREE)

    async def ask(self, transaction: Transaction) -> bool:
        """Ask about a transaction and keep the answer; return whether the station gave one."""
        return await self._singly.do(transaction.id, lambda: self._ask(transaction))

    async def _ask_again(self, transaction_id: str) -> None:
        transaction = await self._services.charging.get(transaction_id)
        if transaction.is_open:
            await self.ask(transaction)

    async def _ask(self, transaction: Transaction) -> bool:
        connection = self._connections.get(transaction.station_id)
        if connection is None or not _can_ask(connection):
            return False
        command = AskTransactionStatus(reference=transaction.reference)
        services = self._services
        try:
            status = await self._connections.call(transaction.station_id, command)
            async with services.database.work() as work:
                before, after = await services.control.note_status(work, transaction, status)
            if before is not None and services.control.is_gone(before) and services.control.is_gone(after):
                await self._close(transaction, WHY)
        except IngufuError as error:
            log.info("inquiry.failed", transaction=transaction.id, error=error.message)
            return False
        return True

    async def _close(self, transaction: Transaction, why: str) -> None:
        """Close a transaction by estimate, when it is its turn among the station's messages."""
        services = self._services
        async with self._connections.lane(transaction.station_id):
            current = await services.charging.get(transaction.id)
            if current.updated_at != transaction.updated_at:
                return  # something came of it after all
            work = services.database.work()
            try:
                await services.charging.end_by_estimate(work, transaction.id, why=why)
                await work.commit()
            except Conflict:
                services.charging.forget(transaction.station_id)


def _can_ask(connection: StationConnection) -> bool:
    session = connection.session
    return (
        AskTransactionStatus in connection.version.outbound
        and session.phase is Phase.ACCEPTED
        and not session.station.is_silent
    )
