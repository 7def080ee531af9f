"""Reconciliation: what payment providers report, beside what is booked."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.infra.storage.database import Work
from ingufu.ledger import model
from ingufu.ledger.model import AccountKind
from ingufu.ledger.reports import Columns
from ingufu.ledger.service import retried
from ingufu.views import reconciliation as views
from ingufu.views.ledger import Currency
from ingufu.views.paging import Page
from ingufu.views.reconciliation import LineQuery, LineRow, ReportQuery, ReportRow
from ingufu.web import access
from ingufu.web.api.ledger import CHANGES, books_of
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class NewReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider's report."""

    provider: Annotated[str, Meta(min_length=1, max_length=100, description="As its clearing account is called.")]
    content: Annotated[str, Meta(min_length=1, max_length=900_000, description="CSV; comma, semicolon or tab.")]
    columns: Annotated[Columns, Meta(description="What its columns are called.")] = Columns()
    currency: Annotated[Currency | None, Meta(description="Of lines that do not say theirs.")] = None
    name: Annotated[str, Meta(max_length=200, description="Of the file.")] = ""
    books_fees: Annotated[bool, Meta(description="Book the fees of lines that no earlier report had.")] = False


class Resolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a line is resolved."""

    note: Annotated[str, Meta(min_length=1, max_length=400)]
    against: Annotated[
        AccountKind | None,
        Meta(
            description=(
                "Book the difference against: receivable, wallet, bank, provider-fees, write-off or rounding. "
                "null: the note alone settles it."
            )
        ),
    ] = None
    owner: Annotated[str, Meta(max_length=200, description="Of that account.")] = ""


@route("GET", "/ledger/reports", scope=Scope.MONEY_READ, is_for_network=True, query=ReportQuery)
async def list_provider_reports(web: WebContext, criteria: ReportQuery) -> Page[ReportRow]:
    """List providers' reports

    The last taken in first, with how many of their lines differ.
    """
    return await views.list_reports(web.services.database, await books_of(web), criteria)


@route("GET", "/ledger/reports/{report_id:str}", scope=Scope.MONEY_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_provider_report(web: WebContext, report_id: str) -> ReportRow:
    """Get a provider's report

    With how many of its lines are in each state.
    """
    return await views.get_report(web.services.database, await books_of(web), report_id)


@route(
    "GET",
    "/ledger/reports/{report_id:str}/lines",
    scope=Scope.MONEY_READ,
    is_for_network=True,
    query=LineQuery,
    raises=(errors.NotFound,),
)
async def list_report_lines(web: WebContext, report_id: str, criteria: LineQuery) -> Page[LineRow]:
    """List the lines of a report

    In the order of the file, beside what is booked; then what is booked and not reported.
    """
    report = await views.get_report(web.services.database, await books_of(web), report_id)
    return await views.list_lines(web.services.database, report.id, criteria)


@route("POST", "/ledger/reports", scope=Scope.MONEY_WRITE, is_for_network=True, body=NewReport, raises=CHANGES)
async def take_in_report(web: WebContext, principal: Principal, given: NewReport) -> ReportRow:
    """Take a provider's report in

    And compare it with the provider's clearing account. The same file again is the first report. A line that cannot be
    read refuses the file with its number; nothing is taken in then.
    """
    books = await books_of(web)

    async def do(work: Work) -> model.Report:
        report = await web.services.reconciliation.take_in(
            work,
            books,
            given.provider,
            given.content.encode("utf-8", "replace"),
            columns=given.columns,
            currency=given.currency or "",
            name=given.name,
            books_fees=given.books_fees,
            by=principal.name,
        )
        access.note(web, work, principal, "report.take-in", report.id, {"provider": given.provider})
        return report

    report = await retried(web.services.database, do)
    return await views.get_report(web.services.database, books, report.id)


@route(
    "POST",
    "/ledger/reports/{report_id:str}/lines/{line:str}/resolve",
    status=200,
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=Resolution,
    raises=CHANGES,
)
async def resolve_report_line(
    web: WebContext, principal: Principal, report_id: str, line: str, given: Resolution
) -> LineRow:
    """Resolve a line that differs

    With a note, or by booking the difference: the clearing account then says what the provider says. Once.
    """
    books = await books_of(web)
    number = int(line) if line.isascii() and line.isdigit() and len(line) <= 9 else 0

    async def do(work: Work) -> None:
        await web.services.reconciliation.resolve(
            work,
            books,
            report_id,
            number,
            note=given.note,
            against=given.against,
            owner=given.owner,
            by=principal.name,
        )
        access.note(web, work, principal, "report.resolve", report_id, {"line": number, "note": given.note})

    await retried(web.services.database, do)
    return await views.get_line(web.services.database, report_id, number)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_provider_reports, get_provider_report, list_report_lines, take_in_report, resolve_report_line,
)  # fmt: skip
