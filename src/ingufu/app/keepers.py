"""What keeps stations in step with us beside their messages: local lists and reservations, driven by events."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from ingufu.app.parts import EVENTS_TOPIC
from ingufu.authorization.jobs import ListKeeper
from ingufu.core.commands import StationLink
from ingufu.infra.bus.port import Bus
from ingufu.infra.ending import end
from ingufu.reservations.jobs import ReservationKeeper
from ingufu.services import Services
from ingufu.stations.decide import is_restart

LIST_CONFLICT = "LocalListConflict"  # error code of 1.6
_HEAD = b'{"kind":"'
_TOKENS = frozenset(
    {
        b"TokenCreated",
        b"TokenChanged",
        b"TokenBlocked",
        b"TokenUnblocked",
        b"TokenDeleted",
        b"GroupChanged",
        b"DriverChanged",
        b"DriverBlocked",
        b"DriverUnblocked",
        b"AdmissionChanged",
    }
)
_STATIONS = frozenset({b"StationConnected", b"StationBooted", b"StatusChanged", b"StationChanged", b"LocalListAsked"})
_RESERVATIONS = frozenset({b"PlaceReserved"})

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Told:
    """Hands events to the keepers. Most are none of theirs: those are told by their first bytes, and not read."""

    def __init__(self, lists: ListKeeper, reservations: ReservationKeeper) -> None:
        self._lists = lists
        self._reservations = reservations

    def __call__(self, message: bytes) -> None:
        kind = message[len(_HEAD) : message.find(b'"', len(_HEAD))]
        if kind in _TOKENS:
            self._lists.tokens_changed()
        elif kind in _RESERVATIONS:
            self._reservations.reservations_changed()
        elif kind in _STATIONS:
            self._station(kind, _decode(message))

    def _station(self, kind: bytes, event: dict[str, Any]) -> None:
        station_id = event.get("station_id")
        if not isinstance(station_id, str):
            return
        if kind == b"StatusChanged":
            if event.get("error_code") == LIST_CONFLICT:
                self._lists.list_contradicted(station_id)
            self._reservations.status_changed(station_id, int(event["evse"]), event.get("before"), str(event["after"]))
        elif kind == b"StationConnected":
            self._lists.station_came(station_id)
            self._reservations.station_connected(station_id)
        elif kind == b"StationBooted":
            is_accepted = event.get("answer") == "Accepted"
            if is_restart(event.get("reason")):
                self._reservations.station_restarted(station_id)
            if is_accepted:
                self._lists.station_came(station_id)
                self._reservations.station_accepted(station_id)
        else:
            self._lists.station_asked(station_id)


@asynccontextmanager
async def keeping(services: Services, link: StationLink, bus: Bus, uniform: Callable[[], float]) -> AsyncIterator[None]:
    """Keep stations in step while the block runs."""
    lists = ListKeeper(services.local_lists, link, uniform=uniform)
    reservations = ReservationKeeper(services.reservations, link, services.clock)
    unsubscribe = bus.subscribe(EVENTS_TOPIC, Told(lists, reservations))
    tasks = [asyncio.create_task(lists.run()), asyncio.create_task(reservations.run())]
    try:
        yield
    finally:
        unsubscribe()
        await end(*tasks)
