"""Processes that this one starts: kept running, and gone when it is gone, however it ends."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence

import structlog

RESTART_AFTER_S = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)  # waits before it is started again, when it ends again and again
STOP_S = 10.0  # to finish what it has in hand

log = structlog.get_logger(__name__)


class Child:
    """One command of ours, run again whenever it ends. It knows of our end by that of its standard input."""

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], *, inherits: Sequence[int] = ()
    ) -> None:
        self._name = name
        self._arguments = arguments
        self._environment = environment
        self._inherits = inherits
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self.restarts = 0

    def start(self) -> None:
        """Start the process, and keep it running."""
        self._task = asyncio.create_task(self._keep_running())

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    async def stop(self) -> None:
        """Return when the process is gone: asked first, so that it finishes what it has in hand."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started_at = loop.time()
            what, how = await self._outcome()
            if loop.time() - started_at > RESTART_AFTER_S[-1]:
                failures = 0
            wait_s = RESTART_AFTER_S[min(failures, len(RESTART_AFTER_S) - 1)]
            failures += 1
            self.restarts += 1
            log.error(what, child=self._name, **how, restart_in_s=wait_s)
            await asyncio.sleep(wait_s)

    async def _outcome(self) -> tuple[str, dict[str, int | str]]:
        """Run the process once; return what became of it, for the log."""
        try:
            return "child.ended", {"exit_code": await self._run()}
        except Exception as error:  # noqa: BLE001 - no memory, process or descriptor now, or the program is upgraded
            return "child.not_started", {"error": str(error)}

    async def _run(self) -> int:
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ingufu", *self._arguments),
                stdin=PIPE,
                stdout=DEVNULL,
                env=self._environment,
                pass_fds=self._inherits,
            )
        )
        try:
            process = await asyncio.shield(starting)
            self._process = process
            return await process.wait()
        finally:
            self._process = None
            await asyncio.shield(_end(starting))


async def _end(starting: asyncio.Future[Process]) -> None:
    try:
        process = await starting
    except Exception:  # noqa: BLE001 - there is none; whoever waits for it knows why
        return
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    if process.stdin is not None:
        process.stdin.close()


def stop_with_parent(stop: asyncio.Event) -> None:
    """In a child: set `stop` when standard input ends. Ctrl-C, which both hear, is left to the parent.

    With the parent gone nobody kills a child that does not come to its end, so it ends itself after a while.
    """
    loop = asyncio.get_running_loop()

    def watch() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            stop.set()
            loop.call_later(STOP_S, os._exit, 1)

    try:
        loop.add_reader(0, watch)
    except PermissionError:  # a file, of which nobody holds the other end
        stop.set()
