"""The real gateway on an empty database with as many approved stations as asked for, for measuring."""

import asyncio
import gc
import sys
import tempfile
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.filling import prepare
from ingufu.app import compose, parts
from ingufu.app.commands.running import long_lived
from ingufu.app.settings import OcppSettings, Settings
from ingufu.core.clock import SystemClock
from ingufu.infra.logs import configure_logs
from ingufu.infra.storage.migrate import migrate


async def main(port: int, stations: int, database: str) -> None:
    configure_logs("warning", "text")
    with tempfile.TemporaryDirectory(prefix="ingufu-bench-") as folder:
        ocpp = OcppSettings(
            listen=f"127.0.0.1:{port}", messages_per_s=1_000_000, handshakes_per_s=100_000, heartbeat_interval_s=86_400
        )
        settings = Settings(data=str(Path(folder)), database=database, ocpp=ocpp)
        await migrate(parts.storage_url(settings))
        async with compose.gateway_process(settings, clock=SystemClock()) as process:
            await prepare(process.services, stations)
            await process.gateway.start(process.endpoints)
            long_lived()
            gc.collect()
            gc.freeze()
            print("ready", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
