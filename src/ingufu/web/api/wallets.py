"""Wallets: money that drivers have with us."""

from decimal import Decimal
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Work
from ingufu.ledger.model import AccountKind, Hold, Posted
from ingufu.ledger.service import retried
from ingufu.views import wallets as views
from ingufu.views.ledger import Currency, EntryRow
from ingufu.views.paging import Page
from ingufu.views.wallets import HoldRow, WalletQuery, WalletRow
from ingufu.web import access
from ingufu.web.api.ledger import (
    CHANGES,
    Amount,
    Instant,
    Provider,
    ProviderReference,
    Reason,
    Reference,
    booked,
    books_of,
)
from ingufu.web.context import WebContext
from ingufu.web.routes import route

HeldFor = Annotated[str, Meta(min_length=1, max_length=100, description="What it is for; the same one holds once.")]


class NewTopUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Money that a driver has put in."""

    amount: Amount
    currency: Currency
    provider: Provider = ""
    reference: ProviderReference
    at: Instant | None = None


class NewSpending(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is paid out of a wallet of what the driver owes."""

    amount: Amount
    currency: Currency
    reference: Reference = None


class NewWalletAdjustment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What staff put into a wallet, or take out of it."""

    amount: Annotated[Decimal, Meta(description="Negative: it is taken out. In whole smallest units.")]
    currency: Currency
    reason: Reason
    against: Annotated[
        AccountKind, Meta(description="Where it comes from: promotion, write-off, bank or receivable.")
    ] = AccountKind.PROMOTION
    reference: Reference = None


class WalletLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By how much a wallet may be overdrawn."""

    limit: Annotated[Decimal, Meta(description="0: not at all. In whole smallest units.")]
    currency: Currency


class NewHold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be set aside."""

    estimate: Annotated[Decimal, Meta(description="What it may come to; less is held if there is less.")]
    currency: Currency
    reference: HeldFor
    expires_at: Annotated[Instant | None, Meta(description="When it goes back by itself.")] = None


class Capture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken of what is held; the rest goes back."""

    amount: Amount


@route("GET", "/ledger/wallets", scope=Scope.MONEY_READ, is_for_network=True, query=WalletQuery)
async def list_wallets(web: WebContext, criteria: WalletQuery) -> Page[WalletRow]:
    """List wallets

    With what is in them and what is held, the latest opened first. A driver has one for each currency.
    """
    return await views.list_wallets(web.services.database, await books_of(web), criteria)


@route("GET", "/ledger/wallets/{driver_id:str}/holds", scope=Scope.MONEY_READ, is_for_network=True)
async def list_holds(web: WebContext, driver_id: str) -> list[HoldRow]:
    """List what was held of a driver's wallets

    The last first.
    """
    return list(await views.list_holds(web.services.database, await books_of(web), driver_id))


@route(
    "POST",
    "/ledger/wallets/{driver_id:str}/top-ups",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=NewTopUp,
    raises=CHANGES,
)
async def top_up_wallet(web: WebContext, principal: Principal, driver_id: str, given: NewTopUp) -> EntryRow:
    """Top a wallet up

    With money that came through a payment provider or to the bank. The same reference again fills it once.
    """
    books, fields = await books_of(web), msgspec.structs.asdict(given)
    await _check_driver(web, driver_id)

    async def do(work: Work) -> Posted:
        return await web.services.wallets.top_up(work, books, driver_id, by=principal.name, **fields)

    return await booked(web, principal, "wallet.top-up", do, {"driver": driver_id, "amount": str(given.amount)})


@route(
    "POST",
    "/ledger/wallets/{driver_id:str}/payments",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=NewSpending,
    raises=CHANGES,
)
async def pay_from_wallet(web: WebContext, principal: Principal, driver_id: str, given: NewSpending) -> EntryRow:
    """Pay out of a wallet

    What the driver owes us. A conflict if there is not so much in it.
    """
    books, reference = await books_of(web), given.reference or web.services.ids.new()
    await _check_driver(web, driver_id)

    async def do(work: Work) -> Posted:
        return await web.services.wallets.spend(
            work,
            books,
            driver_id,
            amount=given.amount,
            currency=given.currency,
            reference=reference,
            by=principal.name,
        )

    return await booked(web, principal, "wallet.payment", do, {"driver": driver_id, "amount": str(given.amount)})


@route(
    "POST",
    "/ledger/wallets/{driver_id:str}/adjustments",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=NewWalletAdjustment,
    raises=CHANGES,
)
async def adjust_wallet(web: WebContext, principal: Principal, driver_id: str, given: NewWalletAdjustment) -> EntryRow:
    """Adjust a wallet

    With the reason for it. Not more is taken out than is in it.
    """
    books, reference = await books_of(web), given.reference or web.services.ids.new()
    await _check_driver(web, driver_id)

    async def do(work: Work) -> Posted:
        return await web.services.wallets.adjust(
            work,
            books,
            driver_id,
            amount=given.amount,
            currency=given.currency,
            reason=given.reason,
            against=given.against,
            reference=reference,
            by=principal.name,
        )

    details = {"driver": driver_id, "amount": str(given.amount), "reason": given.reason}
    return await booked(web, principal, "wallet.adjust", do, details)


@route(
    "PUT",
    "/ledger/wallets/{driver_id:str}/limit",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=WalletLimit,
    raises=CHANGES,
)
async def set_wallet_limit(web: WebContext, principal: Principal, driver_id: str, given: WalletLimit) -> WalletRow:
    """Let a wallet be overdrawn

    Up to the limit; 0: not at all. A conflict if it is overdrawn by more already.
    """
    books = await books_of(web)
    await _check_driver(web, driver_id)

    async def do(work: Work) -> None:
        known = await web.services.wallets.get(books, driver_id, given.currency)
        await web.services.wallets.set_limit(work, books, driver_id, limit=given.limit, currency=given.currency)
        was, now = {"limit": None if known is None or known.ceiling is None else known.ceiling}, {"limit": given.limit}
        details = {"currency": given.currency}
        access.note(web, work, principal, "wallet.limit", driver_id, details, before=was, after=now)

    await retried(web.services.database, do)
    query = WalletQuery(driver_id=driver_id, currency=given.currency)
    return (await views.list_wallets(web.services.database, books, query)).items[0]


@route(
    "POST",
    "/ledger/wallets/{driver_id:str}/holds",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=NewHold,
    raises=CHANGES,
)
async def hold_from_wallet(web: WebContext, principal: Principal, driver_id: str, given: NewHold) -> HoldRow:
    """Hold money of a wallet

    The estimate, or what there is if that is less. A conflict if there is nothing.
    """
    books, fields = await books_of(web), msgspec.structs.asdict(given)
    await _check_driver(web, driver_id)

    async def do(work: Work) -> Hold:
        made = await web.services.wallets.hold(work, books, driver_id, by=principal.name, **fields)
        access.note(web, work, principal, "wallet.hold", driver_id, after=made)
        return made

    return _hold(await retried(web.services.database, do))


@route(
    "POST",
    "/ledger/holds/{reference:str}/capture",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=Capture,
    raises=CHANGES,
)
async def capture_hold(web: WebContext, principal: Principal, reference: str, given: Capture) -> HoldRow:
    """Capture a hold

    Takes what the driver owes of what is held, at most all of it; the rest goes back into the wallet.
    """
    books = await books_of(web)

    async def do(work: Work) -> Hold:
        known = await web.services.wallets.get_hold(books, reference)
        done = await web.services.wallets.capture(work, books, reference, amount=given.amount, by=principal.name)
        access.note(
            web, work, principal, "wallet.capture", done.driver_id, {"reference": reference}, before=known, after=done
        )
        return done

    return _hold(await retried(web.services.database, do))


@route(
    "POST",
    "/ledger/holds/{reference:str}/release",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def release_hold(web: WebContext, principal: Principal, reference: str) -> HoldRow:
    """Release a hold

    All of it goes back into the wallet.
    """
    books = await books_of(web)

    async def do(work: Work) -> Hold:
        known = await web.services.wallets.get_hold(books, reference)
        done = await web.services.wallets.release(work, books, reference, by=principal.name)
        access.note(
            web, work, principal, "wallet.release", done.driver_id, {"reference": reference}, before=known, after=done
        )
        return done

    return _hold(await retried(web.services.database, do))


async def _check_driver(web: WebContext, driver_id: str) -> None:
    """Raise NotFound if there is no such driver."""
    if not driver_id.isprintable():
        raise NotFound("There is no such driver.")
    await web.services.authorization.get_driver(driver_id)


def _hold(hold: Hold) -> HoldRow:
    return HoldRow(**{name: getattr(hold, name) for name in HoldRow.__struct_fields__})


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_wallets, list_holds, top_up_wallet, pay_from_wallet, adjust_wallet, set_wallet_limit, hold_from_wallet,
    capture_hold, release_hold,
)  # fmt: skip
