"""CSV files as people bring them: guessed, matched and read row by row, with every flaw told where it is."""

import tracemalloc

import pytest

from ingufu.core.errors import InvalidInput
from ingufu.importing.columns import COLUMNS
from ingufu.importing.matching import guess_kind, match_headings, plain_heading
from ingufu.importing.model import Kind, Row, RowError
from ingufu.importing.sheets import MAX_BYTES, MAX_ROWS, Sheet, count_lines, guess_encoding, open_sheet, read_rows

TEXT = "Card number;Driver;Expiry date;Note\r\n04A1;zoé@example.org;2027-01-01;déjà vu\r\n\r\n04A2;;;\r\n"


def rows(raw: bytes, sheet: Sheet | None = None) -> list[Row | RowError]:
    return list(read_rows(raw, sheet or open_sheet(raw), "cards.csv"))


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"), ("cp1252", "cp1252"),
    ],
)  # fmt: skip
def test_encoding_separator_and_columns_are_told_by_the_file(encoding: str, named: str) -> None:
    raw = TEXT.encode(encoding)
    sheet = open_sheet(raw)
    assert (sheet.kind, sheet.encoding, sheet.delimiter) == (Kind.TOKENS, named, ";")
    assert sheet.columns == ("value", "driver", "expires_at", "note")
    assert sheet.missing == ()
    first, second = rows(raw, sheet)
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert (first.line, first.values["note"], first.values["driver"]) == (2, "déjà vu", "zoé@example.org")
    assert (second.line, second.values) == (4, {"value": "04A2"})


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("'+250 788", "+250 788"), ("' =1", "=1"), ("''@x", "'@x"), ("'-", "-"), ("-", None), ("'Ada", "'Ada"),
        ("O'Neil-X", "O'Neil-X"), ("'", "'"), ("+250 788", "+250 788"),
    ],
)  # fmt: skip
def test_mark_of_an_export_before_what_begins_a_formula_is_no_part_of_the_value(cell: str, value: str | None) -> None:
    raw = f"name,note\nAda,{cell}\n".encode()
    (row,) = rows(raw, open_sheet(raw, Kind.DRIVERS))
    assert isinstance(row, Row)
    assert row.values["note"] == value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_separator_is_found_also_beside_others_in_quotes(delimiter: str) -> None:
    raw = delimiter.join(('"name, first; or last"', "email", "phone")).encode() + b"\n"
    assert open_sheet(raw, Kind.DRIVERS).delimiter == delimiter


def test_line_by_which_a_spreadsheet_notes_its_separator_is_no_heading() -> None:
    raw = b"sep=;\r\nname;email\r\nAda;ada@example.org\r\n"
    sheet = open_sheet(raw)
    assert (sheet.kind, sheet.headings, sheet.first_line) == (Kind.DRIVERS, ("name", "email"), 2)
    (row,) = rows(raw, sheet)
    assert isinstance(row, Row)
    assert row.line == 3


@pytest.mark.parametrize(
    ("kind", "headings", "columns"),
    [
        (Kind.TOKENS, ("Numéro de carte", "Titulaire", "Groupe"), ("value", "driver", "group")),
        (Kind.TOKENS, ("Kartennummer", "Inhaber", "Gültig bis"), ("value", "driver", "expires_at")),
        (Kind.TOKENS, ("NAMBARI-YA-KADI", "Dereva", "Kundi"), ("value", "driver", "group")),
        (Kind.TOKENS, ("RFID", "UID", "whatever"), (None, "value", None)),
        (Kind.DRIVERS, ("Izina", "Imeri", "Telefoni"), ("name", "email", "phone")),
        (Kind.DRIVERS, ("Nom complet", "Courriel", "N° de téléphone"), ("name", "email", None)),
        (Kind.DRIVERS, ("E-Mail-Adresse", "Fahrer", "is_blocked"), ("email", "name", "is_blocked")),
        (Kind.GROUPS, ("code", "Bezeichnung"), ("value", "name")),
    ],
)
def test_headings_are_known_in_several_languages(
    kind: Kind, headings: tuple[str, ...], columns: tuple[str | None, ...]
) -> None:
    found = match_headings(kind, headings)
    if kind is Kind.TOKENS and headings[0] == "RFID":
        assert sum(name == "value" for name in found) == 1  # one of both, and the other is not read
    else:
        assert found == columns


def test_our_own_names_win_over_words_that_could_mean_them() -> None:
    assert match_headings(Kind.TOKENS, ("number", "value")) == (None, "value")
    assert match_headings(Kind.GROUPS, ("group", "name", "value")) == (None, "name", "value")
    for kind in (Kind.TOKENS, Kind.DRIVERS, Kind.GROUPS):
        names = tuple(column.name for column in COLUMNS[kind])
        assert match_headings(kind, names) == names


def test_kind_of_rows_is_told_by_the_headings() -> None:
    assert guess_kind(("Name", "E-mail", "Phone")) is Kind.DRIVERS
    assert guess_kind(("RFID", "driver", "group")) is Kind.TOKENS
    assert guess_kind(("value", "name", "is_master_pass")) is Kind.GROUPS
    assert plain_heading("  Numéro—de Carte* ") == "numero de carte"


def test_what_people_choose_wins_over_what_was_guessed() -> None:
    raw = b"a;b\nx;1\n"
    sheet = open_sheet(raw, Kind.GROUPS, delimiter=";", columns=["name", "value"])
    assert sheet.columns == ("name", "value")
    (row,) = rows(raw, sheet)
    assert isinstance(row, Row)
    assert row.values == {"value": "1", "name": "x"}
    with pytest.raises(InvalidInput, match="two of the file"):
        open_sheet(raw, Kind.GROUPS, columns=["name", "name"])
    with pytest.raises(InvalidInput, match="no column"):
        open_sheet(raw, Kind.GROUPS, columns=["<script>"])


def test_missing_columns_are_named() -> None:
    assert open_sheet(b"colour,size\nred,1\n", Kind.TOKENS).missing == ("value",)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (b'"', "not CSV"),
        (b"\xff\xfea", "encoding"),
        (b",,\n,,\n", "no headings"),
    ],
)
def test_what_is_no_table_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        open_sheet(raw)


def test_too_large_a_file_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidInput, match="MB"):
        open_sheet(b"value\n" + b"x" * MAX_BYTES)


def test_flaws_are_told_with_their_line_and_the_others_are_read() -> None:
    raw = (
        b"value,expires_at,concurrent_limit,is_blocked\n"
        b"04A1,never,many,perhaps\n"
        b",2027-01-01,,\n"
        b"04A2,2027-01-01,2,yes\n"
        b"04A3,,,,extra\n"
        b'"04\nA4",,,\n'
        b"04A5,,,\n"
    )
    found = rows(raw)
    assert [(one.line, isinstance(one, RowError)) for one in found] == [
        (2, True), (3, True), (4, False), (5, True), (6, False), (8, False),
    ]  # fmt: skip
    first = found[0]
    assert isinstance(first, RowError)
    assert first.field == "expires_at"
    assert "whole number" in first.reason
    assert "true or false" in first.reason


def test_quote_that_is_never_closed_is_told_where_it_opened() -> None:
    found = rows(b'value,note\n04A1,fine\n04A2,"never closed\n04A3,lost\n')
    assert isinstance(found[0], Row)
    last = found[-1]
    assert isinstance(last, RowError)
    assert (last.line, "not CSV" in last.reason) == (3, True)


def test_formulas_and_markup_stay_text() -> None:
    (row,) = rows(b"value,note\n04A1,\"=cmd|' /C calc'!A1 <script>alert(1)</script>\"\n")
    assert isinstance(row, Row)
    assert row.values["note"] == "=cmd|' /C calc'!A1 <script>alert(1)</script>"


def test_bytes_that_are_nothing_in_windows_1252_do_not_end_the_file() -> None:
    raw = b"value,note\n04A1,caf\xe9 \x81\n04A2,x\n"
    assert guess_encoding(raw) == "cp1252"
    assert len(rows(raw)) == 2


def test_a_hundred_thousand_rows_are_read_without_holding_them() -> None:
    raw = b"value,driver,note\n" + b"".join(b"04%08X,driver%d@example.org,van\n" % (n, n) for n in range(100_000))
    sheet = open_sheet(raw)
    assert count_lines(raw, sheet) == 100_000
    tracemalloc.start()
    try:
        number = sum(isinstance(row, Row) for row in read_rows(raw, sheet, "x.csv"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == 100_000
    assert peak < 2_000_000 + len(raw)


def test_more_rows_than_are_taken_end_with_a_word() -> None:
    raw = b"value\n" + b"".join(b"%d\n" % number for number in range(MAX_ROWS + 5))
    *_, last = read_rows(raw, open_sheet(raw), "x.csv")
    assert isinstance(last, RowError)
    assert "divide the file" in last.reason
