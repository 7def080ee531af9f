"""Resets: asked for, kept while they are pending, and settled by what the station does."""

from datetime import datetime, timedelta

import msgspec

from ingufu.configuration import store
from ingufu.configuration.events import ResetSettled
from ingufu.configuration.model import ResetRecord, ResetState
from ingufu.configuration.service.asking import Reading
from ingufu.configuration.service.means import Means
from ingufu.core.commands import Outcome, ResetKind, ResetStation
from ingufu.core.errors import IngufuError, NotFound
from ingufu.infra.storage.database import Work
from ingufu.stations.model import ConnectorStatus, Station

PATIENCE = timedelta(minutes=20)  # until the boot after a reset; the slowest known take 15
SCHEDULED_PATIENCE = timedelta(days=7)
MOST_SHOWN = 50
SCHEDULED = "Scheduled"


class Resetting:
    """Asks for resets and follows them."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def reset(self, by: Reading, station_id: str, kind: ResetKind, evse: int | None = None) -> Outcome:
        """Return what the station answers; the reset is kept until it has happened.

        Raises StationUnavailable, InvalidInput. Spec: OCPP 2.1 part 2, B11, B12; OCPP 1.6 5.14.
        """
        asked = ResetRecord(
            id=self._means.ids.new(),
            station_id=station_id,
            evse=evse,
            kind=kind.value,
            state=ResetState.ASKED,
            asked_at=self._means.clock.now(),
            asked_by=by.actor or "",
        )
        async with self._means.database.work() as work:
            store.save_reset(work, asked)
        try:
            outcome = await by.link.call(station_id, ResetStation(kind=kind, evse=evse), timeout_s=by.timeout_s)
        except IngufuError as error:
            await self._settle(asked, ResetState.FAILED, error.message)
            raise
        if not outcome.is_accepted:
            info = ", ".join(str(word) for word in outcome.details.values() if word)
            await self._settle(asked, ResetState.REFUSED, info, outcome.status)
            return outcome
        state = ResetState.SCHEDULED if outcome.status == SCHEDULED else ResetState.ACCEPTED
        await self._advance(asked, state, outcome.status)
        return outcome

    async def resets(self, station_id: str) -> list[ResetRecord]:
        """Return the latest resets of a station, the newest first."""
        return await store.resets_of(self._means.database, station_id, MOST_SHOWN)

    async def booted(self, work: Work, station: Station, reason: str | None, at: datetime) -> None:
        """Settle the resets that were to happen: the station has started anew, be it for another reason."""
        for record in await store.open_resets(self._means.database, station.id):
            detail = f"It booted: {reason}." if reason else "It booted."
            self._end(work, record, ResetState.DONE, detail, at)

    async def settle_open(self) -> None:
        """End the resets of EVSEs that are back, and those that did not show in time."""
        now = self._means.clock.now()
        for record in await store.open_resets(self._means.database):
            if record.evse is not None and await self._is_back(record):
                await self._settle(record, ResetState.DONE, "The EVSE is back.")
                continue
            patience = SCHEDULED_PATIENCE if record.state is ResetState.SCHEDULED else PATIENCE
            if now - record.asked_at > patience:
                await self._settle(record, ResetState.NOT_SEEN, "No boot came.")

    async def _is_back(self, record: ResetRecord) -> bool:
        try:
            topology = await self._means.stations.topology(record.station_id)
        except NotFound:
            return True
        plugs = [plug for evse, found in topology if evse.number == record.evse for plug in found]
        return bool(plugs) and all(
            plug.status_received_at is not None
            and plug.status_received_at >= record.asked_at
            and plug.status is not ConnectorStatus.OCCUPIED
            for plug in plugs
        )

    async def _advance(self, record: ResetRecord, state: ResetState, status: str) -> None:
        """Note the answer, unless the station has booted before we came to it."""
        current = {one.id: one for one in await store.open_resets(self._means.database, record.station_id)}
        if record.id in current:
            async with self._means.database.work() as work:
                store.save_reset(work, msgspec.structs.replace(record, state=state, status=status))

    async def _settle(self, record: ResetRecord, state: ResetState, detail: str, status: str | None = None) -> None:
        at = self._means.clock.now()
        given = record if status is None else msgspec.structs.replace(record, status=status)
        async with self._means.database.work() as work:
            self._end(work, given, state, detail, at)

    @staticmethod
    def _end(work: Work, record: ResetRecord, state: ResetState, detail: str, at: datetime) -> None:
        store.save_reset(work, msgspec.structs.replace(record, state=state, ended_at=at, detail=detail[:500]))
        work.emit(
            ResetSettled(
                occurred_at=at,
                station_id=record.station_id,
                reset=record.id,
                evse=record.evse,
                state=state.value,
                detail=detail[:200],
            )
        )
