"""`ingufu serve`: the gateway in this process, console and API in one beside it, and the house kept in order."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import msgspec
import structlog

from ingufu.accounts.model import Role
from ingufu.app import compose, housekeeping
from ingufu.app.compose import GatewayProcess
from ingufu.app.settings import HANDED_OVER, Settings
from ingufu.core.errors import SettingsError
from ingufu.infra.storage.file_locks import FileLock
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.telemetry import METRICS_SUBJECT
from ingufu.services import Services

FIRST_USER = "admin@ingufu.local"
FIRST_PASSWORD_BYTES = 12
RESTART_AFTER_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # waits before the web process is started again
STOP_WEB_S = 10.0

Say = Callable[[str], None]

log = structlog.get_logger(__name__)


async def serve(settings: Settings, say: Say) -> None:
    """Serve until SIGTERM or SIGINT, then close connections gently and return.

    Raises SettingsError, Unavailable, SchemaMismatch, OSError for what keeps it from starting.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings, say):
        await stop.wait()
        say("Stopping: connections are closed one after the other.")


@asynccontextmanager
async def serving(settings: Settings, say: Say) -> AsyncIterator[GatewayProcess]:
    """Serve while the block runs."""
    folder = settings.data_folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(folder / "serve.lock")
    if not lock.try_acquire():
        lock.close()
        raise SettingsError(f"Another server already runs on the data folder {folder}.")
    with closing(lock):
        await migrate(compose.storage_url(settings))
        async with compose.gateway_process(settings) as process:
            await _prepare_accounts(process.services, settings, say)
            bound = await process.gateway.start(process.endpoints)
            process.bus.respond(METRICS_SUBJECT, housekeeping.metrics_responder(process))
            web = asyncio.create_task(_keep_web_running(settings))
            chores = asyncio.create_task(housekeeping.keep_house(process.services, settings.retention))
            try:
                for name, (host, port) in bound.items():
                    scheme = "ws" if name == "plain" else "wss"
                    say(f"Stations connect to {scheme}://{host}:{port}{settings.ocpp.base_path}/<identity>")
                say(f"Console and API: {console_url(settings)}")
                yield process
            finally:
                chores.cancel()
                await process.gateway.stop()
                web.cancel()
                await asyncio.gather(web, chores, return_exceptions=True)


def console_url(settings: Settings) -> str:
    scheme = "https" if settings.http.certificate else "http"
    return settings.http.public_url or f"{scheme}://{settings.http.listen}"


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


async def _keep_web_running(settings: Settings) -> None:
    """Run the web process, and run it again when it ends: stations never notice."""
    failures = 0
    while True:
        started_at = asyncio.get_running_loop().time()
        await _run_web(settings)
        if asyncio.get_running_loop().time() - started_at > RESTART_AFTER_S[-1]:
            failures = 0
        wait_s = RESTART_AFTER_S[min(failures, len(RESTART_AFTER_S) - 1)]
        failures += 1
        log.error("web.ended", restart_in_s=wait_s)
        await asyncio.sleep(wait_s)


async def _run_web(settings: Settings) -> None:
    environment = {**os.environ, HANDED_OVER: msgspec.json.encode(settings).decode()}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "ingufu", "web", env=environment)
    try:
        await process.wait()
    except asyncio.CancelledError:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_WEB_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        raise
