"""Events, frames and attempts: each found by what people know of it."""

from datetime import timedelta
from typing import Any

import pytest

from ingufu.core.errors import InvalidInput
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.stations.events import StationChanged, StatusChanged
from ingufu.stations.model import AttemptOutcome
from ingufu.stations.tables import attempts as attempts_table
from ingufu.views import attempts, frames, timeline
from ingufu.views.attempts import AttemptQuery
from ingufu.views.frames import FrameQuery
from ingufu.views.timeline import EventQuery
from views.conftest import Rows

ATTEMPT = insert(attempts_table)


async def ids(database: Database, site_ids: Any = None, **query: Any) -> list[str | None]:
    return [one.message_id for one in (await frames.list_frames(database, FrameQuery(**query), site_ids)).items]


async def test_frames_are_found_by_station_time_transaction_and_connection(database: Database, rows: Rows) -> None:
    here, there = await rows.station("CP1", site_id="s"), await rows.station("CP2")
    known = await rows.transaction(here, rows.ago(hours=2), reference="tx-7")
    started = '[2,"m2","TransactionEvent",{"transactionInfo":{"transactionId":"tx-7"},"evse":{"id":1}}]'
    await rows.frame(here, rows.ago(hours=3), '[2,"m1","Old",{}]')
    await rows.frame(there, rows.ago(hours=2), started.replace("m2", "theirs"))
    await rows.frame(here, rows.ago(hours=2), started)
    await rows.frame(here, rows.ago(hours=1), '[3,"new",{}]', connection="c2", inbound=False)
    async with database.work() as work:
        work.execute(ATTEMPT, attempt(rows, id="c2", station_id=here, at=rows.ago(hours=2)))
    assert await ids(database) == ["new", "m2", "theirs", "m1"]
    assert await ids(database, station="cp1") == ["new", "m2", "m1"]
    assert await ids(database, station="cp1", since=rows.ago(hours=2), until=rows.ago(hours=1)) == ["m2"]
    assert await ids(database, since=rows.ago(hours=2)) == ["new", "m2", "theirs"]
    assert await ids(database, until=rows.ago(hours=2)) == ["m1"]
    assert await ids(database, since=rows.ago(hours=-1)) == []
    assert await ids(database, transaction_id=known) == ["m2"]
    assert await ids(database, connection_id="c2") == ["new"]
    assert await ids(database, connection_id="c3") == []
    assert await ids(database, station="cp1", message_id="m1") == ["m1"]
    assert await ids(database, station="cp1", action="TransactionEvent", evse=1) == ["m2"]
    assert await ids(database, station="cp1", is_inbound=False) == ["new"]
    assert await ids(database, station="cp1", q='tx-7"},"EVSE') == ["m2"]
    assert await ids(database, frozenset({"s"})) == ["new", "m2", "m1"]
    assert await ids(database, frozenset({"s"}), connection_id="c2") == ["new"]
    assert await ids(database, frozenset({"elsewhere"}), station="cp1") == []
    with pytest.raises(InvalidInput):
        await ids(database, q="anything")


async def test_frames_that_were_written_out_of_order_are_found_by_their_time(database: Database, rows: Rows) -> None:
    station = await rows.station("CP1")
    await rows.frame(station, rows.ago(seconds=60), '[2,"later","Heartbeat",{}]')
    await rows.frame(station, rows.ago(seconds=90), '[2,"earlier","Heartbeat",{}]')
    assert await ids(database, station="CP1", until=rows.ago(seconds=60)) == ["earlier"]
    assert await ids(database, station="CP1", since=rows.ago(seconds=60)) == ["later"]


async def test_events_are_found_by_station_kind_transaction_and_time(database: Database, rows: Rows) -> None:
    here, there = await rows.station("CP1", site_id="s"), await rows.station("CP2")
    async with database.work() as work:
        work.emit(StationChanged(occurred_at=rows.ago(hours=2), station_id=here, changed=("a",)))
        work.emit(StationChanged(occurred_at=rows.ago(hours=1), station_id=there, changed=("b",), transaction_id="t"))
        work.emit(
            StatusChanged(
                occurred_at=rows.clock.now(),
                station_id=here,
                evse=1,
                connector=1,
                before=None,
                after="available",
                raw_status="x",
            )
        )

    async def ids(site_ids: Any = None, **query: Any) -> list[int]:
        return [one.id for one in (await timeline.list_events(database, EventQuery(**query), site_ids)).items]

    assert await ids() == [3, 2, 1]
    assert await ids(station="CP1") == [3, 1]
    assert await ids(kind=("StationChanged",)) == [2, 1]
    assert await ids(kind=("StationChanged", "StatusChanged"), station="CP1") == [3, 1]
    assert await ids(transaction_id="t") == [2]
    assert await ids(since=rows.ago(hours=1)) == [3, 2]
    assert await ids(until=rows.ago(hours=1)) == [1]
    assert await ids(frozenset({"s"})) == [3, 1]
    assert await timeline.last_event_id(database) == 3


def attempt(rows: Rows, **fields: Any) -> dict[str, Any]:
    at = fields.get("at", rows.clock.now())
    return {
        "id": rows.ids.new(), "at": at, "listener": "plain", "address": "192.0.2.1", "path": "/ocpp/x",
        "offered": ["ocpp1.6"], "outcome": "connected", "detail": "", "count": 1, "last_at": at,
    } | fields  # fmt: skip


async def test_attempts_are_found_by_outcome_identity_station_and_time(database: Database, rows: Rows) -> None:
    station = await rows.station("CP1", site_id="s")
    async with database.work() as work:
        work.execute(ATTEMPT, attempt(rows, id="good", station_id=station, identity="CP1", at=rows.ago(hours=2)))
        work.execute(
            ATTEMPT, attempt(rows, id="bad", identity="Stranger_9", outcome="unknown-station", at=rows.ago(hours=1))
        )

    async def ids(site_ids: Any = None, **query: Any) -> list[str]:
        return [one.id for one in (await attempts.list_attempts(database, AttemptQuery(**query), site_ids)).items]

    assert await ids() == ["bad", "good"]
    assert await ids(sort="at") == ["good", "bad"]
    assert await ids(station="cp1") == ["good"]
    assert await ids(identity="ranger_") == ["bad"]
    assert await ids(outcome=(AttemptOutcome.UNKNOWN_STATION, AttemptOutcome.TLS_FAILED)) == ["bad"]
    assert await ids(is_refused=True) == ["bad"]
    assert await ids(is_refused=False) == ["good"]
    assert await ids(since=rows.ago(hours=1)) == ["bad"]
    assert await ids(until=rows.ago(hours=1)) == ["good"]
    assert await ids(frozenset({"s"})) == ["good"]
    assert await attempts.count_refused(database, rows.ago(hours=1) - timedelta(seconds=1)) == 1
