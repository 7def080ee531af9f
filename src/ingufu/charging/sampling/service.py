"""Sampling as it is asked for: whole lists first, then one measurand after the other; what stuck is desired."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog

from ingufu.charging.sampling import decide, store
from ingufu.charging.sampling.decide import Plan
from ingufu.charging.sampling.events import SamplingSettled
from ingufu.charging.sampling.model import INTERVALS, MEASURANDS, Occasion, Sampling, SamplingState
from ingufu.configuration import desired
from ingufu.configuration.model import DesiredChange
from ingufu.configuration.service import Configuration, Reading
from ingufu.core.clock import Clock
from ingufu.core.configuration import ACCEPTED, REBOOT_REQUIRED, ReadItem, WriteItem
from ingufu.core.errors import InvalidInput, StationOffline, StationTimeout, StationUnavailable, StationUnsupported
from ingufu.core.variables import VariableName
from ingufu.infra.storage.database import Database, Work
from ingufu.stations.model import Station
from ingufu.stations.service import Stations

_TAKEN = frozenset({ACCEPTED, REBOOT_REQUIRED})

log = structlog.get_logger(__name__)


class _Wait(NamedTuple):
    """How often a station fell silent when it was asked this, and until when it is left alone with it."""

    asked_at: datetime  # what is asked since is another story
    tries: int
    until: datetime


class Samplings:
    """What is asked of the readings of stations."""

    def __init__(self, database: Database, clock: Clock, stations: Stations, configuration: Configuration) -> None:
        self._database = database
        self._clock = clock
        self._stations = stations
        self._configuration = configuration
        self._waits: dict[tuple[str, Occasion], _Wait] = {}

    async def of(self, station_id: str) -> list[Sampling]:
        """Return what is asked of a station, by occasion."""
        return await store.samplings_of(self._database, station_id)

    async def waiting(self) -> list[str]:
        """Return the stations of which something is asked that they do not know yet."""
        return await store.stations_waiting(self._database)

    async def ask(
        self,
        work: Work,
        station_id: str,
        occasion: Occasion,
        *,
        measurands: Sequence[str] | None,
        interval_s: int | None,
        tries_again: bool = False,
        actor: str | None = None,
    ) -> Sampling:
        """Ask for measurands and interval from now on; the station hears of it soon, or when it comes back.

        What it refused before, with the firmware it has, is not tried again unless `tries_again`. Raises InvalidInput,
        NotFound.
        """
        decide.check(occasion, measurands, interval_s)
        await self._stations.get(station_id)
        before = next((one for one in await self.of(station_id) if one.occasion is occasion), None)
        remembered = before is not None and not tries_again
        sampling = Sampling(
            station_id=station_id,
            occasion=occasion,
            measurands=None if measurands is None else tuple(measurands),
            interval_s=interval_s,
            taken=before.taken if before is not None else (),
            refused=before.refused if before is not None and remembered else (),
            refused_firmware=before.refused_firmware if before is not None and remembered else None,
            asked_at=self._clock.now(),
            asked_by=actor,
        )
        store.save(work, sampling)
        if interval_s is not None:
            change = DesiredChange(name=INTERVALS[occasion], value=str(interval_s))
            await self._configuration.desire(work, station_id, [change], actor=actor or "")
        return sampling

    def forget_station(self, work: Work, station_id: str) -> None:
        """Forget everything that was asked of a station that is deleted."""
        store.forget_station(work, station_id)

    async def settle(self, by: Reading, station_id: str) -> None:
        """Have a station take what it is asked, as much of it as it does.

        What it falls silent at is asked again later each time. Raises StationUnavailable, Unavailable.
        """
        station = await self._stations.get(station_id)
        for sampling in await self.of(station_id):
            if sampling.state is not SamplingState.WAITING or self._is_left_alone(sampling):
                continue
            try:
                await self._settle(by, station, sampling)
            except StationUnsupported as error:
                await self._fail(sampling, error.message)
            except (StationTimeout, StationOffline) as error:
                self._wait(sampling, error)
                if isinstance(error, StationOffline):
                    raise
            else:
                self._waits.pop((station_id, sampling.occasion), None)

    def _is_left_alone(self, sampling: Sampling) -> bool:
        wait = self._waits.get((sampling.station_id, sampling.occasion))
        return wait is not None and wait.asked_at == sampling.asked_at and wait.until > self._clock.now()

    def _wait(self, sampling: Sampling, error: StationUnavailable) -> None:
        key = (sampling.station_id, sampling.occasion)
        before = self._waits.get(key)
        tries = before.tries if before is not None and before.asked_at == sampling.asked_at else 0
        until = desired.retry_at(tries, self._clock.now())
        self._waits[key] = _Wait(sampling.asked_at, tries + 1, until)
        log.info("sampling.waits", station=sampling.station_id, occasion=sampling.occasion, error=error.message)

    async def _settle(self, by: Reading, station: Station, sampling: Sampling) -> None:
        wanted = sampling.measurands
        if wanted is None:
            await self._note(sampling, state=SamplingState.TAKEN, taken=(), refused=())
            return
        name = MEASURANDS[sampling.occasion]
        (told,) = await self._configuration.asking.read(by, station, [ReadItem(name=name)])
        if not told.is_accepted:
            detail = f"{told.status}: {told.reason}" if told.reason else told.status
            await self._fail(sampling, detail)
            return
        before = sampling.refused if sampling.refused_firmware == station.firmware_version else ()
        current = decide.split(told.value)
        plan = decide.plan(wanted, current, await self._allowed(station.id, name), before)
        taken = await self._try(by, station, name, plan, current)
        refused = tuple(one for one in wanted if one not in taken)
        await self._note(
            sampling,
            state=decide.state_of(wanted, taken),
            taken=taken,
            refused=refused,
            refused_firmware=station.firmware_version,
        )
        if taken:
            async with self._database.work() as work:
                change = DesiredChange(name=name, value=",".join(taken))
                await self._configuration.desire(work, station.id, [change], actor=sampling.asked_by or "")

    async def _try(
        self, by: Reading, station: Station, name: VariableName, plan: Plan, current: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Return what the station has taken: all at once or, if it refuses the list, each that it does not refuse."""
        if not plan.candidates:
            return ()
        if await self._write(by, station, name, plan.candidates):
            return plan.candidates
        taken = plan.known
        is_set = set(taken) == set(current)
        for one in plan.candidates:
            if one in taken:
                continue
            if await self._write(by, station, name, (*taken, one)):
                taken, is_set = (*taken, one), True
        if taken and not is_set:
            await self._write(by, station, name, taken)
        return taken

    async def _write(self, by: Reading, station: Station, name: VariableName, measurands: Sequence[str]) -> bool:
        item = WriteItem(name=name, value=",".join(measurands))
        try:
            (outcome,) = await self._configuration.asking.write(by, station, [item], is_forced=True)
        except InvalidInput:  # more than a message of its version can carry
            return False
        return outcome.status in _TAKEN

    async def _allowed(self, station_id: str, name: VariableName) -> tuple[str, ...] | None:
        """Return what the station says that such a list may hold; None if it does not say."""
        known = await self._configuration.variables(station_id)
        told = next((one.values_list for one in known if one.key == name.key and one.values_list), None)
        return decide.split(told) or None

    async def _fail(self, sampling: Sampling, detail: str) -> None:
        await self._note(sampling, state=SamplingState.FAILED, detail=detail[:200], taken=(), refused=())

    async def _note(self, sampling: Sampling, **changes: object) -> None:
        now = self._clock.now()
        after = msgspec.structs.replace(sampling, settled_at=now, **changes)
        async with self._database.work() as work:
            store.settle(work, after)
            work.emit(
                SamplingSettled(
                    occurred_at=now,
                    station_id=sampling.station_id,
                    occasion=sampling.occasion.value,
                    state=after.state.value,
                    refused=after.refused,
                )
            )
