"""Local lists: what each station holds, brought in step with what belongs there."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from ingufu.authorization import plan
from ingufu.authorization import store as register
from ingufu.authorization.events import LocalListAsked, LocalListFailed, LocalListSent
from ingufu.authorization.model import Admission, ListMode, ListState, LocalList, TokenFacts
from ingufu.authorization.plan import Known, Limits, Listing
from ingufu.authorization.rules import resolve
from ingufu.authorization.service.admitting import Admitting
from ingufu.authorization.store import lists as store
from ingufu.core import errors
from ingufu.core.admission import GetListLimits, GetLocalListVersion, SendLocalList
from ingufu.core.clock import Clock
from ingufu.core.commands import Outcome, StationLink
from ingufu.core.errors import Conflict, StationUnavailable
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.stations.model import Station
from ingufu.stations.service import Stations

LEASE_S = 900.0  # longer than the longest list takes; who died while sending is waited for that long
DETAIL_MAX = 400
_RETRIED = frozenset({"Failed", "VersionMismatch"})
_MISSING = frozenset({"NotSupported", "NotImplemented"})

replace = msgspec.structs.replace


class LocalLists:
    """Sends lists to stations, one sender a station at a time, whichever process."""

    def __init__(
        self, database: Database, clock: Clock, ids: IdMaker, admitting: Admitting, stations: Stations
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._admitting = admitting
        self._stations = stations

    async def get(self, station_id: str) -> LocalList:
        """Return how the list of a station stands."""
        found = await store.find_list(self._database, station_id)
        if found is not None:
            return found
        is_used = (await self._admitting.admission(station_id)).list_mode is not ListMode.NONE
        return LocalList(station_id=station_id, state=ListState.WAITING if is_used else ListState.UNUSED)

    async def wanted(self, station_id: str) -> Listing:
        """Return what belongs on the list of a station now. Raises NotFound."""
        station = await self._stations.get(station_id)
        return await self._listing(station, await self._admitting.admission(station_id), None, None)

    async def stations_to_serve(self, among: Collection[str] | None = None) -> list[str]:
        """Return the stations (None: of all) that are connected, may be asked, and have a list, or had one."""
        rules = await self._admitting.rules()
        once = await store.find_stations_with_list(self._database, among)
        if not once and all(rule.list_mode in (None, ListMode.NONE) for rule in rules.values()):
            return []
        found: list[str] = []
        async for station_id, site_id in self._stations.askable(among):
            if station_id in once or resolve(rules, station_id, site_id).list_mode is not ListMode.NONE:
                found.append(station_id)
        return found

    async def tokens(self) -> list[TokenFacts]:
        """Return the tokens that may stand on lists, to be used for several stations."""
        return await register.find_listable(self._database)

    def ask(self, work: Work, station_id: str) -> None:
        """Have the list of a station be sent soon, by the process that holds the sockets."""
        work.emit(LocalListAsked(occurred_at=self._clock.now(), station_id=station_id))

    async def demand_full(self, station_id: str, detail: str) -> None:
        """Have the whole list be sent next: the station found that it contradicts what we say (1.6 5.15)."""
        async with self._database.work() as work:
            store.demand_full(work, station_id, detail)

    async def send(
        self,
        link: StationLink,
        station_id: str,
        *,
        is_full: bool = False,
        asks: bool = True,
        tokens: Sequence[TokenFacts] | None = None,
    ) -> LocalList:
        """Bring the list of a station in step, and return how it stands now; a failure is told there, not raised.

        `is_full`: send all of it, although nothing seems to have changed. Not `asks`: say nothing to the station as
        long as nothing has changed since it was last in step. Raises NotFound, and Conflict while somebody
        else sends to this station.
        """
        station = await self._stations.get(station_id)
        admission = await self._admitting.admission(station_id)
        before = await store.find_list(self._database, station_id)
        if before is None:
            if admission.list_mode is ListMode.NONE:
                return LocalList(station_id=station_id, state=ListState.UNUSED)
            async with self._database.work() as work:
                store.add_list(work, station_id)
        elif not asks and await self._is_in_step(before, station, admission, tokens):
            return before
        lease, now = self._ids.new(), self._clock.now()
        try:
            async with self._database.work() as work:
                store.take(work, station_id, lease, now, now + timedelta(seconds=LEASE_S))
        except Conflict as error:
            raise Conflict("The list is being sent to this station at this moment.") from error
        try:
            held = await store.find_list(self._database, station_id)
            assert held is not None  # noqa: S101 - the lease stands on it
            after = await self._bring(link, station, admission, held, lease, is_full=is_full, tokens=tokens)
        finally:
            async with self._database.work() as work:
                store.release(work, station_id, lease)
        return replace(after, lease=None, lease_until=None)

    async def _is_in_step(
        self, held: LocalList, station: Station, admission: Admission, tokens: Sequence[TokenFacts] | None
    ) -> bool:
        if held.needs_full or held.state not in (ListState.IN_STEP, ListState.UNUSED):
            return False
        wanted = await self._listing(station, admission, None, tokens)
        known = Known(ocpp_version=wanted.version, version=held.version, entries=held.entries)
        return not plan.messages(wanted.entries, known, Limits(), above=held.version, is_full=False)

    async def _bring(  # everything that one sending rests on
        self,
        link: StationLink,
        station: Station,
        admission: Admission,
        held: LocalList,
        lease: str,
        *,
        is_full: bool,
        tokens: Sequence[TokenFacts] | None,
    ) -> LocalList:
        if admission.list_mode is ListMode.NONE and not held.version:
            return await self._save(replace(held, state=ListState.UNUSED, detail=""), lease)
        try:
            theirs = int((await link.call(station.id, GetLocalListVersion())).details["version"])
            if theirs < 0:
                return await self._fail(held, lease, ListState.UNSUPPORTED, "The station has no local list.")
            held = replace(held, station_version=theirs, checked_at=self._clock.now())
            limits, is_enabled = _limits(await link.call(station.id, GetListLimits()))
            if not is_enabled:
                return await self._fail(held, lease, ListState.DISABLED, "The station has its local list switched off.")
            listing = await self._listing(station, admission, limits.entries, tokens)
            held = replace(held, left_out=listing.left_out)
            needs_all = is_full or held.needs_full or held.version == 0 or theirs != held.version
            return await self._send(link, held, lease, listing, limits, needs_all=needs_all)
        except errors.StationUnsupported as error:
            return await self._fail(held, lease, ListState.UNSUPPORTED, error.message)
        except (StationUnavailable, errors.Unavailable, errors.InvalidInput) as error:
            newest = await store.find_list(self._database, station.id) or held
            return await self._fail(newest, lease, ListState.UNREACHABLE, error.message)

    async def _send(  # everything that one sending rests on
        self,
        link: StationLink,
        held: LocalList,
        lease: str,
        listing: Listing,
        limits: Limits,
        *,
        needs_all: bool,
        is_retry: bool = False,
    ) -> LocalList:
        above = max(held.version, held.station_version or 0)
        known = Known(ocpp_version=listing.version, version=held.version, entries=held.entries)
        steps = plan.messages(listing.entries, known, limits, above=above, is_full=needs_all)
        for step in steps:
            outcome = await link.call(held.station_id, step)
            if outcome.is_accepted:
                known = plan.after(known, step)
                held = await self._accepted(held, lease, known)
                continue
            if outcome.status in _RETRIED and not is_retry:
                theirs = int((await link.call(held.station_id, GetLocalListVersion())).details["version"])
                held = replace(held, station_version=theirs, needs_full=True)
                return await self._send(link, held, lease, listing, limits, needs_all=True, is_retry=True)
            state = ListState.UNSUPPORTED if outcome.status in _MISSING else ListState.REFUSED
            return await self._fail(replace(held, needs_full=True), lease, state, _said(outcome))
        done = replace(
            held,
            state=ListState.IN_STEP if listing.entries or held.version else ListState.UNUSED,
            detail=f"{held.left_out} tokens cannot stand on it." if held.left_out else "",
            needs_full=False,
        )
        return await self._save(done, lease, _sent(done, steps, self._clock.now()) if steps else None)

    async def _accepted(self, held: LocalList, lease: str, known: Known) -> LocalList:
        """Store what the station holds now: the version counts only once it has accepted it (D01.FR.05)."""
        after = replace(
            held,
            version=known.version,
            station_version=known.version,
            entries=dict(known.entries),
            entry_count=len(known.entries),
            state=ListState.WAITING,
            sent_at=self._clock.now(),
        )
        return await self._save(after, lease)

    async def _fail(self, held: LocalList, lease: str, state: ListState, detail: str) -> LocalList:
        after = replace(held, state=state, detail=plain(detail, DETAIL_MAX))
        is_news = (held.state, held.detail) != (after.state, after.detail)
        event = LocalListFailed(
            occurred_at=self._clock.now(), station_id=held.station_id, state=state.value, reason=after.detail
        )
        return await self._save(after, lease, event if is_news else None)

    async def _save(
        self, after: LocalList, lease: str, event: LocalListSent | LocalListFailed | None = None
    ) -> LocalList:
        async with self._database.work() as work:
            store.save_list(work, after, lease)
            if event is not None:
                work.emit(event)
        return after

    async def _listing(
        self,
        station: Station,
        admission: Admission,
        limit: int | None,
        tokens: Sequence[TokenFacts] | None,
    ) -> Listing:
        version = station.ocpp_version or "1.6"
        if admission.list_mode is ListMode.NONE:
            return Listing(version=version, entries={})
        place = await self._admitting.place(station.id)
        found = await self.tokens() if tokens is None else tokens
        return plan.listing(found, admission, place, version, self._clock.now(), limit)


def _limits(outcome: Outcome) -> tuple[Limits, bool]:
    told = outcome.details
    numbers = {name: told[name] for name in ("items", "bytes", "entries") if told.get(name)}
    return Limits(**numbers), told.get("is_enabled", True) is not False


def _said(outcome: Outcome) -> str:
    return "The station answered " + " ".join(str(part) for part in (outcome.status, *outcome.details.values()) if part)


def _sent(after: LocalList, steps: Sequence[SendLocalList], now: datetime) -> LocalListSent:
    return LocalListSent(
        occurred_at=now,
        station_id=after.station_id,
        version=after.version,
        entry_count=after.entry_count,
        is_full=steps[0].is_full,
        messages=len(steps),
    )
