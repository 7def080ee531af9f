"""What a station repeats for ever is counted and not kept for ever; numbers of its own may be of any size."""

import pytest
from sqlalchemy import select

from charging.stations import reading
from ingufu.charging.model import AnomalyKind
from ingufu.charging.service.ledger import KEPT_OF_A_KIND
from ingufu.charging.tables import anomalies
from ingufu.infra.storage.outbox import events

COUNTS = select(anomalies.c.kind, anomalies.c.count, anomalies.c.at).order_by(anomalies.c.id)
SEEN = select(events.c.id).where(events.c.kind == "AnomalySeen")
TIMES = KEPT_OF_A_KIND + 5


async def test_end_told_differently_for_ever_is_counted_and_kept_some_times(station, database, clock, charging):
    s = station()
    number = str((await s.start(token="A", register_wh=0, minute=0)).transaction.number)
    await s.end(reference=number, register_wh=5000, minute=10)
    before = (await s.row(number)).anomaly_count
    for minute in range(TIMES):
        clock.advance(60)
        charging.forget(s.id)  # as after a restart: the count is in the database
        await s.end(reference=number, register_wh=5000, minute=20 + minute, received_at=s.at(20 + minute))
    rows = [row for row in await database.select(COUNTS) if row["kind"] == AnomalyKind.SECOND_END]
    assert [row["count"] for row in rows] == [1] * (KEPT_OF_A_KIND - 1) + [1 + TIMES - KEPT_OF_A_KIND]
    assert rows[-1]["at"] == s.at(20 + TIMES - 1)
    assert (await s.row(number)).anomaly_count == before + TIMES
    assert len(await database.select(SEEN)) < before + TIMES
    assert len([event for event in await s.events() if event["kind"] == "ended"]) == TIMES + 1, "all are kept"


async def test_odd_value_each_minute_is_noted_once(station):
    s = station()
    number = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    for minute in range(1, 30):
        await s.read(reading(s.at(minute), "nonsense"), reference=number)
    assert (await s.anomalies()).count(AnomalyKind.UNREADABLE_VALUE) == 1


@pytest.mark.parametrize("seq", [2**31, 2**40, 2**63 - 1, 2**63, -(2**63) - 5])
async def test_numbers_of_the_station_are_of_any_size(station, seq):
    s = station("2.0.1")
    await s.start(reference="T", seq=0, minute=0)
    await s.update(reference="T", seq=seq, minute=1, remote_start_id=seq, reservation_id=seq)
    again = await s.update(reference="T", seq=seq, minute=1, remote_start_id=seq, reservation_id=seq)
    assert again.is_repeat
    row = await s.row("T")
    fits = -(2**63) < seq < 2**63
    assert row.remote_start_id == (seq if fits else None)
    assert row.last_seq == (seq if fits else 0)


async def test_connector_beyond_all_bounds_costs_no_transaction(station):
    s = station()
    started = await s.start(token="A", register_wh=0, minute=0, evse=2**40, connector=2**70)
    assert (started.transaction.evse, started.transaction.connector) == (None, None)
    await s.read(reading(s.at(1), 100), evse=2**40, reference=started.transaction.number)
    assert (await s.row(started.transaction.number)).energy_wh == 100
