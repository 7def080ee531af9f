"""Tariffs over HTTP in other forms: texts, OCPI, OCPP; and another tariff in the middle of a session."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from ocpp_schemas import message
from web.api.conftest import House
from web.api.engines import both_engines
from web.api.test_tariffs import assign, make, terms

__all__ = ["make"]
EXACT = json.JSONDecoder(parse_float=Decimal).decode


async def test_texts_are_told_in_four_languages_and_the_operators_own(make, admin) -> None:
    made = await make(texts={"fr": "Deux cent cinquante", "de": "Zweihundertfünfzig"})
    said = {one["language"]: one for one in (await admin.get(f"/api/v1/tariffs/{made['id']}/texts")).json()}
    assert list(said) == ["en", "fr", "rw", "sw", "de"]
    assert (said["en"]["text"], said["en"]["is_own"]) == ("250 RWF/kWh; incl. VAT 18%", False)
    assert (said["fr"]["text"], said["fr"]["is_own"]) == ("Deux cent cinquante", True)
    assert said["de"]["ascii"] == "Zweihundertfunfzig"


async def test_a_tariff_goes_out_as_ocpi_and_comes_in_again(make, admin) -> None:
    made = await make(given=terms("0.2512", currency="EUR"))
    answer = await admin.get(f"/api/v1/tariffs/{made['id']}/ocpi?country_code=rw&party_id=abc")
    form = EXACT(answer.text)
    assert (form["refusals"], form["tariff"]["party_id"], form["tariff"]["tax_included"]) == ([], "ABC", "YES")
    assert form["tariff"]["elements"][0]["price_components"][0]["price"] == Decimal("0.2512")
    taken = await admin.post(
        "/api/v1/tariffs/import-ocpi",
        content=b'{"name": "Partner", "tariff": %s}'
        % answer.text.partition('"tariff":')[2].rpartition(',"refusals"')[0].encode(),
        headers={"Content-Type": "application/json"},
    )
    assert taken.status_code == 201, taken.text
    assert taken.json()["current"]["terms"] == made["current"]["terms"]
    old = await admin.get(f"/api/v1/tariffs/{made['id']}/ocpi?release=2.2.1")
    assert (old.json()["tariff"], old.json()["refusals"][0]["code"]) == (None, "gross-price")


async def test_an_import_says_what_cannot_be_held(admin) -> None:
    tariff = {"currency": "EUR", "elements": [{"price_components": [{"type": "ENERGY", "price": 0.3, "step_size": 1}]}]}
    ended = await admin.post(
        "/api/v1/tariffs/import-ocpi", json={"name": "X", "tariff": tariff | {"end_date_time": "2027-01-01T00:00:00Z"}}
    )
    assert (ended.status_code, "end_date_time" in ended.text) == (422, True)
    for wrong in (tariff | {"currency": "XXX"}, {"elements": []}, [], "x", None):
        answer = await admin.post("/api/v1/tariffs/import-ocpi", json={"name": "X", "tariff": wrong})
        assert answer.status_code == 422, wrong
    assert (await admin.get("/api/v1/tariffs")).json()["items"] == []


async def test_a_tariff_goes_out_as_stations_take_it(make, admin) -> None:
    made = await make(given=terms("295", step_size=10))
    refused = (await admin.get(f"/api/v1/tariffs/{made['id']}/ocpp")).json()
    assert (refused["tariff"], refused["refusals"][0]["code"]) == (None, "step-size")
    fit = await make("Fit", terms("295"))
    form = EXACT((await admin.get(f"/api/v1/tariffs/{fit['id']}/ocpp")).text)
    message("2.1", "SetDefaultTariff").validator.validate({"evseId": 0, "tariff": form["tariff"]})
    assert form["tariff"]["energy"]["prices"] == [{"priceKwh": 250}]
    assert [one["language"] for one in form["tariff"]["description"]] == ["en", "fr", "rw", "sw"]
    assert (await admin.get(f"/api/v1/tariffs/{fit['id']}/ocpp?version=7")).status_code == 404


@both_engines
async def test_a_running_session_changes_to_another_tariff(house: House, admin, make, transaction) -> None:
    station = await house.station("CP1", is_online=True)
    day, night, euro = await make("Day"), await make("Night", terms("150")), await make("Euro", terms(currency="EUR"))
    await assign(admin, day, "everyone")
    began = house.clock.now()
    known = await transaction(station, reference="tx-1", started_at=began)
    house.clock.advance(1800)
    path = f"/api/v1/transactions/{known}/tariff"
    switched = await admin.post(path, json={"tariff_id": night["id"]})
    assert switched.status_code == 200, switched.text
    assert switched.json()["from_at"].startswith("2026-03-01T12:30:00")
    assert (await admin.post(path, json={"tariff_id": night["id"]})).status_code == 200
    assert (await admin.post(path, json={"tariff_id": day["id"]})).status_code == 409
    assert (await admin.post(path, json={"tariff_id": euro["id"]})).status_code == 422
    early = (began - timedelta(seconds=1)).isoformat()
    assert (await admin.post(path, json={"tariff_id": day["id"], "from_at": early})).status_code == 422
    assert (await admin.post("/api/v1/transactions/none/tariff", json={"tariff_id": day["id"]})).status_code == 404
    running = await house.services.charge_records.running(known)
    assert [(one.name, one.from_at) for one in running.tariffs] == [("Day", None), ("Night", house.clock.now())]


@pytest.mark.parametrize("query", ["country_code=RWA", "party_id=a-b", "release=3.0", "version=0"])
async def test_what_ocpi_does_not_allow_is_refused(make, admin, query) -> None:
    made = await make()
    assert (await admin.get(f"/api/v1/tariffs/{made['id']}/ocpi?{query}")).status_code == 422
