"""Drivers, cards and groups from CSV files: looked at, judged row by row, and written."""

from typing import Annotated, Literal

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.importing.columns import COLUMNS
from ingufu.importing.model import Kind
from ingufu.importing.sheets import MAX_BYTES, Sheet, open_sheet
from ingufu.web import imports, spreadsheets
from ingufu.web.api import runs as runs_api
from ingufu.web.api.runs import RunView
from ingufu.web.context import WebContext
from ingufu.web.errors import BodyTooLarge
from ingufu.web.exchange import Asked
from ingufu.web.reading import read_body
from ingufu.web.routes import route
from ingufu.web.runs import Runs
from ingufu.web.uploads import plain_name

People = Literal["tokens", "drivers", "groups"]
_SAMPLES = {
    Kind.TOKENS: ("04A1B2C3D4E5F6", "ISO14443", "FLEET-7", "amina@example.org", "", "2028-01-01", "1", "", "Van 12", "",
                  "", ""),
    Kind.DRIVERS: ("Amina Uwase", "amina@example.org", "+250 788 000 000", "rw", "Van 12", "", "", ""),
    Kind.GROUPS: ("FLEET-7", "Harbour taxis", "false"),
}  # fmt: skip


class HowToRead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the file is read; what is not said is guessed."""

    kind: Annotated[People | None, Meta(description="What its rows are; else guessed by its headings.")] = None
    encoding: Literal["utf-8", "utf-16", "cp1252"] | None = None
    delimiter: Literal[",", ";", "tab", "|"] | None = None
    columns: Annotated[
        tuple[str, ...],
        Meta(max_length=200, description="Our column for each of the file's, `-` for none; repeat it. Else matched."),
    ] = ()
    name: Annotated[str, Meta(max_length=200, description="Of the file, for the audit trail.")] = "file.csv"


class ToImport(HowToRead, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the file is read, and what is done with it."""

    is_trial: Annotated[bool, Meta(description="Judge every row, and write nothing.")] = False
    makes_missing: Annotated[
        bool, Meta(description="Make the groups and drivers that tokens name and that are not there.")
    ] = False


class TemplateQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For what."""

    kind: People = "tokens"


class SheetView(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read."""

    kind: Kind
    encoding: str
    delimiter: str
    headings: tuple[str, ...]
    columns: Annotated[tuple[str | None, ...], Meta(description="Ours for each heading; null: it is not read.")]
    missing: Annotated[tuple[str, ...], Meta(description="Without these no row can be read.")]
    sample: Annotated[tuple[tuple[str, ...], ...], Meta(description="The first rows as they are.")]


@route(
    "POST", "/imports/preview", status=200, scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True,
    query=HowToRead, file_bytes=MAX_BYTES, raises=(errors.InvalidInput, BodyTooLarge),
)  # fmt: skip
async def preview_import(request: Asked, criteria: HowToRead) -> SheetView:
    """Look at a CSV file

    Says how it would be read: encoding and separator as guessed, and which of its columns is which of ours. Headings
    may be in several languages and spellings. The body is the file.
    """
    sheet = _sheet(await read_body(request), criteria)
    return SheetView(missing=sheet.missing, **{name: getattr(sheet, name) for name in _SHEET})


@route(
    "POST", "/imports", status=202, scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True,
    query=ToImport, file_bytes=MAX_BYTES, raises=(errors.InvalidInput, BodyTooLarge, errors.TooManyRequests),
)  # fmt: skip
async def start_import(
    web: WebContext, runs: Runs, principal: Principal, request: Asked, criteria: ToImport
) -> RunView:
    """Import drivers, cards or groups from CSV

    The body is the file. Every row says how a thing is to be: cards are told apart by their value and kind, drivers by
    e-mail address or else by name, groups by their value. A row that is wrong is left out with its reason; the others
    are written. The same file again changes nothing, and does the rest if the server was stopped in between.

    The answer is a run: ask `GET /runs/{run_id}` how far it is, and fetch its results as CSV.
    """
    raw = await read_body(request)
    sheet = _sheet(raw, criteria)
    if sheet.missing:
        raise errors.InvalidInput(f"No column of the file is {' or '.join(sheet.missing)}.", field="columns")
    run = await imports.start(
        web,
        runs,
        principal,
        raw,
        sheet,
        name=plain_name(criteria.name),
        is_trial=criteria.is_trial,
        makes_missing=criteria.makes_missing,
    )
    return runs_api.view(run)


@route(
    "GET", "/imports/template.csv", scope=Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True,
    query=TemplateQuery, result=bytes, media_type=spreadsheets.MEDIA_TYPE,
)  # fmt: skip
async def get_import_template(criteria: TemplateQuery) -> Response[bytes]:
    """Get a CSV file to begin with

    All columns, with one row as an example.
    """
    kind = criteria.kind
    names = [column.name for column in COLUMNS[Kind(kind)]]
    rows = (names, _SAMPLES[Kind(kind)])
    content = spreadsheets.MARK + "".join(",".join(cells) + "\r\n" for cells in rows).encode()
    headers = {"Content-Disposition": f'attachment; filename="{kind}.csv"'}
    return Response(content, media_type=spreadsheets.MEDIA_TYPE, headers=headers)


_SHEET = ("kind", "encoding", "delimiter", "headings", "columns", "sample")


def _sheet(raw: bytes, given: HowToRead) -> Sheet:
    return open_sheet(
        raw,
        None if given.kind is None else Kind(given.kind),
        encoding=given.encoding,
        delimiter="\t" if given.delimiter == "tab" else given.delimiter,
        columns=[None if name == "-" else name for name in given.columns] if given.columns else None,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (preview_import, start_import, get_import_template)
