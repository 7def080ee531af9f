"""The ledger's pages: the trial balance, accounts, entries, wallets, vouchers, hosts, reports of providers."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import InvalidInput
from ingufu.ledger.model import AccountKind, EntryKind, MatchState, PayoutStatus
from ingufu.views import hosts as host_views
from ingufu.views import ledger as views
from ingufu.views import reconciliation as report_views
from ingufu.views import wallets as wallet_views
from ingufu.views.hosts import PayoutQuery
from ingufu.views.ledger import AccountQuery, EntryQuery, EntryRow
from ingufu.views.reconciliation import LineQuery, ReportQuery
from ingufu.views.wallets import VoucherQuery, VoucherState, WalletQuery
from ingufu.web.api.ledger import books_of
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.spreadsheets import export_hrefs

ROWS = 50
WORDS = "parts/ledger.html"
_RECORD = "charge-record:"
_TAKEN_BACK = frozenset({EntryKind.PAYMENT, EntryKind.TOP_UP, EntryKind.FEE, EntryKind.WRITE_OFF, EntryKind.ADJUSTMENT})
_REFUNDED = frozenset({EntryKind.PAYMENT, EntryKind.TOP_UP})
Text = Annotated[str, Meta(max_length=200)]
Cursor = Annotated[str, Meta(max_length=1000)]


class BooksQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The trial balance as its address has it."""

    at: Text = ""
    verify: Text = ""


class AccountsQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    kind: Text = ""
    currency: Text = ""
    cursor: Cursor = ""


class EntriesQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    q: Text = ""
    kind: Text = ""
    cursor: Cursor = ""


class StateQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    state: Text = ""
    cursor: Cursor = ""


class ReportsQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    provider: Text = ""
    cursor: Cursor = ""


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    q: Text = ""
    cursor: Cursor = ""


@page("/ledger", scope=Scope.MONEY_READ, query=BooksQuery)
async def show_books(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: BooksQuery
) -> Response[Any]:
    """Show what every kind of account comes to"""
    if principal.site_ids is not None:
        return pages.go(request, path_of("ledger", "hosts"))
    balance = await views.trial_balance(web.services.database, await books_of(web), at=_end_of(criteria.at))
    kinds = {
        total.currency: [one for one in balance.kinds if one.currency == total.currency] for total in balance.totals
    }
    return await pages.show(
        request,
        "pages/ledger/books.html",
        balance=balance,
        currencies=[(total.currency, total, kinds[total.currency]) for total in balance.totals],
        at=criteria.at if _end_of(criteria.at) else "",
        findings=await web.services.ledger.verify() if criteria.verify else None,
    )


@page("/ledger/accounts", scope=Scope.MONEY_READ, is_for_network=True, query=AccountsQuery)
async def show_accounts(web: WebContext, pages: Pages, request: Asked, criteria: AccountsQuery) -> Response[str]:
    """Show accounts"""
    books = await books_of(web)
    balance = await views.trial_balance(web.services.database, books)
    currencies = [total.currency for total in balance.totals]
    query = AccountQuery(
        kind=AccountKind(criteria.kind) if criteria.kind in set(AccountKind) else None,
        currency=criteria.currency if criteria.currency in currencies else None,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )
    found = await views.list_accounts(web.services.database, books, query)
    return await pages.show(
        request,
        "pages/ledger/accounts.html",
        rows=found.items,
        kinds=[(kind.value, pages.macro(request, WORDS, "account_word", kind.value)) for kind in AccountKind],
        currencies=[(currency, currency) for currency in currencies],
        query=criteria,
        **_paging(path_of("ledger", "accounts"), criteria, found.next),
    )


@page("/ledger/accounts/{account_id:str}", scope=Scope.MONEY_READ, is_for_network=True, query=SearchQuery)
async def show_account(
    web: WebContext, pages: Pages, request: Asked, account_id: str, criteria: SearchQuery
) -> Response[str]:
    """Show an account with its entries"""
    books = await books_of(web)
    account = await views.get_account(web.services.database, books, account_id)
    query = EntryQuery(account=account.id, limit=ROWS, cursor=criteria.cursor or None)
    found = await views.list_entries(web.services.database, books, query)
    return await pages.show(
        request,
        "pages/ledger/account.html",
        it=account,
        rows=found.items,
        zone=UTC,
        **_paging(path_of("ledger", "accounts", account_id), criteria, found.next),
    )


@page("/ledger/entries", scope=Scope.MONEY_READ, is_for_network=True, query=EntriesQuery)
async def show_entries(web: WebContext, pages: Pages, request: Asked, criteria: EntriesQuery) -> Response[str]:
    """Show all entries"""
    query = EntryQuery(
        kind=EntryKind(criteria.kind) if criteria.kind in set(EntryKind) else None,
        reference=criteria.q.strip() or None,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )
    found = await views.list_entries(web.services.database, await books_of(web), query)
    return await pages.show(
        request,
        "pages/ledger/entries.html",
        rows=found.items,
        kinds=[(kind.value, pages.macro(request, WORDS, "entry_word", kind.value)) for kind in EntryKind],
        query=criteria,
        is_filtered=bool(criteria.q or criteria.kind),
        export_hrefs=export_hrefs("/ledger/entries", query),
        zone=UTC,
        **_paging(path_of("ledger", "entries"), criteria, found.next),
    )


@page("/ledger/entries/{entry_id:str}", scope=Scope.MONEY_READ, is_for_network=True)
async def show_entry(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, entry_id: str
) -> Response[str]:
    """Show an entry"""
    entry = await views.get_entry(web.services.database, await books_of(web), entry_id)
    refunds = await views.list_refunds(web.services.database, entry.id)
    may = Scope.MONEY_WRITE in principal.scopes and entry.reversed_by_id is None
    return await pages.show(
        request,
        "pages/ledger/entry.html",
        it=entry,
        refunds=refunds,
        zone=UTC,
        record_id=entry.reference.removeprefix(_RECORD) if entry.reference.startswith(_RECORD) else None,
        may_take_back=may and entry.kind in _TAKEN_BACK and not _is_of_hold(entry) and not refunds,
        may_refund=may and entry.kind in _REFUNDED,
    )


@page("/ledger/wallets", scope=Scope.MONEY_READ, is_for_network=True, query=SearchQuery)
async def show_wallets(web: WebContext, pages: Pages, request: Asked, criteria: SearchQuery) -> Response[str]:
    """Show the wallets of drivers"""
    query = WalletQuery(q=criteria.q.strip()[:100] or None, limit=ROWS, cursor=criteria.cursor or None)
    found = await wallet_views.list_wallets(web.services.database, await books_of(web), query)
    return await pages.show(
        request,
        "pages/ledger/wallets.html",
        rows=found.items,
        query=criteria,
        **_paging(path_of("ledger", "wallets"), criteria, found.next),
    )


@page("/ledger/vouchers", scope=Scope.MONEY_READ, is_for_network=True, query=StateQuery)
async def show_vouchers(web: WebContext, pages: Pages, request: Asked, criteria: StateQuery) -> Response[str]:
    """Show vouchers"""
    state = VoucherState(criteria.state) if criteria.state in set(VoucherState) else None
    query = VoucherQuery(state=state, limit=ROWS, cursor=criteria.cursor or None)
    found = await wallet_views.list_vouchers(web.services.database, await books_of(web), query)
    return await pages.show(
        request,
        "pages/ledger/vouchers.html",
        rows=found.items,
        states=[(one.value, _badge_word(pages, request, "voucher_badge", one.value)) for one in VoucherState],
        query=criteria,
        zone=UTC,
        **_paging(path_of("ledger", "vouchers"), criteria, found.next),
    )


@page("/ledger/hosts", scope=Scope.MONEY_READ, query=StateQuery)
async def show_hosts(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: StateQuery
) -> Response[str]:
    """Show what is due to hosts, what is agreed and what was paid out"""
    database, books = web.services.database, await books_of(web)
    sight = host_views.sight_of(principal)
    status = PayoutStatus(criteria.state) if criteria.state in set(PayoutStatus) else None
    query = PayoutQuery(status=status, limit=ROWS, cursor=criteria.cursor or None)
    payouts = await host_views.list_payouts(database, books, query, sight)
    return await pages.show(
        request,
        "pages/ledger/hosts.html",
        payables=await host_views.list_payables(database, books, sight),
        agreements=await host_views.list_agreements(database, books, sight),
        payouts=payouts.items,
        query=criteria,
        states=[(one.value, pages.macro(request, WORDS, "payout_word", one.value)) for one in PayoutStatus],
        zone=UTC,
        is_host=principal.site_ids is not None,
        **_paging(path_of("ledger", "hosts"), criteria, payouts.next),
    )


@page("/ledger/reports", scope=Scope.MONEY_READ, is_for_network=True, query=ReportsQuery)
async def show_reports(web: WebContext, pages: Pages, request: Asked, criteria: ReportsQuery) -> Response[str]:
    """Show reports of providers"""
    books = await books_of(web)
    query = ReportQuery(provider=criteria.provider or None, limit=ROWS, cursor=criteria.cursor or None)
    found = await report_views.list_reports(web.services.database, books, query)
    providers = await report_views.list_providers(web.services.database, books)
    return await pages.show(
        request,
        "pages/ledger/reports.html",
        rows=found.items,
        query=criteria,
        providers=[(provider, provider) for provider in providers],
        zone=UTC,
        **_paging(path_of("ledger", "reports"), criteria, found.next),
    )


@page("/ledger/reports/{report_id:str}", scope=Scope.MONEY_READ, is_for_network=True, query=StateQuery)
async def show_report(
    web: WebContext, pages: Pages, request: Asked, report_id: str, criteria: StateQuery
) -> Response[str]:
    """Show a report line by line"""
    report = await report_views.get_report(web.services.database, await books_of(web), report_id)
    state = MatchState(criteria.state) if criteria.state in set(MatchState) else None
    query = LineQuery(state=state, limit=ROWS, cursor=criteria.cursor or None)
    found = await report_views.list_lines(web.services.database, report.id, query)
    return await pages.show(
        request,
        "pages/ledger/report.html",
        it=report,
        rows=found.items,
        states=[(one.value, pages.macro(request, WORDS, "match_word", one.value)) for one in MatchState],
        query=criteria,
        zone=UTC,
        **_paging(path_of("ledger", "reports", report_id), criteria, found.next),
    )


def day(text: str, field: str) -> datetime | None:
    """Return the begin of a day as a form names it; None if it is empty. Raises InvalidInput."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("A day such as 2026-03-01 is needed here.", field=field) from error
    return datetime.combine(found, time(), UTC)


def _end_of(text: str) -> datetime | None:
    """Return the end of a day; None for what is none."""
    try:
        begin = day(text, "at")
        return None if begin is None else begin + timedelta(days=1) - timedelta(microseconds=1)
    except (InvalidInput, OverflowError):
        return None


def _is_of_hold(entry: EntryRow) -> bool:
    return any(one.kind is AccountKind.HOLD for one in entry.postings)


def _badge_word(pages: Pages, request: Asked, macro: str, value: str) -> str:
    """Return the word that a badge shows."""
    written = pages.macro(request, WORDS, macro, value)
    return written.partition('<span class="truncate">')[2].partition("<")[0]


def _paging(path: str, criteria: msgspec.Struct, cursor: str | None) -> dict[str, Any]:
    """Return the addresses of the next and of the first page."""
    asked = {name: value for name, value in msgspec.structs.asdict(criteria).items() if value and name != "cursor"}
    first = f"{path}?{urlencode(asked)}" if asked else path
    is_later = bool(getattr(criteria, "cursor", ""))
    following = f"{path}?{urlencode(asked | {'cursor': cursor})}" if cursor else None
    return {"next_href": following, "first_href": first if is_later else None}


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_books, show_accounts, show_account, show_entries, show_entry, show_wallets, show_vouchers, show_hosts,
    show_reports, show_report,
)  # fmt: skip
