"""What is booked besides what is sold: refunds, provider fees, write-offs, and what staff set right."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Work
from ingufu.ledger.model import AccountKind, Entry, EntryKind, NewEntry, Posted, Posting, Refund
from ingufu.ledger.service.books import Books, move, needed, positive
from ingufu.ledger.store import wallets as store

_REASON_MAX = 400
_REFUNDED = frozenset({EntryKind.PAYMENT, EntryKind.TOP_UP})
_TAKEN_BACK = frozenset({EntryKind.PAYMENT, EntryKind.TOP_UP, EntryKind.FEE, EntryKind.WRITE_OFF, EntryKind.ADJUSTMENT})


class Corrections(Books):
    """Nothing that was booked changes: what was wrong, or is given back, is an entry of its own."""

    async def reverse(
        self, work: Work, organisation_id: str, entry_id: str, *, reason: str, at: datetime | None = None, by: str = ""
    ) -> Posted:
        """Take an entry back as `Books.reverse` does; Conflict also if some of it was given back already."""
        entry = await self.entry(organisation_id, entry_id)
        if entry.kind in _REFUNDED and await self.refunds(entry_id):
            raise Conflict("Some of it was given back already; give back the rest.")
        posted = await super().reverse(work, organisation_id, entry_id, reason=reason, at=at, by=by)
        if posted.is_new and entry.kind in _REFUNDED:
            store.give_back_all(work, entry_id, most=_most(entry))
        return posted

    async def take_back(self, work: Work, organisation_id: str, entry_id: str, *, reason: str, by: str = "") -> Posted:
        """Take back, as staff do, what was booked by hand or by mistake; `reverse` for what nothing else rests on.

        Raises Conflict for an entry that belongs to a charge record, a hold, a voucher, a refund, a host's share or a
        payout: those are taken back where they were made, so that they know of it.
        """
        entry = await self.entry(organisation_id, entry_id)
        is_of_hold = any(one.account is AccountKind.HOLD for one in entry.postings)
        if entry.kind not in _TAKEN_BACK or is_of_hold:
            raise Conflict("This entry belongs to something else; take that back, or book an adjustment.")
        return await self.reverse(work, organisation_id, entry_id, reason=reason, by=by)

    async def refund(
        self,
        work: Work,
        organisation_id: str,
        entry_id: str,
        *,
        amount: Decimal,
        reason: str,
        reference: str,
        to_wallet: bool = False,
        at: datetime | None = None,
        by: str = "",
    ) -> Posted:
        """Give back of what a payment or top-up took in: to where it came from, or into the driver's wallet.

        All refunds of one entry never come to more than it took in, however many are made at once. A second time
        under the same reference returns the first. Raises NotFound, InvalidInput, Conflict.
        """
        entry = await self.entry(organisation_id, entry_id)
        reason = _reason(reason)
        taken = _taken(entry)
        most = -taken.amount
        source = _source(entry, to_wallet=to_wallet)
        asked = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.REFUND,
            reference=f"refund:{reference}",
            provider_reference=entry.provider_reference if source[0] is AccountKind.CLEARING else "",
            at=at or self._clock.now(),
            text=reason,
            postings=move((taken.account, taken.owner), source, positive(amount), taken.currency),
        )
        given = sum((one.amount for one in await self.refunds(entry_id)), Decimal(0))
        is_reversed = await self.is_reversed(entry_id)
        if await self.find_entry(organisation_id, asked.reference) is None:  # looked for last: its own is no obstacle
            if is_reversed:
                raise Conflict("The entry was taken back as a whole already.")
            if given + amount > most:
                raise Conflict(f"Of {most:f} {taken.currency}, {given:f} were given back already.")
        posted = needed(await self.post(work, asked, by=by))
        if not posted.is_new:
            refund = await store.find_refund(self._database, posted.entry_id)
            if refund is None or refund.entry_id != entry_id:
                raise Conflict(f"“{asked.reference}” is a refund of another entry.")
            return posted
        made = Refund(
            id=posted.entry_id,
            entry_id=entry_id,
            amount=amount,
            currency=taken.currency,
            reason=reason,
            at=asked.at,
            by=plain(by, 200),
        )
        store.add_refund(work, made, most=most)
        return posted

    async def refunds(self, entry_id: str) -> list[Refund]:
        """Return what was given back of an entry, oldest first."""
        return await store.refunds_of(self._database, entry_id)

    async def pay(
        self,
        work: Work,
        organisation_id: str,
        owner: str,
        *,
        amount: Decimal,
        currency: str,
        reference: str,
        provider: str = "",
        at: datetime | None = None,
        by: str = "",
    ) -> Posted:
        """Book that what somebody owed came in through a payment provider, or, without one, to the bank.

        `reference` is the provider's or the bank's; a second time returns the first. Raises InvalidInput, Conflict.
        """
        source = (AccountKind.CLEARING, provider) if provider else (AccountKind.BANK, "")
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.PAYMENT,
            reference=f"payment:{provider}:{reference}",
            provider_reference=reference,
            at=at or self._clock.now(),
            postings=move(source, (AccountKind.RECEIVABLE, owner), positive(amount), currency),
        )
        return needed(await self.post(work, entry, by=by))

    async def fee(
        self,
        work: Work,
        organisation_id: str,
        provider: str,
        *,
        amount: Decimal,
        currency: str,
        reference: str,
        at: datetime | None = None,
        by: str = "",
    ) -> Posted:
        """Book what a payment provider keeps for itself. A negative amount is a fee given back."""
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.FEE,
            reference=f"fee:{provider}:{reference}",
            at=at or self._clock.now(),
            postings=move((AccountKind.PROVIDER_FEES, provider), (AccountKind.CLEARING, provider), amount, currency),
        )
        posted = await self.post(work, entry, by=by)
        if posted is None:
            raise InvalidInput("A fee moves an amount.", field="amount")
        return posted

    async def settle(
        self,
        work: Work,
        organisation_id: str,
        provider: str,
        *,
        amount: Decimal,
        currency: str,
        reference: str,
        at: datetime | None = None,
        by: str = "",
    ) -> Posted:
        """Book that a payment provider has paid to the bank what it had collected for us."""
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.PAYOUT,
            reference=f"settlement:{provider}:{reference}",
            provider_reference=reference,
            at=at or self._clock.now(),
            postings=move((AccountKind.BANK, ""), (AccountKind.CLEARING, provider), positive(amount), currency),
        )
        return needed(await self.post(work, entry, by=by))

    async def write_off(
        self,
        work: Work,
        organisation_id: str,
        owner: str,
        *,
        amount: Decimal,
        currency: str,
        reason: str,
        reference: str,
        by: str = "",
    ) -> Posted:
        """Give up what somebody owes. Raises Conflict for more than is owed."""
        owed = await self.balance(organisation_id, AccountKind.RECEIVABLE, owner, currency=currency)
        positive(amount)
        full = f"write-off:{reference}"
        if amount > owed and await self.find_entry(organisation_id, full) is None:
            raise Conflict(f"{max(owed, Decimal(0)):f} {currency} are owed.")
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.WRITE_OFF,
            reference=full,
            at=self._clock.now(),
            text=_reason(reason),
            postings=move((AccountKind.WRITE_OFF, ""), (AccountKind.RECEIVABLE, owner), positive(amount), currency),
        )
        posted = needed(await self.post(work, entry, by=by))
        if posted.is_new:
            account = await self.account(organisation_id, AccountKind.RECEIVABLE, owner, currency=currency)
            if account is not None:  # what was paid in this moment is not given up too
                store.require_balance(work, account.id, least=Decimal(0))
        return posted

    async def adjust(
        self,
        work: Work,
        organisation_id: str,
        postings: Sequence[Posting],
        *,
        reason: str,
        reference: str,
        at: datetime | None = None,
        by: str = "",
    ) -> Posted:
        """Book what staff found to be right, with the reason. Raises InvalidInput, Conflict."""
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.ADJUSTMENT,
            reference=f"adjustment:{reference}",
            at=at or self._clock.now(),
            text=_reason(reason),
            postings=tuple(postings),
        )
        posted = await self.post(work, entry, by=by)
        if posted is None:
            raise InvalidInput("An adjustment moves an amount.", field="postings")
        return posted


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput("Say why.", field="reason")
    return plain(reason.strip(), _REASON_MAX)


def _taken(entry: Entry) -> Posting:
    """Return what an entry took in: the posting on what the driver owes or has with us. Raises Conflict."""
    found = [
        one
        for one in entry.postings
        if one.amount < 0
        and one.account is (AccountKind.WALLET if entry.kind is EntryKind.TOP_UP else AccountKind.RECEIVABLE)
    ]
    if entry.kind not in _REFUNDED or len(found) != 1:
        raise Conflict("Only what a payment or a top-up took in can be given back.")
    return found[0]


def _most(entry: Entry) -> Decimal:
    """Return how much can be given back of an entry at all."""
    return sum((one.amount for one in entry.postings if one.amount > 0), Decimal(0))


def _source(entry: Entry, *, to_wallet: bool) -> tuple[AccountKind, str]:
    """Return where a refund goes: the driver's wallet, or where the money had come from. Raises Conflict."""
    taken = _taken(entry)
    if to_wallet and entry.kind is EntryKind.TOP_UP:
        raise Conflict("It is in the wallet already; give it back to where it came from.")
    source = next(one for one in entry.postings if one.amount > 0)
    if to_wallet or source.account in {AccountKind.HOLD, AccountKind.WALLET}:
        return AccountKind.WALLET, taken.owner
    return source.account, source.owner
