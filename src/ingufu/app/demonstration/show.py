"""The demo while it runs: the server in this process, the web beside it, the network in a third."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from ingufu.app import listening, settings_loading
from ingufu.app.children import Child
from ingufu.app.demonstration.folder import Marker
from ingufu.app.serve import serving, stop_signals
from ingufu.app.settings import Settings, split_address
from ingufu.app.stopping import until_stopped
from ingufu.core.errors import Unavailable

OPERATOR = "Demo Charging"
EAGER = {"INGUFU_CONFIGURATION_QUIET_S": "5", "INGUFU_CONFIGURATION_SPREAD_S": "20"}  # who looks at a demo waits little
STRANGERS = 3
WRONG_PASSWORDS = 1
PORTS_TRIED = 50

Say = Callable[[str], None]


async def show(settings: Settings, marker: Marker, say: Say) -> None:
    """Run the demo until SIGTERM or Ctrl-C.

    Raises SettingsError, Unavailable, OSError for what keeps it from starting.
    """
    with stop_signals(signal.SIGHUP) as stop:
        async with serving(settings, _nothing) as server:
            url = server.stations["plain"]
            network = Child("network", _simulate(url, marker), dict(os.environ))
            network.start()
            try:
                for line in _welcome(settings, marker, server.console, url):
                    say(line)
                await until_stopped(server.process.services.database, stop)
                say("Stopping.")
            finally:
                await network.stop()


def demo_settings(folder: Path, http: str | None, ocpp: str | None, say: Say) -> Settings:
    """Return the demo's settings; of addresses that are not given, the next free port is taken. Raises SettingsError.

    The environment does not count: a demo never touches the database of a real server.
    """
    flags = {"data": str(folder), "http.listen": http, "ocpp.listen": ocpp, "log.level": "warning"}
    usual = settings_loading.load(environment={}, flags=flags)
    if http is None:
        flags["http.listen"] = _free(usual.http.listen, "--http", say)
    if ocpp is None:
        flags["ocpp.listen"] = _free(usual.ocpp.listen, "--ocpp", say)
    return settings_loading.load(environment={"INGUFU_OPERATOR": OPERATOR, **EAGER}, flags=flags)


async def prepare(settings: Settings, marker: Marker) -> None:
    """Have the folder filled by a process of its own: what that needs would stay in memory here.

    Raises Unavailable.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ingufu", "demo", "--fill", "--data", settings.data),
        env=settings_loading.hand_over(settings, os.environ),
    )
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if code:
        raise Unavailable(f"The demo in {settings.data} could not be filled ({marker.stations} stations).")


def _free(address: str, flag: str, say: Say) -> str:
    host, first = split_address(address, flag)
    for port in range(first, first + PORTS_TRIED):
        if listening.is_free(host, port):
            if port != first:
                say(f"Port {first} is taken by another program; {flag} {host}:{port} is used.")
            return listening.shown(host, port)
    return address  # the server will say why it cannot


def _simulate(url: str, marker: Marker) -> tuple[str, ...]:
    return (
        *("simulate", "--child", "--url", url, "--seed", marker.seed, "--stations", str(marker.stations)),
        *("--strangers", str(STRANGERS), "--wrong-passwords", str(WRONG_PASSWORDS)),
    )


def _welcome(settings: Settings, marker: Marker, console: str, url: str) -> tuple[str, ...]:
    return (
        "",
        f"  Console   {console}",
        f"  Log in    {marker.email}",
        f"  Password  {marker.password}",
        "",
        f"{marker.stations} simulated stations connect to {url}/<identity>, with {marker.days} days behind them.",
        f"The data lies in {settings.data}; `--fresh` begins anew. Ctrl-C ends the demo.",
    )


def _nothing(sentence: str) -> None:
    del sentence
