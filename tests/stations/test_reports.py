"""Boots and status reports: what is stored, what is told."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.outbox import events
from ingufu.stations.model import Boot, BootAnswer, ConnectorStatus, StatusReport
from ingufu.stations.service import StationRules, Stations
from ingufu.stations.service.reports import MAX_CONNECTORS

EVENTS = select(events.c.kind, events.c.details).order_by(events.c.id)
BOOT = Boot(vendor="Vendor", model="Model", serial_number="SN-1", firmware_version="1.0", reason="PowerUp")


async def told(database, kind):
    return [row["details"] for row in await database.fetch_all(EVENTS) if row["kind"] == kind]


async def report(database, stations, station, raw="Available", *, evse=1, connector=1, at=None, received_at, **more):
    status = {"Available": ConnectorStatus.AVAILABLE, "Faulted": ConnectorStatus.FAULTED}.get(
        raw, ConnectorStatus.OCCUPIED
    )
    said = StatusReport(evse=evse, connector=connector, status=status, raw_status=raw, at=at, **more)
    async with database.work() as work:
        await stations.report_status(work, station.id, said, received_at)


async def test_boot_is_stored_told_and_answered(database, stations, station, clock):
    async with database.work() as work:
        assert await stations.boot(work, station, BOOT, clock.now()) is BootAnswer.ACCEPTED
    now = await stations.get(station.id)
    assert (now.vendor, now.model, now.serial_number, now.firmware_version) == ("Vendor", "Model", "SN-1", "1.0")
    assert (now.last_boot_at, now.boot_reason, now.boot_status) == (clock.now(), "PowerUp", BootAnswer.ACCEPTED)
    [booted] = await told(database, "StationBooted")
    assert booted["answer"] == "Accepted"
    assert await told(database, "FirmwareChanged") == []


async def test_boot_is_answered_as_the_operator_chose_meanwhile(database, stations, station, clock):
    async with database.work() as work:
        await stations.update(work, station.id, boot_answer=BootAnswer.PENDING)
    async with database.work() as work:
        assert await stations.boot(work, station, BOOT, clock.now()) is BootAnswer.PENDING


async def test_what_a_boot_leaves_out_stays_known_and_new_firmware_is_told(database, stations, station, clock):
    async with database.work() as work:
        await stations.boot(work, station, BOOT, clock.now())
    async with database.work() as work:
        await stations.boot(work, station, Boot(vendor="", model="M2", firmware_version="1.1"), clock.now())
    now = await stations.get(station.id)
    assert (now.vendor, now.model, now.serial_number, now.firmware_version) == ("", "M2", "SN-1", "1.1")
    assert await told(database, "FirmwareChanged") == [{"before": "1.0", "after": "1.1"}]


async def test_a_boot_that_was_only_asked_for_is_no_start(database, stations, station, clock):
    before = clock.now()
    async with database.work() as work:
        await stations.boot(work, station, BOOT, before)
    clock.advance(60)
    asked_for = Boot(vendor="Vendor", model="Model", serial_number="SN-2", reason="Triggered")
    async with database.work() as work:
        await stations.update(work, station.id, boot_answer=BootAnswer.PENDING)
    async with database.work() as work:
        assert await stations.boot(work, station, asked_for, clock.now()) is BootAnswer.PENDING
    now = await stations.get(station.id)
    assert (now.last_boot_at, now.boot_reason) == (before, "PowerUp")
    assert (now.boot_status, now.serial_number) == (BootAnswer.PENDING, "SN-2")


async def test_boot_with_hostile_text_is_stored_readably(database, stations, station, clock):
    async with database.work() as work:
        await stations.boot(work, station, Boot(vendor="V\x00", model="<script>", reason="'; --"), clock.now())
    now = await stations.get(station.id)
    assert (now.vendor, now.model) == ("V\ufffd", "<script>")


async def test_boot_of_nobody_is_not_found(database, stations, station, clock):
    async with database.work() as work:
        await stations.delete(work, station.id, has_charged=False)
    with pytest.raises(NotFound):
        await stations.boot(database.work(), station, BOOT, clock.now())


async def test_first_report_makes_evse_and_connector(database, stations, station, clock):
    await report(database, stations, station, "Charging", evse=2, received_at=clock.now(), error_code="NoError")
    [(evse, [connector])] = await stations.topology(station.id)
    assert (evse.number, connector.number, connector.status, connector.raw_status) == (2, 1, "occupied", "Charging")
    assert connector.status_received_at == clock.now()
    [changed] = await told(database, "StatusChanged")
    assert (changed["before"], changed["after"], changed["raw_status"]) == (None, "occupied", "Charging")


async def test_repeated_report_is_told_once_and_its_time_is_kept(database, stations, station, clock):
    await report(database, stations, station, at=clock.now(), received_at=clock.now())
    clock.advance(60)
    await report(database, stations, station, at=clock.now(), received_at=clock.now())
    await database.writer.flush()
    [(_, [connector])] = await stations.topology(station.id)
    assert (connector.status_at, connector.status_received_at) == (clock.now(), clock.now())
    assert len(await told(database, "StatusChanged")) == 1


async def test_word_that_changes_within_one_status_is_told(database, stations, station, clock):
    for word in ("Preparing", "Charging", "SuspendedEV", "SuspendedEV"):
        await report(database, stations, station, word, received_at=clock.now())
    words = [event["raw_status"] for event in await told(database, "StatusChanged")]
    assert words == ["Preparing", "Charging", "SuspendedEV"]


@pytest.mark.parametrize("is_cached", [True, False])
async def test_late_report_does_not_undo_a_newer_one(database, stations, station, clock, is_cached):
    await report(database, stations, station, "Charging", at=clock.now(), received_at=clock.now())
    if not is_cached:
        stations.forget(station.id)
    late = clock.now() - timedelta(minutes=10)
    await report(database, stations, station, "Available", at=late, received_at=clock.now() + timedelta(seconds=1))
    [(_, [connector])] = await stations.topology(station.id)
    assert connector.raw_status == "Charging"


async def test_report_of_a_clock_known_to_be_off_counts(database, stations, station, clock):
    await report(database, stations, station, "Charging", at=clock.now(), received_at=clock.now())
    stations.seen(station.id, clock.now(), -7200.0)
    await report(database, stations, station, at=clock.now() - timedelta(hours=2), received_at=clock.now())
    [(_, [connector])] = await stations.topology(station.id)
    assert connector.raw_status == "Available"


async def test_report_of_the_whole_station_makes_no_connector(database, stations, station, clock):
    for raw, code in (("Available", "NoError"), ("Faulted", "PowerMeterFailure"), ("Faulted", "PowerMeterFailure")):
        await report(database, stations, station, raw, evse=0, connector=0, received_at=clock.now(), error_code=code)
        stations.forget(station.id)
    now = await stations.get(station.id)
    assert (now.status, now.error_code) == (ConnectorStatus.FAULTED, "PowerMeterFailure")
    assert await stations.topology(station.id) == []
    changes = [(event["before"], event["after"]) for event in await told(database, "StatusChanged")]
    assert changes == [(None, "available"), ("available", "faulted")]


async def test_station_that_invents_connectors_is_bounded(database, stations, station, clock):
    async with database.work() as work:
        for number in range(1, MAX_CONNECTORS + 1):
            said = StatusReport(evse=number, connector=1, status=ConnectorStatus.AVAILABLE, raw_status="Available")
            await stations.report_status(work, station.id, said, clock.now())
    await report(database, stations, station, evse=MAX_CONNECTORS + 1, received_at=clock.now())
    await report(database, stations, station, evse=2**40, received_at=clock.now())
    assert len(await stations.topology(station.id)) == MAX_CONNECTORS


async def test_unit_that_failed_leaves_the_known_status_as_it_was(database, stations, station, clock):
    said = StatusReport(evse=1, connector=1, status=ConnectorStatus.AVAILABLE, raw_status="Available")
    await stations.report_status(database.work(), station.id, said, clock.now())  # never committed
    await report(database, stations, station, received_at=clock.now())
    assert len(await stations.topology(station.id)) == 1


async def test_what_people_enter_outlives_reports(database, stations, station, clock):
    async with database.work() as work:
        await stations.set_connector(work, station.id, 1, 1, kind="cCCS2", max_power_w=150_000.0)
    await report(database, stations, station, "Charging", received_at=clock.now())
    async with database.work() as work:
        await stations.set_operative(work, station.id, 1, 1, is_operative=False)
        await stations.set_operative(work, station.id, 1, None, is_operative=False)
    await report(database, stations, station, "Finishing", received_at=clock.now())
    [(evse, [connector])] = await stations.topology(station.id)
    assert (connector.kind, connector.max_power_w, connector.raw_status) == ("cCCS2", 150_000.0, "Finishing")
    assert (evse.is_operative, connector.is_operative) == (False, False)
    assert (await stations.get(station.id)).is_operative


async def test_whole_station_is_taken_out_of_service(database, stations, station):
    async with database.work() as work:
        await stations.set_operative(work, station.id, None, None, is_operative=False)
    assert not (await stations.get(station.id)).is_operative


@pytest.mark.parametrize(("evse", "connector"), [(1, None), (1, 1), (7, 1)])
async def test_unknown_connector_is_not_found(database, stations, station, evse, connector):
    with pytest.raises(NotFound):
        await stations.set_operative(database.work(), station.id, evse, connector, is_operative=False)


@pytest.mark.parametrize(
    "entry", [{"evse": 0, "connector": 1}, {"kind": "x" * 51}, {"max_power_w": 0.0}, {"max_power_w": 1e9}]
)
async def test_impossible_connector_is_refused(database, stations, station, entry):
    with pytest.raises(InvalidInput):
        await stations.set_connector(database.work(), station.id, **{"evse": 1, "connector": 1, **entry})


async def test_two_processes_share_what_is_stored(database, stations, station, clock, ids):
    await report(database, stations, station, "Charging", at=clock.now(), received_at=clock.now())
    other = Stations(database, clock, ids, StationRules())
    await report(database, other, station, "Charging", at=clock.now(), received_at=clock.now())
    assert len(await told(database, "StatusChanged")) == 1
