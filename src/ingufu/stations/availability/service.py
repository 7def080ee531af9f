"""Availability that was asked for: kept through restarts, compared with what stations report, and told again."""

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.commands import Availability, ChangeAvailability, Outcome
from ingufu.core.errors import InvalidInput
from ingufu.infra.storage.database import Database, Work
from ingufu.stations.availability import decide, store
from ingufu.stations.availability.events import AvailabilityAsked, AvailabilityKept, AvailabilityRepeated
from ingufu.stations.availability.model import Wish, WishState
from ingufu.stations.model import Station

SCHEDULED = "Scheduled"


class Wishes:
    """What was asked of the availability of stations, EVSEs and connectors."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, station_id: str) -> list[Wish]:
        """Return what was asked of a station, the whole first."""
        return await store.wishes_of(self._database, station_id)

    async def find_whole_out(self, station: Station) -> Wish | None:
        """Return by what no part of the station can be put into service by itself; None if it can.

        Connector 0 of OCPP 1.6 is all of them: while the whole is out of service, a part would be taken out again. From
        2.x on, a station keeps the two apart (G03), and the part serves as soon as the whole does.
        """
        if station.ocpp_version != "1.6":
            return None
        return next((wish for wish in await self.of(station.id) if decide.is_whole_out(wish)), None)

    async def stations_asked(self) -> set[str]:
        """Return the ids of the stations of which anything was asked."""
        return await store.stations_asked(self._database)

    def forget_station(self, work: Work, station_id: str) -> None:
        """Forget everything that was asked of a station that is deleted."""
        store.forget_station(work, station_id)

    def ask(
        self,
        work: Work,
        station_id: str,
        *,
        is_operative: bool,
        evse: int | None = None,
        connector: int | None = None,
        actor: str | None = None,
    ) -> Wish:
        """Keep what is asked, before the station is told; it takes the place of what was asked of the same before.

        Raises InvalidInput for a connector without its EVSE.
        """
        if connector and not evse:
            raise InvalidInput("A connector is named together with its EVSE.", field="evse")
        wish = Wish(
            station_id=station_id,
            evse=evse or 0,
            connector=connector or 0,
            is_operative=is_operative,
            asked_at=self._clock.now(),
            asked_by=actor,
        )
        store.save(work, wish)
        work.emit(
            AvailabilityAsked(
                occurred_at=wish.asked_at,
                station_id=station_id,
                evse=wish.evse,
                connector=wish.connector,
                is_operative=is_operative,
                actor=actor,
            )
        )
        return wish

    def note_answer(self, work: Work, wish: Wish, outcome: Outcome) -> Wish:
        """Keep what the station said: that it follows, that it will, or that it does not.

        What it undoes by that is to be told again.
        """
        state = WishState.REFUSED
        if outcome.is_accepted:
            state = WishState.SCHEDULED if outcome.status == SCHEDULED else WishState.ACCEPTED
            if wish.evse == 0 and wish.is_operative:
                store.undo(work, wish.station_id)
        return self._note(work, wish, state, outcome.status)

    def note_failure(self, work: Work, wish: Wish, why: str) -> Wish:
        """Keep that the station could not be told; it will be when it comes back."""
        return self._note(work, wish, WishState.WANTED, why[:200])

    def note_repeat(self, work: Work, wish: Wish, outcome: Outcome) -> Wish:
        """Keep that a station that did otherwise was told again, and what it said."""
        work.emit(
            AvailabilityRepeated(
                occurred_at=self._clock.now(),
                station_id=wish.station_id,
                evse=wish.evse,
                connector=wish.connector,
                is_operative=wish.is_operative,
                status=outcome.status,
            )
        )
        return self.note_answer(work, wish, outcome)

    async def compare(self, work: Work, station_id: str) -> list[Wish]:
        """Return what a station is to be told, by what it reports, each as it was known before.

        What it shows to be so is noted as kept, and what was kept and is contradicted as kept no longer; Conflict at
        the commit if a wish comes further meanwhile.
        """
        wishes = await store.wishes_of(self._database, station_id)
        connectors = await store.connectors_of(self._database, station_id) if wishes else []
        for wish in wishes:
            if wish.state is WishState.KEPT:
                if decide.is_contradicted(wish, wishes, connectors):
                    store.note_shown(work, wish, WishState.ACCEPTED, None)
            elif not decide.is_undone(wish) and decide.is_shown(wish, wishes, connectors):
                self._note_kept(work, wish)
        return [wish for wish in wishes if decide.is_due(wish, wishes, connectors)]

    def _note_kept(self, work: Work, wish: Wish) -> None:
        now = self._clock.now()
        store.note_shown(work, wish, WishState.KEPT, now)
        work.emit(
            AvailabilityKept(
                occurred_at=now,
                station_id=wish.station_id,
                evse=wish.evse,
                connector=wish.connector,
                is_operative=wish.is_operative,
            )
        )

    def _note(self, work: Work, wish: Wish, state: WishState, answer: str) -> Wish:
        now = self._clock.now()
        after = msgspec.structs.replace(
            wish, state=state, answer=answer, told_at=now, kept_at=None, attempts=wish.attempts + 1
        )
        store.note(work, after)
        return after


def command_of(wish: Wish) -> ChangeAvailability:
    """Return a wish as it is said to its station."""
    return ChangeAvailability(
        availability=Availability.OPERATIVE if wish.is_operative else Availability.INOPERATIVE,
        evse=wish.evse or None,
        connector=wish.connector or None,
    )
