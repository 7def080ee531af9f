"""What every test may ask for: a fresh database on either engine, a frozen clock, predictable ids.

Coroutine tests and async fixtures run on a fresh uvloop by anyio's pytest plugin (it comes with our dependencies);
nothing has to be marked, but who takes an async fixture must be a coroutine too. A test that takes `database` runs
twice, once per engine; use `@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)` where one is enough.
"""

import gc
import inspect
import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest

import postgresql
import unclosed
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl

TEMPLATE = "ingufu_template"

ROOM = 6 * 2**30  # bytes, of which a run takes one
unclosed.watch()
gc.disable()  # until all tests are collected: what is imported stays, and to look at it takes half of the time

# A machine that is busy with other tests makes an example take as long as it likes. Where CI is set, as `.ci/run` does,
# hypothesis draws the same examples each time, and half as many.
hypothesis.settings.register_profile(
    "house",
    max_examples=50 if "CI" in os.environ else 100,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    parent=hypothesis.settings(),
)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: Any) -> None:
    property_ = getattr(obj, "hypothesis", None)  # what `@given` leaves is no coroutine, but holds the one it is for
    if collector.funcnamefilter(name) and inspect.iscoroutinefunction(property_.inner_test if property_ else obj):
        pytest.mark.anyio(obj)


# What a gate of a quarter of an hour leaves to `make test` by hand: long measurements, and the second kind of what is
# shown there by the first. Beginnings of node ids; of those with a part, only the tests whose name has it.
_BY_HAND = (
    ("tests/benchmarks/test_measuring.py", ""),
    ("tests/benchmarks/test_large_network.py", ""),
    ("tests/app/test_demo.py::test_it_is_the_same", ""),
    ("tests/simulator/test_network.py::test_a_day_passes", ""),
    ("tests/web/api/test_walk.py", "[2-"),
    ("tests/web/test_right_to_left.py", "390"),
    ("tests/web/test_styleguide.py", ""),  # what it shows is shown on the pages
    ("tests/web/test_pages.py::test_page_in_french", "session"),
    ("tests/web/test_pages.py::test_page_in_french", "station"),
    ("tests/web/test_docs_page.py", "[dark-"),
    ("tests/web/test_docs_page.py", "-360]"),
    ("tests/web/test_search_pages.py", "[dark]"),
    ("tests/web/test_search_pages.py", "[phone]"),
    ("tests/web/test_spreadsheets.py::test_hundred_thousand_rows", "[parquet]"),
    ("tests/app/test_serve.py::test_console_waits_for_a_large_fleet", ""),
    ("tests/app/test_demo_", "postgresql"),
    ("tests/web/", "postgresql"),  # what pages and the API ask of storage is shown on both where it is written
    ("tests/gateway/", "postgresql"),
    ("tests/faults/test_network.py", "postgresql"),
    ("tests/charging/", "postgresql"),
    ("tests/stations/", "postgresql"),
    ("tests/tariffs/", "postgresql"),
    ("tests/configuration/", "postgresql"),
    ("tests/scenarios/", "postgresql"),
    ("tests/conformance/", "postgresql"),
    ("tests/authorization/", "postgresql"),
    ("tests/reservations/", "postgresql"),
    ("tests/importing/", "postgresql"),
    ("tests/demo/", ""),  # each file starts a demo of its own, as tests/app/test_demo.py does
    ("tests/web/test_right_to_left.py", "[stations"),
    ("tests/web/test_right_to_left.py", "[sessions"),
    ("tests/web/test_right_to_left.py", "[invoices"),
    ("tests/web/test_right_to_left.py", "[settings"),
)


# Files that take long come first, so that no worker is left alone with one at the end; demos not all in one moment.
_FIRST = (
    "tests/demo/test_network_jobs.py",
    "tests/app/test_serve.py",
    "tests/web/api/test_walk",
    "tests/app/test_demo.py",
    "tests/web/test_pages",
    "tests/demo/test_office_jobs.py",
    "tests/simulation/",
    "tests/app/",
    "tests/web/test_",
    "tests/faults/",
    "tests/demo/test_settings_jobs.py",
    "tests/infra/storage/",
    "tests/simulator/",
    "tests/reports/",
    "tests/gateway/",
    "tests/web/api/",
)


def _turn(item: pytest.Item) -> int:
    """Return when it is the turn of this test."""
    return next((turn for turn, begin in enumerate(_FIRST) if item.nodeid.startswith(begin)), len(_FIRST))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long, and leave out, where CI is set, what is named above."""
    items.sort(key=_turn)
    if "CI" not in os.environ:
        return
    left_out = {
        item for item in items for begin, part in _BY_HAND if item.nodeid.startswith(begin) and part in item.nodeid
    }
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


_DATA = Path(__file__).parent.parent / "data"  # where a server keeps its own that is told nothing else
_has_data = pytest.StashKey[bool]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep the folders of tests in memory where CI is set and there is room: thousands of databases flush on the way."""
    memory = Path("/dev/shm")
    is_controller = not hasattr(config, "workerinput")
    if is_controller and "CI" in os.environ and config.option.basetemp is None and _has_room(memory):
        config.option.basetemp = tempfile.mkdtemp(prefix="ingufu-tests-", dir=memory)
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM


def pytest_sessionstart(session: pytest.Session) -> None:
    """Look whether there is a server's data in the tree."""
    session.config.stash[_has_data] = _DATA.exists()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if a test left a server's data in the tree: it took default settings, where it is given a folder."""
    is_worker = hasattr(session.config, "workerinput")
    if not is_worker and _DATA.exists() and not session.config.stash[_has_data]:
        left = ", ".join(sorted(one.name for one in _DATA.iterdir()))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nA test left {left} in {_DATA}: give its Settings a folder of its own.")  # noqa: T201 - to people


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the collector thousands of tests that stay: else it looks at all of them, again and again."""
    del session
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def ids(clock: FrozenClock) -> IdMaker:
    return IdMaker(clock, random.Random(1).randbytes)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """A server for all tests of this worker, without flushes."""
    with postgresql.Server(postgresql.require_binaries()) as server:
        yield server


class _Makers:
    """Make databases: the first of each engine is migrated, the others are copies of it."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.sqlite"
        self._numbers = count(1)
        self._has_template = False

    async def sqlite(self, folder: Path) -> StorageUrl:
        if not self._template.exists():
            await migrate(StorageUrl(path=self._template))
        path = folder / "ingufu.sqlite"
        shutil.copyfile(self._template, path)
        return StorageUrl(path=path)

    async def postgresql(self, server: postgresql.Server) -> tuple[StorageUrl, str]:
        name = f"test_{next(self._numbers)}"
        if not self._has_template:
            await run_sql(server, f"CREATE DATABASE {TEMPLATE}")
            await migrate(StorageUrl(dsn=server.dsn(TEMPLATE)))
            self._has_template = True
        await run_sql(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}{server.fast_copy}")
        return StorageUrl(dsn=server.dsn(name)), name


async def run_sql(server: postgresql.Server, sql: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def _makers(tmp_path_factory: pytest.TempPathFactory) -> _Makers:
    return _Makers(tmp_path_factory.mktemp("template"))


@pytest.fixture(params=["sqlite", "postgresql"])
async def storage_url(request: pytest.FixtureRequest, _makers: _Makers, tmp_path: Path) -> AsyncIterator[StorageUrl]:
    """The address of a migrated, empty database that nobody has opened yet."""
    if request.param == "sqlite":
        yield await _makers.sqlite(tmp_path)
        return
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    url, name = await _makers.postgresql(server)
    yield url
    await run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(storage_url: StorageUrl) -> AsyncIterator[Database]:
    """An open database, migrated and empty."""
    database = await open_database(storage_url)
    yield database
    await database.close()
