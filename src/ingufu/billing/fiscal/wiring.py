"""Invoices and fiscal devices put together: documents need a signature, and devices need the documents."""

from dataclasses import dataclass

from ingufu.billing.fiscal.service import Fiscal
from ingufu.billing.invoices.rendering.printing import Printer
from ingufu.billing.invoices.service import Archive, Customers, Documents, Invoicing, LegalEntities, SessionRegisters
from ingufu.billing.records.service import ChargeRecords
from ingufu.charging.service import Charging
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.infra.storage.database import Database
from ingufu.infra.vault import Vault
from ingufu.ledger.service import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What bills: sellers, buyers, documents, and who signs and prints them."""

    entities: LegalEntities
    customers: Customers
    documents: Documents
    invoicing: Invoicing
    fiscal: Fiscal
    printer: Printer


def money(
    database: Database,
    clock: Clock,
    ids: IdMaker,
    random_bytes: RandomBytes,
    *,
    vault: Vault,
    ledger: Ledger,
    charging: Charging,
    records: ChargeRecords,
) -> Money:
    """Return all that bills, on one database."""
    entities, customers = LegalEntities(database, clock, ids), Customers(database, clock, ids)
    fiscal = Fiscal(database, clock, ids, vault, Archive(database))
    documents = Documents(database, clock, ids, random_bytes, fiscal, ledger)
    invoicing = Invoicing(
        database,
        clock,
        ids,
        records=records,
        registers=SessionRegisters(charging),
        entities=entities,
        customers=customers,
        documents=documents,
    )
    return Money(
        entities=entities,
        customers=customers,
        documents=documents,
        invoicing=invoicing,
        fiscal=fiscal,
        printer=Printer(),
    )
