"""The virtual loop: time jumps, order comes from the seed, and whoever is killed does nothing any more."""

import asyncio
import random
from typing import Any

import pytest

from simulation.loop import ComesToNoRestError, Owner, VirtualLoop


def make_loop(seed: int = 1, *, disorder: float = 0.0, most_steps: int = 10_000) -> Any:
    return VirtualLoop(random.Random(seed), disorder=disorder, most_steps=most_steps)


def test_hours_pass_at_once():
    loop = make_loop()

    async def main():
        await asyncio.sleep(7200)
        async with asyncio.timeout(60):
            await asyncio.sleep(1)
        return loop.time()

    assert loop.run(main()) == 7201


def test_time_out_ends_a_wait():
    async def main():
        async with asyncio.timeout(5):
            await asyncio.sleep(100)

    with pytest.raises(TimeoutError):
        make_loop().run(main())


def order_of(seed: int, disorder: float) -> list[int]:
    loop = make_loop(seed, disorder=disorder)
    ran: list[int] = []

    async def note(number: int) -> None:
        await asyncio.sleep(1)
        ran.append(number)
        await loop.run_in_executor(None, ran.append, number + 100)

    async def main() -> None:
        await asyncio.gather(*(note(number) for number in range(8)))

    loop.run(main())
    return ran


def test_order_is_that_of_asyncio_without_disorder():
    assert order_of(1, 0.0)[:8] == list(range(8))


def test_order_is_drawn_from_the_seed():
    assert order_of(1, 0.5) == order_of(1, 0.5)
    assert len({tuple(order_of(seed, 0.5)) for seed in range(10)}) > 5


def test_killed_owner_does_nothing_any_more():
    loop, owner, done = make_loop(), Owner("victim"), list[str]()

    async def victim() -> None:
        loop.call_later(10, done.append, "timer")
        lock = asyncio.Lock()
        async with lock:
            await asyncio.sleep(20)
            done.append("task")

    async def main() -> None:
        task = loop.spawn(owner, victim())
        await asyncio.sleep(5)
        loop.kill(owner)
        await asyncio.sleep(100)
        assert not task.done()

    loop.run(main())
    assert (done, owner.unfinished, loop.failures) == ([], [], [])


def test_task_keeps_its_owner_whoever_wakes_it():
    loop, other = make_loop(), Owner("other")
    owners = []

    async def main() -> None:
        future = loop.create_future()
        loop.at_for(other, 1, future.set_result, None)
        await future
        owners.append(loop.owner)
        loop.kill(other)
        await asyncio.sleep(1)

    loop.run(main())
    assert owners == [loop.world]


def test_failing_callback_is_kept():
    loop = make_loop()

    async def main() -> None:
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    loop.run(main())
    assert len(loop.failures) == 1
    assert "ZeroDivisionError" in loop.failures[0]


def test_waiting_for_nothing_is_told():
    loop = make_loop()

    async def main() -> None:
        await loop.create_future()

    with pytest.raises(ComesToNoRestError, match="Nothing is left"):
        loop.run(main())


def test_endless_activity_is_told():
    async def main() -> None:
        while True:
            await asyncio.sleep(1)

    with pytest.raises(ComesToNoRestError, match="Too many steps"):
        make_loop(most_steps=1000).run(main())
