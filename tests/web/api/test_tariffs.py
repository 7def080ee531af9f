"""Tariffs over HTTP: made, changed by versions, assigned, chosen with reasons, previewed; and who may do so."""

from datetime import timedelta

import pytest

from ingufu.accounts.model import Role, Scope
from ingufu.billing.invoices.parties import TaxRounding
from ingufu.core.money import Rounding
from web.api.conftest import House
from web.api.engines import both_engines


def terms(price="250", *, currency="RWF", **component):
    energy = {"dimension": "ENERGY", "price": price, "taxes": [{"percent": "18"}], **component}
    return {"currency": currency, "tax_basis": "YES", "elements": [{"components": [energy]}]}


@pytest.fixture
def make(admin):
    """Makes a tariff, and returns what the API says of it."""

    async def put(name="Day", given=None, **fields):
        answer = await admin.post("/api/v1/tariffs", json={"name": name, "terms": given or terms(), **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return put


async def assign(client, tariff, target, **fields):
    return await client.post(f"/api/v1/tariffs/{tariff['id']}/assignments", json={"target": target, **fields})


@both_engines
async def test_a_tariff_is_made_changed_assigned_and_retired(house: House, admin, make) -> None:
    made = await make(texts={"rw": "Umuriro"})
    assert (made["current"]["number"], made["current"]["state"], made["next"]) == (1, "current", None)
    assert made["current"]["terms"] == terms()
    path = f"/api/v1/tariffs/{made['id']}"
    later = (house.clock.now() + timedelta(days=1)).isoformat()
    changed = await admin.post(f"{path}/versions", json={"terms": terms("300"), "valid_from": later})
    assert (changed.status_code, changed.json()["state"]) == (201, "future")
    assert (await admin.get(path)).json()["next"]["terms"]["elements"][0]["components"][0]["price"] == "300"
    assert (await admin.patch(path, json={"name": "Night"})).json()["name"] == "Night"
    assigned = await assign(admin, made, "everyone")
    assert assigned.status_code == 201, assigned.text
    [row] = (await admin.get("/api/v1/tariffs?q=nig")).json()["items"]
    assert [one["target"] for one in row["assignments"]] == ["everyone"]
    withdrawn = await admin.post(f"{path}/versions/2/withdraw")
    assert withdrawn.json()["state"] == "withdrawn"
    assert (await admin.post(f"{path}/versions/1/withdraw")).status_code == 409
    assert [one["number"] for one in (await admin.get(f"{path}/versions")).json()] == [2, 1]
    assert (await admin.post(f"{path}/retire")).json()["is_retired"]
    assert (await admin.get("/api/v1/tariffs?is_retired=false")).json()["items"] == []
    assert (await admin.post(f"{path}/restore")).status_code == 200
    kinds = [one["kind"] for one in (await admin.get(f"{path}/history")).json()]
    assert kinds == ["restored", "retired", "withdrawn", "assigned", "described", "terms", "created"]
    audit = (await admin.get("/api/v1/audit")).json()["items"]
    assert {one["action"] for one in audit} >= {"tariff.create", "tariff.change", "tariff.assign", "tariff.retire"}


async def test_a_slip_of_the_pen_in_terms_is_refused_with_its_place(admin) -> None:
    wrong = terms()
    wrong["elements"][0]["restrictions"] = {"max_kw": "16"}
    answer = await admin.post("/api/v1/tariffs", json={"name": "Day", "terms": wrong})
    assert answer.status_code == 422
    assert "max_kw" in answer.text
    assert "elements" in answer.text


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-1", "1e400", "0.0000001"])
async def test_prices_that_are_none_are_refused(admin, price) -> None:
    answer = await admin.post("/api/v1/tariffs", json={"name": "Day", "terms": terms(price)})
    assert answer.status_code == 422, answer.text


async def test_the_choice_is_told_step_by_step(house: House, admin, make) -> None:
    site = await house.site("Kigali")
    await house.station("CP1", site_id=site, is_online=True)
    day, vip = await make("Day"), await make("VIP", terms("200"))
    driver = (await admin.post("/api/v1/drivers", json={"name": "Keza"})).json()
    await admin.post("/api/v1/tokens", json={"value": "04AABBCC", "driver_id": driver["id"]})
    await assign(admin, day, "site", target_id=site)
    assert (await assign(admin, vip, "driver", target_id=driver["id"])).json()["label"] == "Keza"
    known = (await admin.get("/api/v1/tariffs/applying?station=CP1&evse=1&token=04aabbcc")).json()
    assert known["choice"]["applied"]["tariff_id"] == vip["id"]
    assert [(one["code"], one["target"]) for one in known["choice"]["steps"]] == [
        ("wins", "driver"),
        ("unknown-target", "group"),
        ("unknown-target", "plan"),
        ("nothing-assigned", "evse"),
        ("nothing-assigned", "station"),
        ("less-specific", "site"),
        ("nothing-assigned", "everyone"),
    ]
    passing = (await admin.get("/api/v1/tariffs/applying?station=CP1&evse=1")).json()
    assert (passing["situation"]["kind"], passing["choice"]["applied"]["name"]) == ("AD_HOC_PAYMENT", "Day")


async def test_price_asked_for_a_card_is_that_of_its_drivers_plan(house: House, admin, make) -> None:
    members, everyone = await make("Members"), await make("Everyone")
    await assign(admin, members, "plan", target_id="Gold")
    await assign(admin, everyone, "everyone")
    assert (await assign(admin, members, "plan", target_id="Go\tld")).status_code == 422
    driver = (await admin.post("/api/v1/drivers", json={"name": "Keza"})).json()
    await admin.post("/api/v1/tokens", json={"value": "04AABBCC", "driver_id": driver["id"]})
    before = house.clock.now().isoformat()
    house.clock.advance(60)
    await admin.patch(f"/api/v1/drivers/{driver['id']}", json={"plan": "Gold"})
    asked = {"token": "04AABBCC"}

    async def found(**given: str) -> tuple[str | None, str]:
        shown = (await admin.get("/api/v1/tariffs/applying", params={**asked, **given})).json()
        return (shown["situation"]["plan"], shown["choice"]["applied"]["name"])

    assert await found() == ("Gold", "Members")
    assert await found(plan="None such") == ("None such", "Everyone")
    assert await found(at=before) == (None, "Everyone")
    body = {"usage": {"energy_kwh": "1"}, "situation": {"driver_id": driver["id"]}}
    assert (await admin.post("/api/v1/tariffs/preview", json=body)).json()["applied"]["tariff_id"] == members["id"]


async def test_a_preview_is_rounded_as_the_seller_of_the_site_says(house: House, admin, make) -> None:
    made = await make()
    site = await house.site("Kigali", time_zone="Africa/Kigali")
    await house.station("CP1", site_id=site)
    await assign(admin, made, "everyone")
    async with house.database.work() as work:
        await house.services.money.entities.create(
            work,
            organisation_id=house.organisation_id,
            key="KGL",
            name="Host Ltd",
            site_ids=(site,),
            tax_rounding=TaxRounding.TOTAL,
            rounding=Rounding.HALF_EVEN,
        )
    for situation, rule in (({"station": "CP1"}, ("half-even", "total")), ({}, None)):
        body = {"usage": {"energy_kwh": "20"}, "situation": situation}
        billed = (await admin.post("/api/v1/tariffs/preview", json=body)).json()["price"]["billed"]
        told = (billed.get("rounding"), billed.get("policy"))
        assert told == (rule or (None, None)), "what is as usual is left out"


async def test_a_preview_tells_the_price_line_by_line(house: House, admin, make) -> None:
    made = await make()
    site = await house.site("Kigali", time_zone="Africa/Kigali")
    await house.station("CP1", site_id=site)
    await assign(admin, made, "station", target_id="CP1")
    usage = {"energy_kwh": "20", "charging_min": 40}
    for asked in ({"tariff_id": made["id"]}, {"situation": {"station": "CP1"}}, {"terms": terms()}):
        answer = await admin.post("/api/v1/tariffs/preview", json={"usage": usage, **asked})
        assert answer.status_code == 200, answer.text
        price = answer.json()["price"]
        assert (price["currency"], price["billed"]["gross"], price["billed"]["tax"]) == ("RWF", "5000", "763")
        assert [line["quantity"] for line in price["lines"]] == ["20"]
    nothing = await admin.post("/api/v1/tariffs/preview", json={"usage": usage, "situation": {}})
    assert (nothing.status_code, nothing.json()["price"]) == (200, None)


@pytest.mark.parametrize(
    "body",
    [
        {"usage": {}},
        {"usage": {}, "terms": terms(), "tariff_id": "x"},
        {"usage": {"energy_kwh": "-1"}, "terms": terms()},
        {"usage": {"charging_min": "1e999999"}, "terms": terms()},
        {"usage": {"energy_kwh": "NaN"}, "terms": terms()},
        {"usage": {"time_zone": "Mars/Olympus"}, "terms": terms()},
        {"usage": {}, "terms": terms(feed={"feed_id": "none"})},
    ],
)
async def test_what_cannot_be_previewed_is_refused(admin, body) -> None:
    assert (await admin.post("/api/v1/tariffs/preview", json=body)).status_code == 422


async def test_preview_leaves_nothing_behind(house: House, admin) -> None:
    await admin.post("/api/v1/tariffs/preview", json={"usage": {"energy_kwh": 1}, "terms": terms()})
    assert (await admin.get("/api/v1/tariffs")).json()["items"] == []


async def test_targets_must_be_there(house: House, admin, make) -> None:
    await house.station("CP1", is_online=True)
    made = await make()
    for fields in (
        {"target": "site", "target_id": "none"},
        {"target": "driver", "target_id": "none"},
        {"target": "group", "target_id": "none"},
        {"target": "station", "target_id": "CP2"},
        {"target": "evse", "target_id": "CP1", "evse": 9},
        {"target": "everyone", "target_id": "x"},
    ):
        answer = await admin.post(f"/api/v1/tariffs/{made['id']}/assignments", json=fields)
        assert answer.status_code == 422, fields
    assert (await assign(admin, made, "plan", target_id="Fleet 50")).json()["label"] == "Fleet 50"


async def test_an_assignment_is_ended_and_moved(house: House, admin, make) -> None:
    made = await make()
    one = (await assign(admin, made, "everyone")).json()
    path = f"/api/v1/tariff-assignments/{one['id']}"
    later = (house.clock.now() + timedelta(days=1)).isoformat()
    assert (await admin.patch(path, json={"valid_until": later, "note": "until Monday"})).json()["note"]
    house.clock.advance(60)
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.get(path)).json()["valid_until"].startswith("2026-03-01T12:01:00")
    assert (await admin.patch(path, json={"valid_until": None})).status_code == 409


async def test_who_looks_after_a_site_sees_what_applies_there_and_changes_nothing(house: House, admin, make) -> None:
    ours, theirs = await house.site("Kigali"), await house.site("Huye")
    await house.station("CP1", site_id=ours)
    for name, target, target_id in (
        ("Here", "site", ours),
        ("There", "site", theirs),
        ("All", "everyone", ""),
        ("Station", "station", "CP1"),
    ):
        await assign(admin, await make(name), target, target_id=target_id)
    secret = await make("Secret")
    await house.user(Role.OPERATOR, ours)
    client = await house.log_in()
    seen = (await client.get("/api/v1/tariffs")).json()["items"]
    assert [one["name"] for one in seen] == ["All", "Here", "Station"]
    assert (await client.get(f"/api/v1/tariffs/{secret['id']}")).status_code == 404
    assert (await client.get(f"/api/v1/tariffs/{secret['id']}/versions")).status_code == 404
    path = f"/api/v1/tariffs/{seen[0]['id']}"
    assert (await client.get(f"{path}/versions")).status_code == 200
    for method, target, body in (
        ("POST", "/api/v1/tariffs", {"name": "X", "terms": terms()}),
        ("POST", f"{path}/versions", {"terms": terms()}),
        ("POST", f"{path}/retire", {}),
        ("POST", f"{path}/assignments", {"target": "everyone"}),
    ):
        assert (await client.request(method, target, json=body)).status_code == 403
    assert (await client.get("/api/v1/tariffs/applying?station=CP1")).json()["choice"]["applied"]["name"] == "Station"
    assert (await client.get(f"/api/v1/tariffs/applying?site_id={theirs}")).status_code == 422
    assert (await client.get("/api/v1/tariffs/applying?station=CP1&token=04AA")).status_code == 403
    for given, status in ((terms(), 200), (terms(feed={"feed_id": "x"}), 403)):
        body = {"usage": {"energy_kwh": 1}, "terms": given}
        assert (await client.post("/api/v1/tariffs/preview", json=body)).status_code == status


async def test_drivers_are_not_looked_up_by_who_may_read_only_tariffs(house: House, make) -> None:
    await make()
    reader = house.client(await house.key(Scope.TARIFFS_READ))
    assert (await reader.get("/api/v1/tariffs")).status_code == 200
    assert (await reader.get("/api/v1/tariffs/applying?token=04AA")).status_code == 403
    assert (await reader.post("/api/v1/tariffs", json={"name": "X", "terms": terms()})).status_code == 403


CSV = "from,price\n2026-03-01T12:00Z,0.10\n2026-03-01T13:00Z,0.30\n"


@both_engines
async def test_a_feed_is_made_filled_and_priced_by(admin, make) -> None:
    feed = (await admin.post("/api/v1/price-feeds", json={"name": "Spot", "currency": "EUR"})).json()
    path = f"/api/v1/price-feeds/{feed['id']}"
    loaded = await admin.post(f"{path}/prices", json={"content": CSV})
    assert (loaded.status_code, loaded.json()["written"]) == (200, 2)
    assert (await admin.get(path)).json()["price"] == "0.10"
    assert len((await admin.get(f"{path}/prices?limit=1")).json()["items"]) == 1
    spot = await make("Spot", terms("0.05", currency="EUR", feed={"feed_id": feed["id"]}))
    assert (await admin.delete(path)).status_code == 409
    body = {"usage": {"energy_kwh": "20", "charging_min": 120, "power_kw": "10"}, "tariff_id": spot["id"]}
    price = (await admin.post("/api/v1/tariffs/preview", json=body)).json()["price"]
    assert price["billed"]["gross"] == "5.00"  # 10 kWh at 0.15, 10 kWh at 0.35
    wrong = await admin.post(f"{path}/prices", json={"content": "from,price\nyesterday,1"})
    assert (wrong.status_code, "Line 2" in wrong.text) == (422, True)
    unused = (await admin.post("/api/v1/price-feeds", json={"name": "Other", "currency": "EUR"})).json()
    assert (await admin.delete(f"/api/v1/price-feeds/{unused['id']}")).status_code == 204
    assert [one["name"] for one in (await admin.get("/api/v1/price-feeds")).json()["items"]] == ["Spot"]
