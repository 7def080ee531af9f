"""What happens to documents."""

from ingufu.core.events import Event


class DocumentDrafted(Event, frozen=True, kw_only=True):
    """A document was prepared, and waits for somebody to look at it."""

    document: str
    document_kind: str
    problem: str = ""


class DocumentFinalised(Event, frozen=True, kw_only=True):
    """A document got its number. It does not change any more."""

    document: str
    document_kind: str
    number: str
    legal_entity: str
    payable: str
    currency: str


class DocumentVoided(Event, frozen=True, kw_only=True):
    """A draft was given up."""

    document: str
    document_kind: str


class DocumentSettled(Event, frozen=True, kw_only=True):
    """A payment on a document was entered."""

    document: str
    amount: str
    currency: str
    reference: str
