"""Which transaction a 1.6 station means that may name it by a number of its own: one that we gave is kept as it is."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ingufu.charging.model import Transaction
from ingufu.charging.service import Charging

ACTIONS: Final = frozenset({"MeterValues", "StopTransaction"})
NUMBERS_KEPT: Final = 64  # of one station

Json = Any  # whatever JSON holds


class Binding:
    """The numbers that a station invented, and ours for them.

    All else is asked of the record: what a message says of it may fail to be stored, and comes again.
    """

    def __init__(self) -> None:
        self._aliases: dict[int, int] = {}

    async def bind(
        self,
        action: str,
        plain: dict[str, Json],
        running: Sequence[Transaction],
        charging: Charging,
        station_id: str,
    ) -> bool:
        """Put a number that is none of ours to the transaction of the connector, or to the only one that runs.

        Return whether `plain` was changed.
        """
        number = plain.get("transactionId")
        ours = {one.number: one for one in running if one.number is not None}
        if not isinstance(number, int) or isinstance(number, bool) or number <= 0 or number in ours:
            return False
        is_end = action == "StopTransaction"
        begun = [one for one in ours.values() if is_end or one.evse == plain.get("connectorId")]
        meant = self._aliases.get(number, number)
        if meant not in ours and await _is_past(meant, plain, begun, charging, station_id):
            plain["transactionId"] = meant
            return meant != number
        if not is_end:
            del plain["transactionId"]
            newest = max(begun, key=lambda one: one.started_at, default=None)
            if newest is not None and newest.number is not None:
                plain["transactionId"] = self._remember(number, newest.number)
        elif meant in ours:
            plain["transactionId"] = meant
        elif len(ours) == 1 and not await _was_told(plain, charging, station_id):
            plain["transactionId"] = self._remember(number, next(iter(ours)))
        else:
            plain["transactionId"] = -1
        return True

    def _remember(self, number: int, ours: int) -> int:
        self._aliases[number] = ours
        while len(self._aliases) > NUMBERS_KEPT:
            del self._aliases[next(iter(self._aliases))]
        return ours


async def _is_past(
    number: int, plain: dict[str, Json], begun: Iterable[Transaction], charging: Charging, station_id: str
) -> bool:
    """Return whether a number of ours means a transaction that is over: its end comes again, or readings come late.

    Some stations name the same number always, and we may have given it once: then what began since is meant.
    """
    ended = await charging.find(station_id, str(number))
    if ended is None or ended.number != number:
        return False
    told_at, ended_at = _told_at(plain), _ended_at(ended)
    if told_at is None or ended_at is None:
        return True
    return not any(ended_at <= _instant(one.started_at_station, one.started_at) < told_at for one in begun)


async def _was_told(plain: dict[str, Json], charging: Charging, station_id: str) -> bool:
    """Return whether a transaction has ended at the very instant that a stop tells: it may be that one's, again."""
    told_at = _told_at(plain)
    return told_at is not None and any(_ended_at(one) == told_at for one in await charging.lately_ended(station_id))


def _ended_at(ended: Transaction) -> datetime | None:
    return None if ended.ended_at is None else _instant(ended.ended_at_station, ended.ended_at)


def _instant(words: str | None, at: datetime) -> datetime:
    """Return an instant as the station told it: mended ones cannot be compared with what it tells now."""
    return _read(words) or at


def _told_at(plain: dict[str, Json]) -> datetime | None:
    values = plain.get("meterValue")
    first = values[0] if isinstance(values, list) and values else values
    return _read(plain.get("timestamp") or (first.get("timestamp") if isinstance(first, dict) else None))


def _read(text: Json) -> datetime | None:
    try:
        told = datetime.fromisoformat(text.strip().upper()) if isinstance(text, str) else None
    except ValueError:
        return None
    return told.replace(tzinfo=UTC) if told is not None and told.tzinfo is None else told
