"""Rows for views: stations, transactions, readings and the rest, put into storage as the services would."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ingufu.charging.tables import readings, transactions
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.sites.tables import sites
from ingufu.stations.tables import connectors, evses, frame_chunks, stations
from kept import Sent, chunks

_INSERTS = {
    table.name: insert(table) for table in (stations, sites, transactions, readings, connectors, evses, frame_chunks)
}
Put = Callable[..., Awaitable[str]]


class Rows:
    """Puts rows into storage with sensible values for what a test does not name."""

    def __init__(self, database: Database, clock: FrozenClock, ids: IdMaker) -> None:
        self.database = database
        self.clock = clock
        self.ids = ids

    async def put(self, table: str, row: dict[str, Any]) -> None:
        async with self.database.work() as work:
            work.execute(_INSERTS[table], row)

    async def site(self, name: str) -> str:
        row = {
            "id": self.ids.new(), "organisation_id": "o", "name": name, "name_key": name.casefold(), "address": "",
            "city": "", "country": "", "time_zone": "UTC", "created_at": self.clock.now(),
        }  # fmt: skip
        await self.put("sites", row)
        return str(row["id"])

    async def station(self, identity: str, **fields: Any) -> str:
        row = {
            "id": self.ids.new(), "identity": identity, "identity_key": identity.casefold(), "name": identity, "note": "",
            "approval": "approved", "boot_answer": "Accepted", "security_profile": 1, "is_strict": False,
            "is_silent": False, "allows_compression": True, "created_at": self.clock.now(), "is_online": True,
            "is_operative": True,
        } | fields  # fmt: skip
        await self.put("stations", row)
        return str(row["id"])

    async def plug(self, station_id: str, evse: int = 1, status: str = "available") -> None:
        now = self.clock.now()
        await self.put("evses", {"station_id": station_id, "number": evse, "is_operative": True, "created_at": now})
        row = {
            "station_id": station_id, "evse": evse, "number": 1, "is_operative": True, "status": status, "raw_status": status,
        }  # fmt: skip
        await self.put("connectors", row)

    async def transaction(self, station_id: str, started_at: datetime | None = None, **fields: Any) -> str:
        at = started_at or self.clock.now()
        known = self.ids.new()
        row = {
            "id": known, "station_id": station_id, "reference": known, "version": "2.0.1", "evse": 1, "state": "Charging",
            "is_open": True, "started_at": at, "start_received_at": at, "energy_wh": Decimal(0),
            "energy_source": "registers", "is_offline_start": False, "is_estimated": False, "seq_count": 0,
            "anomaly_count": 0, "updated_at": at,
        } | fields  # fmt: skip
        await self.put("transactions", row)
        return known

    async def reading(self, station_id: str, transaction_id: str, at: datetime, **fields: Any) -> None:
        row = {
            "station_id": station_id, "evse": 1, "transaction_id": transaction_id, "at": at, "received_at": at,
            "context": "Sample.Periodic", "samples": "[]",
        } | fields  # fmt: skip
        await self.put("meter_readings", row)

    async def frame(
        self, station_id: str, at: datetime, *texts: str, connection: str = "c", inbound: bool = True
    ) -> None:
        """Put a chunk of frames."""
        for chunk in chunks(Sent(at, station_id, text, connection, inbound) for text in texts or ("[]",)):
            row = msgspec.structs.asdict(chunk)
            del row["id"]
            await self.put("frame_chunks", row)

    def ago(self, **delta: float) -> datetime:
        return self.clock.now() - timedelta(**delta)


@pytest.fixture
def rows(database: Database, clock: FrozenClock, ids: IdMaker) -> Rows:
    return Rows(database, clock, ids)
