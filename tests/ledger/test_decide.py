"""What accountants write and the pairs in which it is kept say the same."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.errors import InvalidInput
from ingufu.ledger import decide
from ingufu.ledger.decide import AccountKey
from ingufu.ledger.model import GROWS_BY_DEBIT, AccountKind, Entry, EntryKind, NewEntry, Posting

AT = datetime(2026, 3, 1, tzinfo=UTC)
UNITS = {"RWF": Decimal(1), "KES": Decimal("0.01"), "EUR": Decimal("0.01"), "KWD": Decimal("0.001")}


@st.composite
def balanced(draw: st.DrawFn) -> tuple[Posting, ...]:
    """Postings that sum to zero in each of some currencies, in any order, accounts repeated at will."""
    found: list[Posting] = []
    for currency in draw(st.lists(st.sampled_from(sorted(UNITS)), unique=True, max_size=3)):
        counts = draw(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8))
        for count in (*counts, -sum(counts)):
            kind, owner = draw(st.sampled_from(AccountKind)), draw(st.sampled_from(["", "alice", "bob"]))
            found.append(Posting(account=kind, owner=owner, amount=count * UNITS[currency], currency=currency))
    return tuple(draw(st.permutations(found)))


def sums(postings: tuple[Posting, ...]) -> dict[AccountKey, Decimal]:
    found: dict[AccountKey, Decimal] = {}
    for one in postings:
        key = AccountKey(one.account, one.owner, one.currency)
        found[key] = found.get(key, Decimal(0)) + one.amount
    return {key: amount for key, amount in found.items() if amount}


@given(balanced())
def test_pairs_say_what_the_postings_said(postings: tuple[Posting, ...]) -> None:
    merged = decide.merged(postings)
    pairs = decide.pairs_of(merged)
    assert sums(merged) == sums(postings)
    assert decide.postings_of(pairs) == merged
    assert all(pair.amount > 0 and pair.debit != pair.credit for pair in pairs)
    assert all(pair.debit.currency == pair.credit.currency for pair in pairs)
    assert len(pairs) < max(len(merged), 1)


@given(balanced(), st.randoms())
def test_order_of_postings_changes_nothing(postings: tuple[Posting, ...], chance: object) -> None:
    mixed = list(postings)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert decide.merged(mixed) == decide.merged(postings)


@given(balanced())
def test_reversal_and_entry_come_to_nothing(postings: tuple[Posting, ...]) -> None:
    entry = Entry(
        organisation_id="o", kind=EntryKind.CHARGE, reference="r", at=AT, postings=decide.merged(postings), id="e",
        number=1, entered_at=AT,
    )  # fmt: skip
    reversal = decide.reversal_of(entry, at=AT, text="Wrong")
    assert sums((*entry.postings, *reversal.postings)) == {}
    assert reversal.reverses_id == entry.id


@given(balanced(), st.integers(1, 10**6))
def test_what_does_not_sum_to_zero_is_refused(postings: tuple[Posting, ...], count: int) -> None:
    odd = Posting(account=AccountKind.BANK, amount=Decimal(count), currency="RWF")
    with pytest.raises(InvalidInput, match="not to zero"):
        decide.merged((*postings, odd))


def test_account_has_one_id_for_ever_and_others_have_others() -> None:
    key = AccountKey(AccountKind.WALLET, "alice", "RWF")
    assert decide.account_id("operator", key) == "b6fa688d90295f038199ea1287ddb02c"
    others = {
        decide.account_id(books, AccountKey(kind, owner, currency))
        for books in ("operator", "o")
        for kind in AccountKind
        for owner in ("", "alice", 'alice","RWF')
        for currency in ("RWF", "KES")
    }
    assert len(others) == 2 * len(AccountKind) * 3 * 2


def test_every_kind_of_account_grows_on_one_side_and_is_told_about() -> None:
    assert len(GROWS_BY_DEBIT) == 8
    assert decide.ceiling_of(AccountKind.WALLET) == 0
    assert decide.ceiling_of(AccountKind.RECEIVABLE) is None


@pytest.mark.parametrize(
    "change",
    [{"reference": ""}, {"reference": "x" * 201}, {"reference": "a\nb"}, {"text": "x" * 1001},
     {"provider_reference": "x" * 201},
     {"postings": (Posting(account=AccountKind.BANK, amount=Decimal(0), currency="RWF"),) * 501}],
)  # fmt: skip
def test_entry_beyond_its_bounds_is_refused(change: dict[str, object]) -> None:
    entry = NewEntry(organisation_id="o", kind=EntryKind.CHARGE, reference="r", at=AT, postings=())
    with pytest.raises(InvalidInput):
        decide.checked(msgspec.structs.replace(entry, **change))
