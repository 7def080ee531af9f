"""Vouchers: amounts for whoever knows a code."""

import hashlib
import secrets
from datetime import datetime
from decimal import Decimal
from functools import partial

import msgspec
import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, IngufuError, InvalidInput, NotFound
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.core.money import rounded
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.model import AccountKind, EntryKind, NewEntry, Voucher, VoucherUse
from ingufu.ledger.service.attempts import Attempts
from ingufu.ledger.service.books import Books, move, needed, positive
from ingufu.ledger.service.units import retried
from ingufu.ledger.store import vouchers as store
from ingufu.ledger.store.wallets import require_balance

MAX_USES = 100_000
CODE_BYTES = 10  # 80 bits: at a thousand guesses a second nobody meets one of a million codes in ten thousand years
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no letter that is taken for a digit
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_TEXT_MAX = 200
_CODE_MAX = 64

log = structlog.get_logger(__name__)


class Vouchers:
    """Issues vouchers, lets each driver use each of them once, and books what expires.

    The value of all its uses stands on the voucher's own account from the first moment, so that what is used and what
    expires can never be more. Of the code only a hash is kept: it is told once, to who issues it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        books: Books,
        *,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._books = books
        self._random_bytes = random_bytes
        self._attempts = Attempts(clock)

    async def issue(
        self,
        work: Work,
        organisation_id: str,
        *,
        amount: Decimal,
        currency: str,
        expires_at: datetime,
        uses: int = 1,
        text: str = "",
        provider: str = "",
        by: str = "",
    ) -> tuple[Voucher, str]:
        """Return a new voucher and its code, which nobody can learn again.

        One that is given away costs us its value as promotion; one that is sold is paid for through `provider`.
        Raises InvalidInput.
        """
        now = self._clock.now()
        if expires_at <= now:
            raise InvalidInput("A voucher expires in the future.", field="expires_at")
        if not 1 <= uses <= MAX_USES:
            raise InvalidInput(f"A voucher is used 1 to {MAX_USES} times.", field="uses")
        if rounded(positive(amount), currency) != amount:
            raise InvalidInput("An amount is given in whole smallest units.", field="amount")
        code = _code(self._random_bytes(CODE_BYTES))
        voucher = Voucher(
            id=self._ids.new(),
            organisation_id=organisation_id,
            code_hash=code_hash(code),
            hint=code[-4:],
            amount=amount,
            currency=currency,
            uses=uses,
            text=plain(text.strip(), _TEXT_MAX),
            provider=provider,
            issued_at=now,
            issued_by=plain(by, _TEXT_MAX),
            expires_at=expires_at,
        )
        cost = (AccountKind.CLEARING, provider) if provider else (AccountKind.PROMOTION, "")
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.VOUCHER_ISSUED,
            reference=f"voucher:{voucher.id}",
            at=now,
            text=voucher.text,
            postings=move(cost, (AccountKind.VOUCHER, voucher.id), amount * uses, currency),
        )
        await self._books.post(work, entry, by=by)
        store.add(work, voucher)
        return voucher, code

    async def redeem(
        self,
        work: Work,
        organisation_id: str,
        code: str,
        driver_id: str,
        *,
        pays_debt: bool = False,
        tried_by: str = "",
        by: str = "",
    ) -> VoucherUse:
        """Let the driver have the voucher's amount: in the wallet, or first against what is owed and the rest there.

        A second time returns the first use. Raises NotFound for a code that is none, Conflict for one that has expired
        or is used up, TooManyRequests after too many wrong codes for this driver, or of who tries them.
        """
        who = (f"driver:{driver_id}", f"by:{tried_by}") if tried_by else (f"driver:{driver_id}",)
        self._attempts.check(*who)
        voucher = await store.find_by_code(self._database, code_hash(code))
        if voucher is None or voucher.organisation_id != organisation_id:
            self._attempts.count(*who)
            raise NotFound("There is no such voucher.")
        known = await store.find_use(self._database, voucher.id, driver_id)
        if known is not None:
            return known
        now = self._clock.now()
        if voucher.ended_at is not None or voucher.expires_at <= now:
            raise Conflict("The voucher has expired.")
        if voucher.used >= voucher.uses:
            raise Conflict("The voucher is used up.")
        number = voucher.used + 1
        owed = AccountKind.RECEIVABLE, driver_id
        debt = await self._books.account(organisation_id, *owed, currency=voucher.currency) if pays_debt else None
        against = min(max(debt.balance, Decimal(0)), voucher.amount) if debt else Decimal(0)
        source = (AccountKind.VOUCHER, voucher.id)
        entry = NewEntry(
            organisation_id=organisation_id,
            kind=EntryKind.VOUCHER_USED,
            reference=f"voucher:{voucher.id}:{driver_id}",  # once for each; numbers are others' too in the same moment
            at=now,
            text=voucher.text,
            postings=(
                *move(source, owed, against, voucher.currency),
                *move(source, (AccountKind.WALLET, driver_id), voucher.amount - against, voucher.currency),
            ),
        )
        posted = needed(await self._books.post(work, entry, by=by))
        made = VoucherUse(
            voucher_id=voucher.id,
            number=number,
            driver_id=driver_id,
            reference=entry.reference,
            amount=voucher.amount,
            at=now,
            entry_id=posted.entry_id,
        )
        store.use(work, voucher, made)
        if debt is not None and against:
            require_balance(work, debt.id, least=Decimal(0))  # what is paid in this moment is not paid twice
        return made

    async def get(self, organisation_id: str, voucher_id: str) -> Voucher:
        """Return the voucher. Raises NotFound."""
        found = await store.find(self._database, voucher_id)
        if found is None or found.organisation_id != organisation_id:
            raise NotFound("There is no such voucher.")
        return found

    async def uses(self, voucher_id: str) -> list[VoucherUse]:
        """Return the uses of a voucher, the first first."""
        return await store.uses_of(self._database, voucher_id)

    async def withdraw(self, work: Work, organisation_id: str, voucher_id: str, *, by: str = "") -> Voucher:
        """Let a voucher not be used any more; a second time changes nothing. Raises NotFound."""
        voucher = await self.get(organisation_id, voucher_id)
        return voucher if voucher.ended_at is not None else await self._end(work, voucher, by=by)

    async def expire(self) -> int:
        """Book what of expired vouchers was not used as breakage, each in a unit of its own; return how many."""
        ended = 0
        for voucher in await store.find_due(self._database, self._clock.now()):
            try:
                await retried(self._database, partial(self._end_anew, voucher_id=voucher.id))
            except IngufuError as error:
                log.warning("voucher.not_expired", voucher=voucher.id, error=error.message)
            else:
                ended += 1
        return ended

    async def _end_anew(self, work: Work, voucher_id: str) -> None:
        voucher = await store.find(self._database, voucher_id)
        if voucher is not None and voucher.ended_at is None:
            await self._end(work, voucher)

    async def _end(self, work: Work, voucher: Voucher, by: str = "") -> Voucher:
        now = self._clock.now()
        rest = voucher.amount * (voucher.uses - voucher.used)
        if rest:
            entry = NewEntry(
                organisation_id=voucher.organisation_id,
                kind=EntryKind.EXPIRY,
                reference=f"voucher:{voucher.id}:end",
                at=now,
                text=voucher.text,
                postings=move((AccountKind.VOUCHER, voucher.id), (AccountKind.BREAKAGE, ""), rest, voucher.currency),
            )
            await self._books.post(work, entry, by=by)
        store.end(work, voucher, now)
        return msgspec.structs.replace(voucher, ended_at=now)


def code_hash(code: str) -> str:
    """Return the hash under which a code is kept, however it is written. A code is random enough to need no salt."""
    typed = code.strip()[:_CODE_MAX].upper().translate(_MISREAD)
    return hashlib.sha256(f"voucher:{typed}".encode()).hexdigest()


def _code(random: bytes) -> str:
    """Return so many bytes as a code in groups of four that people can read out."""
    value = int.from_bytes(random, "big")
    digits = "".join(_ALPHABET[(value >> shift) & 31] for shift in range(5 * (len(random) * 8 // 5 - 1), -1, -5))
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))
