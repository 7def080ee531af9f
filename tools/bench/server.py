"""The real gateway on an empty database with as many approved stations as asked for, for measuring."""

import asyncio
import gc
import sys
import tempfile
from pathlib import Path

import uvloop

from ingufu.app import compose, parts
from ingufu.app.settings import OcppSettings, Settings
from ingufu.authorization.model import TokenDetails
from ingufu.core.clock import SystemClock
from ingufu.infra.logs import configure_logs
from ingufu.infra.storage.migrate import migrate
from ingufu.services import Services


async def main(port: int, stations: int, database: str) -> None:
    configure_logs("warning", "text")
    with tempfile.TemporaryDirectory(prefix="ingufu-bench-") as folder:
        ocpp = OcppSettings(
            listen=f"127.0.0.1:{port}", messages_per_s=1_000_000, handshakes_per_s=100_000, heartbeat_interval_s=86_400
        )
        settings = Settings(data=str(Path(folder)), database=database, ocpp=ocpp)
        await migrate(parts.storage_url(settings))
        async with compose.gateway_process(settings, clock=SystemClock()) as process:
            await _prepare(process.services, stations)
            await process.gateway.start(process.endpoints)
            gc.collect()
            gc.freeze()
            print("ready", flush=True)
            await asyncio.Event().wait()


async def _prepare(services: Services, stations: int) -> None:
    for start in range(0, stations, 500):
        async with services.database.work() as work:
            for number in range(start, min(start + 500, stations)):
                await services.stations.create(work, f"BENCH{number:05d}", security_profile=0, is_silent=True)
    async with services.database.work() as work:
        operator = await services.accounts.ensure_operator(work, "Bench")
    async with services.database.work() as work:
        for number in range(min(stations, 2000)):
            await services.authorization.put_token(
                work, TokenDetails(value=f"T{number}", concurrent_limit=None), organisation_id=operator.id
            )


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
