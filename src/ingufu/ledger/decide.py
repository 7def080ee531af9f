"""The rules of booking: what an entry must be, and the pairs of accounts in which it is kept."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.core.money import minor_units
from ingufu.ledger.model import NEVER_OWED, AccountKind, Entry, EntryKind, NewEntry, Posting

MAX_POSTINGS = 500
MAX_AMOUNT = Decimal(1_000_000_000_000)  # of one posting; sums of many still have room in their column
LONGEST_NAME = 200
LONGEST_OWNER = LONGEST_NAME + 40  # a site and a name
_LONGEST_TEXT = 1000
_KINDS = {kind: place for place, kind in enumerate(AccountKind)}


class AccountKey(NamedTuple):
    """What tells the accounts of an organisation apart."""

    kind: AccountKind
    owner: str
    currency: str


class Pair(NamedTuple):
    """An amount, greater than zero, that one account is debited and another credited."""

    debit: AccountKey
    credit: AccountKey
    amount: Decimal

    @property
    def currency(self) -> str:
        return self.debit.currency


def account_id(organisation_id: str, key: AccountKey) -> str:
    """Return the id of the account: always the same, so that nobody has to look it up."""
    text = msgspec.json.encode([organisation_id, key.kind.value, key.owner, key.currency])
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def ceiling_of(kind: AccountKind) -> Decimal | None:
    """Return above which balance an account of this kind does not go as long as nothing else is agreed."""
    return Decimal(0) if kind in NEVER_OWED else None


def checked(entry: NewEntry) -> NewEntry:
    """Return the entry with its postings merged by account, in the order of accounts, without what is zero.

    Raises InvalidInput unless they sum to zero in each currency, in whole smallest units.
    """
    if not entry.reference or len(entry.reference) > LONGEST_NAME or not entry.reference.isprintable():
        raise InvalidInput(f"A reference has 1 to {LONGEST_NAME} printable characters.", field="reference")
    if len(entry.provider_reference) > LONGEST_NAME or len(entry.text) > _LONGEST_TEXT:
        raise InvalidInput("The text or the provider's reference is too long.", field="text")
    if len(entry.postings) > MAX_POSTINGS:
        raise InvalidInput(f"An entry has at most {MAX_POSTINGS} postings.", field="postings")
    return msgspec.structs.replace(entry, postings=merged(entry.postings))


def merged(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """Return one posting for each account, in the order of accounts, without those of nothing. Raises InvalidInput."""
    sums: dict[AccountKey, Decimal] = defaultdict(Decimal)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for posting in postings:
        _check_posting(posting)
        sums[AccountKey(posting.account, posting.owner, posting.currency)] += posting.amount
        totals[posting.currency] += posting.amount
    for currency, total in totals.items():
        if total:
            raise InvalidInput(f"The postings in {currency} sum to {total:f}, not to zero.", field="postings")
    found = sorted((key for key, amount in sums.items() if amount), key=_place)
    if any(abs(sums[key]) > MAX_AMOUNT for key in found):
        raise InvalidInput("An amount is too large to be booked.", field="postings")
    return tuple(Posting(account=k.kind, owner=k.owner, amount=sums[k], currency=k.currency) for k in found)


def pairs_of(postings: Sequence[Posting]) -> tuple[Pair, ...]:
    """Return merged postings as pairs of accounts: debits are met by credits, each in its order.

    An account is on one side only, so that the pairs say what the postings said (`postings_of`).
    """
    found: list[Pair] = []
    for currency in dict.fromkeys(posting.currency for posting in postings):
        debited = [(_key(one), one.amount) for one in postings if one.currency == currency and one.amount > 0]
        credited = [(_key(one), -one.amount) for one in postings if one.currency == currency and one.amount < 0]
        while debited and credited:
            (debit, owed), (credit, given) = debited.pop(0), credited.pop(0)
            amount = min(owed, given)
            found.append(Pair(debit, credit, amount))
            if owed > amount:
                debited.insert(0, (debit, owed - amount))
            elif given > amount:
                credited.insert(0, (credit, given - amount))
    return tuple(found)


def postings_of(pairs: Iterable[Pair]) -> tuple[Posting, ...]:
    """Return what pairs come to on each account, in the order of accounts."""
    sums: dict[AccountKey, Decimal] = defaultdict(Decimal)
    for pair in pairs:
        sums[pair.debit] += pair.amount
        sums[pair.credit] -= pair.amount
    found = sorted((key for key, amount in sums.items() if amount), key=_place)
    return tuple(Posting(account=k.kind, owner=k.owner, amount=sums[k], currency=k.currency) for k in found)


def is_same(known: Entry, asked: NewEntry) -> bool:
    """Return whether what is asked for is what was booked under its reference, whatever its words and its time."""
    return (
        known.kind == asked.kind
        and known.reverses_id == asked.reverses_id
        and known.postings == asked.postings
        and known.provider_reference == asked.provider_reference
    )


def reversal_of(entry: Entry, *, at: datetime, text: str) -> NewEntry:
    """Return the entry that takes another back: the same accounts, exactly negated."""
    return NewEntry(
        organisation_id=entry.organisation_id,
        kind=EntryKind.REVERSAL,
        reference=f"reversal:{entry.id}",
        at=at,
        text=text,
        postings=tuple(msgspec.structs.replace(one, amount=-one.amount) for one in entry.postings),
        reverses_id=entry.id,
    )


def _check_posting(posting: Posting) -> None:
    if not posting.amount.is_finite() or abs(posting.amount) > MAX_AMOUNT:
        raise InvalidInput("An amount is no number, or too large to be booked.", field="postings")
    if len(posting.owner) > LONGEST_OWNER or not posting.owner.isprintable():
        raise InvalidInput(f"An owner has at most {LONGEST_OWNER} printable characters.", field="postings")
    try:
        minor_units(posting.amount, posting.currency)
    except ValueError as error:
        raise InvalidInput(str(error), field="postings") from error


def _key(posting: Posting) -> AccountKey:
    return AccountKey(posting.account, posting.owner, posting.currency)


def _place(key: AccountKey) -> tuple[str, int, str]:
    return key.currency, _KINDS[key.kind], key.owner
