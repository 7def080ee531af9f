"""What follows from events beside the messages: lists that are sent, reservations that expire or are kept anew."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from ingufu.app.keepers import Told
from ingufu.app.parts import EVENTS_TOPIC, publish_events
from ingufu.authorization.jobs import ListKeeper
from ingufu.authorization.model import AdmissionRule, ListMode, RuleScope
from ingufu.core.ids import IdMaker
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.storage.database import Database
from ingufu.reservations.jobs import ReservationKeeper
from ingufu.reservations.model import ReservationStatus, Wanted
from ingufu.simulator.script import Script
from ingufu.simulator.timeline import VirtualTimeline
from ingufu.stations.model import BootAnswer
from running import Running
from scenarios.records import add_token
from scenarios.virtual import START, station, virtual_house

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
PATIENCE_S = 20.0


@pytest.fixture
def timeline() -> VirtualTimeline:
    return VirtualTimeline(START)


@pytest.fixture
async def house(database: Database, timeline: VirtualTimeline, ids: IdMaker) -> AsyncIterator[Running]:
    """A gateway whose keepers hear of everything, and wait for nothing."""
    bus = MemoryBus()
    publish_events(database, bus)
    async with virtual_house(database, timeline, ids) as running:
        services = running.services
        lists = ListKeeper(services.local_lists, running.link, uniform=lambda: 0.0, gather_s=0.0, settle_s=0.0)
        kept = ReservationKeeper(services.reservations, running.link, services.clock, settle_s=0.0, silence_s=0.0)
        unsubscribe = bus.subscribe(EVENTS_TOPIC, Told(lists, kept))
        tasks = [asyncio.create_task(lists.run()), asyncio.create_task(kept.run())]
        yield running
        unsubscribe()
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*tasks, return_exceptions=True)
        )


async def until(script: Script, happened: Callable[[], bool]) -> None:
    await script.until(happened, timeout_s=PATIENCE_S)


def lists_sent(script: Script) -> list[str]:
    return [frame.payload["updateType"] for frame in script.calls_received("SendLocalList")]


async def test_lists_follow_tokens_rules_and_contradictions(house: Running, timeline: VirtualTimeline):
    await house.add_station("CS")
    await add_token(house, "AAA")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        async with house.services.database.work() as work:
            rule = AdmissionRule(scope=RuleScope.NETWORK, list_mode=ListMode.ALL)
            await house.services.admitting.set_rule(work, rule)
        await until(script, lambda: lists_sent(script) == ["Full"])
        await add_token(house, "BBB")
        await until(script, lambda: lists_sent(script) == ["Full", "Differential"])
        conflict = {"connectorId": 0, "errorCode": "LocalListConflict", "status": "Available"}
        await script.call("StatusNotification", conflict)
        await until(script, lambda: lists_sent(script) == ["Full", "Differential", "Full"])


async def test_a_station_that_comes_is_brought_in_step(house: Running, timeline: VirtualTimeline):
    await house.add_station("CS")
    await add_token(house, "AAA")
    async with house.services.database.work() as work:
        rule = AdmissionRule(scope=RuleScope.NETWORK, list_mode=ListMode.ALL)
        await house.services.admitting.set_rule(work, rule)
    async with station(house, timeline, "2.0.1") as script:
        await script.boot()
        await until(script, lambda: lists_sent(script) == ["Full"])
        assert len(script.station.access) == 1


async def test_a_reservation_that_a_restart_lost_is_made_again(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        wanted = Wanted(station_id=station_id, token_value="CARD", evse=1, expires_at=timeline.now().replace(hour=20))
        kept = await house.services.reservations.reserve(house.link, wanted)
        await script.settle()
        assert kept.status is ReservationStatus.KEPT
        script.evse(1).reservation = None
        before = len(script.calls_received("ReserveNow"))
        await script.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        await until(script, lambda: len(script.calls_received("ReserveNow")) > before)
        await until(script, lambda: script.evse(1).reservation is not None)


async def test_a_reservation_is_asked_for_again_after_a_restart_only(house: Running, timeline: VirtualTimeline):
    """One whose station is accepted some time after its restart, when it is asked to boot once more, is as well."""
    station_id = await house.add_station("CS")
    async with station(house, timeline, "2.0.1") as script:
        await script.boot()
        await asyncio.sleep(0.3)  # that restart is seen to
        wanted = Wanted(station_id=station_id, token_value="CARD", evse=1, expires_at=timeline.now().replace(hour=20))
        kept = await house.services.reservations.reserve(house.link, wanted)
        await script.settle()
        assert kept.status is ReservationStatus.KEPT
        before = len(script.calls_received("ReserveNow"))
        for reason, answer, more in (
            ("Triggered", BootAnswer.ACCEPTED, 0),
            ("PowerUp", BootAnswer.PENDING, 0),
            ("Triggered", BootAnswer.ACCEPTED, 1),
        ):
            async with house.services.database.work() as work:
                await house.services.stations.update(work, station_id, boot_answer=answer)
            said = {"chargingStation": {"model": "M", "vendorName": "V"}, "reason": reason}
            assert (await script.call("BootNotification", said))["status"] == answer.value
            await asyncio.sleep(0.3)
            await script.settle()
            assert len(script.calls_received("ReserveNow")) == before + more


async def test_a_place_that_the_station_frees_is_kept_no_longer(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        wanted = Wanted(station_id=station_id, token_value="CARD", evse=1, expires_at=timeline.now().replace(hour=20))
        kept = await house.services.reservations.reserve(house.link, wanted)
        await script.settle()
        await script.fail("GroundFailure", 1)
        async with asyncio.timeout(PATIENCE_S):
            while (await house.services.reservations.get(kept.id)).status is ReservationStatus.KEPT:
                await asyncio.sleep(0.02)
        assert (await house.services.reservations.get(kept.id)).status is ReservationStatus.REMOVED
