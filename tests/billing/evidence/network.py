"""A station at a site whose sessions are judged, for the tests: on a real database, by its messages."""

from billing.evidence.signing import Meter
from charging.stations import Station, reading
from ingufu.authorization.service import Authorization
from ingufu.billing.evidence.model import EvidenceRules, NewMeterKey
from ingufu.billing.evidence.service import Evidence
from ingufu.charging.model import MeterReading, Sample, SignedValue
from ingufu.charging.service import Charging, OpenCount
from ingufu.charging.tables import transactions
from ingufu.infra.storage.outbox import events
from ingufu.sites.service import Sites
from ingufu.stations.model import StationRules
from ingufu.stations.service import Stations


class Network:
    """One station at one site, and the service that judges its sessions."""

    def __init__(self, database, clock, ids, rules=EvidenceRules()) -> None:  # noqa: B008 - frozen
        self.database, self.clock, self.ids = database, clock, ids
        self.charging = Charging(database, clock, ids, Authorization(database, clock, ids, OpenCount(database)))
        self.evidence = Evidence(database, clock, ids, self.charging, rules)
        self.meter = Meter()
        self.stations, self.sites = Stations(database, clock, ids, StationRules()), Sites(database, clock, ids)
        self.numbers = 0

    async def build(self):
        async with self.database.work() as work:
            self.site = await self.sites.create(work, organisation_id="org", name="Kigali")
        async with self.database.work() as work:
            self.known = await self.stations.create(work, "CP1", site_id=self.site.id)
        self.station = Station(self.database, self.charging, self.clock, self.known.id, "2.1")
        return self

    def another_process(self):
        return Evidence(self.database, self.clock, self.ids, self.charging)

    async def session(self, start="1000", end="11000", *, signed=(), at=0, minutes=60, reference=None):
        """Have a session come and end, and return its id. `signed` are the records of its begin and end."""
        self.numbers += 1
        reference = reference or f"T{self.numbers}"
        begin = self.readings(at, start, "Transaction.Begin", signed[:1])
        await self.station.start(reference=reference, seq=0, minute=at, readings=begin)
        last = self.readings(at + minutes, end, "Transaction.End", signed[1:])
        await self.station.end(reference=reference, seq=1, minute=at + minutes, readings=last)
        return (await self.station.row(reference)).id

    def readings(self, minute, wh, context, texts):
        taken = self.station.at(minute)
        found = [] if wh is None else list(reading(taken, wh, context=context).samples)
        found += [
            Sample(raw_value="", context=context, signed=SignedValue(data=text, encoding="OCMF")) for text in texts
        ]
        return (MeterReading(at=taken, samples=tuple(found)),) if found else ()

    async def register(self, **more):
        wanted = NewMeterKey(
            **{"station_id": self.known.id, "public_key": self.meter.key.der_hex, "meter_serial": "M1", **more}
        )
        async with self.database.work() as work:
            return await self.evidence.add_key(work, wanted, by="Ada")

    async def demand(self, *, demands=True):
        async with self.database.work() as work:
            return await self.evidence.set_site(work, self.site.id, demands_signatures=demands)

    async def decide(self, transaction_id, decision, by="Ada"):
        async with self.database.work() as work:
            return await self.evidence.decide(work, transaction_id, decision, by=by)

    async def told(self, kind=None):
        rows = await self.database.select(events.select().order_by(events.c.id))
        kinds = {"EnergyJudged", "ReviewOpened", "ReviewDecided"} if kind is None else {kind}
        return [row for row in rows if row["kind"] in kinds]

    async def force(self, transaction_id, **values):
        """Have a transaction's row be as no message of the simulator makes it."""
        async with self.database.work() as work:
            work.execute_once(transactions.update().where(transactions.c.id == transaction_id).values(**values))
