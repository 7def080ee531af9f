"""Whether stations are connected, since when, and every attempt to be."""

from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database, Work
from ingufu.stations import decide, store
from ingufu.stations.attempts import Refusals
from ingufu.stations.events import ConnectionRefused, StationChanged, StationConnected, StationDisconnected
from ingufu.stations.model import Attempt, AttemptOutcome, StationRules
from ingufu.stations.skews import Skews
from ingufu.stations.store import strangers

SERVER_ENDED = "The server ended without closing the connection."


class Connections:
    """Connections as storage sees them; the sockets are the gateway's."""

    def __init__(self, database: Database, clock: Clock, rules: StationRules, forget: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self.rules = rules
        self._forget_reports = forget  # what is held of a station, which another process may write once it has left
        self._refusals = Refusals(rules.attempt_window_s)
        self._open: dict[str, Attempt] = {}  # by attempt id: what close_attempt completes
        self._fresh: deque[Attempt] = deque()  # successful ones of a rush, not yet handed on to be written
        self._is_rush = False
        self._seen_at: dict[str, datetime] = {}
        self._skews = Skews()

    async def connected(
        self,
        work: Work,
        station_id: str,
        *,
        connection_id: str,
        version: str,
        address: str,
        security_profile: int,
        at: datetime,
    ) -> None:
        """Store that the station has this connection now, in place of any other.

        A station that has once used TLS (profile 2 or 3) is refused anything less from now on. Raises NotFound.
        """
        known = await store.standing_of(self._database, station_id)
        if known is None:
            raise NotFound(f"There is no station {station_id!r}.")
        self.came(
            work,
            station_id,
            connection_id=connection_id,
            version=version,
            address=address,
            security_profile=security_profile,
            known_profile=known.security_profile,
            at=at,
        )

    def came(
        self,
        work: Work,
        station_id: str,
        *,
        connection_id: str,
        version: str,
        address: str,
        security_profile: int,
        known_profile: int,
        at: datetime,
    ) -> None:
        """Store the same as `connected`, without a look at the station; `known_profile` is what it was held to.

        The unit is undone with Conflict if there is no such station any more.
        """
        store.set_connected(
            work,
            station_id,
            connection_id=connection_id,
            version=version,
            address=address,
            profile=security_profile,
            at=at,
        )
        work.emit(
            StationConnected(
                occurred_at=at, station_id=station_id, version=version, address=address, connection_id=connection_id
            )
        )
        if security_profile >= decide.TLS and security_profile > known_profile:
            work.emit(StationChanged(occurred_at=at, station_id=station_id, changed=("security_profile",)))
        work.after_commit(lambda: self._arrived(station_id, at))

    async def disconnected(
        self, work: Work, station_id: str, *, connection_id: str, code: int | None, reason: str, at: datetime
    ) -> None:
        """Store that the connection ended; the station is offline then, unless it has another one by now."""
        station = await store.by_id(self._database, station_id)
        if station is None or station.connection_id != connection_id:
            return
        store.set_disconnected(work, station_id, connection_id, at)
        work.emit(
            StationDisconnected(
                occurred_at=at, station_id=station_id, connection_id=connection_id, code=code, reason=reason
            )
        )
        work.after_commit(lambda: self._left(station_id))

    def seen(self, station_id: str, at: datetime, clock_skew_s: float | None = None) -> None:
        """Note that the station lives. Written rarely and soon enough; a crash may lose it.

        `clock_skew_s` is its clock minus ours, where a message that seems to be live told.
        """
        if clock_skew_s is not None:
            self._skews.note(station_id, clock_skew_s, at)
        before = self._seen_at.get(station_id)
        if before is not None and (at - before).total_seconds() < self.rules.seen_interval_s:
            return
        self._seen_at[station_id] = at
        store.set_seen(self._database, station_id, at, self._skews.of(station_id))

    async def sweep_offline(self, work: Work, *, at: datetime) -> int:
        """Set offline every station that a process which has died left online; return how many.

        For the start, before the first station connects.
        """
        stations = await store.all_stations(self._database, is_online=True)
        for station in stations:
            connection_id = station.connection_id or ""
            store.set_disconnected(work, station.id, connection_id, at)
            store.close_attempt(work, connection_id, at, None, SERVER_ENDED)
            work.emit(
                StationDisconnected(
                    occurred_at=at, station_id=station.id, connection_id=connection_id, reason=SERVER_ENDED
                )
            )
        return len(stations)

    def record_attempt(self, attempt: Attempt) -> None:
        """Let the attempt be written soon. Equal refusals within a minute share a row; live listeners hear the first.

        The id of a successful attempt is the id of its connection.
        """
        if attempt.outcome is AttemptOutcome.CONNECTED:
            self._open[attempt.id] = attempt
            if self._is_rush:
                self._fresh.append(attempt)
            else:
                store.save_attempts(self._database, [attempt])
            return
        is_first, due = self._refusals.note(attempt)
        store.save_attempts(self._database, due)
        if is_first:
            refused = ConnectionRefused(
                occurred_at=attempt.at,
                station_id=attempt.station_id,
                outcome=attempt.outcome.value,
                address=attempt.address,
                identity=attempt.identity,
            )
            self._database.publish([refused])

    def rush(self, *, is_on: bool) -> None:
        """Keep successful attempts in memory while a fleet comes back; `write_fresh` hands them on after it."""
        self._is_rush = is_on

    def write_fresh(self, most: int) -> bool:
        """Let so many of the attempts that a rush kept be written; return whether there are more."""
        if self._fresh and most:
            some = [self._fresh.popleft() for _ in range(min(most, len(self._fresh)))]
            store.save_attempts(self._database, some)
        return bool(self._fresh)

    def close_attempt(self, attempt_id: str, at: datetime, code: int | None, reason: str) -> None:
        """Let it be written soon when and how the connection ended."""
        self.write_fresh(len(self._fresh))  # one attempt's rows keep their order
        attempt = self._open.pop(attempt_id, None)
        if attempt is None:
            store.close_attempt_soon(self._database, attempt_id, at, code, reason)
            return
        closed = msgspec.structs.replace(attempt, closed_at=at, close_code=code, close_reason=reason)
        store.save_attempts(self._database, [closed])

    def flush_attempts(self, *, is_last: bool = False) -> None:
        """Let the grown counts of repeated refusals be written: every few seconds, and with `is_last` at the end."""
        if is_last:
            self.write_fresh(len(self._fresh))
        store.save_attempts(self._database, self._refusals.due(self._clock.now(), is_last=is_last))

    async def prune_attempts(self, before: datetime) -> None:
        """Delete the attempts from before, a portion at a time, so that no station waits for it."""
        while await store.prune_attempts(self._database, before):
            pass

    async def prune_waiting(self, before: datetime) -> None:
        """Delete strangers that wait and did not call since before: whoever floods the list does not own it.

        A few at a time, so that no station waits for it. One that a person entered, named, noted or placed stays.
        """
        while gone := await strangers.prune(self._database, before):
            for station_id in gone:
                self._left(station_id)

    def skew_s(self, station_id: str) -> float | None:
        """Return how far ahead the station's clock is, as its live messages told; None: not known."""
        return self._skews.of(station_id)

    def _arrived(self, station_id: str, at: datetime) -> None:
        self._forget_reports(station_id)
        self._seen_at[station_id] = at

    def _left(self, station_id: str) -> None:
        self._forget_reports(station_id)
        self._seen_at.pop(station_id, None)
        self._skews.forget(station_id)
