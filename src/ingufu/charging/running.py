"""The open transactions of the stations this process holds, in memory: what makes an update need no read."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial

from ingufu.charging.fold import Known
from ingufu.charging.model import AnomalyKind
from ingufu.charging.pulse import Pulse, begin
from ingufu.infra.storage.database import Work

RECENT = 2  # closed transactions of a station that are held, because messages about them still come


class Holding:
    """What is held of one station: its open transactions by id, and what it was marked with outside of them.

    A closed one is let go, unless it is told of after it was closed: a queue may hold thousands of its readings.
    """

    __slots__ = ("noted", "open", "pulses", "recent", "written")

    def __init__(
        self,
        running: dict[str, Known],
        recent: dict[str, Known] | None = None,
        noted: frozenset[AnomalyKind] = frozenset(),
    ) -> None:
        self.open = running
        self.recent = recent or {}
        self.noted = noted
        self.pulses: dict[str, Pulse] = {}  # of open ones, by what the station calls them
        self.written: list[str] = []  # whose row the unit of work has written that changes this copy

    def catch_up(self) -> None:
        """Have the transactions be what readings in order have made of them."""
        for pulse in self.pulses.values():
            known = pulse.known_now()
            self.open[known.transaction.id] = known
        self.pulses.clear()

    def pulse_of(self, reference: str, burst_wh: Decimal) -> Pulse | None:
        """Return the open transaction that the station calls so, ready for readings in order, if it can be."""
        pulse = self.pulses.get(reference)
        if pulse is None:
            for known in self.open.values():
                if known.transaction.reference == reference:
                    pulse = begin(known, burst_wh)
                    if pulse is not None:
                        self.pulses[reference] = pulse
                    break
        return pulse

    def copy(self) -> "Holding":
        return Holding(dict(self.open), dict(self.recent), self.noted)

    def find(self, transaction_id: str) -> Known | None:
        """Return the transaction of this id."""
        return self.open.get(transaction_id) or self.recent.get(transaction_id)

    def named(self, reference: str) -> Known | None:
        """Return the transaction that the station calls so."""
        for held in (self.open, self.recent):
            for known in held.values():
                if known.transaction.reference == reference:
                    return known
        return None

    def keep(self, known: Known) -> None:
        """Hold a transaction as it is now, and as its row is written."""
        id_ = known.transaction.id
        self.written.append(id_)
        if known.transaction.is_open:
            self.open[id_] = known
        elif self.open.pop(id_, None) is None:
            self.recent.pop(id_, None)
            self.recent[id_] = known
            if len(self.recent) > RECENT:
                del self.recent[next(iter(self.recent))]


def _ignore(_: str) -> None:
    """Nobody asks."""


class Running:
    """Holdings by station, each as of the last commit. A unit of work changes a copy, which counts when it commits.

    If a unit did not commit, what is held may be out of date: the next one reads anew.
    """

    def __init__(self, load: Callable[[str], Awaitable[dict[str, Known]]], limit: int) -> None:
        self._load = load
        self._limit = limit
        self._held: OrderedDict[str, Holding] = OrderedDict()
        self._pending: dict[str, tuple[Work, Holding]] = {}
        self.written: Callable[[str], object] = _ignore  # told of transactions whose row a unit of work has written

    async def of(self, work: Work, station_id: str) -> Holding:
        """Return what is held of a station, for this unit of work to change."""
        pending = self._pending.get(station_id)
        if pending is not None:
            if pending[0] is work:
                return pending[1]
            self.forget(station_id)
        held = self._held.get(station_id)
        if held is None:
            held = Holding(await self._load(station_id))
        elif held.pulses:
            held.catch_up()
        copy = held.copy()
        self._pending[station_id] = (work, copy)
        work.after_commit(partial(self._settle, station_id, work))
        return copy

    def peek(self, station_id: str) -> Holding | None:
        """Return what is held of a station, unless nothing is or a unit of work is about to change it."""
        return None if station_id in self._pending else self._held.get(station_id)

    def forget(self, station_id: str) -> None:
        """Hold nothing of a station: another process may have changed it."""
        self._held.pop(station_id, None)
        self._pending.pop(station_id, None)

    def _settle(self, station_id: str, work: Work) -> None:
        pending = self._pending.get(station_id)
        if pending is None or pending[0] is not work:
            return
        del self._pending[station_id]
        held = pending[1]
        for id_ in held.written:
            self.written(id_)
        held.written.clear()
        self._held[station_id] = held
        self._held.move_to_end(station_id)
        if len(self._held) > self._limit:
            self._held.popitem(last=False)
