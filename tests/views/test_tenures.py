"""A site that changes hands: each host sees what was earned there, and used, in its own time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingufu.accounts.model import Held
from ingufu.billing.records.tables import records
from ingufu.core.tenures import Tenure
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.reports.tables import cells, evses, taking_cells, taking_totals, totals
from ingufu.sites.tables import sites
from ingufu.views import charge_records, record_sums, report_stations, reports
from ingufu.views.charge_records import RecordQuery
from ingufu.views.report_days import list_days
from ingufu.views.report_stations import StationsQuery
from ingufu.views.reports import DaysQuery, ReportQuery
from ingufu.views.revenue import get_revenue

ZONE = "Africa/Kigali"
BEGIN = datetime(2026, 8, 1, tzinfo=UTC)
DAYS = 100  # of August, September and October, and some of November
NOW = BEGIN + timedelta(days=DAYS)
FIRST, SECOND = datetime(2026, 9, 10, 12, tzinfo=UTC), datetime(2026, 10, 20, 23, tzinfo=UTC)  # the 21st in Kigali
OLD = Held(
    {"mall"}, [Tenure("mall", None, FIRST, ZONE), Tenure("mall", SECOND, None, ZONE), Tenure("yard", None, FIRST, ZONE)]
)
NEW = Held(
    {"street", "yard"}, [Tenure("mall", FIRST, SECOND, ZONE), Tenure("yard", FIRST, None, ZONE), Tenure("street")]
)
ALL = frozenset({"mall", "street", "yard"})
BOTH = (OLD, NEW)


def is_of(sees: Held, site_id: str, at: datetime) -> bool:
    return any(
        one.site_id == site_id and (one.since is None or one.since <= at) and (one.until is None or at < one.until)
        for one in sees.tenures
    )


@pytest.fixture
async def issued(database: Database) -> list[dict[str, Any]]:
    """Records of each site at noon and at midnight of each day, at the very edge of the changes, too."""
    times = [BEGIN + timedelta(hours=12 * number) for number in range(2 * DAYS)]
    times += [edge + timedelta(microseconds=shift) for edge in (FIRST, SECOND) for shift in (-1, 0, 1)]
    rows = [_record(f"{site}-{number}", at, site) for number, at in enumerate(times) for site in sorted(ALL)]
    async with database.work() as work:
        for row in rows:
            work.execute(_INSERT, row)
    return rows


_INSERT = insert(records)


def _record(name: str, at: datetime, site_id: str) -> dict[str, Any]:
    return {
        "id": name, "kind": "charge", "subject": name, "revision": 1, "organisation_id": "o", "site_id": site_id,
        "station_id": f"CP-{site_id}", "started_at": at, "ended_at": at, "issued_at": at, "energy_wh": Decimal(1000),
        "currency": "RWF", "net": Decimal(100), "tax": Decimal(18), "gross": Decimal(118), "confidence": "sure",
        "signature": "none", "document": b"",
    }  # fmt: skip


@pytest.mark.parametrize("sees", BOTH)
async def test_charge_records_are_seen_by_who_had_the_site_when_they_were_issued(
    database: Database, issued: list[dict[str, Any]], sees: Held
) -> None:
    expected = [row for row in issued if is_of(sees, row["site_id"], row["issued_at"])]
    expected.sort(key=lambda row: (row["issued_at"], row["id"]), reverse=True)
    found: list[str] = []
    query = RecordQuery(limit=100)
    while True:
        page = await charge_records.list_records(database, query, sees)
        found += [one.id for one in page.items]
        if page.next is None:
            break
        query = RecordQuery(limit=100, cursor=page.next)
    assert found == [row["id"] for row in expected]
    for site in ALL:
        page = await charge_records.list_records(database, RecordQuery(site_id=(site,), limit=100), sees)
        assert [one.id for one in page.items] == [row["id"] for row in expected if row["site_id"] == site][:100]


@pytest.mark.parametrize("sees", BOTH)
async def test_sums_are_those_of_the_own_time_whatever_is_asked_for(
    database: Database, issued: list[dict[str, Any]], sees: Held
) -> None:
    hour = timedelta(hours=1)
    for query in (
        RecordQuery(), RecordQuery(since=FIRST - hour), RecordQuery(until=SECOND + hour), RecordQuery(site_id=("mall",)),
        RecordQuery(since=FIRST - hour, until=FIRST + hour), RecordQuery(since=SECOND, until=FIRST),
        RecordQuery(site_id=("street", "nowhere")), RecordQuery(station="CP-mall"),
    ):  # fmt: skip
        whole = await charge_records.sum_records(database, query, sees)
        assert await record_sums.sum_records(database, query, sees) == whole, query
    [whole] = await record_sums.sum_records(database, RecordQuery(), sees)
    assert whole.count == sum(is_of(sees, row["site_id"], row["issued_at"]) for row in issued)


async def test_revenue_of_the_day_of_a_change_is_told_apart_by_the_instant(
    database: Database, issued: list[dict[str, Any]]
) -> None:
    now = FIRST + timedelta(hours=3)
    for sees in BOTH:
        today = [row for row in issued if row["issued_at"].date() >= now.date()]
        [told] = await get_revenue(database, sees, now=now)
        assert told.today.records == sum(is_of(sees, row["site_id"], row["issued_at"]) for row in today)


@pytest.fixture
async def gathered(database: Database) -> None:
    """Figures and takings of each day and month, of a station with two EVSEs at each site."""
    figures = {"started": 1, "ended": 1, "succeeded": 1, "refused": 0, "energy_wh": Decimal(1), "occupied_s": 3600}
    figures |= {"charging_s": 60, "hours": {}}
    takings = {"currency": "RWF", "records": 1, "credits": 0, "net": Decimal(100), "gross": Decimal(118)}
    days = [BEGIN.date() + timedelta(days=number) for number in range(DAYS)]
    months = {day.isoformat()[:7]: sum(one.month == day.month for one in days) for day in days}
    async with database.work() as work:
        for site in sorted(ALL):
            named = dict.fromkeys(("id", "name", "name_key", "address", "city", "country"), site)
            work.execute(insert(sites), named | {"organisation_id": "o", "time_zone": ZONE, "created_at": BEGIN})
            for number in (1, 2):
                known = {"station_id": f"CP-{site}", "evse": number, "site_id": site, "time_zone": ZONE}
                work.execute(insert(evses), {**known, "since": "2026-01-01"})
            for grain, period, many in (
                *(("d", day.isoformat(), 1) for day in days),
                *(("m", *it) for it in months.items()),
            ):
                key = {"grain": grain, "place": site, "period": period}
                work.execute(
                    insert(totals),
                    key | {name: many * one for name, one in figures.items() if one != {}} | {"hours": {}},
                )
                earned = {name: one if name == "currency" else many * one for name, one in takings.items()}
                work.execute(insert(taking_totals), key | earned)
            for day in days:
                key = {"day": day.isoformat(), "station_id": f"CP-{site}", "site_id": site}
                work.execute(insert(cells), key | {"evse": 1} | figures)
                work.execute(insert(taking_cells), key | takings)


def days_of(sees: Held, site_id: str, first: date, last: date) -> int:
    """Return on how many days the site is the host's: one on which it changes hands is the new one's."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    own = [one for one in sees.tenures if one.site_id == site_id]
    changes = {FIRST: date(2026, 9, 10), SECOND: date(2026, 10, 21)}
    return sum(
        (one.since is None or changes[one.since] <= day) and (one.until is None or day < changes[one.until])
        for day in days
        for one in own
    )


@pytest.mark.usefixtures("gathered")
@pytest.mark.parametrize(
    "span",
    [
        (date(2026, 8, 1), date(2026, 11, 8)),
        (date(2026, 9, 10), date(2026, 10, 20)),
        (date(2026, 9, 30), date(2026, 9, 30)),
    ],
)
async def test_reports_are_of_the_days_on_which_one_had_the_site(database: Database, span: tuple[date, date]) -> None:
    first, last = span
    for sees in BOTH:
        expected = {site: number for site in ALL if (number := days_of(sees, site, first, last))}
        report = await reports.get_report(
            database, ReportQuery(since=first, until=last), sees, now=NOW, with_money=True
        )
        assert {one.site_id: one.use.ended for one in report.sites} == expected
        assert {one.site_id: one.use.earned[0].records for one in report.sites} == expected
        assert {one.site_id: one.use.available_s for one in report.sites} == {
            site: 2 * 86_400 * number for site, number in expected.items()
        }
        whole = sum(expected.values())
        assert (report.whole.started, sum(one.records for one in report.whole.earned)) == (whole, whole)
        assert report.whole.available_s == 2 * 86_400 * whole
        assert sum(slot.use.ended for slot in report.slots) == whole
        only = ReportQuery(since=first, until=last, site_id="mall")
        report = await reports.get_report(database, only, sees, now=NOW, with_money=True)
        assert report.whole.ended == days_of(sees, "mall", first, last)
        asked = StationsQuery(since=first, until=last)
        told = await report_stations.list_stations(database, asked, sees, now=NOW, with_money=True)
        assert {one.station_id.removeprefix("CP-"): one.use.ended for one in told.stations} == expected
        assert {one.station_id.removeprefix("CP-"): one.use.available_s for one in told.stations} == {
            site: 2 * 86_400 * number for site, number in expected.items()
        }
        rows = [
            row
            async for some in list_days(database, DaysQuery(since=first, until=last), sees, now=NOW, with_money=True)
            for row in some
        ]
        assert len(rows) == whole
        assert {row.use.available_s for row in rows} <= {2 * 86_400}
