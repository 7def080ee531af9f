"""A seller, customers and charge records to bill, made as the product makes them: priced by the engine, stored for good."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ingufu.accounts.model import OrganisationKind
from ingufu.accounts.service import Accounts
from ingufu.billing.evidence.model import Confidence, SignatureState
from ingufu.billing.invoices.model import Registers
from ingufu.billing.invoices.parties import Address, Customer, LegalEntity
from ingufu.billing.invoices.service import Customers, Documents, Invoicing, LegalEntities
from ingufu.billing.records import store as record_store
from ingufu.billing.records.model import ChargeRecord, RecordKind, Snapshot
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.ledger.service import Ledger
from ingufu.tariffs.model import AppliedTariff, Dimension, Element, PriceComponent, PriceLimit, Tax, TaxBasis, Terms
from ingufu.tariffs.price import price
from ingufu.tariffs.usage import Activity, Stretch, Usage

START = datetime(2026, 2, 10, 8, tzinfo=UTC)
KIGALI = Address(street="KN 3 Avenue", city="Kigali", country="RW")


def terms(
    currency: str, energy: str, *, percent: str | None = "18", parking: str | None = None, **fields: Any
) -> Terms:
    """Return a tariff per kWh, with idle time per hour if wanted."""
    taxes = None if percent is None else (Tax(percent=Decimal(percent)),)
    parts = [PriceComponent(dimension=Dimension.ENERGY, price=Decimal(energy), taxes=taxes)]
    if parking is not None:
        parts.append(PriceComponent(dimension=Dimension.PARKING_TIME, price=Decimal(parking), taxes=taxes))
    return Terms(currency=currency, elements=(Element(components=tuple(parts)),), **fields)


def record(
    record_id: str,
    of: Terms,
    *,
    kwh: str = "20.5",
    idle_min: int = 0,
    started_at: datetime = START,
    organisation_id: str = "org",
    **snapshot: Any,
) -> ChargeRecord:
    """Return the charge record of a session of one hour, and so many minutes parked after it."""
    ended_at = started_at + timedelta(hours=1)
    stretches = [Stretch(started_at=started_at, ended_at=ended_at, energy_wh=Decimal(kwh) * 1000)]
    if idle_min:
        until = ended_at + timedelta(minutes=idle_min)
        stretches.append(Stretch(started_at=ended_at, ended_at=until, activity=Activity.PARKED))
        ended_at = until
    usage = Usage(stretches=tuple(stretches), time_zone="Africa/Kigali")
    applied = AppliedTariff(tariff_id="t1", version=1, name="Public", terms=of)
    priced = price(usage, (applied,))
    place = {"site_id": "site-1", "site_name": "Kigali Heights", "station_id": "st-1", "station_identity": "KGL-01",
             "evse": 1, "time_zone": "Africa/Kigali", "country": "RW", "city": "Kigali"}  # fmt: skip
    return ChargeRecord(
        id=record_id,
        transaction_id=f"tx-{record_id}",
        verdict_number=1,
        organisation_id=organisation_id,
        started_at=started_at,
        ended_at=ended_at,
        energy_wh=Decimal(kwh) * 1000,
        currency=of.currency,
        net=priced.billed.net,
        tax=priced.billed.tax,
        gross=priced.billed.gross,
        snapshot=Snapshot(**place | {"meter_serial": "M-4711", "reference": "17"} | snapshot),
        usage=usage,
        tariffs=(applied,),
        price=priced,
        confidence=Confidence.PROVEN,
        signature=SignatureState.VERIFIED,
        engine="test",
        issued_at=ended_at,
    )


def credit_of(original: ChargeRecord, record_id: str, *, issued_at: datetime | None = None) -> ChargeRecord:
    """Return the record that takes another back."""
    return msgspec.structs.replace(
        original,
        id=record_id,
        kind=RecordKind.CREDIT,
        corrects_id=original.id,
        net=-original.net,
        tax=-original.tax,
        gross=-original.gross,
        issued_at=issued_at or original.issued_at + timedelta(minutes=1),
        reason="The meter was read anew.",
    )


class Unsigned:
    """No fiscal device anywhere."""

    async def submit(self, work: Any, document: Any) -> None: ...

    async def stamps(self, document_ids: Any) -> dict[str, Any]:
        return {}


class Meters:
    """Registers as a station reported them."""

    async def registers(self, transaction_ids: Any) -> dict[str, Registers]:
        known = Registers(begin_wh=Decimal(1000000), end_wh=Decimal(1020500))
        return dict.fromkeys(transaction_ids, known)


@dataclass
class Trade:
    """All that bills, on one database."""

    database: Database
    clock: FrozenClock
    ids: IdMaker
    signing: Any = field(default_factory=Unsigned)
    organisation_id: str = "org"

    def __post_init__(self) -> None:
        self.entities = LegalEntities(self.database, self.clock, self.ids)
        self.customers = Customers(self.database, self.clock, self.ids)
        self.ledger = Ledger(self.database, self.clock, self.ids)
        chance = random.Random(7)
        self.documents = Documents(self.database, self.clock, self.ids, chance.randbytes, self.signing, self.ledger)
        self.invoicing = Invoicing(
            self.database,
            self.clock,
            self.ids,
            records=self,
            registers=Meters(),
            entities=self.entities,
            customers=self.customers,
            documents=self.documents,
        )

    def again(self) -> "Trade":
        """Return the same as another process has it: on the same database, sharing nothing else."""
        return Trade(self.database, self.clock, IdMaker(self.clock), self.signing, self.organisation_id)

    async def get(self, record_id: str) -> ChargeRecord:
        found = await record_store.find(self.database, record_id)
        if found is None:
            raise NotFound
        return found

    async def seller(self, **fields: Any) -> LegalEntity:
        given = {"name": "Ingufu Charging Ltd", "address": KIGALI, "tax_id": "102345678", "tax_id_name": "TIN",
                 "time_zone": "Africa/Kigali", "is_default": True, "key": "KGL"} | fields  # fmt: skip
        async with self.database.work() as work:
            return await self.entities.create(work, organisation_id=self.organisation_id, **given)

    async def customer(self, **fields: Any) -> Customer:
        given = {"name": "Fleet Ltd", "address": KIGALI, "driver_ids": ("driver-1",)} | fields
        async with self.database.work() as work:
            return await self.customers.create(work, organisation_id=self.organisation_id, **given)

    async def issue(self, *records: ChargeRecord) -> None:
        """Have charge records be there, as if they were issued now."""
        for one in records:
            async with self.database.work() as work:
                record_store.add(work, one, f"{one.transaction_id}")


async def operator(database: Database, clock: FrozenClock, ids: IdMaker) -> str:
    async with database.work() as work:
        made = await Accounts(database, clock, ids).create_organisation(work, "Operator", OrganisationKind.OPERATOR)
    return made.id


GROSS = {"tax_basis": TaxBasis.INCLUDED}
MINIMUM = {"min_price": PriceLimit(before_taxes=Decimal(5), after_taxes=Decimal("5.9"))}
