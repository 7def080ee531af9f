"""Units of work, on both databases."""

import asyncio

import pytest
from sqlalchemy import func, select

from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, InvalidInput, Unavailable
from ingufu.core.events import Event
from ingufu.infra.storage import outbox
from ingufu.infra.storage.columns import EPOCH
from ingufu.infra.storage.database import Database, Work
from storage_samples import (
    ALL,
    APPEND,
    IGNORE,
    INSERT,
    SELECT,
    SERIES,
    SET_NUMBER,
    UPSERT,
    sample,
    samples,
    series,
    step,
)


class LampLit(Event, frozen=True, kw_only=True):
    colour: str


async def insert(database: Database, name: str, **values: object) -> None:
    async with database.work() as work:
        work.execute(INSERT, sample(name, **values))


async def names(database: Database) -> list[str]:
    return [row["id"] for row in await database.fetch_all(ALL)]


async def test_committed_unit_can_be_read(sampled: Database) -> None:
    await insert(sampled, "a", number=5)
    found = await sampled.fetch_one(SELECT, {"wanted": "a"})
    assert found is not None
    assert (found["id"], found["number"], found["text"]) == ("a", 5, None)


async def test_absent_row_is_none(sampled: Database) -> None:
    assert await sampled.fetch_one(SELECT, {"wanted": "a"}) is None


async def test_unit_is_written_whole_or_not_at_all(sampled: Database) -> None:
    await insert(sampled, "taken")
    work = sampled.work()
    work.execute(INSERT, sample("before"))
    work.append(APPEND, step("u", 1))
    work.execute(INSERT, sample("taken"))
    with pytest.raises(Conflict):
        await work.commit()
    assert await names(sampled) == ["taken"]
    assert await sampled.fetch_all(SERIES) == []


async def test_block_that_raises_writes_nothing(sampled: Database) -> None:
    async def fail() -> None:
        async with sampled.work() as work:
            work.execute(INSERT, sample("a"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await names(sampled) == []


@pytest.mark.parametrize("count", [2, 3, 100, 257])
async def test_bad_units_fail_alone_among_many(sampled: Database, count: int) -> None:
    await insert(sampled, "taken", number=1)

    def spoil(work: Work, number: int) -> None:
        if number % 7 == 1:
            work.execute(INSERT, sample("taken"))
        elif number % 7 == 3:
            work.execute(SET_NUMBER, {"wanted": "taken", "seen": 99, "new": 2}, expect=1)
        elif number % 7 == 5:
            work.execute(INSERT, sample(f"child-{number}", parent="nobody"))

    works = []
    for number in range(count):
        work = sampled.work()
        work.execute(INSERT, sample(f"{number:03}"))
        work.append(APPEND, step("bulk", number))
        spoil(work, number)
        works.append(work)
    before = sampled.writer.commits
    results = await asyncio.gather(*(work.commit() for work in works), return_exceptions=True)
    assert sampled.writer.commits - before <= 2
    bad = {number for number in range(count) if number % 7 in {1, 3, 5}}
    assert {number for number, result in enumerate(results) if isinstance(result, Conflict)} == bad
    good = [number for number in range(count) if number not in bad]
    assert [results[number] for number in good] == [None] * len(good)
    assert await names(sampled) == [f"{number:03}" for number in good] + ["taken"]
    assert [row["step"] for row in await sampled.fetch_all(SERIES)] == good


async def test_missing_value_is_invalid_input_not_conflict(sampled: Database) -> None:
    with pytest.raises(InvalidInput):
        async with sampled.work() as work:
            work.append(APPEND, step("u", 1) | {"step": None})


async def test_bulk_rows_with_one_key_fail_in_one_unit_only(sampled: Database) -> None:
    works = [sampled.work() for _ in range(9)]
    for number, work in enumerate(works):
        work.append(APPEND, step("u", number, key="same" if number in {2, 6} else None))
    results = await asyncio.gather(*(work.commit() for work in works), return_exceptions=True)
    assert [number for number, result in enumerate(results) if result is not None] == [6]
    assert [row["step"] for row in await sampled.fetch_all(SERIES)] == [0, 1, 2, 3, 4, 5, 7, 8]


async def test_unit_undone_leaves_its_key_to_the_next(sampled: Database) -> None:
    first, second = sampled.work(), sampled.work()
    first.execute(INSERT, sample("key"))
    first.execute(SET_NUMBER, {"wanted": "key", "seen": 7, "new": 8}, expect=1)
    second.execute(INSERT, sample("key", text="second"))
    results = await asyncio.gather(first.commit(), second.commit(), return_exceptions=True)
    assert isinstance(results[0], Conflict)
    assert results[1] is None
    assert [row["text"] for row in await sampled.fetch_all(ALL)] == ["second"]


async def test_writes_of_a_unit_keep_their_order(sampled: Database) -> None:
    async with sampled.work() as work:
        work.execute(INSERT, sample("a", number=0))
        for number in range(20):
            work.execute(SET_NUMBER, {"wanted": "a", "seen": number, "new": number + 1}, expect=1)
    assert [row["number"] for row in await sampled.fetch_all(ALL)] == [20]


async def test_of_two_who_saw_the_same_one_wins(sampled: Database) -> None:
    await insert(sampled, "a", number=0)
    works = [sampled.work() for _ in range(10)]
    for number, work in enumerate(works, start=1):
        work.execute(SET_NUMBER, {"wanted": "a", "seen": 0, "new": number}, expect=1)
    results = await asyncio.gather(*(work.commit() for work in works), return_exceptions=True)
    assert [type(result) for result in results] == [type(None)] + [Conflict] * 9


async def test_bulk_rows_keep_their_order(sampled: Database) -> None:
    async with sampled.work() as work:
        for number in range(1000):
            work.append(APPEND, step("u", number))
    assert [row["step"] for row in await sampled.fetch_all(SERIES)] == list(range(1000))


async def test_units_under_load_share_commits(sampled: Database) -> None:
    async def write(name: str) -> None:
        for number in range(20):
            async with sampled.work() as work:
                work.append(APPEND, step(name, number))

    await asyncio.gather(*(write(f"writer {number}") for number in range(64)))
    assert sampled.writer.units == 64 * 20
    assert sampled.writer.commits <= 64 * 20 / 8
    rows = await sampled.fetch_all(SERIES)
    for number in range(64):
        assert [row["step"] for row in rows if row["unit"] == f"writer {number}"] == list(range(20))


async def test_insert_or_ignore_keeps_the_first(sampled: Database) -> None:
    for text in ("first", "second"):
        async with sampled.work() as work:
            work.execute(IGNORE, sample("a", text=text))
    assert [row["text"] for row in await sampled.fetch_all(ALL)] == ["first"]


async def test_upsert_replaces_what_is_not_the_key(sampled: Database) -> None:
    for text in ("first", "second"):
        async with sampled.work() as work:
            work.execute(UPSERT, sample("a", text=text, number=1 if text == "first" else None))
    rows = await sampled.fetch_all(ALL)
    assert [(row["text"], row["number"]) for row in rows] == [("second", None)]


async def test_ignored_insert_can_be_told_by_expect(sampled: Database) -> None:
    await insert(sampled, "a")
    with pytest.raises(Conflict):
        async with sampled.work() as work:
            work.execute(IGNORE, sample("a"), expect=1)


async def test_statement_for_one_occasion(sampled: Database) -> None:
    for number in range(5):
        await insert(sampled, f"{number}", number=number)
    async with sampled.work() as work:
        work.execute_once(samples.delete().where(samples.c.number.in_([1, 3])), expect=2)
        work.execute_once(samples.update().where(samples.c.id == "4").values(text="four", number=None))
    chosen = select(samples.c.id, samples.c.text).where(samples.c.id.in_(["0", "1", "4"]))
    rows = await sampled.select(chosen.order_by(samples.c.id.desc()).limit(1).offset(0))
    assert rows == [{"id": "4", "text": "four"}]
    assert await sampled.select(select(func.count().label("rows")).select_from(samples)) == [{"rows": 3}]
    assert await sampled.select(select(samples.c.id).where(samples.c.id.in_([]))) == []


async def test_events_are_stored_and_published_after_the_commit_only(sampled: Database, clock: FrozenClock) -> None:
    published: list[str] = []
    sampled.publish = lambda events: published.extend(event.colour for event in events if isinstance(event, LampLit))
    await insert(sampled, "taken")
    works = [sampled.work() for _ in range(3)]
    for work, colour in zip(works, ("red", "green", "blue"), strict=True):
        work.emit(LampLit(occurred_at=clock.now(), station_id="s", colour=colour))
        work.announce(LampLit(occurred_at=clock.now(), colour=colour + " too"))
        work.execute(INSERT, sample("taken" if colour == "green" else colour))
    waiting = asyncio.gather(*(work.commit() for work in works), return_exceptions=True)
    assert published == []
    await waiting
    assert published == ["red", "red too", "blue", "blue too"]
    rows = await sampled.select(select(outbox.events).order_by(outbox.events.c.id))
    assert [(row["kind"], row["station_id"], row["details"]) for row in rows] == [
        ("LampLit", "s", {"colour": "red"}),
        ("LampLit", "s", {"colour": "blue"}),
    ]


async def test_what_follows_a_commit_runs_in_order_and_none_stops_the_others(sampled: Database) -> None:
    done: list[str] = []

    def fail() -> None:
        raise LookupError

    def publish(events: object) -> None:
        raise LookupError

    sampled.publish = publish
    work = sampled.work()
    work.execute(INSERT, sample("a"))
    work.announce(LampLit(occurred_at=EPOCH, colour="red"))
    work.after_commit(lambda: done.append("first"))
    work.after_commit(fail)
    work.after_commit(lambda: done.append("second"))
    await work.commit()
    assert done == ["first", "second"]


async def test_unit_without_writes_still_tells(sampled: Database) -> None:
    done: list[str] = []
    async with sampled.work() as work:
        work.after_commit(lambda: done.append("told"))
    assert done == ["told"]
    assert sampled.writer.commits == 0


async def test_whoever_hangs_up_does_not_undo_his_unit(sampled: Database) -> None:
    followed = asyncio.Event()
    work = sampled.work()
    work.execute(INSERT, sample("a"))
    work.after_commit(followed.set)
    waiter = asyncio.ensure_future(work.commit())
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    await asyncio.wait_for(followed.wait(), 10)
    assert await names(sampled) == ["a"]


async def test_undone_unit_of_one_who_hung_up_makes_no_noise(sampled: Database) -> None:
    await insert(sampled, "a")
    work = sampled.work()
    work.execute(INSERT, sample("a"))
    waiter = asyncio.ensure_future(work.commit())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    await sampled.writer.flush()
    assert await names(sampled) == ["a"]


async def test_second_commit_writes_nothing_more(sampled: Database) -> None:
    async with sampled.work() as work:
        work.execute(INSERT, sample("a"))
        await work.commit()
    assert await names(sampled) == ["a"]
    with pytest.raises(RuntimeError):
        work.execute(INSERT, sample("b"))


async def test_reads_go_on_while_others_write(sampled: Database) -> None:
    async def write() -> None:
        for number in range(30):
            async with sampled.work() as work:
                for name in ("x", "y"):
                    work.append(APPEND, step(name, number))

    seen = 0
    writers = asyncio.gather(*(write() for _ in range(8)))
    pairs = select(series.c.unit, func.count().label("rows")).group_by(series.c.unit).order_by(series.c.unit)
    while not writers.done():
        counts = [row["rows"] for row in await sampled.fetch_all(pairs)]
        assert counts in ([], [counts[0] if counts else 0] * 2)  # never half of a unit
        assert seen <= sum(counts)
        seen = sum(counts)
    await writers
    assert await sampled.select(select(func.count().label("rows")).select_from(series)) == [{"rows": 480}]


async def test_closed_database_refuses(sampled: Database) -> None:
    works = [sampled.work() for _ in range(5)]
    for number, work in enumerate(works):
        work.execute(INSERT, sample(f"{number}"))
    waiting = [asyncio.ensure_future(work.commit()) for work in works]
    await asyncio.sleep(0)
    await sampled.close()
    assert await asyncio.gather(*waiting) == [None] * 5  # what was taken before is written
    with pytest.raises(Unavailable):
        await insert(sampled, "late")
    with pytest.raises(Unavailable):
        await names(sampled)
    await sampled.close()
