"""`ingufu simulate`."""

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from ingufu.app.children import stop_with_parent
from ingufu.app.commands import running
from ingufu.app.demonstration.odd_ones import with_odd_ones
from ingufu.app.demonstration.register import entered
from ingufu.app.outcomes import WRONG_USE
from ingufu.core.clock import SystemClock
from ingufu.core.errors import InvalidInput
from ingufu.infra.logs import configure_logs
from ingufu.simulator import run as simulator
from ingufu.simulator.network import Statistics
from ingufu.simulator.plan import Plan
from ingufu.simulator.run import SimulateOptions

USUAL = SimulateOptions()
SCENARIOS: Mapping[str, dict[str, Any]] = {
    "everyday": {},
    "quiet": {"has_drivers": False, "has_troubles": False},
    "smooth": {"has_troubles": False},
    "storm": {"storm_every_s": 60.0},
    "rush": {"busy_share": 1.0, "ramp_s": 0.5},
}


@click.command()
@click.option("--url", default=USUAL.url, show_default=True, help="Where stations connect, without an identity.")
@click.option("--stations", type=click.IntRange(1, 100_000), default=USUAL.stations, show_default=True)
@click.option("--seed", default=USUAL.seed, show_default=True, help="The same seed gives the same network.")
@click.option("--time-factor", type=float, default=USUAL.time_factor, show_default=True, help="Pace of drivers.")
@click.option("--version", "versions", multiple=True, help="1.6, 2.0.1 or 2.1; may be given several times.")
@click.option(
    "--scenario",
    type=click.Choice(list(SCENARIOS)),
    default="everyday",
    show_default=True,
    help="quiet: connected and idle; smooth: no troubles; storm: all cut at once each minute; rush: all EVSEs busy.",
)
@click.option("--storm-every", type=float, metavar="SECONDS", help="Cut all connections at once, so often.")
@click.option("--strangers", type=click.IntRange(0), default=0, help="So many stations more that nobody has entered.")
@click.option("--wrong-passwords", type=click.IntRange(0), default=0, help="So many stations with a wrong password.")
@click.option("--no-passwords", is_flag=True, help="Connect without HTTP Basic (security profile 0).")
@click.option("--ca", type=click.Path(path_type=Path, exists=True), help="Authorities trusted for wss://.")
@click.option(
    "--certificates",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with <identity>.pem: client certificates (security profile 3).",
)
@click.option("--statistics-every", type=float, default=USUAL.statistics_every_s, show_default=True, metavar="SECONDS")
@click.option("--print-stations", is_flag=True, help="Write the network as an import file, and end.")
@click.option("--child", is_flag=True, hidden=True)
def simulate(
    scenario: str,
    strangers: int,
    wrong_passwords: int,
    *,
    no_passwords: bool,
    print_stations: bool,
    child: bool,
    **given: Any,
) -> None:
    """Let a network of stations live against a server, until Ctrl-C.

    The server has to know them: `ingufu simulate --print-stations > network.json`, and
    `ingufu admin import network.json`.
    """
    configure_logs("warning", "auto")
    options = _options(scenario, given, has_passwords=not no_passwords)
    network = _network(options, strangers=strangers, wrong_passwords=wrong_passwords)
    if print_stations:
        running.show_json(entered(network, SystemClock().now()))
        return
    running.long_lived()
    running.run(lambda: _live(options, network, is_child=child))


def in_one_line(its: Statistics) -> str:
    """Return how the network stands, in one line."""
    line = (
        f"{its.connected}/{its.stations} connected, {its.charging} charging with {its.power_w / 1000:,.0f} kW, "
        f"{its.sessions_started} sessions begun, {its.sessions_ended} ended, {its.energy_wh / 1000:,.1f} kWh; "
        f"{its.frames_sent} frames sent, {its.frames_received} received"
    )
    troubles = {
        "connections refused": its.refused,
        "connections lost": its.drops,
        "cards refused": its.cards_refused,
        "faults": its.faults,
        "messages waiting": its.queued,
        "messages given up": its.lost,
    }
    told = ", ".join(f"{number} {name}" for name, number in troubles.items() if number)
    return f"{line}; {told}" if told else line


def _network(options: SimulateOptions, *, strangers: int, wrong_passwords: int) -> Plan:
    if not options.url.startswith(("ws://", "wss://")):
        running.fail(f"--url is {options.url!r}; it must begin with ws:// or wss://.", WRONG_USE)
    try:
        return with_odd_ones(simulator.planned(options), strangers=strangers, wrong_passwords=wrong_passwords)
    except InvalidInput as error:
        running.fail(error.message, WRONG_USE)


def _options(scenario: str, given: dict[str, Any], *, has_passwords: bool) -> SimulateOptions:
    options = SimulateOptions(
        url=given["url"],
        seed=given["seed"],
        stations=given["stations"],
        time_factor=given["time_factor"],
        versions=given["versions"],
        has_passwords=has_passwords,
        statistics_every_s=given["statistics_every"],
        ca_file=given["ca"],
        certificate_folder=given["certificates"],
    )
    options = msgspec.structs.replace(options, **SCENARIOS[scenario])
    if given["storm_every"] is not None:
        options = msgspec.structs.replace(options, storm_every_s=given["storm_every"])
    return options


async def _live(options: SimulateOptions, network: Plan, *, is_child: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, (lambda: None) if is_child else stop.set)
    if is_child:
        stop_with_parent(stop)
    running.say(f"{len(network.stations)} stations connect to {options.url}/<identity>. Ctrl-C ends them.")
    living = asyncio.create_task(simulator.simulate(options, clock=SystemClock(), tell=_tell, network=network))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((living, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    living.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await living


def _tell(statistics: Statistics) -> None:
    running.say(in_one_line(statistics))
