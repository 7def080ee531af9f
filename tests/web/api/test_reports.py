"""Reports over the API: figures, filters, what one may see, files, stations, cards, and gathering anew."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyarrow import parquet

from billing.records.world import element, terms
from charging.stations import Station
from ingufu.accounts.model import OrganisationKind, Role, Scope
from ingufu.infra.storage.statements import insert
from ingufu.stations.tables import evses
from ingufu.tariffs.model import Dimension
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Target, Where
from web.api.conftest import House
from web.api.engines import both_engines

ADD_EVSE = insert(evses)
MADE_AT = datetime(2026, 3, 10, tzinfo=UTC)
MARCH = {"since": "2026-03-01", "until": "2026-03-31"}


class Used:
    """Two sites in Kigali: four sessions of an hour on the first, one on the second, all figures gathered."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sites: list[str] = []
        self.stations: list[str] = []

    async def fill(self) -> "Used":
        house, services = self.house, self.house.services
        async with house.database.work() as work:
            what = terms("RWF", element(Dimension.ENERGY, "250"))
            new = NewTariff(organisation_id=house.organisation_id, name="Day", terms=what)
            made, _ = await services.tariffs.create(work, new, by="test")
        async with house.database.work() as work:
            await services.tariffs.assign(work, made.id, Where(target=Target.EVERYONE), by="test")
        for number in range(2):
            self.sites.append(await house.site(f"Site {number}", time_zone="Africa/Kigali", country="RW"))
            identity = f"CS-{number}"
            self.stations.append(await house.station(identity, site_id=self.sites[-1]))
            async with house.database.work() as work:
                row = {"station_id": self.stations[-1], "number": 1, "is_operative": True, "created_at": MADE_AT}
                work.execute(ADD_EVSE, row)
        for place, days, hour, card in (
            (0, 7, 9, None), (0, 1, 9, "a"), (1, 1, 9, "C"), (0, 0, 9, "A"), (0, 0, 22, "B"),
        ):  # fmt: skip
            await self.charge(self.stations[place], days, hour, card)
            await services.charge_records.rater.collect()
            await services.charge_records.rater.rate_due()
        await services.reports.follow_places()
        await services.reports.follow()
        await self.gather()
        return self

    async def charge(self, station_id: str, days: int, hour: int, card: str | None) -> None:
        """Have a session of an hour and 10 kWh begin so many days before 20 March, at this hour of UTC."""
        clock, begin = self.house.clock, datetime(2026, 3, 20, hour, tzinfo=UTC) - timedelta(days=days)
        clock.advance(max(0.0, (begin - clock.now()).total_seconds()))
        station = Station(self.house.database, self.house.services.charging, clock, station_id, "1.6")
        started = await station.start(register_wh=0, token=card, at=begin)
        clock.advance(3600)
        ended = begin + timedelta(hours=1)
        await station.end(reference=started.transaction.reference, register_wh=10_000, at=ended)

    async def gather(self) -> None:
        while await self.house.services.reports.gather_past():
            pass


@pytest.fixture
async def used(house: House) -> Used:
    return await Used(house).fill()


async def get(house: House, path: str = "", key: str | None = None, **params: Any) -> Any:
    client = house.client(key or await house.key())
    answer = await client.get(f"/api/v1/reports{path}", params={**MARCH, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


@both_engines
async def test_figures_are_told_by_day_site_and_hour(house: House, used: Used) -> None:
    told = await get(house)
    whole = told["whole"]
    assert (whole["started"], whole["ended"], whole["succeeded"], whole["energy_wh"]) == (5, 5, 5, "50000")
    assert whole["occupied_s"] == 5 * 3600
    [earned] = whole["earned"]
    assert (earned["currency"], earned["records"], earned["net"]) == ("RWF", 5, "12500")
    slots = {slot["first_day"]: slot["use"]["ended"] for slot in told["slots"] if slot["use"]["ended"]}
    # the session of 22:00 UTC belongs to the next day in Kigali
    assert slots == {"2026-03-13": 1, "2026-03-19": 2, "2026-03-20": 1, "2026-03-21": 1}
    assert len(told["slots"]) == 31
    assert [(site["site_id"], site["use"]["energy_wh"]) for site in told["sites"]] == [
        (used.sites[0], "40000"), (used.sites[1], "10000"),
    ]  # fmt: skip
    hours = {(one["weekday"], one["hour"]): one["energy_wh"] for one in told["hours"] if one["occupied_s"]}
    assert hours == {(4, 11): "20000", (5, 0): "10000", (3, 11): "20000"}
    assert (told["is_gathering"], bool(told["gathered_at"])) == (False, True)


async def test_figures_are_asked_by_week_month_and_site(house: House, used: Used) -> None:
    weeks = await get(house, by="week")
    assert [slot["first_day"] for slot in weeks["slots"]][:2] == ["2026-02-23", "2026-03-02"]
    [month] = (await get(house, by="month"))["slots"]
    assert (month["first_day"], month["use"]["ended"]) == ("2026-03-01", 5)
    one = await get(house, site_id=used.sites[1])
    assert (one["whole"]["ended"], [site["name"] for site in one["sites"]]) == (1, ["Site 1"])
    days = await get(house, since="2026-03-19", until="2026-03-19")
    assert (days["whole"]["ended"], days["since"], days["until"]) == (2, "2026-03-19", "2026-03-19")


@pytest.mark.parametrize(
    ("compare", "since", "until", "days", "ended"),
    [
        ("before", "2026-03-20", "2026-03-20", ("2026-03-19", "2026-03-19"), 2),
        ("weekdays", "2026-03-20", "2026-03-20", ("2026-03-13", "2026-03-13"), 1),
        ("weekdays", "2026-03-18", "2026-03-21", ("2026-03-11", "2026-03-14"), 1),
        ("month", "2026-04-01", "2026-04-30", ("2026-03-01", "2026-03-31"), 5),
        ("month", "2026-04-01", "2026-04-20", ("2026-03-01", "2026-03-20"), 4),
        ("month", "2026-05-31", "2026-05-31", ("2026-04-30", "2026-04-30"), 0),
        ("year", "2027-03-01", "2027-03-19", ("2026-03-01", "2026-03-19"), 3),
        ("year", "2028-02-29", "2028-02-29", ("2027-02-28", "2027-02-28"), 0),
    ],
)
async def test_period_is_compared_with_other_days(
    house: House, used: Used, compare: str, since: str, until: str, days: tuple[str, str], ended: int
) -> None:
    told = await get(house, compare=compare, since=since, until=until)
    assert (told["before_since"], told["before_until"]) == days
    assert told["before"]["ended"] == ended


@both_engines
async def test_stations_are_ranked_and_cards_counted(house: House, used: Used) -> None:
    told = await get(house, "/stations")
    assert [(one["identity"], one["use"]["energy_wh"], one["site"]) for one in told["stations"]] == [
        ("CS-0", "40000", "Site 0"), ("CS-1", "10000", "Site 1"),
    ]  # fmt: skip
    assert [one["use"]["earned"][0]["net"] for one in told["stations"]] == ["10000", "2500"]
    assert (told["total"], told["stations"][0]["evse_count"]) == (2, 1)
    for sort in ("sessions", "utilisation", "revenue", "energy"):
        [first] = (await get(house, "/stations", sort=sort, limit=1))["stations"]
        assert first["identity"] == "CS-0"
    [one] = (await get(house, "/stations", site_id=used.sites[1]))["stations"]
    assert one["identity"] == "CS-1"
    cards = await get(house, "/cards")
    assert (cards["cards"], cards["sessions"], cards["without_card"]) == (3, 4, 1)
    late = await get(house, "/cards", since="2026-03-21", until="2026-03-21")
    assert (late["cards"], late["sessions"]) == (1, 1)
    assert (await get(house, "/cards", site_id=used.sites[1]))["cards"] == 1


async def test_who_looks_after_a_site_sees_its_figures_alone(house: House, used: Used) -> None:
    await house.user(Role.OPERATOR, used.sites[1])
    mine = await house.log_in()
    told = (await mine.get("/api/v1/reports", params=MARCH)).json()
    assert (told["whole"]["ended"], [site["site_id"] for site in told["sites"]]) == (1, [used.sites[1]])
    [station] = (await mine.get("/api/v1/reports/stations", params=MARCH)).json()["stations"]
    assert station["identity"] == "CS-1"
    assert (await mine.get("/api/v1/reports/cards", params=MARCH)).json()["cards"] == 1
    for path in ("", "/stations", "/cards"):
        foreign = await mine.get(f"/api/v1/reports{path}", params={**MARCH, "site_id": used.sites[0]})
        assert foreign.status_code == 404
    for path in ("", "/stations"):
        rows = rows_of((await mine.get(f"/api/v1/reports{path}/export.csv", params=MARCH)).text)
        assert {row["site"] for row in rows} == {"Site 1"}
        foreign = await mine.get(f"/api/v1/reports{path}/export.csv", params={**MARCH, "site_id": used.sites[0]})
        assert foreign.status_code == 404 or rows_of(foreign.text) == []
    assert (await mine.post("/api/v1/reports/rebuild")).status_code == 403


async def test_fleet_and_who_may_not_read_reports_are_refused(house: House, used: Used) -> None:
    async with house.database.work() as work:
        fleet = await house.services.accounts.create_organisation(work, "Movers", OrganisationKind.FLEET)
    async with house.database.work() as work:
        _, fleets = await house.services.accounts.create_key(
            work, organisation_id=fleet.id, name="movers", scopes=[Scope.TRANSACTIONS_READ, Scope.MONEY_READ]
        )
    for key in (fleets, await house.key(*(set(Scope) - {Scope.REPORTS_READ}))):
        client = house.client(key)
        for path in ("", "/stations", "/cards", "/export.csv", "/export.parquet", "/stations/export.csv"):
            assert (await client.get(f"/api/v1/reports{path}")).status_code == 403
    reader = house.client(await house.key(Scope.REPORTS_READ))
    assert (await reader.post("/api/v1/reports/rebuild")).status_code == 403


async def test_revenue_is_told_to_who_may_see_money(house: House, used: Used) -> None:
    key = await house.key(Scope.REPORTS_READ)
    told = await get(house, key=key)
    assert (told["whole"]["ended"], told["whole"]["earned"], told["sites"][0]["use"]["earned"]) == (5, [], [])
    assert [one["use"]["earned"] for one in (await get(house, "/stations", key=key))["stations"]] == [[], []]
    for path in ("", "/stations"):
        answer = await house.client(key).get(f"/api/v1/reports{path}/export.csv", params=MARCH)
        assert {row["gross"] for row in rows_of(answer.text)} == {""}


@pytest.mark.parametrize(
    "params",
    [
        {"since": "2026-02-28", "until": "2026-02-01"}, {"since": "2020-01-01", "until": "2026-01-01"},
        {"since": "soon"}, {"since": "1999-01-01", "until": "1999-01-02"}, {"until": "9999-12-31"},
    ],
)  # fmt: skip
async def test_odd_period_is_told_for_what_it_is(house: House, admin: Any, params: dict[str, str]) -> None:
    for path in ("", "/stations", "/cards", "/export.csv", "/stations/export.parquet"):
        answer = await admin.get(f"/api/v1/reports{path}", params=params)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] in {"since", "until"}


async def test_unknown_choices_are_refused(house: House, admin: Any) -> None:
    for path, params in (
        ("", {"by": "year"}), ("", {"compare": "luck"}), ("", {"what": "x"}), ("/stations", {"sort": "luck"}),
        ("/stations", {"limit": "0"}), ("/stations", {"limit": "501"}),
    ):  # fmt: skip
        assert (await admin.get(f"/api/v1/reports{path}", params=params)).status_code == 422
    for path in ("", "/stations", "/cards"):
        assert (await admin.get(f"/api/v1/reports{path}", params={"site_id": "nowhere"})).status_code == 404


async def test_days_and_stations_are_exported_and_the_trail_tells_of_it(house: House, used: Used, admin: Any) -> None:
    rows = rows_of((await admin.get("/api/v1/reports/export.csv", params=MARCH)).text)
    assert [(row["day"], row["site"], row["sessions_ended"]) for row in rows] == [
        ("2026-03-13", "Site 0", "1"), ("2026-03-19", "Site 0", "1"), ("2026-03-19", "Site 1", "1"),
        ("2026-03-20", "Site 0", "1"), ("2026-03-21", "Site 0", "1"),
    ]  # fmt: skip
    answer = await admin.get("/api/v1/reports/export.parquet", params=MARCH)
    table = parquet.read_table(io.BytesIO(answer.content)).to_pylist()
    assert sum(row["energy_wh"] for row in table) == 50_000
    stations = rows_of((await admin.get("/api/v1/reports/stations/export.csv", params=MARCH)).text)
    assert [(row["identity"], row["site"], row["net"]) for row in stations] == [
        ("CS-0", "Site 0", "10000"), ("CS-1", "Site 1", "2500"),
    ]  # fmt: skip
    answer = await admin.get("/api/v1/reports/stations/export.parquet", params=MARCH)
    assert len(parquet.read_table(io.BytesIO(answer.content)).to_pylist()) == 2
    told = (await admin.get("/api/v1/audit", params={"action": "report-days.export"})).json()["items"]
    assert len(told) == 2


@both_engines
async def test_utilisation_is_there_right_after_figures_are_gathered_anew(house: House, used: Used, admin: Any) -> None:
    before = await get(house)
    assert before["whole"]["available_s"] > 0
    answer = await admin.post("/api/v1/reports/rebuild")
    assert (answer.status_code, answer.json()) == (202, {"first_day": "2026-03-12"})
    at_once = await get(house)
    assert at_once["is_gathering"] is True
    assert at_once["whole"] == before["whole"]
    await used.gather()
    after = await get(house)
    assert (after["is_gathering"], after["whole"], after["sites"]) == (False, before["whole"], before["sites"])
    [entry] = (await admin.get("/api/v1/audit", params={"action": "reports.rebuild"})).json()["items"]
    assert entry["object_kind"] == "reports"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
