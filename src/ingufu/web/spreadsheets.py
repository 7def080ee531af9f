"""Lists as files that stream: CSV that spreadsheets open, and Parquet for who computes with it.

A list of the API is made exportable in two steps. First its columns, units in their names (`core.sheet`):

    SHEET = Sheet("drivers", (*own("text", "id", "name"), Column("since", "instant", lambda row: row.created_at)))

then two routes beside it, `GET /drivers/export.csv` and `GET /drivers/export.parquet`, which take its filters, show
what it shows and to whom it shows it:

    ROUTES = (list_drivers, *exports_of(list_drivers, SHEET, "drivers"), ...)

What is not a list's page after page is read by a function that yields some rows at a time, always by key:

    def read(web: WebContext, principal: Principal, query: EntryQuery) -> Batches[Entry]: ...

    ROUTES = (*exports("/entries", SHEET, "entries", read, scope=Scope.MONEY_READ, query=EntryQuery), ...)

and a route of another shape (a page with filters of its own) returns `await answer(web, SHEET, Form.CSV, batches)`.
On a page `{{ export_buttons(csv_href, parquet_href) }}` of parts/table.html draws the buttons.

However many rows there are, some hundreds are held at a time: the next are read once the client has taken those
before, and a client that goes away ends it.
"""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from inspect import signature
from typing import Annotated, Any, Generic, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal
from ingufu.core.sheet import Column, Sheet, guarded, own
from ingufu.infra.parquet import ParquetStream
from ingufu.views.paging import Page
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.declared import KEY, Route
from ingufu.web.routes import Handler, function_of, route

__all__ = [
    "MARK", "MEDIA_TYPE", "PARQUET", "Batches", "Column", "Form", "Sheet", "answer", "attachment", "cell",
    "export_hrefs", "exports", "exports_of", "lines", "own", "paged",
]  # fmt: skip

MARK = b"\xef\xbb\xbf"  # by which spreadsheets know UTF-8
MEDIA_TYPE = "text/csv"  # what answers adds the charset
PARQUET = "application/vnd.apache.parquet"
READ_AT_ONCE = 500  # rows
_API_PATH = "/api/v1"  # as in web.openapi, which knows every route and cannot be known here
_PLACES = frozenset({"limit", "cursor"})  # of a query: how far one is in the list

RowT = TypeVar("RowT")
Batches: TypeAlias = AsyncIterator[Sequence[RowT]]
Read: TypeAlias = Callable[[WebContext, Principal, Any], Batches[Any]]  # the query is as the list declares it


class Form(StrEnum):
    """As what a list is written; also how the file's name ends."""

    CSV = "csv"
    PARQUET = "parquet"


def exports(  # what two routes have in common
    path: str, sheet: Sheet[Any], noun: str, read: Read, *, query: type[msgspec.Struct], **declared: Any
) -> tuple[HTTPRouteHandler, HTTPRouteHandler]:
    """Return the routes that export a list, beside the list itself. `noun` is what the API's document calls the rows.

    `declared` are the other fields of the routes, `scope` among them; `query` is that of the list. Of CSV one may ask
    that it begin without the mark by which spreadsheets know UTF-8 (`mark=false`).
    """
    name = sheet.name.replace("-", "_")
    tag = declared.pop("tag", name)

    async def as_csv(web: WebContext, principal: Principal, criteria: Any) -> Stream:
        batches = read(web, principal, criteria.asked)
        answered = await answer(web, sheet, Form.CSV, batches, has_mark=criteria.mark)
        await access.note_export(web, principal, sheet.name, Form.CSV, criteria.asked)
        return answered

    async def as_parquet(web: WebContext, principal: Principal, criteria: Any) -> Stream:
        answered = await answer(web, sheet, Form.PARQUET, read(web, principal, criteria))
        await access.note_export(web, principal, sheet.name, Form.PARQUET, criteria)
        return answered

    marked = _marked(query)
    _named(as_csv, f"export_{name}_csv", tag, f"Export {noun} as CSV\n\n{_CSV_WORDS}")
    _named(as_parquet, f"export_{name}_parquet", tag, f"Export {noun} as Parquet\n\n{_PARQUET_WORDS}")
    shared = {"result": bytes, **declared}
    return (
        route("GET", f"{path}/export.csv", query=marked, media_type=MEDIA_TYPE, **shared)(as_csv),
        route("GET", f"{path}/export.parquet", query=query, media_type=PARQUET, **shared)(as_parquet),
    )


def exports_of(listed: HTTPRouteHandler, sheet: Sheet[Any], noun: str) -> tuple[HTTPRouteHandler, HTTPRouteHandler]:
    """Return the routes that export what a route lists page after page, with its query, to whom it lists it."""
    known: Route = listed.opt[KEY]
    function = function_of(listed)
    names = tuple(signature(function).parameters)

    def read(web: WebContext, principal: Principal, query: Any) -> Batches[Any]:
        at_hand = {"web": web, "principal": principal}
        return paged(
            lambda asked: function(**{name: asked if name == "criteria" else at_hand[name] for name in names}), query
        )

    guarded = {name: getattr(known, name) for name in ("scope", "is_for_network", "is_for_fleets")}
    return exports(known.path, sheet, noun, read, query=known.query, tag=known.tag, **guarded)


async def answer(  # everything that a file depends on
    web: WebContext, sheet: Sheet[RowT], form: Form, batches: Batches[RowT], *, has_mark: bool = True
) -> Stream:
    """Return the rows as a file that a browser keeps; they are read while it is sent.

    Who asks for rows that he may not see, or with a cursor that is not ours, hears so before anything is sent: the
    first of them are read here.
    """
    first: Sequence[RowT] = ()
    async for rows in batches:
        first = rows
        break
    whole = _Read(first, batches)
    parts = _parquet(sheet, whole) if form is Form.PARQUET else _csv(sheet, whole, has_mark=has_mark)
    media_type = PARQUET if form is Form.PARQUET else MEDIA_TYPE
    return Stream(parts, media_type=media_type, headers=attachment(web, sheet.name, form))


async def paged(read: Callable[[Any], Awaitable[Page[RowT]]], query: Any) -> AsyncIterator[Sequence[RowT]]:
    """Yield all rows of a list, a page at a time, in its order. `query` is a struct with `limit` and `cursor`."""
    query = msgspec.structs.replace(query, limit=READ_AT_ONCE, cursor=None)
    while True:
        page = await read(query)
        yield page.items
        if page.next is None:
            return
        query = msgspec.structs.replace(query, cursor=page.next)


def export_hrefs(path: str, query: msgspec.Struct) -> tuple[str, str]:
    """Return the addresses of a list's CSV and Parquet, with the filters that differ from what goes without saying.

    `path` is that of the API's list ("/stations"), `query` its query.
    """
    fields = {field.name: field for field in msgspec.structs.fields(query)}
    given = {
        fields[name].encode_name: msgspec.to_builtins(value)
        for name, value in msgspec.structs.asdict(query).items()
        if name not in _PLACES and value != fields[name].default
    }
    asked = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    filters = urlencode(asked, doseq=True)
    return tuple(f"{_API_PATH}{path}/export.{form}" + (f"?{filters}" if filters else "") for form in Form)  # type: ignore[return-value]  # there are two


def attachment(web: WebContext, name: str, kind: str) -> dict[str, str]:
    """Return the header by which a browser keeps an answer as a file of this name and of today."""
    day = web.services.clock.now().strftime("%Y-%m-%d")
    return {"Content-Disposition": f'attachment; filename="{name}-{day}.{kind}"'}


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula: what comes from outside may try.

    Instants are of UTC, in ISO 8601.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(str(value))
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as lines of CSV (RFC 4180)."""
    written = io.StringIO()
    csv.writer(written).writerows([[cell(value) for value in row] for row in rows])
    return written.getvalue().encode(errors="replace")  # half a surrogate pair is no text


_CSV_WORDS = (
    "All that fit, while they are read. Instants are of UTC in ISO 8601, with the site's zone in a column of its own;"
    " no cell is a formula. `mark=false` leaves out the mark by which spreadsheets know UTF-8."
)
_PARQUET_WORDS = "All that fit, while they are read, with instants of UTC and exact decimals."


class _Read(NamedTuple, Generic[RowT]):
    """The rows of an export: those that were read already, and what reads the others."""

    first: Sequence[RowT]
    rest: Batches[RowT]

    async def all(self) -> AsyncIterator[Sequence[RowT]]:
        yield self.first
        async for rows in self.rest:
            yield rows

    async def aclose(self) -> None:
        """End the reading, whether or not all was read."""
        if isinstance(self.rest, AsyncGenerator):
            await self.rest.aclose()


async def _csv(sheet: Sheet[RowT], read: _Read[RowT], *, has_mark: bool) -> AsyncIterator[bytes]:
    async with aclosing(read):
        yield (MARK if has_mark else b"") + lines([sheet.names])
        async for rows in read.all():
            if rows:
                yield await asyncio.to_thread(lambda found: lines([sheet.drawn(row) for row in found]), rows)


async def _parquet(sheet: Sheet[RowT], read: _Read[RowT]) -> AsyncIterator[bytes]:
    async with aclosing(read):
        stream = await asyncio.to_thread(ParquetStream, sheet.kinds)
        async for rows in read.all():
            part = await asyncio.to_thread(lambda found: stream.add([sheet.drawn(row) for row in found]), rows)
            if part:
                yield part
        yield await asyncio.to_thread(stream.end)


def _instant(value: datetime) -> str:
    precision = "milliseconds" if value.microsecond else "seconds"
    return value.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


@cache
def _marked(query: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the query of a list with the choice of the mark; its `asked` is the list's own."""

    def asked(self: msgspec.Struct) -> msgspec.Struct:
        return query(**{name: getattr(self, name) for name in query.__struct_fields__})

    mark = Annotated[bool, Meta(description="Whether it begins with the mark by which spreadsheets know UTF-8.")]
    return msgspec.defstruct(
        f"{query.__name__}AsCsv",
        [("mark", mark, True)],
        bases=(query,),
        namespace={"asked": property(asked), "__doc__": query.__doc__},
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
    )


def _named(function: Handler, name: str, tag: str, words: str) -> None:
    """Let a route made of the function be named and documented as one that is written out."""
    function.__name__ = name
    function.__doc__ = words
    function.__module__ = f"{__name__}.{tag}"
