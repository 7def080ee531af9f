"""Statements are compiled once and say what is wrong with them."""

import pytest
from sqlalchemy import bindparam, func, literal, select, update

from ingufu.infra.storage import statements
from ingufu.infra.storage.statements import Prepared, Statements, postgresql_dialect, sqlite_dialect
from storage_samples import ALL, APPEND, INSERT, SELECT, SET_NUMBER, sample, samples, series, step

DIALECTS = [pytest.param(sqlite_dialect(), id="sqlite"), pytest.param(postgresql_dialect(), id="postgresql")]


@pytest.fixture(params=DIALECTS)
def prepared_by(request: pytest.FixtureRequest) -> Statements:
    return Statements(request.param)


def test_constant_is_compiled_once(prepared_by: Statements) -> None:
    assert prepared_by.constant(SELECT) is prepared_by.constant(SELECT)
    assert prepared_by.constant(ALL) is not prepared_by.constant(SELECT)


def test_what_is_built_anew_each_time_does_not_fill_the_memory(
    prepared_by: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "MAX_CONSTANTS", 10)
    for _ in range(30):
        prepared_by.constant(select(samples.c.id))
    assert len(prepared_by._by_id) == 10


def test_counted_id_is_left_to_the_database(prepared_by: Statements) -> None:
    assert "id" not in prepared_by.constant(APPEND).sql.split("VALUES", maxsplit=1)[0].partition("(")[2].split(", ")
    assert prepared_by.constant(APPEND).bind(step("u", 1)) == ("u", 1, None)


def test_absent_column_of_an_insert_is_null_where_it_may_be(prepared_by: Statements) -> None:
    assert prepared_by.constant(INSERT).bind(sample("a")) == ("a", *[None] * 9)
    with pytest.raises(TypeError, match="lacks a value for id"):
        prepared_by.constant(INSERT).bind({})


def test_unknown_name_is_refused(prepared_by: Statements) -> None:
    with pytest.raises(TypeError, match="has no nmuber"):
        prepared_by.constant(INSERT).bind(sample("a", nmuber=1))


def test_forgotten_name_of_an_update_is_refused(prepared_by: Statements) -> None:
    with pytest.raises(TypeError, match="lacks a value for seen"):
        prepared_by.constant(SET_NUMBER).bind({"wanted": "a", "new": 1})


def test_literals_stay_with_the_statement(prepared_by: Statements) -> None:
    close = update(samples).where(samples.c.id == bindparam("wanted"), samples.c.number > 3).values(flag=False)
    prepared = prepared_by.constant(close)
    values = prepared.bind({"wanted": "a"})
    assert sorted(map(str, values)) == sorted([str(values[0]), "a", "3"])
    assert not values[0]


def test_name_used_twice_is_given_once(prepared_by: Statements) -> None:
    twice = select(samples.c.id).where((samples.c.text == bindparam("word")) | (samples.c.id == bindparam("word")))
    prepared = prepared_by.constant(twice)
    assert set(prepared.bind({"word": "x"})) == {"x"}
    assert len(prepared.bind({"word": "x"})) == prepared.sql.count("?") or prepared.sql.count("$1") == 2


def test_two_columns_of_one_name_are_refused(prepared_by: Statements) -> None:
    with pytest.raises(TypeError, match="name of its own"):
        prepared_by.once(select(samples.c.id, series.c.id))


def test_nameless_column_is_refused(prepared_by: Statements) -> None:
    for nameless in (func.count(), func.count() + 1, literal(1)):
        with pytest.raises(TypeError, match="name of its own"):
            prepared_by.once(select(nameless))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_are_dictionaries_by_column(dialect: object) -> None:
    prepared = Prepared(select(samples.c.id, samples.c.json, samples.c.real), dialect)
    assert prepared.rows([("a", '{"x":1}', 1.5)]) == [{"id": "a", "json": {"x": 1}, "real": 1.5}]
