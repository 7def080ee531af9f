"""Local lists with simulated stations of all versions: split, amended, refused, contradicted, and in step again."""

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import ocpp_schemas
from ingufu.authorization.jobs import ListKeeper
from ingufu.authorization.model import (
    AdmissionRule,
    GroupDetails,
    ListMode,
    ListState,
    RuleScope,
    TokenDetails,
    TokenFacts,
)
from ingufu.authorization.service.local_lists import LocalLists
from ingufu.core.admission import ClearCache
from ingufu.core.errors import Conflict, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.infra.ending import end
from ingufu.infra.storage.database import Database
from ingufu.simulator.script import Script
from ingufu.simulator.timeline import VirtualTimeline
from running import Running
from scenarios.records import add_token, kinds
from scenarios.virtual import START, station, virtual_house

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@pytest.fixture
def timeline() -> VirtualTimeline:
    return VirtualTimeline(START)


@pytest.fixture
async def house(database: Database, timeline: VirtualTimeline, ids: IdMaker) -> AsyncIterator[Running]:
    async with virtual_house(database, timeline, ids) as running:
        yield running


async def rule(
    house: Running, mode: ListMode | None, *groups: str, scope: Any = RuleScope.NETWORK, of: str = ""
) -> None:
    async with house.services.database.work() as work:
        given = AdmissionRule(scope=scope, scope_id=of, list_mode=mode, list_groups=groups)
        await house.services.admitting.set_rule(work, given)


async def send(house: Running, station_id: str, **how: Any) -> Any:
    return await house.services.local_lists.send(house.link, station_id, **how)


def sent(script: Script, version: str) -> list[dict[str, Any]]:
    """Return the lists that were sent, in one version's words; each is valid by the standard's own schema."""
    payloads = [copy.deepcopy(frame.payload) for frame in script.calls_received("SendLocalList")]
    assert all(ocpp_schemas.oracle(ocpp_schemas.message(version, "SendLocalList"), one) is None for one in payloads)
    if version == "1.6":
        return payloads
    for one in payloads:
        one["listVersion"] = one["versionNumber"]
        for entry in one.get("localAuthorizationList", ()):
            entry["idTag"] = entry["idToken"]["idToken"]
            if "idTokenInfo" in entry:
                entry["idTagInfo"] = entry["idTokenInfo"]
    return payloads


def tags(message: dict[str, Any]) -> list[str]:
    return sorted(entry["idTag"] for entry in message.get("localAuthorizationList", ()))


def take(script: Script, **limits: int) -> None:
    """Let the station say how much it takes."""
    version = script.station.spec.version
    if version == "1.6":
        key = {"key": "SendLocalListMaxLength", "readonly": True, "value": str(limits["items"])}
        script.on("GetConfiguration", {"configurationKey": [key]})
        return
    names = {"ItemsPerMessage": "items", "BytesPerMessage": "bytes"}
    component = {"name": "LocalAuthListCtrlr"}
    found = [
        {"component": component, "variable": {"name": name}, "attributeStatus": "Accepted", "attributeValue": str(limits[key])}
        for name, key in names.items()
        if key in limits
    ]  # fmt: skip
    script.on("GetVariables", {"getVariableResult": found})


@EACH
async def test_a_list_is_sent_whole_and_then_amended(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    first = await add_token(house, "AAA")
    await add_token(house, "BBB", expires_at=START + timedelta(days=9))
    async with station(house, timeline, version) as script:
        await script.boot()
        after = await send(house, station_id)
        assert (after.state, after.version, after.station_version, after.entry_count) == (ListState.IN_STEP, 1, 1, 2)
        async with house.services.database.work() as work:
            await house.services.authorization.block_token(work, first)
        await add_token(house, "CCC")
        assert (await send(house, station_id, asks=False)).version == 2
        assert (await send(house, station_id)).version == 2  # in step: asked, and nothing to send
        full, amended = sent(script, version)
        assert (full["updateType"], full["listVersion"], tags(full)) == ("Full", 1, ["AAA", "BBB"])
        assert all(entry["idTagInfo"]["status"] == "Accepted" for entry in full["localAuthorizationList"])
        assert (amended["updateType"], amended["listVersion"], tags(amended)) == ("Differential", 2, ["AAA", "CCC"])
        gone = next(entry for entry in amended["localAuthorizationList"] if entry["idTag"] == "AAA")
        assert "idTagInfo" not in gone
        assert len(script.station.access) == 2
        await script.go_offline()
        await script.plug_in(1)
        await script.present("CCC")
        assert script.evse(1).token is not None  # known without asking
    assert (await kinds(house, station_id)).count("LocalListSent") == 2


@EACH
async def test_what_is_too_long_for_one_message_comes_in_several(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    for number in range(10):
        await add_token(house, f"CARD{number}")
    async with station(house, timeline, version) as script:
        await script.boot()
        take(script, items=4)
        after = await send(house, station_id)
        messages = sent(script, version)
        assert [one["updateType"] for one in messages] == ["Full", "Differential", "Differential"]
        assert [one["listVersion"] for one in messages] == [1, 2, 3]
        assert [len(one["localAuthorizationList"]) for one in messages] == [4, 4, 2]
        assert (after.version, len(script.station.access)) == (3, 10)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_message_is_never_longer_than_the_station_takes(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    async with house.services.database.work() as work:
        group = await house.services.authorization.create_group(
            work, GroupDetails(value="Ü" * 36), organisation_id="operator"
        )
    for number in range(12):
        await add_token(
            house, f"{number:02}" + "é" * 34, group_id=group.id, charging_priority=-9, language="en-GB",
            expires_at=START + timedelta(days=1),
        )  # fmt: skip
    async with station(house, timeline, version) as script:
        await script.boot()
        take(script, items=100, bytes=2048)
        assert (await send(house, station_id)).state is ListState.IN_STEP
        sizes = [len(frame.raw) for frame in script.calls_received("SendLocalList")]
        assert len(sizes) >= 3
        assert max(sizes) <= 2048


@EACH
async def test_an_empty_list_leaves_the_entries_out(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    async with station(house, timeline, version) as script:
        await script.boot()
        await send(house, station_id)
        await rule(house, ListMode.NONE)
        assert (await send(house, station_id)).entry_count == 0
        last = sent(script, version)[-1]
        assert len(script.station.access) == 0
        await send(house, station_id, is_full=True)
        empty = sent(script, version)[-1]
        assert (empty["updateType"], "localAuthorizationList" in empty) == ("Full", False)
        assert empty["listVersion"] > last["listVersion"]


@EACH
@pytest.mark.parametrize("word", ["Failed", "VersionMismatch"])
async def test_a_refused_amendment_is_followed_by_the_whole_list(
    house: Running, timeline: VirtualTimeline, version: str, word: str
):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    await add_token(house, "BBB")
    async with station(house, timeline, version) as script:
        await script.boot()
        await send(house, station_id)
        await add_token(house, "CCC")
        script.on("SendLocalList", lambda asked: {"status": word} if asked["updateType"] == "Differential" else None)
        after = await send(house, station_id)
        assert (after.state, after.entry_count) == (ListState.IN_STEP, 3)
        words = [one["updateType"] for one in sent(script, version)]
        assert words == ["Full", "Differential", "Full"]
        assert len(script.station.access) == 3


@EACH
async def test_a_version_counts_only_once_the_station_has_taken_it(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    async with station(house, timeline, version) as script:
        await script.boot()
        script.on("SendLocalList", {"status": "Failed"})
        after = await send(house, station_id)
        assert (after.state, after.version, after.entry_count) == (ListState.REFUSED, 0, 0)
        assert "Failed" in after.detail
        assert [one["updateType"] for one in sent(script, version)] == ["Full", "Full"]  # tried once more, not for ever
        script.on("SendLocalList", lambda _: None)
        after = await send(house, station_id)
        assert (after.state, after.version) == (ListState.IN_STEP, 1)


@EACH
async def test_a_station_that_lost_its_list_gets_it_whole(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    async with station(house, timeline, version) as script:
        await script.boot()
        await send(house, station_id)
        script.station.access.replace(0, {})
        after = await send(house, station_id)
        assert (after.state, after.version) == (ListState.IN_STEP, 2)
        assert sent(script, version)[-1]["updateType"] == "Full"
        script.station.access.replace(77, {})  # another system wrote to it
        assert (await send(house, station_id)).version == 78


async def test_16_without_a_list_is_left_alone(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        script.on("GetLocalListVersion", {"listVersion": -1})
        assert (await send(house, station_id)).state is ListState.UNSUPPORTED
        assert script.calls_received("SendLocalList") == []


async def test_only_chosen_groups_and_what_the_version_can_say_stand_on_a_list(
    house: Running, timeline: VirtualTimeline
):
    station_id = await house.add_station("CS")
    async with house.services.database.work() as work:
        group = await house.services.authorization.create_group(
            work, GroupDetails(value="FLEET"), organisation_id="operator"
        )
    await add_token(house, "ALONE")
    await add_token(house, "MEMBER", group_id=group.id)
    await add_token(house, "X" * 30, group_id=group.id)
    await add_token(house, "1234", kind="KeyCode", group_id=group.id)
    await add_token(house, "APP", kind="Central", group_id=group.id)
    await add_token(house, "OLD", group_id=group.id, expires_at=START - timedelta(days=1))
    await rule(house, ListMode.GROUPS, group.id, scope=RuleScope.STATION, of=station_id)
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        after = await send(house, station_id)
        (full,) = sent(script, "1.6")
        assert tags(full) == ["MEMBER"]
        assert full["localAuthorizationList"][0]["idTagInfo"]["parentIdTag"] == "FLEET"
        assert (after.left_out, after.detail) == (2, "2 tokens cannot stand on it.")


async def test_one_sender_at_a_time(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")

    class Nosy:
        async def call(self, station: str, command: Any) -> Any:
            with pytest.raises(Conflict, match="being sent"):
                await send(house, station)
            return await house.link.call(station, command)

    async with station(house, timeline, "2.0.1") as script:
        await script.boot()
        after = await house.services.local_lists.send(Nosy(), station_id)  # type: ignore[arg-type]
        assert (after.state, after.lease) == (ListState.IN_STEP, None)


async def test_a_station_that_is_away_is_told_as_such(house: Running):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    assert (await house.services.local_lists.get(station_id)).state is ListState.WAITING
    after = await send(house, station_id)
    assert (after.state, after.version) == (ListState.UNREACHABLE, 0)


async def test_the_keeper_brings_every_station_in_step(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    other_id = await house.add_station("TWO")
    await rule(house, ListMode.ALL)
    await rule(house, ListMode.NONE, scope=RuleScope.STATION, of=other_id)
    await add_token(house, "AAA")
    keeper = ListKeeper(house.services.local_lists, house.link, uniform=lambda: 0.0)
    async with station(house, timeline, "1.6") as script, station(house, timeline, "2.1", "TWO") as two:
        await script.boot()
        await two.boot()
        await keeper.step()
        assert (await house.services.local_lists.get(station_id)).state is ListState.IN_STEP
        assert two.calls_received("SendLocalList") == []
        await add_token(house, "BBB")
        await keeper.step()  # nobody told it
        assert len(sent(script, "1.6")) == 1
        keeper.tokens_changed()
        await keeper.step()
        assert tags(sent(script, "1.6")[-1]) == ["BBB"]
        keeper.list_contradicted(station_id)
        await keeper.step()
        assert (sent(script, "1.6")[-1]["updateType"], tags(sent(script, "1.6")[-1])) == ("Full", ["AAA", "BBB"])


@EACH
@pytest.mark.parametrize("change", [{"kind": "ISO15693"}, {"value": "aaa"}])
async def test_a_token_that_is_written_otherwise_stays_on_the_list(
    house: Running, timeline: VirtualTimeline, version: str, change: dict[str, str]
):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    token_id = await add_token(house, "AAA")
    for other in ("BBB", "CCC"):
        await add_token(house, other)
    async with station(house, timeline, version) as script:
        await script.boot()
        await send(house, station_id)
        async with house.services.database.work() as work:
            details = TokenDetails(**{"value": "AAA"} | change)
            await house.services.authorization.update_token(work, token_id, details)
        after = await send(house, station_id)
        assert (after.state, after.entry_count) == (ListState.IN_STEP, 3)
        amended = sent(script, version)[-1]
        told = amended["localAuthorizationList"]
        is_other = version != "1.6" and "kind" in change  # 2.x tells kinds apart: one goes, and another comes
        assert amended["updateType"] == "Differential"
        assert ["idTagInfo" in entry for entry in told] == ([False, True] if is_other else [True])
        await script.go_offline()
        await script.plug_in(1)
        await script.present("AAA")
        assert script.evse(1).token is not None
        await script.come_back()
        async with house.services.database.work() as work:
            await house.services.authorization.block_token(work, token_id)
        assert (await send(house, station_id)).entry_count == 2
        assert len(script.station.access) == 2


async def test_16_is_sent_one_entry_for_a_card_of_two_kinds(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    await rule(house, ListMode.ALL)
    first = await add_token(house, "AAA")
    await add_token(house, "aaa", kind="ISO15693")
    await add_token(house, "BBB")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        assert (await send(house, station_id)).entry_count == 2
        assert [tags(one) for one in sent(script, "1.6")] == [["AAA", "BBB"]]
        async with house.services.database.work() as work:
            await house.services.authorization.block_token(work, first)
        assert (await send(house, station_id)).entry_count == 2
        assert len(script.station.access) == 2


async def test_every_list_is_looked_at_in_time_however_often_stations_come(house: Running, timeline: VirtualTimeline):
    await house.add_station("CS")
    other_id = await house.add_station("TWO")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    keeper = ListKeeper(
        house.services.local_lists, house.link, uniform=lambda: 0.0, gather_s=0.0, settle_s=0.0, look_s=0.2
    )
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        keeping = asyncio.create_task(keeper.run())
        try:
            await script.until(lambda: len(sent(script, "1.6")) == 1, timeout_s=10.0)
            await add_token(house, "BBB")  # nobody tells, as nobody does when a token becomes valid
            async with asyncio.timeout(10.0):
                while len(sent(script, "1.6")) == 1:
                    keeper.station_asked(other_id)
                    await asyncio.sleep(0.01)
        finally:
            await end(keeping)
        assert tags(sent(script, "1.6")[-1]) == ["BBB"]


class Interrupted(LocalLists):
    """Lists during whose reading of the tokens something happens."""

    happens: Callable[[], Awaitable[None]] | None = None

    async def tokens(self) -> list[TokenFacts]:
        found = await super().tokens()
        if self.happens is not None:
            happens, self.happens = self.happens, None
            await happens()
        return found


async def test_a_token_that_changes_while_tokens_are_read_is_read_again(
    house: Running, timeline: VirtualTimeline, ids: IdMaker
):
    await house.add_station("CS")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    services = house.services
    lists = Interrupted(services.database, services.clock, ids, services.admitting, services.stations)
    keeper = ListKeeper(lists, house.link, uniform=lambda: 0.0)

    async def add() -> None:
        await add_token(house, "BBB")
        keeper.tokens_changed()

    lists.happens = add
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        await keeper.step()
        await keeper.step()
        assert [tags(one) for one in sent(script, "1.6")] == [["AAA"], ["BBB"]]


async def test_what_went_wrong_is_made_good_soon(house: Running, timeline: VirtualTimeline, ids: IdMaker):
    await house.add_station("CS")
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    services = house.services
    lists = Interrupted(services.database, services.clock, ids, services.admitting, services.stations)
    keeper = ListKeeper(lists, house.link, uniform=lambda: 0.0, gather_s=0.0, again_s=0.1)

    async def fail() -> None:
        raise Unavailable("The disk is full.")

    lists.happens = fail
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        keeping = asyncio.create_task(keeper.run())
        try:
            await script.until(lambda: len(sent(script, "1.6")) == 1, timeout_s=10.0)
        finally:
            await end(keeping)


async def test_a_station_that_is_to_be_left_alone_is_sent_a_list_by_hand_only(
    house: Running, timeline: VirtualTimeline
):
    station_id = await house.add_station("CS", is_silent=True)
    await rule(house, ListMode.ALL)
    await add_token(house, "AAA")
    keeper = ListKeeper(house.services.local_lists, house.link, uniform=lambda: 0.0)
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        await keeper.step()
        keeper.station_asked(station_id)
        await keeper.step()
        assert script.calls_received("SendLocalList") == []
        assert (await send(house, station_id)).state is ListState.IN_STEP


@EACH
async def test_the_cache_is_cleared(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        outcome = await house.link.call(station_id, ClearCache())
        assert outcome.is_accepted
        assert script.calls_received("ClearCache")[0].payload == {}
