"""A network of simulated stations that lives by its seed: drivers come and go, things break, whole towns reconnect."""

import asyncio
import ssl
from collections.abc import Callable

import msgspec

from ingufu.simulator.assembly import build
from ingufu.simulator.evse import ChargingState
from ingufu.simulator.plan import Plan, PlannedStation
from ingufu.simulator.spec import StationSpec
from ingufu.simulator.station import Station
from ingufu.simulator.surroundings import Surroundings, Tally
from ingufu.simulator.timeline import Timeline
from ingufu.simulator.troubles import Troubles
from ingufu.simulator.visits import Crowd, Visits

DIALS_AT_ONCE = 256
MIN_SAMPLE_S = 10
SAMPLES_PER_HOUR = 12  # of a driver's time: at twenty times the pace one every 15 seconds


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A network at an instant."""

    stations: int
    connected: int
    connections: int  # made so far
    refused: int
    drops: int
    frames_sent: int
    frames_received: int
    sessions_started: int
    sessions_ended: int
    cards_refused: int
    faults: int
    charging: int
    power_w: float
    energy_wh: float
    queued: int  # transaction messages waiting for a connection or an answer
    lost: int  # transaction messages given up


class Network:
    """Stations, and what happens to them."""

    def __init__(
        self,
        plan: Plan,
        url: str,
        timeline: Timeline,
        *,
        time_factor: float = 1.0,
        has_drivers: bool = True,
        has_troubles: bool = True,
        tls: Callable[[StationSpec], ssl.SSLContext | None] | None = None,
    ) -> None:
        """`time_factor` is the pace of life: drivers come and vehicles fill so much faster, power stays true."""
        self.plan = plan
        self._timeline = timeline
        self._tally = Tally()
        self._around = Surroundings(
            url=url,
            timeline=timeline,
            tls=tls,
            gate=asyncio.Semaphore(DIALS_AT_ONCE),
            tally=self._tally,
            pace=max(1.0, time_factor),
        )
        crowds = {city: Crowd(plan.drivers_near(city)) for city in {site.city for site in plan.sites}}
        self.stations: list[Station] = []
        self._visits: list[Visits] = []
        self._troubles: list[Troubles] = []
        for planned in plan.stations:
            station = build(_at_pace(planned.spec, self._around.pace), self._around)
            self.stations.append(station)
            if has_drivers:
                self._settle(station, planned, crowds[planned.site.city])
            if has_troubles:
                self._troubles.append(Troubles(station))

    def start(self, *, ramp_s: float = 2.0, busy_share: float = 0.5, busy_within_s: float = 12.0) -> None:
        """Switch the stations on, spread over `ramp_s`; that share of the EVSEs gets a driver soon after."""
        for index, station in enumerate(self.stations):
            self._timeline.call_later(ramp_s * index / max(1, len(self.stations)), station.switch_on)
        for visits in self._visits:
            visits.begin(busy_share=busy_share, within_s=ramp_s + busy_within_s)
        for troubles in self._troubles:
            troubles.begin()

    async def stop(self) -> None:
        """Switch everything off, politely."""
        for visits in self._visits:
            visits.end()
        for troubles in self._troubles:
            troubles.end()
        for station in self.stations:
            station.is_dead = True
            station.switch_off(politely=True)
        await asyncio.sleep(0)

    def storm(self) -> int:
        """Cut every connection and let all stations dial again at once, as after a failure of the mobile network."""
        cut = [station for station in self.stations if station.is_connected]
        for station in cut:
            station.lose_link(politely=False)
        for station in cut:
            station.dial()
        return len(cut)

    def station(self, identity: str) -> Station:
        """Return the station of that identity. Raises KeyError if there is none."""
        for station in self.stations:
            if station.spec.identity == identity:
                return station
        raise KeyError(identity)

    def statistics(self) -> Statistics:
        """Return how the network stands."""
        evses = [evse for station in self.stations for evse in station.evses]
        tally = self._tally
        return Statistics(
            stations=len(self.stations),
            connected=tally.connected,
            connections=tally.connections,
            refused=tally.refused,
            drops=tally.drops,
            frames_sent=tally.sent,
            frames_received=tally.received,
            sessions_started=tally.sessions_started,
            sessions_ended=tally.sessions_ended,
            cards_refused=tally.refused_cards,
            faults=tally.faults,
            charging=sum(evse.state is ChargingState.CHARGING for evse in evses),
            power_w=sum(evse.meter.power_w for evse in evses),
            energy_wh=tally.energy_tenths / 10,
            queued=sum(station.peer.queued_transaction_messages for station in self.stations),
            lost=sum(station.peer.lost for station in self.stations),
        )

    def _settle(self, station: Station, planned: PlannedStation, crowd: Crowd) -> None:
        for evse in station.evses:
            self._visits.append(Visits(station, evse, planned.site, crowd, planned.popularity))


def _at_pace(spec: StationSpec, pace: float) -> StationSpec:
    """Let samples come as often within a session as they would at the true pace."""
    if pace <= 1.0:
        return spec
    interval_s = max(MIN_SAMPLE_S, min(spec.manner.sample_interval_s, int(3600 / pace / SAMPLES_PER_HOUR)))
    manner = msgspec.structs.replace(spec.manner, sample_interval_s=interval_s)
    return msgspec.structs.replace(spec, manner=manner)
