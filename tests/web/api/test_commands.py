"""Commands: a payload goes through byte for byte, whatever it is, and the station's answer comes back so."""

import asyncio
from urllib.parse import urlsplit

import msgspec
import pytest
from sqlalchemy import select

from ingufu.accounts.tables import audit
from ingufu.authorization.model import TokenDetails
from ingufu.authorization.tables import decisions
from ingufu.core.commands import (
    Availability,
    ChangeAvailability,
    Outcome,
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
from ingufu.core.errors import InvalidInput, StationTimeout, StationUnsupported
from ingufu.infra.storage.outbox import events
from web.api.conftest import House

ODD = '{ "b" : 1.50 ,"a":1e3,\t"a":[ ],"\\u00e9":"é\\ud83d","n":null, "big":123456789012345678901234567890 }'.encode()


async def ask(house: House, target: str, key: str, body: bytes) -> tuple[int, bytes]:
    """Send a request by hand; return status and body."""
    address = urlsplit(house.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = (
        f"POST {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    top, _, content = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), content


async def test_payload_reaches_the_station_byte_for_byte_and_so_does_the_answer(house: House) -> None:
    station = await house.station("CP1", is_online=True)
    answer = b'{ "status":"Accepted" ,"x":[1.0,  2e-1],"\\u0041":"B" }'
    house.link.replies["DataTransfer"] = RawReply(
        kind=ReplyKind.RESULT, message_id="m1", payload=msgspec.Raw(answer), duration_s=0.25
    )
    status, body = await ask(house, "/api/v1/stations/CP1/commands/DataTransfer", await house.key(), ODD)
    assert status == 200
    assert house.link.raw == [(station, "DataTransfer", ODD, True, 30.0)]
    assert b'"payload":' + answer + b"," in body
    assert msgspec.json.decode(body)["kind"] == "result"


async def test_validation_and_patience_are_the_callers(house: House, admin) -> None:
    await house.station("CP1", is_online=True)
    await admin.post("/api/v1/stations/CP1/commands/Nonsense?validate=false&timeout_s=2.5", content=b"[1]")
    assert house.link.raw[0][1:] == ("Nonsense", b"[1]", False, 2.5)


async def test_no_body_is_an_empty_payload(house: House, admin) -> None:
    await house.station("CP1", is_online=True)
    await admin.post("/api/v1/stations/CP1/commands/ClearCache")
    assert house.link.raw[0][2] == b"{}"


@pytest.mark.parametrize(
    "reply",
    [
        RawReply(
            kind=ReplyKind.ERROR, error_code="NotSupported", error_description="no", error_details=msgspec.Raw(b"{}")
        ),
        RawReply(kind=ReplyKind.TIMEOUT, message_id="m1", duration_s=30.0),
        RawReply(kind=ReplyKind.OFFLINE),
    ],
    ids=lambda reply: reply.kind.value,
)
async def test_whatever_becomes_of_the_call_is_an_answer(house: House, admin, reply: RawReply) -> None:
    await house.station("CP1", is_online=True)
    house.link.replies["Reset"] = reply
    answer = await admin.post("/api/v1/stations/CP1/commands/Reset", json={"type": "Hard"})
    assert answer.status_code == 200
    assert answer.json() == msgspec.json.decode(msgspec.json.encode(reply))


async def test_wrong_shape_is_a_problem_and_nothing_is_kept(house: House, admin) -> None:
    await house.station("CP1", is_online=True)
    house.link.replies["Reset"] = InvalidInput("type is required")
    answer = await admin.post("/api/v1/stations/CP1/commands/Reset", json={})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "type is required"
    assert await house.database.select(select(events).where(events.c.kind == "CommandAnswered")) == []


@pytest.mark.parametrize("body", [b"{", b"{}]", b'{"a":"\xff"}', b"", b'{},[3,"x"]', b"nul"])
async def test_what_would_break_the_frame_is_refused(house: House, admin, body: bytes) -> None:
    await house.station("CP1", is_online=True)
    if not body:
        body = b" "
    answer = await admin.post("/api/v1/stations/CP1/commands/Reset?validate=false", content=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed-request"
    assert house.link.raw == []


async def test_unknown_station_is_not_found(house: House, admin) -> None:
    assert (await admin.post("/api/v1/stations/CP9/commands/Reset", json={})).status_code == 404


async def test_command_is_in_the_timeline_and_in_the_audit_trail(house: House, admin) -> None:
    station = await house.station("CP1", is_online=True)
    house.link.replies["Reset"] = RawReply(kind=ReplyKind.ERROR, error_code="InternalError")
    await admin.post("/api/v1/stations/CP1/commands/Reset", json={"type": "Soft"})
    [event] = await house.database.select(select(events).where(events.c.kind == "CommandAnswered"))
    assert event["station_id"] == station
    assert event["details"] == {"action": "Reset", "result": "error", "status": "InternalError", "actor": "test"}
    [entry] = await house.database.select(select(audit).where(audit.c.action == "station.command"))
    assert (entry["object_id"], entry["details"]["action"]) == (station, "Reset")


async def test_actions_come_as_forms_of_the_stations_own_version(house: House, admin) -> None:
    await house.station("OLD", is_online=True, version="1.6")
    await house.station("NEW", is_online=True, version="2.1")
    await house.station("NEVER")
    old = {one["action"]: one for one in (await admin.get("/api/v1/stations/OLD/commands")).json()}
    new = {one["action"] for one in (await admin.get("/api/v1/stations/NEW/commands")).json()}
    assert (await admin.get("/api/v1/stations/NEVER/commands")).json() == []
    assert "RemoteStartTransaction" in old
    assert "RequestStartTransaction" in new
    assert "BootNotification" not in old
    [reset] = old["Reset"]["fields"]
    assert (reset["name"], reset["kind"], reset["is_required"], reset["choices"]) == (
        "type",
        "choice",
        True,
        ["Hard", "Soft"],
    )
    profile = next(field for field in old["RemoteStartTransaction"]["fields"] if field["name"] == "chargingProfile")
    assert profile["kind"] == "object"
    assert {"chargingSchedule", "stackLevel"} <= {field["name"] for field in profile["fields"]}


async def test_typed_commands_ask_the_station(house: House, admin) -> None:
    station = await house.station("CP1", is_online=True)
    async with house.database.work() as work:
        await house.services.stations.set_connector(work, station, 1, 1)
    sent = [
        ("reset", {"kind": "immediate"}, ResetStation(kind=ResetKind.IMMEDIATE)),
        ("unlock", {"evse": 1}, UnlockConnector(evse=1)),
        ("trigger", {"trigger": "status", "evse": 1, "connector": 1}, TriggerMessage(trigger=Trigger.STATUS, evse=1, connector=1)),
        ("availability", {"availability": "inoperative", "evse": 1}, ChangeAvailability(availability=Availability.INOPERATIVE, evse=1)),
    ]  # fmt: skip
    for name, body, command in sent:
        answer = await admin.post(f"/api/v1/stations/CP1/{name}", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"status": "Accepted", "is_accepted": True, "details": {}}
        assert house.link.commands[-1] == (station, command)
    [evse] = (await admin.get("/api/v1/stations/CP1/evses")).json()
    assert evse["is_operative"] is False


async def test_rejection_is_an_outcome(house: House, admin) -> None:
    await house.station("CP1", is_online=True)
    house.link.outcomes["ResetStation"] = Outcome(status="Rejected", is_accepted=False)
    answer = await admin.post("/api/v1/stations/CP1/reset", json={})
    assert (answer.status_code, answer.json()["is_accepted"]) == (200, False)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StationTimeout(), 504, "station-timeout"),
        (StationUnsupported(), 422, "station-unsupported"),
    ],
)
async def test_station_that_cannot_be_asked_is_a_problem(house: House, admin, error, status, code) -> None:
    await house.station("CP1", is_online=True)
    house.link.outcomes["ResetStation"] = error
    answer = await admin.post("/api/v1/stations/CP1/reset", json={})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    [event] = await house.database.select(select(events).where(events.c.kind == "CommandAnswered"))
    assert event["details"]["result"] == code


async def test_wish_for_availability_is_kept_though_the_station_is_away(house: House, admin) -> None:
    await house.station("CP1")
    answer = await admin.post("/api/v1/stations/CP1/availability", json={"availability": "inoperative"})
    assert (answer.status_code, answer.json()["code"]) == (409, "station-offline")
    assert (await admin.get("/api/v1/stations/CP1")).json()["is_operative"] is False


async def test_start_asks_whether_the_token_may(house: House, admin) -> None:
    station = await house.station("CP1", is_online=True)
    refused = await admin.post("/api/v1/stations/CP1/start", json={"token": "STRANGER", "evse": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "token-refused")
    assert house.link.commands == []
    [decision] = await house.database.select(select(decisions))
    assert (decision["occasion"], decision["reason"]) == ("remote-start", "unknown-token")
    async with house.database.work() as work:
        await house.services.authorization.create_token(
            work, TokenDetails(value="CARD1"), organisation_id=house.organisation_id
        )
    accepted = await admin.post("/api/v1/stations/CP1/start", json={"token": "card1", "evse": 1})
    assert accepted.status_code == 200
    number = accepted.json()["remote_start_id"]
    assert 0 < number < 2**31
    assert accepted.json()["verdict"]["status"] == "Accepted"
    command = StartCharging(token="card1", token_kind="ISO14443", evse=1, remote_start_id=number)
    assert house.link.commands == [(station, command)]


async def test_start_by_force_sends_a_refused_token(house: House, admin) -> None:
    await house.station("CP1", is_online=True)
    answer = await admin.post("/api/v1/stations/CP1/start", json={"token": "STRANGER", "force": True})
    assert answer.status_code == 200
    assert answer.json()["verdict"]["reason"] == "unknown-token"
    assert house.link.commands[0][1].token_kind == "Central"


async def test_stop_names_the_transaction_as_the_station_does(house: House, admin, transaction) -> None:
    station = await house.station("CP1", is_online=True)
    known = await transaction(station, reference="tx-7")
    for name in (known, "tx-7"):
        assert (await admin.post("/api/v1/stations/CP1/stop", json={"transaction": name})).status_code == 200
        assert house.link.commands[-1] == (station, StopCharging(reference="tx-7"))
    assert (await admin.post("/api/v1/stations/CP1/stop", json={"transaction": "tx-8"})).status_code == 404
    ended = await transaction(station, reference="tx-9", is_open=False)
    assert (await admin.post("/api/v1/stations/CP1/stop", json={"transaction": ended})).status_code == 409
    elsewhere = await transaction(await house.station("CP2", is_online=True), reference="tx-10")
    assert (await admin.post("/api/v1/stations/CP1/stop", json={"transaction": elsewhere})).status_code == 404


async def test_station_that_was_pending_is_asked_to_boot_when_it_is_accepted(house: House, admin) -> None:
    station = await house.station("CP1", is_online=True)
    pending = await admin.put("/api/v1/stations/CP1/boot-answer", json={"boot_answer": "Pending"})
    assert pending.json() == {"boot_answer": "Pending", "trigger": None}
    assert house.link.reloaded == [station]
    assert house.link.commands == []
    accepted = await admin.put("/api/v1/stations/CP1/boot-answer", json={"boot_answer": "Accepted"})
    assert accepted.json() == {"boot_answer": "Accepted", "trigger": "Accepted"}
    assert house.link.commands == [(station, TriggerMessage(trigger=Trigger.BOOT))]


async def test_silent_station_is_left_alone_when_it_is_accepted(house: House, admin) -> None:
    await house.station("CP1", is_online=True, is_silent=True)
    await admin.put("/api/v1/stations/CP1/boot-answer", json={"boot_answer": "Pending"})
    answer = await admin.put("/api/v1/stations/CP1/boot-answer", json={"boot_answer": "Accepted"})
    assert answer.json()["trigger"] is None
    assert house.link.commands == []
