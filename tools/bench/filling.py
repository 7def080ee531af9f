"""A data folder with months of a network behind it, and stations for the load generator; prints a log-in's secret."""

import asyncio
import sys
from datetime import UTC, datetime

from ingufu.app import parts
from ingufu.app.demonstration.filling import fill
from ingufu.app.demonstration.login import Login
from ingufu.app.settings import Settings
from ingufu.authorization.model import TokenDetails
from ingufu.core.clock import SystemClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.opening import open_database
from ingufu.services import Services
from ingufu.simulator.plan import plan

LOGIN = Login("bench@ingufu.local", "a password for measuring")
TOKENS_MAX = 2000  # stations beyond it charge with tokens that nobody knows


async def main(folder: str, demo_stations: int, days: int, bench_stations: int) -> None:
    settings = Settings(data=folder)
    await fill(settings, plan("bench", demo_stations), days=days, now=datetime.now(UTC), login=LOGIN)
    clock = SystemClock()
    database = await open_database(parts.storage_url(settings))
    try:
        services = parts.services_of(settings, database, clock, IdMaker(clock))
        await prepare(services, bench_stations)
        secret, _ = await services.accounts.login(*LOGIN, address="127.0.0.1", user_agent="bench")
        print(secret)
    finally:
        await database.close()


async def prepare(services: Services, stations: int) -> None:
    """Have so many approved stations without passwords, each with a token."""
    for start in range(0, stations, 500):
        async with services.database.work() as work:
            for number in range(start, min(start + 500, stations)):
                await services.stations.create(work, f"BENCH{number:05d}", security_profile=0, is_silent=True)
    async with services.database.work() as work:
        operator = await services.accounts.ensure_operator(work, "Bench")
    async with services.database.work() as work:
        for number in range(min(stations, TOKENS_MAX)):
            await services.authorization.put_token(
                work, TokenDetails(value=f"T{number}", concurrent_limit=None), organisation_id=operator.id
            )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5])))
