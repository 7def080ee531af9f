"""Hosts of sites: what they have of the revenue, and what is paid out to them."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.money import rounded
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger import sharing
from ingufu.ledger.model import (
    AccountKind,
    Agreement,
    Earned,
    EntryKind,
    NewEntry,
    Payout,
    PayoutStatus,
    Posted,
    Share,
    ShareBase,
)
from ingufu.ledger.service.books import Books, move, needed, positive
from ingufu.ledger.store import hosts as store
from ingufu.ledger.store.wallets import require_balance

IN_TRANSIT = "payouts"  # the clearing account of what is on its way to hosts
_NAME_MAX = 200
_ACCOUNT_MAX = 100


class Hosts:
    """Shares what charge records earn with the hosts of their sites, and pays out what is due, never more.

    What is due to a host at a site stands on an account of its own (`payable`), which stays that host's when another
    has the site, or is named there. A payout takes its amount off that account in the moment it is made, so that no
    other can be made of the same money.
    """

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, books: Books) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._books = books

    async def agree(
        self,
        work: Work,
        organisation_id: str,
        site_id: str,
        *,
        host_name: str,
        currency: str,
        valid_from: datetime,
        valid_until: datetime | None = None,
        host_id: str | None = None,
        bank_account: str = "",
        percent: Decimal = Decimal(0),
        base: ShareBase = ShareBase.ENERGY_NET,
        per_kwh: Decimal = Decimal(0),
        per_session: Decimal = Decimal(0),
        bears_fees: bool = False,
        by: str = "",
    ) -> Agreement:
        """Return the new agreement. One without an end that counts when it begins ends there.

        Raises InvalidInput, and Conflict if another counts in a part of its time.
        """
        known = await store.agreements_of(self._database, site_id)
        agreement = Agreement(
            id=self._ids.new(),
            organisation_id=organisation_id,
            site_id=site_id,
            number=len(known) + 1,
            host_id=host_id,
            host_name=plain(" ".join(host_name.split()), _NAME_MAX).rstrip(),
            bank_account=plain(bank_account.strip(), _ACCOUNT_MAX),
            currency=currency,
            percent=percent,
            base=base,
            per_kwh=per_kwh,
            per_session=per_session,
            bears_fees=bears_fees,
            valid_from=valid_from,
            valid_until=valid_until,
            created_at=self._clock.now(),
            created_by=plain(by, _NAME_MAX),
        )
        sharing.check(agreement)
        for other in known:
            if other.currency != currency or not _overlap(other, agreement):
                continue
            if other.valid_until is None and other.valid_from < valid_from:
                store.end_agreement(work, other.id, valid_from)
            else:
                raise Conflict(f"Agreement {other.number} with {other.host_name} counts in a part of this time.")
        store.add_agreement(work, agreement)
        return agreement

    async def end(self, work: Work, organisation_id: str, agreement_id: str, *, until: datetime) -> Agreement:
        """Let an agreement end, now or later; what was shared stays shared. Raises NotFound, InvalidInput, Conflict."""
        agreement = await self.get_agreement(organisation_id, agreement_id)
        if until <= agreement.valid_from or until < self._clock.now():
            raise InvalidInput("An agreement ends in the future, and after it begins.", field="until")
        if agreement.valid_until is not None and agreement.valid_until <= until:
            raise Conflict("The agreement ends before that already.")
        store.end_agreement(work, agreement_id, until)
        return msgspec.structs.replace(agreement, valid_until=until)

    async def change_hands(
        self, work: Work, organisation_id: str, site_id: str, *, host_id: str | None
    ) -> list[tuple[Agreement, Agreement]]:
        """End what is agreed about a site with others than its host from now on; return each as it was and as it is.

        What has not begun never counts. Whoever calls gives the site to the host (None: it has none) in the same
        unit; Conflict at the commit if another agreement came meanwhile.
        """
        now = self._clock.now()
        known = await store.agreements_of(self._database, site_id)
        ending = [
            one
            for one in known
            if one.organisation_id == organisation_id and one.host_id != host_id and _counts_after(one, now)
        ]
        store.end_agreements(work, organisation_id, site_id, except_with=host_id, at=now, expect=len(ending))
        return [(one, msgspec.structs.replace(one, valid_until=max(now, one.valid_from))) for one in ending]

    async def latest(self, organisation_id: str, site_id: str, currency: str) -> Agreement | None:
        """Return the latest agreement about the site."""
        known = await store.agreements_of(self._database, site_id)
        of_books = [one for one in known if (one.organisation_id, one.currency) == (organisation_id, currency)]
        return of_books[-1] if of_books else None

    async def get_agreement(self, organisation_id: str, agreement_id: str) -> Agreement:
        """Return the agreement. Raises NotFound."""
        found = await store.find_agreement(self._database, agreement_id)
        if found is None or found.organisation_id != organisation_id:
            raise NotFound("There is no such agreement.")
        return found

    async def agreements(self, organisation_id: str, site_ids: Collection[str] | None = None) -> list[Agreement]:
        """Return all agreements, of these sites only if given."""
        return await store.all_agreements(self._database, organisation_id, site_ids)

    async def share(self, work: Work, earned: Earned, *, by: str = "") -> Posted | None:
        """Book what the site's host has of a charge record; None if there is no agreement, or it comes to nothing.

        It is the share of the host with whom was agreed when the session began, whoever has the site since.
        A credit takes back exactly what its record was shared at, whatever has been agreed since. A second time for
        the same record returns the first. Raises InvalidInput; Conflict for another content.
        """
        if earned.credits_id is not None:
            return await self._take_back(work, earned, by)
        agreement = await store.find_applying(self._database, earned.site_id, earned.currency, earned.started_at)
        if agreement is None or agreement.organisation_id != earned.organisation_id:
            return None
        shared = sharing.share(agreement, earned)
        return await self._book(
            work,
            earned,
            Share(
                entry_id="",
                organisation_id=earned.organisation_id,
                record_id=earned.record_id,
                agreement_id=agreement.id,
                site_id=earned.site_id,
                host_id=agreement.host_id,
                at=earned.at,
                energy_wh=earned.energy_wh,
                based_on=shared.based_on,
                amount=shared.amount,
                currency=earned.currency,
                parts={name: f"{amount:f}" for name, amount in shared.parts.items()},
            ),
            agreement,
            by,
        )

    async def due(
        self,
        organisation_id: str,
        site_id: str,
        currency: str,
        host_id: str | None = None,
        *,
        host_name: str | None = None,
    ) -> Decimal:
        """Return what is due to the host at the site; less than nothing if credits came after it was paid out."""
        agreement = await self._agreed_with(organisation_id, site_id, currency, host_id, host_name)
        if agreement is None:
            return Decimal(0)
        return -await self._books.balance(organisation_id, AccountKind.PAYABLE, _payable(agreement), currency=currency)

    async def make_payout(
        self,
        work: Work,
        organisation_id: str,
        site_id: str,
        *,
        currency: str,
        host_id: str | None = None,
        host_name: str | None = None,
        amount: Decimal | None = None,
        text: str = "",
        by: str = "",
    ) -> Payout:
        """Take what is due to a host, or an amount of it, off its account, on its way to its bank.

        Without a host it is one that is known by name alone: of this name, or the one agreed with last.
        Raises NotFound if nothing was ever agreed on with it for the site, InvalidInput, Conflict for more than is due.
        """
        agreement = await self._agreed_with(organisation_id, site_id, currency, host_id, host_name)
        if agreement is None:
            raise NotFound("There is no agreement with this host about this site in this currency.")
        payable = _payable(agreement)
        account = await self._books.account(organisation_id, AccountKind.PAYABLE, payable, currency=currency)
        due = -account.balance if account else Decimal(0)
        amount = due if amount is None else positive(amount)
        if amount > due or account is None or due <= 0:
            raise Conflict(f"{max(due, Decimal(0)):f} {currency} are due.")
        if rounded(amount, currency) != amount:
            raise InvalidInput("An amount is given in whole smallest units.", field="amount")
        now, payout_id = self._clock.now(), self._ids.new()
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.PAYOUT,
            reference=f"payout:{payout_id}",
            at=now,
            text=plain(text, _NAME_MAX),
            postings=move((AccountKind.PAYABLE, payable), (AccountKind.CLEARING, IN_TRANSIT), amount, currency),
        )
        posted = needed(await self._books.post(work, entry, by=by))
        require_balance(work, account.id, most=Decimal(0))  # two made at once do not take it twice
        payout = Payout(
            id=payout_id,
            organisation_id=organisation_id,
            site_id=site_id,
            host_id=host_id,
            host_name=agreement.host_name,
            bank_account=agreement.bank_account,
            currency=currency,
            amount=amount,
            text=entry.text,
            made_at=now,
            made_by=plain(by, _NAME_MAX),
            made_entry_id=posted.entry_id,
        )
        store.add_payout(work, payout)
        return payout

    async def pay(
        self, work: Work, organisation_id: str, payout_id: str, *, bank_reference: str, by: str = ""
    ) -> Payout:
        """Book that the bank has paid it. A second time with the same reference changes nothing.

        Raises NotFound, InvalidInput, Conflict if it was cancelled or paid otherwise.
        """
        reference = plain(bank_reference.strip(), _ACCOUNT_MAX)
        if not reference:
            raise InvalidInput("Give the reference under which the bank has paid it.", field="bank_reference")
        payout = await self.get_payout(organisation_id, payout_id)
        if payout.status is PayoutStatus.PAID and payout.bank_reference == reference:
            return payout
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.PAYOUT,
            reference=f"payout:{payout_id}:paid",
            provider_reference=reference,
            at=self._clock.now(),
            postings=move((AccountKind.CLEARING, IN_TRANSIT), (AccountKind.BANK, ""), payout.amount, payout.currency),
        )
        return await self._end(work, payout, PayoutStatus.PAID, entry, reference, by)

    async def cancel_payout(self, work: Work, organisation_id: str, payout_id: str, *, by: str = "") -> Payout:
        """Let a payout that the bank has not made be due again; a second time changes nothing.

        Raises NotFound, Conflict if it was paid.
        """
        payout = await self.get_payout(organisation_id, payout_id)
        if payout.status is PayoutStatus.CANCELLED:
            return payout
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.REVERSAL,
            reference=f"payout:{payout_id}:cancelled",
            at=self._clock.now(),
            postings=move(
                (AccountKind.CLEARING, IN_TRANSIT),
                (AccountKind.PAYABLE, sharing.payable_of(payout.site_id, payout.host_id, payout.host_name)),
                payout.amount,
                payout.currency,
            ),
            reverses_id=payout.made_entry_id,
        )
        return await self._end(work, payout, PayoutStatus.CANCELLED, entry, "", by)

    async def get_payout(self, organisation_id: str, payout_id: str) -> Payout:
        """Return the payout. Raises NotFound."""
        found = await store.find_payout(self._database, payout_id)
        if found is None or found.organisation_id != organisation_id:
            raise NotFound("There is no such payout.")
        return found

    async def _end(
        self, work: Work, payout: Payout, status: PayoutStatus, entry: NewEntry, reference: str, by: str
    ) -> Payout:
        if payout.status is not PayoutStatus.MADE:
            raise Conflict(f"The payout is {payout.status.value} already.")
        posted = needed(await self._books.post(work, entry, by=by))
        ended = msgspec.structs.replace(
            payout,
            status=status,
            bank_reference=reference,
            ended_at=entry.at,
            ended_by=plain(by, _NAME_MAX),
            ended_entry_id=posted.entry_id,
        )
        store.end_payout(work, ended)
        return ended

    async def _take_back(self, work: Work, earned: Earned, by: str) -> Posted | None:
        shared = await store.find_share(self._database, earned.organisation_id, earned.credits_id or "")
        if shared is None:
            return None
        agreement = await self.get_agreement(shared.organisation_id, shared.agreement_id)
        credit = msgspec.structs.replace(
            shared,
            record_id=earned.record_id,
            at=earned.at,
            energy_wh=-shared.energy_wh,
            based_on=-shared.based_on,
            amount=-shared.amount,
            parts={name: f"{-Decimal(amount):f}" for name, amount in shared.parts.items()},
        )
        return await self._book(work, msgspec.structs.replace(earned, site_id=shared.site_id), credit, agreement, by)

    async def _book(self, work: Work, earned: Earned, share: Share, agreement: Agreement, by: str) -> Posted | None:
        entry = NewEntry(
            organisation_id=earned.organisation_id,
            kind=EntryKind.SHARE,
            reference=f"share:{earned.record_id}",
            at=earned.at,
            postings=sharing.postings(earned, share.amount, _payable(agreement)),
        )
        posted = await self._books.post(work, entry, by=by)
        if posted is not None and posted.is_new:
            store.add_share(work, msgspec.structs.replace(share, entry_id=posted.entry_id))
        return posted

    async def _agreed_with(
        self, organisation_id: str, site_id: str, currency: str, host_id: str | None, host_name: str | None
    ) -> Agreement | None:
        """Return the latest agreement about the site with a host; a name is of those that have nothing else."""
        for one in reversed(await store.agreements_of(self._database, site_id)):
            is_named = host_id is not None or host_name in (None, one.host_name)
            if (one.organisation_id, one.currency, one.host_id) == (organisation_id, currency, host_id) and is_named:
                return one
        return None


def _payable(agreement: Agreement) -> str:
    return sharing.payable_of(agreement.site_id, agreement.host_id, agreement.host_name)


def _counts_after(agreement: Agreement, at: datetime) -> bool:
    return agreement.valid_until is None or agreement.valid_until > max(at, agreement.valid_from)


def _overlap(one: Agreement, other: Agreement) -> bool:
    """Return whether two agreements count at one time; one that ended before it began never does."""
    if any(each.valid_until is not None and each.valid_until <= each.valid_from for each in (one, other)):
        return False
    starts_before_end = other.valid_until is None or one.valid_from < other.valid_until
    ends_after_start = one.valid_until is None or one.valid_until > other.valid_from
    return starts_before_end and ends_after_start
