"""Exports: as large as one likes in little memory, read no faster than taken, and harmless to spreadsheets."""

import csv
import gc
import io
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from ingufu.core.clock import FrozenClock
from ingufu.core.sheet import Column, Sheet, own
from ingufu.infra.parquet import GROUP_ROWS, ParquetStream
from ingufu.views.paging import Page
from ingufu.views.stations import StationQuery
from ingufu.web import spreadsheets
from ingufu.web.spreadsheets import Form, answer, cell, export_hrefs, lines, paged

ROWS, AT_ONCE = 100_000, 500
FEW_BYTES = 24 * 1024 * 1024  # that whole table takes several times as much
START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


class Session(NamedTuple):
    id: str
    started_at: datetime
    energy_wh: Decimal
    site: str | None


SHEET: Sheet[Session] = Sheet(
    "sessions",
    (
        *own("text", "id"),
        *own("instant", "started_at"),
        *own("exact", "energy_wh"),
        Column("energy_kwh", "exact", lambda row: row.energy_wh / 1000),
        *own("text", "site"),
        Column("is_long", "flag", lambda row: row.energy_wh > 5),
    ),
)


class Web:
    """As much of the web context as a file's name needs."""

    class services:  # noqa: N801 - as the attribute is called
        clock = FrozenClock(START)


class Table:
    """A table that is read some rows at a time, and knows how far."""

    def __init__(self, rows: int) -> None:
        self.rows, self.read, self.is_closed = rows, 0, False

    async def batches(self) -> AsyncIterator[Sequence[Session]]:
        try:
            while self.read < self.rows:
                found = [self._session(self.read + place) for place in range(min(AT_ONCE, self.rows - self.read))]
                self.read += len(found)
                yield found
        finally:
            self.is_closed = True

    def _session(self, number: int) -> Session:
        return Session(
            f"019ca945-{number:08}", START + timedelta(seconds=number), Decimal(number) / 7, f"Site {number % 97}"
        )


async def parts_of(table: Table, form: Form, **more: Any) -> AsyncIterator[bytes]:
    stream = await answer(Web(), SHEET, form, table.batches(), **more)  # type: ignore[arg-type]  # as much as it needs
    return stream.iterator  # type: ignore[return-value]  # ours is of bytes


@pytest.mark.parametrize("form", list(Form))
async def test_hundred_thousand_rows_take_little_memory(form: Form) -> None:
    parts = await parts_of(Table(ROWS), form)
    await anext(parts)  # what is imported once is not counted
    gc.collect()
    pool, before = 0, pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        sent = 0
        async for part in parts:
            sent += len(part)
            pool = max(pool, pa.total_allocated_bytes() - before)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent > 1_000_000
    assert peak + pool < FEW_BYTES, f"{peak:_} and {pool:_} bytes"


@pytest.mark.parametrize("form", list(Form))
async def test_rows_are_read_as_they_are_taken_and_first_bytes_come_at_once(form: Form) -> None:
    table = Table(ROWS)
    parts = await parts_of(table, form)
    assert await anext(parts)
    assert table.read <= 2 * AT_ONCE if form is Form.CSV else table.read <= AT_ONCE
    for _ in range(3):
        await anext(parts)
    held = GROUP_ROWS if form is Form.PARQUET else AT_ONCE
    assert table.read <= 3 * held + AT_ONCE


async def test_client_that_goes_away_ends_the_reading() -> None:
    table = Table(ROWS)
    parts = await parts_of(table, Form.CSV)
    await anext(parts)
    await parts.aclose()  # type: ignore[attr-defined]  # a generator
    assert table.is_closed
    assert table.read <= 2 * AT_ONCE


@pytest.mark.parametrize("number", [0, 1, AT_ONCE, AT_ONCE + 1, 2 * GROUP_ROWS + 3])
async def test_both_forms_have_every_row_once(number: int) -> None:
    text = b"".join([part async for part in await parts_of(Table(number), Form.CSV)]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    file = parquet.ParquetFile(
        io.BytesIO(b"".join([part async for part in await parts_of(Table(number), Form.PARQUET)]))
    )
    table = file.read().to_pylist()
    assert [row["id"] for row in rows] == [row["id"] for row in table]
    assert len(rows) == len({row["id"] for row in rows}) == number
    assert file.num_row_groups == -(-number // GROUP_ROWS)
    if number:
        assert rows[0]["started_at"] == "2026-03-01T10:00:00Z"
        assert table[0]["started_at"] == START
        assert table[-1]["energy_wh"].quantize(Decimal("0.001")) == (Decimal(number - 1) / 7).quantize(Decimal("0.001"))


async def test_mark_of_utf_8_is_left_out_if_one_asks() -> None:
    marked = await anext(await parts_of(Table(1), Form.CSV))
    plain = await anext(await parts_of(Table(1), Form.CSV, has_mark=False))
    assert marked == spreadsheets.MARK + plain
    assert plain.startswith(b"id,started_at,energy_wh,")


async def test_list_is_followed_page_after_page() -> None:
    asked: list[str | None] = []

    async def read(query: StationQuery) -> Page[int]:
        asked.append(query.cursor)
        number = int(query.cursor or 0)
        return Page(items=(number,), next=str(number + 1) if number < 3 else None)

    found = [rows async for rows in paged(read, StationQuery(limit=7, cursor="2"))]
    assert (found, asked) == ([(0,), (1,), (2,), (3,)], [None, "1", "2", "3"])


@pytest.mark.parametrize("risky", ["=1+1", " =1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1+1", "'=1"])  # noqa: RUF001
def test_text_that_a_spreadsheet_would_run_is_quoted(risky: str) -> None:
    assert cell(risky) == f"'{risky}"


def test_cells_are_of_one_line_and_without_doubt() -> None:
    kigali = timezone(timedelta(hours=2))
    given = (
        'say "a,b"\r\nc', None, True, Decimal("-0.10"), Decimal("1E+3"), 5, datetime(2026, 3, 1, 12, 0, tzinfo=kigali),
        datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC), "\ud800",
    )  # fmt: skip
    written = lines([given])
    assert written == (b'"say ""a,b""\r\nc",,true,-0.10,1000,5,2026-03-01T10:00:00Z,2026-03-01T10:00:00.123Z,?\r\n')


def test_words_of_enumerations_are_texts_in_parquet() -> None:
    stream = ParquetStream({"form": "text", "day": "day", "power_w": "real"})
    written = stream.add([[Form.CSV, START.date(), 1.5], [None, None, None]]) + stream.end()
    assert parquet.read_table(io.BytesIO(written)).to_pylist() == [
        {"form": "csv", "day": START.date(), "power_w": 1.5}, {"form": None, "day": None, "power_w": None},
    ]  # fmt: skip


def test_addresses_of_exports_have_the_filters_alone() -> None:
    query = StationQuery(q="a&b", site_id=("1", "2"), is_online=False, limit=50, cursor="x")
    assert export_hrefs("/stations", query) == (
        "/api/v1/stations/export.csv?q=a%26b&site_id=1&site_id=2&is_online=false",
        "/api/v1/stations/export.parquet?q=a%26b&site_id=1&site_id=2&is_online=false",
    )
    assert export_hrefs("/stations", msgspec.convert({}, StationQuery))[0] == "/api/v1/stations/export.csv"
