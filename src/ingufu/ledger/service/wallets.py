"""Wallets: money that drivers have with us, and what of it is set aside."""

from datetime import datetime
from decimal import Decimal
from functools import partial

import msgspec
import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, IngufuError, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.money import rounded
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger import decide
from ingufu.ledger.decide import AccountKey
from ingufu.ledger.model import Account, AccountKind, EntryKind, Hold, HoldStatus, NewEntry, Posted
from ingufu.ledger.service.books import Books, move, needed, positive
from ingufu.ledger.service.units import retried
from ingufu.ledger.store import find_account, open_accounts, set_ceiling
from ingufu.ledger.store import wallets as store

_REASON_MAX = 400
_COUNTERS = frozenset({AccountKind.PROMOTION, AccountKind.WRITE_OFF, AccountKind.BANK, AccountKind.RECEIVABLE})

log = structlog.get_logger(__name__)


class Wallets:
    """Fills, holds and spends what is in wallets. Nothing is spent twice, and nothing that is not there.

    The database refuses what would overdraw a wallet when it is written, however many spend at once; with `retried`
    the second of them reads what is left. Every change has a reference, and is made once under it.
    """

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, books: Books) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._books = books

    async def get(self, organisation_id: str, driver_id: str, currency: str) -> Account | None:
        """Return the wallet, if the driver ever had one in this currency."""
        return await self._books.account(organisation_id, AccountKind.WALLET, driver_id, currency=currency)

    async def available(self, organisation_id: str, driver_id: str, currency: str) -> Decimal:
        """Return how much the driver can spend: what is in the wallet, and what it may be overdrawn by."""
        wallet = await self.get(organisation_id, driver_id, currency)
        return Decimal(0) if wallet is None else (wallet.ceiling or Decimal(0)) - wallet.balance

    async def top_up(
        self,
        work: Work,
        organisation_id: str,
        driver_id: str,
        *,
        amount: Decimal,
        currency: str,
        reference: str,
        provider: str = "",
        at: datetime | None = None,
        by: str = "",
    ) -> Posted:
        """Put money into the wallet that came through a payment provider, or, without one, to the bank.

        `reference` is the provider's: a callback that comes twice fills the wallet once. Raises InvalidInput, Conflict.
        """
        source = (AccountKind.CLEARING, provider) if provider else (AccountKind.BANK, "")
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.TOP_UP,
            reference=f"top-up:{provider}:{reference}",
            provider_reference=reference,
            at=at or self._clock.now(),
            postings=move(source, (AccountKind.WALLET, driver_id), positive(amount), currency),
        )
        return needed(await self._books.post(work, entry, by=by))

    async def spend(
        self,
        work: Work,
        organisation_id: str,
        driver_id: str,
        *,
        amount: Decimal,
        currency: str,
        reference: str,
        at: datetime | None = None,
        by: str = "",
    ) -> Posted:
        """Pay out of the wallet what the driver owes us. Raises Conflict if there is not so much in it."""
        wallet, owed = (AccountKind.WALLET, driver_id), (AccountKind.RECEIVABLE, driver_id)
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.PAYMENT,
            reference=f"spend:{reference}",
            at=at or self._clock.now(),
            postings=move(wallet, owed, positive(amount), currency),
        )
        return needed(await self._books.post(work, entry, by=by))

    async def hold(
        self,
        work: Work,
        organisation_id: str,
        driver_id: str,
        *,
        estimate: Decimal,
        currency: str,
        reference: str,
        expires_at: datetime | None = None,
        by: str = "",
    ) -> Hold:
        """Set aside the estimate, or what there is if that is less; a second time returns the first hold.

        Raises Conflict if there is nothing in the wallet.
        """
        available = await self.available(organisation_id, driver_id, currency)
        known = await store.find_hold(self._database, organisation_id, reference)  # after what it may have taken
        if known is not None:
            if (known.driver_id, known.currency) != (driver_id, currency):
                raise Conflict(f"“{reference}” is held of another wallet.")
            return known
        amount = min(available, rounded(positive(estimate), currency))
        if amount <= 0:
            raise Conflict("There is nothing in the wallet.")
        now = self._clock.now()
        hold = Hold(
            id=self._ids.new(),
            organisation_id=organisation_id,
            driver_id=driver_id,
            currency=currency,
            amount=amount,
            reference=reference,
            created_at=now,
            expires_at=expires_at,
        )
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.HOLD,
            reference=f"hold:{reference}",
            at=now,
            postings=move((AccountKind.WALLET, driver_id), (AccountKind.HOLD, driver_id), amount, currency),
        )
        await self._books.post(work, entry, by=by)
        store.add_hold(work, hold)
        return hold

    async def capture(self, work: Work, organisation_id: str, reference: str, *, amount: Decimal, by: str = "") -> Hold:
        """Take what the driver owes of what is held, and give the rest back; a second time changes nothing.

        Raises NotFound, InvalidInput, and Conflict for more than is held, or if the hold has ended otherwise.
        """
        hold = await self.get_hold(organisation_id, reference)
        if amount:
            positive(amount)
        if hold.status is HoldStatus.CAPTURED and hold.captured == amount:
            return hold
        if hold.status is not HoldStatus.HELD:
            raise Conflict(f"The hold is {hold.status.value} already.")
        if amount > hold.amount:
            raise Conflict(f"Only {hold.amount:f} {hold.currency} are held.")
        if amount == 0:
            return await self.release(work, organisation_id, reference, by=by)
        now = self._clock.now()
        postings = (
            *move((AccountKind.HOLD, hold.driver_id), (AccountKind.RECEIVABLE, hold.driver_id), positive(amount),
                  hold.currency),
            *move((AccountKind.HOLD, hold.driver_id), (AccountKind.WALLET, hold.driver_id), hold.amount - amount,
                  hold.currency),
        )  # fmt: skip
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.PAYMENT,
            reference=f"capture:{reference}",
            at=now,
            postings=postings,
        )
        await self._books.post(work, entry, by=by)
        store.end_hold(work, hold, HoldStatus.CAPTURED, amount, now)
        return msgspec.structs.replace(hold, status=HoldStatus.CAPTURED, captured=amount, ended_at=now)

    async def release(self, work: Work, organisation_id: str, reference: str, *, by: str = "") -> Hold:
        """Give back all that is held; a second time changes nothing. Raises NotFound, Conflict if it was captured."""
        hold = await self.get_hold(organisation_id, reference)
        if hold.status in {HoldStatus.RELEASED, HoldStatus.EXPIRED}:
            return hold
        if hold.status is HoldStatus.CAPTURED:
            raise Conflict("The hold is captured already.")
        return await self._give_back(work, hold, HoldStatus.RELEASED, by)

    async def expire(self) -> int:
        """Give back what was held for too long, each hold in a unit of its own; return how many."""
        due = await store.due_holds(self._database, self._clock.now())
        ended = 0
        for hold in due:
            try:
                await retried(self._database, partial(self._give_back, hold=hold, status=HoldStatus.EXPIRED))
            except IngufuError as error:  # captured or released in this moment
                log.info("wallet.hold_not_expired", hold=hold.id, error=error.message)
            else:
                ended += 1
        return ended

    async def get_hold(self, organisation_id: str, reference: str) -> Hold:
        """Return the hold. Raises NotFound."""
        found = await store.find_hold(self._database, organisation_id, reference)
        if found is None:
            raise NotFound(f"Nothing is held for “{reference[:80]}”.")
        return found

    async def holds(self, driver_id: str) -> list[Hold]:
        """Return the driver's last holds, newest first."""
        return await store.holds_of(self._database, driver_id)

    async def adjust(
        self,
        work: Work,
        organisation_id: str,
        driver_id: str,
        *,
        amount: Decimal,
        currency: str,
        reason: str,
        reference: str,
        against: AccountKind = AccountKind.PROMOTION,
        by: str = "",
    ) -> Posted:
        """Put something into the wallet (a positive amount) or take it out, against an account of ours.

        Raises InvalidInput without a reason, Conflict if more is taken out than is in it.
        """
        if not reason.strip():
            raise InvalidInput("Say why the wallet is adjusted.", field="reason")
        if against not in _COUNTERS:
            raise InvalidInput(
                "A wallet is adjusted against promotion, write-off, bank or receivable.", field="against"
            )
        counter = (against, driver_id if against is AccountKind.RECEIVABLE else "")
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.ADJUSTMENT,
            reference=f"adjustment:{reference}",
            at=self._clock.now(),
            text=plain(reason.strip(), _REASON_MAX),
            postings=move(counter, (AccountKind.WALLET, driver_id), amount, currency),
        )
        posted = await self._books.post(work, entry, by=by)
        if posted is None:
            raise InvalidInput("An adjustment moves an amount.", field="amount")
        return posted

    async def set_limit(
        self, work: Work, organisation_id: str, driver_id: str, *, limit: Decimal, currency: str
    ) -> None:
        """Let the wallet be overdrawn by so much; 0 not at all. Conflict at the commit if it is overdrawn by more."""
        if not limit.is_finite() or not 0 <= limit <= decide.MAX_AMOUNT or limit != rounded(limit, currency):
            raise InvalidInput("A limit is zero or more, in whole smallest units.", field="limit")
        key = AccountKey(AccountKind.WALLET, driver_id, currency)
        account = decide.account_id(organisation_id, key)
        wallet = await find_account(self._database, account)
        if wallet is not None and wallet.balance > limit:
            raise Conflict(f"The wallet is overdrawn by {wallet.balance:f} {currency} already.")
        open_accounts(work, organisation_id, [key], self._clock.now())
        set_ceiling(work, account, limit)

    async def _give_back(self, work: Work, hold: Hold, status: HoldStatus, by: str = "") -> Hold:
        now = self._clock.now()
        entry = NewEntry(
            organisation_id=hold.organisation_id,
            kind=EntryKind.RELEASE,
            reference=f"release:{hold.reference}",
            at=now,
            postings=move(
                (AccountKind.HOLD, hold.driver_id), (AccountKind.WALLET, hold.driver_id), hold.amount, hold.currency
            ),
        )
        await self._books.post(work, entry, by=by)
        store.end_hold(work, hold, status, Decimal(0), now)
        return msgspec.structs.replace(hold, status=status, ended_at=now)
