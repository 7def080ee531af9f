"""The drivers of a living network: they come, plug in, present cards, charge, linger and leave, one EVSE at a time."""

import random
from collections.abc import Callable
from zoneinfo import ZoneInfo

from ingufu.simulator import demand, flow
from ingufu.simulator.access import Token
from ingufu.simulator.demand import Place
from ingufu.simulator.evse import ChargingState, Evse, Reason, Trigger
from ingufu.simulator.places import Site
from ingufu.simulator.plan import Driver
from ingufu.simulator.station import Station
from ingufu.simulator.timeline import Timer
from ingufu.simulator.vehicle import MODELS, Vehicle, arrive

LOOK_S = 12.0  # how often a driver looks whether it is done
PATIENCE_S = 45.0  # then a driver whom nothing lets charge leaves
RETRY_S = 60.0  # when the EVSE cannot be used: the next one looks again
CARD_FIRST = 0.25  # share of drivers who present the card before they plug in


class Crowd:
    """The drivers of a city; nobody charges at two places at once."""

    def __init__(self, drivers: tuple[Driver, ...]) -> None:
        self._drivers = drivers
        self._busy: set[str] = set()

    def next(self, rng: random.Random) -> Driver | None:
        """Return somebody who is not charging yet; None if chance finds nobody."""
        for _ in range(8):
            driver = rng.choice(self._drivers)
            if driver.token not in self._busy:
                self._busy.add(driver.token)
                return driver
        return None

    def leave(self, driver: Driver) -> None:
        self._busy.discard(driver.token)


class Visits:
    """Who uses one EVSE, for ever."""

    __slots__ = (
        "_crowd",
        "_deadline_s",
        "_driver",
        "_evse",
        "_popularity",
        "_rng",
        "_satisfied_until_s",
        "_site",
        "_station",
        "_timer",
        "_waited_s",
        "_zone",
    )

    def __init__(self, station: Station, evse: Evse, site: Site, crowd: Crowd, popularity: float) -> None:
        self._station = station
        self._evse = evse
        self._site = site
        self._zone = ZoneInfo(site.time_zone)
        self._crowd = crowd
        self._popularity = popularity
        self._rng = random.Random(f"{station.spec.seed}:{station.spec.identity}:{evse.number}:visits")
        self._timer: Timer | None = None
        self._driver: Driver | None = None
        self._deadline_s = 0.0
        self._satisfied_until_s: float | None = None
        self._waited_s = 0.0
        evse.on_called_to = self._come

    def begin(self, *, busy_share: float, within_s: float) -> None:
        """Let the first driver come soon with that probability, otherwise when the rhythm says so."""
        if self._rng.random() < busy_share:
            self._later(1.0 + self._rng.random() * within_s, self._arrive)
        else:
            self._later(within_s + self._gap_s(), self._arrive)

    def end(self) -> None:
        """Let nobody come any more; who is there stays as he is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _pace(self) -> float:
        return self._station.around.pace

    def _later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timer = self._station.later(seconds, callback)

    def _stay_s(self) -> float:
        return demand.stay_s(self._rng, self._site.place, is_dc=self._evse.spec.is_dc) / self._pace

    def _gap_s(self) -> float:
        """Draw the time until the next driver, by the site's own clock, at the network's pace."""
        local_at = self._station.around.timeline.now().astimezone(self._zone)
        per_hour = demand.per_hour(self._site.place, local_at, popularity=self._popularity, is_lively=self._pace > 1.0)
        return self._rng.expovariate(max(per_hour, 0.02) * self._pace / 3600.0)

    def _arrive(self) -> None:
        evse = self._evse
        is_open = self._station.is_operative and evse.is_free and evse.reservation is None
        driver = self._crowd.next(self._rng) if is_open else None
        if driver is None:
            self._later(RETRY_S * (0.5 + self._rng.random()), self._arrive)
            return
        self._driver = driver
        self._waited_s = 0.0
        self._satisfied_until_s = None
        self._deadline_s = self._now_s() + max(self._stay_s(), 90.0)
        if self._rng.random() < CARD_FIRST:
            self._present()
            self._later(2.0 + 5.0 * self._rng.random(), self._plug_in)
        else:
            self._plug_in()

    def _come(self) -> None:
        """Plug in soon, as somebody who had the station started by an app or by telephone, unless a driver is here."""
        if self._driver is not None or self._timer is None:
            return
        self._timer.cancel()
        self._waited_s = 0.0
        self._satisfied_until_s = None
        self._deadline_s = self._now_s() + max(self._stay_s(), 90.0)
        self._later(2.0 + 4.0 * self._rng.random(), self._plug_in)

    def _plug_in(self) -> None:
        if not self._evse.is_plugged:
            flow.plug_in(self._station, self._evse, self._vehicle())
        if self._evse.token is None:
            self._later(2.0 + 6.0 * self._rng.random(), self._present_and_look)
        else:
            self._later(LOOK_S, self._look)

    def _present_and_look(self) -> None:
        if self._evse.token is None and self._evse.is_plugged:
            self._present()
        self._later(LOOK_S, self._look)

    def _present(self) -> None:
        if self._driver is not None:
            flow.present(self._station, Token(self._driver.token), self._evse)

    def _vehicle(self) -> Vehicle:
        rng, spec = self._rng, self._station.spec
        refusal = spec.odds.refusal
        if self._site.place is Place.DEPOT and rng.random() < 0.75:
            shrink = max(1.0, self._pace / 4.0)  # small batteries need no more
            return Vehicle(MODELS[-1], soc=rng.uniform(8, 40), ambient_c=spec.ambient_c, shrink=shrink)
        return arrive(
            rng,
            is_dc=self._evse.spec.is_dc,
            ambient_c=spec.ambient_c,
            shrink=max(1.0, self._pace * (0.35 if self._evse.spec.is_dc else 1.0)),  # DC would be over in a minute
            refusal=refusal,
        )

    def _look(self) -> None:
        """See how it goes: wait, linger when full, give up, or leave in time."""
        evse = self._evse
        now_s = self._now_s()
        if not evse.is_plugged:  # unplugged by somebody else: a script or a test of the operator
            self._gone()
        elif evse.token is None:
            self._waited_s += LOOK_S
            if self._waited_s >= PATIENCE_S or evse.last_transaction is not None:
                self._leave()
            else:
                self._later(LOOK_S, self._look)
        elif evse.state is ChargingState.SUSPENDED_EV:
            self._linger(now_s)
        elif now_s >= self._deadline_s:
            self._say_goodbye()
        else:
            self._later(LOOK_S, self._look)

    def _linger(self, now_s: float) -> None:
        if self._satisfied_until_s is None:
            self._satisfied_until_s = now_s + demand.idle_s(self._rng, self._site.place) / self._pace
        if now_s >= self._satisfied_until_s:
            self._say_goodbye()
        else:
            self._later(LOOK_S, self._look)

    def _say_goodbye(self) -> None:
        """Stop by card, by the vehicle, or by pulling the plug; then drive away."""
        way = self._rng.random()
        if way < 0.45 and self._driver is not None:
            self._present()
        elif way < 0.55:
            flow.stop(self._station, self._evse, Reason.BY_EV, Trigger.STATE)
        self._later(2.0 + 6.0 * self._rng.random(), self._leave)

    def _leave(self) -> None:
        if self._evse.is_plugged:
            flow.unplug(self._station, self._evse)
        self._gone()

    def _gone(self) -> None:
        if self._driver is not None:
            self._crowd.leave(self._driver)
            self._driver = None
        self._later(10.0 + self._gap_s(), self._arrive)

    def _now_s(self) -> float:
        return self._station.around.timeline.monotonic()
