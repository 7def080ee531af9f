"""A network of three sites in which much happens in no order, and who gathers its figures and is killed."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from ingufu.authorization.tables import decisions
from ingufu.billing.records.events import ChargeRecordIssued
from ingufu.billing.records.tables import records
from ingufu.charging.events import TransactionCorrected, TransactionEnded, TransactionStarted
from ingufu.charging.tables import readings, transactions
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.reports.model import State
from ingufu.reports.portions import Portions
from ingufu.reports.service import Reports
from ingufu.reports.tables import cells, evses, taking_cells, taking_totals, totals
from ingufu.sites.service import Sites
from ingufu.stations.service import StationRules, Stations
from ingufu.stations.tables import evses as built

ADD, ADD_READING, ADD_RECORD, ADD_DECISION, ADD_EVSE = (
    insert(transactions), insert(readings), insert(records), insert(decisions), insert(built)
)  # fmt: skip
ZONES = ("Africa/Kigali", "Europe/Berlin", "UTC")
NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
FIRST = datetime(2026, 10, 23, 6, 0, tzinfo=UTC)  # over the end of summer time in Berlin, and of a month
TABLES = (cells, totals, taking_cells, taking_totals, evses)


class Network:
    """Three sites with two stations each, and what is told of them in any order."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.clock = FrozenClock(NOW)
        self.ids = IdMaker(self.clock)
        self.random = random.Random(seed)
        self.sites: dict[str, str] = {}  # zone by site
        self.stations: dict[str, str] = {}  # site by station
        self.number = 0

    async def open(self) -> "Network":
        sites, stations = (
            Sites(self.database, self.clock, self.ids),
            Stations(self.database, self.clock, self.ids, StationRules()),
        )
        for place, zone in enumerate(ZONES):
            async with self.database.work() as work:
                site = await sites.create(work, organisation_id="o", name=f"Site {place}", time_zone=zone)
            self.sites[site.id] = zone
            for one in range(2):
                async with self.database.work() as work:
                    station = await stations.create(work, f"CS-{place}-{one}", site_id=site.id)
                    for evse in (1, 2):
                        work.execute(
                            ADD_EVSE,
                            {"station_id": station.id, "number": evse, "is_operative": True, "created_at": NOW},
                        )
                self.stations[station.id] = site.id
        return self

    async def start(self) -> dict[str, Any]:
        """Have a session run that began some time ago."""
        self.number += 1
        station_id = self.random.choice(sorted(self.stations))
        began = FIRST + timedelta(minutes=self.random.randrange(0, 9 * 1440))
        row: dict[str, Any] = {
            "id": self.ids.new(), "number": self.number, "station_id": station_id, "reference": str(self.number),
            "version": "2.0.1", "evse": self.random.choice((1, 2)), "state": "charging", "is_open": True,
            "started_at": began, "start_received_at": began, "start_wh": Decimal(1000), "energy_wh": Decimal(0),
            "energy_source": "readings", "is_offline_start": False, "is_estimated": False, "seq_count": 0,
            "anomaly_count": 0, "updated_at": began, "last_reading_at": began,
        }  # fmt: skip
        async with self.database.work() as work:
            work.execute(ADD, row)
            work.emit(
                TransactionStarted(
                    occurred_at=began, station_id=station_id, transaction_id=row["id"], evse=1, verdict=None
                )
            )
        return row

    async def end(self, row: dict[str, Any], *, again: bool = False) -> None:
        """Have it end, or end otherwise than was thought."""
        lasted = timedelta(minutes=self.random.choice((1, 45, 190, 1700, 3000)))
        energy = Decimal(self.random.choice((0, 50, 12_345, 40_000))) + Decimal(self.number % 7) / 3
        energy = energy.quantize(Decimal("0.000001"))
        ended = min(row["started_at"] + lasted, NOW)
        kind: Any = TransactionCorrected if again else TransactionEnded
        more = {} if again else {"stop_reason": None, "is_estimated": False}
        async with self.database.work() as work:
            for share in range(1, 4):
                at = row["started_at"] + lasted * share / 5
                work.append(
                    ADD_READING,
                    {
                        "station_id": row["station_id"], "evse": row["evse"], "transaction_id": row["id"], "at": at,
                        "received_at": at, "context": "Sample.Periodic", "energy_wh": 1000 + energy * share // 4,
                        "samples": "[]",
                    },
                )  # fmt: skip
            work.execute_once(
                update(transactions)
                .where(transactions.c.id == row["id"])
                .values(is_open=False, ended_at=ended, energy_wh=energy, last_reading_at=ended)
            )
            work.emit(
                kind(
                    occurred_at=NOW,
                    station_id=row["station_id"],
                    transaction_id=row["id"],
                    evse=1,
                    energy_wh=energy,
                    **more,
                )
            )

    async def bill(self, row: dict[str, Any], *, credit: bool = False) -> None:
        """Issue a charge record, or take one back."""
        self.number += 1
        at = FIRST + timedelta(minutes=self.random.randrange(0, 9 * 1440))
        sign = -1 if credit else 1
        currency = self.random.choice(("RWF", "EUR"))
        made = {
            "id": self.ids.new(), "kind": "credit" if credit else "charge", "subject": row["id"], "revision": self.number,
            "transaction_id": row["id"], "organisation_id": "o", "site_id": self.stations[row["station_id"]],
            "station_id": row["station_id"], "started_at": at, "ended_at": at, "energy_wh": Decimal(0),
            "currency": currency, "net": sign * Decimal(100 + self.number), "tax": Decimal(0),
            "gross": sign * Decimal(118 + self.number), "confidence": "metered", "signature": "none", "issued_at": at,
            "document": b"",
        }  # fmt: skip
        async with self.database.work() as work:
            work.execute(ADD_RECORD, made)
            work.emit(
                ChargeRecordIssued(
                    occurred_at=at,
                    station_id=row["station_id"],
                    record=made["id"],
                    record_kind=made["kind"],
                    organisation_id="o",
                    currency=currency,
                    net=made["net"],
                    gross=made["gross"],
                    energy_wh=Decimal(0),
                )
            )

    async def refuse(self) -> None:
        at = FIRST + timedelta(minutes=self.random.randrange(0, 9 * 1440))
        row = {
            "at": at, "station_id": self.random.choice(sorted(self.stations)), "evse": 1, "token_value": "CARD",
            "token_kind": "ISO14443", "occasion": "authorize", "status": "Blocked", "reason": "token-blocked",
        }  # fmt: skip
        async with self.database.work() as work:
            work.append(ADD_DECISION, row)

    async def move(self) -> None:
        """Have a station stand at another site, under another clock perhaps, from its first session on."""
        station_id = self.random.choice(sorted(self.stations))
        there = self.random.choice(sorted(self.sites))
        async with self.database.work() as work:
            await Stations(self.database, self.clock, self.ids, StationRules()).update(work, station_id, site_id=there)
        self.stations[station_id] = there

    async def live(self, gatherer: "Killed", steps: int) -> None:
        """Let things happen, in no order, while figures are gathered now and then."""
        known: list[dict[str, Any]] = []
        for _ in range(steps):
            what = self.random.choice(
                ("start", "start", "end", "end", "correct", "bill", "credit", "refuse", "move", "gather")
            )
            if what == "start" or not known:
                known.append(await self.start())
            elif what in ("end", "correct"):
                await self.end(self.random.choice(known), again=what == "correct")
            elif what in ("bill", "credit"):
                await self.bill(self.random.choice(known), credit=what == "credit")
            elif what == "refuse":
                await self.refuse()
            elif what == "move":
                await self.move()
            else:
                await gatherer.gather()
        for row in known:
            await self.end(row, again=True)


class Killed:
    """Gathers, and is killed before some of its commits; what it knew is lost with it."""

    def __init__(self, net: Network, chance: float) -> None:
        self.net = net
        self.chance = chance
        self.kills = 0

    async def gather(self, *, to_the_end: bool = False) -> None:
        reports = Reports(self.net.database, self.net.clock)
        commit = Portions._commit
        kills_left = 12  # a batch of many portions would come through hardly ever

        async def dying(portions: Portions, after: State) -> None:
            nonlocal kills_left
            if kills_left and self.net.random.random() < self.chance:
                kills_left -= 1
                self.kills += 1
                raise Killing
            await commit(portions, after)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Portions, "_commit", dying)
            patch.setattr("ingufu.reports.portions.MOST", self.net.random.choice((1, 4, 600)))
            await self._gather(reports, to_the_end=to_the_end)

    async def _gather(self, reports: Reports, *, to_the_end: bool) -> None:
        for _ in range(200):
            try:
                await reports.follow_places()
                followed, more = await reports.follow(), await reports.gather_past()
            except Killing:
                reports = Reports(self.net.database, self.net.clock)
                continue
            if not to_the_end or not (followed or more):
                return
        raise AssertionError("gathering comes to no end")


class Killing(Exception):
    """The process is gone."""


async def kept(database: Database) -> dict[str, list[Any]]:
    found = {}
    for table in TABLES:
        rows = await database.select(select(*table.columns))
        found[table.name] = sorted((tuple(row.items()) for row in rows), key=repr)
    return found
