"""How SQLite goes about the lists: through an index, never through all of a large table, never sorting it."""

import re
import sqlite3
from datetime import timedelta
from typing import Any

import pytest

from ingufu.accounts.model import Held
from ingufu.core.tenures import Tenure
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.stations.model import AttemptOutcome
from ingufu.views import attempts, charge_records, frames, overview, revenue, session, timeline, transactions
from ingufu.views.attempts import AttemptQuery
from ingufu.views.charge_records import RecordQuery
from ingufu.views.decisions import DecisionQuery, list_decisions
from ingufu.views.frames import FrameQuery
from ingufu.views.session import ReadingQuery
from ingufu.views.timeline import EventFilter, EventQuery
from ingufu.views.transactions import TransactionQuery
from views.conftest import Rows

LARGE = (
    "transactions", "meter_readings", "frame_chunks", "events", "authorization_decisions", "connection_attempts", "anomalies",
    "transaction_events", "charge_records",
)  # fmt: skip
pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


class Plans:
    """Listens to the selects of a database and asks SQLite how it goes about them."""

    def __init__(self, database: Database, url: StorageUrl, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seen: list[tuple[str, tuple[Any, ...]]] = []
        assert url.path is not None
        self._path = url.path
        fetch = database.engine.fetch

        async def listen(prepared: Any, values: tuple[Any, ...]) -> list[Any]:
            self._seen.append((prepared.sql, values))
            return await fetch(prepared, values)

        monkeypatch.setattr(database.engine, "fetch", listen)

    def steps(self) -> list[str]:
        """Return the steps of all selects since the last time."""
        seen, self._seen = self._seen, []
        connection = sqlite3.connect(self._path)
        try:
            return [row[3] for sql, values in seen for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        finally:
            connection.close()


@pytest.fixture
def plans(database: Database, storage_url: StorageUrl, monkeypatch: pytest.MonkeyPatch) -> Plans:
    return Plans(database, storage_url, monkeypatch)


def scans(steps: list[str]) -> list[str]:
    """Return the steps that read a large table without an index, or all of it through one that gives no order."""
    return [step for step in steps if re.match(rf"SCAN ({'|'.join(LARGE)})\b(?!.* USING (COVERING )?INDEX)", step)]


def is_in_order(steps: list[str]) -> bool:
    return not any("TEMP B-TREE FOR ORDER BY" in step for step in steps)


async def test_transactions_are_found_by_index_and_in_order(database: Database, rows: Rows, plans: Plans) -> None:
    await rows.transaction(await rows.station("CP1"))
    now = rows.clock.now()
    for query in (
        TransactionQuery(), TransactionQuery(sort="started_at"), TransactionQuery(station="CP1"),
        TransactionQuery(token_id="k"), TransactionQuery(driver_id="d"), TransactionQuery(is_open=False),
        TransactionQuery(has_anomalies=True), TransactionQuery(since=now - timedelta(days=1), until=now),
        TransactionQuery(station="CP1", is_open=False, since=now - timedelta(days=1)),
    ):  # fmt: skip
        page = await transactions.list_transactions(database, query, None)
        steps = plans.steps()
        assert scans(steps) == [], query
        assert is_in_order(steps), (query, steps)
        assert page.next is None


async def test_open_transactions_are_found_among_the_open_ones(database: Database, rows: Rows, plans: Plans) -> None:
    await transactions.list_transactions(database, TransactionQuery(is_open=True), None)
    assert any("transactions_open" in step for step in plans.steps())


async def test_transactions_of_many_stations_are_met_in_order_of_time(
    database: Database, rows: Rows, plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "FEW_STATIONS", 1)
    site = await rows.site("Kigali")
    for number in range(3):
        await rows.station(f"CP{number}", site_id=site)
    await transactions.list_transactions(database, TransactionQuery(), frozenset({site}))
    assert not any("transactions_by_start" in step for step in plans.steps()), "they have charged little"
    monkeypatch.setattr(transactions, "FEW_TRANSACTIONS", -1)
    await transactions.list_transactions(database, TransactionQuery(), frozenset({site}))
    steps = plans.steps()
    assert any("transactions_by_start" in step for step in steps)
    assert is_in_order(steps)


async def test_parts_of_a_transaction_are_found_by_it(database: Database, rows: Rows, plans: Plans) -> None:
    await session.list_readings(database, "t", ReadingQuery(), None)
    await session.get_series(database, "t", 300)
    await session.list_anomalies(database, "t", None)
    await session.list_transaction_events(database, "t", None)
    assert scans(plans.steps()) == []


async def test_events_frames_attempts_and_decisions_are_found_by_index(
    database: Database, rows: Rows, plans: Plans
) -> None:
    station = await rows.station("CP1")
    await rows.transaction(station, id="t")
    await rows.frame(station, rows.ago(days=2))
    await rows.frame(station, rows.ago(hours=1))
    now = rows.clock.now()
    for event_query in (EventQuery(station="CP1"), EventQuery(transaction_id="t"), EventQuery(kind=("StatusChanged",))):
        await timeline.list_events(database, event_query, None)
        steps = plans.steps()
        assert scans(steps) == [], event_query
        assert is_in_order(steps), event_query
    for frame_query in (
        FrameQuery(station="CP1"), FrameQuery(station="CP1", since=now - timedelta(days=1), until=now),
        FrameQuery(transaction_id="t"), FrameQuery(since=now - timedelta(days=1)),
    ):  # fmt: skip
        await frames.list_frames(database, frame_query, None)
        steps = plans.steps()
        assert scans(steps) == [], frame_query
        assert is_in_order(steps), frame_query
    for attempt_query in (
        AttemptQuery(),
        AttemptQuery(station="CP1"),
        AttemptQuery(outcome=(AttemptOutcome.TLS_FAILED,)),
    ):
        await attempts.list_attempts(database, attempt_query, None)
        steps = plans.steps()
        assert scans(steps) == [], attempt_query
        assert is_in_order(steps), attempt_query
    for decision_query in (
        DecisionQuery(),
        DecisionQuery(station="CP1"),
        DecisionQuery(token_id="k"),
        DecisionQuery(driver_id="d", is_refused=True),
        DecisionQuery(group_id="g", is_refused=True),
        DecisionQuery(is_refused=True),
        DecisionQuery(transaction_id="t"),
    ):
        await list_decisions(database, decision_query, None)
        steps = plans.steps()
        assert scans(steps) == [], decision_query
    await timeline.events_after(database, 0, EventFilter(), limit=100)
    assert is_in_order(plans.steps())


async def test_overview_reads_two_days_and_what_is_open(database: Database, rows: Rows, plans: Plans) -> None:
    for site_ids in (None, frozenset({"s"})):
        await overview.get_overview(database, site_ids, now=rows.clock.now())
        await revenue.get_revenue(database, site_ids, now=rows.clock.now())
        assert scans(plans.steps()) == []


async def test_what_was_in_ones_own_time_is_found_from_its_beginning_to_its_end(
    database: Database, rows: Rows, plans: Plans
) -> None:
    sites = [await rows.site(f"Site {number}") for number in range(2)]
    for number, site in enumerate(sites):
        await rows.station(f"CP{number}", site_id=site)
    begin, end = rows.ago(days=9), rows.ago(days=1)
    one = Held(sites[:1], [Tenure(sites[0], begin)])
    more = Held(sites, [Tenure(sites[0], None, begin), Tenure(sites[0], end), Tenure(sites[1], begin)])
    for sees in (one, more, Held((), [Tenure(sites[0], begin, end)])):
        await charge_records.list_records(database, RecordQuery(), sees)
        steps = plans.steps()
        assert is_in_order(steps), steps
        found = [step for step in steps if "charge_records" in step]
        assert all("charge_records_by_site (site_id=? AND issued_at" in step for step in found), found
        await transactions.list_transactions(database, TransactionQuery(), sees)
        await charge_records.sum_records(database, RecordQuery(), sees)
        await overview.get_overview(database, sees, now=rows.clock.now())
        await revenue.get_revenue(database, sees, now=rows.clock.now())
        assert scans(plans.steps()) == []
    await transactions.list_transactions(database, TransactionQuery(), one)
    assert any("transactions_by_station (station_id=? AND started_at>?)" in step for step in plans.steps())
