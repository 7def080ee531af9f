"""Hosts of sites: what they have of the revenue, what is due to them, what was paid out."""

from decimal import Decimal
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import OrganisationKind, Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.database import Work
from ingufu.ledger.model import Agreement, Payout, ShareBase
from ingufu.ledger.service import retried
from ingufu.sites.model import Site
from ingufu.views import hosts as views
from ingufu.views.hosts import (
    AgreementRow,
    PayableRow,
    PayoutQuery,
    PayoutRow,
    ShareQuery,
    ShareRow,
    Sight,
    Statement,
)
from ingufu.views.ledger import Currency, Id
from ingufu.views.paging import Page
from ingufu.web import access
from ingufu.web.api.ledger import CHANGES, Amount, Instant, books_of
from ingufu.web.context import WebContext
from ingufu.web.routes import route
from ingufu.web.spreadsheets import Batches, Sheet, exports, own, paged

_SHEET: Sheet[PayoutRow] = Sheet(
    "payouts",
    (
        *own("text", "id"),
        *own("instant", "made_at"),
        *own("text", "site_name", "host_name", "bank_account", "currency"),
        *own("exact", "amount"),
        *own("text", "status", "bank_reference", "text"),
    ),
)
HostName = Annotated[str, Meta(min_length=1, max_length=200)]
Price = Annotated[Decimal, Meta(description="Exact, before rounding; at most six decimals.")]


class NewAgreement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a host is to have of what is charged at a site."""

    site_id: Id
    host_name: HostName
    host_id: Annotated[Id | None, Meta(description="The host's organisation. null: the site's, if a host owns it.")] = (
        None
    )
    bank_account: Annotated[str, Meta(max_length=100)] = ""
    currency: Currency
    percent: Annotated[Decimal, Meta(description="0 to 100.")] = Decimal(0)
    base: Annotated[
        ShareBase, Meta(description="Of what: energy before taxes, everything before taxes, or with them.")
    ] = ShareBase.ENERGY_NET
    per_kwh: Price = Decimal(0)
    per_session: Price = Decimal(0)
    bears_fees: Annotated[bool, Meta(description="The provider's fees come off first.")] = False
    valid_from: Annotated[Instant, Meta(description="Sessions that begin at this instant or later.")]
    valid_until: Instant | None = None


class AgreementEnd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an agreement ends."""

    until: Instant


class StatementQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which time."""

    currency: Currency
    host_id: Annotated[Id | None, Meta(description="null: of whoever had the site, or one's own.")] = None
    host_name: Annotated[HostName | None, Meta(description="Of a host that is known by this name alone.")] = None
    since: Annotated[Instant, Meta(description="From this instant.")]
    until: Annotated[Instant, Meta(description="Before this instant.")]


class NewPayout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be paid out."""

    site_id: Id
    currency: Currency
    host_id: Annotated[
        Id | UnsetType | None,
        Meta(description="To whom. null: whose name is all that is known. Left out: the latest agreement's host."),
    ] = UNSET
    host_name: Annotated[
        HostName | None,
        Meta(description="Whose name is all that is known: this one. null: of such hosts the one agreed with last."),
    ] = None
    amount: Annotated[Amount | None, Meta(description="null: all that is due.")] = None
    text: Annotated[str, Meta(max_length=200)] = ""


class Paid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the bank has paid it."""

    bank_reference: Annotated[str, Meta(min_length=1, max_length=100)]


@route("GET", "/ledger/agreements", scope=Scope.MONEY_READ)
async def list_agreements(web: WebContext, principal: Principal) -> list[AgreementRow]:
    """List agreements with hosts

    The latest of each site first. Hosts see their own, also of sites that they had before.
    """
    return list(await views.list_agreements(web.services.database, await books_of(web), views.sight_of(principal)))


@route("POST", "/ledger/agreements", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewAgreement, raises=CHANGES)
async def agree_with_host(web: WebContext, principal: Principal, given: NewAgreement) -> AgreementRow:
    """Agree with a host

    One that has no end ends where the new one begins. What was shared already stays as it is. It is with the host that
    owns the site, and ends when another gets the site.
    """
    await access.check_site_exists(web, given.site_id)
    books, fields = await books_of(web), msgspec.structs.asdict(given)
    site_id = fields.pop("site_id")

    async def do(work: Work) -> Agreement:
        site = await web.services.sites.get(site_id)
        fields["host_id"] = await _host_of(web, site, given.host_id)
        web.services.sites.stays_with(work, site)
        made = await web.services.hosts.agree(work, books, site_id, by=principal.name, **fields)
        access.note(web, work, principal, "agreement.create", made.id, {"site": site_id}, after=made)
        return made

    made = await retried(web.services.database, do)
    return await _agreement(web, made.id)


@route(
    "POST",
    "/ledger/agreements/{agreement_id:str}/end",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=AgreementEnd,
    raises=CHANGES,
)
async def end_agreement(web: WebContext, principal: Principal, agreement_id: str, given: AgreementEnd) -> AgreementRow:
    """End an agreement

    Now or later: sessions that begin then have no share any more.
    """
    books = await books_of(web)

    async def do(work: Work) -> None:
        known = await web.services.hosts.get_agreement(books, agreement_id)
        ended = await web.services.hosts.end(work, books, agreement_id, until=given.until)
        access.note(web, work, principal, "agreement.end", ended.id, before=known, after=ended)

    await retried(web.services.database, do)
    return await _agreement(web, agreement_id)


@route("GET", "/ledger/payables", scope=Scope.MONEY_READ)
async def list_payables(web: WebContext, principal: Principal) -> list[PayableRow]:
    """List what is due to hosts

    By site, host and currency. Who had a site before is owed what it had until then.
    """
    return list(await views.list_payables(web.services.database, await books_of(web), views.sight_of(principal)))


@route("GET", "/ledger/shares", scope=Scope.MONEY_READ, query=ShareQuery)
async def list_shares(web: WebContext, principal: Principal, criteria: ShareQuery) -> Page[ShareRow]:
    """List shares of hosts

    One for each charge record and credit of a site with an agreement, the latest first.
    """
    return await views.list_shares(web.services.database, await books_of(web), criteria, views.sight_of(principal))


@route(
    "GET",
    "/ledger/sites/{site:str}/statement",
    scope=Scope.MONEY_READ,
    query=StatementQuery,
    raises=(errors.NotFound, errors.InvalidInput),
)
async def get_host_statement(web: WebContext, principal: Principal, site: str, criteria: StatementQuery) -> Statement:
    """Get a host's statement

    What the host of a site had in a time: records, energy, share, what was paid out, and what is due now. To hosts what
    they had themselves.
    """
    books, sight = await books_of(web), views.sight_of(principal)
    if sight.host_id is not None and (criteria.host_id not in (None, sight.host_id) or criteria.host_name is not None):
        raise NotFound("There is no such host.")
    _check_host(criteria.host_id, criteria.host_name)
    if principal.site_ids is not None and site not in principal.site_ids and not await _had(web, books, site, sight):
        raise NotFound("There is no such site.")
    await web.services.sites.get(site)
    whose = Sight(frozenset({site}), sight.host_id or criteria.host_id, criteria.host_name)
    return await views.get_statement(
        web.services.database, books, site, criteria.currency, criteria.since, criteria.until, whose
    )


@route("GET", "/ledger/payouts", scope=Scope.MONEY_READ, query=PayoutQuery)
async def list_payouts(web: WebContext, principal: Principal, criteria: PayoutQuery) -> Page[PayoutRow]:
    """List payouts

    The last made first. Hosts see their own, also of sites that they had before.
    """
    return await views.list_payouts(web.services.database, await books_of(web), criteria, views.sight_of(principal))


@route("GET", "/ledger/payouts/{payout_id:str}", scope=Scope.MONEY_READ, raises=(errors.NotFound,))
async def get_payout(web: WebContext, principal: Principal, payout_id: str) -> PayoutRow:
    """Get a payout

    With its state and the entries that book it.
    """
    return await views.get_payout(web.services.database, await books_of(web), payout_id, views.sight_of(principal))


@route("POST", "/ledger/payouts", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewPayout, raises=CHANGES)
async def make_payout(web: WebContext, principal: Principal, given: NewPayout) -> PayoutRow:
    """Make a payout

    Takes what is due to a host at a site, or an amount of it, off its account: never more, and never what another has
    earned there. The bank pays it, then it is `paid`.
    """
    books, fields = await books_of(web), msgspec.structs.asdict(given)
    site_id = fields.pop("site_id")
    _check_host(given.host_id or None, given.host_name)

    async def do(work: Work) -> Payout:
        if given.host_id is UNSET:
            latest = await web.services.hosts.latest(books, site_id, given.currency)
            fields["host_id"] = latest.host_id if latest is not None and given.host_name is None else None
        made = await web.services.hosts.make_payout(work, books, site_id, by=principal.name, **fields)
        access.note(web, work, principal, "payout.make", made.id, {"site": site_id}, after=made)
        return made

    made = await retried(web.services.database, do)
    return await views.get_payout(web.services.database, books, made.id, views.sight_of(principal))


@route(
    "POST",
    "/ledger/payouts/{payout_id:str}/paid",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=Paid,
    raises=CHANGES,
)
async def book_payout(web: WebContext, principal: Principal, payout_id: str, given: Paid) -> PayoutRow:
    """Book a payout as paid

    With the bank's reference. It cannot be cancelled any more.
    """
    books = await books_of(web)

    async def do(work: Work) -> None:
        known = await web.services.hosts.get_payout(books, payout_id)
        paid = await web.services.hosts.pay(
            work, books, payout_id, bank_reference=given.bank_reference, by=principal.name
        )
        access.note(web, work, principal, "payout.paid", paid.id, before=known, after=paid)

    await retried(web.services.database, do)
    return await views.get_payout(web.services.database, books, payout_id, views.sight_of(principal))


@route(
    "POST",
    "/ledger/payouts/{payout_id:str}/cancel",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def cancel_payout(web: WebContext, principal: Principal, payout_id: str) -> PayoutRow:
    """Cancel a payout

    One that the bank has not made: its amount is due again.
    """
    books = await books_of(web)

    async def do(work: Work) -> None:
        known = await web.services.hosts.get_payout(books, payout_id)
        ended = await web.services.hosts.cancel_payout(work, books, payout_id, by=principal.name)
        access.note(web, work, principal, "payout.cancel", ended.id, before=known, after=ended)

    await retried(web.services.database, do)
    return await views.get_payout(web.services.database, books, payout_id, views.sight_of(principal))


def _check_host(host_id: str | None, host_name: str | None) -> None:
    if host_id is not None and host_name is not None:
        raise InvalidInput("A host is named by its organisation, or else by its name.", field="host_name")


async def _agreement(web: WebContext, agreement_id: str) -> AgreementRow:
    rows = await views.list_agreements(web.services.database, await books_of(web), views.Sight())
    return next(row for row in rows if row.id == agreement_id)


async def _had(web: WebContext, books: str, site_id: str, sight: Sight) -> bool:
    """Return whether something was agreed about the site with the host that asks."""
    if sight.host_id is None:
        return False
    return any(one.site_id == site_id for one in await views.list_agreements(web.services.database, books, sight))


async def _host_of(web: WebContext, site: Site, named: str | None) -> str | None:
    """Return with which host it is agreed: the site's owner; of the operator's own sites whoever is named.

    Raises InvalidInput for who is no host, or not the one that owns the site.
    """
    hosts = {one.id for one in await web.services.accounts.organisations() if one.kind is OrganisationKind.HOST}
    if named is not None and named not in hosts:
        raise InvalidInput("There is no such host.", field="host_id")
    if site.organisation_id not in hosts:
        return named
    if named not in (None, site.organisation_id):
        raise InvalidInput("The site is another host's.", field="host_id")
    return site.organisation_id


async def _paid_out(web: WebContext, principal: Principal, query: PayoutQuery) -> Batches[PayoutRow]:
    books = await books_of(web)

    async def read(asked: PayoutQuery) -> Page[PayoutRow]:
        return await views.list_payouts(web.services.database, books, asked, views.sight_of(principal))

    async for rows in paged(read, query):
        yield rows


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_agreements, agree_with_host, end_agreement, list_payables, list_shares, get_host_statement, list_payouts,
    *exports(
        "/ledger/payouts", _SHEET, "payouts", _paid_out, scope=Scope.MONEY_READ, query=PayoutQuery, tag="hosts"
    ),
    get_payout, make_payout, book_payout, cancel_payout,
)  # fmt: skip
