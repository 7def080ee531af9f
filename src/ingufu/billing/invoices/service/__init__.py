"""Invoices as other packages use them."""

from ingufu.billing.invoices.service.archive import Archive
from ingufu.billing.invoices.service.billing import Invoicing
from ingufu.billing.invoices.service.customers import CustomerFields, Customers
from ingufu.billing.invoices.service.documents import Documents
from ingufu.billing.invoices.service.entities import EntityFields, LegalEntities
from ingufu.billing.invoices.service.registers import SessionRegisters

__all__ = [
    "Archive",
    "CustomerFields",
    "Customers",
    "Documents",
    "EntityFields",
    "Invoicing",
    "LegalEntities",
    "SessionRegisters",
]
