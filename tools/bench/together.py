"""What we decided against, for measuring: gateway, console and API in one process, on one event loop.

The pages read by threads and a database handle of their own, as they do in their own process: what is compared is the
loop, and the interpreter, that they share with the stations.
"""

import gc
import socket
import sys
from importlib.metadata import version

import uvicorn
import uvloop

from ingufu.app import compose, housekeeping, parts
from ingufu.app.commands.running import long_lived
from ingufu.app.settings import HttpSettings, OcppSettings, Settings, split_address
from ingufu.app.web_process import Server
from ingufu.core.clock import SystemClock
from ingufu.core.ids import IdMaker
from ingufu.infra.logs import configure_logs
from ingufu.infra.storage.opening import open_database
from ingufu.infra.telemetry import METRICS_SUBJECT
from ingufu.ocpp.catalogue import Catalogue
from ingufu.web.app import create_app
from ingufu.web.context import WebContext, WebSettings


async def main(folder: str, http: str, ocpp: str) -> None:
    configure_logs("warning", "text")
    settings = Settings(
        data=folder,
        http=HttpSettings(listen=http),
        ocpp=OcppSettings(listen=ocpp, messages_per_s=100_000, handshakes_per_s=10_000),
    )
    clock = SystemClock()
    async with compose.gateway_process(settings, clock=clock) as process:
        await process.gateway.start(process.endpoints)
        process.bus.respond(METRICS_SUBJECT, housekeeping.metrics_responder(process))
        database = await open_database(parts.storage_url(settings))
        context = WebContext(
            services=parts.services_of(settings, database, clock, IdMaker(clock)),
            link=process.gateway.connections,
            bus=process.bus,
            catalogue=Catalogue(),
            settings=WebSettings(version=version("ingufu")),
        )
        server = Server(uvicorn.Config(create_app(context), log_config=None, access_log=False, lifespan="on"))
        long_lived()
        gc.collect()
        gc.freeze()
        await server.serve(sockets=[_listener(http)])


def _listener(address: str) -> socket.socket:
    listener = socket.create_server(split_address(address, "http"))
    listener.setblocking(False)
    return listener


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:4]))
