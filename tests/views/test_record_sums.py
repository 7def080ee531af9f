"""What charge records come to, from sums kept by day, is what the records themselves come to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingufu.billing.records.model import RecordKind
from ingufu.billing.records.tables import records
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.views import charge_records, record_sums
from ingufu.views.charge_records import RecordQuery

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
_INSERT = insert(records)
SITES = ("a", "b", None)


@pytest.fixture
async def issued(database: Database) -> list[dict[str, Any]]:
    """Records of two sites and of none, in two currencies, over four days, to the very edge of each; one is taken back."""
    edges = [timedelta(0), timedelta(microseconds=1), timedelta(hours=12), timedelta(days=1, microseconds=-1)]
    rows: list[dict[str, Any]] = []
    async with database.work() as work:
        for number in range(48):
            at = MIDNIGHT + timedelta(days=number % 4) + edges[number % 3 + (number % 2)]
            rows.append(row := _row(number, at, SITES[number % 3], "EUR" if number % 5 else "RWF"))
            work.execute(_INSERT, row)
        credit = rows[7] | {"id": "credit", "kind": "credit", "corrects_id": "7", "issued_at": NOON}
        credit |= {name: -rows[7][name] for name in ("net", "tax", "gross")}
        work.execute(_INSERT, credit)
    return rows


def _row(number: int, at: datetime, site_id: str | None, currency: str) -> dict[str, Any]:
    net = Decimal(number) / 7
    return {
        "id": str(number), "kind": "charge", "subject": str(number), "revision": 1, "organisation_id": "o",
        "site_id": site_id, "station_id": f"s{number % 2}", "started_at": at, "ended_at": at, "issued_at": at,
        "energy_wh": Decimal("1000.000001") * number, "currency": currency, "net": round(net, 6), "tax": Decimal("0.18"),
        "gross": round(net, 6) + Decimal("0.18"), "confidence": "high", "signature": "none", "document": b"",
    }  # fmt: skip


QUERIES = (
    RecordQuery(),
    RecordQuery(currency="RWF"),
    RecordQuery(kind=RecordKind.CREDIT),
    RecordQuery(kind=RecordKind.CHARGE, site_id=("a",)),
    RecordQuery(site_id=("a", "nowhere")),
    RecordQuery(since=NOON),
    RecordQuery(until=NOON),
    RecordQuery(since=MIDNIGHT + timedelta(days=1)),
    RecordQuery(until=MIDNIGHT + timedelta(days=2)),
    RecordQuery(since=NOON, until=NOON + timedelta(days=2)),
    RecordQuery(since=NOON, until=NOON + timedelta(hours=6)),
    RecordQuery(since=NOON, until=NOON + timedelta(hours=18)),
    RecordQuery(since=NOON + timedelta(days=1), until=NOON),
    RecordQuery(since=MIDNIGHT, until=MIDNIGHT + timedelta(microseconds=1)),
    RecordQuery(started_since=NOON),
    RecordQuery(tariff_id="t"),
    RecordQuery(driver_id="d"),
)


@pytest.mark.parametrize("sees", [None, frozenset({"a"}), frozenset({"a", "b"}), frozenset({"c"}), frozenset[str]()])
@pytest.mark.usefixtures("issued")
async def test_sums_by_day_are_what_the_records_come_to(database: Database, sees: frozenset[str] | None) -> None:
    for query in QUERIES:
        whole = await charge_records.sum_records(database, query, sees)
        assert await record_sums.sum_records(database, query, sees) == whole, query


async def test_sums_know_the_records_of_the_very_unit_before(database: Database, issued: list[dict[str, Any]]) -> None:
    before = {one.currency: one for one in await record_sums.sum_records(database, RecordQuery(), None)}
    assert sum(one.count for one in before.values()) == len(issued) + 1
    async with database.work() as work:
        work.execute(_INSERT, _row(100, NOON, "a", "EUR"))
    after = {one.currency: one for one in await record_sums.sum_records(database, RecordQuery(), None)}
    assert after["EUR"].count == before["EUR"].count + 1
    assert after["EUR"].energy_wh == before["EUR"].energy_wh + Decimal("100000.0001")
    assert after["RWF"] == before["RWF"]
