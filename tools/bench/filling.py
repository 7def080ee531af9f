"""A database that knows the load generator's stations, with months of a network behind it if asked; prints a secret."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import wire
from ingufu.app import parts
from ingufu.app.demonstration.filling import fill
from ingufu.app.demonstration.login import Login
from ingufu.app.settings import Settings
from ingufu.authorization.model import TokenDetails
from ingufu.core.clock import SystemClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.services import Services
from ingufu.simulator.plan import plan

LOGIN = Login("bench@ingufu.local", "a password for measuring")
AT_ONCE = 500


async def main(folder: str, database_url: str, demo_stations: int, days: int, bench_stations: int) -> None:
    settings = Settings(data=folder, database="" if database_url == "-" else database_url)
    url = parts.storage_url(settings)
    if demo_stations:
        await fill(settings, plan("bench", demo_stations), days=days, now=datetime.now(UTC), login=LOGIN)
    else:
        await migrate(url)
    clock = SystemClock()
    database = await open_database(url)
    try:
        services = parts.services_of(settings, database, clock, IdMaker(clock))
        await prepare(services, bench_stations)
        if demo_stations:
            secret, _ = await services.accounts.login(*LOGIN, address="127.0.0.1", user_agent="bench")
            print(secret)
    finally:
        await database.close()


async def prepare(services: Services, stations: int) -> None:
    """Have so many approved stations with passwords, and tokens for them to charge with."""
    for start in range(0, stations, AT_ONCE):
        async with services.database.work() as work:
            for number in range(start, min(start + AT_ONCE, stations)):
                await services.stations.create(work, wire.identity(number), password=wire.PASSWORD, security_profile=1)
    async with services.database.work() as work:
        operator = await services.accounts.ensure_operator(work, "Operator")
    async with services.database.work() as work:
        for number in range(min(stations, wire.TOKENS)):
            details = TokenDetails(value=wire.token(number), concurrent_limit=None)
            await services.authorization.put_token(work, details, organisation_id=operator.id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])))
