"""Old rows go, young ones stay, and writers do not wait."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select, update

from ingufu.accounts import tables as accounts
from ingufu.app.retention import retention_rules
from ingufu.app.settings import RetentionSettings
from ingufu.charging.tables import readings
from ingufu.core.clock import FrozenClock
from ingufu.infra.storage import retention
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.outbox import events
from ingufu.infra.storage.retention import Rule, prune
from ingufu.infra.storage.sqlite import SqliteEngine
from ingufu.infra.storage.statements import insert
from ingufu.infra.storage.targets import StorageUrl
from ingufu.stations.tables import attempts, frame_chunks, stations

FRAME, READING, ATTEMPT = insert(frame_chunks), insert(readings), insert(attempts)


def frame(at: datetime, text: str = "[]") -> dict[str, Any]:
    times = {"first_at": at, "last_at": at}
    return {"station_id": "s", "connection_id": "c", "count": 1, "frames": text.encode(), **times}


def frames_rule(days: int) -> Rule:
    return next(rule for rule in retention_rules(RetentionSettings(frames_days=days)) if rule.name == "frames")


async def frame_ages(database: Database, now: datetime) -> list[int]:
    return await ages(database, frame_chunks, now, "last_at")


def reading(at: datetime, transaction_id: str | None) -> dict[str, Any]:
    times = {"at": at, "received_at": at}
    return {"station_id": "s", "transaction_id": transaction_id, "context": "", "samples": "[]", **times}


def attempt(at: datetime, name: str) -> dict[str, Any]:
    words = dict.fromkeys(("listener", "address", "path", "outcome", "detail"), "")
    return {"id": name, "at": at, "last_at": at, "offered": [], "count": 1, **words}


async def store(database: Database, statement: Any, rows: list[dict[str, Any]]) -> None:
    async with database.work() as work:
        for row in rows:
            work.append(statement, row)


async def ages(database: Database, table: Table, now: datetime, at: str = "at") -> list[int]:
    rows = await database.select(select(table.c[at].label("at")).order_by(table.c[at]))
    return [(now - row["at"]).days for row in rows]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 777])
async def test_old_rows_go_and_young_ones_stay(database: Database, clock: FrozenClock, count: int) -> None:
    now = clock.now()
    old = [frame(now - timedelta(days=31, seconds=number)) for number in range(count)]
    young = [frame(now - timedelta(days=days)) for days in (29, 1)]
    await store(database, FRAME, old + young)
    assert await prune(database, [frames_rule(30)], now) == {"frames": count}
    assert await frame_ages(database, now) == [29, 1]


async def test_row_exactly_as_old_as_allowed_stays(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    await store(database, FRAME, [frame(now - timedelta(days=30)), frame(now)])
    assert await prune(database, [frames_rule(30)], now) == {"frames": 0}


async def test_nothing_is_pruned_where_rows_are_kept_for_ever(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    await store(database, FRAME, [frame(now - timedelta(days=36_000)), frame(now)])
    assert await prune(database, [frames_rule(0)], now) == {}
    assert len(await frame_ages(database, now)) == 2


async def test_many_rows_of_one_instant_go_together(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    await store(database, FRAME, [frame(now - timedelta(days=31))] * 330 + [frame(now)])
    await prune(database, [frames_rule(30)], now)
    assert await frame_ages(database, now) == [0]


async def test_newest_row_stays_so_that_its_number_is_not_given_again(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    await store(database, FRAME, [frame(now - timedelta(days=40 - day)) for day in range(5)])
    newest = (await database.select(select(frame_chunks.c.id).order_by(frame_chunks.c.id.desc()).limit(1)))[0]["id"]
    await prune(database, [frames_rule(30)], now)
    assert await database.select(select(frame_chunks.c.id)) == [{"id": newest}]
    await store(database, FRAME, [frame(now)])
    assert [row["id"] for row in await database.select(select(frame_chunks.c.id).order_by(frame_chunks.c.id))][0:2] == [
        newest,
        newest + 1,
    ]


async def test_rows_whose_clock_went_wrong_keep_no_others(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    wrong = [frame(now + timedelta(days=900))] * 5  # before its clock was set right
    old = [frame(now - timedelta(days=60 - number)) for number in range(25)]
    await store(database, FRAME, [*wrong, *old, frame(now)])
    assert await prune(database, [frames_rule(30)], now) == {"frames": 25}
    assert await frame_ages(database, now) == [0, *[-900] * 5]


async def test_every_kind_is_kept_for_its_days(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    days = [1, 3, 20, 35, 95, 400]
    at = [now - timedelta(days=day) for day in days]
    await store(database, FRAME, [frame(one) for one in [*at, now]])
    await store(database, READING, [reading(one, name) for name in (None, "t") for one in at] + [reading(now, None)])
    await store(database, ATTEMPT, [attempt(one, f"a{number}") for number, one in enumerate(at)])
    event = {"kind": "StatusChanged", "details": {}}
    await store(database, insert(events), [{**event, "occurred_at": one} for one in [*at, now]])
    failure = {"email_key": "e", "address": "a"}
    await store(database, insert(accounts.login_failures), [{**failure, "at": one} for one in [*at, now]])
    request = {"principal_id": "p", "request_hash": "", "status": 200, "headers": {}, "body": ""}
    rows = [{**request, "key": f"{number}", "created_at": one} for number, one in enumerate(at)]
    await store(database, insert(accounts.idempotency), rows)

    await prune(database, retention_rules(RetentionSettings()), now)
    assert await frame_ages(database, now) == [20, 3, 1, 0]
    assert await ages(database, attempts, now) == [35, 20, 3, 1]
    assert await ages(database, events, now, "occurred_at") == [95, 35, 20, 3, 1, 0]
    assert await ages(database, accounts.login_failures, now) == [20, 3, 1, 0]
    assert await ages(database, accounts.idempotency, now, "created_at") == [1]
    idle = select(readings.c.at).where(readings.c.transaction_id.is_(None)).order_by(readings.c.at)
    assert [(now - row["at"]).days for row in await database.select(idle)] == [35, 20, 3, 1, 0]
    kept = select(readings.c.at).where(readings.c.transaction_id == "t")
    assert len(await database.select(kept)) == len(days)

    await prune(database, retention_rules(RetentionSettings(readings_days=30)), now)
    assert len(await database.select(kept)) == 3


async def test_attempt_that_is_the_connection_now_stays(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    await store(database, ATTEMPT, [attempt(now - timedelta(days=200), name) for name in ("gone", "here")])
    station = dict.fromkeys(("id", "identity", "identity_key", "name", "note", "approval", "boot_answer"), "s")
    flags = ("is_strict", "is_silent", "allows_compression", "is_online", "is_operative")
    columns = {**station, **dict.fromkeys(flags, False), "security_profile": 1, "created_at": now}
    await store(database, insert(stations), [{**columns, "connection_id": "here"}])
    await prune(database, retention_rules(RetentionSettings()), now)
    assert await database.select(select(attempts.c.id)) == [{"id": "here"}]
    async with database.work() as work:
        work.execute_once(update(stations).values(connection_id=None))
    await prune(database, retention_rules(RetentionSettings()), now)
    assert await database.select(select(attempts.c.id)) == []


async def test_writers_go_on_while_much_is_pruned(database: Database, clock: FrozenClock) -> None:
    now = clock.now()
    old = [frame(now - timedelta(days=31, seconds=number), "x" * 300) for number in range(20_000)]
    await store(database, FRAME, [*old, frame(now)])
    pruning = asyncio.create_task(prune(database, retention_rules(RetentionSettings()), now))
    loop = asyncio.get_running_loop()
    waits_s = []
    while not pruning.done():
        began_s = loop.time()
        await store(database, FRAME, [frame(now)])
        waits_s.append(loop.time() - began_s)
    assert (await pruning)["frames"] == 20_000
    assert sorted(waits_s)[len(waits_s) // 2] < 0.1
    assert len(waits_s) >= 20_000 / retention.BATCH_ROWS


class Steps:
    """Counts what SQLite does: in hundreds of its instructions."""

    def __init__(self, database: Database) -> None:
        assert isinstance(database.engine, SqliteEngine)
        self.count = 0
        for connection in (database.engine._reader(), database.engine._writer):
            assert connection is not None
            connection.set_progress_handler(self._note, 100)

    def _note(self) -> int:
        self.count += 1
        return 0


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("old", [0, 30, 250])
@pytest.mark.parametrize("rule", ["frames", "login_failures"])
async def test_what_is_young_is_not_gone_through(
    database: Database, clock: FrozenClock, storage_url: StorageUrl, rule: str, old: int
) -> None:
    """All stations waited meanwhile, each hour: a second for 300,000 rows of the record."""
    now = clock.now()
    failure = {"email_key": "e", "address": "a"}
    seconds = [*range(old), *range(100_000, 120_000)]  # after what was a month ago: the latter are younger than 30 days
    at = [now - timedelta(days=31) + timedelta(seconds=one) for one in seconds]
    made = [frame(one) if rule == "frames" else {**failure, "at": one} for one in at]
    await store(database, FRAME if rule == "frames" else insert(accounts.login_failures), made)
    inline = await open_database(storage_url, inline_reads=True)
    steps = Steps(inline)
    rules = [one for one in retention_rules(RetentionSettings(frames_days=30)) if one.name == rule]
    assert await prune(inline, rules, now) == {rule: old}
    assert steps.count < 20 + old  # thousands, if all were looked at
    await inline.close()


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_freed_space_is_given_back(database: Database, clock: FrozenClock, storage_url: StorageUrl) -> None:
    assert storage_url.path is not None
    now = clock.now()
    await store(database, FRAME, [frame(now - timedelta(days=31, seconds=n), "x" * 2000) for n in range(12_000)])
    await prune(database, [frames_rule(30)], now)
    assert await database.engine.shrink() == 0
    await database.close()  # folds the log back
    assert storage_url.path.stat().st_size < 8_000_000  # of 27 MB
