"""The large network of the bench is whole: as large as asked for, its books right, its parts fit together."""

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from bench import large_network, page_samples
from bench.large_network import DATABASE, Made, Size

from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra import remote_link
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.web.app import close_streams, install, make_routes
from web.api.conftest import RecordingLink, make_context, make_services
from web.quick import serving

UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIZE = Size(stations=300, sessions=20_000)
LARGE = (
    "transactions", "transaction_events", "meter_readings", "frame_chunks", "events", "authorization_decisions",
    "connection_attempts", "anomalies", "energy_verdicts", "signature_checks", "charge_records", "ratings",
    "ledger_entries", "ledger_postings", "documents", "document_lines", "id_tokens", "audit", "variables",
)  # fmt: skip
WHOLE = ("/charge-records/sums", "/ledger/verification")  # which are asked for all that there is
LIMIT_BYTES = 300_000


class Console(NamedTuple):
    """A browser, and what its pages ask of storage."""

    client: httpx.AsyncClient
    seen: list[tuple[str, tuple[Any, ...]]]


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


@pytest.fixture
async def console(made: tuple[Path, Made]) -> AsyncIterator[Console]:
    """The web process on that network, and an administrator before it."""
    clock = FrozenClock(UNTIL)
    database = await open_database(StorageUrl.parse(None, made[0].parent))
    bus, services = MemoryBus(), make_services(database, clock, IdMaker(clock))
    remote_link.serve(bus, RecordingLink())
    secret, _ = await services.accounts.login(*large_network.ADMIN, address="127.0.0.1", user_agent="test")
    app = make_routes()
    install(app, make_context(services, bus))
    seen: list[tuple[str, tuple[Any, ...]]] = []
    engine: Any = database.engine
    fetch = engine.fetch

    async def listen(prepared: Any, values: tuple[Any, ...]) -> Any:
        seen.append((prepared.sql, values))
        return await fetch(prepared, values)

    engine.fetch = listen
    async with serving(app) as url, httpx.AsyncClient(base_url=url, cookies={"ingufu_session": secret}) as client:
        yield Console(client, seen)
        close_streams(app)
    await database.close()


async def test_every_list_finds_its_rows_by_index(
    made: tuple[Path, Made], database: sqlite3.Connection, console: Console
) -> None:
    """No list of the console or of the API reads all of a large table, and each is small."""
    wrong: list[tuple[str, str]] = []
    for asked in [*page_samples.pages(made[0]), *page_samples.lists(made[0])]:
        if not asked.is_list or asked.route.endswith(("/live", ".csv", ".parquet", *WHOLE)):
            continue
        console.seen.clear()
        answer = await console.client.get(asked.address)
        if answer.status_code not in {200, 303}:
            wrong.append((asked.address, str(answer.status_code)))
        wrong += [(asked.address, step) for step in _scans(database, console.seen)]
        if len(answer.content) > LIMIT_BYTES:
            wrong.append((asked.address, f"{len(answer.content):,} bytes"))
    assert wrong == []


def _scans(database: sqlite3.Connection, seen: list[tuple[str, tuple[Any, ...]]]) -> set[str]:
    """Return the steps that read a large table from one end to the other.

    Not those that follow an index, or the ids where the list is in their order: these stop when the page is full.
    """
    found: set[str] = set()
    for sql, values in seen:
        for step in [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]:
            scan = re.match(rf"SCAN ({'|'.join(LARGE)})(_\d+)?\b(?!.* USING (COVERING )?INDEX)", step)
            if scan is not None and f"ORDER BY {scan[1]}.id" not in sql:
                found.add(f"{step}: {sql}")
    return found
