"""What transaction messages mean for what was asked: starts come true, limits are told, confirmed and reached.

It stands in the path of messages: for a station of which nothing is asked it costs a look into a dictionary.
"""

from datetime import timedelta
from typing import Any

import msgspec

from ingufu.charging.control import decide, store
from ingufu.charging.control.events import LimitReached, RemoteStartSucceeded
from ingufu.charging.control.model import (
    NOTHING,
    Following,
    RemoteStart,
    TransactionControl,
)
from ingufu.charging.model import Recorded, ReportKind, TransactionReport
from ingufu.configuration.service import Configuration
from ingufu.core.clock import Clock
from ingufu.core.variables import variable
from ingufu.infra.storage.database import Database, Work

SUPPORTED_LIMITS = variable("TxCtrlr", "SupportedLimits")
LATE = timedelta(days=1)  # a start may be told this long after it expired: a station may have been offline


class _Held(msgspec.Struct):
    """What is asked of a station's transactions."""

    starts: tuple[RemoteStart, ...] = ()
    controls: dict[str, TransactionControl] = {}


_NONE = _Held()


class Follower:
    """Holds, of the stations of this process, what is asked of their open transactions."""

    def __init__(self, database: Database, clock: Clock, configuration: Configuration | None) -> None:
        self._database = database
        self._clock = clock
        self._configuration = configuration
        self._held: dict[str, _Held] = {}
        self._pending: dict[str, Work] = {}

    def forget(self, station_id: str) -> None:
        """Hold nothing of a station: someone has changed what is asked of it, or it has left."""
        self._held.pop(station_id, None)
        self._pending.pop(station_id, None)

    def concerns(self, report: TransactionReport) -> bool:
        """Return whether a report has to be followed; for nearly all it has not."""
        held = self._held.get(report.station_id)
        return (
            held is None
            or bool(held.controls)
            or (report.kind is ReportKind.STARTED and bool(held.starts))
            or report.remote_start_id is not None
            or report.trigger in decide.TELLING
            or "transactionLimit" in report.details
        )

    def is_quiet(self, station_id: str, trigger: str) -> bool:
        """Return whether an update that says nothing special needs not be followed."""
        held = self._held.get(station_id)
        return held is not None and not held.controls and trigger not in decide.TELLING

    def ended(self, station_id: str, transaction_id: str) -> None:
        """Hold nothing of a transaction that has ended."""
        held = self._held.get(station_id)
        if held is not None and held is not _NONE:
            held.controls.pop(transaction_id, None)

    async def follow(
        self, work: Work, report: TransactionReport, recorded: Recorded, *, skew_s: float | None = None
    ) -> Following:
        """Record what a report means for what was asked, and return what the answer to it says besides.

        `skew_s` is how far the station's clock is ahead of ours, where that is known.
        """
        held = await self._held_of(work, report.station_id)
        transaction = recorded.transaction
        key = str(report.seq) if report.seq is not None else report.kind.value
        before = held.controls.get(transaction.id)
        start = await self._match(work, held, report, recorded, skew_s)
        if before is None and start is None and not _tells(report):
            return NOTHING
        if before is None:
            before = await store.find_control(self._database, transaction.id)
        base = before or TransactionControl(transaction_id=transaction.id, station_id=transaction.station_id)
        after = self._with_words(_with_start(base, start), report)
        after, reply = _answer(after, report, key, self._clock, await self._supported(after, report, key))
        if after != base:
            self._save(work, before, decide.revised(after))
        return reply

    async def _held_of(self, work: Work, station_id: str) -> _Held:
        pending = self._pending.get(station_id)
        if pending is not None and pending is not work:  # that unit was undone: what is held may be out of date
            self.forget(station_id)
        held = self._held.get(station_id)
        if held is None:
            since = self._clock.now() - LATE
            starts = await store.find_unmatched(self._database, station_id, since)
            controls = {one.transaction_id: one for one in await store.find_controls_at(self._database, station_id)}
            held = _Held(tuple(starts), controls) if starts or controls else _NONE
            self._held[station_id] = held
        return held

    async def _match(
        self, work: Work, held: _Held, report: TransactionReport, recorded: Recorded, skew_s: float | None
    ) -> RemoteStart | None:
        """Return the remote start that the transaction comes of, noted to have come true."""
        transaction = recorded.transaction
        start = decide.pick_start(held.starts, report, decide.times_of_start(report, transaction, skew_s))
        if start is None and report.remote_start_id is not None:
            start = await store.find_start_by_number(self._database, report.station_id, report.remote_start_id)
        if start is None or start.transaction_id is not None:
            return None
        store.match_start(work, start.id, transaction.id, self._clock.now())
        work.emit(
            RemoteStartSucceeded(
                occurred_at=recorded.at,
                station_id=transaction.station_id,
                transaction_id=transaction.id,
                evse=transaction.evse,
            )
        )
        work.after_commit(lambda: self.forget(report.station_id))
        return start

    async def _supported(self, control: TransactionControl, report: TransactionReport, key: str) -> str | None:
        """Return which limits the station has said that it supports, where that matters; None: it has not."""
        if self._configuration is None or not decide.is_limit_due(control, report, key):
            return None
        return await self._configuration.value(control.station_id, SUPPORTED_LIMITS.key)

    def _with_words(self, control: TransactionControl, report: TransactionReport) -> TransactionControl:
        """Return the control with what the report says of limits (2.1 E16)."""
        now, changes = self._clock.now(), dict[str, Any]()
        said = decide.read_limit(report.details.get("transactionLimit"))
        if not said.is_empty:
            changes |= {"reported": said, "reported_at": now}
        if report.trigger == decide.LIMIT_SET and control.limit_sent_in is not None:
            changes["limit_confirmed_at"] = control.limit_confirmed_at or now
        kind = decide.REACHED.get(report.trigger or "")
        if kind is not None and not control.reached_by_station and control.stop_asked_at is None:
            changes |= {"reached": kind, "reached_at": control.reached_at or now, "reached_by_station": True}
        return msgspec.structs.replace(control, **changes) if changes else control

    def _save(self, work: Work, before: TransactionControl | None, after: TransactionControl) -> None:
        store.save_control(work, before, after)
        self._tell(work, before, after)
        self._pending[after.station_id] = work
        work.after_commit(lambda: self._settle(work, after))

    def _settle(self, work: Work, control: TransactionControl) -> None:
        station_id = control.station_id
        if self._pending.get(station_id) is not work:
            return
        del self._pending[station_id]
        held = self._held.get(station_id)
        if held is _NONE or held is None:
            self._held.pop(station_id, None)
        else:
            held.controls[control.transaction_id] = control

    @staticmethod
    def _tell(work: Work, before: TransactionControl | None, after: TransactionControl) -> None:
        if after.reached is None or not after.reached_by_station:
            return
        if before is not None and before.reached is not None:
            return
        work.emit(
            LimitReached(
                occurred_at=after.reached_at or after.reported_at,  # type: ignore[arg-type]  # reached is dated
                station_id=after.station_id,
                transaction_id=after.transaction_id,
                limit=after.reached.value,
                by_station=True,
            )
        )


def _tells(report: TransactionReport) -> bool:
    return report.trigger in decide.TELLING or "transactionLimit" in report.details


def _with_start(control: TransactionControl, start: RemoteStart | None) -> TransactionControl:
    """Return the control with the limit that the start was asked with."""
    if start is None or start.limit.is_empty or control.limit_set_at is not None:
        return control
    return msgspec.structs.replace(control, limit=start.limit, limit_set_at=start.asked_at, limit_set_by=start.asked_by)


def _answer(
    control: TransactionControl, report: TransactionReport, key: str, clock: Clock, supported: str | None
) -> tuple[TransactionControl, Following]:
    """Return what the answer to the report says besides, and the control with that noted.

    Limits are said to stations of 2.1, which know them; priority and messages to all of 2.x. Each is said once, in the
    answer to one event; the same event again is answered alike, for its answer may have been lost.
    """
    if report.seq is None and report.version.endswith("1.6"):
        return control, NOTHING
    changes, said = dict[str, Any](), dict[str, Any]()
    if report.version.endswith("2.1") and decide.is_limit_due(control, report, key):
        news = decide.unsaid(control, supported)
        if not news.is_empty:
            said["limit"] = news
        if control.limit_sent_in is None:
            changes |= {"limit_sent_in": key, "limit_sent_at": None if news.is_empty else clock.now()}
    if control.priority is not None and control.priority_sent_in in (None, key):
        said["priority"] = control.priority
        if control.priority_sent_in is None:
            changes["priority_sent_in"] = key
    if control.message is not None and control.message_sent_in in (None, key):
        said["message"] = control.message
        if control.message_sent_in is None:
            changes["message_sent_in"] = key
    after = msgspec.structs.replace(control, **changes) if changes else control
    return after, Following(**said) if said else NOTHING
