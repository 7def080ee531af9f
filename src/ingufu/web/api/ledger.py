"""The ledger: accounts and entries, what is booked by hand, and the proof that everything sums to zero."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import OrganisationKind, Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import NotFound
from ingufu.infra.parquet import ParquetStream
from ingufu.infra.storage.database import Work
from ingufu.ledger.model import AccountKind, Finding, Posted, Posting
from ingufu.ledger.service import retried
from ingufu.views import ledger as views
from ingufu.views.ledger import (
    AccountQuery,
    AccountRow,
    Currency,
    EntryQuery,
    EntryRow,
    RefundRow,
    TrialBalance,
)
from ingufu.views.paging import Page
from ingufu.web import access, spreadsheets
from ingufu.web.context import WebContext
from ingufu.web.routes import route

PARQUET = "application/vnd.apache.parquet"
CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)
Instant = Annotated[datetime, Meta(tz=True)]
Amount = Annotated[Decimal, Meta(description="In whole smallest units of the currency, as text: `12.34`.")]
Reason = Annotated[str, Meta(min_length=1, max_length=400, description="Why; it stays with the entry.")]
Owner = Annotated[str, Meta(min_length=1, max_length=200, description="A driver's id, or who else owes it.")]
Provider = Annotated[str, Meta(max_length=100, description="A payment provider; empty: it came to the bank.")]
Reference = (
    Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            description="Names what is booked: the same one again books nothing more. null: one is made.",
        ),
    ]
    | None
)
ProviderReference = Annotated[str, Meta(min_length=1, max_length=100, description="The provider's or the bank's.")]
_COLUMNS: Mapping[str, str] = {
    "number": "integer", "at": "instant", "entered_at": "instant", "entered_by": "text", "kind": "text",
    "reference": "text", "provider_reference": "text", "text": "text", "entry_id": "text", "reverses_id": "text",
    "account": "text", "owner": "text", "owner_name": "text", "currency": "text", "amount": "exact",
}  # fmt: skip


class BalanceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When."""

    at: Annotated[Instant | None, Meta(description="After all that is of this instant and before; null: now.")] = None


class NewPosting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an entry does to an account."""

    account: AccountKind
    owner: Annotated[str, Meta(max_length=200)] = ""
    amount: Annotated[Decimal, Meta(description="Debit is positive, credit negative; in whole smallest units.")]
    currency: Currency


class NewAdjustment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry made by hand. Its postings sum to zero in each currency."""

    postings: Annotated[tuple[NewPosting, ...], Meta(min_length=2, max_length=50)]
    reason: Reason
    at: Annotated[Instant | None, Meta(description="When it happened; null: now.")] = None
    reference: Reference = None


class TakeBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why an entry is taken back."""

    reason: Reason


class NewRefund(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given back of a payment or a top-up."""

    amount: Amount
    reason: Reason
    to_wallet: Annotated[bool, Meta(description="Into the driver's wallet, not to where it came from.")] = False
    reference: Reference = None


class NewPayment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody has paid of what they owe."""

    owner: Owner
    amount: Amount
    currency: Currency
    provider: Provider = ""
    reference: ProviderReference
    at: Instant | None = None


class NewFee(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a payment provider keeps; a negative amount is given back."""

    provider: Annotated[str, Meta(min_length=1, max_length=100)]
    amount: Amount
    currency: Currency
    reference: ProviderReference
    at: Instant | None = None


class NewSettlement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a payment provider has paid to the bank."""

    provider: Annotated[str, Meta(min_length=1, max_length=100)]
    amount: Amount
    currency: Currency
    reference: ProviderReference
    at: Instant | None = None


class NewWriteOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given up of what somebody owes."""

    owner: Owner
    amount: Amount
    currency: Currency
    reason: Reason
    reference: Reference = None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when everything was computed anew. Nothing is found where all is well."""

    checked_at: datetime
    findings: tuple[Finding, ...]


@route("GET", "/ledger/trial-balance", scope=Scope.MONEY_READ, is_for_network=True, query=BalanceQuery)
async def get_trial_balance(web: WebContext, criteria: BalanceQuery) -> TrialBalance:
    """Get the trial balance

    What every kind of account comes to, now or as of any instant. Both sides are equal, at any time.
    """
    return await views.trial_balance(web.services.database, await books_of(web), at=criteria.at)


@route("GET", "/ledger/verification", scope=Scope.MONEY_READ, is_for_network=True)
async def verify_ledger(web: WebContext) -> Verification:
    """Verify the ledger

    Computes every balance from the postings, looks for entries that are not whole, and for gaps in the numbers.
    """
    found = await web.services.ledger.verify()
    return Verification(checked_at=web.services.clock.now(), findings=tuple(found))


@route("GET", "/ledger/accounts", scope=Scope.MONEY_READ, is_for_network=True, query=AccountQuery)
async def list_ledger_accounts(web: WebContext, criteria: AccountQuery) -> Page[AccountRow]:
    """List accounts

    With their balances, the latest opened first. An account is there once something was booked on it.
    """
    return await views.list_accounts(web.services.database, await books_of(web), criteria)


@route(
    "GET",
    "/ledger/accounts/{account_id:str}",
    scope=Scope.MONEY_READ,
    is_for_network=True,
    raises=(errors.NotFound,),
)
async def get_ledger_account(web: WebContext, account_id: str) -> AccountRow:
    """Get an account

    Its entries are those with `account`.
    """
    return await views.get_account(web.services.database, await books_of(web), account_id)


@route("GET", "/ledger/entries", scope=Scope.MONEY_READ, is_for_network=True, query=EntryQuery)
async def list_ledger_entries(web: WebContext, criteria: EntryQuery) -> Page[EntryRow]:
    """List entries

    With their postings, the last booked first. Their numbers have no gaps.
    """
    return await views.list_entries(web.services.database, await books_of(web), criteria)


@route(
    "GET",
    "/ledger/entries/export.csv",
    scope=Scope.MONEY_READ,
    is_for_network=True,
    query=EntryQuery,
    result=bytes,
    media_type="text/csv",
)
async def export_ledger_entries_csv(web: WebContext, criteria: EntryQuery) -> Stream:
    """Export entries as CSV

    One line for each posting, the first booked first. No cell is a formula.
    """
    rows = _csv(web, await books_of(web), criteria)
    return Stream(rows, media_type=spreadsheets.MEDIA_TYPE, headers=attachment(web, "ledger", "csv"))


@route(
    "GET",
    "/ledger/entries/export.parquet",
    scope=Scope.MONEY_READ,
    is_for_network=True,
    query=EntryQuery,
    result=bytes,
    media_type=PARQUET,
)
async def export_ledger_entries_parquet(web: WebContext, criteria: EntryQuery) -> Stream:
    """Export entries as Parquet

    One row for each posting, the first booked first, with exact decimals.
    """
    rows = _parquet(web, await books_of(web), criteria)
    return Stream(rows, media_type=PARQUET, headers=attachment(web, "ledger", "parquet"))


@route("GET", "/ledger/entries/{entry_id:str}", scope=Scope.MONEY_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_ledger_entry(web: WebContext, entry_id: str) -> EntryRow:
    """Get an entry

    With its postings, and the entry that takes it back, if there is one.
    """
    return await views.get_entry(web.services.database, await books_of(web), entry_id)


@route(
    "GET",
    "/ledger/entries/{entry_id:str}/refunds",
    scope=Scope.MONEY_READ,
    is_for_network=True,
    raises=(errors.NotFound,),
)
async def list_refunds(web: WebContext, entry_id: str) -> list[RefundRow]:
    """List what was given back of an entry

    All of it never comes to more than the entry took in.
    """
    entry = await views.get_entry(web.services.database, await books_of(web), entry_id)
    return list(await views.list_refunds(web.services.database, entry.id))


@route(
    "POST",
    "/ledger/entries/{entry_id:str}/refunds",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=NewRefund,
    raises=CHANGES,
)
async def refund_entry(web: WebContext, principal: Principal, entry_id: str, given: NewRefund) -> EntryRow:
    """Give back of a payment or a top-up

    To where it came from, or into the driver's wallet. What all refunds come to is never more than what came in. The
    money itself is sent at the provider: this books it.
    """
    books, reference = await books_of(web), given.reference or web.services.ids.new()

    async def do(work: Work) -> Posted:
        return await web.services.ledger.refund(
            work,
            books,
            entry_id,
            amount=given.amount,
            reason=given.reason,
            reference=reference,
            to_wallet=given.to_wallet,
            by=principal.name,
        )

    return await booked(web, principal, "ledger.refund", do, {"entry": entry_id, "amount": str(given.amount)})


@route(
    "POST",
    "/ledger/entries/{entry_id:str}/take-back",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=TakeBack,
    raises=CHANGES,
)
async def take_back_entry(web: WebContext, principal: Principal, entry_id: str, given: TakeBack) -> EntryRow:
    """Take an entry back

    By another that negates it exactly, once. Only what nothing else rests on: a charge record is taken back by a
    credit, a voucher by withdrawing it, a payout by cancelling it.
    """
    books = await books_of(web)

    async def do(work: Work) -> Posted:
        return await web.services.ledger.take_back(work, books, entry_id, reason=given.reason, by=principal.name)

    return await booked(web, principal, "ledger.take-back", do, {"entry": entry_id, "reason": given.reason})


@route(
    "POST",
    "/ledger/adjustments",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=NewAdjustment,
    raises=CHANGES,
)
async def adjust_ledger(web: WebContext, principal: Principal, given: NewAdjustment) -> EntryRow:
    """Book an adjustment

    Any entry that sums to zero in each currency, with the reason for it.
    """
    books, reference = await books_of(web), given.reference or web.services.ids.new()
    postings = [Posting(**msgspec.structs.asdict(one)) for one in given.postings]

    async def do(work: Work) -> Posted:
        return await web.services.ledger.adjust(
            work, books, postings, reason=given.reason, reference=reference, at=given.at, by=principal.name
        )

    return await booked(web, principal, "ledger.adjust", do, {"reason": given.reason, "reference": reference})


@route("POST", "/ledger/payments", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewPayment, raises=CHANGES)
async def book_payment(web: WebContext, principal: Principal, given: NewPayment) -> EntryRow:
    """Book a payment

    What somebody has paid of what they owe. The same reference again books nothing more.
    """
    books, fields = await books_of(web), msgspec.structs.asdict(given)

    async def do(work: Work) -> Posted:
        return await web.services.ledger.pay(
            work, books, fields["owner"], by=principal.name, **_without(fields, "owner")
        )

    return await booked(web, principal, "ledger.payment", do, {"reference": given.reference})


@route("POST", "/ledger/fees", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewFee, raises=CHANGES)
async def book_fee(web: WebContext, principal: Principal, given: NewFee) -> EntryRow:
    """Book a provider's fee

    What a payment provider keeps of what it collected. The same reference again books nothing more.
    """
    books, fields = await books_of(web), msgspec.structs.asdict(given)

    async def do(work: Work) -> Posted:
        return await web.services.ledger.fee(
            work, books, fields["provider"], by=principal.name, **_without(fields, "provider")
        )

    return await booked(web, principal, "ledger.fee", do, {"reference": given.reference})


@route("POST", "/ledger/settlements", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewSettlement, raises=CHANGES)
async def book_settlement(web: WebContext, principal: Principal, given: NewSettlement) -> EntryRow:
    """Book a settlement

    What a payment provider has paid to the bank of what it collected for us.
    """
    books, fields = await books_of(web), msgspec.structs.asdict(given)

    async def do(work: Work) -> Posted:
        return await web.services.ledger.settle(
            work, books, fields["provider"], by=principal.name, **_without(fields, "provider")
        )

    return await booked(web, principal, "ledger.settlement", do, {"reference": given.reference})


@route("POST", "/ledger/write-offs", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewWriteOff, raises=CHANGES)
async def write_off(web: WebContext, principal: Principal, given: NewWriteOff) -> EntryRow:
    """Write off what somebody owes

    Not more than is owed.
    """
    books, reference = await books_of(web), given.reference or web.services.ids.new()

    async def do(work: Work) -> Posted:
        return await web.services.ledger.write_off(
            work,
            books,
            given.owner,
            amount=given.amount,
            currency=given.currency,
            reason=given.reason,
            reference=reference,
            by=principal.name,
        )

    return await booked(web, principal, "ledger.write-off", do, {"owner": given.owner, "reason": given.reason})


async def books_of(web: WebContext) -> str:
    """Return whose books these are: the operator's. Raises NotFound before there is one."""
    for one in await web.services.accounts.organisations():
        if one.kind is OrganisationKind.OPERATOR:
            return one.id
    raise NotFound("There is no operator yet whose books these could be.")


async def booked(web: WebContext, principal: Principal, action: str, do: Any, details: Mapping[str, Any]) -> EntryRow:
    """Have something posted with its line in the audit trail, and return the entry."""

    async def post(work: Work) -> Posted:
        posted: Posted = await do(work)
        if posted.is_new:
            access.note(web, work, principal, action, posted.entry_id, details)
        return posted

    posted = await retried(web.services.database, post)
    return await views.get_entry(web.services.database, await books_of(web), posted.entry_id)


def attachment(web: WebContext, name: str, kind: str) -> Mapping[str, str]:
    """Return the header by which a browser keeps an answer as a file of this name and of today."""
    day = web.services.clock.now().strftime("%Y-%m-%d")
    return {"Content-Disposition": f'attachment; filename="{name}-{day}.{kind}"'}


async def _csv(web: WebContext, books: str, query: EntryQuery) -> AsyncIterator[bytes]:
    yield spreadsheets.MARK + spreadsheets.lines([list(_COLUMNS)])
    async for entries in views.export_entries(web.services.database, books, query):
        yield await asyncio.to_thread(
            lambda found: spreadsheets.lines([[row[name] for name in _COLUMNS] for row in _rows(found)]), entries
        )


async def _parquet(web: WebContext, books: str, query: EntryQuery) -> AsyncIterator[bytes]:
    stream = await asyncio.to_thread(ParquetStream, _COLUMNS)
    async for entries in views.export_entries(web.services.database, books, query):
        yield await asyncio.to_thread(lambda found: stream.group(_rows(found)), entries)
    yield await asyncio.to_thread(stream.end)


def _rows(entries: Any) -> list[dict[str, Any]]:
    return [
        {
            **{name: getattr(entry, name) for name in _COLUMNS if name in EntryRow.__struct_fields__},
            "kind": entry.kind.value,
            "entry_id": entry.id,
            "account": posting.kind.value,
            "owner": posting.owner,
            "owner_name": posting.owner_name,
            "currency": posting.currency,
            "amount": posting.amount,
        }
        for entry in entries
        for posting in entry.postings
    ]


def _without(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


ROUTES: tuple[HTTPRouteHandler, ...] = (
    get_trial_balance, verify_ledger, list_ledger_accounts, get_ledger_account, list_ledger_entries,
    export_ledger_entries_csv, export_ledger_entries_parquet, get_ledger_entry, list_refunds, refund_entry,
    take_back_entry, adjust_ledger, book_payment, book_fee, book_settlement, write_off,
)  # fmt: skip
