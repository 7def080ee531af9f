"""The web process from inside: console and API over the same database, stations asked through the gateway's process."""

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version

import structlog
import uvicorn
from litestar import Litestar

from ingufu.accounts.jobs import AuditKeeper
from ingufu.accounts.sign_in.jobs import keep_sign_in
from ingufu.app import listening, parts
from ingufu.app.children import stop_with_parent
from ingufu.app.parts import AskingProcess
from ingufu.app.settings import Settings, split_address
from ingufu.app.stopping import until_stopped
from ingufu.billing.evidence.jobs import keep_judging
from ingufu.billing.fiscal.jobs import keep_signing
from ingufu.billing.invoices.jobs import keep_invoicing
from ingufu.billing.records.jobs import CostKeeper, RecordKeeper
from ingufu.core.errors import Unavailable
from ingufu.infra.ending import end
from ingufu.infra.mail.jobs import keep_mailing
from ingufu.ledger.jobs import keep_ledger
from ingufu.ocpp.catalogue import Catalogue
from ingufu.reports.jobs import ReportKeeper
from ingufu.tariffs.jobs import FeedKeeper
from ingufu.web.app import close_streams, create_app
from ingufu.web.console import letters
from ingufu.web.console.pages import Pages
from ingufu.web.console.translations import SOURCE_LANGUAGE
from ingufu.web.context import WebContext, WebSettings

HUB_WAIT_S = 2.0  # then it serves all the same, and says of stations that they cannot be reached
GRACE_S = 5.0  # for requests in hand
WARM_S = 5.0  # after the start

log = structlog.get_logger(__name__)

STATIONS_FIRST = 5  # niceness, beside the process that holds the stations, where both want the same core


class Server(uvicorn.Server):
    """uvicorn without its own handling of signals, stopped only when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve_web`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        self.is_up.set()


async def serve_web(settings: Settings, *, inherited: int | None = None) -> None:
    """Serve console and API until SIGTERM (SIGINT too, when started by hand) or the end of the starting process.

    `inherited` is the number of a listening socket that the starting process holds.
    The database is of this program's version. Raises SettingsError, and Unavailable also when the database can no
    longer be written, so that whoever started this can start it anew.
    """
    stop = asyncio.Event()
    if inherited is not None and hasattr(os, "nice"):
        os.nice(STATIONS_FIRST)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if inherited is None:
        host, port = split_address(settings.http.listen, "http.listen")
        listener = listening.listener(host, port, "http.listen")
        loop.add_signal_handler(signal.SIGINT, stop.set)
    else:
        listener = socket.socket(fileno=inherited)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C goes to both; the parent decides
        stop_with_parent(stop)
    async with parts.asking_process(settings, wait_s=HUB_WAIT_S) as process, billing(settings, process):
        await _serve(settings, process, listener, stop)


@contextlib.asynccontextmanager
async def billing(settings: Settings, process: AskingProcess) -> AsyncIterator[None]:
    """Have sessions be billed and mail be sent beside the pages: here nothing that a station waits for is delayed."""
    services = process.services
    keeper = RecordKeeper(services.charge_records, services.clock)
    costs = CostKeeper(services.charge_records, services.control, process.link)
    trail = AuditKeeper(services.accounts, services.clock, kept_days=settings.retention.audit_days)
    writing = letters.written(web_context(settings, process))
    tasks = [
        asyncio.create_task(keep_sign_in(services.sign_in, writing)),
        asyncio.create_task(keep_mailing(services.sign_in.mails)),
        asyncio.create_task(keeper.run()),
        asyncio.create_task(costs.run()),
        asyncio.create_task(keep_invoicing(services.money.invoicing)),
        asyncio.create_task(keep_signing(services.money.fiscal)),
        asyncio.create_task(keep_judging(services.evidence)),
        asyncio.create_task(keep_ledger(services.wallets, services.vouchers)),
        asyncio.create_task(ReportKeeper(services.reports, services.clock).run()),
        asyncio.create_task(trail.run_sealing()),
        asyncio.create_task(trail.run_verifying()),
        asyncio.create_task(FeedKeeper(services.price_feeds, services.clock, secrets.SystemRandom().random).run()),
    ]
    try:
        yield
    finally:
        await end(*tasks)


def _warm(pages: Pages) -> None:
    """Make all templates ready; they live as long as the process, and need not be looked at again."""
    pages.warm(SOURCE_LANGUAGE)
    pages.warming[SOURCE_LANGUAGE].add_done_callback(lambda _: gc.freeze())


async def _serve(settings: Settings, process: AskingProcess, listener: socket.socket, stop: asyncio.Event) -> None:
    app = create_app(web_context(settings, process))
    server = Server(_config(settings, app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be looked at again
    # A server that is told to stop while it starts would leave all of what it has begun (uvicorn's `_serve`).
    if await _first(serving, server.is_up):
        log.info("web.started", pid=os.getpid())
        # The first reader shall not wait for templates, nor stations that come back for their being made ready.
        warming = asyncio.get_running_loop().call_later(WARM_S, _warm, app.state["pages"])
        watch = asyncio.create_task(until_stopped(process.services.database, stop))
        await asyncio.wait((serving, watch), return_when=asyncio.FIRST_COMPLETED)
        warming.cancel()
        close_streams(app)
        server.should_exit = True
        await serving
        stop.set()
        await watch
    await serving
    if not server.started:
        raise Unavailable("The web process could not start; the log says why.")


async def _first(serving: asyncio.Task[None], event: asyncio.Event) -> bool:
    """Return whether the event came; False if serving ended before."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return event.is_set()


def _config(settings: Settings, app: Litestar) -> uvicorn.Config:
    http = settings.http
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # the application writes a line of its own for each request
        server_header=False,
        proxy_headers=False,  # the application believes the proxies that the settings name, and no others
        ws="none",
        lifespan="on",
        ssl_certfile=http.certificate or None,
        ssl_keyfile=http.private_key or None,
        timeout_graceful_shutdown=int(GRACE_S),
    )


def web_context(settings: Settings, process: AskingProcess) -> WebContext:
    """Return what the web application is given."""
    http = settings.http
    return WebContext(
        services=process.services,
        link=process.link,
        bus=process.bus,
        catalogue=Catalogue(),
        settings=WebSettings(
            version=version("ingufu"),
            public_url=http.public_url,
            trusted_proxies=frozenset(http.trusted_proxies),
            call_timeout_s=settings.ocpp.call_timeout_s,
            ocpp_addresses=tuple(parts.station_urls(settings.ocpp).values()),
        ),
    )
