"""The large network of the bench is whole: as large as asked for, its books right, its parts fit together."""

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bench import large_network, page_samples
from bench.large_network import DATABASE, Made, Size

UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIZE = Size(stations=300, sessions=20_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    folder = tmp_path_factory.mktemp("large-network")
    return folder / DATABASE, asyncio.run(large_network.make(folder, SIZE, UNTIL))


@pytest.fixture
def database(made: tuple[Path, Made]) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{made[0]}?mode=ro", uri=True)) as opened:
        yield opened


def test_network_is_as_large_as_asked_for(made: tuple[Path, Made]) -> None:
    rows = made[1].rows
    assert SIZE.stations <= rows["stations"] < SIZE.stations * 1.1
    assert SIZE.sessions <= rows["transactions"] < SIZE.sessions * 1.1
    assert rows["id_tokens"] >= SIZE.tokens
    assert rows["drivers"] >= SIZE.drivers
    assert all(rows.values())


def test_books_are_right(database: sqlite3.Connection) -> None:
    wrong = database.execute(
        "SELECT a.id FROM ledger_accounts a LEFT JOIN (SELECT id, sum(amount) AS amount FROM "
        "(SELECT debit_id AS id, amount FROM ledger_postings UNION ALL SELECT credit_id, -amount FROM ledger_postings) "
        "GROUP BY id) p ON p.id = a.id WHERE a.balance <> coalesce(p.amount, 0)"
    ).fetchall()
    assert wrong == []
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def test_sessions_of_a_place_do_not_overlap(database: sqlite3.Connection) -> None:
    busiest = "SELECT station_id FROM transactions GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    overlapping = database.execute(
        "SELECT count(*) FROM (SELECT station_id, started_at, lag(ended_at) OVER "
        "(PARTITION BY station_id, evse ORDER BY started_at) AS before FROM transactions) "
        f"WHERE before > started_at AND station_id <> ({busiest})"
    ).fetchone()
    assert overlapping == (0,)


def test_sessions_are_of_a_whole_year_and_some_go_on(database: sqlite3.Connection) -> None:
    first, last, running = database.execute(
        "SELECT min(started_at), max(started_at), sum(is_open) FROM transactions"
    ).fetchone()
    assert last - first > 350 * 86_400_000_000
    assert last < UNTIL.timestamp() * 1e6
    assert running > 0


def test_ids_are_ids(database: sqlite3.Connection) -> None:
    for table in ("stations", "transactions", "charge_records", "ledger_entries", "id_tokens", "drivers"):
        row = database.execute(f"SELECT id FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", row[0])


async def test_same_seed_makes_the_same_network(made: tuple[Path, Made], tmp_path: Path) -> None:
    """Shown by what is no id: who charged where, when and how much, was billed and booked."""
    queries = (
        "SELECT started_at, energy_wh, token_value FROM transactions ORDER BY 1, 2 LIMIT 500",
        "SELECT issued_at, gross FROM charge_records ORDER BY 1, 2 LIMIT 500",
        "SELECT identity, vendor, is_online FROM stations ORDER BY 1",
    )
    await large_network.make(tmp_path, SIZE, UNTIL)
    for query in queries:
        assert _ask(made[0], query) == _ask(tmp_path / DATABASE, query)


def _ask(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def test_every_page_can_be_timed(made: tuple[Path, Made]) -> None:
    """A page with a parameter that nobody has named would end the measurement."""
    assert page_samples.unknown_parameters() == {}
    asked = [*page_samples.pages(made[0]), *page_samples.lists(made[0])]
    assert len({one.route for one in asked}) > 80
    assert all("{" not in one.address for one in asked)
