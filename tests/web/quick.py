"""What every test of the web process would wait for otherwise: a server that stops at once, and TLS roots read once."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from functools import cache

import httpx
import uvicorn
from litestar import Litestar


@cache
def tls() -> ssl.SSLContext:
    """Return what clients trust; to read it takes as long as ten requests."""
    return httpx.create_ssl_context()


class _Server(uvicorn.Server):
    """uvicorn, which looks ten times a second whether it is to end, and waits as long for connections that are gone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.stop.wait()

    async def shutdown(self, sockets: object = None) -> None:
        del sockets
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        async with asyncio.timeout(5):
            while self.server_state.connections or self.server_state.tasks:
                await asyncio.sleep(0.001)
        for server in self.servers:
            await server.wait_closed()
        await self.lifespan.shutdown()


class serving:  # noqa: N801 - used as a function
    """Serve the application on a free port of loopback while the block runs."""

    def __init__(self, app: Litestar) -> None:
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="on", ws="none",
            timeout_graceful_shutdown=5, proxy_headers=False,
        )  # fmt: skip
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> str:
        self._task = asyncio.create_task(self._server.serve())
        async with asyncio.timeout(10):
            while not self._server.started:
                await asyncio.sleep(0.001)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    async def __aexit__(self, *_: object) -> None:
        self._server.stop.set()
        assert self._task is not None
        await self._task
