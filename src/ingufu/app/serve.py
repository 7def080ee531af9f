"""`ingufu serve`: the gateway in this process, console and API in one beside it, and the house kept in order."""

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import structlog

from ingufu.accounts.model import Role
from ingufu.app import compose, housekeeping, listening, parts
from ingufu.app.compose import GatewayProcess
from ingufu.app.outcomes import SAID, WRONG_USE
from ingufu.app.settings import Settings
from ingufu.app.settings_loading import hand_over
from ingufu.app.web_supervisor import WebSupervisor, console_url
from ingufu.core.errors import SettingsError, Unavailable
from ingufu.gateway.websocket import Endpoint
from ingufu.infra.storage.file_locks import FileLock
from ingufu.infra.telemetry import METRICS_SUBJECT
from ingufu.services import Services

FIRST_USER = "admin@ingufu.local"
FIRST_PASSWORD_BYTES = 12
LOCK_FILE = "serve.lock"
STORAGE_LOOK_S = 1.0
_FLAGS = {"plain": "--ocpp", "tls": "ocpp.tls_listen", "mutual-tls": "ocpp.mutual_tls_listen"}

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
    async with serving(settings, say) as server:
        failure = await until_signal(server.process)
        say("Stopping: connections are closed one after the other.")
    if failure is not None:
        raise Unavailable(f"The database can no longer be written: {failure}")


@asynccontextmanager
async def serving(settings: Settings, say: Say) -> AsyncIterator[Server]:
    """Serve while the block runs."""
    with data_folder(settings.data_folder):
        await migrate(settings)
        async with compose.gateway_process(settings) as process:
            await _prepare_accounts(process.services, settings, say)
            web = WebSupervisor(os.environ)
            address = web.open(settings.http)
            try:
                bound = await _listen(process)
                process.bus.respond(METRICS_SUBJECT, housekeeping.metrics_responder(process))
                web.start(_with_addresses(settings, address, bound))
                server = Server(
                    process=process,
                    web=web,
                    console=console_url(settings, address),
                    stations=parts.station_urls(_with_addresses(settings, address, bound).ocpp),
                )
                async with _chores(server, settings):
                    for url in server.stations.values():
                        say(f"Stations connect to {url}/<identity>")
                    say(f"Console and API: {server.console}")
                    gc.collect()
                    gc.freeze()  # what lives as long as the process need not be looked at again
                    yield server
            finally:
                await asyncio.gather(process.gateway.stop(), web.stop())


async def until_signal(process: GatewayProcess) -> str | None:
    """Return at SIGTERM or SIGINT, or with a reason when nothing can be written any more."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        while not stop.is_set() and process.services.database.failure is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), STORAGE_LOOK_S)
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    return process.services.database.failure


@contextmanager
def data_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder for this server alone. Raises SettingsError if it cannot be used, Unavailable if taken."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / LOCK_FILE)
    except OSError as error:
        raise SettingsError(
            f"The data folder {folder} cannot be used: {error.strerror}. Choose one with --data."
        ) from error
    with contextlib.closing(lock):
        if not lock.try_acquire():
            raise Unavailable(f"Another server already runs on the data folder {folder}.")
        yield


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
    _, output = await process.communicate()
    if process.returncode:
        lines = output.decode(errors="replace").splitlines()
        said = next(
            (line for line in lines if line.startswith(SAID)), f"{SAID}The database could not be brought up to date."
        )
        kind = SettingsError if process.returncode == WRONG_USE else Unavailable
        raise kind(said.removeprefix(SAID))


async def _listen(process: GatewayProcess) -> dict[str, tuple[str, int]]:
    try:
        return await process.gateway.start(process.endpoints)
    except OSError as error:
        await process.gateway.stop()
        raise _failed_endpoint(process.endpoints, error) from error


def _failed_endpoint(endpoints: Iterable[Endpoint], error: OSError) -> Unavailable:
    """Return what is wrong with the one of these endpoints that could not be bound."""
    for endpoint in endpoints:
        try:
            listening.listener(endpoint.host, endpoint.port, _FLAGS[endpoint.name]).close()
        except Unavailable as found:
            return found
    return Unavailable(f"Stations cannot be listened for: {error.strerror or error}.")


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


@asynccontextmanager
async def _chores(server: Server, settings: Settings) -> AsyncIterator[None]:
    task = asyncio.create_task(housekeeping.keep_house(server.process.services, settings.retention))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
