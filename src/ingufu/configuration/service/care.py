"""Looks after the configuration of stations by itself: inventory, desired values, what was left half done."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import msgspec
import structlog

from ingufu.configuration import assembly, desired, store
from ingufu.configuration.model import (
    GIVEN_UP,
    ItemOutcome,
    ReportState,
    StationState,
    Wanted,
    WishState,
)
from ingufu.configuration.service.asking import Asking, Reading
from ingufu.configuration.service.keeping import Keeping
from ingufu.configuration.service.means import Means
from ingufu.configuration.service.portions import NO_ANSWER, unsent
from ingufu.configuration.service.reporting import Reporting, Wish
from ingufu.configuration.service.wishes import Wishes
from ingufu.core.configuration import ACCEPTED, ReadItem, ReportBase, WriteItem
from ingufu.core.errors import (
    Conflict,
    IngufuError,
    InvalidInput,
    NotFound,
    StationTimeout,
    StationUnavailable,
    StationUnsupported,
    Unavailable,
)
from ingufu.core.variables import VariableName
from ingufu.stations.model import Approval, BootAnswer, Station

MOST_INVENTORIES = 4  # tries for one firmware; then it is left at that until somebody asks
TRY_LATER = "Rejected"  # of a report: the station is busy (2.x B07, B08)
_ENDED_BADLY = frozenset({ReportState.REFUSED, ReportState.EMPTY})

log = structlog.get_logger(__name__)


class Care:
    """What is done for a station after it booted or connected, and from time to time."""

    def __init__(self, means: Means, keeping: Keeping, asking: Asking, reporting: Reporting, wishes: Wishes) -> None:
        self._means = means
        self._keeping = keeping
        self._asking = asking
        self._reporting = reporting
        self._wishes = wishes
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by station: one sets at a time

    async def look_after(self, by: Reading, station_id: str, *, has_booted: bool = False) -> None:
        """Do what is due for a station; nothing for one that is away, not accepted or silent. Raises nothing.

        What is desired of a station that has booted is read again, as it may have lost it. What fails is tried again
        later, less often each time.
        """
        try:
            station = await self._means.stations.get(station_id)
        except NotFound:
            async with self._means.database.work() as work:
                store.remove_station(work, station_id)
            return
        if not _may_be_asked(station):
            await self._note(station_id, due_at=None)  # its next boot or connection brings it back
            return
        try:
            await self._look_after(by, station, has_booted=has_booted)
        except (StationUnavailable, Unavailable, Conflict, InvalidInput) as error:
            await self._failed(station_id, error)

    async def apply(
        self, by: Reading, station_id: str, *, only: frozenset[str] | None = None, tries_again: bool = False
    ) -> list[ItemOutcome]:
        """Set what is desired and not in step; return what became of it.

        `tries_again` also asks for what the station has refused before. Raises NotFound, StationUnavailable.
        """
        async with self._locks.setdefault(station_id, asyncio.Lock()):
            return await self._apply(by, station_id, only=only, tries_again=tries_again)

    async def _apply(
        self, by: Reading, station_id: str, *, only: frozenset[str] | None, tries_again: bool
    ) -> list[ItemOutcome]:
        if tries_again:
            await self._forgive(station_id, only)
        await self._wishes.reassess(station_id, is_being_set=True)
        station = await self._means.stations.get(station_id)
        now = self._means.clock.now()
        due = [
            one
            for one in await self._wishes.wanted(station_id)
            if (only is None or one.key in only) and (desired.is_due(one, now) or (tries_again and _is_open(one)))
        ]
        unread = [one for one in due if one.state is WishState.WAITING and not one.is_secret and not one.tries]
        if unread:  # what it has is not known: it may be right already
            due = await self._still_due(by, station, due, unread)
        outcomes = await self._set(by, station, due) if due else []
        await self._wishes.reassess(station_id)
        return outcomes

    async def check(self, by: Reading, station_id: str) -> None:
        """Read again what is desired, so that what was changed at the station shows. Raises as `apply`."""
        station = await self._means.stations.get(station_id)
        names = [one.name for one in await self._wishes.wanted(station_id) if not one.is_secret]
        if names:
            await self._read(by, station, names)
        await self._wishes.reassess(station_id)

    async def refresh_stale(self) -> int:
        """Work out anew what counts where a template or wish changed; return for how many stations, some at a time."""
        stale = await store.stale(self._means.database)
        for station_id in stale:
            try:
                await self._wishes.reassess(station_id)
            except NotFound:
                async with self._means.database.work() as work:
                    store.remove_station(work, station_id)
        return len(stale)

    async def due(self) -> list[str]:
        """Return stations that are to be looked after now."""
        return await store.due(self._means.database, self._means.clock.now())

    async def end_silent_reports(self) -> None:
        """End the reports of which nothing came for too long, and say what is missing."""
        at = self._means.clock.now()
        for report in await store.open_reports(self._means.database):
            try:
                async with self._means.database.work() as work:
                    is_over = await self._keeping.give_up(work, report, at)
                if is_over and report.is_automatic:
                    await self._count_inventory(report.station_id, assembly.lost(report), at)
            except Conflict:  # a part came in this moment
                continue

    async def _look_after(self, by: Reading, station: Station, *, has_booted: bool) -> None:
        state = await store.state_of(self._means.database, station.id)
        now = self._means.clock.now()
        if self._has_nothing_to_do(station, state, now, has_booted=has_booted):
            return
        if any(not is_old for is_old in await self._open_reports(station.id, now)):
            await self._note(station.id, due_at=self._later(self._means.rules.report_timeout_s))
            return
        if self._is_inventory_due(station, state):
            is_first = not state.inventory_tries or state.inventory_firmware != station.firmware_version
            if not await self._take_inventory(by, station, state) and is_first:
                return  # it comes in parts; the last one brings the station back here, unless one is lost
        is_early = state.failures > 0 and state.due_at is not None and state.due_at > now  # since it failed
        failure: StationTimeout | None = None
        if state.wishes and not is_early and (has_booted or state.failures or self._is_check_due(state, now)):
            try:
                await self.check(by, station.id)
            except StationTimeout as error:  # a value that it does not tell keeps none from being set
                failure = error
        if self._means.rules.applies_desired:
            await self.apply(by, station.id)
        if failure is not None:
            raise failure
        if not is_early:
            await self._done(station.id, now)

    def _has_nothing_to_do(self, station: Station, state: StationState, now: datetime, *, has_booted: bool) -> bool:
        """Return whether a station that came is as it was left: most are, after a network has come back."""
        is_due = state.is_stale or state.drift or (state.due_at is not None and state.due_at <= now)
        is_unread = state.wishes and (has_booted or self._is_check_due(state, now))
        is_known = state.looked_at is not None
        return is_known and not (is_due or is_unread or self._is_inventory_due(station, state))

    async def _open_reports(self, station_id: str, now: datetime) -> list[bool]:
        """Return for each open report whether it was given up now."""
        ended: list[bool] = []
        for report in await store.open_reports(self._means.database, station_id):
            async with self._means.database.work() as work:
                ended.append(await self._keeping.give_up(work, report, now))
        return ended

    def _is_inventory_due(self, station: Station, state: StationState) -> bool:
        if not self._means.rules.takes_inventory:
            return False
        if state.inventory_at is not None and state.inventory_firmware == station.firmware_version:
            return False
        return state.inventory_tries < MOST_INVENTORIES or state.inventory_firmware != station.firmware_version

    async def _take_inventory(self, by: Reading, station: Station, state: StationState) -> bool:
        """Return whether all is known already; else the report is on its way. Raises StationUnavailable, Conflict."""
        is_new_firmware = state.inventory_firmware != station.firmware_version
        tries = 1 if is_new_firmware else state.inventory_tries + 1
        await self._note(
            station.id,
            inventory_at=None,
            inventory_firmware=station.firmware_version,
            inventory_tries=tries,
            due_at=self._later(self._means.rules.report_timeout_s),
        )
        answer = ""
        for base in (ReportBase.FULL, ReportBase.CONFIGURATION):
            try:
                report = await self._reporting.request(by, station, Wish(base=base), is_automatic=True)
            except StationUnsupported as error:
                await self._note(station.id, inventory_note=error.message[:500], inventory_tries=MOST_INVENTORIES)
                return True
            if report.state not in _ENDED_BADLY:
                return report.state is ReportState.COMPLETE
            answer = report.detail
            await self._note(station.id, inventory_note=answer[:500])
        if not answer.startswith(TRY_LATER):
            await self._note(station.id, inventory_tries=MOST_INVENTORIES)
        return True  # it tells nothing of itself now; what is desired can be set all the same

    async def _count_inventory(self, station_id: str, why: str, at: datetime) -> None:
        state = await store.state_of(self._means.database, station_id)
        due_at = desired.retry_at(state.inventory_tries, at) if state.inventory_tries < MOST_INVENTORIES else at
        await self._note(station_id, inventory_note=why[:500], due_at=due_at)

    async def _still_due(
        self, by: Reading, station: Station, due: Sequence[Wanted], unread: Sequence[Wanted]
    ) -> list[Wanted]:
        asked = await self._asking.try_to_read(by, station, [ReadItem(name=one.name) for one in unread])
        if asked.silence is not None:
            lost = [one for one in unread if one.key in asked.lost]
            await self._keep_answers(lost, asked.outcomes)  # these are set unread the next time
            raise asked.silence
        await self._wishes.reassess(station.id, is_being_set=True)
        keys, now = {one.key for one in due}, self._means.clock.now()
        return [one for one in await self._wishes.wanted(station.id) if one.key in keys and desired.is_due(one, now)]

    async def _set(self, by: Reading, station: Station, due: Sequence[Wanted]) -> list[ItemOutcome]:
        """Set these values, keep what came of each, and read back what was taken: some stations take and clamp.

        What failed before comes last and each by itself, so that it keeps no other one waiting. Raises
        StationUnavailable if the station fell silent at once.
        """
        due = sorted(due, key=lambda one: one.tries)
        items, sealed = self._items(due)
        asked = await self._asking.try_to_write(  # judged when it was worked out
            by, station, items, is_forced=True, alone=frozenset(one.key for one in due if one.tries)
        )
        outcomes = [*asked.outcomes, *sealed]
        await self._keep_answers([one for one in due if one.key not in asked.unreached], outcomes)
        if asked.silence is not None and not asked.results:
            raise asked.silence
        taken = {one.name.key for one in outcomes if one.status == ACCEPTED}
        readable = [one.name for one in due if one.key in taken and not one.is_secret]
        if readable:
            await self._read(by, station, readable)
        return outcomes

    def _items(self, due: Sequence[Wanted]) -> tuple[list[WriteItem], list[ItemOutcome]]:
        """Return what to set, and the outcomes of secrets that cannot be opened now."""
        items: list[WriteItem] = []
        sealed: list[ItemOutcome] = []
        for one in due:
            try:
                items.append(WriteItem(name=one.name, value=self._wishes.opened(one)))
            except Unavailable as error:
                sealed.append(unsent(ReadItem(name=one.name), NO_ANSWER, error.message))
        return items, sealed

    async def _read(self, by: Reading, station: Station, names: Sequence[VariableName]) -> None:
        """Read what the station tells of these. Raises StationUnavailable if it falls silent."""
        asked = await self._asking.try_to_read(by, station, [ReadItem(name=name) for name in names])
        if asked.silence is not None:
            raise asked.silence

    async def _keep_answers(self, tried: Sequence[Wanted], outcomes: Sequence[ItemOutcome]) -> None:
        """Keep what came of each attempt; what was not reached has had none, and waits for nothing."""
        at = self._means.clock.now()
        by_key = {one.name.key: one for one in outcomes}
        async with self._means.database.work() as work:
            for one in tried:
                outcome = by_key.get(one.key)
                if outcome is not None:
                    store.save_wanted(work, _answered(one, outcome, at))

    async def _forgive(self, station_id: str, only: frozenset[str] | None) -> None:
        """Forget earlier answers, so that everything is asked again."""
        async with self._means.database.work() as work:
            for one in await self._wishes.wanted(station_id):
                if (only is None or one.key in only) and (one.state in GIVEN_UP or one.next_at is not None):
                    again = msgspec.structs.replace(
                        one, state=WishState.WAITING, status="", reason="", tries=0, next_at=None
                    )
                    store.save_wanted(work, again)

    def _is_check_due(self, state: StationState, now: datetime) -> bool:
        every_h = self._means.rules.checks_every_h
        if not every_h or not state.wishes or state.looked_at is None:
            return False
        return now - state.looked_at >= timedelta(hours=every_h)

    async def _done(self, station_id: str, now: datetime) -> None:
        """Note that the station was looked after, and when it is to be again."""
        state = await store.state_of(self._means.database, station_id)
        waiting = [one.next_at for one in await self._wishes.wanted(station_id) if one.next_at is not None]
        if state.inventory_at is None and 0 < state.inventory_tries < MOST_INVENTORIES:
            waiting.append(desired.retry_at(state.inventory_tries, now))
        due_at = min((at for at in waiting if at > now), default=None)
        every_h = self._means.rules.checks_every_h
        if every_h and state.wishes:
            checked_at = now + timedelta(hours=every_h)
            due_at = checked_at if due_at is None else min(due_at, checked_at)
        await self._note(station_id, looked_at=now, failures=0, failure="", due_at=due_at)

    async def _failed(self, station_id: str, error: IngufuError) -> None:
        state = await store.state_of(self._means.database, station_id)
        log.info("configuration.failed", station=station_id, error=error.message, failures=state.failures + 1)
        now = self._means.clock.now()
        await self._note(
            station_id,
            failures=state.failures + 1,
            failure=error.message[:500],
            due_at=desired.retry_at(state.failures, now),
        )

    async def _note(self, station_id: str, **values: object) -> None:
        async with self._means.database.work() as work:
            store.change_state(work, station_id, **values)

    def _later(self, seconds: float) -> datetime:
        return self._means.clock.now() + timedelta(seconds=seconds)


def _may_be_asked(station: Station) -> bool:
    return (
        station.is_online
        and not station.is_silent
        and station.approval is Approval.APPROVED
        and station.boot_status is BootAnswer.ACCEPTED
    )


def _is_open(one: Wanted) -> bool:
    return one.state in (WishState.WAITING, WishState.DIFFERENT)


def _answered(one: Wanted, outcome: ItemOutcome, at: datetime) -> Wanted:
    """Return the wish after an answer. What was not answered is tried again; what was refused is not."""
    if outcome.status == NO_ANSWER:
        return msgspec.structs.replace(
            one,
            reason=outcome.reason[:500],
            tries=one.tries + 1,
            asked_at=at,
            next_at=desired.retry_at(one.tries, at),
            changed_at=at,
        )
    is_taken = outcome.is_accepted
    before = one.tries if one.status else 0  # what was not answered is no word of the station's
    return msgspec.structs.replace(
        one,
        status=outcome.status,
        reason=outcome.reason[:500],
        tries=before + 1,
        asked_at=at,
        next_at=desired.retry_at(before, at) if is_taken and not one.is_secret else None,
        changed_at=at,
    )
