"""What goes wrong at a station by itself, from the seed: faults, dropped connections, outages, power cuts."""

import random
from collections.abc import Callable

from ingufu.simulator import flow
from ingufu.simulator.history import FAULTS
from ingufu.simulator.station import Station
from ingufu.simulator.timeline import Timer

DAY_S = 86_400.0


class Troubles:
    """The mishaps of one station; one timer, drawn anew after each."""

    __slots__ = ("_kinds", "_rng", "_station", "_timer")

    def __init__(self, station: Station) -> None:
        self._station = station
        self._rng = random.Random(f"{station.spec.seed}:{station.spec.identity}:troubles")
        self._timer: Timer | None = None
        odds = station.spec.odds
        self._kinds: tuple[tuple[float, Callable[[], None]], ...] = (
            (odds.fault_per_day * len(station.evses), self._fault),
            (odds.drop_per_day, self._drop),
            (odds.outage_per_day, self._outage),
            (odds.power_loss_per_day, self._power_loss),
        )

    def begin(self) -> None:
        per_day = sum(rate for rate, _ in self._kinds) * self._station.around.pace
        if per_day > 0:
            self._timer = self._station.later(self._rng.expovariate(per_day / DAY_S), self._happen)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _happen(self) -> None:
        if self._station.is_on and not self._station.is_offline:
            happen = self._rng.choices([kind for _, kind in self._kinds], [rate for rate, _ in self._kinds])[0]
            happen()
        self.begin()

    def _length_s(self, shortest_s: float, mean_s: float) -> float:
        return shortest_s + self._rng.expovariate(1.0 / mean_s) / self._station.around.pace

    def _fault(self) -> None:
        station = self._station
        evse = self._rng.choice(station.evses)
        code, info = self._rng.choice(FAULTS)
        length_s = self._length_s(40.0, 5400.0)
        if evse.fault is None:
            flow.fail(station, evse, code, info)
            station.later(length_s, lambda: flow.recover(station, evse))

    def _drop(self) -> None:
        self._station.drop()

    def _outage(self) -> None:
        station = self._station
        station.go_offline()
        station.later(self._length_s(45.0, 2400.0), station.come_back)

    def _power_loss(self) -> None:
        flow.lose_power(self._station, self._length_s(30.0, 1200.0))
