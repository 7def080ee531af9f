"""A small network with a price, for the tests of charge records: what stations tell is recorded, judged and billed."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from charging.stations import Station, reading
from ingufu.app.parts import services_of
from ingufu.app.settings import BillingSettings, Settings
from ingufu.authorization.model import DriverDetails, TokenDetails
from ingufu.billing.records.model import ChargeRecord, Rating
from ingufu.billing.records.tables import ratings, records
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import AccountKind
from ingufu.reservations.model import Reservation, ReservationStatus
from ingufu.reservations.tables import reservations
from ingufu.services import Services
from ingufu.tariffs.model import Dimension, Element, PriceComponent, Restrictions, Tax, Terms
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Target, Where

__all__ = ["World", "element", "per_kwh", "reading", "terms"]


def element(dimension: Dimension, price: str, *, vat: str | None = "18", **values: Any) -> Element:
    restrictions = values.pop("restrictions", Restrictions())
    taxes = None if vat is None else (Tax(percent=Decimal(vat)),)
    component = PriceComponent(dimension=dimension, price=Decimal(price), taxes=taxes, **values)
    return Element(components=(component,), restrictions=restrictions)


def terms(currency: str, *elements: Element, **values: Any) -> Terms:
    return Terms(currency=currency, elements=elements, **values)


def per_kwh(price: str, currency: str = "RWF", vat: str | None = "18") -> Terms:
    return terms(currency, element(Dimension.ENERGY, price, vat=vat))


class World:
    """One site in Kigali with one station and one driver."""

    def __init__(self, database: Database, clock: FrozenClock, ids: IdMaker, data: str, **billing: Any) -> None:
        settings = Settings(data=data, billing=BillingSettings(**{"grace_s": 0.0, **billing}))
        self.database = database
        self.clock = clock
        self.ids = ids
        self.services: Services = services_of(settings, database, clock, ids)
        self.records = self.services.charge_records
        self.rater = self.records.rater
        self.organisation_id = self.site_id = self.station_id = self.driver_id = ""

    async def open(self) -> "World":
        services = self.services
        async with self.database.work() as work:
            self.organisation_id = (await services.accounts.ensure_operator(work, "Operator")).id
        async with self.database.work() as work:
            site = await services.sites.create(
                work,
                organisation_id=self.organisation_id,
                name="Kigali Heights",
                address="KG 7 Ave",
                city="Kigali",
                country="RW",
                time_zone="Africa/Kigali",
            )
            driver = await services.authorization.create_driver(
                work, DriverDetails(name="Aline"), organisation_id=self.organisation_id
            )
        async with self.database.work() as work:
            station = await services.stations.create(work, "CS-1", site_id=site.id)
            await services.authorization.create_token(
                work, TokenDetails(value="CARD", driver_id=driver.id), organisation_id=self.organisation_id
            )
        self.site_id, self.station_id, self.driver_id = site.id, station.id, driver.id
        return self

    async def tariff(self, what: Terms, name: str = "Day", where: Where | None = None) -> str:
        """Make a tariff that applies to everyone, or there, and return its id."""
        new = NewTariff(organisation_id=self.organisation_id, name=name, terms=what)
        async with self.database.work() as work:
            made, _ = await self.services.tariffs.create(work, new, by="test")
        async with self.database.work() as work:
            await self.services.tariffs.assign(work, made.id, where or Where(target=Target.EVERYONE), by="test")
        self.clock.advance(1)
        return made.id

    def station(self, version: str = "1.6") -> Station:
        return Station(self.database, self.services.charging, self.clock, self.station_id, version)

    async def session(
        self, *, wh: int = 12_345, minutes: float = 60, start_wh: int = 1000, token: str | None = "CARD", **end: Any
    ) -> str:
        """Have a 1.6 station charge, and return the transaction's id."""
        station = self.station()
        began_at: datetime = self.clock.now()
        started = await station.start(register_wh=start_wh, token=token)
        self.clock.advance(minutes * 60)
        reference = started.transaction.reference
        await station.end(
            reference=reference, register_wh=start_wh + wh, at=began_at + timedelta(minutes=minutes), **end
        )
        return started.transaction.id

    async def reserved(self, *, minutes: float) -> int:
        """Have a place be kept for the card, until it expires unused; return the reservation's number."""
        now = self.clock.now()
        expires_at = now + timedelta(minutes=minutes)
        token = await self.services.authorization.find_token("CARD")
        assert token is not None
        one = Reservation(
            id=7,
            station_id=self.station_id,
            evse=1,
            token_value="CARD",
            token_kind="ISO14443",
            token_id=token.id,
            status=ReservationStatus.KEPT,
            expires_at=expires_at,
            created_at=now,
            kept_at=now,
        )
        async with self.database.work() as work:
            work.execute_once(reservations.insert().values(**msgspec.structs.asdict(one)))
        self.clock.advance(minutes * 60 + 1)
        return one.id

    async def rate(self) -> None:
        """Do what the rater does in turns, until nothing is due."""
        for _ in range(5):
            await self.rater.collect()
            if not await self.rater.rate_due():
                return

    async def issued(self, transaction_id: str) -> list[ChargeRecord]:
        return await self.records.of_transaction(transaction_id)

    async def rating(self, transaction_id: str) -> Rating:
        found = await self.records.rating_of(transaction_id)
        assert found is not None
        return found

    async def count(self) -> int:
        return len(await self.database.select(records.select()))

    async def ratings(self) -> list[Any]:
        return await self.database.select(ratings.select())

    async def owed(self, owner: str, currency: str = "RWF") -> Decimal:
        return await self.services.ledger.balance(
            self.organisation_id, AccountKind.RECEIVABLE, owner, currency=currency
        )
