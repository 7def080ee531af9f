"""Entries as tests of the ledger post them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal

from ingufu.ledger.model import AccountKind, EntryKind, NewEntry, Posted, Posting

ORGANISATION = "operator"

Post = Callable[..., Awaitable[Posted | None]]


def postings(*lines: tuple[AccountKind, str, str], currency: str = "RWF") -> tuple[Posting, ...]:
    return tuple(Posting(account=a, owner=o, amount=Decimal(amount), currency=currency) for a, o, amount in lines)


def charge(amount: int, *, reference: str, at: datetime, driver: str = "alice", currency: str = "RWF") -> NewEntry:
    """Return the entry of a charge record of so much, of which 18 in 118 are tax."""
    tax = round(amount * 18 / 118)
    return NewEntry(
        organisation_id=ORGANISATION,
        kind=EntryKind.CHARGE,
        reference=reference,
        at=at,
        postings=postings(
            (AccountKind.RECEIVABLE, driver, str(amount)),
            (AccountKind.REVENUE, "energy", str(tax - amount)),
            (AccountKind.TAX, "VAT 18", str(-tax)),
            currency=currency,
        ),
    )
