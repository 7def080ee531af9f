"""A CSV file as it came: its encoding, separator and headings are guessed, and its rows are read one after another."""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.importing.columns import COLUMNS
from ingufu.importing.matching import guess_kind, match_headings
from ingufu.importing.model import Kind, Row, RowError
from ingufu.importing.reading import take_cells

DELIMITERS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "utf-16", "cp1252")  # as people choose them
MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 250_000
MAX_COLUMNS = 200
SAMPLE_ROWS = 5
_MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class _Lines(Protocol):
    """What reads the lines of a file."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read."""

    kind: Kind
    encoding: str  # Python's name
    delimiter: str
    headings: tuple[str, ...]
    columns: tuple[str | None, ...]  # ours, for each heading; None: it is not read
    sample: tuple[tuple[str, ...], ...] = ()  # cells of the first rows
    first_line: int = 1  # where the headings stand

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns without which no row can be read, and that are not there."""
        return tuple(column.name for column in COLUMNS[self.kind] if column.is_key and column.name not in self.columns)


def open_sheet(
    raw: bytes,
    kind: Kind | None = None,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    columns: Sequence[str | None] | None = None,
) -> Sheet:
    """Return how the file is best read; what is given is not guessed. Raises InvalidInput if it is no table at all."""
    if not raw.strip():
        raise InvalidInput("The file is empty.", field="file")
    if len(raw) > MAX_BYTES:
        raise InvalidInput(f"The file has more than {MAX_BYTES // 2**20} MB. Divide it.", field="file")
    named = _named_encoding(raw, encoding)
    chosen = delimiter or guess_delimiter(_first_line(raw, named))
    try:
        lines = _lines(raw, named, chosen)
        headings, first_line = _headings(lines)
        sample = _sample(lines)
    except UnicodeError as error:
        raise InvalidInput("The file cannot be read in this encoding.", field="encoding") from error
    except csv.Error as error:
        raise InvalidInput(f"The file is not CSV: {error}.", field="file") from error
    if not headings:
        raise InvalidInput("The file has no headings: its first line names the columns.", field="file")
    if len(headings) > MAX_COLUMNS:
        raise InvalidInput(f"The file has more than {MAX_COLUMNS} columns.", field="file")
    wanted = kind or guess_kind(headings)
    return Sheet(
        kind=wanted,
        encoding=named,
        delimiter=chosen,
        headings=headings,
        columns=_chosen(wanted, headings, columns),
        sample=sample,
        first_line=first_line,
    )


def read_rows(raw: bytes, sheet: Sheet, file: str) -> Iterator[Row | RowError]:
    """Yield each row, or what is wrong with it; one after another, so that memory does not grow with the file.

    A quote that is never closed is told where it was opened; what comes after it cannot be read.
    """
    line = before = sheet.first_line
    count = 0
    try:
        lines = _lines(raw, sheet.encoding, sheet.delimiter)
        _headings(lines)
        before = lines.line_num
        for cells in lines:
            line, before = before + 1, lines.line_num
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MAX_ROWS:
                yield RowError(file=file, line=line, reason=f"there are more than {MAX_ROWS} rows; divide the file")
                return
            yield take_cells(sheet.kind, file, line, sheet.columns, cells)
    except csv.Error as error:
        reason = f"is not CSV: {error}; the rows from here on were not read"
        yield RowError(file=file, line=max(line, before) + 1, reason=reason)
    except UnicodeError:
        yield RowError(file=file, line=line + 1, reason="cannot be read in this encoding; the rest was not read")


def count_lines(raw: bytes, sheet: Sheet) -> int:
    """Return how many rows the file has about: enough to show how far an import has come."""
    is_wide = sheet.encoding.startswith("utf-16")
    return max(raw.count(b"\n\0" if is_wide and not raw.startswith(codecs.BOM_UTF16_BE) else b"\n") - 1, 1)


def guess_encoding(raw: bytes) -> str:
    """Return the encoding: by its mark, by the zeros of UTF-16, as UTF-8 if it is that, else Windows-1252."""
    for mark, name in _MARKS.items():
        if raw.startswith(mark):
            return name
    head = raw[:2000]
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if head[0::2].count(0) > len(head) // 4:
        return "utf-16-be"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def guess_delimiter(line: str) -> str:
    """Return what stands between the cells of the headings most often, outside of quotes."""
    bare = "".join(part for number, part in enumerate(line.split('"')) if number % 2 == 0)
    return max(DELIMITERS, key=bare.count)


def _named_encoding(raw: bytes, encoding: str | None) -> str:
    if encoding is None:
        return guess_encoding(raw)
    if encoding not in ENCODINGS:
        raise InvalidInput(f"The encoding is one of {', '.join(ENCODINGS)}.", field="encoding")
    guessed = guess_encoding(raw)
    return guessed if guessed.startswith(encoding) else encoding


def _lines(raw: bytes, encoding: str, delimiter: str) -> _Lines:
    errors = "replace" if encoding == "cp1252" else "strict"  # five of its bytes are nothing
    text = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors=errors, newline="")
    return csv.reader(text, delimiter=delimiter, strict=True)


def _first_line(raw: bytes, encoding: str) -> str:
    text = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors="replace", newline="")
    for line in islice(text, 100):
        if line.strip() and not _says_separator(line):
            return line[:20_000]
    return ""


def _headings(lines: _Lines) -> tuple[tuple[str, ...], int]:
    for cells in lines:
        if any(cell.strip() for cell in cells) and not _says_separator("".join(cells)):
            return tuple(cell.strip()[:200] for cell in cells), lines.line_num
    return (), 0


def _sample(lines: _Lines) -> tuple[tuple[str, ...], ...]:
    """Return the first rows that can be read; what is wrong with the others is told when they are judged."""
    found: list[tuple[str, ...]] = []
    try:
        wanted = islice((cells for cells in lines if any(cells)), SAMPLE_ROWS)
        found.extend(tuple(cell[:200] for cell in cells) for cells in wanted)
    except csv.Error:
        pass
    return tuple(found)


def _says_separator(line: str) -> bool:
    """Return whether this is the line by which a spreadsheet notes the separator (`sep=;`)."""
    return line.strip().casefold()[:4] == "sep=" and len(line.strip()) <= 5


def _chosen(kind: Kind, headings: Sequence[str], given: Sequence[str | None] | None) -> tuple[str | None, ...]:
    if given is None:
        return match_headings(kind, headings)
    known = {column.name for column in COLUMNS[kind]}
    chosen = tuple(name or None for name in (*given, *[None] * len(headings))[: len(headings)])
    named = [name for name in chosen if name is not None]
    if set(named) - known:
        raise InvalidInput(f"There is no column {min(set(named) - known)[:60]!r}.", field="columns")
    if len(set(named)) < len(named):
        raise InvalidInput("A column stands for two of the file's.", field="columns")
    return chosen
