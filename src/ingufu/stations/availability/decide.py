"""Whether what stations report is what was asked of them. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ingufu.stations.availability.model import Wish, WishState
from ingufu.stations.model import Connector, ConnectorStatus

SETTLES = timedelta(seconds=15)  # so long a station may show otherwise for a moment
FOLLOWS = timedelta(minutes=1)  # so long it may take to do what it was told
TELLINGS = 5  # most, for one contradiction
KEPT_LONG = timedelta(hours=1)  # what was so for so long, and is no longer, is another contradiction

_SILENT = frozenset({ConnectorStatus.UNKNOWN, ConnectorStatus.FAULTED})  # which say nothing of availability


def covers(wish: Wish, connector: Connector) -> bool:
    """Return whether a wish is about a connector, be it by its EVSE or by the whole station."""
    return wish.evse in (0, connector.evse) and wish.connector in (0, connector.number)


def is_whole_out(wish: Wish) -> bool:
    """Return whether a wish takes the whole station out of service; one that the station refused does not."""
    return wish.evse == 0 and not wish.is_operative and wish.state is not WishState.REFUSED


def expected(wishes: Iterable[Wish], connector: Connector) -> bool | None:
    """Return whether a connector shall serve: out of service if any wish says so; None if nobody asked anything."""
    wanted = [wish.is_operative for wish in wishes if covers(wish, connector)]
    return all(wanted) if wanted else None


def is_contradicted(wish: Wish, wishes: Iterable[Wish], connectors: Iterable[Connector]) -> bool:
    """Return whether a connector reports the contrary of what a wish, together with the others, makes of it.

    One that still charges has until the end of that to go out of service (G03.FR.05); a fault says nothing.
    """
    known = list(wishes)
    for connector in connectors:
        if not covers(wish, connector) or connector.status in _SILENT:
            continue
        is_out = connector.status is ConnectorStatus.UNAVAILABLE
        if wish.is_operative:
            if is_out and expected(known, connector):
                return True
        elif not is_out and connector.status is not ConnectorStatus.OCCUPIED:
            return True
    return False


def is_shown(wish: Wish, wishes: Iterable[Wish], connectors: Iterable[Connector]) -> bool:
    """Return whether every connector that a wish is about reports what it asked."""
    known = list(wishes)
    about = [connector for connector in connectors if covers(wish, connector)]
    if not about:
        return False
    for connector in about:
        is_out = connector.status is ConnectorStatus.UNAVAILABLE
        if connector.status in _SILENT:
            return False
        if wish.is_operative and is_out and expected(known, connector):
            return False
        if not wish.is_operative and not is_out:
            return False
    return True


def is_due(wish: Wish, wishes: Iterable[Wish], connectors: Iterable[Connector]) -> bool:
    """Return whether a station that has come back is to be told (again): it was never, or it does otherwise."""
    if wish.state is WishState.WANTED:
        return True
    if wish.state is WishState.REFUSED:
        return False
    return is_contradicted(wish, wishes, connectors)


def is_undone(wish: Wish) -> bool:
    """Return whether the station was told, and has been told since what undoes it (1.6: connector 0 is all of them)."""
    return wish.state is WishState.WANTED and wish.told_at is not None and wish.answer is None


def next_telling_at(wish: Wish, times: int, last_at: datetime) -> datetime | None:
    """Return when a station that is here and does otherwise is to be told again, which gets rarer; None: no more.

    `last_at` is when it was told last, or when it was first seen to do otherwise.
    """
    if times >= TELLINGS:
        return None
    if times:
        return last_at + FOLLOWS * 4.0 ** (times - 1)
    if is_undone(wish):
        return last_at
    settled_at = last_at + SETTLES
    return settled_at if wish.told_at is None else max(settled_at, wish.told_at + FOLLOWS)
