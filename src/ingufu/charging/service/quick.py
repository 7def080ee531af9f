"""The short way of a reading in order: no lock, no task, no unit of work of its own; the same record in the end.

What is written is what `recording` would write. Whatever is not plain goes the long way.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from ingufu.charging import clocks, decide, store
from ingufu.charging.intake import KeptReading
from ingufu.charging.model import ChargingRules
from ingufu.charging.pulse import Pulse
from ingufu.charging.running import Running
from ingufu.core.errors import Conflict
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.engine import Outcome, Unit

Done = Callable[[Outcome], None]


class QuickStep:
    """One reading on its short way: its writes, and what follows them."""

    __slots__ = ("_done", "_pulse", "_pulses", "_reading", "_received_at", "_samples", "unit")

    def __init__(
        self,
        pulses: "Pulses",
        pulse: Pulse,
        unit: Unit,
        reading: KeptReading,
        samples: str,
        received_at: datetime,
    ) -> None:
        self.unit = unit
        self._pulses = pulses
        self._pulse = pulse
        self._reading = reading
        self._samples = samples
        self._received_at = received_at
        self._done: Done | None = None

    def submit(self, done: Done) -> bool:
        """Have it written, and `done` called with what became of it; False if storage is closed."""
        self._done = done
        return self._pulses.submit(self)

    def settle(self, outcome: Outcome) -> None:
        """Take the reading into account now that it is kept, and go on."""
        if outcome is None:
            self._pulse.advance(self._reading, self._samples, self._received_at)
            self._pulses.stir(self._pulse)
        else:
            self._pulses.forget(self._pulse)
        if self._done is not None:
            self._done(outcome)


class Pulses:
    """The running transactions whose row lags behind their readings."""

    def __init__(self, database: Database, running: Running, rules: ChargingRules) -> None:
        self._database = database
        self._running = running
        self._ahead = timedelta(seconds=rules.clock_ahead_s)
        self._burst_wh = Decimal(str(rules.burst_wh))
        self._stirred: dict[str, Pulse] = {}
        self._stir = database.hold_back(self._hand_over)
        self.submit = database.writer.submit_for

    def step(
        self, station_id: str, reference: str, evse: int | None, reading: KeptReading, received_at: datetime
    ) -> QuickStep | None:
        """Return the reading ready to be written; None if it has to go the long way."""
        at = reading.at
        if at < clocks.EARLIEST or at > received_at + self._ahead:
            return None
        held = self._running.peek(station_id)
        pulse = held.pulse_of(reference, self._burst_wh) if held is not None else None
        if pulse is None or not pulse.follows(at, reading.figures.energy_wh):
            return None
        transaction = pulse.known.transaction
        samples = store.encode_samples(reading.samples)
        write = store.reading_write(
            self._database,
            reading,
            samples,
            station_id=station_id,
            evse=transaction.evse if evse is None else evse,
            transaction_id=transaction.id,
            received_at=received_at,
        )
        return QuickStep(self, pulse, (write,), reading, samples, received_at)

    def stir(self, pulse: Pulse) -> None:
        """Have the row of a transaction follow within a second, and those who watch be told."""
        if not self._stirred:
            self._stir()
        self._stirred[pulse.known.transaction.id] = pulse

    def forget(self, pulse: Pulse) -> None:
        """Read anew what is kept: a reading was not written, or nobody knows."""
        self._running.forget(pulse.known.transaction.station_id)

    def _hand_over(self) -> list["_Figures"]:
        """Return what rows have to follow, and tell who watches."""
        stirred, self._stirred = self._stirred, {}
        transactions = [pulse.known_now().transaction for pulse in stirred.values()]
        if transactions:
            self._database.announce([decide.tell_live(transaction) for transaction in transactions])
        return [
            _Figures((store.figures_write(self._database, one),), self._running, one.station_id) for one in transactions
        ]


class _Figures(NamedTuple):
    """A row that follows its readings."""

    unit: Unit
    running: Running
    station_id: str

    def settle(self, outcome: Outcome) -> None:
        """Read anew what is kept if the row is not as it was: another process has changed it."""
        if isinstance(outcome, Conflict):
            self.running.forget(self.station_id)
