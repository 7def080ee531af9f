"""Units of work on both databases."""

from sqlalchemy import select

from ingufu.core.clock import FrozenClock
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.sites.tables import sites

INSERT = insert(sites)
SELECT = select(sites)


def site(name: str, clock: FrozenClock) -> dict[str, object]:
    return {
        "id": name, "organisation_id": "o", "name": name, "name_key": name, "address": "", "city": "", "country": "DE",
        "latitude": None, "longitude": 1.5, "time_zone": "Europe/Berlin", "created_at": clock.now(),
    }  # fmt: skip


async def test_committed_unit_can_be_read(database: Database, clock: FrozenClock) -> None:
    async with database.work() as work:
        work.execute(INSERT, site("a", clock))
    assert await database.fetch_one(SELECT) == site("a", clock)
