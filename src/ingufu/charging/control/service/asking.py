"""Remote starts awaited, limits, priority and messages of transactions: asked for, sent, confirmed, kept."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ingufu.charging.control import decide, store
from ingufu.charging.control.events import LimitChanged, LimitReached, PriorityChanged
from ingufu.charging.control.model import (
    ControlRules,
    LimitKind,
    Message,
    RemoteStart,
    TransactionControl,
    TransactionLimit,
)
from ingufu.charging.control.service.following import Follower
from ingufu.charging.control.service.starts import RemoteStarts
from ingufu.charging.model import Transaction
from ingufu.configuration.service import Configuration
from ingufu.core.clock import Clock
from ingufu.core.control import TransactionStatus
from ingufu.core.errors import Conflict
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work

Change = Callable[[TransactionControl], dict[str, Any]]


class Control(RemoteStarts, Follower):
    """Everything that is asked of transactions. What stations answer to it is recorded here too."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        configuration: Configuration | None = None,
        rules: ControlRules = ControlRules(),  # noqa: B008 - frozen
    ) -> None:
        RemoteStarts.__init__(self, database, clock, ids, rules)
        Follower.__init__(self, database, clock, configuration)
        self._database = database
        self._clock = clock
        self.rules = rules

    async def of(self, transaction_id: str) -> TransactionControl | None:
        """Return what is asked of a transaction, None if nothing ever was."""
        return await store.find_control(self._database, transaction_id)

    async def start_of(self, transaction_id: str) -> RemoteStart | None:
        """Return the remote start that a transaction came of."""
        return await store.find_start_of(self._database, transaction_id)

    async def limited(self) -> list[TransactionControl]:
        """Return what is asked of the open transactions that have a limit."""
        return await store.find_limited(self._database)

    async def limited_by_cost(self) -> list[TransactionControl]:
        """Return what is asked of the open transactions with a limit of cost that they have not come to."""
        return await store.find_limited_by_cost(self._database)

    async def doubtful(self) -> list[TransactionControl]:
        """Return what is known of the open transactions that their stations, when asked, said are over."""
        return await store.find_doubtful(self._database)

    async def set_limit(
        self, work: Work, transaction: Transaction, limit: TransactionLimit, *, actor: str | None
    ) -> TransactionControl:
        """Have a transaction go so far and no farther; what the limit leaves open is not limited any more by us.

        A station of 2.1 hears of it with the next answer to an event (E16); for any other one we stop it ourselves.
        Raises InvalidInput, Conflict for one that has ended.
        """
        decide.check_limit(limit)
        if not transaction.is_open:
            raise Conflict("The transaction has ended already.")
        now = self._clock.now()
        after = await self._change(
            work,
            transaction,
            lambda _: {
                "limit": limit,
                "limit_set_at": now,
                "limit_set_by": actor,
                "limit_sent_at": None,
                "limit_sent_in": None,
                "limit_confirmed_at": None,
                "reached": None,
                "reached_at": None,
                "reached_by_station": False,
                "stop_asked_at": None,
                "stop_attempts": 0,
                "stop_answer": None,
            },
        )
        work.emit(
            LimitChanged(
                occurred_at=now,
                actor=actor,
                max_cost=_text(limit.max_cost),
                max_energy_wh=_text(limit.max_energy_wh),
                max_time_s=limit.max_time_s,
                max_soc_percent=limit.max_soc_percent,
                **_ids(after),
            )
        )
        return after

    async def set_message(self, work: Work, transaction: Transaction, message: Message) -> TransactionControl:
        """Have the driver read this at the station, with the next answer to an event (2.x I02). Raises as above."""
        decide.check_message(message)
        self._check_open(transaction)
        now = self._clock.now()
        return await self._change(
            work, transaction, lambda _: {"message": message, "message_set_at": now, "message_sent_in": None}
        )

    async def set_priority(self, work: Work, transaction: Transaction, priority: int) -> TransactionControl:
        """Have a station that shares power give this one so much importance, -9 to 9 (2.x chargingPriority)."""
        decide.check_priority(priority)
        self._check_open(transaction)
        return await self._change(work, transaction, lambda _: {"priority": priority, "priority_sent_in": None})

    async def note_priority(
        self, work: Work, transaction: Transaction, *, is_active: bool, actor: str | None
    ) -> TransactionControl:
        """Keep that a transaction charges with priority now, or no longer: who wanted it, or None for its driver."""
        now = self._clock.now()
        after = await self._change(
            work,
            transaction,
            lambda _: {"has_priority": is_active, "has_priority_by": actor, "has_priority_at": now},
        )
        work.emit(PriorityChanged(occurred_at=now, is_active=is_active, actor=actor, **_ids(after)))
        return after

    async def note_status(
        self, work: Work, transaction: Transaction, status: TransactionStatus
    ) -> tuple[TransactionControl | None, TransactionControl]:
        """Keep what a station says of a transaction when asked, and return what it said before, and now (2.x E14)."""
        now = self._clock.now()
        before = await store.find_control(self._database, transaction.id)
        changes = {"is_ongoing": status.is_ongoing, "has_messages": status.has_messages, "status_at": now}
        if before is not None and before.status_at is not None and _says_gone(before) and _is_gone(status):
            changes["status_at"] = before.status_at  # since when it says so
        return before, self._revise(work, before, transaction, changes)

    async def note_reached(self, work: Work, control: TransactionControl, kind: LimitKind) -> TransactionControl:
        """Keep that a limit was reached. Raises Conflict on commit if somebody else has just done so."""
        now = self._clock.now()
        after = decide.revised(control, reached=kind, reached_at=now)
        store.save_control(work, control, after)
        work.emit(LimitReached(occurred_at=now, limit=kind.value, by_station=False, **_ids(after)))
        work.after_commit(lambda: self.forget(control.station_id))
        return after

    async def note_stop(self, work: Work, control: TransactionControl, answer: str) -> TransactionControl:
        """Keep what came of asking the station to stop."""
        now = self._clock.now()
        after = decide.revised(
            control, stop_asked_at=now, stop_attempts=control.stop_attempts + 1, stop_answer=answer[:200]
        )
        store.save_control(work, control, after)
        work.after_commit(lambda: self.forget(control.station_id))
        return after

    def forget_station(self, work: Work, station_id: str) -> None:
        """Forget everything that was asked of a station that is deleted."""
        store.forget_station(work, station_id)

    def is_gone(self, control: TransactionControl) -> bool:
        """Return whether a station has been saying for long enough that it knows nothing of a transaction."""
        if not _says_gone(control) or control.status_at is None:
            return False
        return self._clock.now() - control.status_at >= timedelta(seconds=self.rules.gone_after_s)

    @staticmethod
    def _check_open(transaction: Transaction) -> None:
        if not transaction.is_open:
            raise Conflict("The transaction has ended already.")

    async def _change(self, work: Work, transaction: Transaction, change: Change) -> TransactionControl:
        before = await store.find_control(self._database, transaction.id)
        return self._revise(work, before, transaction, change(before or _blank(transaction)))

    def _revise(
        self, work: Work, before: TransactionControl | None, transaction: Transaction, changes: dict[str, Any]
    ) -> TransactionControl:
        after = decide.revised(before or _blank(transaction), **changes)
        store.save_control(work, before, after)
        work.after_commit(lambda: self.forget(transaction.station_id))
        return after


def _blank(transaction: Transaction) -> TransactionControl:
    return TransactionControl(transaction_id=transaction.id, station_id=transaction.station_id)


def _ids(control: TransactionControl) -> dict[str, Any]:
    return {"station_id": control.station_id, "transaction_id": control.transaction_id}


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _is_gone(status: TransactionStatus) -> bool:
    return status.is_ongoing is False and not status.has_messages


def _says_gone(control: TransactionControl) -> bool:
    return control.is_ongoing is False and control.has_messages is False
