"""A longer list costs no more: pages ask storage few questions, however long they are.

How pages fare on a large network is shown in tests/benchmarks/test_large_network.py.
"""

from collections.abc import Callable
from typing import Any

import pytest

from web.console.conftest import House, Person
from web.console.network import Network


@pytest.fixture
def count_queries(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Returns how many queries there were since it was asked the last time."""
    engine: Any = house.database.engine
    asked: list[str] = []
    fetch = engine.fetch

    async def counting(prepared: Any, *rest: Any) -> Any:
        asked.append(prepared.sql)
        return await fetch(prepared, *rest)

    monkeypatch.setattr(engine, "fetch", counting)

    def count() -> int:
        number = len(asked)
        asked.clear()
        return number

    return count


@pytest.mark.parametrize("path", ["/console/stations", "/console/sessions", "/console/attempts", "/console"])
async def test_longer_list_asks_no_more_of_storage(
    house: House, operator: Person, net: Network, count_queries: Callable[[], int], path: str
) -> None:
    await operator.page(path)
    count_queries()
    house.clock.advance(3600)
    await operator.page(path)
    few = count_queries()
    for number in range(30):
        await house.station(f"ZZZ-{number:03d}", is_online=True)
    house.clock.advance(3600)
    count_queries()
    await operator.page(path)
    assert count_queries() <= few
    assert few < 30
