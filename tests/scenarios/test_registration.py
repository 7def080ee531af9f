"""Boot and what may be said before it: new, pending, rejected, accepted; and what we ask for by ourselves."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ingufu.core.clock import Clock
from ingufu.core.commands import StartCharging, StopCharging, Trigger, TriggerMessage
from ingufu.core.errors import StationNotAccepted
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.stations.model import BootAnswer
from running import Running, running_gateway
from scenarios.line import BOOTS, Line, line
from scenarios.records import events, kinds, only, rows, stations

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

VERSIONS = ["1.6", "2.0.1", "2.1"]
STATUSES: dict[str, dict[str, Any]] = {
    "1.6": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "2.0.1": {"timestamp": "2026-03-01T12:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1},
}
STATUSES["2.1"] = STATUSES["2.0.1"]
EVENT: dict[str, Any] = {
    "eventType": "Started", "timestamp": "2026-03-01T12:00:00Z", "triggerReason": "Authorized", "seqNo": 0,
    "transactionInfo": {"transactionId": "TX-1"}, "evse": {"id": 1},
}  # fmt: skip
START = {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": "2026-03-01T12:00:00Z"}
MONEY: dict[str, tuple[str, dict[str, Any]]] = {
    "1.6": ("StartTransaction", START),
    "2.0.1": ("TransactionEvent", EVENT),
    "2.1": ("TransactionEvent", EVENT),
}


async def is_refused(station: Line, action: str, payload: Any) -> bool:
    answer = await station.ask(action, payload)
    assert answer[0] == 3 or answer[2] == "SecurityError", answer
    return answer[0] == 4


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("answer", "interval"), [("Accepted", 300), ("Pending", 60), ("Rejected", 60)])
async def test_a_boot_is_answered_with_time_and_interval(house: Running, version: str, answer: str, interval: int):
    station_id = await house.add_station("CS", boot_answer=BootAnswer(answer))
    async with line(house, "CS", version) as station:
        said = {"currentTime": "2026-03-01T12:00:00.000Z", "interval": interval, "status": answer}
        assert await station.boot() == said
        assert await station.boot() == said
    kept = await only(house, stations, id=station_id)
    assert (kept["boot_status"], kept["vendor"]) == (answer, "V")
    assert (await kinds(house, station_id)).count("StationBooted") == 2


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_boot_message_that_we_asked_for_is_told_as_such(house: Running, version: str):
    """OCPP 1.6 does not say why a station tells about itself: there we know that we asked."""
    station_id = await house.add_station("CS")
    boot = BOOTS[version] if version == "1.6" else BOOTS[version] | {"reason": "Triggered"}
    async with line(house, "CS", version) as station:
        await station.boot()
        asking = asyncio.create_task(house.link.call(station_id, TriggerMessage(trigger=Trigger.BOOT)))
        call = await station.hear()
        await station.say([3, call[1], {"status": "Accepted"}])
        await asking
        await station.get("BootNotification", boot)
        await station.boot()
    async with line(house, "CS", version) as station:
        await station.boot()
    found = await rows(house, events, kind="StationBooted")
    assert [row["details"]["is_triggered"] for row in found] == [False, True, False, False]


@pytest.mark.parametrize("version", VERSIONS)
async def test_before_its_first_boot_only_a_strict_station_is_held_to_it(house: Running, version: str):
    await house.add_station("STRICT", is_strict=True)
    await house.add_station("LENIENT")
    for identity, refused in (("STRICT", True), ("LENIENT", False)):
        async with line(house, identity, version) as station:
            for action, payload in (("Heartbeat", {}), ("StatusNotification", STATUSES[version]), MONEY[version]):
                assert await is_refused(station, action, payload) is refused
            await station.boot()
            assert not await is_refused(station, "Heartbeat", {})


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_pending_station_may_say_what_it_was_asked_for_and_nothing_else(house: Running, version: str):
    station_id = await house.add_station("CS", boot_answer=BootAnswer.PENDING)
    async with line(house, "CS", version) as station:
        await station.boot()
        assert await is_refused(station, "Heartbeat", {})
        assert await is_refused(station, "StatusNotification", STATUSES[version])
        assert await is_refused(station, *MONEY[version])
        await answered(house, station, station_id, TriggerMessage(trigger=Trigger.STATUS, evse=1))
        assert not await is_refused(station, "StatusNotification", STATUSES[version])
        assert await is_refused(station, "Heartbeat", {})
        await answered(house, station, station_id, TriggerMessage(trigger=Trigger.HEARTBEAT))
        assert not await is_refused(station, "Heartbeat", {})
        assert (await station.boot())["status"] == "Pending"
        assert await is_refused(station, "Heartbeat", {})  # what was allowed was for that phase


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_pending_station_is_asked_for_no_start_and_no_stop(house: Running, version: str):
    station_id = await house.add_station("CS", boot_answer=BootAnswer.PENDING)
    start = StartCharging(token="A", remote_start_id=1)
    action = "RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction"
    async with line(house, "CS", version) as station:
        await station.boot()
        for command in (start, StopCharging(reference="1")):
            with pytest.raises(StationNotAccepted, match="pending"):
                await house.link.call(station_id, command)
        with pytest.raises(StationNotAccepted):
            await house.link.call_raw(station_id, action, b'{"transactionId":1}')
        asking = asyncio.create_task(house.link.call_raw(station_id, action, b"{}", validate=False))
        asked = await station.hear()  # what is sent on purpose is sent as it is
        await station.say([3, asked[1], {"status": "Rejected"}])
        await asking


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_pending_station_may_send_the_report_that_was_asked_for(house: Running, version: str):
    station_id = await house.add_station("CS", boot_answer=BootAnswer.PENDING)
    report = {"requestId": 1, "generatedAt": "2026-03-01T12:00:00Z", "seqNo": 0, "tbc": True}
    async with line(house, "CS", version) as station:
        await station.boot()
        assert await is_refused(station, "NotifyReport", report)
        asking = asyncio.create_task(
            house.link.call_raw(station_id, "GetBaseReport", b'{"requestId":1,"reportBase":"FullInventory"}')
        )
        asked = await station.hear()
        assert not await is_refused(station, "NotifyReport", report)  # it may overtake the answer
        await station.say([3, asked[1], {"status": "Accepted"}])
        await asking
        assert not await is_refused(station, "NotifyReport", report | {"seqNo": 1, "tbc": False})


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_rejected_station_may_only_boot_again(house: Running, version: str):
    station_id = await house.add_station("CS", boot_answer=BootAnswer.REJECTED)
    async with line(house, "CS", version) as station:
        await station.boot()
        with pytest.raises(StationNotAccepted):
            await house.link.call(station_id, TriggerMessage(trigger=Trigger.HEARTBEAT))
        with pytest.raises(StationNotAccepted):
            await house.link.call_raw(station_id, "TriggerMessage", b'{"requestedMessage":"Heartbeat"}')
        for action, payload in (("Heartbeat", {}), ("StatusNotification", STATUSES[version]), MONEY[version]):
            assert await is_refused(station, action, payload)
        assert (await station.boot())["status"] == "Rejected"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_is_accepted_while_it_is_connected(house: Running, version: str):
    station_id = await house.add_station("CS", boot_answer=BootAnswer.PENDING)
    async with line(house, "CS", version) as station:
        await station.boot()
        async with house.services.database.work() as work:
            await house.services.stations.update(work, station_id, boot_answer=BootAnswer.ACCEPTED)
        await house.link.reload(station_id)
        assert await is_refused(station, "Heartbeat", {})  # only a boot changes what holds
        await answered(house, station, station_id, TriggerMessage(trigger=Trigger.BOOT))
        assert (await station.boot())["status"] == "Accepted"
        assert not await is_refused(station, "Heartbeat", {})
        assert not await is_refused(station, *MONEY[version])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("answer", "refused"), [("Accepted", False), ("Pending", True), ("Rejected", True)])
async def test_a_reconnection_without_a_boot_goes_on_where_it_was(
    house: Running, version: str, answer: str, refused: bool
):
    await house.add_station("CS", boot_answer=BootAnswer(answer), is_strict=True)
    async with line(house, "CS", version) as station:
        await station.boot()
    async with line(house, "CS", version) as station:
        assert await is_refused(station, "Heartbeat", {}) is refused
        assert await is_refused(station, *MONEY[version]) is refused


async def test_a_boot_tells_of_new_firmware_and_leaves_what_it_does_not_mention(house: Running):
    station_id = await house.add_station("CS")
    more = {"firmwareVersion": "1.0", "iccid": "8949", "chargePointSerialNumber": "S1", "meterType": "MT"}
    async with line(house, "CS") as station:
        await station.get("BootNotification", BOOTS["1.6"] | more)
        await station.get("BootNotification", BOOTS["1.6"] | {"firmwareVersion": "1.1"})
    kept = await only(house, stations, id=station_id)
    assert (kept["firmware_version"], kept["iccid"], kept["serial_number"], kept["meter_type"]) == (
        "1.1", "8949", "S1", "MT",
    )  # fmt: skip
    assert (await kinds(house, station_id)).count("FirmwareChanged") == 1


@pytest.fixture
def greeting(database: Database, clock: Clock, ids: IdMaker) -> Callable[[], Any]:
    """Run a gateway that asks at once for what a station does not tell by itself."""
    return lambda: running_gateway(database, clock, ids, greeting_delay_s=0.0)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_new_station_that_does_not_boot_is_asked_to(greeting: Any, version: str):
    async with greeting() as house:
        await house.add_station("CS")
        async with line(house, "CS", version) as station:
            asked = await station.hear()
            assert asked[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
            await station.say([3, asked[1], {"status": "Accepted"}])
            assert (await station.boot())["status"] == "Accepted"


async def test_a_known_station_is_asked_for_the_state_of_each_connector_until_it_declines(greeting: Any):
    async with greeting() as house:
        station_id = await house.add_station("CS")
        async with house.services.database.work() as work:
            for evse, connector in ((1, 1), (1, 2), (2, 1)):
                await house.services.stations.set_connector(work, station_id, evse, connector)
        async with house.services.database.work() as work:
            await house.services.stations.update(work, station_id, is_silent=True)
        async with line(house, "CS", "2.0.1") as station:
            await station.boot()  # left alone, as it is silenced
        async with house.services.database.work() as work:
            await house.services.stations.update(work, station_id, is_silent=False)
        async with line(house, "CS", "2.0.1") as station:
            for evse, connector, status in ((1, 1, "Accepted"), (1, 2, "Rejected")):
                asked = await station.hear()
                place = {"id": evse, "connectorId": connector}
                assert asked[2:] == ["TriggerMessage", {"requestedMessage": "StatusNotification", "evse": place}]
                await station.say([3, asked[1], {"status": status}])
            assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}


async def test_a_silenced_station_and_one_not_accepted_are_asked_for_nothing(greeting: Any):
    async with greeting() as house:
        await house.add_station("SILENT", is_silent=True)
        await house.add_station("PENDING", boot_answer=BootAnswer.PENDING)
        async with line(house, "SILENT") as station:
            assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}
        async with line(house, "PENDING") as station:
            asked = await station.hear()  # it is new: a boot is asked for
            await station.say([3, asked[1], {"status": "Accepted"}])
            await station.boot()
        async with line(house, "PENDING") as station:
            assert await is_refused(station, "Heartbeat", {})


async def answered(house: Running, station: Line, station_id: str, command: TriggerMessage) -> None:
    """Ask the station for a message and have it agree."""
    asking = asyncio.create_task(house.link.call(station_id, command))
    asked = await station.hear()
    await station.say([3, asked[1], {"status": "Accepted"}])
    assert (await asking).is_accepted
