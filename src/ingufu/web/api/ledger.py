"""The ledger: accounts and entries, and the proof that everything sums to zero."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import OrganisationKind, Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import NotFound
from ingufu.core.sheet import Kind
from ingufu.infra.storage.database import Work
from ingufu.ledger.model import Finding, Posted
from ingufu.ledger.service import retried
from ingufu.views import ledger as views
from ingufu.views.ledger import (
    AccountQuery,
    AccountRow,
    EntryQuery,
    EntryRow,
    PostingRow,
    RefundRow,
    TrialBalance,
)
from ingufu.views.paging import Page
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route
from ingufu.web.spreadsheets import Batches, Column, Sheet, exports

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


class Booked(NamedTuple):
    """One line of an entry: what it does to one account."""

    entry: EntryRow
    posting: PostingRow


def _entry(kind: Kind, *names: str) -> list[Column[Booked]]:
    return [Column(name, kind, attrgetter(f"entry.{name}")) for name in names]


def _posting(kind: Kind, *names: str) -> list[Column[Booked]]:
    return [Column(name, kind, attrgetter(f"posting.{name}")) for name in names]


_SHEET: Sheet[Booked] = Sheet(
    "ledger-entries",
    (
        *_entry("integer", "number"),
        *_entry("instant", "at", "entered_at"),
        *_entry("text", "entered_by", "kind", "reference", "provider_reference", "text"),
        Column("entry_id", "text", attrgetter("entry.id")),
        *_entry("text", "reverses_id"),
        Column("account", "text", attrgetter("posting.kind")),
        *_posting("text", "owner", "owner_name", "currency"),
        *_posting("exact", "amount"),
    ),
)


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


async def _postings(web: WebContext, _: Principal, query: EntryQuery) -> Batches[Booked]:
    async for entries in views.export_entries(web.services.database, await books_of(web), query):
        yield [Booked(entry, posting) for entry in entries for posting in entry.postings]


ROUTES: tuple[HTTPRouteHandler, ...] = (
    get_trial_balance, verify_ledger, list_ledger_accounts, get_ledger_account, list_ledger_entries,
    *exports(
        "/ledger/entries", _SHEET, "entries, a row for each posting", _postings,
        scope=Scope.MONEY_READ, is_for_network=True, query=EntryQuery, tag="ledger",
    ),
    get_ledger_entry, list_refunds,
)  # fmt: skip
