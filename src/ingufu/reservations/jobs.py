"""What is done about reservations beside the messages: expiry by our clock, and stations that are not in step."""

import asyncio
import contextlib

import structlog

from ingufu.core.clock import Clock
from ingufu.core.commands import StationLink
from ingufu.core.errors import IngufuError
from ingufu.infra.delays import Delays
from ingufu.reservations.service import Reservations

LOOK_S = 60.0  # at the latest
SETTLE_S = 3.0  # after a boot: the station reports its connectors first
AT_ONCE = 16  # stations that are brought in step at a time
AGAIN_S = 60.0  # after which a connected station is told again what to give up; doubled each time
AGAIN_MOST_S = 900.0
SILENCE_S = 20.0  # after a connection: if it was a restart, the boot comes within

log = structlog.get_logger(__name__)


class ReservationKeeper:
    """Runs in the process that holds the sockets. What a crash lets it forget, a look at its start finds again."""

    def __init__(
        self,
        reservations: Reservations,
        link: StationLink,
        clock: Clock,
        *,
        settle_s: float = SETTLE_S,
        silence_s: float = SILENCE_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._reservations = reservations
        self._link = link
        self._clock = clock
        self._wake = asyncio.Event()
        self._booted: set[str] = set()
        self._settling: Delays[str] = Delays(settle_s, self._due)
        self._silent: Delays[str] = Delays(silence_s, self._due)
        self._came: set[str] = set()
        self._freed: list[tuple[str, int, str]] = []
        self._again_s = again_s
        self._again: dict[str, tuple[float, float]] = {}  # by station: when, by the time of the loop, and its wait
        self._restoring: dict[asyncio.Task[None], str] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    def station_connected(self, station_id: str) -> None:
        """Look at the station's reservations in a while, if it does not boot before."""
        self._settling.drop(station_id)
        self._silent.put(station_id)

    def station_restarted(self, station_id: str) -> None:
        """Take note that the station may have lost its reservations: it is asked again when it is accepted."""
        self._booted.add(station_id)
        self._silent.drop(station_id)

    def station_accepted(self, station_id: str) -> None:
        """Look at the station's reservations soon."""
        self._silent.drop(station_id)
        self._settling.put(station_id)

    def status_changed(self, station_id: str, evse: int, before: str | None, after: str) -> None:
        """Take note of an EVSE that was reserved and no longer is."""
        if before == "reserved" and after != "reserved":
            self._freed.append((station_id, evse, after))
            self._wake.set()

    def reservations_changed(self) -> None:
        """Look at when the next one expires."""
        self._wake.set()

    async def run(self) -> None:
        """Keep reservations until cancelled. What goes wrong is logged and tried again."""
        try:
            while True:
                wait_s = LOOK_S
                try:
                    wait_s = await self.step()
                except IngufuError as error:
                    log.warning("reservation.not_kept", error=error.message)
                except Exception:
                    log.exception("reservation.not_kept")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            self._settling.close()
            self._silent.close()
            for task in self._restoring:
                task.cancel()

    async def step(self) -> float:
        """Do what is due, and return after how many seconds to look again."""
        self._wake.clear()
        freed, self._freed = self._freed, []
        for station_id, evse, status in freed:
            await self._reservations.note_status(station_id, evse, status)
        came, self._came = self._came, set()
        for station_id in came:
            has_booted = station_id in self._booted
            self._booted.discard(station_id)
            self._again.pop(station_id, None)
            self._begin(station_id, has_booted=has_booted)
        for station_id in await self._find_unsettled():
            self._begin(station_id, has_booted=False)
        due_at = await self._reservations.expire()
        if due_at is None:
            return LOOK_S
        return min(max((due_at - self._clock.now()).total_seconds(), 0.0) + 0.05, LOOK_S)

    async def _find_unsettled(self) -> list[str]:
        """Return the stations to be told (again) what to give up: a timeout may have been a late yes."""
        now = asyncio.get_running_loop().time()
        found = await self._reservations.unsettled_stations()
        waits = {one: self._again.get(one, (now, self._again_s / 2)) for one in found}
        busy = set(self._restoring.values())
        due = [one for one, (at, _) in waits.items() if at <= now and one not in busy]
        for one in due:
            wait_s = min(2 * waits[one][1], AGAIN_MOST_S)
            waits[one] = (now + wait_s, wait_s)
        self._again = waits
        return due

    def _begin(self, station_id: str, *, has_booted: bool) -> None:
        task = asyncio.create_task(self._restore(station_id, has_booted=has_booted))  # a station may take its time
        self._restoring[task] = station_id
        task.add_done_callback(self._restoring.pop)

    async def _restore(self, station_id: str, *, has_booted: bool) -> None:
        async with self._room:
            try:
                await self._reservations.restore(self._link, station_id, has_booted=has_booted)
            except IngufuError as error:
                log.warning("reservation.not_restored", station=station_id, error=error.message)
            except Exception:
                log.exception("reservation.not_restored", station=station_id)

    def _due(self, station_id: str) -> None:
        self._came.add(station_id)
        self._wake.set()
