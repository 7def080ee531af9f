"""Reservations: places that stations keep, in step with what the stations say and with what happens at them."""

from datetime import datetime, timedelta

import msgspec
import structlog

from ingufu.authorization.service import Authorization
from ingufu.core import errors
from ingufu.core.admission import CancelReservation, GetReservationSupport, ReserveNow
from ingufu.core.clock import Clock
from ingufu.core.commands import StationLink
from ingufu.core.errors import Conflict, IngufuError, InvalidInput, NotFound, StationUnavailable
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.reservations import decide, store
from ingufu.reservations.events import (
    PlaceReserved,
    ReservationEnded,
    ReservationOvertaken,
    ReservationRefused,
    ReservationUsed,
)
from ingufu.reservations.model import LIVE, Place, Reservation, ReservationStatus, Use, Wanted
from ingufu.stations.service import Stations

ID_TRIES = 5  # at an id that somebody else took in the same moment
ASKING_S = 120.0  # after which an unanswered request is taken for lost with the process that made it
DETAIL_MAX = 400
_FREED = frozenset({"available", "unavailable", "faulted"})

log = structlog.get_logger(__name__)
replace = msgspec.structs.replace


class Reservations:
    """Keeps, uses and ends reservations. What asks a station takes the link to it, and is a unit of work by itself."""

    def __init__(self, database: Database, clock: Clock, authorization: Authorization, stations: Stations) -> None:
        self._database = database
        self._clock = clock
        self._authorization = authorization
        self._stations = stations

    async def get(self, reservation_id: int) -> Reservation:
        """Return the reservation. Raises NotFound."""
        found = await store.find(self._database, reservation_id)
        if found is None:
            raise NotFound("There is no such reservation.")
        return found

    async def of_station(self, station_id: str) -> list[Reservation]:
        """Return the station's last reservations, newest first."""
        return await store.find_recent(self._database, station_id)

    async def pending(self, station_id: str) -> list[Reservation]:
        """Return what may still hold a place at the station."""
        return await store.find_pending(self._database, station_id)

    async def unsettled_stations(self) -> list[str]:
        """Return the stations that may still keep what was given up, or what they were asked for without an answer."""
        now = self._clock.now()
        return await store.find_unsettled(self._database, now, now - timedelta(seconds=ASKING_S))

    async def reserve(self, link: StationLink, wanted: Wanted, *, by: str = "") -> Reservation:
        """Have a station keep a place, and return the reservation with what the station answered.

        Raises InvalidInput, NotFound, Conflict if it cannot be kept; StationUnavailable if the station could not be
        asked: what it may keep all the same is cancelled when it is heard of again.
        """
        places = await self._places(wanted.station_id)
        decide.check(wanted, self._clock.now(), places)
        await self._check_support(link, wanted)
        reservation = await self._enter(wanted, places, by)
        return await self._ask(link, reservation)

    async def change(
        self, link: StationLink, reservation_id: int, *, expires_at: datetime | None = None, token: str | None = None
    ) -> Reservation:
        """Have a kept place be kept longer, shorter, or for another token: the same id replaces at the station.

        Raises NotFound, InvalidInput, Conflict, StationUnavailable.
        """
        before = await self.get(reservation_id)
        if before.status is not ReservationStatus.KEPT:
            raise Conflict(f"The reservation is {before.status.value}; only one that is kept can be changed.")
        wanted = Wanted(
            station_id=before.station_id,
            token_value=before.token_value if token is None else token,
            token_kind=before.token_kind,
            expires_at=expires_at or before.expires_at,
            evse=before.evse,
            plug=before.plug,
        )
        decide.check(wanted, self._clock.now(), await self._places(before.station_id))
        token_id, group = await self._owner(wanted)
        after = replace(
            before, token_value=wanted.token_value, token_id=token_id, group_value=group, expires_at=wanted.expires_at
        )
        outcome = await link.call(before.station_id, _command(after))
        if not outcome.is_accepted:
            raise Conflict(f"The station answered {outcome.status}; the reservation stays as it was.")
        async with self._database.work() as work:
            store.change(work, before, after)
            self._emit_kept(work, after)
        return after

    async def cancel(self, link: StationLink, reservation_id: int, *, why: str = "") -> Reservation:
        """Give up a reservation. A station that is away is told when it comes back; until then it is `cancelling`.

        Raises NotFound, and Conflict if it has ended already.
        """
        before = await self.get(reservation_id)
        if before.status not in (*LIVE, ReservationStatus.CANCELLING):
            raise Conflict(f"The reservation is {before.status.value} already.")
        return await self._cancel(link, before, why)

    async def end_by_station(
        self, work: Work, station_id: str, reservation_id: int, told: ReservationStatus, at: datetime
    ) -> bool:
        """Keep how a station says that a reservation ended (2.x H04, H05); False if it is none of that station's."""
        found = await store.find(self._database, reservation_id) if 0 < reservation_id < 2**31 else None
        if found is None or found.station_id != station_id:
            return False
        status = decide.end_of(found.status, told)
        if status is not None:
            self._end(work, found, status, "The station said so.", at)
        return True

    async def note_start(self, work: Work, use: Use) -> None:
        """Have a start use the reservation that it names, or that is kept for its token; tell if it overtakes one."""
        held = await store.find_pending(self._database, use.station_id)
        number = use.reservation_id
        if number is not None and 0 < number < 2**31 and all(one.id != number for one in held):
            named = await store.find(self._database, number)
            if named is not None and named.station_id == use.station_id:
                if named.transaction_id is not None:
                    return  # told again
                held.append(named)  # ended by our clock, but used before that by the station's
        outcome = decide.find_use(use, held)
        used, overtaken = outcome.used, outcome.overtaken
        if used is not None:
            now = self._clock.now()
            after = replace(
                used, status=ReservationStatus.USED, detail="", ended_at=now, transaction_id=use.transaction_id
            )
            store.change(work, used, after)
            work.emit(
                ReservationUsed(
                    occurred_at=use.at,
                    station_id=use.station_id,
                    transaction_id=use.transaction_id,
                    reservation=used.id,
                    evse=use.evse,
                )
            )
        elif overtaken is not None:
            work.emit(
                ReservationOvertaken(
                    occurred_at=use.at,
                    station_id=use.station_id,
                    transaction_id=use.transaction_id,
                    reservation=overtaken.id,
                    evse=use.evse,
                )
            )

    async def note_status(self, station_id: str, evse: int, status: str) -> None:
        """End what was kept on an EVSE that its station no longer shows as reserved, without having been used."""
        if status not in _FREED:
            return
        now = self._clock.now()
        for one in await self.pending(station_id):
            if one.evse != evse or one.status is not ReservationStatus.KEPT:
                continue
            is_over = one.expires_at <= now
            status_after = ReservationStatus.EXPIRED if is_over else ReservationStatus.REMOVED
            await self._end_now(one, status_after, "" if is_over else f"The station reports the EVSE as {status}.")

    async def expire(self) -> datetime | None:
        """End what has expired, and return when the next one will. OCPP 1.6 says nothing of it: the clock is ours."""
        now = self._clock.now()
        for one in await store.find_due(self._database, now):
            is_given_up = one.status is ReservationStatus.CANCELLING
            await self._end_now(one, ReservationStatus.CANCELLED if is_given_up else ReservationStatus.EXPIRED, "")
        return await store.find_next_due(self._database)

    async def restore(self, link: StationLink, station_id: str, *, has_booted: bool) -> None:
        """Bring a station in step: what was given up is cancelled there, what a boot lost is kept anew."""
        now = self._clock.now()
        for one in await self.pending(station_id):
            if one.expires_at <= now:
                continue
            lost = one.status is ReservationStatus.ASKED and one.created_at < now - timedelta(seconds=ASKING_S)
            try:
                if one.status is ReservationStatus.CANCELLING or lost:
                    await self._cancel(link, one, one.detail or "The answer to it was lost.")
                elif one.status is ReservationStatus.KEPT and has_booted:
                    await self._keep_again(link, one)
            except IngufuError as error:
                log.warning("reservation.not_restored", reservation=one.id, error=error.message)

    async def _keep_again(self, link: StationLink, kept: Reservation) -> None:
        outcome = await link.call(kept.station_id, _command(kept))
        if not outcome.is_accepted:
            why = f"The station restarted and answered {outcome.status} when asked again."
            await self._end_now(kept, ReservationStatus.REMOVED, why)

    async def _places(self, station_id: str) -> list[Place]:
        await self._stations.get(station_id)
        return [
            Place(evse=evse.number, plugs=frozenset(plug.kind for plug in plugs if plug.kind))
            for evse, plugs in await self._stations.topology(station_id)
        ]

    async def _check_support(self, link: StationLink, wanted: Wanted) -> None:
        """Raise Conflict where the station says beforehand that it cannot; one that does not say is simply asked.

        So is one that is to hear nothing of ours but what people ask of it.
        """
        if (await self._stations.get(wanted.station_id)).is_silent:
            return
        try:
            support = await link.call(wanted.station_id, GetReservationSupport())
        except (errors.StationOffline, errors.StationTimeout):
            raise
        except StationUnavailable:
            return
        if support.details.get("is_supported") is False:
            raise Conflict("The station does not keep reservations: the feature is missing or switched off.")
        is_any = wanted.evse is None and wanted.plug is None
        if is_any and support.details.get("any_evse") is False:
            raise Conflict("The station keeps no place without naming it: choose an EVSE.")

    async def _owner(self, wanted: Wanted) -> tuple[str | None, str | None]:
        """Return the token's id and the value of its group, if it is registered. Raises InvalidInput if blocked."""
        token = await self._authorization.find_token(wanted.token_value, wanted.token_kind)
        if token is None:
            return None, None
        if token.blocked_at is not None:
            raise InvalidInput("This token is blocked.", field="token")
        if token.group_id is None:
            return token.id, None
        return token.id, (await self._authorization.get_group(token.group_id)).value

    async def _enter(self, wanted: Wanted, places: list[Place], by: str) -> Reservation:
        """Return the reservation, stored under an id of its own. Raises Conflict if there is no room for it."""
        token_id, group = await self._owner(wanted)
        for _ in range(ID_TRIES):
            held = [one for one in await self.pending(wanted.station_id) if one.is_live]
            decide.check_room(wanted, held, places)
            reservation = Reservation(
                id=await store.find_next_id(self._database),
                token_id=token_id,
                group_value=group,
                created_at=self._clock.now(),
                created_by=plain(by, 200),
                **msgspec.structs.asdict(wanted),
            )
            try:
                async with self._database.work() as work:
                    store.add(work, reservation)
            except Conflict:
                continue
            return reservation
        raise Conflict("Others are reserving here at this moment; try again.")

    async def _ask(self, link: StationLink, asked: Reservation) -> Reservation:
        try:
            outcome = await link.call(asked.station_id, _command(asked))
        except (errors.StationTimeout, errors.Unavailable) as error:  # it may have heard
            await self._settle(asked, ReservationStatus.CANCELLING, error.message)
            raise
        except IngufuError as error:
            await self._settle(asked, ReservationStatus.FAILED, error.message)
            raise
        if outcome.is_accepted:
            return await self._settle(asked, ReservationStatus.KEPT, "")
        reason = " ".join(str(part) for part in (outcome.status, *outcome.details.values()) if part)
        return await self._settle(asked, ReservationStatus.REFUSED, f"The station answered {reason}.")

    async def _settle(self, asked: Reservation, status: ReservationStatus, detail: str) -> Reservation:
        """Store what came of asking the station. A start may have come before its answer: then that holds."""
        now = self._clock.now()
        is_kept = status is ReservationStatus.KEPT
        after = replace(
            asked,
            status=status,
            detail=plain(detail, DETAIL_MAX),
            kept_at=now if is_kept else None,
            ended_at=None if is_kept or status is ReservationStatus.CANCELLING else now,
        )
        try:
            async with self._database.work() as work:
                store.change(work, asked, after)
                if is_kept:
                    self._emit_kept(work, after)
                else:
                    work.emit(
                        ReservationRefused(
                            occurred_at=now,
                            station_id=asked.station_id,
                            reservation=asked.id,
                            evse=asked.evse,
                            reason=after.detail,
                        )
                    )
        except Conflict:
            return await self.get(asked.id)
        return after

    def _emit_kept(self, work: Work, kept: Reservation) -> None:
        work.emit(
            PlaceReserved(
                occurred_at=self._clock.now(), station_id=kept.station_id, reservation=kept.id, evse=kept.evse
            )
        )

    async def _cancel(self, link: StationLink, before: Reservation, why: str) -> Reservation:
        why = plain(why, DETAIL_MAX)
        try:
            outcome = await link.call(before.station_id, CancelReservation(reservation_id=before.id))
        except errors.StationUnsupported as error:
            return await self._end_now(before, ReservationStatus.CANCELLED, why or error.message)
        except (StationUnavailable, errors.Unavailable):
            if before.status is ReservationStatus.CANCELLING:
                return before
            after = replace(before, status=ReservationStatus.CANCELLING, detail=why)
            async with self._database.work() as work:
                store.change(work, before, after)
            return after
        if not outcome.is_accepted and not why:
            why = "The station had kept nothing under this number."
        return await self._end_now(before, ReservationStatus.CANCELLED, why)

    async def _end_now(self, before: Reservation, status: ReservationStatus, why: str) -> Reservation:
        """End a reservation in a unit of work of its own; if it ended otherwise meanwhile, that holds."""
        try:
            async with self._database.work() as work:
                return self._end(work, before, status, why, self._clock.now())
        except Conflict:
            return await self.get(before.id)

    def _end(self, work: Work, before: Reservation, status: ReservationStatus, why: str, at: datetime) -> Reservation:
        after = replace(before, status=status, detail=why, ended_at=at)
        store.change(work, before, after)
        work.emit(
            ReservationEnded(
                occurred_at=at,
                station_id=before.station_id,
                reservation=before.id,
                evse=before.evse,
                status=status.value,
                reason=why,
            )
        )
        return after


def _command(reservation: Reservation) -> ReserveNow:
    return ReserveNow(
        reservation_id=reservation.id,
        expires_at=reservation.expires_at,
        token=reservation.token_value,
        token_kind=reservation.token_kind,
        group=reservation.group_value,
        evse=reservation.evse,
        plug=reservation.plug,
    )
