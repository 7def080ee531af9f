"""A running transaction between two of its events: readings in order change it without making it anew. Pure.

Nearly every message is a reading that comes after all others, of a register that has risen. What it changes is kept
here in place, and made into the transaction when something else happens to it. The result is that of `fold`.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ingufu.charging import sequence
from ingufu.charging.clocks import CLOCK_FAULTS
from ingufu.charging.energy import Place, Point
from ingufu.charging.fold import RESTING, Known
from ingufu.charging.model import ChargingState, Figures


class Beat(NamedTuple):
    """A reading in order."""

    at: datetime
    at_station: str | None
    figures: Figures
    samples: str  # as they are kept
    received_at: datetime


class Turn(NamedTuple):
    """An update of a running transaction that says nothing new but that it goes on."""

    seq: int
    at: datetime
    at_station: str
    trigger: str
    state: ChargingState | None
    evse: int | None
    connector: int | None
    received_at: datetime

    @property
    def key(self) -> str:
        """The key of its event."""
        return str(self.seq)


class Pulse:
    """The transaction `known`, and what readings have changed of it since."""

    __slots__ = (
        "_burst_wh",
        "_hash",
        "_latest",
        "_points",
        "_rests",
        "_turn",
        "at",
        "energy_wh",
        "heard_at",
        "known",
        "last_seq",
        "power_at",
        "power_w",
        "soc_percent",
        "state_at",
        "wh",
    )

    def __init__(self, known: Known, at: datetime, believed: Point, burst_wh: Decimal) -> None:
        transaction = known.transaction
        self.known = known
        self.at = at
        self.wh = believed.wh
        self.energy_wh = known.track.energy_wh
        self.power_w = known.power_w
        self.power_at = known.power_at
        self.soc_percent = transaction.soc_percent
        self.state_at = known.state_at
        self.heard_at = transaction.heard_at
        self.last_seq = known.seen[0][1] if len(known.seen) == 1 else None
        self._turn: Turn | None = None
        self._latest = known.latest
        self._hash: int | None = None
        self._rests = transaction.state in RESTING
        self._points = 0
        self._burst_wh = burst_wh

    def follows(self, at: datetime, wh: Decimal | None) -> bool:
        """Return whether a reading is in order: later than all others, its register risen by what is believed."""
        if at <= self.at or (self.state_at is not None and at <= self.state_at):
            return False
        return wh is None or 0 <= wh - self.wh <= self._burst_wh

    def goes_on_with(self, turn: Turn) -> bool:
        """Return whether an update is the next one, and says of place and state what is known."""
        transaction = self.known.transaction
        return (
            self.last_seq is not None
            and turn.seq == self.last_seq + 1
            and (turn.state is None or turn.state is transaction.state)
            and (turn.evse is None or (turn.evse == transaction.evse and turn.connector == transaction.connector))
            and (self.state_at is None or turn.at > self.state_at)
        )

    def turn(self, turn: Turn) -> None:
        """Take an update that it `goes_on_with`, after its reading."""
        self._turn = turn
        self.last_seq = turn.seq
        self.heard_at = turn.received_at
        if turn.state is not None:
            self.state_at = turn.at

    def advance(self, beat: Beat) -> None:
        """Take a reading that `follows`."""
        at, samples, seen, self.heard_at = beat.at, beat.samples, beat.figures, beat.received_at
        wh = seen.energy_wh
        if wh is not None:
            self.energy_wh += wh - self.wh
            self.wh = wh
            self._points += 1
        if seen.power_w is not None:
            self.power_w, self.power_at = seen.power_w, at
        if seen.soc_percent is not None:
            self.soc_percent = seen.soc_percent
        self.at = at
        self._hash = hash(samples)

    @property
    def shown_power_w(self) -> float | None:
        """The power now (see `fold`): that of a resting vehicle is what it has told since it rests."""
        if self._rests and self.state_at is not None and self.power_at is not None and self.state_at >= self.power_at:
            return 0.0 if self.power_w is not None else None
        return self.power_w

    def known_now(self) -> Known:
        """Return the transaction as it is now."""
        known = self.known
        if self.heard_at is known.transaction.heard_at:
            return known
        replace = msgspec.structs.replace
        track, at = known.track, self.at
        if self._points:
            point = Point(Place.WITHIN, at, self.wh)
            count, samples = track.count + self._points, track.samples + self._points
            track = replace(track, count=count, samples=samples, believed=point, newest=point, energy_wh=self.energy_wh)
        if self._turn is not None and self.last_seq is not None:
            seen = ((known.seen[0][0], self.last_seq),)
            order = (1, self.last_seq, self._turn.at, self._turn.key)
            known = replace(known, seen=seen, newest=order, state_at=self.state_at)
        transaction = replace(
            known.transaction,
            last_seq=known.seen[-1][1] if known.seen else None,
            seq_count=sequence.count(known.seen) if known.seen else 0,
            last_reading_at=at if self._hash is not None else known.transaction.last_reading_at,
            last_wh=self.wh,
            energy_wh=self.energy_wh,
            power_w=self.shown_power_w,
            soc_percent=self.soc_percent,
            heard_at=self.heard_at,
        )
        return replace(
            known,
            transaction=transaction,
            track=track,
            power_w=self.power_w,
            power_at=self.power_at,
            latest=self._latest if self._hash is None else frozenset((self._hash,)),
        )


def begin(known: Known, burst_wh: Decimal) -> Pulse | None:
    """Return the transaction ready for readings in order; None if what comes next has to be looked at closely."""
    transaction, track = known.transaction, known.track
    believed, newest, at = track.believed, track.newest, transaction.last_reading_at
    if believed is None or newest is None or track.doubted is not None or newest.place > Place.WITHIN:
        return None
    if not transaction.is_open or not known.has_start or known.has_end or known.is_partial:
        return None
    if transaction.state is ChargingState.ENDED or not CLOCK_FAULTS.isdisjoint(known.marks):
        return None
    return Pulse(known, max(at or newest.at, newest.at), believed, burst_wh)
