"""Charge records over the API: lists, exports, corrections, and who may see what."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from pyarrow import parquet

from billing.records.world import element, per_kwh, terms
from charging.stations import Station
from ingufu.accounts.model import Role, Scope
from ingufu.tariffs.model import Dimension, Terms
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Target, Where
from web.api.conftest import House

HOSTILE = "=HYPERLINK(1)"


class Billed:
    """Two sites with a session each, one of them credited, and a session that nothing priced."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sites: list[str] = []
        self.sessions: list[str] = []
        self.records: list[str] = []
        self.unpriced = self.staff = ""

    async def fill(self) -> "Billed":
        house = self.house
        self.unpriced = await self.session(await house.station("FREE"))
        await self.tariff("Day", terms("RWF", element(Dimension.ENERGY, "250")), Where(target=Target.EVERYONE))
        self.staff = await self.tariff("Staff", per_kwh("100"), None)
        for index in range(2):
            self.sites.append(await house.site(f"Site {index}", time_zone="Africa/Kigali", country="RW", city="Kigali"))
            station = await house.station(f"{HOSTILE}{index}" if index else "CS-0", site_id=self.sites[-1])
            self.sessions.append(await self.session(station))
        await self.rate()
        for session in self.sessions:
            (record,) = await house.services.charge_records.of_transaction(session)
            self.records.append(record.id)
        return self

    async def session(self, station_id: str) -> str:
        clock = self.house.clock
        station = Station(self.house.database, self.house.services.charging, clock, station_id, "1.6")
        started = await station.start(register_wh=0)
        clock.advance(3600)
        await station.end(reference=started.transaction.reference, register_wh=10_000)
        return started.transaction.id

    async def tariff(self, name: str, what: Terms, where: Where | None) -> str:
        tariffs, database = self.house.services.tariffs, self.house.database
        async with database.work() as work:
            new = NewTariff(organisation_id=self.house.organisation_id, name=name, terms=what)
            made, _ = await tariffs.create(work, new, by="test")
        if where is not None:
            async with database.work() as work:
                await tariffs.assign(work, made.id, where, by="test")
        self.house.clock.advance(1)
        return made.id

    async def rate(self) -> None:
        rater = self.house.services.charge_records.rater
        for _ in range(3):
            await rater.collect()
            await rater.rate_due()


@pytest.fixture
async def billed(house: House) -> Billed:
    return await Billed(house).fill()


async def get(house: House, path: str, key: str | None = None, **params: Any) -> Any:
    answer = await house.client(key or await house.key()).get(f"/api/v1{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(house: House, path: str, body: dict[str, Any], status: int = 201) -> Any:
    answer = await house.client(await house.key()).post(f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_records_are_listed_by_page_and_filtered(house: House, billed: Billed) -> None:
    first = await get(house, "/charge-records", limit=1)
    second = await get(house, "/charge-records", limit=1, cursor=first["next"])
    assert [page["items"][0]["id"] for page in (first, second)] == billed.records[::-1]
    assert second["next"] is None
    found = await get(house, "/charge-records", station="CS-0")
    assert [row["id"] for row in found["items"]] == billed.records[:1]
    assert (found["items"][0]["gross"], found["items"][0]["currency"]) == ("2950", "RWF")
    assert await get(house, "/charge-records", driver_id="nobody") == {"items": [], "next": None, "total": None}


async def test_overview_tells_the_revenue_of_today_to_those_who_may_see_money(house: House, billed: Billed) -> None:
    seen = await get(house, "/overview", time_zone="Africa/Kigali")
    [row] = seen["revenue"]
    assert (row["currency"], row["today"]["gross"], row["today"]["records"]) == ("RWF", "5900", 2)
    await house.user(Role.OPERATOR, billed.sites[0])
    mine = await house.log_in()
    [row] = (await mine.get("/api/v1/overview?time_zone=Africa/Kigali")).json()["revenue"]
    assert (row["today"]["gross"], row["same_day_last_week_by_now"]["gross"]) == ("2950", "0")
    blind = await get(house, "/overview", key=await house.key(Scope.STATIONS_READ))
    assert blind["revenue"] is None


async def test_record_tells_everything_it_was_made_from(house: House, billed: Billed) -> None:
    seen = await get(house, f"/charge-records/{billed.records[0]}")
    assert seen["is_standing"] is True
    assert seen["record"]["tariffs"][0]["terms"]["currency"] == "RWF"
    assert seen["record"]["price"]["lines"][0]["quantity"] == "10"
    assert [row["id"] for row in seen["chain"]] == billed.records[:1]


async def test_credit_and_correction_leave_the_record_as_it_is(house: House, billed: Billed) -> None:
    first, second = billed.records
    before = (await get(house, f"/charge-records/{first}"))["record"]
    credit = await post(house, f"/charge-records/{first}/credit", {"reason": "Goodwill."})
    assert (credit["record"]["kind"], credit["record"]["gross"]) == ("credit", "-2950")
    corrected = await post(
        house, f"/charge-records/{second}/correct", {"reason": "A colleague.", "tariff_id": billed.staff}
    )
    assert (corrected["record"]["corrects_id"], corrected["record"]["gross"]) == (second, "1180")
    assert len(corrected["chain"]) == 3
    assert (await get(house, f"/charge-records/{first}"))["record"] == before
    await post(house, f"/charge-records/{first}/credit", {"reason": "Again."}, 409)
    await post(house, f"/charge-records/{corrected['record']['id']}/correct", {"reason": "For nothing."}, 409)
    (total,) = await get(house, "/charge-records/sums")
    assert (total["count"], Decimal(total["gross"]), Decimal(total["energy_wh"])) == (5, Decimal(1180), Decimal(10_000))


async def test_session_without_a_price_gets_one(house: House, billed: Billed) -> None:
    (row,) = (await get(house, "/ratings", state="unpriced"))["items"]
    assert (row["transaction_id"], row["reason"]) == (billed.unpriced, "no-tariff")
    rating = await post(house, f"/transactions/{billed.unpriced}/rate", {"tariff_id": billed.staff}, 200)
    assert rating["state"] == "issued"
    assert (await get(house, "/ratings", state="unpriced"))["items"] == []
    again = await post(house, f"/transactions/{billed.unpriced}/rate", {}, 200)
    assert again["record_id"] == rating["record_id"]
    await billed.rate()
    records = await get(house, "/charge-records", transaction_id=billed.unpriced)
    assert [one["gross"] for one in records["items"]] == ["1180"]


async def test_price_and_what_if(house: House, billed: Billed) -> None:
    price = await get(house, f"/transactions/{billed.sessions[0]}/price")
    assert (price["record_id"], price["price"]["billed"]["gross"]) == (billed.records[0], "2950")
    other = await get(house, f"/transactions/{billed.sessions[0]}/what-if", tariff_id=billed.staff)
    assert other["price"]["billed"]["gross"] == "1180"
    none = await get(house, f"/transactions/{billed.unpriced}/price")
    assert (none["price"], none["rating"]["state"]) == (None, "unpriced")


async def test_csv_has_every_record_and_no_formula(house: House, billed: Billed) -> None:
    answer = await house.client(await house.key()).get("/api/v1/charge-records/export.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == billed.records
    assert [row["gross"] for row in rows] == ["2950", "2950"]
    assert rows[1]["station"] == f"'{HOSTILE}1"
    assert rows[0]["issued_at"].endswith("Z")
    await post(house, f"/charge-records/{billed.records[0]}/credit", {"reason": "Goodwill."})
    answer = await house.client(await house.key()).get("/api/v1/charge-records/export.csv?kind=credit")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["gross"], row["net_energy"]) == ("-2950", "-2500")  # a number, not a formula


async def test_parquet_has_exact_decimals(house: House, billed: Billed) -> None:
    answer = await house.client(await house.key()).get("/api/v1/charge-records/export.parquet")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    file = parquet.ParquetFile(io.BytesIO(answer.content))
    table = file.read().to_pylist()
    assert [row["id"] for row in table] == billed.records
    assert [(row["gross"], row["energy_kwh"]) for row in table] == [(Decimal(2950), Decimal(10))] * 2


async def test_ocpi_has_the_frozen_tariff(house: House, billed: Billed) -> None:
    for version, total in (
        ("2.2.1", {"excl_vat": 2500, "incl_vat": 2950}),
        ("2.3.0", {"before_taxes": 2500, "taxes": [{"name": "VAT", "percentage": 18, "amount": 450}]}),
    ):
        cdr = await get(house, f"/charge-records/{billed.records[0]}/ocpi", version=version)
        assert cdr["total_cost"] == total
        assert (cdr["country_code"], cdr["tariffs"][0]["currency"]) == ("RW", "RWF")


async def test_only_records_of_ones_sites_are_seen(house: House, billed: Billed) -> None:
    await house.user(Role.OPERATOR, billed.sites[0])
    client = await house.log_in()
    listed = (await client.get("/api/v1/charge-records")).json()["items"]
    assert [row["id"] for row in listed] == billed.records[:1]
    exported = (await client.get("/api/v1/charge-records/export.csv")).content.decode("utf-8-sig")
    assert [row["id"] for row in csv.DictReader(io.StringIO(exported))] == billed.records[:1]
    (total,) = (await client.get("/api/v1/charge-records/sums")).json()
    assert total["count"] == 1
    assert (await client.get("/api/v1/ratings")).json()["items"][0]["transaction_id"] == billed.sessions[0]
    for path in (f"/charge-records/{billed.records[1]}", f"/transactions/{billed.sessions[1]}/price"):
        assert (await client.get(f"/api/v1{path}")).status_code == 404


async def test_reading_money_is_not_changing_it(house: House, billed: Billed) -> None:
    key = await house.key(Scope.MONEY_READ)
    assert await get(house, "/charge-records", key)
    refused = await house.client(key).post(
        f"/api/v1/charge-records/{billed.records[0]}/credit", json={"reason": "Goodwill."}
    )
    assert refused.status_code == 403
    other = await house.client(await house.key(Scope.TRANSACTIONS_READ)).get("/api/v1/charge-records")
    assert other.status_code == 403
