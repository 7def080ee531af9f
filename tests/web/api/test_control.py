"""Control and metering over HTTP: limits, awaited starts, availability, questions, streams, signed values."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import msgspec
import pytest

from ingufu.accounts.model import Role
from ingufu.authorization.model import TokenDetails
from ingufu.charging.model import MeterReading, ReportKind, Sample, SignedValue, TransactionReport
from ingufu.core.commands import Outcome, StartCharging, StopCharging, Trigger, TriggerMessage
from ingufu.core.control import (
    AdjustEventStream,
    AskTransactionStatus,
    EventStream,
    EventStreams,
    ExtendedTriggerMessage,
    TransactionStatus,
    UsePriorityCharging,
)
from ingufu.core.errors import StationTimeout
from web.api.conftest import House

Put = Callable[..., Any]


@pytest.fixture
async def station(house: House) -> str:
    async with house.database.work() as work:
        await house.services.authorization.create_token(
            work, TokenDetails(value="04AA"), organisation_id=house.organisation_id
        )
    return await house.station("CP1", is_online=True, version="2.1")


async def starts(admin: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await admin.get("/api/v1/stations/CP1/starts")).json()["items"])


async def test_a_start_is_awaited_with_its_limit(house: House, admin: httpx.AsyncClient, station: str) -> None:
    limit = {"max_energy_wh": "12000", "max_soc_percent": 80, "max_cost": "9.5"}
    body = {"token": "04AA", "evse": 2, "group": "FAMILY", "limit": limit, "wait_s": 90}
    answer = await admin.post("/api/v1/stations/CP1/start", json=body)
    assert answer.status_code == 200, answer.text
    (asked,) = await starts(admin)
    assert asked["id"] == answer.json()["id"]
    assert (asked["state"], asked["answer"], asked["evse"], asked["asked_by"]) == ("accepted", "Accepted", 2, "test")
    assert asked["limit"] == {"max_energy_wh": "12000", "max_soc_percent": 80, "max_cost": "9.5"} | {"max_time_s": None}
    ((told, command),) = house.link.commands
    assert isinstance(command, StartCharging)
    assert (told, command.remote_start_id, command.group) == (station, asked["number"], "FAMILY")
    assert station in house.link.reloaded  # before it was asked: what comes of it may be told at once
    house.clock.advance(91)
    await house.services.control.expire_starts()
    assert (await starts(admin))[0]["state"] == "expired"
    assert (await admin.get("/api/v1/stations/CP1/starts?state=started")).json()["items"] == []


async def test_a_start_that_is_refused_or_not_asked_says_so(
    house: House, admin: httpx.AsyncClient, station: str
) -> None:
    refused = Outcome(status="Rejected", is_accepted=False, details={"reason": "Occupied"})
    house.link.outcomes["StartCharging"] = refused
    assert (await admin.post("/api/v1/stations/CP1/start", json={"token": "04AA"})).json()["is_accepted"] is False
    house.link.online.clear()
    assert (await admin.post("/api/v1/stations/CP1/start", json={"token": "04AA"})).status_code == 409
    house.link.online.add(station)
    house.link.outcomes["StartCharging"] = StationTimeout()
    assert (await admin.post("/api/v1/stations/CP1/start", json={"token": "04AA"})).status_code == 504
    found = [(one["state"], one["answer"]) for one in await starts(admin)]
    assert found == [("asked", None), ("failed", "station-offline"), ("refused", "Rejected: Occupied")]


async def test_three_minutes_are_waited_where_the_station_has_not_said_how_long_it_does(
    house: House, admin: httpx.AsyncClient, station: str
) -> None:
    await admin.post("/api/v1/stations/CP1/start", json={"token": "04AA"})
    (asked,) = await starts(admin)
    waited = msgspec.convert(asked["expires_at"], type=Any)
    assert waited == (house.clock.now() + timedelta(seconds=180)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("name", ["4711", "not-a-number"])
async def test_an_unknown_transaction_is_stopped_by_force_alone(
    house: House, admin: httpx.AsyncClient, station: str, name: str
) -> None:
    assert (await admin.post("/api/v1/stations/CP1/stop", json={"transaction": name})).status_code == 404
    answer = await admin.post("/api/v1/stations/CP1/stop", json={"transaction": name, "force": True})
    assert answer.status_code == 200
    assert house.link.commands == [(station, StopCharging(reference=name))]


async def test_an_ended_transaction_is_stopped_by_force_alone(
    house: House, admin: httpx.AsyncClient, station: str, transaction: Put
) -> None:
    id_ = await transaction(station, reference="TX-1", is_open=False)
    assert (await admin.post("/api/v1/stations/CP1/stop", json={"transaction": id_})).status_code == 409
    answer = await admin.post("/api/v1/stations/CP1/stop", json={"transaction": id_, "force": True})
    assert answer.status_code == 200
    assert house.link.commands == [(station, StopCharging(reference="TX-1"))]


async def test_a_limit_is_set_and_seen(house: House, admin: httpx.AsyncClient, station: str, transaction: Put) -> None:
    id_ = await transaction(station, reference="TX-1")
    assert (await admin.get(f"/api/v1/transactions/{id_}/control")).json()["control"] is None
    answer = await admin.put(f"/api/v1/transactions/{id_}/limit", json={"max_energy_wh": 5000, "max_time_s": 3600})
    assert answer.status_code == 200, answer.text
    kept = (await admin.get(f"/api/v1/transactions/{id_}/control")).json()["control"]
    assert kept == answer.json()["control"]
    assert (kept["limit"]["max_energy_wh"], kept["limit"]["max_time_s"]) == ("5000", 3600)
    assert (kept["limit_set_by"], kept["reached"]) == ("test", None)
    assert house.link.reloaded == [station]
    events = (await admin.get(f"/api/v1/events?transaction_id={id_}")).json()["items"]
    assert [one["kind"] for one in events] == ["LimitChanged"]
    assert (await admin.put(f"/api/v1/transactions/{id_}/limit", json={})).json()["control"]["limit"] == dict.fromkeys(
        ("max_cost", "max_energy_wh", "max_time_s", "max_soc_percent")
    )


@pytest.mark.parametrize(
    "body",
    [{"max_energy_wh": 0}, {"max_energy_wh": "NaN"}, {"max_time_s": 0}, {"max_soc_percent": 101}, {"max_cost": -1}],
)
async def test_a_limit_that_nothing_can_have_is_refused(
    admin: httpx.AsyncClient, station: str, transaction: Put, body: dict[str, Any]
) -> None:
    id_ = await transaction(station, reference="TX-1")
    answer = await admin.put(f"/api/v1/transactions/{id_}/limit", json=body)
    assert answer.status_code == 422, answer.text


async def test_what_has_ended_can_no_longer_be_steered(
    admin: httpx.AsyncClient, station: str, transaction: Put
) -> None:
    id_ = await transaction(station, reference="TX-1", is_open=False)
    for path, body in (
        ("limit", {"max_time_s": 60}), ("message", {"content": "x"}), ("priority", {"priority": 1}),
    ):  # fmt: skip
        answer = await admin.put(f"/api/v1/transactions/{id_}/{path}", json=body)
        assert answer.status_code == 409, path
    answer = await admin.post(f"/api/v1/transactions/{id_}/priority-charging", json={"is_active": True})
    assert answer.status_code == 409


async def test_message_and_priority_are_kept(admin: httpx.AsyncClient, station: str, transaction: Put) -> None:
    id_ = await transaction(station, reference="TX-1")
    await admin.put(f"/api/v1/transactions/{id_}/message", json={"content": "Muraho", "language": "rw"})
    answer = await admin.put(f"/api/v1/transactions/{id_}/priority", json={"priority": -3})
    kept = answer.json()["control"]
    assert kept["message"] == {"content": "Muraho", "format": "UTF8", "language": "rw"}
    assert (kept["priority"], kept["priority_sent_in"]) == (-3, None)
    refused = await admin.put(f"/api/v1/transactions/{id_}/message", json={"content": "x", "format": "QRCODE"})
    assert refused.status_code == 422


async def test_priority_charging_counts_when_the_station_says_so(
    house: House, admin: httpx.AsyncClient, station: str, transaction: Put
) -> None:
    id_ = await transaction(station, reference="TX-1")
    path = f"/api/v1/transactions/{id_}/priority-charging"
    house.link.outcomes["UsePriorityCharging"] = Outcome(status="NoProfile", is_accepted=False)
    assert (await admin.post(path, json={"is_active": True})).json()["status"] == "NoProfile"
    assert (await admin.get(f"/api/v1/transactions/{id_}/control")).json()["control"] is None
    del house.link.outcomes["UsePriorityCharging"]
    assert (await admin.post(path, json={"is_active": True})).status_code == 200
    kept = (await admin.get(f"/api/v1/transactions/{id_}/control")).json()["control"]
    assert (kept["has_priority"], kept["has_priority_by"]) == (True, "test")
    assert house.link.commands[-1] == (station, UsePriorityCharging(reference="TX-1", is_active=True))


async def test_a_station_is_asked_about_a_transaction(
    house: House, admin: httpx.AsyncClient, station: str, transaction: Put
) -> None:
    id_ = await transaction(station, reference="TX-1")
    house.link.outcomes["AskTransactionStatus"] = TransactionStatus(
        status="NotOngoing", is_accepted=True, is_ongoing=False, has_messages=True
    )
    answer = await admin.post(f"/api/v1/transactions/{id_}/status")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["is_ongoing"], answer.json()["has_messages"]) == (False, True)
    kept = (await admin.get(f"/api/v1/transactions/{id_}/control")).json()["control"]
    assert (kept["is_ongoing"], kept["has_messages"]) == (False, True)
    for name in ("TX-1", "TX-unknown", None):
        body = {} if name is None else {"transaction": name}
        assert (await admin.post("/api/v1/stations/CP1/transaction-status", json=body)).status_code == 200
    asked = [command.reference for _, command in house.link.commands if isinstance(command, AskTransactionStatus)]
    assert asked == ["TX-1", "TX-1", "TX-unknown", None]


async def test_availability_that_is_asked_is_kept_with_the_answer(
    house: House, admin: httpx.AsyncClient, station: str
) -> None:
    house.link.outcomes["ChangeAvailability"] = Outcome(status="Scheduled", is_accepted=True)
    await admin.post("/api/v1/stations/CP1/availability", json={"availability": "inoperative"})
    house.link.online.clear()
    answer = await admin.post("/api/v1/stations/CP1/availability", json={"availability": "operative"})
    assert answer.status_code == 409
    (kept,) = (await admin.get("/api/v1/stations/CP1/availability")).json()
    assert (kept["evse"], kept["is_operative"], kept["state"], kept["answer"]) == (0, True, "wanted", "station-offline")


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_no_part_of_a_16_station_is_put_into_service_before_the_whole(
    house: House, admin: httpx.AsyncClient, version: str
) -> None:
    """It would be taken out again: connector 0 is all of them. From 2.x on, a station keeps the two apart."""
    station_id = await house.station("CP6", is_online=True, version=version)
    async with house.database.work() as work:
        await house.services.stations.set_connector(work, station_id, 2, 1)
    path, into = "/api/v1/stations/CP6/availability", {"availability": "operative"}
    assert (await admin.post(path, json={"availability": "inoperative"})).status_code == 200
    answer = await admin.post(path, json=into | {"evse": 2})
    asked = [(one["evse"], one["is_operative"]) for one in (await admin.get(path)).json()]
    if version == "1.6":
        assert answer.status_code == 409
        assert "Put the station into service first" in answer.json()["detail"]
        assert (asked, len(house.link.commands)) == ([(0, False)], 1)
    else:
        assert answer.status_code == 200
        assert asked == [(0, False), (2, True)]
    assert (await admin.post(path, json={"availability": "inoperative", "evse": 2})).status_code == 200
    assert (await admin.post(path, json=into)).status_code == 200
    assert (await admin.post(path, json=into | {"evse": 2})).status_code == 200


async def test_a_16_station_that_refuses_to_be_out_of_service_holds_no_connector_back(
    house: House, admin: httpx.AsyncClient
) -> None:
    station_id = await house.station("CP6", is_online=True, version="1.6")
    async with house.database.work() as work:
        await house.services.stations.set_connector(work, station_id, 2, 1)
    path = "/api/v1/stations/CP6/availability"
    house.link.outcomes["ChangeAvailability"] = Outcome(status="Rejected", is_accepted=False)
    await admin.post(path, json={"availability": "inoperative"})
    assert (await admin.post(path, json={"availability": "operative", "evse": 2})).status_code == 200


@pytest.mark.parametrize(("version", "places"), [("1.6", [(2, 0, True)]), ("2.0.1", [(2, 0, True), (2, 1, False)])])
async def test_the_connector_of_an_evse_is_the_same_place_in_16(
    house: House, admin: httpx.AsyncClient, version: str, places: list[tuple[int, int, bool]]
) -> None:
    station_id = await house.station("CP6", is_online=True, version=version)
    async with house.database.work() as work:
        await house.services.stations.set_connector(work, station_id, 2, 1)
    path = "/api/v1/stations/CP6/availability"
    for body in ({"availability": "inoperative", "connector": 1}, {"availability": "operative"}):
        answer = await admin.post(path, json=body | {"evse": 2})
        assert answer.status_code == 200, answer.text
    kept = (await admin.get(path)).json()
    assert [(one["evse"], one["connector"], one["is_operative"]) for one in kept] == places


async def test_every_message_can_be_asked_for(house: House, admin: httpx.AsyncClient, station: str) -> None:
    path = "/api/v1/stations/CP1/trigger"
    for one in Trigger:
        body = {"trigger": one.value} | ({"custom": "Vendor"} if one is Trigger.CUSTOM else {})
        assert (await admin.post(path, json=body)).status_code == 200, one
    assert (await admin.post(path, json={"trigger": "log-status", "is_extended": True})).status_code == 200
    assert house.link.commands[-1] == (station, ExtendedTriggerMessage(trigger=Trigger.LOG_STATUS))
    assert house.link.commands[-2] == (station, TriggerMessage(trigger=Trigger.CUSTOM, custom="Vendor"))
    assert (await admin.post(path, json={"trigger": "custom"})).status_code == 422
    assert (await admin.post(path, json={"trigger": "boot", "custom": "x"})).status_code == 422


async def test_streams_are_listed_adjusted_and_read(house: House, admin: httpx.AsyncClient, station: str) -> None:
    told = EventStream(number=3, monitor=7, interval_s=60)
    house.link.outcomes["ListEventStreams"] = EventStreams(status="Listed", is_accepted=True, streams=(told,))
    (found,) = (await admin.post("/api/v1/stations/CP1/streams")).json()
    assert (found["number"], found["state"], found["interval_s"]) == (3, "open", 60)
    streams, now = house.services.stations.streams, house.clock.now()
    async with house.database.work() as work:
        values = streams.read(now, [(Decimal(0), "1"), (Decimal(5), "2")], now)
        await streams.receive(work, station, 3, values, pending=0, received_at=now)
    page = (await admin.get("/api/v1/stations/CP1/streams/3/values?limit=1")).json()
    assert [one["value"] for one in page["items"]] == ["2"]
    rest = (await admin.get(f"/api/v1/stations/CP1/streams/3/values?cursor={page['next']}")).json()
    assert [one["value"] for one in rest["items"]] == ["1"]
    answer = await admin.post("/api/v1/stations/CP1/streams/3", json={"interval_s": 30})
    assert answer.status_code == 200
    assert house.link.commands[-1] == (station, AdjustEventStream(stream=3, interval_s=30))
    assert (await admin.get("/api/v1/stations/CP1/streams")).json()[0]["interval_s"] == 30
    assert (await admin.post("/api/v1/stations/CP1/streams/3", json={})).status_code == 422


async def test_signed_values_come_out_byte_for_byte(house: House, admin: httpx.AsyncClient, station: str) -> None:
    data, now = 'OCMF|{"RD":["é\\u00e9 <&>"]}|{}', house.clock.now()
    signed = SignedValue(data=data, encoding="OCMF", method="", public_key="oca:base16:asn1:3003020101")
    sample = Sample(value=Decimal(1), raw_value="1", context="Transaction.Begin", signed=signed)
    plain = Sample(value=Decimal(2), raw_value="2", measurand="Voltage", unit="V")
    report = TransactionReport(
        kind=ReportKind.STARTED, station_id=station, version="2.1", reference="TX-1", at=now, received_at=now, seq=0,
        readings=(MeterReading(at=now, samples=(sample, plain)),),
    )  # fmt: skip
    async with house.database.work() as work:
        it = (await house.services.charging.record(work, report)).transaction
    (row,) = (await admin.get(f"/api/v1/transactions/{it.id}/signed-values")).json()
    assert (row["data"], row["public_key_der_hex"], row["context"]) == (data, "3003020101", "Transaction.Begin")
    answer = await admin.get(f"/api/v1/transactions/{it.id}/signed-values/file")
    assert answer.headers["content-type"].startswith("application/xml")
    assert "attachment" in answer.headers["content-disposition"]
    (value,) = ET.fromstring(answer.content)
    assert value.findtext("signedData") == data
    assert (await admin.get("/api/v1/transactions/none/signed-values")).status_code == 404


async def test_readings_outside_of_transactions_are_listed(
    house: House, admin: httpx.AsyncClient, station: str
) -> None:
    now = house.clock.now()
    for evse in (None, 1, 1):
        sample = Sample(value=Decimal(evse or 9), raw_value="1", context="Sample.Clock")
        async with house.database.work() as work:
            await house.services.charging.add_readings(
                work, station_id=station, version="2.1", evse=evse, reference=None, received_at=now,
                readings=(MeterReading(at=now, samples=(sample,)),),
            )  # fmt: skip
        now += timedelta(seconds=1)
    for query, count in (("", 3), ("?evse=1", 2), ("?evse=0", 1), ("?context=Sample.Clock", 3), ("?context=Other", 0)):
        found = (await admin.get(f"/api/v1/stations/CP1/readings{query}")).json()["items"]
        assert len(found) == count, query


async def test_readings_are_asked_for(house: House, admin: httpx.AsyncClient, station: str) -> None:
    body = {"occasion": "updated", "measurands": ["SoC", "Voltage"], "interval_s": 30}
    answer = await admin.put("/api/v1/stations/CP1/sampling", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["asked_by"]) == ("waiting", "test")
    assert (await admin.get("/api/v1/stations/CP1/sampling")).json() == [answer.json()]
    wanted = await house.services.configuration.wishes.wanted(station)
    assert wanted == [] or wanted[0].value == "30"
    for wrong in ({"occasion": "updated"}, {"occasion": "started", "interval_s": 1}, {"occasion": "x"}):
        assert (await admin.put("/api/v1/stations/CP1/sampling", json=wrong)).status_code == 422, wrong


async def test_nothing_of_another_site_can_be_seen_or_steered(house: House, station: str, transaction: Put) -> None:
    id_ = await transaction(station, reference="TX-1")
    site = await house.site("Kigali")
    await house.user(Role.OPERATOR, site)
    client = await house.log_in()
    for method, path, body in (
        ("GET", f"/transactions/{id_}/control", None),
        ("PUT", f"/transactions/{id_}/limit", {"max_time_s": 60}),
        ("POST", f"/transactions/{id_}/status", None),
        ("GET", f"/transactions/{id_}/signed-values", None),
        ("GET", f"/transactions/{id_}/signed-values/file", None),
        ("GET", "/stations/CP1/starts", None),
        ("GET", "/stations/CP1/streams", None),
        ("GET", "/stations/CP1/readings", None),
        ("PUT", "/stations/CP1/sampling", {"occasion": "updated", "interval_s": 5}),
        ("POST", "/stations/CP1/availability", {"availability": "inoperative"}),
    ):
        answer = await client.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    assert house.link.commands == house.link.reloaded == []
