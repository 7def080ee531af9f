"""Vouchers: amounts for whoever knows a code."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Work
from ingufu.ledger.model import Voucher, VoucherUse
from ingufu.ledger.service import retried
from ingufu.views import wallets as views
from ingufu.views.ledger import Currency
from ingufu.views.paging import Page
from ingufu.views.wallets import VoucherQuery, VoucherRow, VoucherUseRow
from ingufu.web import access
from ingufu.web.api.ledger import CHANGES, Amount, Instant, Provider, books_of
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class NewVoucher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a voucher is worth."""

    amount: Annotated[Amount, Meta(description="Of each use.")]
    currency: Currency
    expires_at: Instant
    uses: Annotated[int, Meta(ge=1, le=100_000, description="By so many drivers, each once.")] = 1
    text: Annotated[str, Meta(max_length=200, description="What it is for.")] = ""
    provider: Annotated[Provider, Meta(description="Through whom it was sold; empty: it is given away.")] = ""


class IssuedVoucher(msgspec.Struct, frozen=True, kw_only=True):
    """A new voucher with its code, which is told only now."""

    code: str
    voucher: VoucherRow


class Redeem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose voucher it becomes."""

    code: Annotated[str, Meta(min_length=1, max_length=64, description="However it is written.")]
    driver_id: Annotated[str, Meta(min_length=1, max_length=100)]
    pays_debt: Annotated[bool, Meta(description="First what the driver owes, the rest into the wallet.")] = False


@route("GET", "/ledger/vouchers", scope=Scope.MONEY_READ, is_for_network=True, query=VoucherQuery)
async def list_vouchers(web: WebContext, criteria: VoucherQuery) -> Page[VoucherRow]:
    """List vouchers

    The last issued first.
    """
    return await views.list_vouchers(web.services.database, await books_of(web), criteria)


@route(
    "GET",
    "/ledger/vouchers/{voucher_id:str}",
    scope=Scope.MONEY_READ,
    is_for_network=True,
    raises=(errors.NotFound,),
)
async def get_voucher(web: WebContext, voucher_id: str) -> VoucherRow:
    """Get a voucher

    Its code is not known to us: only how it ends.
    """
    return await row_of(web, voucher_id)


@route(
    "GET",
    "/ledger/vouchers/{voucher_id:str}/uses",
    scope=Scope.MONEY_READ,
    is_for_network=True,
    raises=(errors.NotFound,),
)
async def list_voucher_uses(web: WebContext, voucher_id: str) -> list[VoucherUseRow]:
    """List who used a voucher

    The first first.
    """
    voucher = await row_of(web, voucher_id)
    return list(await views.list_uses(web.services.database, voucher.id))


@route(
    "POST",
    "/ledger/vouchers",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    shows_secret=True,
    body=NewVoucher,
    raises=CHANGES,
)
async def issue_voucher(web: WebContext, principal: Principal, given: NewVoucher) -> IssuedVoucher:
    """Issue a voucher

    The code is in this answer and nowhere else: we keep only a hash of it.
    """
    books, fields = await books_of(web), msgspec.structs.asdict(given)

    async def do(work: Work) -> tuple[Voucher, str]:
        made, code = await web.services.vouchers.issue(work, books, by=principal.name, **fields)
        access.note(web, work, principal, "voucher.issue", made.id, after=given)
        return made, code

    voucher, code = await retried(web.services.database, do)
    return IssuedVoucher(code=code, voucher=await row_of(web, voucher.id))


@route(
    "POST",
    "/ledger/vouchers/redeem",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=Redeem,
    raises=(*CHANGES, errors.TooManyRequests),
)
async def redeem_voucher(web: WebContext, principal: Principal, given: Redeem) -> VoucherUseRow:
    """Redeem a voucher

    Its amount goes into the driver's wallet, or first against what the driver owes. Each driver uses a voucher once;
    the same one again returns that use. Too many wrong codes have to wait.
    """
    books = await books_of(web)
    driver = await web.services.authorization.get_driver(given.driver_id)

    async def do(work: Work) -> VoucherUse:
        made = await web.services.vouchers.redeem(
            work,
            books,
            given.code,
            driver.id,
            pays_debt=given.pays_debt,
            tried_by=principal.id,
            by=principal.name,
        )
        access.note(web, work, principal, "voucher.redeem", made.voucher_id, {"driver": driver.id})
        return made

    use = await retried(web.services.database, do)
    return VoucherUseRow(
        number=use.number,
        driver_id=use.driver_id,
        driver_name=driver.name,
        amount=use.amount,
        at=use.at,
        entry_id=use.entry_id,
    )


@route(
    "POST",
    "/ledger/vouchers/{voucher_id:str}/withdraw",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def withdraw_voucher(web: WebContext, principal: Principal, voucher_id: str) -> VoucherRow:
    """Withdraw a voucher

    It is not used any more; what it was used for stays.
    """
    books = await books_of(web)

    async def do(work: Work) -> None:
        known = await web.services.vouchers.get(books, voucher_id)
        done = await web.services.vouchers.withdraw(work, books, voucher_id, by=principal.name)
        access.note(web, work, principal, "voucher.withdraw", done.id, before=known, after=done)

    await retried(web.services.database, do)
    return await row_of(web, voucher_id)


async def row_of(web: WebContext, voucher_id: str) -> VoucherRow:
    """Return the voucher as lists show it. Raises NotFound."""
    found = await views.find_voucher(web.services.database, await books_of(web), voucher_id)
    if found is None:
        raise NotFound("There is no such voucher.")
    return found


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_vouchers, get_voucher, list_voucher_uses, issue_voucher, redeem_voucher, withdraw_voucher,
)  # fmt: skip
