"""Use cases of configuration on both databases: inventory, desired values, failures, reports, history, deletion."""

from datetime import timedelta
from pathlib import Path

import pytest

from configuration.conftest import PlayedStation
from ingufu.configuration import store
from ingufu.configuration.model import (
    ConfigurationRules,
    DesiredChange,
    Mutability,
    Origin,
    Reach,
    ReportPart,
    ReportState,
    TemplateFields,
    Told,
    Wanted,
    WishState,
)
from ingufu.configuration.service import Configuration, Reading, ReportWish, keeping
from ingufu.configuration.service.care import MOST_INVENTORIES
from ingufu.core.clock import FrozenClock
from ingufu.core.configuration import Place, ReadItem, RequestBaseReport, RequestReport, WriteItem, WriteVariables
from ingufu.core.errors import (
    Conflict,
    IngufuError,
    InvalidInput,
    NotFound,
    StationOffline,
    StationTimeout,
    StationUnsupported,
)
from ingufu.core.ids import IdMaker
from ingufu.core.variables import parse
from ingufu.infra.storage.database import Database
from ingufu.infra.vault import Vault
from ingufu.stations.model import Boot, BootAnswer, Station, StationRules
from ingufu.stations.quirks.model import Does, Group, Match, Quirk
from ingufu.stations.service import Stations

INTERVAL, OFFLINE = parse("SampledDataCtrlr.TxUpdatedInterval"), parse("AuthCtrlr.LocalAuthorizeOffline")
ALIGNED = parse("AlignedDataCtrlr.Measurands")  # sorts before the others
HELD = "Not sent because of quirk 20."
OF_16 = pytest.mark.parametrize("version", ["1.6"])


async def desire(database: Database, configuration: Configuration, station: Station, **values: str | None) -> None:
    names = {"interval": INTERVAL, "offline": OFFLINE, "aligned": ALIGNED}
    async with database.work() as work:
        await configuration.desire(
            work, station.id, [DesiredChange(name=names[name], value=value) for name, value in values.items()]
        )


async def part(
    database: Database, configuration: Configuration, station: Station, request_id: int, number: int, at: FrozenClock,
    *, is_last: bool, **values: str,
) -> None:  # fmt: skip
    told = tuple(Told(name=parse(f"Custom.{name}"), value=value) for name, value in values.items())
    async with database.work() as work:
        given = ReportPart(request_id=request_id, number=number, is_last=is_last, variables=told)
        await configuration.keeping.take(work, station, given, at.now())


async def state_of(database: Database, configuration: Configuration, station: Station) -> WishState:
    del database
    (one,) = await configuration.wishes.wanted(station.id)
    return one.state


async def wanted(configuration: Configuration, station: Station) -> dict[str, Wanted]:
    return {one.key: one for one in await configuration.wishes.wanted(station.id)}


async def test_a_new_station_is_asked_for_everything_once_and_again_after_new_firmware(
    database: Database, clock: FrozenClock, configuration: Configuration, stations: Stations, station: Station,
    played: PlayedStation, by: Reading,
) -> None:  # fmt: skip
    await configuration.care.look_after(by, station.id)
    await configuration.care.look_after(by, station.id)  # while the report is on its way
    (asked,) = [one for one in played.asked if isinstance(one, RequestBaseReport)]
    await part(database, configuration, station, asked.request_id, 0, clock, is_last=False, A="1", B="2")
    await part(database, configuration, station, asked.request_id, 1, clock, is_last=True, C="3")
    state = await configuration.state(station.id)
    assert (state.inventory_at, state.inventory_firmware, state.due_at) == (clock.now(), "1.0", clock.now())
    assert await configuration.care.due() == [station.id]
    await configuration.care.look_after(by, station.id)
    assert len(played.asked) == 1
    async with database.work() as work:
        await stations.boot(work, station, Boot(vendor="V", model="M", firmware_version="2.0"), clock.now())
    clock.advance(10)
    await configuration.care.look_after(by, station.id)
    again = played.asked[-1]
    assert isinstance(again, RequestBaseReport)
    await part(database, configuration, await stations.get(station.id), again.request_id, 0, clock, is_last=True, A="1")
    assert [one.name.variable for one in await configuration.variables(station.id)] == ["A"]  # what is gone is gone


async def test_lost_inventories_are_asked_for_again_and_not_for_ever(
    clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation, by: Reading
) -> None:
    for _ in range(20):
        await configuration.care.look_after(by, station.id)
        clock.advance(7 * 3600)
        await configuration.care.end_silent_reports()
    assert len(played.asked) == MOST_INVENTORIES
    assert (await configuration.state(station.id)).inventory_note == "Nothing came."


async def test_a_station_whose_inventory_never_comes_is_given_what_is_desired_and_stays_in_care(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading,
) -> None:  # fmt: skip
    await desire(database, configuration, station, interval="30")
    await configuration.care.refresh_stale()
    for _ in range(40):
        for station_id in await configuration.care.due():
            await configuration.care.look_after(by, station_id)
        clock.advance(60)
        await configuration.care.end_silent_reports()
    assert played.values[INTERVAL.key] == "30"
    assert sum(isinstance(one, RequestBaseReport) for one in played.asked) == MOST_INVENTORIES
    played.values[INTERVAL.key] = "900"
    clock.advance(24 * 3600)
    for _ in range(3):
        for station_id in await configuration.care.due():
            await configuration.care.look_after(by, station_id)
    assert played.values[INTERVAL.key] == "30"


async def test_what_is_desired_is_set_before_the_last_inventory_is_lost(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading,
) -> None:  # fmt: skip
    await desire(database, configuration, station, interval="30")
    for _ in range(2):
        await configuration.care.look_after(by, station.id)
        clock.advance(300)
        await configuration.care.end_silent_reports()
    assert played.values[INTERVAL.key] == "30"


async def test_a_station_that_reports_nothing_still_gets_what_is_desired(
    database: Database, configuration: Configuration, station: Station, played: PlayedStation, by: Reading
) -> None:
    played.reports = "NotSupported"
    await desire(database, configuration, station, interval="30")
    await configuration.care.look_after(by, station.id)
    assert played.values[INTERVAL.key] == "30"
    assert await state_of(database, configuration, station) is WishState.IN_STEP
    assert (await configuration.state(station.id)).inventory_note == "NotSupported"


async def test_what_is_right_already_is_not_sent(
    database: Database, configuration: Configuration, station: Station, played: PlayedStation, by: Reading
) -> None:
    await desire(database, configuration, station, interval="60", offline="TRUE")
    assert await configuration.care.apply(by, station.id) == []
    assert not any(isinstance(one, WriteVariables) for one in played.asked)
    assert (await configuration.state(station.id)).drift == 0


async def test_a_failure_is_tried_again_later_each_time(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading,
) -> None:  # fmt: skip
    played.is_away = True
    await desire(database, configuration, station, interval="30")
    waits = []
    for _ in range(4):
        await configuration.care.look_after(by, station.id)
        state = await configuration.state(station.id)
        assert state.due_at is not None
        waits.append((state.due_at - clock.now()).total_seconds())
        clock.advance(100_000)
    assert waits == sorted(set(waits))
    assert (state.failures, state.failure) == (4, "The station is not connected.")
    played.is_away, played.reports = False, "NotSupported"
    await configuration.care.look_after(by, station.id)
    assert (await configuration.state(station.id)).failures == 0
    assert await state_of(database, configuration, station) is WishState.IN_STEP


@pytest.mark.parametrize("change", [{"is_silent": True}, {"boot_status": "Pending"}])
async def test_who_is_to_be_left_alone_is(
    database: Database, configuration: Configuration, stations: Stations, station: Station, played: PlayedStation,
    by: Reading, change: dict[str, bool | str],
) -> None:  # fmt: skip
    if "is_silent" in change:
        async with database.work() as work:
            await stations.update(work, station.id, is_silent=True)
    else:
        async with database.work() as work:
            await stations.update(work, station.id, boot_answer=BootAnswer.PENDING)
        async with database.work() as work:
            await stations.boot(work, station, Boot(vendor="V", model="M"), station.created_at)
    await desire(database, configuration, station, interval="30")
    await configuration.care.look_after(by, station.id)
    assert played.asked == []


async def test_drift_that_is_found_later_is_due_for_repair(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading,
) -> None:  # fmt: skip
    await desire(database, configuration, station, interval="30")
    await configuration.care.apply(by, station.id)
    played.values[INTERVAL.key] = "900"
    clock.advance(60)
    await configuration.care.check(by, station.id)
    assert await state_of(database, configuration, station) is WishState.DIFFERENT
    assert await configuration.care.due() == [station.id]
    await configuration.care.apply(by, station.id)
    assert played.values[INTERVAL.key] == "30"


@pytest.mark.parametrize("rules", [ConfigurationRules(repairs_drift=False)])
async def test_drift_is_only_shown_where_it_is_not_to_be_repaired(
    database: Database, configuration: Configuration, station: Station, played: PlayedStation, by: Reading
) -> None:
    await desire(database, configuration, station, interval="30")
    await configuration.care.apply(by, station.id)
    played.values[INTERVAL.key] = "900"
    await configuration.care.check(by, station.id)
    assert (await configuration.state(station.id)).drift == 1
    assert await configuration.care.due() == []


async def test_every_change_of_a_value_is_kept_with_who_and_when(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, by: Reading
) -> None:
    for value, seconds in (("1", 0), ("1", 10), ("2", 20)):
        clock.advance(seconds)
        async with database.work() as work:
            told = [Told(name=INTERVAL, value=value, mutability=Mutability.READ_WRITE)]
            await configuration.keeping.tell(work, station.id, told, clock.now(), origin=Origin.REPORT)
    (known,) = await configuration.variables(station.id)
    assert (known.value, known.changed_at) == ("2", clock.now())
    done = await configuration.asking.write(by, station, [WriteItem(name=INTERVAL, value="30")])
    assert done[0].is_accepted
    (known,) = await configuration.variables(station.id)
    assert (known.value, known.actor, known.origin) == ("30", "keza", Origin.WRITTEN)
    assert await configuration.value(station.id, INTERVAL.key) == "30"


async def test_values_that_are_given_twice_are_refused(
    configuration: Configuration, station: Station, played: PlayedStation, by: Reading
) -> None:
    twice = [WriteItem(name=INTERVAL, value="1"), WriteItem(name=parse(INTERVAL.text.upper()), value="2")]
    with pytest.raises(InvalidInput):
        await configuration.asking.write(by, station, twice)
    assert played.asked == []


async def test_a_report_is_one_at_a_time_and_may_come_unasked(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, by: Reading
) -> None:
    asked = await configuration.reporting.request(by, station, ReportWish())
    with pytest.raises(Conflict):
        await configuration.reporting.request(by, station, ReportWish())
    await part(database, configuration, station, 4711, 0, clock, is_last=True, X="1")
    unasked = await store.report_of(database, station.id, 4711)
    assert unasked is not None
    assert unasked.state is ReportState.COMPLETE
    clock.advance(1000)
    assert (await configuration.reporting.request(by, station, ReportWish())).id != asked.id


async def test_a_template_counts_until_it_is_gone(
    database: Database, configuration: Configuration, station: Station
) -> None:
    async with database.work() as work:
        made = await configuration.wishes.create_template(work, TemplateFields(name="T", reach=Reach.EVERYONE))
    async with database.work() as work:
        await configuration.wishes.desire_of_template(work, made.id, [DesiredChange(name=INTERVAL, value="45")])
    assert await configuration.care.refresh_stale() == 1
    (one,) = await configuration.wishes.wanted(station.id)
    assert (one.value, one.source_name) == ("45", "T")
    with pytest.raises(Conflict):
        async with database.work() as work:
            await configuration.wishes.create_template(work, TemplateFields(name="t"))
    async with database.work() as work:
        await configuration.wishes.remove_template(work, made.id)
    await configuration.care.refresh_stale()
    assert await configuration.wishes.wanted(station.id) == []
    with pytest.raises(NotFound):
        await configuration.wishes.template(made.id)


async def test_a_wish_that_cannot_be_is_refused_at_once(
    database: Database, configuration: Configuration, station: Station
) -> None:
    for name, value in ((INTERVAL, "soon"), (parse("SecurityCtrlr.BasicAuthPassword"), "short")):
        with pytest.raises(InvalidInput):
            async with database.work() as work:
                await configuration.desire(work, station.id, [DesiredChange(name=name, value=value)])
    with pytest.raises(NotFound):
        async with database.work() as work:
            await configuration.desire(work, "nobody", [DesiredChange(name=INTERVAL, value="1")])
    assert await configuration.wishes.wanted(station.id) == []


async def test_nothing_is_desired_of_a_station_that_is_not_ours(
    database: Database, configuration: Configuration, stations: Stations, station: Station
) -> None:
    await desire(database, configuration, station, interval="30")
    async with database.work() as work:
        await stations.refuse(work, station.id)
    assert (await configuration.wishes.reassess(station.id)).wishes == 0


async def test_a_deleted_station_leaves_nothing_behind(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, by: Reading
) -> None:
    await desire(database, configuration, station, interval="30")
    await configuration.asking.read(by, station, [ReadItem(name=OFFLINE)])
    await configuration.wishes.reassess(station.id)
    async with database.work() as work:
        configuration.forget_station(work, station.id)
    assert await configuration.variables(station.id) == []
    assert await configuration.wishes.wanted(station.id) == []
    assert await store.wishes_for(database, station.id) == []
    assert (await configuration.state(station.id)).looked_at is None
    clock.advance(timedelta(days=1).total_seconds())
    assert await configuration.care.due() == []


async def test_more_places_than_a_station_takes_are_reports_of_their_own(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading,
) -> None:  # fmt: skip
    async with database.work() as work:
        told = [Told(name=parse("DeviceDataCtrlr.ItemsPerMessage[GetReport]"), value="2")]
        await configuration.keeping.tell(work, station.id, told, clock.now(), origin=Origin.REPORT)
    places = tuple(Place(component=f"C{number}") for number in range(5))
    await configuration.reporting.request(by, station, ReportWish(places=places))
    asked = [one for one in played.asked if isinstance(one, RequestReport)]
    assert [len(one.places) for one in asked] == [2, 2, 1]
    assert len({one.request_id for one in asked}) == 3


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_a_station_cannot_fill_the_database_with_variables_and_reports(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(keeping, "MOST_VARIABLES", 5)
    monkeypatch.setattr(keeping, "MOST_OPEN", 3)
    for number in range(9):
        await part(database, configuration, station, number, 0, clock, is_last=False, **{f"V{number}": "1"})
    assert len(await configuration.variables(station.id)) == 5
    assert len(await store.open_reports(database, station.id)) == 3


@pytest.mark.parametrize("rules", [ConfigurationRules(repairs_drift=False)])
async def test_a_new_wish_is_set_soon_also_where_drift_is_not_repaired(
    database: Database, configuration: Configuration, station: Station
) -> None:
    await desire(database, configuration, station, interval="30")
    await configuration.care.refresh_stale()
    assert await configuration.care.due() == [station.id]


async def test_a_busy_station_is_asked_for_everything_again_later(
    clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation, by: Reading
) -> None:
    played.reports = "Rejected"
    await configuration.care.look_after(by, station.id)
    state = await configuration.state(station.id)
    assert state.due_at is not None
    assert state.due_at > clock.now()
    clock.advance(3600)
    played.reports = "Accepted"
    await configuration.care.look_after(by, station.id)
    assert isinstance(played.asked[-1], RequestBaseReport)
    assert len(played.asked) == 3  # full and configuration inventory, and full again


async def test_a_password_that_opens_no_door_is_never_sent(
    database: Database, configuration: Configuration, station: Station, played: PlayedStation, by: Reading
) -> None:
    password = parse("SecurityCtrlr.BasicAuthPassword")
    item = WriteItem(name=password, value="a" * 20)
    (outcome,) = await configuration.asking.write(by, station, [item], is_forced=True)
    assert (outcome.status, outcome.part) == ("NotSent", 0)
    assert played.asked == []
    with pytest.raises(InvalidInput):
        async with database.work() as work:
            await configuration.desire(work, station.id, [DesiredChange(name=password, value="a" * 20)])


@pytest.mark.parametrize("name", ["SecurityCtrlr.BasicAuthPassword", "NetworkConfiguration[2].BasicAuthPassword"])
async def test_no_template_has_the_password_of_a_station_or_of_its_profiles(
    database: Database, configuration: Configuration, name: str
) -> None:
    async with database.work() as work:
        made = await configuration.wishes.create_template(work, TemplateFields(name="House", reach=Reach.EVERYONE))
    wanted = [DesiredChange(name=parse(name), value="another-key-of-16")]
    with pytest.raises(InvalidInput, match="password of its own"):
        async with database.work() as work:
            await configuration.wishes.desire_of_template(work, made.id, wanted)


async def test_the_password_of_a_profile_that_is_desired_opens_beside_the_station_s_own(
    database: Database, configuration: Configuration, stations: Stations, station: Station, played: PlayedStation,
    by: Reading,
) -> None:  # fmt: skip
    name, old, new = parse("networkconfiguration[2].BasicAuthPassword"), b"a-key-of-16-chars", "another-key-of-16"
    async with database.work() as work:
        await configuration.desire(work, station.id, [DesiredChange(name=name, value=new)])
    await configuration.care.apply(by, station.id)
    assert await state_of(database, configuration, station) is WishState.IN_STEP
    at = await stations.get(station.id)
    assert [stations.password_matches(at, one) for one in (old, new.encode())] == [True, True]


async def test_a_password_without_an_answer_is_sent_again_and_both_open_until_then(
    database: Database, clock: FrozenClock, configuration: Configuration, stations: Stations, station: Station,
    played: PlayedStation, by: Reading,
) -> None:  # fmt: skip
    name, old, new = parse("SecurityCtrlr.BasicAuthPassword"), b"a-key-of-16-chars", "another-key-of-16"
    played.reports = "NotSupported"
    await configuration.care.look_after(by, station.id)
    async with database.work() as work:
        await configuration.desire(work, station.id, [DesiredChange(name=name, value=new)])
    played.loses_answers = True
    for _ in range(2):
        await configuration.care.look_after(by, station.id)
        state, at = await configuration.state(station.id), await stations.get(station.id)
        assert (state.failures > 0, state.drift) == (True, 1)
        assert stations.password_matches(at, old)
        assert stations.password_matches(at, new.encode())
        clock.advance(100_000)
    assert await configuration.care.due() == [station.id]
    played.loses_answers = False
    await configuration.care.look_after(by, station.id)
    at = await stations.get(station.id)
    assert await state_of(database, configuration, station) is WishState.IN_STEP
    assert stations.password_matches(at, new.encode())
    assert not stations.password_matches(at, old)


@OF_16
@pytest.mark.parametrize(("failure", "reason"), [
    (StationUnsupported(HELD), HELD),
    (InvalidInput("A value of OCPP 1.6 has at most 500 characters."), "A value of OCPP 1.6 has at most 500 characters."),
])  # fmt: skip
async def test_a_value_that_cannot_be_asked_for_keeps_no_other_one_from_being_set(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading, failure: IngufuError, reason: str,
) -> None:  # fmt: skip
    played.fails[ALIGNED.key] = failure
    await desire(database, configuration, station, aligned="SoC", interval="30", offline="false")
    for _ in range(3):
        await configuration.care.look_after(by, station.id)
        clock.advance(100_000)
    assert (played.values[INTERVAL.key], played.values[OFFLINE.key]) == ("30", "false")
    aligned = (await wanted(configuration, station))[ALIGNED.key]
    assert (aligned.state, aligned.reason) == (WishState.REFUSED, reason)
    assert played.sent(ALIGNED.key) == 1
    state = await configuration.state(station.id)
    assert (state.drift, state.failures) == (1, 0)
    await configuration.care.apply(by, station.id, tries_again=True)
    assert played.sent(ALIGNED.key) == 2


@OF_16
async def test_a_value_that_a_quirk_held_back_is_tried_once_more_when_the_quirk_is_switched(
    database: Database, configuration: Configuration, stations: Stations, station: Station, played: PlayedStation,
    by: Reading,
) -> None:  # fmt: skip
    async def switch(number: int, *, is_on: bool | None) -> None:
        async with database.work() as work:
            await stations.switch_quirk(work, station.id, number, is_on=is_on)
        await configuration.wishes.reassess(station.id)
        for _ in range(3):
            for station_id in await configuration.care.due():
                await configuration.care.look_after(by, station_id)

    played.fails[ALIGNED.key] = StationUnsupported(HELD)
    await switch(20, is_on=True)
    await desire(database, configuration, station, aligned="SoC", interval="30")
    await configuration.care.refresh_stale()
    for _ in range(3):
        await configuration.care.look_after(by, station.id)
    assert (await wanted(configuration, station))[ALIGNED.key].reason == HELD
    assert played.sent(ALIGNED.key) == 1
    await switch(27, is_on=True)  # still held, by the other one
    assert played.sent(ALIGNED.key) == 2
    assert (await wanted(configuration, station))[ALIGNED.key].state is WishState.REFUSED
    played.fails.clear()
    await switch(20, is_on=False)
    assert (played.values[ALIGNED.key], played.sent(ALIGNED.key), played.sent(INTERVAL.key)) == ("SoC", 3, 1)
    assert (await configuration.state(station.id)).drift == 0


@OF_16
async def test_a_value_that_a_rule_held_back_is_tried_when_the_rule_is_gone(
    database: Database, clock: FrozenClock, ids: IdMaker, tmp_path: Path, station: Station, played: PlayedStation,
    by: Reading,
) -> None:  # fmt: skip
    held = Quirk(
        number=1001, group=Group.COMMANDS, title="", who="", odd="", cope="", reference="",
        match=(Match(vendor="V"),), does=Does(untouched_keys=("MeterValuesAlignedData",)),
    )  # fmt: skip

    def started(*quirks: Quirk) -> Configuration:
        stations = Stations(database, clock, ids, StationRules(), quirks=quirks)
        return Configuration(database, clock, ids, stations, Vault(tmp_path / "secrets.key"))

    before, after = started(held), started()
    played.fails[ALIGNED.key] = StationUnsupported(HELD)
    await desire(database, before, station, aligned="SoC")
    for _ in range(3):
        await before.care.look_after(by, station.id)
    assert played.sent(ALIGNED.key) == 1
    for _ in range(3):
        await after.care.look_after(by, station.id)
    assert played.sent(ALIGNED.key) == 2
    played.fails.clear()
    await before.care.look_after(by, station.id)
    assert played.values[ALIGNED.key] == "SoC"


@OF_16
@pytest.mark.parametrize("failure", [StationOffline(), StationTimeout()])
async def test_a_value_at_which_a_station_falls_silent_waits_though_it_has_booted_and_the_others_do_not(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading, failure: IngufuError,
) -> None:  # fmt: skip
    played.fails[ALIGNED.key] = failure
    await desire(database, configuration, station, aligned="SoC", interval="30", offline="false")
    await configuration.care.look_after(by, station.id, has_booted=True)
    await configuration.care.look_after(by, station.id, has_booted=True)
    assert played.sent(ALIGNED.key) == 1
    assert (played.values[INTERVAL.key], played.values[OFFLINE.key]) == ("30", "false")
    aligned = (await wanted(configuration, station))[ALIGNED.key]
    assert (aligned.state, aligned.reason, aligned.tries) == (WishState.WAITING, failure.message, 1)
    waits = [(aligned.next_at or clock.now()) - clock.now()]
    for _ in range(3):
        clock.advance(waits[-1].total_seconds())
        await configuration.care.look_after(by, station.id, has_booted=True)
        aligned = (await wanted(configuration, station))[ALIGNED.key]
        waits.append((aligned.next_at or clock.now()) - clock.now())
    assert waits == sorted(set(waits))  # longer each time
    assert played.sent(ALIGNED.key) == 4


@pytest.mark.parametrize("failure", [StationOffline(), StationTimeout(), StationUnsupported(HELD)])
async def test_values_of_a_message_that_came_to_nothing_are_sent_one_by_one(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading, failure: IngufuError,
) -> None:  # fmt: skip
    played.reports = "NotSupported"
    played.fails[ALIGNED.key] = failure
    await desire(database, configuration, station, aligned="SoC", interval="30", offline="false")
    for _ in range(3):
        await configuration.care.look_after(by, station.id)
        clock.advance(1000)
    assert (played.values[INTERVAL.key], played.values[OFFLINE.key]) == ("30", "false")
    is_final = isinstance(failure, StationUnsupported)
    aligned = (await wanted(configuration, station))[ALIGNED.key]
    assert aligned.state is (WishState.REFUSED if is_final else WishState.WAITING)


@OF_16
@pytest.mark.parametrize("failure", [StationOffline(), StationTimeout(), StationUnsupported(HELD)])
async def test_a_value_that_cannot_be_read_keeps_none_from_being_set(
    database: Database, clock: FrozenClock, configuration: Configuration, station: Station, played: PlayedStation,
    by: Reading, failure: IngufuError,
) -> None:  # fmt: skip
    await configuration.care.look_after(by, station.id)  # all is read before anything is desired
    played.asked.clear()
    played.fails_to_tell[ALIGNED.key] = failure
    await desire(database, configuration, station, aligned="SoC", interval="30")
    for _ in range(4):
        await configuration.care.look_after(by, station.id, has_booted=True)
        clock.advance(10)
    assert isinstance(failure, StationUnsupported) or played.asked_of(ALIGNED.key) == 1  # it may be what restarts it
    for _ in range(2):
        clock.advance(100)
        await configuration.care.look_after(by, station.id, has_booted=True)
    assert (played.values[INTERVAL.key], played.values[ALIGNED.key]) == ("30", "SoC")


@OF_16
async def test_a_value_that_is_too_long_for_the_version_is_said_not_to_fit(
    database: Database, configuration: Configuration, station: Station, played: PlayedStation, by: Reading
) -> None:
    await desire(database, configuration, station, aligned="S" * 501, interval="30")
    await configuration.care.look_after(by, station.id)
    aligned = (await wanted(configuration, station))[ALIGNED.key]
    assert (aligned.state, aligned.reason) == (WishState.NOT_FITTING, "A value has at most 500 characters.")
    assert (played.sent(ALIGNED.key), played.values[INTERVAL.key]) == (0, "30")


async def test_a_secret_that_cannot_be_opened_keeps_no_other_value_from_being_set(
    database: Database, clock: FrozenClock, ids: IdMaker, stations: Stations, configuration: Configuration,
    station: Station, played: PlayedStation, by: Reading, tmp_path: Path,
) -> None:  # fmt: skip
    played.reports = "NotSupported"
    name = parse("SecurityCtrlr.BasicAuthPassword")
    async with database.work() as work:
        await configuration.desire(work, station.id, [DesiredChange(name=name, value="another-key-of-16")])
    await desire(database, configuration, station, interval="30")
    other = Configuration(database, clock, ids, stations, Vault(tmp_path / "another.key"))
    await other.care.look_after(by, station.id)
    password = (await wanted(other, station))[name.key]
    assert password.state is WishState.WAITING
    assert "cannot be read" in password.reason
    assert played.values[INTERVAL.key] == "30"
