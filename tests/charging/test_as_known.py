"""A transaction as it was known at an instant is what stood in its row at that instant, whatever came later."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charging.stations import Station, reading
from charging.test_any_order import FIELDS
from ingufu.charging.model import ChargingState, ReportKind
from ingufu.charging.tables import readings as readings_table
from ingufu.core.errors import NotFound

numbers = count()


@st.composite
def stories(draw: Any) -> list[int]:
    """Draw an order in which start, updates and end of a session arrive; some come again."""
    updates = list(range(1, draw(st.integers(1, 5)) + 1))
    story = [0, *updates, len(updates) + 1]
    return draw(st.permutations([*story, *draw(st.lists(st.sampled_from(story), max_size=3))]))


async def tell(station: Station, reference: str, place: int, last: int) -> Any:
    """Have the station tell the report of this place in the session, with a reading."""
    taken = (reading(station.at(place), 10_000 + 700 * place, power=str(7000 + place), soc=str(20 + place)),)
    values = {"reference": reference, "seq": place, "minute": place, "evse": 1, "readings": taken}
    values["received_at"] = station.clock.now()
    if place == 0:
        return await station.start(state=ChargingState.CHARGING, **values)
    if place == last:
        return await station.end(stop_reason="EVDisconnected", **values)
    return await station.update(state=ChargingState.SUSPENDED_EV if place % 2 else ChargingState.CHARGING, **values)


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=stories())
async def test_what_was_known_is_found_again_whatever_came_later(station, order) -> None:
    one = station("2.0.1", f"station-{next(numbers)}")
    reference, known = "T1", list[tuple[Any, Any]]()
    for place in order:
        one.clock.advance(90)
        recorded = await tell(one, reference, place, max(order))
        known.append((one.clock.now(), recorded.transaction))
    for at, then in known:
        found = await one.charging.as_known(then.id, at + timedelta(seconds=30))
        assert found is not None
        assert found.is_whole
        assert {name: getattr(found.transaction, name) for name in FIELDS} == {
            name: getattr(then, name) for name in FIELDS
        }
    assert await one.charging.as_known(known[0][1].id, known[0][0] - timedelta(seconds=1)) is None


async def test_offline_session_is_known_only_since_it_was_told(station) -> None:
    one = station("2.0.1")
    began_at = one.clock.now()
    one.clock.advance(4 * 3600)
    for place in (0, 1, 2):
        await one.report(
            (ReportKind.STARTED, ReportKind.UPDATED, ReportKind.ENDED)[place],
            reference="T1", seq=place, at=began_at + timedelta(minutes=place), received_at=one.clock.now(), evse=1,
            is_offline=True,
        )  # fmt: skip
    known = await one.row("T1")
    assert await one.charging.as_known(known.id, began_at + timedelta(hours=2)) is None
    found = await one.charging.as_known(known.id, one.clock.now())
    assert found is not None
    assert (found.transaction.started_at, found.transaction.is_open) == (began_at, False)


async def test_what_is_pruned_is_said_to_be_missing(station) -> None:
    one = station("2.0.1")
    for place in range(4):
        one.clock.advance(60)
        await tell(one, "T1", place, 3)
    known = await one.row("T1")
    async with one.database.work() as work:
        work.execute_once(readings_table.delete())
    found = await one.charging.as_known(known.id, one.clock.now())
    assert found is not None
    assert not found.is_whole
    with pytest.raises(NotFound):
        await one.charging.as_known("nobody", one.clock.now())
