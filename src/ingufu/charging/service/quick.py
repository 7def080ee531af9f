"""The short way of a reading in order: no lock, no task, no unit of work of its own; the same record in the end.

What is written is what `recording` would write. Whatever is not plain goes the long way.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from ingufu.charging import clocks, decide, store
from ingufu.charging.model import ChargingRules
from ingufu.charging.plain import PLACED
from ingufu.charging.pulse import Beat, Pulse, Turn
from ingufu.charging.running import Running
from ingufu.core.errors import Conflict
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.engine import Outcome, Unit, Write

Done = Callable[[Outcome], None]


class QuickStep:
    """One reading on its short way: its writes, and what follows them."""

    __slots__ = ("_beat", "_done", "_pulse", "_pulses", "_turn", "unit")

    def __init__(self, pulses: "Pulses", pulse: Pulse, unit: Unit, beat: Beat | None, turn: Turn | None = None) -> None:
        self.unit = unit
        self._turn = turn
        self._pulses = pulses
        self._pulse = pulse
        self._beat = beat
        self._done: Done | None = None

    def submit(self, done: Done) -> bool:
        """Have it written, and `done` called with what became of it; False if storage is closed."""
        self._done = done
        return self._pulses.submit(self)

    def settle(self, outcome: Outcome) -> None:
        """Take the reading into account now that it is kept, and go on."""
        if outcome is None:
            if self._beat is not None:
                self._pulse.advance(self._beat)
            if self._turn is not None:
                self._pulse.turn(self._turn)
            self._pulses.stir(self._pulse)
        else:
            self._pulses.forget(self._pulse)
        if self._done is not None:
            self._done(outcome)


class Pulses:
    """The running transactions whose row lags behind their readings."""

    table = store.TABLE

    def __init__(self, database: Database, running: Running, rules: ChargingRules) -> None:
        self._database = database
        self._running = running
        self._ahead = timedelta(seconds=rules.clock_ahead_s)
        self._late = timedelta(seconds=rules.offline_after_s)
        self._burst_wh = Decimal(str(rules.burst_wh))
        self._stirred: dict[str, Pulse] = {}
        self._leaving: dict[str, Pulse] = {}
        self._stir = database.hold_back(self)
        self.submit = database.writer.submit_for
        running.written = self._has_followed

    def step(self, station_id: str, reference: str, evse: int | None, beat: Beat) -> QuickStep | None:
        """Return the reading ready to be written; None if it has to go the long way."""
        pulse = self._find(station_id, reference)
        write = self._reading(pulse, evse, beat) if pulse is not None else None
        return None if pulse is None or write is None else QuickStep(self, pulse, (write,), beat)

    def turn(self, station_id: str, reference: str, turn: Turn, beat: Beat | None) -> QuickStep | None:
        """Return an update that says nothing new, with its reading, ready to be written; None: the long way."""
        if not clocks.EARLIEST <= turn.at <= turn.received_at + self._ahead or turn.at < turn.received_at - self._late:
            return None
        pulse = self._find(station_id, reference)
        if pulse is None or not pulse.goes_on_with(turn):
            return None
        write = store.turn_write(self._database, pulse.known.transaction.id, turn)
        if beat is None:
            return QuickStep(self, pulse, (write,), None, turn)
        reading = self._reading(pulse, turn.evse, beat)
        return None if reading is None else QuickStep(self, pulse, (write, reading), beat, turn)

    def _find(self, station_id: str, reference: str) -> Pulse | None:
        held = self._running.peek(station_id)
        return None if held is None else held.pulse_of(reference, self._burst_wh)

    def _reading(self, pulse: Pulse, evse: int | None, beat: Beat) -> Write | None:
        """Return the write of a reading that is plain and in order."""
        at, seen = beat.at, beat.figures
        if at < clocks.EARLIEST or at > beat.received_at + self._ahead or seen.context in PLACED:
            return None
        if not pulse.follows(at, seen.energy_wh):
            return None
        of = pulse.known.transaction
        return store.reading_write(self._database, beat, of.station_id, of.evse if evse is None else evse, of.id)

    def stir(self, pulse: Pulse) -> None:
        """Have the row of a transaction follow within a second, and those who watch be told."""
        if not self._stirred:
            self._stir()
        self._stirred[pulse.known.transaction.id] = pulse

    def forget(self, pulse: Pulse) -> None:
        """Read anew what is kept: a reading was not written, or nobody knows."""
        self._running.forget(pulse.known.transaction.station_id)

    def leave(self) -> None:
        """Let the rows of what was stirred follow with the next commits."""
        self._leaving, self._stirred = self._stirred, {}

    def take(self, most: int) -> list["_Figures"]:
        """Return the next rows that follow, and tell who watches."""
        leaving = self._leaving
        pulses = [leaving.pop(name) for name in list(islice(leaving, most))]
        transactions = [pulse.known_now().transaction for pulse in pulses]
        if transactions:
            self._database.announce([decide.tell_live(transaction) for transaction in transactions])
        return [
            _Figures((store.figures_write(self._database, one),), self._running, one.station_id) for one in transactions
        ]

    def _has_followed(self, transaction_id: str) -> None:
        """Let the row be: a unit of work has written it, with all that readings had made of it."""
        self._stirred.pop(transaction_id, None)
        self._leaving.pop(transaction_id, None)


class _Figures(NamedTuple):
    """A row that follows its readings."""

    unit: Unit
    running: Running
    station_id: str

    def settle(self, outcome: Outcome) -> None:
        """Read anew what is kept if the row is not as it was: another process has changed it."""
        if isinstance(outcome, Conflict):
            self.running.forget(self.station_id)
