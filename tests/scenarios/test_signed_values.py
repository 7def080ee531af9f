"""Signed meter values, from the socket to what the API gives: not one byte of them changes, however long they are."""

import base64
import json
import random
from typing import Any

import pytest

from ingufu.views.metering import list_signed
from running import Running
from scenarios.line import line
from scenarios.records import anomalies, only, readings, rows, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

AT = "2026-03-01T12:00:00Z"
BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
OCMF = 'OCMF|{"FV":"1.0","GI":"Ä ☃ \\u00e4","RD":[{"RV":"12.500"}]}|{"SD":"30450221"}'
KEY = "oca:base16:asn1:3059301306072A8648CE3D02"
LONG = base64.b64encode(random.Random(1).randbytes(60_000)).decode()


def value_21(data: str, **changes: str) -> dict[str, Any]:
    signed = {"signedMeterData": data, "signingMethod": "ECDSA-secp256r1-SHA256", "encodingMethod": "OCMF"}
    return {"value": 1000, "context": "Transaction.Begin", "signedMeterValue": signed | {"publicKey": KEY} | changes}


def container(data: str, **changes: str) -> str:
    """Return a value as the OCA's note on 1.6 has it."""
    return json.dumps(
        {"signedMeterData": data, "signingMethod": "", "encodingMethod": "OCMF", "publicKey": KEY} | changes
    )


@BOTH
@pytest.mark.parametrize("data", ["T0NNRnx7fXx7fQ==", LONG, OCMF, " =\t\n\\\"' 😀 "])
async def test_signed_data_of_2x_come_out_as_they_went_in(house: Running, version: str, data: str):
    await house.add_station("CS")
    event = {
        "eventType": "Started", "timestamp": AT, "triggerReason": "SignedDataReceived", "seqNo": 0,
        "transactionInfo": {"transactionId": "TX-1"}, "evse": {"id": 1},
        "meterValue": [{"timestamp": AT, "sampledValue": [value_21(data)]}],
    }  # fmt: skip
    async with line(house, "CS", version) as station:
        await station.boot()
        assert await station.get("TransactionEvent", event) == {}
    (row,) = await list_signed(house.services.database, (await only(house, transactions))["id"], None)
    assert (row.data, row.encoding, row.method) == (data, "OCMF", "ECDSA-secp256r1-SHA256")
    assert (row.public_key, row.public_key_der_hex) == (KEY, "3059301306072a8648ce3d02")
    assert (row.context, row.container) == ("Transaction.Begin", None)
    assert (await only(house, readings))["energy_wh"] == 1000


async def test_a_21_station_may_leave_method_and_key_out(house: Running):
    await house.add_station("CS")
    sample = {"value": 1, "signedMeterValue": {"signedMeterData": "AA==", "encodingMethod": "EDL"}}
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("TransactionEvent", {
            "eventType": "Started", "timestamp": AT, "triggerReason": "Authorized", "seqNo": 0,
            "transactionInfo": {"transactionId": "TX-1"}, "meterValue": [{"timestamp": AT, "sampledValue": [sample]}],
        })  # fmt: skip
    (row,) = await list_signed(house.services.database, (await only(house, transactions))["id"], None)
    assert (row.data, row.encoding, row.method, row.public_key) == ("AA==", "EDL", None, None)


@pytest.mark.parametrize("data", ["T0NNRnx7fXx7fQ==", LONG])
@pytest.mark.parametrize("where", ["MeterValues", "StopTransaction"])
async def test_a_signed_container_of_16_comes_out_as_it_went_in(house: Running, data: str, where: str):
    await house.add_station("CS")
    sample = {"value": container(data), "format": "SignedData", "context": "Transaction.End"}
    taken = [{"timestamp": AT, "sampledValue": [sample]}]
    async with line(house, "CS") as station:
        await station.boot()
        start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": AT}
        number = (await station.get("StartTransaction", start))["transactionId"]
        if where == "MeterValues":
            await station.get(where, {"connectorId": 1, "transactionId": number, "meterValue": taken})
        else:
            stop = {"transactionId": number, "meterStop": 10, "timestamp": AT, "transactionData": taken}
            await station.get(where, stop)
    (row,) = await list_signed(house.services.database, (await only(house, transactions))["id"], None)
    assert (row.data, row.container) == (data, sample["value"])
    assert (row.encoding, row.method, row.public_key) == ("OCMF", None, KEY)
    assert "unreadable-value" not in {row["kind"] for row in await rows(house, anomalies)}


async def test_bare_data_in_a_16_value_are_kept_too(house: Running):
    await house.add_station("CS")
    taken = [{"timestamp": AT, "sampledValue": [{"value": OCMF, "format": "SignedData"}, {"value": "1000"}]}]
    async with line(house, "CS") as station:
        await station.boot()
        start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": AT}
        number = (await station.get("StartTransaction", start))["transactionId"]
        await station.get("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": taken})
    (row,) = await list_signed(house.services.database, (await only(house, transactions))["id"], None)
    assert (row.data, row.encoding, row.container) == (OCMF, "OCMF", None)
