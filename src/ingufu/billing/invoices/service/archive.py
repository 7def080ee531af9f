"""Documents to be read, by whoever needs no more than that."""

from ingufu.billing.invoices.model import Document
from ingufu.billing.invoices.store import documents as store
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database


class Archive:
    """Implements `billing.invoices.ports.DocumentSource`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, document_id: str) -> Document:
        """Raises NotFound."""
        found = await store.find(self._database, document_id)
        if found is None:
            raise NotFound("There is no such document.")
        return found

    async def credits_of(self, document_id: str) -> list[Document]:
        """Return the credit notes of the document, drafts among them, without their lines."""
        return await store.find_credits(self._database, document_id)
