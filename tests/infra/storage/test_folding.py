"""When SQLite's log is folded back into its file, by what each attempt took."""

import asyncio
import time

import pytest

from ingufu.infra.storage import folding
from ingufu.infra.storage.folding import Folded, Folding


@pytest.fixture
def each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "COMMITS", 1)


async def folded_again_after(one: Folding) -> float:
    """Return how long after the end of a folding the next one began, at commits without end."""
    one.note_commit(1)
    assert one.task is not None
    await one.task
    ended = time.monotonic()
    while one.task is None:
        await asyncio.sleep(0.005)
        one.note_commit(1)
    return time.monotonic() - ended


@pytest.mark.usefixtures("each_commit")
async def test_rests_four_times_as_long_as_it_took() -> None:
    async def by_writer() -> None:
        raise AssertionError("the log is short")

    def slowly() -> Folded:
        time.sleep(0.1)
        return Folded(1, 0)

    one = Folding(slowly, by_writer)
    assert await folded_again_after(one) >= 0.39
    await one.close()


@pytest.mark.usefixtures("each_commit")
async def test_does_not_rest_because_the_writer_waited_for_its_turn() -> None:
    async def by_writer() -> None:
        await asyncio.sleep(0.5)

    one = Folding(lambda: Folded(folding.LONG_PAGES, 0), by_writer)
    assert await folded_again_after(one) < 1.5  # four times the wait would be two seconds
    await one.close()


@pytest.mark.usefixtures("each_commit")
async def test_begins_no_more_when_it_is_closed() -> None:
    async def by_writer() -> None:
        await asyncio.sleep(0)

    one = Folding(lambda: Folded(1, 0), by_writer)
    one.note_commit(1)
    await one.close()
    one.note_commit(1)
    assert one.task is None
