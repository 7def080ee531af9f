"""Runs a simulated network until cancelled: what `ingufu simulate` and the demo start."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import InvalidInput
from ingufu.simulator.network import Network, Statistics
from ingufu.simulator.plan import Plan, plan
from ingufu.simulator.spec import StationSpec
from ingufu.simulator.timeline import LiveTimeline
from ingufu.simulator.vendors import Version

DEFAULT_SEED = "ingufu"
DEFAULT_STATIONS = 24
DEFAULT_TIME_FACTOR = 20.0  # an AC session of four hours takes some minutes


class SimulateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate, and against whom."""

    url: str = "ws://127.0.0.1:9000/ocpp"  # without the identity
    seed: str = DEFAULT_SEED
    stations: int = DEFAULT_STATIONS
    time_factor: float = DEFAULT_TIME_FACTOR  # pace of drivers and vehicles; clocks and power stay true
    versions: tuple[str, ...] = ()  # of OCPP; all if empty
    has_passwords: bool = True  # HTTP Basic, with the passwords of `plan`
    has_drivers: bool = True
    has_troubles: bool = True
    ramp_s: float = 2.0  # over which the stations dial for the first time
    busy_share: float = 0.5  # of the EVSEs that get a driver within seconds
    storm_every_s: float = 0.0  # cut all connections at once, so often; 0 never
    statistics_every_s: float = 10.0
    ca_file: Path | None = None  # trusted for wss; the system's authorities if not given
    certificate_folder: Path | None = None  # <identity>.pem with certificate and key: security profile 3


def planned(options: SimulateOptions) -> Plan:
    """Return the network that these options mean, for whoever has to know its stations and cards beforehand.

    Raises InvalidInput for a version that does not exist or a number of stations below one.
    """
    if options.stations < 1:
        raise InvalidInput("A network needs at least one station.", field="stations")
    try:
        versions = frozenset(Version(version) for version in options.versions)
    except ValueError as wrong:
        raise InvalidInput(f"{wrong}: known are 1.6, 2.0.1 and 2.1.", field="versions") from wrong
    return plan(options.seed, options.stations, has_passwords=options.has_passwords, versions=versions or None)


async def simulate(
    options: SimulateOptions,
    *,
    clock: Clock,
    tell: Callable[[Statistics], None] | None = None,
    network: Plan | None = None,
) -> None:
    """Let the network live until cancelled; `tell` hears how it stands every `statistics_every_s`.

    Raises InvalidInput for options that cannot be followed.
    """
    if options.time_factor < 1.0:
        raise InvalidInput("The time factor is at least 1.", field="time_factor")
    timeline = LiveTimeline(clock)
    living = Network(
        _anew(network or planned(options), clock.now()),
        options.url,
        timeline,
        time_factor=options.time_factor,
        has_drivers=options.has_drivers,
        has_troubles=options.has_troubles,
        tls=_tls(options),
    )
    living.start(ramp_s=options.ramp_s, busy_share=options.busy_share)
    _repeat(timeline, options.storm_every_s, living.storm)
    if tell is not None:
        _repeat(timeline, options.statistics_every_s, lambda: tell(living.statistics()))
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await living.stop()
        timeline.close()


def _anew(network: Plan, at: datetime) -> Plan:
    """Return the network with ids and chances of this life: to a server, an id that comes again is the old session."""
    stations = [
        msgspec.structs.replace(
            one, spec=msgspec.structs.replace(one.spec, seed=f"{one.spec.seed}:{at.isoformat(timespec='milliseconds')}")
        )
        for one in network.stations
    ]
    return msgspec.structs.replace(network, stations=tuple(stations))


def _repeat(timeline: LiveTimeline, every_s: float, action: Callable[[], object]) -> None:
    if every_s > 0:

        def again() -> None:
            action()
            timeline.call_later(every_s, again)

        timeline.call_later(every_s, again)


def _tls(options: SimulateOptions) -> Callable[[StationSpec], ssl.SSLContext | None]:
    """Return what gives a station its TLS: one context for all, or one of its own with its certificate."""
    is_secure = options.url.startswith("wss:")
    folder = options.certificate_folder
    shared = ssl.create_default_context(cafile=options.ca_file) if is_secure and folder is None else None

    def context(spec: StationSpec) -> ssl.SSLContext | None:
        if not is_secure or folder is None:
            return shared
        own = ssl.create_default_context(cafile=options.ca_file)
        own.load_cert_chain(folder / f"{spec.identity}.pem")
        return own

    return context
