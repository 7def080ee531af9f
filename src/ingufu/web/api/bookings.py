"""What is booked by hand, with its reason: adjustments, payments, refunds, fees, settlements, write-offs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.infra.storage.database import Work
from ingufu.ledger.model import AccountKind, Posted, Posting
from ingufu.views.ledger import Currency, EntryRow
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

Owner = Annotated[str, Meta(min_length=1, max_length=200, description="A driver's id, or who else owes it.")]


class NewPosting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an entry does to an account."""

    account: AccountKind
    owner: Annotated[str, Meta(max_length=240)] = ""
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


def _without(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


ROUTES: tuple[HTTPRouteHandler, ...] = (
    refund_entry, take_back_entry, adjust_ledger, book_payment, book_fee, book_settlement, write_off,
)  # fmt: skip
