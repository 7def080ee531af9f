"""What is written behind, and how commits are shared."""

import asyncio

import pytest
import structlog

from ingufu.core.errors import Unavailable
from ingufu.infra.storage import group_commit
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.engine import Committed, Outcome, Unit, Write
from storage_samples import ALL, APPEND, INSERT, SERIES, SET_NUMBER, sample, samples, step


async def steps(database: Database) -> list[int]:
    return [row["step"] for row in await database.fetch_all(SERIES)]


async def test_rows_written_behind_join_a_commit_that_is_made_anyway(sampled: Database) -> None:
    sampled.write_behind(APPEND, [step("u", number) for number in range(3)])
    async with sampled.work() as work:
        work.execute(INSERT, sample("a"))
    assert sampled.writer.commits == 1
    assert await steps(sampled) == [0, 1, 2]


async def test_rows_written_behind_make_no_flush_of_their_own_under_traffic(sampled: Database) -> None:
    for number in range(20):
        async with sampled.work() as work:
            work.execute(INSERT, sample(f"{number:02}"))
        sampled.write_behind(APPEND, [step("u", number)])
    assert sampled.writer.commits == 20
    await sampled.writer.flush()
    assert sampled.writer.commits == 21
    assert await steps(sampled) == list(range(20))


async def test_rows_written_behind_do_not_wait_for_ever(sampled: Database) -> None:
    sampled.write_behind(APPEND, [step("u", 1)])
    async with asyncio.timeout(10 * group_commit.BEHIND_DELAY_S):
        while sampled.writer.commits == 0:
            await asyncio.sleep(0.01)
        await sampled.writer.flush()
    assert await steps(sampled) == [1]


async def test_rows_written_behind_wait_for_the_end_of_a_rush(sampled: Database) -> None:
    sampled.writer.rush(is_on=True)
    sampled.write_behind(APPEND, [step("u", number) for number in range(3)])
    async with sampled.work() as work:
        work.execute(INSERT, sample("a"))
    assert len(await sampled.fetch_all(ALL)) == 1
    assert await steps(sampled) == []
    sampled.writer.rush(is_on=False)
    async with asyncio.timeout(30 * group_commit.BEHIND_DELAY_S):
        while sampled.writer.commits < 2:
            await asyncio.sleep(0.01)
    await sampled.writer.flush()
    assert await steps(sampled) == [0, 1, 2]


async def test_rows_written_behind_in_a_rush_are_not_lost_at_the_end(sampled: Database) -> None:
    sampled.writer.rush(is_on=True)
    sampled.write_behind(APPEND, [step("u", 1)])
    await sampled.writer.flush()
    assert await steps(sampled) == [1]


async def test_bad_row_written_behind_takes_no_other_with_it(sampled: Database) -> None:
    rows = [step("u", number, key=f"{number}") for number in range(200)]
    rows[50]["key"] = rows[120]["key"] = "0"
    rows[70]["step"] = None
    sampled.write_behind(APPEND, rows)
    async with sampled.work() as work:
        work.execute(INSERT, sample("a"))
    await sampled.writer.flush()
    assert await steps(sampled) == [number for number in range(200) if number not in {50, 70, 120}]
    assert sampled.writer.lost_behind == 3
    assert len(await sampled.fetch_all(ALL)) == 1


async def test_too_many_rows_written_behind_are_counted_and_the_others_kept(
    sampled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_BEHIND", 100)
    with structlog.testing.capture_logs() as logs:
        for number in range(13):
            sampled.write_behind(APPEND, [step("u", number * 10 + place) for place in range(10)])
    assert sampled.writer.lost_behind == 30
    assert [entry["event"] for entry in logs] == ["storage.behind_lost"] * 3
    await sampled.writer.flush()
    assert await steps(sampled) == list(range(100))
    sampled.write_behind(APPEND, [step("u", 100)])
    await sampled.writer.flush()
    assert len(await steps(sampled)) == 101


async def test_close_writes_what_was_left_behind(sampled: Database) -> None:
    sampled.write_behind(APPEND, [step("u", number) for number in range(12_000)])
    await sampled.writer.close()
    assert await steps(sampled) == list(range(12_000))
    assert sampled.writer.commits == 12_000 / group_commit.BEHIND_ALONE
    sampled.write_behind(APPEND, [step("u", 0)])
    assert sampled.writer.lost_behind == 1
    with pytest.raises(Unavailable):
        async with sampled.work() as work:
            work.execute(INSERT, sample("a"))


async def test_unit_of_many_writes_and_many_units_are_bounded_per_commit(
    sampled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_UNITS", 10)
    works = [sampled.work() for _ in range(35)]
    for number, work in enumerate(works):
        work.append(APPEND, step("u", number))
    await asyncio.gather(*(work.commit() for work in works))
    assert sampled.writer.commits == 4
    assert sampled.writer.backlog == 0


async def append_one(database: Database, number: int) -> None:
    async with database.work() as work:
        work.append(APPEND, step("u", number))


async def test_who_writes_alone_never_waits_for_others(sampled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "PACE_S", 600.0)
    async with asyncio.timeout(60):
        for number in range(20):
            await append_one(sampled, number)
    assert sampled.writer.commits == 20


async def test_many_who_write_at_once_share_commits_that_come_at_a_pace(
    sampled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PACE_S", 0.2)
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(append_one(sampled, number) for number in range(8)))
    begins = loop.time()
    first = asyncio.create_task(append_one(sampled, 8))
    await asyncio.gather(first, *(append_one(sampled, number) for number in range(9, 16)))
    assert sampled.writer.commits <= 3  # those of the second crowd that had come before a commit began wait together
    assert loop.time() - begins >= 0.1
    assert sorted(await steps(sampled)) == list(range(16))


async def test_crowd_large_enough_is_written_at_once(sampled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "PACE_S", 600.0)
    async with asyncio.timeout(60):
        for crowd in range(3):
            numbers = range(crowd * 100, crowd * 100 + 100)
            await asyncio.gather(*(append_one(sampled, number) for number in numbers))
    assert sampled.writer.commits <= 3 + 3


class Held(list[Unit]):
    """A source of units that are held back; `outcomes` is what became of those that were taken."""

    table = str(samples.name)

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._stir = database.hold_back(self)
        self.outcomes: list[Outcome] = []

    def hold(self, key: str, *, seen: int, new: int) -> None:
        prepared = self._database.statements.constant(SET_NUMBER)
        self.append((Write(prepared, prepared.bind({"wanted": key, "seen": seen, "new": new}), 1),))
        self._stir()

    def leave(self) -> None:
        """All of it may go."""

    def take(self, most: int) -> list["HeldUnit"]:
        taken = [HeldUnit(unit, self.outcomes) for unit in self[:most]]
        del self[:most]
        return taken


class HeldUnit:
    """One that was taken."""

    def __init__(self, unit: Unit, outcomes: list[Outcome]) -> None:
        self.unit = unit
        self._outcomes = outcomes

    def settle(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)


@pytest.fixture
async def held(sampled: Database) -> Held:
    async with sampled.work() as work:
        work.execute(INSERT, sample("a", number=1))
    return Held(sampled)


async def number_of_a(database: Database) -> int:
    return int((await database.fetch_all(ALL))[0]["number"])


async def set_number(database: Database, *, seen: int, new: int) -> None:
    async with database.work() as work:
        work.execute(SET_NUMBER, {"wanted": "a", "seen": seen, "new": new}, expect=1)


async def test_what_is_held_back_is_written_before_a_unit_of_the_same_commit(sampled: Database, held: Held) -> None:
    held.hold("a", seen=1, new=2)
    commits = sampled.writer.commits
    await asyncio.gather(set_number(sampled, seen=2, new=3), sampled.settle())
    assert sampled.writer.commits == commits + 1
    assert held.outcomes == [None]
    assert await number_of_a(sampled) == 3


async def test_what_is_held_back_is_not_taken_while_a_commit_runs(
    sampled: Database, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, commit = asyncio.Event(), asyncio.Event(), sampled.engine.commit

    async def slow(units: list[Unit], series: list[object]) -> Committed:
        begun.set()
        await go_on.wait()
        return await commit(units, series)

    monkeypatch.setattr(sampled.engine, "commit", slow)
    running = asyncio.create_task(set_number(sampled, seen=1, new=2))
    await begun.wait()
    held.hold("a", seen=1, new=9)
    settling = asyncio.create_task(sampled.settle())
    await asyncio.sleep(0)
    waiting = len(held)
    held.clear()  # as its owner does when the unit that runs has written the row
    held.hold("a", seen=2, new=3)
    go_on.set()
    await asyncio.gather(running, settling)
    assert waiting == 1
    assert held.outcomes == [None]
    assert await number_of_a(sampled) == 3


async def test_all_that_is_held_back_is_written_when_somebody_settles(
    sampled: Database, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MAX_UNITS", 3)
    for number in range(1, 11):
        held.hold("a", seen=number, new=number + 1)
    await sampled.settle()
    assert held.outcomes == [None] * 10
    assert await number_of_a(sampled) == 11


async def test_what_is_held_back_is_written_at_the_end(sampled: Database, held: Held) -> None:
    held.hold("a", seen=1, new=2)
    await sampled.writer.close()
    assert held.outcomes == [None]
