"""What must have no effect: ids of other stations, the wrong phase, version or form, and messages that are too large.

Generated from the tables of each version, over a real socket, so that a new message is held to it by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select

from ingufu.app.schema import METADATA
from ingufu.app.settings import OcppSettings
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.ocpp.versions import VERSIONS
from ingufu.reservations.model import Wanted
from ingufu.stations.model import BootAnswer
from ingufu.stations.tables import stations
from running import Running, running_gateway
from scenarios.examples import example, ids_in, malformed, request_shape
from scenarios.line import Line, line
from scenarios.records import rows

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

AT = "2026-03-01T12:00:00Z"
EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
LIMIT = 20_000  # bytes of a message, for these tests
WRONG_FORM = {
    "1.6": {
        "no-object": {"FormationViolation"}, "extra": {"FormationViolation"}, "missing": {"OccurenceConstraintViolation"},
        "type": {"TypeConstraintViolation"}, "value": {"PropertyConstraintViolation"},
    },
    "2.0.1": {
        "no-object": {"FormatViolation"}, "extra": {"FormatViolation"}, "missing": {"OccurrenceConstraintViolation"},
        "type": {"TypeConstraintViolation"}, "value": {"PropertyConstraintViolation"},
    },
}  # fmt: skip
WRONG_FORM["2.1"] = WRONG_FORM["2.0.1"]
_ALIVE = {
    "last_seen_at",
    "clock_skew_s",
    "connection_id",
    "online_changed_at",
    "is_online",
    "address",
    "security_profile",
}
_OF_THE_LINE = {
    "connection_attempts",
    "frame_chunks",
    "quirk_meetings",
    "journal",
}  # what a connection leaves by itself


@pytest.fixture
async def house(database: Database, clock: Clock, ids: IdMaker) -> AsyncIterator[Running]:
    ocpp = OcppSettings(drain_s=0.0, messages_per_s=100_000.0, max_message_bytes=LIMIT)
    async with running_gateway(database, clock, ids, ocpp=ocpp) as running:
        yield running


def tables() -> list[Table]:
    return [
        table
        for metadata in METADATA
        for table in metadata.sorted_tables
        if "station_id" in table.columns and table.name not in _OF_THE_LINE
    ]


async def all_of(house: Running, station_id: str) -> dict[str, Any]:
    """Return everything that is stored of a station, but for the signs that it lives."""
    await rows(house, stations)  # what waits is written first
    database = house.services.database
    stored: dict[str, Any] = {}
    for table in tables():
        order = list(table.primary_key.columns)
        found = await database.select(select(table).where(table.c.station_id == station_id).order_by(*order))
        if table.name == "events":
            found = [row for row in found if row["kind"] not in ("StationConnected", "StationDisconnected")]
        stored[table.name] = found
    row = (await database.select(select(stations).where(stations.c.id == station_id)))[0]
    return stored | {"stations": {name: value for name, value in row.items() if name not in _ALIVE}}


def assert_same(before: dict[str, Any], after: dict[str, Any], what: object) -> None:
    for name, kept in before.items():
        assert after[name] == kept, (what, name)


async def refused(station: Line, action: str, payload: Any) -> str:
    answer = await station.ask(action, payload)
    assert answer[0] == 4, (action, answer)
    return str(answer[2])


@EACH
@pytest.mark.parametrize("answer", [BootAnswer.PENDING, BootAnswer.REJECTED])
async def test_in_the_wrong_phase_nothing_but_a_boot_has_an_effect(house: Running, version: str, answer: BootAnswer):
    known = VERSIONS[version]
    station_id = await house.add_station("CS", boot_answer=answer)
    async with line(house, "CS", version) as station:
        await station.boot()
        before = await all_of(house, station_id)
        for action, row in known.inbound.items():
            if row.may_precede_boot:
                continue
            payload = example(request_shape(known, action), is_full=True)
            if known.messages[action][1] is None:  # a SEND, which is never answered
                await station.say([6, "s", action, payload])
            else:
                assert await refused(station, action, payload) == "SecurityError", action
        assert (await station.boot())["status"] == answer.value
        after = await all_of(house, station_id)
    for stored in (before, after):
        stored["events"] = [row for row in stored["events"] if row["kind"] != "StationBooted"]
        stored["stations"].pop("last_boot_at")
    assert_same(before, after, version)


@EACH
async def test_an_action_of_another_version_or_of_ours_is_refused(house: Running, version: str):
    known = VERSIONS[version]
    station_id = await house.add_station("CS")
    everything = {action: other for other in VERSIONS.values() for action in other.actions}
    async with line(house, "CS", version) as station:
        await station.boot()
        before = await all_of(house, station_id)
        for action, other in everything.items():
            if action in known.inbound:
                continue
            payload = example(request_shape(other, action), is_full=True)
            wanted = "NotSupported" if action in known.actions else "NotImplemented"
            assert await refused(station, action, payload) == wanted, action
        assert await station.get("Heartbeat", {})
        assert_same(before, await all_of(house, station_id), version)


@EACH
async def test_a_malformed_payload_is_refused_by_its_flaw_and_nothing_is_stored(house: Running, version: str):
    known = VERSIONS[version]
    station_id = await house.add_station("CS", is_strict=True)
    tried = set()
    async with line(house, "CS", version) as station:
        await station.boot()
        before = await all_of(house, station_id)
        for action in known.inbound:
            if known.messages[action][1] is None:
                continue
            for flaw, payload in malformed(request_shape(known, action)):
                tried.add(flaw)
                assert await refused(station, action, payload) in WRONG_FORM[version][flaw], (action, flaw)
        assert await station.get("Heartbeat", {})
        assert_same(before, await all_of(house, station_id), version)
    assert tried == set(WRONG_FORM[version])


@EACH
async def test_an_oversized_message_ends_the_connection_and_nothing_is_stored(house: Running, version: str):
    known = VERSIONS[version]
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
    before = await all_of(house, station_id)
    for action in known.inbound:
        payload = example(request_shape(known, action)) | {"padding": "x" * LIMIT}
        async with line(house, "CS", version) as station:
            await station.say([2, "m", action, payload])
            assert (await station.hear_end())[0] == 1009, action
    async with line(house, "CS", version) as station:
        assert await station.get("Heartbeat", {})
    assert_same(before, await all_of(house, station_id), version)


async def something_of(house: Running, station: Line, version: str) -> dict[str, Any]:
    """Have a station charge, and return the ids that belong to it."""
    if version == "1.6":
        begun = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": AT}
        number = (await station.get("StartTransaction", begun))["transactionId"]
    else:
        number = "TX-A"
        begun = {
            "eventType": "Started", "timestamp": AT, "triggerReason": "RemoteStart", "seqNo": 0,
            "transactionInfo": {"transactionId": number, "remoteStartId": 77}, "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": "A", "type": "Central"},
        }  # fmt: skip
        await station.get("TransactionEvent", begun)
    status: dict[str, Any] = {"connectorId": 1, "status": "Reserved", "errorCode": "NoError"}
    if version != "1.6":
        status = {"connectorId": 1, "evseId": 1, "connectorStatus": "Reserved", "timestamp": AT}
    await station.get("StatusNotification", status)
    reservation = await reserve(house, station, version)
    return {
        "transactionId": number, "reservationId": reservation, "requestId": 1, "remoteStartId": 77,
        "chargingProfileId": 1, "id": 1,
    }  # fmt: skip


async def reserve(house: Running, station: Line, version: str) -> int:
    """Have the station keep a place, and return the id of the reservation."""
    found = await house.services.stations.find_by_identity("A")
    assert found is not None
    wanted = Wanted(
        station_id=found.id, token_value="A", evse=None, expires_at=house.services.clock.now() + timedelta(hours=1)
    )
    asking = asyncio.create_task(house.services.reservations.reserve(house.link, wanted))
    while not asking.done():
        hearing = asyncio.create_task(station.hear())
        await asyncio.wait({asking, hearing}, return_when=asyncio.FIRST_COMPLETED)
        if not hearing.done():
            hearing.cancel()
            break
        call = hearing.result()
        if call[2] == "ReserveNow":
            await station.say([3, call[1], {"status": "Accepted"}])
        else:
            await station.say([4, call[1], "NotImplemented", "", {}])
    return int((await asking).id)


async def hear_answer(station: Line) -> None:
    """Wait for the answer; what is asked of the station meanwhile, it does not know."""
    while (heard := await station.hear())[0] == 2:
        await station.say([4, heard[1], "NotImplemented", "", {}])
    assert heard[0] in (3, 4)


@EACH
async def test_the_ids_of_another_station_change_nothing_of_it(house: Running, version: str):
    known = VERSIONS[version]
    station_id = await house.add_station("A")
    await house.add_station("B")
    carriers = {
        action: sorted(set(ids_in(request_shape(known, action))))
        for action in known.inbound
        if any(ids_in(request_shape(known, action)))
    }
    assert len(carriers) >= (3 if version == "1.6" else 10)
    async with line(house, "A", version) as victim, line(house, "B", version) as stranger:
        await victim.boot()
        await stranger.boot()
        its = await something_of(house, victim, version)
        before = await all_of(house, station_id)
        assert before["transactions"]
        assert before["reservations"]
        for action in carriers:
            for is_full in (False, True):
                payload = example(request_shape(known, action), its, is_full=is_full)
                if known.messages[action][1] is None:
                    await stranger.say([6, "s", action, payload])
                else:
                    await stranger.say([2, "x", action, payload])
                    await hear_answer(stranger)
                assert_same(before, await all_of(house, station_id), (action, payload))
        assert await stranger.get("Heartbeat", {})
        assert await victim.get("Heartbeat", {})
