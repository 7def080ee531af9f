"""What documents need from others: charge records, meters' registers, and somebody who signs."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ingufu.billing.invoices.model import Document, FiscalStamp, Registers
from ingufu.billing.records.model import ChargeRecord
from ingufu.infra.storage.database import Work


class RecordSource(Protocol):
    """Where charge records come from."""

    async def get(self, record_id: str) -> ChargeRecord:
        """Return the record. Raises NotFound."""
        ...


class RegisterSource(Protocol):
    """Where the registers at the ends of sessions come from."""

    async def registers(self, transaction_ids: Sequence[str]) -> Mapping[str, Registers]: ...


class Signing(Protocol):
    """Who has finalised documents signed."""

    async def submit(self, work: Work, document: Document) -> None:
        """Have the document signed, with the unit of work that finalises it. Conflict at the commit: try again."""
        ...

    async def stamps(self, document_ids: Sequence[str]) -> Mapping[str, FiscalStamp]:
        """Return what was answered, or is awaited; nothing for documents that need no signature."""
        ...


class DocumentSource(Protocol):
    """Where documents are read."""

    async def get(self, document_id: str) -> Document:
        """Raises NotFound."""
        ...

    async def credits_of(self, document_id: str) -> list[Document]:
        """Return the credit notes of the document, drafts among them, without their lines."""
        ...
