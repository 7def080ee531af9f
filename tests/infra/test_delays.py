"""Waits of one length for many keys."""

import asyncio

from ingufu.infra.delays import Delays

PATIENCE_S = 15.0


async def told(heard: list[str], count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(heard) < count:
            await asyncio.sleep(0.005)


async def test_each_key_is_called_once_and_in_order_of_asking() -> None:
    heard: list[str] = []
    delays = Delays(0.03, heard.append)
    for key in ("a", "b", "c"):
        delays.put(key)
    assert len(delays) == 3
    assert heard == []
    await told(heard, 3)
    assert heard == ["a", "b", "c"]
    assert len(delays) == 0


async def test_key_asked_for_again_waits_from_then_on() -> None:
    heard: list[str] = []
    delays = Delays(0.05, heard.append)
    delays.put("a")
    delays.put("b")
    delays.put("a")
    await told(heard, 2)
    assert heard == ["b", "a"]


async def test_dropped_key_is_not_called() -> None:
    heard: list[str] = []
    delays = Delays(0.03, heard.append)
    delays.put("a")
    delays.put("b")
    delays.drop("a")
    assert "a" not in delays
    await told(heard, 1)
    assert heard == ["b"]


async def test_key_may_be_dropped_and_asked_for_by_one_that_is_called() -> None:
    heard: list[str] = []

    def called(key: str) -> None:
        heard.append(key)
        delays.drop("b")
        if len(heard) < 2:
            delays.put("c")

    delays = Delays(0.02, called)
    delays.put("a")
    delays.put("b")
    await told(heard, 2)
    assert heard == ["a", "c"]


async def test_nothing_is_called_after_the_end() -> None:
    heard: list[str] = []
    delays, other = Delays(0.02, heard.append), Delays(0.06, heard.append)
    delays.put("a")
    delays.close()
    other.put("later")
    await told(heard, 1)
    assert heard == ["later"]
