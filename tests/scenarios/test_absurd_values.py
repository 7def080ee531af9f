"""Numbers and names that cannot be meant: kept out of harm's way, and the station answered."""

import pytest

from running import Running
from scenarios.line import line
from scenarios.records import (
    anomalies,
    connectors,
    evses,
    only,
    readings,
    rows,
    transactions,
)

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


async def test_more_connectors_than_any_cabinet_has_are_not_believed(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        for number in [*range(1, 260), 10_000, 2**31, 2**63 - 1, -1, -(2**31)]:
            status = {"connectorId": number, "errorCode": "NoError", "status": "Charging"}
            assert await station.get("StatusNotification", status) == {}
    assert len(await rows(house, connectors, station_id=station_id)) == 200
    assert len(await rows(house, evses, station_id=station_id)) == 200


@pytest.mark.parametrize("number", [2**31, 2**63 - 1, 0, -1, -(2**40)])
async def test_absurd_numbers_of_connectors_do_not_keep_a_transaction_from_being_kept(house: Running, number: int):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        start = {"connectorId": number, "idTag": "A", "meterStart": number, "timestamp": "2026-03-01T12:00:00Z"}
        answer = await station.get("StartTransaction", start)
        sample = {"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"value": "1e400"}, {"value": "nan"}]}
        values = {"connectorId": number, "transactionId": answer["transactionId"], "meterValue": [sample]}
        assert await station.get("MeterValues", values) == {}
        stop = {"transactionId": answer["transactionId"], "meterStop": 2**62, "timestamp": "9999-12-31T23:59:59Z"}
        assert await station.get("StopTransaction", stop) == {}
    transaction = await only(house, transactions, station_id=station_id)
    assert transaction["number"] == answer["transactionId"]
    assert transaction["is_open"] is False
    assert transaction["anomaly_count"] > 0


async def test_another_stations_transaction_cannot_be_ended_or_fed(house: Running):
    owner_id, stranger_id = await house.add_station("OWNER"), await house.add_station("STRANGER")
    start = {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": "2026-03-01T12:00:00Z"}
    async with line(house, "OWNER") as owner, line(house, "STRANGER") as stranger:
        await owner.boot()
        await stranger.boot()
        number = (await owner.get("StartTransaction", start))["transactionId"]
        sample = {"timestamp": "2026-03-01T12:01:00Z", "sampledValue": [{"value": "999999"}]}
        values = {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
        assert await stranger.get("MeterValues", values) == {}
        stop = {"transactionId": number, "meterStop": 999999, "timestamp": "2026-03-01T12:02:00Z"}
        assert await stranger.get("StopTransaction", stop) == {}
        owned = await only(house, transactions, station_id=owner_id)
        assert (owned["is_open"], owned["energy_wh"]) == (True, 0)
        assert not await rows(house, readings, transaction_id=owned["id"])
        seen = {row["kind"] for row in await rows(house, anomalies, station_id=stranger_id)}
        assert "foreign-transaction" in seen
        assert await owner.get("StopTransaction", stop | {"meterStop": 3000}) == {}
    owned = await only(house, transactions, station_id=owner_id)
    assert (owned["is_open"], owned["energy_wh"]) == (False, 2000)


async def test_two_stations_may_use_the_same_transaction_id_without_meeting(house: Running):
    ids = [await house.add_station(name) for name in ("ONE", "TWO")]
    event = {
        "eventType": "Started", "timestamp": "2026-03-01T12:00:00Z", "triggerReason": "Authorized", "seqNo": 0,
        "transactionInfo": {"transactionId": "TX-1"}, "evse": {"id": 1},
    }  # fmt: skip
    async with line(house, "ONE", "2.0.1") as one, line(house, "TWO", "2.1") as two:
        for station in (one, two):
            await station.boot()
            assert await station.get("TransactionEvent", event) == {}
        end = event | {"eventType": "Ended", "seqNo": 1, "triggerReason": "EVDeparted"}
        assert await two.get("TransactionEvent", end) == {}
    assert [(await only(house, transactions, station_id=id_))["is_open"] for id_ in ids] == [True, False]
