"""`ingufu serve`: the gateway in this process, console and API in one beside it, and the house kept in order."""

import asyncio
import gc
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec
import structlog

from ingufu.accounts.model import Role
from ingufu.app import compose, housekeeping, keepers, listening, parts
from ingufu.app.compose import GatewayProcess
from ingufu.app.locking import data_folder
from ingufu.app.outcomes import SAID, WRONG_USE
from ingufu.app.renewing import Renewal
from ingufu.app.settings import Settings
from ingufu.app.settings_loading import hand_over
from ingufu.app.stopping import until_stopped
from ingufu.app.web_supervisor import WebSupervisor, console_url
from ingufu.core.errors import SettingsError, Unavailable
from ingufu.infra.ending import end
from ingufu.infra.telemetry import METRICS_SUBJECT
from ingufu.services import Services

FIRST_USER = "admin@ingufu.local"
FIRST_PASSWORD_BYTES = 12
MANY_STATIONS = 500  # coming back at once: the console waits for them, as it would take a processor from them

Say = Callable[[str], None]

log = structlog.get_logger(__name__)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What runs."""

    process: GatewayProcess
    web: WebSupervisor
    console: str  # where people find it
    stations: dict[str, str]  # listener to the address for stations, without their identity


async def serve(settings: Settings, say: Say) -> None:
    """Serve until SIGTERM or SIGINT, then close connections gently and return; a second signal ends at once.

    Raises SettingsError, Unavailable, SchemaMismatch, OSError for what keeps it from starting, and Unavailable when
    the database can no longer be written, so that whoever started this can start it anew.
    """
    with stop_signals() as stop:
        async with serving(settings, say) as server:
            renewal = Renewal(server.process.endpoints)
            watch = asyncio.create_task(renewal.watch())
            with renewing_signal(renewal, stop):
                await until_stopped(server.process.services.database, stop)
            watch.cancel()
            say("Stopping: connections are closed one after the other.")


@asynccontextmanager
async def serving(settings: Settings, say: Say) -> AsyncIterator[Server]:
    """Serve while the block runs."""
    web = WebSupervisor(os.environ)
    with data_folder(settings.data_folder):
        try:
            address = web.open(settings.http)
            listening.check_free(settings.ocpp)
            await migrate(settings)
            async with compose.gateway_process(settings) as process:
                await _prepare_accounts(process.services, settings, say)
                chores = asyncio.create_task(
                    housekeeping.keep_house(process.services, settings.retention, settings.charging)
                )
                keeping = keepers.keeping(
                    process.services, process.gateway.connections, process.bus, secrets.SystemRandom().random
                )
                try:
                    async with keeping:
                        yield await _start(process, web, settings, address, say)
                finally:
                    await asyncio.gather(end(chores), process.gateway.stop(), web.stop())
        finally:
            await web.stop()


async def _start(
    process: GatewayProcess, web: WebSupervisor, settings: Settings, address: tuple[str, int], say: Say
) -> Server:
    bound = await process.gateway.start(process.endpoints)
    process.bus.respond(METRICS_SUBJECT, housekeeping.metrics_responder(process))
    actual = _with_addresses(settings, address, bound)
    is_rush = process.gateway.lost >= MANY_STATIONS
    if is_rush:
        process.gateway.run(_start_web_after_the_rush(process, web, actual))
    else:
        web.start(actual)
    server = Server(
        process=process,
        web=web,
        console=console_url(settings, address),
        stations=parts.station_urls(actual.ocpp),
    )
    for url in server.stations.values():
        say(f"Stations connect to {url}/<identity>")
    say(f"Console and API: {server.console}")
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be looked at again
    if is_rush:
        gc.disable()  # nearly all that is made now stays: looking at it again and again takes a tenth of the time
    return server


async def _start_web_after_the_rush(process: GatewayProcess, web: WebSupervisor, settings: Settings) -> None:
    """Start the console when stations have come back; who asks for it waits so long.

    What has come meanwhile need not be looked at for rubbish: it ends without, and to look at all of it takes a second.
    """
    try:
        is_over = await process.gateway.rush_over()
    finally:
        gc.freeze()
        gc.enable()
    if is_over:
        web.start(settings)


@contextmanager
def stop_signals(*more: signal.Signals) -> Iterator[asyncio.Event]:
    """Give an event that SIGTERM, SIGINT and `more` set; a second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    ignored = [number for number in more if signal.getsignal(number) is signal.SIG_IGN]  # as nohup has SIGHUP
    signals = [number for number in (signal.SIGTERM, signal.SIGINT, *more) if number not in ignored]

    def forget() -> None:
        for number in signals:
            loop.remove_signal_handler(number)

    def heard() -> None:
        stop.set()
        forget()

    for number in signals:
        loop.add_signal_handler(number, heard)
    try:
        yield stop
    finally:
        forget()


@contextmanager
def renewing_signal(renewal: Renewal, stop: asyncio.Event) -> Iterator[None]:
    """Have SIGHUP renew the certificates; if it says that the terminal has gone, have it stop the server."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as nohup has it
        yield
        return
    loop = asyncio.get_running_loop()
    had_terminal = _has_terminal()

    def heard() -> None:
        if had_terminal and not _has_terminal():
            stop.set()
        else:
            renewal.renew()

    loop.add_signal_handler(signal.SIGHUP, heard)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def migrate(settings: Settings) -> None:
    """Bring the database up to date, in a process of its own: what it needs for that would stay in memory here.

    Raises SettingsError, Unavailable.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ingufu", "migrate"),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        env=hand_over(settings, os.environ),
    )
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    said = ""
    async for line in process.stderr:
        text = line.decode(errors="replace")
        if text.startswith(SAID):
            said = said or text.removeprefix(SAID).strip()
        else:  # its log: for whom it waits
            sys.stderr.write(text)
            sys.stderr.flush()
    if await process.wait():
        kind = SettingsError if process.returncode == WRONG_USE else Unavailable
        raise kind(said or "The database could not be brought up to date.")


def _with_addresses(settings: Settings, http: tuple[str, int], bound: dict[str, tuple[str, int]]) -> Settings:
    """Return the settings with the ports that were really taken, where 0 left the choice to the system."""
    fields = {"plain": "listen", "tls": "tls_listen", "mutual-tls": "mutual_tls_listen"}
    taken = {fields[name]: listening.shown(*address) for name, address in bound.items()}
    replace = msgspec.structs.replace
    return replace(
        settings,
        http=replace(settings.http, listen=listening.shown(*http)),
        ocpp=replace(settings.ocpp, **taken),
    )


async def _prepare_accounts(services: Services, settings: Settings, say: Say) -> None:
    """Make the operator's organisation, and on the first start a user who may do everything."""
    async with services.database.work() as work:
        operator = await services.accounts.ensure_operator(work, settings.operator)
    if await services.accounts.has_users():
        return
    password = secrets.token_urlsafe(FIRST_PASSWORD_BYTES)
    async with services.database.work() as work:
        await services.accounts.create_user(
            work,
            organisation_id=operator.id,
            email=FIRST_USER,
            name="Administrator",
            password=password,
            roles=(Role.ADMIN,),
        )
    say(f"First start. Log in as {FIRST_USER} with the password {password} (shown only now).")
