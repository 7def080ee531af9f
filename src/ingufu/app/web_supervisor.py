"""The web process from outside: started, and started again when it ends; stations never notice."""

import asyncio
import socket
import ssl
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping

import structlog

from ingufu.app import listening
from ingufu.app.settings import HttpSettings, Settings, split_address
from ingufu.app.settings_loading import hand_over
from ingufu.core.errors import SettingsError

RESTART_AFTER_S = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)  # waits before it is started again, when it ends again and again
STOP_S = 10.0  # to finish what it has in hand

log = structlog.get_logger(__name__)


class WebSupervisor:
    """Holds the port of console and API, so that no request meets a closed door while the process is started anew.

    The process is told to go by the end of its standard input, so it does not outlive this one, however this one ends.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._listener: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self.restarts = 0

    def open(self, http: HttpSettings) -> tuple[str, int]:
        """Take the port; return the address. Raises Unavailable if it is taken, SettingsError for a bad certificate."""
        check_certificate(http)
        host, port = split_address(http.listen, "http.listen")
        self._listener = listening.listener(host, port, "--http")
        bound: tuple[str, int] = self._listener.getsockname()[:2]
        return bound

    def start(self, settings: Settings) -> None:
        """Start the process with these settings, and keep it running."""
        self._task = asyncio.create_task(self._keep_running(hand_over(settings, self._environment)))

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    async def stop(self) -> None:
        """Let the process finish what it has in hand, and give the port back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def _keep_running(self, environment: Mapping[str, str]) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started_at = loop.time()
            code = await self._run(environment)
            if loop.time() - started_at > RESTART_AFTER_S[-1]:
                failures = 0
            wait_s = RESTART_AFTER_S[min(failures, len(RESTART_AFTER_S) - 1)]
            failures += 1
            self.restarts += 1
            log.error("web.ended", exit_code=code, restart_in_s=wait_s)
            await asyncio.sleep(wait_s)

    async def _run(self, environment: Mapping[str, str]) -> int:
        assert self._listener is not None  # noqa: S101 - `open` came before `start`
        number = self._listener.fileno()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ingufu", "web", "--listener", str(number)),
            stdin=PIPE,
            stdout=DEVNULL,
            env=environment,
            pass_fds=(number,),
        )
        self._process = process
        try:
            return await process.wait()
        finally:
            self._process = None
            await asyncio.shield(_end(process))


async def _end(process: Process) -> None:
    """Return when the process is gone: asked first, killed then."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
    if process.stdin is not None:
        process.stdin.close()


def check_certificate(http: HttpSettings) -> None:
    """Raise SettingsError if certificate and key cannot be used."""
    if http.certificate:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(http.certificate, http.private_key)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"http.certificate {http.certificate} and http.private_key {http.private_key} cannot be used: {error}."
            ) from error


def console_url(settings: Settings, address: tuple[str, int]) -> str:
    """Return where people find the console, with the port that was really taken."""
    if settings.http.public_url:
        return settings.http.public_url
    scheme = "https" if settings.http.certificate else "http"
    host, port = address
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{scheme}://{reachable}:{port}/"
