"""What is no message, or not one that a station should send: answered in the words of the version, and survived."""

from typing import Any

import pytest

from running import Running
from scenarios.line import line
from scenarios.records import (
    attempts,
    connectors,
    events,
    frames,
    only,
    rows,
    stations,
)

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

VERSIONS = ["1.6", "2.0.1", "2.1"]
SILENCE = None
# frame, what 1.6 answers, what 2.x answers: id and code
ODD: list[tuple[str, tuple[str, str] | None, tuple[str, str] | None]] = [
    ("nonsense", SILENCE, ("-1", "RpcFrameworkError")),
    ("{}", SILENCE, ("-1", "RpcFrameworkError")),
    ("[]", SILENCE, ("-1", "RpcFrameworkError")),
    ("null", SILENCE, ("-1", "RpcFrameworkError")),
    ('[2,"x","Heartbeat",{', ("x", "FormationViolation"), ("x", "FormatViolation")),
    ('[2,"x","Heartbeat",{"a":}]', ("x", "FormationViolation"), ("x", "FormatViolation")),
    ('[2,"x","Heartbeat",[]]', ("x", "FormationViolation"), ("x", "FormatViolation")),
    ('[2,"x","Heartbeat","y"]', ("x", "FormationViolation"), ("x", "FormatViolation")),
    ('[2,"x","Heartbeat"]', ("x", "FormationViolation"), ("x", "RpcFrameworkError")),
    ('[2,"x",7,{}]', ("x", "FormationViolation"), ("x", "RpcFrameworkError")),
    ('[2,null,"Heartbeat",{}]', SILENCE, ("-1", "RpcFrameworkError")),
    ('[9,"x","Heartbeat",{}]', SILENCE, ("x", "MessageTypeNotSupported")),
    ('[3,"x",{}]', SILENCE, SILENCE),
    ('[4,"x","GenericError","",{}]', SILENCE, SILENCE),
    ('[3,"x"', SILENCE, SILENCE),
    ('[2,"x","Unheard",{}]', ("x", "NotImplemented"), ("x", "NotImplemented")),
    ('[2,"x","heartbeat",{}]', ("x", "NotImplemented"), ("x", "NotImplemented")),
    ('[2,"x","Reset",{"type":"Hard"}]', ("x", "NotSupported"), ("x", "NotSupported")),
    ('[2,"x","Authorize",{}]', ("x", "OccurenceConstraintViolation"), ("x", "OccurrenceConstraintViolation")),
    ('[2,"x","Authorize",{"idTag":[],"idToken":[]}]', ("x", "TypeConstraintViolation"), ("x", "TypeConstraintViolation")),
]  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("frame", "in_16", "in_2"), ODD)
async def test_an_odd_frame_is_answered_as_the_version_says_and_the_connection_stays(
    house: Running, version: str, frame: str, in_16: Any, in_2: Any
):
    await house.add_station("CS")
    expected = in_16 if version == "1.6" else in_2
    async with line(house, "CS", version) as station:
        await station.boot()
        await station.say(frame)
        if expected is not None:
            answer = await station.hear()
            assert (answer[0], answer[1], answer[2]) == (4, *expected)
            assert isinstance(answer[3], str)
            assert answer[4] == {}
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_bad_values_are_named_by_their_place_and_in_the_spelling_of_the_version(house: Running, version: str):
    await house.add_station("CS", is_strict=True)
    extra, occurrence = {
        "1.6": ("FormationViolation", "OccurenceConstraintViolation"),
    }.get(version, ("FormatViolation", "OccurrenceConstraintViolation"))
    good: dict[str, Any] = (
        {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        if version == "1.6"
        else {"timestamp": "2026-03-01T12:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    )
    word = "status" if version == "1.6" else "connectorStatus"
    async with line(house, "CS", version) as station:
        await station.boot()
        assert (await station.ask("StatusNotification", good))[0] == 3
        for odd, code, place in (
            (good | {word: "Broken"}, "PropertyConstraintViolation", f"$.{word}"),
            (good | {"connectorId": "1"}, "TypeConstraintViolation", "$.connectorId"),
            (good | {"more": 1}, extra, "$.more"),
            ({key: value for key, value in good.items() if key != word}, occurrence, f"$.{word}"),
        ):
            answer = await station.ask("StatusNotification", odd)
            assert (answer[0], answer[2]) == (4, code)
            assert answer[3].startswith(f"{place}: ")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_lenient_station_is_understood_where_a_strict_one_is_refused(house: Running, version: str):
    strict, lenient = await house.add_station("STRICT", is_strict=True), await house.add_station("LENIENT")
    odd: dict[str, Any] = (
        {"connectorId": "1", "errorCode": "noerror", "status": "charging", "info": None, "more": 1}
        if version == "1.6"
        else {
            "timestamp": "2026-03-01 12:00", "connectorStatus": "occupied", "evseId": "1", "connectorId": 1.0, "x": []
        }
    )  # fmt: skip
    async with line(house, "STRICT", version) as station:
        await station.boot()
        assert (await station.ask("StatusNotification", odd))[0] == 4
    async with line(house, "LENIENT", version) as station:
        await station.boot()
        assert await station.get("StatusNotification", odd) == {}
    assert not await rows(house, connectors, station_id=strict)
    assert (await only(house, connectors, station_id=lenient))["status"] == "occupied"


async def test_binary_frames_are_passed_over(house: Running):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.say(b'[2,"x","Heartbeat",{}]')
        await station.say(b"\x00\xff")
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}


async def test_a_frame_beyond_the_limit_ends_the_connection_and_is_on_record(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await station.say('[2,"x","DataTransfer",{"vendorId":"' + "x" * 1_100_000 + '"}]')
        assert (await station.hear_end())[0] == 1009
    kept = await only(house, attempts)
    assert kept["close_code"] == 1009
    assert (await only(house, stations, id=station_id))["is_online"] is False


async def test_a_large_frame_within_the_limit_is_taken_and_kept_shortened(house: Running):
    await house.add_station("CS")
    text = '[2,"x","DataTransfer",{"vendorId":"v","data":"' + "x" * 900_000 + '"}]'
    async with line(house, "CS", max_size=None) as station:
        await station.say(text)
        assert (await station.hear())[2] == {"status": "UnknownVendorId"}
    kept = (await rows(house, frames, is_inbound=True))[0]
    assert kept["size"] == len(text)
    assert len(kept["text"]) < 70_000
    assert kept["action"] == "DataTransfer"


async def test_a_send_is_kept_and_never_answered(house: Running):
    station_id = await house.add_station("CS", is_silent=True)  # it is not asked for its streams either
    stream = {"id": 1, "pending": 0, "basetime": "2026-03-01T12:00:00Z", "data": [{"t": 0.5, "v": "1"}]}
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.say([6, "s1", "NotifyPeriodicEventStream", stream])
        await station.say([6, "s2", "NotifyPeriodicEventStream", {}])
        await station.say([6, "s3", "Unheard", {}])
        await station.say([6, "s4", "Heartbeat", {}])
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}
    notices = await rows(house, events, station_id=station_id, kind="StreamUnknown")
    assert [row["details"]["stream"] for row in notices] == [1]


async def test_a_result_that_the_station_could_not_read_is_taken_note_of(house: Running):
    await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.ask("Heartbeat", {}, message_id="h")
        await station.say([5, "h", "FormatViolation", "no", {}])
        await station.say([5, "never", "FormatViolation", "no", {}])
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}
    kept = await rows(house, frames, message_type=5)
    assert [row["is_inbound"] for row in kept] == [True, True]


async def test_compressed_messages_are_understood_and_answered(house: Running):
    await house.add_station("CS")
    async with line(house, "CS", compression="deflate") as station:
        assert station.socket.protocol.extensions
        await station.boot()
        answer = await station.get("DataTransfer", {"vendorId": "v", "data": "abc" * 5000})
        assert answer == {"status": "UnknownVendorId"}
