"""What people book from the ledger's pages: each job is a form, in a dialog or on a page of its own."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from ingufu.ledger.decide import LONGEST_OWNER
from ingufu.ledger.model import AccountKind, ShareBase
from ingufu.ledger.reports import Columns
from ingufu.views import hosts as host_views
from ingufu.views import ledger as ledger_views
from ingufu.views import reconciliation as report_views
from ingufu.views import tokens as token_views
from ingufu.views.tokens import DriverQuery
from ingufu.web.api import bookings as api
from ingufu.web.api import hosts as host_api
from ingufu.web.api import reconciliation as report_api
from ingufu.web.api import vouchers as voucher_api
from ingufu.web.api import wallets as wallet_api
from ingufu.web.api.ledger import books_of
from ingufu.web.console import present
from ingufu.web.console.ledger import WORDS, day
from ingufu.web.console.numbers import read_number
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

DRIVERS_OFFERED = 500
BY_NAME = "-"  # instead of a host's id, before its name: it is known by name alone
_FIELDS = (
    "driver", "amount", "currency", "provider", "reference", "reason", "against", "limit", "uses", "until", "text",
    "code", "pays_debt", "site", "host_name", "bank_account", "percent", "base", "per_kwh", "per_session",
    "bears_fees", "from", "bank_reference", "to_wallet", "owner", "debit", "debit_owner", "credit", "credit_owner",
    "content", "default_currency", "books_fees", "note", "entry", "voucher", "agreement", "payout", "report", "line",
    "host", "site_fixed", "column_reference", "column_date", "column_amount", "column_fee", "column_currency",
    "column_kind",
)  # fmt: skip
_SOURCES = (AccountKind.PROMOTION, AccountKind.WRITE_OFF, AccountKind.BANK, AccountKind.RECEIVABLE)
_COUNTERS = (
    AccountKind.RECEIVABLE, AccountKind.WALLET, AccountKind.BANK, AccountKind.PROVIDER_FEES, AccountKind.WRITE_OFF,
    AccountKind.ROUNDING,
)  # fmt: skip


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is asked for: who asks, and with which fields."""

    web: WebContext
    pages: Pages
    principal: Principal
    request: Asked
    form: Form

    def decimal(self, name: str, default: str = "") -> Decimal:
        """Return a number of the form. Raises InvalidInput."""
        number = read_number(self.pages, self.request, self.form.text(name) or default, name)
        if number is None:
            raise InvalidInput(self.pages.text(self.request, "A number is needed here."), field=name)
        return number

    def currency(self, name: str = "currency") -> str:
        """Return a currency of the form. Raises InvalidInput."""
        text = self.form.text(name).upper()
        if len(text) != 3 or not text.isascii() or not text.isalpha():
            raise InvalidInput(self.pages.text(self.request, "Give three letters, such as RWF."), field=name)
        return text

    def needed(self, name: str) -> str:
        """Return a field that must be filled in. Raises InvalidInput."""
        text = self.form.text(name)[:400]
        if not text:
            raise InvalidInput(self.pages.text(self.request, "This is needed."), field=name)
        return text


Do = Callable[[Asking], Awaitable[Any]]


async def _top_up(it: Asking) -> None:
    given = wallet_api.NewTopUp(
        amount=it.decimal("amount"),
        currency=it.currency(),
        provider=it.form.text("provider")[:100],
        reference=it.needed("reference")[:100],
    )
    await function_of(wallet_api.top_up_wallet)(it.web, it.principal, it.needed("driver"), given)


async def _adjust_wallet(it: Asking) -> None:
    given = wallet_api.NewWalletAdjustment(
        amount=it.decimal("amount"),
        currency=it.currency(),
        reason=it.needed("reason"),
        against=_kind(it, "against"),
    )
    await function_of(wallet_api.adjust_wallet)(it.web, it.principal, it.needed("driver"), given)


async def _limit(it: Asking) -> None:
    given = wallet_api.WalletLimit(limit=it.decimal("limit"), currency=it.currency())
    await function_of(wallet_api.set_wallet_limit)(it.web, it.principal, it.needed("driver"), given)


async def _issue(it: Asking) -> Response[Any]:
    until = day(it.needed("until"), "until")
    assert until is not None  # noqa: S101 - it is not empty
    given = voucher_api.NewVoucher(
        amount=it.decimal("amount"),
        currency=it.currency(),
        expires_at=until + timedelta(days=1),
        uses=it.form.integer("uses", low=1, high=100_000) or 1,
        text=it.form.text("text")[:200],
        provider=it.form.text("provider")[:100],
    )
    made = await function_of(voucher_api.issue_voucher)(it.web, it.principal, given)
    zone = present.zone("UTC")
    if it.request.headers.get("hx-request"):
        return it.pages.part(
            it.request, "pages/ledger/issued_sheet.html", code=made.code, voucher=made.voucher, zone=zone
        )
    return await it.pages.show(it.request, "pages/ledger/issued.html", code=made.code, voucher=made.voucher, zone=zone)


async def _redeem(it: Asking) -> None:
    given = voucher_api.Redeem(
        code=it.needed("code")[:64], driver_id=it.needed("driver")[:100], pays_debt=it.form.is_on("pays_debt")
    )
    try:
        await function_of(voucher_api.redeem_voucher)(it.web, it.principal, given)
    except NotFound as error:
        raise InvalidInput(error.message, field="code") from error


async def _withdraw(it: Asking) -> None:
    await function_of(voucher_api.withdraw_voucher)(it.web, it.principal, it.needed("voucher"))


async def _agree(it: Asking) -> None:
    given = host_api.NewAgreement(
        site_id=it.needed("site")[:100],
        host_name=it.needed("host_name")[:200],
        bank_account=it.form.text("bank_account")[:100],
        currency=it.currency(),
        percent=it.decimal("percent", "0"),
        base=ShareBase(it.form.text("base")) if it.form.text("base") in set(ShareBase) else ShareBase.ENERGY_NET,
        per_kwh=it.decimal("per_kwh", "0"),
        per_session=it.decimal("per_session", "0"),
        bears_fees=it.form.is_on("bears_fees"),
        valid_from=day(it.form.text("from"), "from") or it.web.services.clock.now(),
    )
    await function_of(host_api.agree_with_host)(it.web, it.principal, given)


async def _end_agreement(it: Asking) -> None:
    until = day(it.form.text("until"), "until") or it.web.services.clock.now()
    given = host_api.AgreementEnd(until=until)
    await function_of(host_api.end_agreement)(it.web, it.principal, it.needed("agreement"), given)


async def _payout(it: Asking) -> None:
    host = it.form.text("host")[: len(BY_NAME) + 200]
    is_by_name = host.startswith(BY_NAME)
    given = host_api.NewPayout(
        site_id=it.needed("site")[:100],
        currency=it.currency(),
        amount=it.decimal("amount"),
        text=it.form.text("text")[:200],
        host_id=None if is_by_name else host or UNSET,
        host_name=(host.removeprefix(BY_NAME) or None) if is_by_name else None,
    )
    await function_of(host_api.make_payout)(it.web, it.principal, given)


async def _paid(it: Asking) -> None:
    given = host_api.Paid(bank_reference=it.needed("bank_reference")[:100])
    await function_of(host_api.book_payout)(it.web, it.principal, it.needed("payout"), given)


async def _cancel_payout(it: Asking) -> None:
    await function_of(host_api.cancel_payout)(it.web, it.principal, it.needed("payout"))


async def _take_back(it: Asking) -> None:
    given = api.TakeBack(reason=it.needed("reason"))
    await function_of(api.take_back_entry)(it.web, it.principal, it.needed("entry"), given)


async def _refund(it: Asking) -> None:
    given = api.NewRefund(amount=it.decimal("amount"), reason=it.needed("reason"), to_wallet=it.form.is_on("to_wallet"))
    await function_of(api.refund_entry)(it.web, it.principal, it.needed("entry"), given)


async def _pay(it: Asking) -> None:
    given = api.NewPayment(
        owner=it.needed("owner")[:200],
        amount=it.decimal("amount"),
        currency=it.currency(),
        provider=it.form.text("provider")[:100],
        reference=it.needed("reference")[:100],
    )
    await function_of(api.book_payment)(it.web, it.principal, given)


async def _write_off(it: Asking) -> None:
    given = api.NewWriteOff(
        owner=it.needed("owner")[:200],
        amount=it.decimal("amount"),
        currency=it.currency(),
        reason=it.needed("reason"),
    )
    await function_of(api.write_off)(it.web, it.principal, given)


async def _adjust(it: Asking) -> None:
    amount, currency = it.decimal("amount"), it.currency()
    postings = (
        api.NewPosting(
            account=_kind(it, "debit"),
            owner=it.form.text("debit_owner")[:LONGEST_OWNER],
            amount=amount,
            currency=currency,
        ),
        api.NewPosting(
            account=_kind(it, "credit"),
            owner=it.form.text("credit_owner")[:LONGEST_OWNER],
            amount=-amount,
            currency=currency,
        ),
    )
    given = api.NewAdjustment(postings=postings, reason=it.needed("reason"))
    await function_of(api.adjust_ledger)(it.web, it.principal, given)


async def _report(it: Asking) -> Response[Any]:
    names = {name: it.form.text(f"column_{name}")[:100] for name in Columns.__struct_fields__}
    given = report_api.NewReport(
        provider=it.needed("provider")[:100],
        content=it.form.exact("content"),
        columns=Columns(**names) if any(names.values()) else Columns(),
        currency=it.currency("default_currency") if it.form.text("default_currency") else None,
        books_fees=it.form.is_on("books_fees"),
    )
    made = await function_of(report_api.take_in_report)(it.web, it.principal, given)
    toast = Toast(message=it.pages.text(it.request, "The report is compared"), detail=made.provider)
    return it.pages.go(it.request, path_of("ledger", "reports", made.id), toast)


async def _resolve(it: Asking) -> None:
    given = report_api.Resolution(
        note=it.needed("note"),
        against=_kind(it, "against") if it.form.text("against") else None,
        owner=it.form.text("owner")[:200],
    )
    await function_of(report_api.resolve_report_line)(
        it.web, it.principal, it.needed("report"), it.needed("line"), given
    )


_JOBS: Mapping[str, tuple[Do, tuple[str, ...]]] = {  # what does it, and where one is afterwards
    "top-up": (_top_up, ("ledger", "wallets")),
    "adjust-wallet": (_adjust_wallet, ("ledger", "wallets")),
    "limit": (_limit, ("ledger", "wallets")),
    "issue": (_issue, ("ledger", "vouchers")),
    "redeem": (_redeem, ("ledger", "vouchers")),
    "withdraw": (_withdraw, ("ledger", "vouchers")),
    "agree": (_agree, ("ledger", "hosts")),
    "end-agreement": (_end_agreement, ("ledger", "hosts")),
    "payout": (_payout, ("ledger", "hosts")),
    "paid": (_paid, ("ledger", "hosts")),
    "cancel-payout": (_cancel_payout, ("ledger", "hosts")),
    "take-back": (_take_back, ("ledger", "entries")),
    "refund": (_refund, ("ledger", "entries")),
    "pay": (_pay, ("ledger", "entries")),
    "write-off": (_write_off, ("ledger", "entries")),
    "adjust": (_adjust, ("ledger", "entries")),
    "report": (_report, ("ledger", "reports")),
    "resolve": (_resolve, ("ledger", "reports")),
}
_GOES = frozenset({"take-back", "refund", "pay", "write-off", "adjust"})  # to a page that shows what was booked


@page("/ledger/do/{job:str}", scope=Scope.MONEY_WRITE, is_for_network=True)
async def show_job(web: WebContext, pages: Pages, principal: Principal, request: Asked, job: str) -> Response[Any]:
    """Show the form that books something"""
    given = Form([(name, request.query_params.get(name, "")[:200]) for name in _FIELDS])
    return await _show(Asking(web=web, pages=pages, principal=principal, request=request, form=given), job)


@action("/ledger/do/{job:str}", scope=Scope.MONEY_WRITE, is_for_network=True)
async def do_job(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, job: str, form: Form
) -> Response[Any]:
    """Book something"""
    it = Asking(web=web, pages=pages, principal=principal, request=request, form=form)
    do, back = _job(job)
    try:
        answer = await do(it)
    except (InvalidInput, Conflict, TooManyRequests) as error:
        field = getattr(error, "field", None) or "amount"
        return await _show(it, job, (field, error.message))
    if isinstance(answer, Response):
        return answer
    toast = Toast(message=pages.text(request, "It is booked"))
    if job in _GOES and not request.headers.get("hx-request"):
        return pages.go(request, path_of(*back), toast)
    if job == "resolve" and not request.headers.get("hx-request"):
        return pages.go(request, path_of(*back, form.text("report")), toast)
    return pages.done(request, toast, to=path_of(*back))


async def _show(it: Asking, job: str, error: tuple[str, str] | None = None) -> Response[Any]:
    """Return the form, as it is or with what is wrong. Raises NotFound for what there is not."""
    _, back = _job(job)
    values: dict[str, Any] = {
        "job": job,
        "form": present.Entered({name: it.form.exact(name) for name in _FIELDS}),
        "errors": [error] if error else [],
        "about": await _about(it, job),
        "options": await _options(it, job),
        "back": path_of(*back),
    }
    status = 422 if error else 200
    if it.request.headers.get("x-dialog") or it.request.headers.get("hx-request"):
        return it.pages.part(it.request, "pages/ledger/sheet.html", status=status, **values)
    return await it.pages.show(it.request, "pages/ledger/do.html", status=status, **values)


def _job(job: str) -> tuple[Do, tuple[str, ...]]:
    if job not in _JOBS:
        raise NotFound("There is no such page.")
    return _JOBS[job]


async def _about(it: Asking, job: str) -> Any:
    """Return what the job is about. Raises NotFound."""
    database, books, form = it.web.services.database, await books_of(it.web), it.form
    if job == "withdraw":
        return await voucher_api.row_of(it.web, form.text("voucher"))
    if job == "end-agreement":
        return await it.web.services.hosts.get_agreement(books, form.text("agreement"))
    if job in {"paid", "cancel-payout"}:
        return await host_views.get_payout(database, books, form.text("payout"), host_views.Sight())
    if job in {"take-back", "refund"}:
        return await ledger_views.get_entry(database, books, form.text("entry"))
    if job == "resolve":
        report = await report_views.get_report(database, books, form.text("report"))
        line = form.text("line")
        return await report_views.get_line(database, report.id, int(line) if line.isdecimal() and len(line) < 9 else 0)
    return None


async def _options(it: Asking, job: str) -> dict[str, Any]:
    """Return what the form offers to choose from."""
    if job in {"top-up", "adjust-wallet", "limit", "redeem"}:
        found = await token_views.list_drivers(it.web.services.database, DriverQuery(limit=DRIVERS_OFFERED))
        return {"drivers": [(one.id, one.name) for one in found.items], "sources": _kinds(it, _SOURCES)}
    if job in {"agree", "payout"}:
        sites = await it.web.services.sites.all()
        return {"sites": [(one.id, one.name) for one in sites], "bases": _bases(it)}
    if job == "adjust":
        return {"accounts": _kinds(it, tuple(AccountKind))}
    return {"counters": _kinds(it, _COUNTERS)}


def _bases(it: Asking) -> list[tuple[str, str]]:
    text = it.pages.text
    return [
        (ShareBase.ENERGY_NET.value, text(it.request, "the energy, before taxes")),
        (ShareBase.NET.value, text(it.request, "everything, before taxes")),
        (ShareBase.GROSS.value, text(it.request, "everything, with taxes")),
    ]


def _kinds(it: Asking, kinds: tuple[AccountKind, ...]) -> list[tuple[str, str]]:
    return [(kind.value, it.pages.macro(it.request, WORDS, "account_word", kind.value)) for kind in kinds]


def _kind(it: Asking, name: str) -> AccountKind:
    text = it.form.text(name)
    if text not in set(AccountKind):
        raise InvalidInput(it.pages.text(it.request, "Choose an account."), field=name)
    return AccountKind(text)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_job, do_job)
