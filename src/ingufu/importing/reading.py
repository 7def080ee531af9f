"""Import files read: CSV with a header line, one file a kind; or one JSON file with all kinds."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingufu.core.sheet import unguarded
from ingufu.importing.columns import COLUMNS, EXPORTED, Column
from ingufu.importing.matching import match_headings, nearest, plain_heading
from ingufu.importing.model import Kind, Row, RowError
from ingufu.infra import json_places
from ingufu.infra.json_places import Node, Unreadable

EMPTIED = "-"  # in a cell: empties what is there, which an empty cell leaves as it is
DELIMITERS = ",;\t"
MAX_BYTES = 200 * 1024 * 1024


class Read(NamedTuple):
    """The rows that can be read, what is wrong with the others, and the columns that only exports have."""

    rows: list[Row]
    errors: list[RowError]
    not_read: tuple[str, ...] = ()


def read_file(path: Path, kind: Kind | None) -> Read:
    """Return the rows that can be read, and what is wrong with the others. `kind` None: the file is JSON."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return Read([], [RowError(file=str(path), reason=f"is larger than {MAX_BYTES} bytes; divide it")])
        raw = path.read_bytes()
    except OSError as error:
        return Read([], [RowError(file=str(path), reason=f"cannot be read: {error.strerror}")])
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Read([], [RowError(file=str(path), line=line, reason="is not UTF-8; save it as UTF-8")])
    return read_json(str(path), content) if kind is None else read_csv(str(path), content, kind)


def read_csv(file: str, content: str, kind: Kind) -> Read:
    """Return the rows of a CSV file; commas, semicolons or tabs stand between cells, as in its first line.

    Headings are known as those of files that come by the web; a column that nobody knows is told.
    """
    header, _, _ = content.lstrip("\r\n").partition("\n")
    delimiter = max(DELIMITERS, key=header.count)
    lines = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    errors: list[RowError] = []
    not_read: tuple[str, ...] = ()
    try:
        names, not_read, errors = _header(file, lines, kind)
        if errors:
            return Read([], errors)
        before = lines.line_num
        for cells in lines:
            line, before = before + 1, lines.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                errors.append(RowError(file=file, line=line, reason=f"has {len(cells)} cells for {len(names)} columns"))
                continue
            _take(Row(kind=kind, file=file, line=line, values=_given(names, cells)), rows, errors)
    except csv.Error as error:
        errors.append(RowError(file=file, line=lines.line_num, reason=f"is not CSV: {error}"))
    return Read(rows, errors, not_read)


def take_cells(kind: Kind, file: str, line: int, columns: Sequence[str | None], cells: Sequence[str]) -> Row | RowError:
    """Return the row that these cells are, or what is wrong with it first. Columns without a name are not read."""
    if any(cell.strip() for cell in cells[len(columns) :]):
        return RowError(file=file, line=line, reason=f"has {len(cells)} cells for {len(columns)} columns")
    rows: list[Row] = []
    errors: list[RowError] = []
    _take(Row(kind=kind, file=file, line=line, values=_given(columns, cells)), rows, errors)
    if len(errors) > 1:
        reasons = "; ".join(f"{error.field}: {error.reason}" for error in errors[1:])
        return msgspec.structs.replace(errors[0], reason=f"{errors[0].reason}; {reasons}")
    return errors[0] if errors else rows[0]


def read_json(file: str, content: str) -> Read:
    """Return the rows of a JSON file: an object with an array of objects for each kind."""
    try:
        json.loads(content)  # places are found in broken text too, which is no import
        root = json_places.read(content)
    except (ValueError, RecursionError, Unreadable) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 0
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        return Read([], [RowError(file=file, line=line, reason=f"is not JSON: {reason}")])
    rows: list[Row] = []
    errors: list[RowError] = []
    if root.kind != "object":
        return Read([], [RowError(file=file, line=1, reason=f"must be an object with {', '.join(Kind)}")])
    for name, value in root.members:
        if name.text not in set(Kind):
            reason = f"is no kind of row.{_nearest(name.text, list(Kind))}"
            errors.append(RowError(file=file, line=_line(content, name), field=name.text, reason=reason))
        elif value is None or value.kind != "array":
            errors.append(RowError(file=file, line=_line(content, name), field=name.text, reason="must be an array"))
        else:
            for item in value.items:
                _take_object(file, content, Kind(name.text), item, rows, errors)
    return Read(rows, errors)


def _header(
    file: str, lines: Iterator[list[str]], kind: Kind
) -> tuple[Sequence[str | None], tuple[str, ...], list[RowError]]:
    """Return our column for each of the file's, those that only exports have, and what is wrong with the others."""
    headings = [cell.strip() for cell in next((cells for cells in lines if any(map(str.strip, cells))), [])]
    names = match_headings(kind, headings)
    unknown = [heading for heading, name in zip(headings, names, strict=True) if name is None]
    exported = {plain_heading(name) for name in EXPORTED.get(kind, ())}
    not_read = tuple(heading for heading in unknown if plain_heading(heading) in exported)
    errors = [
        RowError(file=file, line=1, field=heading or "(nothing)", reason=_unknown(heading, headings, kind))
        for heading in dict.fromkeys(unknown)
        if heading not in not_read
    ]
    missing = [column.name for column in COLUMNS[kind] if column.is_key and column.name not in names]
    errors += [RowError(file=file, line=1, field=name, reason="is missing") for name in missing]
    return names, not_read, errors


def _unknown(heading: str, headings: Sequence[str], kind: Kind) -> str:
    if heading and headings.count(heading) > 1:
        return "stands twice"
    meant = nearest(heading, kind)
    if meant in match_headings(kind, [heading]):
        return f"is {meant} too, which another column is"
    return f"is no column of {kind}.{f' Did you mean {meant}?' if meant else ''}"


def _given(names: Sequence[str | None], cells: Sequence[str]) -> dict[str, Any]:
    return {name: _cell(cell) for name, cell in zip(names, cells, strict=False) if name is not None and cell.strip()}


def _cell(cell: str) -> str | None:
    given = cell.strip()
    return None if given == EMPTIED else unguarded(given).strip()


def _take_object(file: str, content: str, kind: Kind, item: Node, rows: list[Row], errors: list[RowError]) -> None:
    line = _line(content, item)
    if item.kind != "object":
        errors.append(RowError(file=file, line=line, reason=f"must be an object, one of the {kind}"))
        return
    given: dict[str, Any] = json.loads(content[item.start : item.end])
    names = [name.text for name, _ in item.members]
    known = {column.name: column for column in COLUMNS[kind]}
    wrong = [
        RowError(file=file, line=line, field=name, reason=f"is no field of {kind}.{_nearest(name, known)}")
        for name in given
        if name not in known
    ]
    wrong += [
        RowError(file=file, line=line, field=name, reason="stands twice") for name in given if names.count(name) > 1
    ]
    errors += wrong
    if not wrong:
        _take(Row(kind=kind, file=file, line=line, values=given), rows, errors)


def _take(row: Row, rows: list[Row], errors: list[RowError]) -> None:
    """Add the row with its values converted, or what is wrong with them."""
    values: dict[str, Any] = {}
    wrong: list[RowError] = []
    for column in COLUMNS[row.kind]:
        try:
            _convert(column, row.values, values)
        except ValueError as error:
            wrong.append(RowError(file=row.file, line=row.line, field=column.name, reason=str(error)))
    if wrong:
        errors.extend(wrong)
    else:
        rows.append(Row(kind=row.kind, file=row.file, line=row.line, values=values))


def _convert(column: Column, given: Mapping[str, Any], values: dict[str, Any]) -> None:
    if column.name not in given:
        if column.is_key:
            raise ValueError("is missing")
        return
    value = given[column.name]
    if value is None and not column.may_be_empty:
        raise ValueError("cannot be emptied")
    values[column.name] = None if value is None else column.convert(value)


def _line(content: str, node: Node) -> int:
    return content.count("\n", 0, node.start) + 1


def _nearest(name: str, known: Mapping[str, Any] | list[Kind]) -> str:
    close = get_close_matches(name, list(known), 1)
    return f" Did you mean {close[0]}?" if close else ""
