"""The message log: every frame once, in order, without secrets, under the transaction and EVSE it belongs to."""

import asyncio
from typing import Any

import pytest

from running import Running
from scenarios.line import line
from scenarios.records import frames, only, rows

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

START = {"connectorId": 2, "idTag": "A", "meterStart": 1000, "timestamp": "2026-03-01T12:00:00Z"}


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    return ("in" if row["is_inbound"] else "out", row["message_type"], row["message_id"], row["action"])


async def test_every_frame_is_kept_once_and_in_order(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        asking = asyncio.create_task(house.link.call_raw(station_id, "Reset", b'{"type":"Soft"}', message_id="c1"))
        await station.hear()
        await station.say([2, "u", "Unheard", {}])
        await station.hear()
        await station.say([4, "c1", "NotSupported", "", {}])
        await asking
        await station.say([2, "auth", "Authorize", {"idTag": "A"}])
        await station.hear()
        await station.say("nonsense")
        await station.say([3, "c1", {}])
        await station.get("Heartbeat", {})
    kept = await rows(house, frames)
    assert [told(row) for row in kept] == [
        ("in", 2, "m1", "BootNotification"),
        ("out", 3, "m1", "BootNotification"),
        ("out", 2, "c1", "Reset"),
        ("in", 2, "u", "Unheard"),
        ("out", 4, "u", "Unheard"),
        ("in", 4, "c1", "Reset"),
        ("in", 2, "auth", "Authorize"),
        ("out", 3, "auth", "Authorize"),
        ("in", None, None, None),
        ("in", 3, "c1", None),
        ("in", 2, "m2", "Heartbeat"),
        ("out", 3, "m2", "Heartbeat"),
    ]
    assert kept[6]["text"] == '[2, "auth", "Authorize", {"idTag": "A"}]'
    assert kept[6]["size"] == len(kept[6]["text"])
    assert {row["station_id"] for row in kept} == {station_id}
    assert len({row["connection_id"] for row in kept}) == 1


async def test_the_frames_of_a_16_session_are_found_by_its_number(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        number = (await station.get("StartTransaction", START))["transactionId"]
        await station.get("Heartbeat", {})
        sample = {"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"value": "1100"}]}
        await station.get("MeterValues", {"connectorId": 2, "transactionId": number, "meterValue": [sample]})
        asking = asyncio.create_task(
            house.link.call_raw(station_id, "RemoteStopTransaction", b'{"transactionId":%d}' % number)
        )
        asked = await station.hear()
        await station.say([3, asked[1], {"status": "Accepted"}])
        await asking
        stop = {"transactionId": number, "meterStop": 1200, "timestamp": "2026-03-01T12:00:00Z"}
        await station.get("StopTransaction", stop)
    kept = await rows(house, frames, transaction=str(number))
    assert [(row["action"], row["message_type"], row["evse"]) for row in kept] == [
        ("StartTransaction", 2, 2), ("StartTransaction", 3, 2),
        ("MeterValues", 2, 2), ("MeterValues", 3, 2),
        ("RemoteStopTransaction", 2, None), ("RemoteStopTransaction", 3, None),
        ("StopTransaction", 2, None), ("StopTransaction", 3, None),
    ]  # fmt: skip
    found = await house.services.stations.frames.frames_of(station_id, transaction=str(number))
    assert len(found) == 8


async def test_the_frames_of_a_2x_session_are_found_by_its_id_and_evse(house: Running):
    await house.add_station("CS")
    event: dict[str, Any] = {
        "eventType": "Started", "timestamp": "2026-03-01T12:00:00Z", "triggerReason": "Authorized", "seqNo": 0,
        "transactionInfo": {"transactionId": "TX-1"}, "evse": {"connectorId": 1, "id": 3},
    }  # fmt: skip
    status = {"timestamp": "2026-03-01T12:00:00Z", "connectorStatus": "Occupied", "connectorId": 1, "evseId": 2}
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        await station.get("StatusNotification", status)
        await station.get("TransactionEvent", event)
    status_in, status_out = await rows(house, frames, action="StatusNotification")
    assert (status_in["evse"], status_out["evse"]) == (2, 2)
    event_in, event_out = await rows(house, frames, transaction="TX-1")
    assert (event_in["evse"], event_out["evse"], event_out["message_type"]) == (3, 3, 3)


async def test_what_waits_in_the_queue_is_filed_under_its_own_transaction(house: Running):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        for number in range(1, 9):
            stop = {"transactionId": number, "meterStop": number, "timestamp": "2026-03-01T12:00:00Z"}
            await station.say([2, f"s{number}", "StopTransaction", stop])
        for _ in range(8):
            await station.hear()
    for number in range(1, 9):
        kept = await rows(house, frames, transaction=str(number))
        assert [row["message_id"] for row in kept] == [f"s{number}"] * 2


async def test_secrets_never_reach_the_log(house: Running):
    secret = "horse-9f8e7d6c5b4a"
    station_id = await house.add_station("CS")
    commands = {
        "1.6": [("ChangeConfiguration", b'{"key":"AuthorizationKey","value":"%b"}' % secret.encode())],
        "2.0.1": [
            (
                "SetVariables",
                b'{"setVariableData":[{"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"},'
                b'"attributeValue":"%b"}]}' % secret.encode(),
            ),
            (
                "SetNetworkProfile",
                b'{"configurationSlot":1,"connectionData":{"ocppVersion":"OCPP20","ocppTransport":"JSON",'
                b'"ocppCsmsUrl":"ws://x","messageTimeout":30,"securityProfile":1,"ocppInterface":"Wired0",'
                b'"vpn":{"server":"s","user":"u","password":"%b","key":"%b","type":"IPSec"}}}'
                % (secret.encode(), secret.encode()),
            ),
        ],
    }
    for version, asked in commands.items():
        async with line(house, "CS", version) as station:
            await station.boot()
            for action, payload in asked:
                asking = asyncio.create_task(house.link.call_raw(station_id, action, payload))

                heard = await station.hear_text()
                assert secret in heard
                await station.say(heard.replace("[2,", "[3,", 1).replace(f'"{action}",', ""))  # it echoes
                await asking
            await station.say([2, "k", "Authorize", {"idToken": {"idToken": secret, "type": "KeyCode"}, "idTag": 1}])
            await station.hear()
            await station.say(f'[2,"b","DataTransfer",{{"vendorId":"v","data":"password={secret}"')
            await station.hear()
    kept = await rows(house, frames)
    assert len(kept) == 2 * 2 + 3 * 2 + 2 * 4
    assert not [row["text"] for row in kept if secret in row["text"]]
    assert (await only(house, frames, action="ChangeConfiguration", message_type=2))["text"].endswith(
        '"ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'
    )


async def test_a_frame_that_was_never_sent_is_not_in_the_log(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        connection = house.link.get(station_id)
        assert connection is not None
        await house.link.disconnect(station_id, "enough")
        connection._send(b'[3,"late",{}]')
        await station.hear_end()
    assert not await rows(house, frames, message_id="late")
