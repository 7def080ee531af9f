"""What views know, brought into the words that templates draw: one status for an EVSE, one for a station."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingufu.charging.model import ChargingState
from ingufu.stations.model import ConnectorStatus
from ingufu.views.stations import EvseView, StationRow
from ingufu.views.timeline import EventRow
from ingufu.web.live import LiveEvent

EventT = TypeVar("EventT", EventRow, LiveEvent)

_BY_STATE = {
    ChargingState.CHARGING: "charging",
    ChargingState.SUSPENDED_EV: "suspended-ev",
    ChargingState.SUSPENDED_EVSE: "suspended-evse",
    ChargingState.EV_CONNECTED: "preparing",
    ChargingState.IDLE: "finishing",
}
_PRESSING = (
    ConnectorStatus.FAULTED,
    ConnectorStatus.OCCUPIED,
    ConnectorStatus.RESERVED,
    ConnectorStatus.UNAVAILABLE,
    ConnectorStatus.AVAILABLE,
)
_WORD_OF_RAW = {"Preparing": "preparing", "Finishing": "finishing"}  # 1.6 says more than occupied


def evse_status(evse: EvseView, *, is_online: bool) -> str:
    """Return an EVSE in one word: what charges there, else what its connectors report."""
    if evse.transaction is not None:
        return _BY_STATE.get(evse.transaction.state, "charging") if is_online else "offline"
    if not is_online:
        return "offline"
    reported = {connector.status: connector for connector in evse.connectors}
    for status in _PRESSING:
        if status in reported:
            return _WORD_OF_RAW.get(reported[status].raw_status, status.value)
    return "unknown"


def evse_statuses(station: StationRow) -> list[tuple[str, str]]:
    """Return number and status of each EVSE, for the dots of a list."""
    return [(str(evse.number), evse_status(evse, is_online=station.is_online)) for evse in station.evses]


def station_power_w(station: StationRow) -> float | None:
    """Return what a station gives now; None if nothing charges there or nothing is known."""
    powers = [evse.transaction.power_w for evse in station.evses if evse.transaction is not None]
    known = [power for power in powers if power is not None]
    return sum(known) if known else None


class Lenient(dict[str, Any]):
    """Values by name that a template may ask for whether they are there or not: what is not there is None."""

    def __missing__(self, key: str) -> None:
        return None


class Entered(dict[str, str]):
    """What was entered into a form, by field; what was not is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def events(rows: Sequence[EventT]) -> list[EventT]:
    """Return events whose details may be asked for whether an older version stored them or not."""
    return [msgspec.structs.replace(row, details=Lenient(row.details)) for row in rows]


@lru_cache(maxsize=600)
def zone(name: str | None) -> tzinfo:
    """Return the time zone of this name; UTC for one that nobody knows."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def common_zone(names: Sequence[str]) -> str:
    """Return the zone of all these places if they share one, else UTC: what a page shows that is about all of them."""
    different = set(names)
    return different.pop() if len(different) == 1 else "UTC"
