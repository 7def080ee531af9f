"""The books: entries that are made once and stand for ever, and what they come to."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger import decide, store
from ingufu.ledger.decide import AccountKey
from ingufu.ledger.model import Account, AccountKind, Entry, Finding, NewEntry, Posted, Posting

_NAME_MAX = 200
_WORDS = {
    AccountKind.WALLET: "There is not so much in the wallet",
    AccountKind.HOLD: "Not so much is held",
    AccountKind.VOUCHER: "The voucher is not worth so much",
}


class Books:
    """Books what it is given, each reference once, in units of work of whoever asks.

    Reads see committed data. That a reference is booked once, that numbers have no gaps and that balances are what the
    postings come to is settled by the database when the unit is written: by a unique key, a number that is counted in
    the same write, and amounts that are added to what stands there then. Whoever calls has units tried again
    (`retried`), for two may ask for the same in one moment.
    """

    def __init__(self, database: Database, clock: Clock, ids: IdMaker) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def post(self, work: Work, entry: NewEntry, *, by: str = "") -> Posted | None:
        """Return the entry that stands under the reference when the unit is committed; None if all amounts are zero.

        An entry with the same reference, kind, postings and provider's reference is there already or is made. Raises
        InvalidInput unless the postings sum to zero in each currency, and Conflict for another content under the
        reference, or if a wallet, hold or voucher would be overdrawn (both also at the commit).
        """
        entry = decide.checked(entry)
        lacking = await self._lacking(entry)  # before the look for the entry: what it took itself is not lacking
        known = await store.find_by_reference(self._database, entry.organisation_id, entry.reference)
        if known is not None:
            if not decide.is_same(known, entry):
                raise Conflict(f"“{entry.reference}” is booked already, as number {known.number}, with other content.")
            return Posted(entry_id=known.id, is_new=False)
        if not entry.postings:
            return None
        if lacking is not None:
            raise Conflict(lacking)
        made = Entry(
            **msgspec.structs.asdict(entry),
            id=self._ids.new(),
            number=0,
            entered_at=self._clock.now(),
            entered_by=plain(by, _NAME_MAX),
        )
        pairs = decide.pairs_of(entry.postings)
        keys = [AccountKey(one.account, one.owner, one.currency) for one in entry.postings]
        store.open_accounts(work, entry.organisation_id, keys, made.entered_at)
        store.add(work, made, pairs)
        return Posted(entry_id=made.id, is_new=True)

    async def reverse(
        self, work: Work, organisation_id: str, entry_id: str, *, reason: str, at: datetime | None = None, by: str = ""
    ) -> Posted:
        """Take an entry back by one that negates it exactly; once: a second time returns the first reversal.

        Raises NotFound, InvalidInput without a reason, and Conflict for a reversal, or if a wallet would be overdrawn.
        """
        entry = await self.entry(organisation_id, entry_id)
        if entry.reverses_id is not None:
            raise Conflict("This entry takes another back; book what is right by a new entry.")
        if not reason.strip():
            raise InvalidInput("Say why it is taken back.", field="reason")
        known = await store.find_reversal(self._database, entry_id)
        if known is not None:
            return Posted(entry_id=known.id, is_new=False)
        asked = decide.reversal_of(entry, at=at or self._clock.now(), text=plain(reason, _NAME_MAX))
        posted = await self.post(work, asked, by=by)
        return needed(posted)

    async def entry(self, organisation_id: str, entry_id: str) -> Entry:
        """Return the entry. Raises NotFound."""
        found = await store.find(self._database, entry_id)
        if found is None or found.organisation_id != organisation_id:
            raise NotFound("There is no such entry.")
        return found

    async def is_reversed(self, entry_id: str) -> bool:
        """Return whether the entry was taken back as a whole."""
        return await store.find_reversal(self._database, entry_id) is not None

    async def find_entry(self, organisation_id: str, reference: str) -> Entry | None:
        """Return what was booked under the reference."""
        return await store.find_by_reference(self._database, organisation_id, reference)

    async def account(
        self, organisation_id: str, kind: AccountKind, owner: str = "", *, currency: str
    ) -> Account | None:
        """Return the account, if anything was ever booked on it."""
        return await store.find_account(
            self._database, decide.account_id(organisation_id, AccountKey(kind, owner, currency))
        )

    async def balance(self, organisation_id: str, kind: AccountKind, owner: str = "", *, currency: str) -> Decimal:
        """Return the account's balance, debit positive."""
        found = await self.account(organisation_id, kind, owner, currency=currency)
        return found.balance if found else Decimal(0)

    async def accounts(self, organisation_id: str, *, at: datetime | None = None) -> list[Account]:
        """Return every account with its balance, now or after all that was booked for up to an instant."""
        found = await store.all_accounts(self._database, organisation_id)
        if at is None:
            return found
        sums = await store.sums(self._database, organisation_id, at)
        return [msgspec.structs.replace(one, balance=sums.get(one.id, Decimal(0))) for one in found]

    async def trial_balance(self, organisation_id: str, *, at: datetime | None = None) -> dict[str, Decimal]:
        """Return what all balances come to in each currency: nothing, at any time."""
        totals: dict[str, Decimal] = defaultdict(Decimal)
        for one in await self.accounts(organisation_id, at=at):
            totals[one.currency] += one.balance
        return dict(totals)

    async def verify(self) -> list[Finding]:
        """Compare everything that is kept twice, in all books; what is found is a fault of the program or the disk.

        What is booked while it reads may look like one, so that only what is found twice counts.
        """
        found = await self._differences()
        return [one for one in await self._differences() if one in found] if found else []

    async def _differences(self) -> list[Finding]:
        findings: list[Finding] = []
        sums = await store.sums(self._database)
        totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for one in await store.all_accounts(self._database):
            expected = sums.pop(one.id, Decimal(0))
            totals[one.organisation_id, one.currency] += one.balance
            if one.balance != expected:
                findings.append(_finding("balance", one.id, expected, one.balance))
        findings += [_finding("account", account, "an account", "none") for account in sums]
        findings += [_finding("trial-balance", currency, 0, total) for (_, currency), total in totals.items() if total]
        for row in await store.incomplete(self._database):
            findings.append(_finding("postings", row["id"], row["lines"], row["found"]))
        for row in await store.numbering(self._database):
            if not row["entries"] == row["highest"] == row["last"]:
                findings.append(_finding("numbers", row["organisation_id"], row["last"], row["entries"]))
        return findings

    async def _lacking(self, entry: NewEntry) -> str | None:
        """Return what to say if a bounded account would be overdrawn; the database refuses it anyhow."""
        bounded = {
            decide.account_id(entry.organisation_id, AccountKey(one.account, one.owner, one.currency)): one
            for one in entry.postings
            if one.amount > 0 and decide.ceiling_of(one.account) is not None
        }
        known = await store.find_accounts(self._database, bounded)
        for account, posting in bounded.items():
            found = known.get(account)
            room = -found.balance + (found.ceiling or Decimal(0)) if found else Decimal(0)
            if posting.amount > room:
                return f"{_WORDS[posting.account]}: {room:f} {posting.currency} can be used."
        return None


def needed(posted: Posted | None) -> Posted:
    """Return what was posted where it is known that an amount moves."""
    assert posted is not None  # noqa: S101 - only an entry of nothing is not made
    return posted


def move(
    debit: tuple[AccountKind, str], credit: tuple[AccountKind, str], amount: Decimal, currency: str
) -> tuple[Posting, Posting]:
    """Return the postings that debit one account and credit another."""
    return (
        Posting(account=debit[0], owner=debit[1], amount=amount, currency=currency),
        Posting(account=credit[0], owner=credit[1], amount=-amount, currency=currency),
    )


def positive(amount: Decimal) -> Decimal:
    """Return the amount. Raises InvalidInput if it is not greater than zero, or too large to be booked."""
    if not amount.is_finite() or not 0 < amount <= decide.MAX_AMOUNT:
        raise InvalidInput("An amount is greater than zero, and not beyond measure.", field="amount")
    return amount


def _finding(rule: str, what: str, expected: object, found: object) -> Finding:
    return Finding(rule=rule, what=what, expected=str(expected), found=str(found))
