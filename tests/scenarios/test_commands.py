"""What we ask of stations: the frames that leave, in the words of each version, and what becomes of them."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

import ocpp_schemas
from ingufu.core.commands import (
    Availability,
    ChangeAvailability,
    Command,
    RawReply,
    ReplyKind,
    ResetKind,
    ResetStation,
    StartCharging,
    StopCharging,
    Trigger,
    TriggerMessage,
    UnlockConnector,
)
from ingufu.core.errors import (
    InvalidInput,
    StationOffline,
    StationTimeout,
    StationUnavailable,
    StationUnsupported,
)
from running import Running
from scenarios.line import Line, line

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

START = StartCharging(token="04AA", token_kind="ISO14443", evse=2, remote_start_id=77)
SENT: list[tuple[str, Command[Any], str, dict[str, Any]]] = [
    ("1.6", START, "RemoteStartTransaction", {"idTag": "04AA", "connectorId": 2}),
    ("1.6", StartCharging(token="04AA", remote_start_id=7), "RemoteStartTransaction", {"idTag": "04AA"}),
    ("1.6", StopCharging(reference="12"), "RemoteStopTransaction", {"transactionId": 12}),
    ("1.6", ResetStation(kind=ResetKind.IMMEDIATE), "Reset", {"type": "Hard"}),
    ("1.6", ResetStation(kind=ResetKind.ON_IDLE), "Reset", {"type": "Soft"}),
    ("1.6", UnlockConnector(evse=2), "UnlockConnector", {"connectorId": 2}),
    (
        "1.6",
        ChangeAvailability(availability=Availability.INOPERATIVE),
        "ChangeAvailability",
        {"connectorId": 0, "type": "Inoperative"},
    ),
    (
        "1.6",
        ChangeAvailability(availability=Availability.OPERATIVE, evse=1),
        "ChangeAvailability",
        {"connectorId": 1, "type": "Operative"},
    ),
    (
        "1.6",
        TriggerMessage(trigger=Trigger.STATUS, evse=1),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "connectorId": 1},
    ),
    ("1.6", TriggerMessage(trigger=Trigger.LOG_STATUS), "TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"}),
    (
        "2.x",
        START,
        "RequestStartTransaction",
        {"idToken": {"idToken": "04AA", "type": "ISO14443"}, "remoteStartId": 77, "evseId": 2},
    ),
    (
        "2.x",
        StartCharging(token="04AA", remote_start_id=7),
        "RequestStartTransaction",
        {"idToken": {"idToken": "04AA", "type": "Central"}, "remoteStartId": 7},
    ),
    ("2.x", StopCharging(reference="TX-1"), "RequestStopTransaction", {"transactionId": "TX-1"}),
    ("2.x", ResetStation(kind=ResetKind.IMMEDIATE, evse=1), "Reset", {"type": "Immediate", "evseId": 1}),
    ("2.x", ResetStation(kind=ResetKind.ON_IDLE), "Reset", {"type": "OnIdle"}),
    ("2.x", UnlockConnector(evse=2, connector=3), "UnlockConnector", {"evseId": 2, "connectorId": 3}),
    (
        "2.x",
        ChangeAvailability(availability=Availability.INOPERATIVE),
        "ChangeAvailability",
        {"operationalStatus": "Inoperative"},
    ),
    (
        "2.x",
        ChangeAvailability(availability=Availability.OPERATIVE, evse=1, connector=2),
        "ChangeAvailability",
        {"operationalStatus": "Operative", "evse": {"id": 1, "connectorId": 2}},
    ),
    (
        "2.x",
        TriggerMessage(trigger=Trigger.STATUS, evse=1),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}},
    ),
    ("2.x", TriggerMessage(trigger=Trigger.TRANSACTION, evse=1), "TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}),
]  # fmt: skip
CASES = [
    (version, command, action, payload)
    for family, command, action, payload in SENT
    for version in ([family] if family == "1.6" else ["2.0.1", "2.1"])
]
WORDS = {"UnlockConnector": "Unlocked"}  # the good answer, where it is not Accepted


@pytest.mark.parametrize(("version", "command", "action", "payload"), CASES)
async def test_a_command_leaves_in_the_words_of_the_version(
    house: Running, version: str, command: Command[Any], action: str, payload: dict[str, Any]
):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        asking = asyncio.create_task(house.link.call(station_id, command))
        kind, message_id, sent_action, sent = await station.hear()
        assert (kind, sent_action, sent) == (2, action, payload)
        assert ocpp_schemas.oracle(ocpp_schemas.message(version, action), sent) is None
        await station.say([3, message_id, {"status": WORDS.get(action, "Accepted")}])
        outcome = await asking
        assert outcome.is_accepted
        assert outcome.status == WORDS.get(action, "Accepted")


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_refusal_comes_with_its_reason(house: Running, version: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        asking = asyncio.create_task(house.link.call(station_id, START))
        asked = await station.hear()
        info = {"reasonCode": "InTransaction", "additionalInfo": "EVSE 2 is taken"}
        await station.say([3, asked[1], {"status": "Rejected", "statusInfo": info, "transactionId": "TX-9"}])
        outcome = await asking
        assert (outcome.status, outcome.is_accepted) == ("Rejected", False)
        assert outcome.details == {"reason": "InTransaction", "info": "EVSE 2 is taken", "transaction": "TX-9"}


@pytest.mark.parametrize(
    ("version", "command"),
    [
        ("1.6", StartCharging(token="a" * 21, remote_start_id=1)),
        ("1.6", ResetStation(kind=ResetKind.IMMEDIATE, evse=1)),
        ("1.6", TriggerMessage(trigger=Trigger.TRANSACTION)),
    ],
)
async def test_what_a_version_cannot_say_is_not_sent(house: Running, version: str, command: Command[Any]):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        with pytest.raises(StationUnsupported):
            await house.link.call(station_id, command)
        await assert_silent(station)


@pytest.mark.parametrize(
    ("version", "command"),
    [
        ("2.0.1", StartCharging(token="a" * 37, token_kind="ISO14443", remote_start_id=1)),
        ("2.0.1", StartCharging(token="a", token_kind="VIN", remote_start_id=1)),
        ("2.0.1", StopCharging(reference="x" * 37)),
        ("1.6", StopCharging(reference="TX-1")),
    ],
)
async def test_what_the_schema_of_the_version_refuses_is_not_sent(house: Running, version: str, command: Command[Any]):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        with pytest.raises(InvalidInput):
            await house.link.call(station_id, command)
        await assert_silent(station)


async def test_a_long_token_goes_to_a_station_of_the_version_that_carries_it(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        command = StartCharging(token="V" * 200, token_kind="VIN", remote_start_id=1)
        asking = asyncio.create_task(house.link.call(station_id, command))
        asked = await station.hear()
        assert asked[3]["idToken"] == {"idToken": "V" * 200, "type": "VIN"}
        await station.say([3, asked[1], {"status": "Accepted"}])
        assert (await asking).is_accepted


RAW_PAYLOADS = [
    b'{"key":["A","B"]}',
    b' { "key" : [ "A" ,\n "B" ] } ',
    b'{"z":1,"a":2,"z":3}',
    b'{"a":1.0,"b":1,"c":1e2,"d":0.10000000000000000000000000000001,"e":-0}',
    b'{"text":"\\u00e9\\ud83d\\ude00 \xc3\xa9 \\/"}',
    b'{"key":[null,{},[]],"big":123456789012345678901234567890}',
    b'"not an object"',
    b"null",
]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("payload", RAW_PAYLOADS)
async def test_a_raw_payload_reaches_the_station_byte_for_byte(house: Running, version: str, payload: bytes):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        asking = ask_raw(house, station_id, "GetConfiguration", payload, validate=False, message_id="my-own-id")
        sent = await station.hear_text()
        assert sent.encode() == b'[2,"my-own-id","GetConfiguration",' + payload + b"]"
        answer = '{ "b":1.0, "a" : "\\u00e9", "b":2 }'
        await station.say(f'[3,"my-own-id",{answer}]')
        reply = await asking
        assert reply.kind is ReplyKind.RESULT
        assert bytes(reply.payload or b"") == answer.encode()
        assert reply.message_id == "my-own-id"


async def test_a_raw_command_is_held_to_the_schema_of_the_stations_own_version(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        for action, payload in (
            ("RemoteStartTransaction", b'{"idTag":"A"}'),  # of another version
            ("UsePriorityCharging", b'{"transactionId":"A","activate":true}'),  # of a later one
            ("Reset", b'{"type":"ImmediateAndResume"}'),  # a word of a later one
            ("Reset", b'{"type":"Immediate","more":1}'),
            ("Reset", b"{}"),
            ("Reset", b"[]"),
            ("Reset", b"{"),
        ):
            with pytest.raises(InvalidInput):
                await house.link.call_raw(station_id, action, payload)
        await assert_silent(station)
        asking = ask_raw(house, station_id, "Reset", b'{"type":"Immediate","customData":{"vendorId":"x","a":[1]}}')
        asked = await station.hear()
        await station.say([3, asked[1], {"status": "Accepted"}])
        assert (await asking).kind is ReplyKind.RESULT


async def test_what_is_no_json_is_never_sent(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        for payload in (b"{", b"", b"{}]", b'{"a":1},{"b":2}', b'"\xff"'):
            with pytest.raises(InvalidInput):
                await house.link.call_raw(station_id, "Reset", payload, validate=False)
        await assert_silent(station)


async def test_commands_are_sent_one_at_a_time_in_their_order(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        asking = [ask_raw(house, station_id, "Reset", b'{"type":"Soft"}', message_id=f"c{n}") for n in range(5)]
        for number in range(5):
            assert (await station.hear())[1] == f"c{number}"
            # whatever the station says meanwhile is answered, and no other command comes in between
            assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}
            await station.say([3, f"c{number}", {"status": "Accepted"}])
        assert [reply.message_id for reply in await asyncio.gather(*asking)] == [f"c{n}" for n in range(5)]


async def test_a_command_does_not_wait_for_the_stations_own_burst(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        for number in range(20):
            await station.say([2, f"s{number}", "StatusNotification", status(number + 1)])
        asking = ask_raw(house, station_id, "Reset", b'{"type":"Soft"}', message_id="c")
        heard = [await station.hear() for _ in range(21)]
        assert [frame[1] for frame in heard if frame[0] == 3] == [f"s{number}" for number in range(20)]
        assert [frame[1] for frame in heard if frame[0] == 2] == ["c"]
        await station.say([3, "c", {"status": "Accepted"}])
        assert (await asking).kind is ReplyKind.RESULT


async def test_silence_times_out_and_the_next_command_is_sent(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        for number in range(30):
            timeout_s = 0.003 + number / 7000
            reply = await house.link.call_raw(station_id, "Reset", b'{"type":"Soft"}', timeout_s=timeout_s)
            assert reply.kind is ReplyKind.TIMEOUT
            assert (await station.hear())[2] == "Reset"
        with pytest.raises(StationTimeout):
            await house.link.call(station_id, ResetStation(kind=ResetKind.ON_IDLE), timeout_s=0.01)
        late = await station.hear()
        await station.say([3, late[1], {"status": "Accepted"}])
        asking = ask_raw(house, station_id, "Reset", b'{"type":"Soft"}', message_id="again")
        assert (await station.hear())[1] == "again"
        await station.say([3, late[1], {"status": "Rejected"}])  # later still, and twice
        await station.say([3, "again", {"status": "Accepted"}])
        assert bytes((await asking).payload or b"") == b'{"status": "Accepted"}'


async def test_a_command_that_nobody_waits_for_any_more_does_not_block_the_next(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        abandoned = ask_raw(house, station_id, "Reset", b'{"type":"Soft"}', message_id="first")
        assert (await station.hear())[1] == "first"
        abandoned.cancel()
        asking = ask_raw(house, station_id, "Reset", b'{"type":"Soft"}', message_id="second")
        await assert_silent(station)  # the first is open still: only its answer makes room
        await station.say([3, "first", {"status": "Accepted"}])
        assert (await station.hear())[1] == "second"
        await station.say([3, "second", {"status": "Accepted"}])
        assert (await asking).kind is ReplyKind.RESULT


async def test_an_error_of_the_station_is_told_as_it_came(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        asking = ask_raw(house, station_id, "Reset", b'{"type":"Soft"}')
        asked = await station.hear()
        await station.say(f'[4,"{asked[1]}","FormationViolation","no",{{ "a" : 1.0 }}]')
        reply = await asking
        assert (reply.kind, reply.error_code, reply.error_description) == (ReplyKind.ERROR, "FormationViolation", "no")
        assert bytes(reply.error_details or b"") == b'{ "a" : 1.0 }'
        for code, error in (("NotSupported", StationUnsupported), ("InternalError", StationUnavailable)):
            typed = asyncio.create_task(house.link.call(station_id, ResetStation(kind=ResetKind.ON_IDLE)))
            asked = await station.hear()
            await station.say([4, asked[1], code, "", {}])
            with pytest.raises(error, match=code):
                await typed


async def test_an_answer_that_cannot_be_used_is_an_error_and_not_an_outcome(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        typed = asyncio.create_task(house.link.call(station_id, ResetStation(kind=ResetKind.ON_IDLE)))
        asked = await station.hear()
        await station.say([3, asked[1], {"state": "Fine"}])
        with pytest.raises(StationUnavailable, match=r"\$\.status"):
            await typed
        asking = ask_raw(house, station_id, "Reset", b'{"type":"OnIdle"}')
        asked = await station.hear()
        await station.say(f'[3,"{asked[1]}",{{"status"')
        reply = await asking
        assert (reply.kind, reply.error_code) == (ReplyKind.ERROR, "FormatViolation")


async def test_a_station_that_is_not_there_is_offline(house: Running):
    station_id = await house.add_station("CS")
    assert (await house.link.call_raw(station_id, "Reset", b"{}")).kind is ReplyKind.OFFLINE
    with pytest.raises(StationOffline):
        await house.link.call(station_id, ResetStation(kind=ResetKind.ON_IDLE))
    assert not await house.link.disconnect(station_id, "no reason")


@pytest.mark.parametrize("way", ["cut", "closed", "disconnected"])
async def test_a_connection_that_ends_ends_the_waiting(house: Running, way: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        waiting = [ask_raw(house, station_id, "Reset", b'{"type":"Soft"}') for _ in range(3)]
        await station.hear()
        if way == "cut":
            station.socket.transport.abort()
        elif way == "closed":
            await station.socket.close()
        else:
            assert await house.link.disconnect(station_id, "An operator asked for it.")
        async with asyncio.timeout(5):
            replies = await asyncio.gather(*waiting)
        assert {reply.kind for reply in replies} == {ReplyKind.OFFLINE}
        if way == "disconnected":
            assert await station.hear_end() == (4000, "An operator asked for it.")


async def test_a_setting_that_was_changed_holds_at_once_on_the_open_connection(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        odd = {"connectorId": "1", "errorCode": "NoError", "status": "Available"}
        assert await station.get("StatusNotification", odd) == {}
        async with house.services.database.work() as work:
            await house.services.stations.update(work, station_id, is_strict=True)
        await house.link.reload(station_id)
        assert (await station.ask("StatusNotification", odd))[2] == "TypeConstraintViolation"


def ask_raw(house: Running, station_id: str, action: str, payload: bytes, **options: Any) -> "asyncio.Task[RawReply]":
    return asyncio.create_task(house.link.call_raw(station_id, action, payload, **options))


def status(connector: int) -> dict[str, Any]:
    return {"connectorId": connector, "errorCode": "NoError", "status": "Available"}


async def assert_silent(station: Line) -> None:
    """Show that nothing waits to be heard: the answer to a heartbeat comes first."""
    await station.say('[2,"probe","Heartbeat",{}]')
    heard = msgspec.json.decode(await station.hear_text())
    assert heard[:2] in ([3, "probe"], [4, "probe"]), json.dumps(heard)
