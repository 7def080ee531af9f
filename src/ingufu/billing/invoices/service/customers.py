"""Customers: who is named on documents, and for which drivers and groups they pay."""

from typing import TypedDict, Unpack

import msgspec

from ingufu.billing.invoices import parties_check
from ingufu.billing.invoices.parties import Address, Automatic, Customer, CustomerKind
from ingufu.billing.invoices.store import parties as store
from ingufu.core.clock import Clock
from ingufu.core.errors import NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work


class CustomerFields(TypedDict, total=False):
    """What people enter about a customer."""

    kind: CustomerKind
    name: str
    address: Address
    tax_id: str
    email: str
    language: str
    is_reverse_charge: bool
    reference: str
    automatic: Automatic | None
    payment_days: int | None
    driver_ids: tuple[str, ...]
    group_ids: tuple[str, ...]


class Customers:
    """Billing data apart from the drivers themselves: a company pays for many, and a driver may change theirs."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def get(self, customer_id: str) -> Customer:
        """Raises NotFound."""
        return (await self._load(customer_id))[0]

    async def find_for(self, driver_id: str | None, group_id: str | None) -> Customer | None:
        """Return who pays for the driver, else for the group."""
        return await store.find_customer_of(self._database, driver_id, group_id)

    async def create(self, work: Work, *, organisation_id: str, **fields: Unpack[CustomerFields]) -> Customer:
        """Return the new customer. Raises InvalidInput; Conflict at the commit if somebody else pays for a member."""
        now = self._clock.now()
        named = {"name": ""} | fields
        new = Customer(id=self._ids.new(), organisation_id=organisation_id, created_at=now, updated_at=now, **named)
        customer = parties_check.checked_customer(new)
        store.add_customer(work, customer)
        return customer

    async def update(self, work: Work, customer_id: str, **fields: Unpack[CustomerFields]) -> Customer:
        """Return the customer as they are from now on; documents that were issued keep what they say.

        Raises NotFound, InvalidInput; Conflict at the commit.
        """
        before, version = await self._load(customer_id)
        customer = parties_check.checked_customer(
            msgspec.structs.replace(before, updated_at=self._clock.now(), **fields)
        )
        store.change_customer(work, customer, version)
        return customer

    async def _load(self, customer_id: str) -> tuple[Customer, int]:
        found = await store.find_customer(self._database, customer_id)
        if found is None:
            raise NotFound("There is no such customer.")
        return found
