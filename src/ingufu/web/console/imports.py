"""Drivers, cards and groups from a file, in three steps: how it is read, what every row would do, and doing it."""

from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import InvalidInput
from ingufu.importing.columns import COLUMNS
from ingufu.importing.model import Kind
from ingufu.importing.sheets import DELIMITERS, ENCODINGS, MAX_BYTES, MAX_ROWS, open_sheet
from ingufu.web import imports
from ingufu.web.api import imports as api
from ingufu.web.console.bulk import path_of_run
from ingufu.web.console.pages import Pages, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of
from ingufu.web.runs import Runs
from ingufu.web.uploads import Upload, Uploads

KINDS = (Kind.TOKENS, Kind.DRIVERS, Kind.GROUPS)
_OPEN: dict[str, bool] = {"is_for_network": True, "is_for_fleets": True}


class NewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be imported, if the page before said so."""

    kind: Annotated[str, Meta(max_length=20)] = ""


@page("/imports/new", scope=Scope.TOKENS_WRITE, query=NewQuery, **_OPEN)
async def show_import(pages: Pages, request: Asked, criteria: NewQuery) -> Response[str]:
    """Show the form that takes a file"""
    return await _show_new(pages, request, criteria.kind)


@action("/imports/new", scope=Scope.TOKENS_WRITE, file_bytes=MAX_BYTES, **_OPEN)
async def take_file(pages: Pages, uploads: Uploads, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Take a file and look at it"""
    given = form.files.get("file")
    if given is None or not given.content:
        flaw = pages.text(request, "Choose a file that is not empty.")
        return await _show_new(pages, request, form.text("kind"), [("file", flaw)])
    try:
        sheet = open_sheet(given.content, _kind(form))
    except InvalidInput as error:
        return await _show_new(pages, request, form.text("kind"), [("file", error.message)])
    makes_missing = form.is_on("makes_missing")
    kept = uploads.add(principal.id, given.name, given.content, sheet, makes_missing=makes_missing)
    return pages.go(request, path_of("imports", kept.id))


@page("/imports/{upload_id:str}", scope=Scope.TOKENS_WRITE, **_OPEN)
async def show_upload(
    pages: Pages, uploads: Uploads, principal: Principal, request: Asked, upload_id: str
) -> Response[str]:
    """Show how a file is read"""
    return await _show(pages, request, uploads.get(upload_id, principal.id))


@action("/imports/{upload_id:str}", scope=Scope.TOKENS_WRITE, **_OPEN)
async def change_upload(  # the two buttons of one form
    web: WebContext, pages: Pages, uploads: Uploads, runs: Runs, principal: Principal, request: Asked, upload_id: str,
    form: Form,
) -> Response[Any]:  # fmt: skip
    """Read the file in another way, or judge its rows"""
    upload = uploads.get(upload_id, principal.id)
    try:
        upload = _changed(uploads, upload, form)
    except InvalidInput as error:
        return await _show(pages, request, upload, [(error.field or "file", error.message)])
    if form.text("do") != "judge" or upload.sheet.missing:
        return await _show(pages, request, upload, is_refused=form.text("do") == "judge")
    return await _start(web, pages, runs, principal, request, upload, is_trial=True)


@action("/imports/{upload_id:str}/run", scope=Scope.TOKENS_WRITE, **_OPEN)
async def run_import(  # a file that was judged before
    web: WebContext, pages: Pages, uploads: Uploads, runs: Runs, principal: Principal, request: Asked, upload_id: str
) -> Response[Any]:
    """Write the rows that are right"""
    upload = uploads.get(upload_id, principal.id)
    return await _start(web, pages, runs, principal, request, upload, is_trial=False)


@page("/imports/template.csv", scope=Scope.TOKENS_READ, query=api.TemplateQuery, **_OPEN)
async def send_template(criteria: api.TemplateQuery) -> Response[bytes]:
    """Send a file to begin with"""
    sent: Response[bytes] = await function_of(api.get_import_template)(criteria)
    return sent


async def _start(  # judging or writing
    web: WebContext, pages: Pages, runs: Runs, principal: Principal, request: Asked, upload: Upload, *, is_trial: bool
) -> Response[Any]:
    run = await imports.start(
        web,
        runs,
        principal,
        upload.raw,
        upload.sheet,
        name=upload.name,
        is_trial=is_trial,
        makes_missing=upload.makes_missing,
    )
    run.source = upload.id
    return pages.go(request, path_of_run(run))


def _changed(uploads: Uploads, upload: Upload, form: Form) -> Upload:
    """Return the file as it is to be read from now on. Raises InvalidInput."""
    kind = _kind(form) or upload.sheet.kind
    columns = [form.text(f"column-{place}") or None for place in range(len(upload.sheet.headings))]
    delimiter = {"tab": "\t"}.get(form.text("delimiter"), form.text("delimiter")) or upload.sheet.delimiter
    encoding = form.text("encoding") or None
    is_other = kind is not upload.sheet.kind or delimiter != upload.sheet.delimiter
    is_other |= encoding is not None and not upload.sheet.encoding.startswith(encoding)
    if delimiter not in DELIMITERS:
        raise InvalidInput("That is no separator.", field="delimiter")
    sheet = open_sheet(upload.raw, kind, encoding=encoding, delimiter=delimiter, columns=None if is_other else columns)
    return uploads.change(upload, sheet, makes_missing=form.is_on("makes_missing"))


def _kind(form: Form) -> Kind | None:
    return Kind(form.text("kind")) if form.text("kind") in {kind.value for kind in KINDS} else None


async def _show_new(
    pages: Pages, request: Asked, kind: str, errors: list[tuple[str, str]] | None = None
) -> Response[str]:
    return await pages.show(
        request,
        "pages/imports/new.html",
        status=422 if errors else 200,
        kind=kind,
        kinds=[one.value for one in KINDS],
        errors=errors or [],
        most_mb=MAX_BYTES // 2**20,
        most_rows=MAX_ROWS,
    )


async def _show(  # the file, and what is wrong with how it is read
    pages: Pages,
    request: Asked,
    upload: Upload,
    errors: list[tuple[str, str]] | None = None,
    *,
    is_refused: bool = False,
) -> Response[str]:
    sheet = upload.sheet
    return await pages.show(
        request,
        "pages/imports/columns.html",
        status=422 if errors or is_refused else 200,
        upload=upload,
        sheet=sheet,
        kinds=[one.value for one in KINDS],
        columns=COLUMNS[sheet.kind],
        encodings=ENCODINGS,
        encoding=next((one for one in ENCODINGS if sheet.encoding.startswith(one)), ENCODINGS[0]),
        errors=errors or [],
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_import, take_file, show_upload, change_upload, run_import, send_template,
)  # fmt: skip
