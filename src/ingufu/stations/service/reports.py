"""What stations say of themselves: boots, and the status of their connectors."""

from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.database import Database, Work
from ingufu.stations import decide, store
from ingufu.stations.events import FirmwareChanged, StationBooted, StationChanged, StatusChanged
from ingufu.stations.model import (
    Boot,
    BootAnswer,
    Connector,
    ConnectorStatus,
    Evse,
    Station,
    StationRules,
    StatusReport,
)
from ingufu.stations.pacing import BootPace

MAX_CONNECTORS = 200  # of one station; the largest known cabinet serves far fewer
MAX_POWER_W = 10_000_000.0  # megawatt charging ends at 3.75 MW
MAX_NUMBER = 2**31 - 1
_KIND_LONGEST = 50
_WHOLE = (0, 0)  # the key under which the status of the station as a whole is held

_Statuses = dict[tuple[int, int], Connector]

log = structlog.get_logger(__name__)


class Reports:
    """Holds the last status of the connectors of stations that reported one, so that a report needs no read."""

    def __init__(
        self, database: Database, clock: Clock, rules: StationRules, skew_of: Callable[[str], float | None]
    ) -> None:
        self._database = database
        self._clock = clock
        self.rules = rules
        self._skew_of = skew_of
        self._statuses: dict[str, _Statuses] = {}
        self.pace = BootPace(rules)

    async def boot(self, work: Work, station: Station, boot: Boot, received_at: datetime) -> BootAnswer:
        """Store what the station is and return what it hears (OCPP 2.1 B01 to B03; 1.6 4.2).

        The interval that goes with the answer is given by `pace`. Raises NotFound.
        """
        known = await store.standing_of(self._database, station.id)
        if known is None:
            raise NotFound(f"There is no station {station.id!r}.")
        answer = decide.answer_boot(known)
        told = {
            "vendor_": boot.vendor,
            "model_": boot.model,
            "serial_number_": boot.serial_number,
            "firmware_version_": boot.firmware_version,
            "iccid_": boot.iccid,
            "imsi_": boot.imsi,
            "meter_type_": boot.meter_type,
            "meter_serial_number_": boot.meter_serial_number,
            "answer": answer,
        }
        if decide.is_restart(boot.reason):
            store.set_booted(work, station.id, told, boot.reason, received_at)
        else:
            store.set_told(work, station.id, told)
        work.emit(
            StationBooted(
                occurred_at=received_at,
                station_id=station.id,
                vendor=boot.vendor,
                model=boot.model,
                firmware_version=boot.firmware_version,
                reason=boot.reason,
                answer=answer.value,
                is_triggered=decide.is_triggered(boot),
            )
        )
        before, after = known.firmware_version, boot.firmware_version
        if before is not None and after is not None and before != after:
            work.emit(FirmwareChanged(occurred_at=received_at, station_id=station.id, before=before, after=after))
        return answer

    async def report_status(self, work: Work, station_id: str, report: StatusReport, received_at: datetime) -> None:
        """Store the status, unless a newer one is known; EVSE and connector are made when first heard of.

        `evse` 0 is the station as a whole. What repeats what is known is confirmed behind the path.
        """
        statuses = await self._statuses_of(station_id)
        key = _WHOLE if report.evse == 0 else (report.evse, max(report.connector, 1))
        before = statuses.get(key)
        if before is None and not _has_room(statuses, key):
            log.warning("station.too_many_connectors", station=station_id, evse=report.evse, connector=report.connector)
            return
        stored = before or Connector(station_id=station_id, evse=key[0], number=key[1])
        after = decide.merge_status(stored, report, received_at, skew_s=self._skew_of(station_id), rules=self.rules)
        if after is None:
            log.info("station.old_status", station=station_id, evse=report.evse, status=report.raw_status)
            return
        if before is not None and _is_confirmed(before, after):
            store.confirm_status(self._database, after)
        else:
            self._save(work, before, after, received_at)
        work.after_commit(lambda: statuses.__setitem__(key, after))

    def forget(self, station_id: str) -> None:
        """Let the next report read what is stored: after someone else wrote it, or when the station has left."""
        self._statuses.pop(station_id, None)

    async def topology(self, station_id: str) -> list[tuple[Evse, list[Connector]]]:
        """Return the station's EVSEs with their connectors, by number."""
        connectors = await store.connectors_of(self._database, station_id)
        return [
            (evse, [connector for connector in connectors if connector.evse == evse.number])
            for evse in await store.evses_of(self._database, station_id)
        ]

    async def set_connector(
        self,
        work: Work,
        station_id: str,
        evse: int,
        connector: int,
        *,
        kind: str | None = None,
        max_power_w: float | None = None,
    ) -> Connector:
        """Return the connector with plug and power as entered, made if the station has not told of it yet.

        Raises NotFound, InvalidInput.
        """
        _check_connector(evse, connector, kind, max_power_w)
        if await store.by_id(self._database, station_id) is None:
            raise NotFound(f"There is no station {station_id!r}.")
        known = {(one.evse, one.number): one for one in await store.connectors_of(self._database, station_id)}
        before = known.get((evse, connector))
        if before is None and len(known) >= MAX_CONNECTORS:
            raise InvalidInput(f"A station has at most {MAX_CONNECTORS} connectors.", field="connector")
        after = msgspec.structs.replace(
            before or Connector(station_id=station_id, evse=evse, number=connector), kind=kind, max_power_w=max_power_w
        )
        if before != after:
            now = self._clock.now()
            store.add_evse(work, Evse(station_id=station_id, number=evse, created_at=now))
            store.save_entered(work, after)
            work.emit(StationChanged(occurred_at=now, station_id=station_id, changed=("connectors",)))
        return after

    async def set_operative(
        self, work: Work, station_id: str, evse: int | None, connector: int | None, *, is_operative: bool
    ) -> None:
        """Store whether we want the station, one EVSE or one connector to serve; telling it so is a command.

        Raises NotFound, InvalidInput.
        """
        if evse is None and connector is not None:
            raise InvalidInput("A connector is named together with its EVSE.", field="evse")
        if await store.by_id(self._database, station_id) is None:
            raise NotFound(f"There is no station {station_id!r}.")
        if evse is not None:
            self._check_known(await self.topology(station_id), evse, connector)
        store.set_operative(work, station_id, evse, connector, is_operative=is_operative)
        changed = StationChanged(occurred_at=self._clock.now(), station_id=station_id, changed=("is_operative",))
        work.emit(changed)

    @staticmethod
    def _check_known(topology: list[tuple[Evse, list[Connector]]], evse: int, connector: int | None) -> None:
        numbers = next(
            ([one.number for one in connectors] for known, connectors in topology if known.number == evse), None
        )
        if numbers is None or (connector is not None and connector not in numbers):
            raise NotFound(f"The station has no EVSE {evse} with connector {connector}.")

    async def _statuses_of(self, station_id: str) -> _Statuses:
        known = self._statuses.get(station_id)
        if known is None:
            known = {(one.evse, one.number): one for one in await store.connectors_of(self._database, station_id)}
            station = await store.by_id(self._database, station_id)
            if station is not None and station.status is not None:
                known[_WHOLE] = _whole(station, station.status)
            self._statuses[station_id] = known
        return known

    def _save(self, work: Work, before: Connector | None, after: Connector, received_at: datetime) -> None:
        if after.evse == 0:
            store.set_station_status(work, after.station_id, after)
        else:
            if before is None:
                evse = Evse(station_id=after.station_id, number=after.evse, created_at=received_at)
                store.add_evse(work, evse)
            store.save_status(work, after)
        was = None if before is None or before.status_received_at is None else before
        if was is not None and _is_same_for_listeners(was, after):
            return
        work.emit(
            StatusChanged(
                occurred_at=after.status_at or received_at,
                station_id=after.station_id,
                evse=after.evse,
                connector=after.number,
                before=None if was is None else was.status.value,
                after=after.status.value,
                raw_status=after.raw_status,
                error_code=after.error_code,
                info=after.error_info,
            )
        )


def _has_room(statuses: _Statuses, key: tuple[int, int]) -> bool:
    return key == _WHOLE or (len(statuses) < MAX_CONNECTORS and all(0 < number <= MAX_NUMBER for number in key))


def _whole(station: Station, status: ConnectorStatus) -> Connector:
    """Return the station's own status in the shape of a connector's; its own word for it is not kept."""
    return Connector(
        station_id=station.id,
        evse=0,
        number=0,
        status=status,
        raw_status="",
        status_at=station.status_at,
        status_received_at=station.status_at or station.created_at,
        error_code=station.error_code,
    )


def _is_confirmed(before: Connector, after: Connector) -> bool:
    return after.evse != 0 and before.status_received_at is not None and decide.is_same_status(before, after)


def _is_same_for_listeners(before: Connector, after: Connector) -> bool:
    if after.evse == 0:
        return (before.status, before.error_code) == (after.status, after.error_code)
    return decide.is_same_status(before, after)


def _check_connector(evse: int, connector: int, kind: str | None, max_power_w: float | None) -> None:
    if not (0 < evse <= MAX_NUMBER and 0 < connector <= MAX_NUMBER):
        raise InvalidInput("EVSEs and connectors are numbered from 1.", field="connector")
    if kind is not None and len(kind) > _KIND_LONGEST:
        raise InvalidInput(f"The kind of a connector has at most {_KIND_LONGEST} characters.", field="kind")
    if max_power_w is not None and not 0 < max_power_w <= MAX_POWER_W:
        raise InvalidInput(f"The power of a connector is above 0 and at most {MAX_POWER_W:.0f} W.", field="max_power_w")
