"""A station as charging hears it, for the tests: its messages in short, and what became of them."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ingufu.authorization.model import PresentedToken
from ingufu.charging import figures
from ingufu.charging.model import MeterReading, Recorded, ReportKind, TransactionReport
from ingufu.charging.service import Charging
from ingufu.charging.tables import anomalies, readings, transaction_events, transactions
from ingufu.core.clock import FrozenClock
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events


def reading(at: datetime, wh: int | str | None = None, *, context: str | None = None, **values: str) -> MeterReading:
    """Return a meter reading: the register, and any of power, soc."""
    names = {"power": "Power.Active.Import", "soc": "SoC", "current": "Current.Import"}
    samples = [] if wh is None else [figures.sample_from_text(str(wh), context=context)]
    samples += [
        figures.sample_from_text(value, measurand=names[name], context=context) for name, value in values.items()
    ]
    return MeterReading(at=at, samples=tuple(samples))


class Station:
    """A station as charging hears it: one unit of work for each message."""

    def __init__(self, database: Database, charging: Charging, clock: FrozenClock, id_: str, version: str) -> None:
        self.database = database
        self.charging = charging
        self.clock = clock
        self.id = id_
        self.version = version
        self.zero = clock.now()

    def at(self, minutes: float) -> datetime:
        return self.zero + timedelta(minutes=minutes)

    async def report(self, kind: ReportKind, **values: Any) -> Recorded:
        token, kind_of_token = values.pop("token", None), values.pop("token_kind", None)
        minutes = values.pop("minute", None)
        values.setdefault("at", self.clock.now() if minutes is None else self.at(minutes))
        values.setdefault("received_at", max(self.clock.now(), values["at"]))
        if values.get("register_wh") is not None:
            values["register_wh"] = Decimal(values["register_wh"])
        presented = None if token is None else PresentedToken(value=token, kind=kind_of_token)
        report = TransactionReport(kind=kind, station_id=self.id, version=self.version, token=presented, **values)
        async with self.database.work() as work:
            return await self.charging.record(work, report)

    async def start(self, **values: Any) -> Recorded:
        values.setdefault("evse", 1)
        values.setdefault("connector", 1)
        return await self.report(ReportKind.STARTED, **values)

    async def update(self, **values: Any) -> Recorded:
        return await self.report(ReportKind.UPDATED, **values)

    async def end(self, **values: Any) -> Recorded:
        return await self.report(ReportKind.ENDED, **values)

    async def read(self, *taken: MeterReading, evse: int | None = 1, reference: Any = None, **values: Any) -> None:
        values.setdefault("received_at", max([self.clock.now(), *(r.at for r in taken)]))
        async with self.database.work() as work:
            await self.charging.add_readings(
                work,
                station_id=self.id,
                version=self.version,
                evse=evse,
                reference=None if reference is None else str(reference),
                readings=taken,
                **values,
            )

    async def row(self, reference: Any) -> Any:
        return await self.charging.find(self.id, str(reference))

    async def rows(self) -> list[Any]:
        table = transactions
        return await self.database.select(
            table.select().where(table.c.station_id == self.id).order_by(table.c.started_at)
        )

    async def anomalies(self) -> list[str]:
        table = anomalies
        rows = await self.database.select(table.select().where(table.c.station_id == self.id).order_by(table.c.id))
        return [row["kind"] for row in rows]

    async def readings(self) -> list[Any]:
        table = readings
        return await self.database.select(table.select().where(table.c.station_id == self.id).order_by(table.c.at))

    async def told(self) -> list[str]:
        rows = await self.database.select(events.select().where(events.c.station_id == self.id).order_by(events.c.id))
        return [row["kind"] for row in rows if row["kind"] != "AnomalySeen"]

    async def events(self) -> list[Any]:
        return await self.database.select(transaction_events.select().order_by(transaction_events.c.id))
