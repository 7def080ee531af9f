"""The ledger: accounts and entries, and the proof that everything sums to zero."""

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
from ingufu.ledger.model import Finding, Posted
from ingufu.ledger.service import retried
from ingufu.views import ledger as views
from ingufu.views.ledger import (
    AccountQuery,
    AccountRow,
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


ROUTES: tuple[HTTPRouteHandler, ...] = (
    get_trial_balance, verify_ledger, list_ledger_accounts, get_ledger_account, list_ledger_entries,
    export_ledger_entries_csv, export_ledger_entries_parquet, get_ledger_entry, list_refunds,
)  # fmt: skip
