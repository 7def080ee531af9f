"""Tariffs are made, changed by versions that never overlap, and given to places; what has begun stays as it is."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.tariffs import decide
from ingufu.tariffs.changes import ChangeKind
from ingufu.tariffs.model import TariffKind
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Situation, StepCode, Target, Where
from tariffs.conftest import OPERATOR, energy

HOUR = timedelta(hours=1)
EVERYONE = Where(target=Target.EVERYONE)
BY = "Keza"


def spans(versions):
    return [(one.number, one.valid_from, one.valid_until) for one in versions if one.withdrawn_at is None]


async def test_a_new_tariff_holds_from_now_on_and_is_kept_as_given(tariffs, make, clock):
    made = await make("Day", kind=TariffKind.REGULAR, texts={"rw": "Amashanyarazi 250"})
    assert await tariffs.get(made.id) == made
    assert await tariffs.find_by_name(OPERATOR, " DAY ") == made
    [version] = await tariffs.versions(made.id)
    assert (version.number, version.valid_from, version.valid_until) == (1, clock.now(), None)
    assert (version.terms, version.created_by) == (energy("250"), BY)


async def test_names_are_unique_in_an_organisation_whatever_their_case(database, tariffs, make):
    await make("Day")
    with pytest.raises(Conflict):
        await make("DAY")
    async with database.work() as work:
        await tariffs.create(work, NewTariff(organisation_id="host", name="Day", terms=energy("1")), by=BY)


async def test_two_creations_of_a_name_at_once_make_one_tariff(database, tariffs):
    first, second = database.work(), database.work()
    for work in (first, second):
        await tariffs.create(work, NewTariff(organisation_id=OPERATOR, name="Day", terms=energy("1")), by=BY)
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert len(await tariffs.all()) == 1


async def test_a_version_ends_where_the_next_begins(tariffs, make, do, clock):
    now = clock.now()
    made = await make()
    await do(tariffs.change, made.id, energy("300"), by=BY, valid_from=now + 10 * HOUR)
    await do(tariffs.change, made.id, energy("270"), by=BY, valid_from=now + 5 * HOUR)
    known = await tariffs.versions(made.id)
    assert spans(known) == [
        (1, now, now + 5 * HOUR),
        (2, now + 10 * HOUR, None),
        (3, now + 5 * HOUR, now + 10 * HOUR),
    ]
    for hours, price in ((0, "250"), (4.999, "250"), (5, "270"), (9.999, "270"), (10, "300"), (9000, "300")):
        found = await tariffs.version_at(made.id, now + hours * HOUR)
        assert found.terms == energy(price), hours
    assert await tariffs.version_at(made.id, now - timedelta(microseconds=1)) is None


async def test_a_future_version_is_replaced_by_one_for_the_same_instant(tariffs, make, do, clock):
    now = clock.now()
    made = await make()
    await do(tariffs.change, made.id, energy("300"), by=BY, valid_from=now + HOUR)
    await do(tariffs.change, made.id, energy("310"), by=BY, valid_from=now + HOUR)
    known = await tariffs.versions(made.id)
    assert known[1].withdrawn_at == now
    assert spans(known) == [(1, now, now + HOUR), (3, now + HOUR, None)]


async def test_a_withdrawn_version_leaves_its_time_to_the_one_before(tariffs, make, do, clock):
    now = clock.now()
    made = await make()
    await do(tariffs.change, made.id, energy("300"), by=BY, valid_from=now + HOUR)
    withdrawn = await do(tariffs.withdraw, made.id, 2, by=BY)
    assert await do(tariffs.withdraw, made.id, 2, by=BY) == withdrawn
    assert spans(await tariffs.versions(made.id)) == [(1, now, None)]
    await do(tariffs.change, made.id, energy("320"), by=BY, valid_from=now + HOUR)
    assert spans(await tariffs.versions(made.id)) == [(1, now, now + HOUR), (3, now + HOUR, None)]


async def test_a_version_that_has_begun_or_was_used_cannot_be_withdrawn(tariffs, make, do, clock, database):
    made = await make()
    with pytest.raises(Conflict):
        await do(tariffs.withdraw, made.id, 1, by=BY)
    later = await do(tariffs.change, made.id, energy("300"), by=BY, valid_from=clock.now() + HOUR)
    choice = await tariffs.applying(Situation(), clock.now() + 2 * HOUR)
    assert choice.applied is None
    await do(tariffs.assign, made.id, EVERYONE, by=BY)
    choice = await tariffs.applying(Situation(), clock.now() + 2 * HOUR)
    assert choice.applied.version == later.number
    async with database.work() as work:
        tariffs.note_use(work, choice.applied)
    async with database.work() as work:
        tariffs.note_use(work, choice.applied)
    with pytest.raises(Conflict):
        await do(tariffs.withdraw, made.id, later.number, by=BY)


@pytest.mark.parametrize("hours", [-1, 24 * 3660])
async def test_nothing_is_changed_for_the_past_or_for_another_age(tariffs, make, do, clock, hours):
    made = await make()
    clock.advance(3600 * 2)
    with pytest.raises(InvalidInput):
        await do(tariffs.change, made.id, energy("1"), by=BY, valid_from=clock.now() + hours * HOUR)


async def test_what_a_form_calls_now_is_now(tariffs, make, do, clock):
    made = await make()
    clock.advance(3600)
    version = await do(tariffs.change, made.id, energy("1"), by=BY, valid_from=clock.now() - timedelta(seconds=59))
    assert version.valid_from == clock.now()


async def test_two_changes_at_once_are_one_change_and_one_conflict(database, tariffs, make, clock):
    made = await make()
    first, second = database.work(), database.work()
    await tariffs.change(first, made.id, energy("300"), by="A", valid_from=clock.now() + HOUR)
    await tariffs.change(second, made.id, energy("400"), by="B", valid_from=clock.now() + 2 * HOUR)
    await second.commit()
    with pytest.raises(Conflict):
        await first.commit()
    assert [one.created_by for one in await tariffs.versions(made.id)] == [BY, "B"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tariff_versions SET terms = '{}'",
        "UPDATE tariff_versions SET currency = 'EUR'",
        "UPDATE tariff_versions SET number = 7",
        "UPDATE tariff_versions SET created_by = 'nobody'",
        "UPDATE tariff_versions SET withdrawn_at = valid_from",
        "DELETE FROM tariff_versions",
    ],
)
async def test_the_database_itself_refuses_to_change_a_version(database, tariffs, make, change):
    made = await make()
    before = await tariffs.versions(made.id)
    with pytest.raises(Exception, match="never changes"):
        async with database.work() as work:
            work.execute_once(text(change))
    assert await tariffs.versions(made.id) == before


async def test_the_database_keeps_the_first_use_and_withdraws_nothing_that_was_used(tariffs, make, do, database, clock):
    made = await make()
    later = await do(tariffs.change, made.id, energy("300"), by=BY, valid_from=clock.now() + HOUR)
    async with database.work() as work:
        tariffs.note_use(work, decide.applied("Day", later))
    used = (await tariffs.version(made.id, 2)).used_at
    for change in (
        "UPDATE tariff_versions SET used_at = NULL WHERE number = 2",
        "UPDATE tariff_versions SET withdrawn_at = created_at WHERE number = 2",
    ):
        with pytest.raises(Exception, match="never changes"):
            async with database.work() as work:
                work.execute_once(text(change))
    clock.advance(60)
    async with database.work() as work:
        tariffs.note_use(work, decide.applied("Day", later))
    assert (await tariffs.version(made.id, 2)).used_at == used


async def test_clocks_that_are_put_forward_leave_no_hole_between_versions(tariffs, make, do, clock):
    """Of the night in which Europe's clocks skip an hour: validity is of instants, whatever the clocks show."""
    clock.set(datetime(2026, 3, 28, 12, tzinfo=UTC))
    made = await make()
    skip = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 02:00 becomes 03:00 in Brussels
    await do(tariffs.change, made.id, energy("300"), by=BY, valid_from=datetime.fromisoformat("2026-03-29T03:00+02:00"))
    assert (await tariffs.version_at(made.id, skip - timedelta(microseconds=1))).number == 1
    assert (await tariffs.version_at(made.id, skip)).number == 2


async def test_a_retired_tariff_applies_nowhere_from_then_on_and_did_before(tariffs, make, do, clock):
    made = await make()
    await do(tariffs.assign, made.id, EVERYONE, by=BY)
    await do(
        tariffs.assign, made.id, Where(target=Target.SITE, target_id="s"), by=BY, valid_from=clock.now() + 9 * HOUR
    )
    clock.advance(3600)
    assert (await do(tariffs.retire, made.id, by=BY)).is_retired
    assert (await do(tariffs.retire, made.id, by=BY)).is_retired
    assert (await tariffs.applying(Situation(site_id="s"), clock.now())).applied is None
    assert (await tariffs.applying(Situation(site_id="s"), clock.now() + 10 * HOUR)).applied is None
    assert (await tariffs.applying(Situation(), clock.now() - HOUR)).applied.tariff_id == made.id
    with pytest.raises(Conflict):
        await do(tariffs.assign, made.id, EVERYONE, by=BY)
    with pytest.raises(Conflict):
        await do(tariffs.change, made.id, energy("1"), by=BY)
    assert not (await do(tariffs.restore, made.id, by=BY)).is_retired
    await do(tariffs.assign, made.id, EVERYONE, by=BY)


async def test_giving_a_tariff_away_while_it_is_retired_is_a_conflict(database, tariffs, make):
    made = await make()
    retiring, giving = database.work(), database.work()
    await tariffs.retire(retiring, made.id, by=BY)
    await tariffs.assign(giving, made.id, EVERYONE, by=BY)
    await retiring.commit()
    with pytest.raises(Conflict):
        await giving.commit()
    assert await tariffs.assignments(made.id) == []


async def test_history_tells_who_did_what_and_what_differs(tariffs, make, do, clock):
    made = await make()
    clock.advance(60)
    await do(tariffs.change, made.id, energy("300"), by="Eric", valid_from=clock.now() + HOUR)
    await do(tariffs.describe, made.id, by="Eric", name="Night", texts={"fr": "Nuit"})
    assert await do(tariffs.describe, made.id, by="Eric", name="Night") == await tariffs.get(made.id)
    await do(tariffs.assign, made.id, EVERYONE, by="Eric")
    await do(tariffs.withdraw, made.id, 2, by="Eric")
    entries = await tariffs.history(made.id)
    assert [(one.kind, one.by, one.version) for one in entries] == [
        (ChangeKind.WITHDRAWN, "Eric", 2),
        (ChangeKind.ASSIGNED, "Eric", None),
        (ChangeKind.DESCRIBED, "Eric", None),
        (ChangeKind.TERMS, "Eric", 2),
        (ChangeKind.CREATED, BY, 1),
    ]
    [difference] = entries[3].differences
    assert (difference.path, difference.before, difference.after) == ("elements[0].components[0].price", "250", "300")
    assert [(one.path, one.before, one.after) for one in entries[2].differences] == [
        ("name", "Day", "Night"),
        ("texts.fr", None, "Nuit"),
    ]


async def test_a_change_elsewhere_is_known_at_the_next_look(database, clock, ids, feeds, tariffs, make, do):
    other = type(tariffs)(database, clock, ids, feeds)  # of another process
    made = await make()
    assert (await other.applying(Situation(), clock.now())).applied is None
    await do(tariffs.assign, made.id, EVERYONE, by=BY)
    assert (await other.applying(Situation(), clock.now())).applied.version == 1
    clock.advance(1)
    await do(tariffs.change, made.id, energy("300"), by=BY)
    assert (await other.applying(Situation(), clock.now())).applied.version == 2
    await do(tariffs.describe, made.id, by=BY, name="Night")
    assert (await other.applying(Situation(), clock.now())).applied.name == "Night"


async def test_an_assignment_that_has_begun_ends_and_is_not_forgotten(tariffs, make, do, clock):
    made = await make()
    begun = await do(tariffs.assign, made.id, EVERYONE, by=BY)
    clock.advance(3600)
    with pytest.raises(Conflict):
        await do(tariffs.reassign, begun.id, by=BY, valid_from=clock.now() + HOUR)
    await do(tariffs.unassign, begun.id, by=BY)
    await do(tariffs.unassign, begun.id, by=BY)
    [known] = await tariffs.assignments(made.id)
    assert known.valid_until == clock.now()
    assert (await tariffs.applying(Situation(), clock.now() - HOUR)).applied is not None
    assert (await tariffs.applying(Situation(), clock.now())).applied is None
    with pytest.raises(Conflict):
        await do(tariffs.reassign, begun.id, by=BY, valid_until=None)


async def test_an_assignment_to_come_is_moved_and_taken_back(tariffs, make, do, clock):
    made = await make()
    later = await do(tariffs.assign, made.id, EVERYONE, by=BY, valid_from=clock.now() + 5 * HOUR)
    moved = await do(
        tariffs.reassign, later.id, by=BY, valid_from=clock.now() + 2 * HOUR, valid_until=clock.now() + 3 * HOUR
    )
    found = [(await tariffs.applying(Situation(), clock.now() + h * HOUR)).applied is not None for h in (1, 2, 3)]
    assert found == [False, True, False]
    with pytest.raises(InvalidInput):
        await do(tariffs.reassign, later.id, by=BY, valid_until=moved.valid_from)
    await do(tariffs.unassign, later.id, by=BY)
    with pytest.raises(NotFound):
        await tariffs.assignment(later.id)


async def test_the_same_tariff_is_given_once_to_the_same_thing(tariffs, make, do, clock, database):
    made = await make()
    site = Where(target=Target.SITE, target_id="s")
    await do(tariffs.assign, made.id, site, by=BY, valid_until=clock.now() + HOUR)
    with pytest.raises(Conflict):
        await do(tariffs.assign, made.id, site, by=BY)
    await do(tariffs.assign, made.id, site, by=BY, valid_from=clock.now() + HOUR)
    first, second = database.work(), database.work()
    await tariffs.assign(first, made.id, EVERYONE, by=BY)
    await tariffs.assign(second, made.id, EVERYONE, by=BY)
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()


@pytest.mark.parametrize(
    "where",
    [
        Where(target=Target.EVERYONE, target_id="x"),
        Where(target=Target.SITE),
        Where(target=Target.EVSE, target_id="cp"),
        Where(target=Target.EVSE, target_id="cp", evse=0),
        Where(target=Target.STATION, target_id="cp", evse=1),
    ],
)
async def test_what_names_no_target_is_refused(tariffs, make, do, where):
    made = await make()
    with pytest.raises(InvalidInput):
        await do(tariffs.assign, made.id, where, by=BY)


async def test_a_switch_prices_what_follows_and_the_beginning_stays(tariffs, make, do, clock):
    day, night = await make("Day"), await make("Night", energy("150"))
    await do(tariffs.assign, day.id, EVERYONE, by=BY)
    start = clock.now()
    choice = await tariffs.applying(Situation(), start)
    switched = await do(tariffs.switch, "tx", night.id, start + HOUR, by=BY, currency="RWF")
    assert switched == await do(tariffs.switch, "tx", night.id, start + HOUR, by=BY, currency="RWF")
    with pytest.raises(Conflict):
        await do(tariffs.switch, "tx", day.id, start + HOUR, by=BY)
    first, second = await tariffs.of_session("tx", choice, start)
    assert (first.name, first.from_at, second.name, second.from_at) == ("Day", None, "Night", start + HOUR)
    assert [one.name for one in await tariffs.of_session("tx", choice, start, start + HOUR)] == ["Day"]


async def test_a_switch_keeps_the_currency(tariffs, make, do, clock):
    euro = await make("Euro", energy("0.5", currency="EUR"))
    with pytest.raises(InvalidInput, match="currency"):
        await do(tariffs.switch, "tx", euro.id, clock.now(), by=BY, currency="RWF")
    with pytest.raises(InvalidInput, match="in force"):
        await do(tariffs.switch, "tx", euro.id, clock.now() - HOUR, by=BY)


async def test_a_session_is_not_switched_to_a_retired_tariff(tariffs, make, do, clock):
    night = await make("Night")
    await do(tariffs.retire, night.id, by=BY)
    with pytest.raises(Conflict):
        await do(tariffs.switch, "tx", night.id, clock.now(), by=BY)


async def test_a_plan_is_found_by_its_name_without_blanks_around_it(tariffs, make, do, clock):
    gold = await make("Gold")
    await do(tariffs.assign, gold.id, Where(target=Target.PLAN, target_id=" Gold 50 "), by=BY)
    choice = await tariffs.applying(Situation(driver_id="keza", plan="Gold 50"), clock.now())
    assert choice.applied.name == "Gold"
    assert (await tariffs.applying(Situation(driver_id="keza"), clock.now())).applied is None
    with pytest.raises(InvalidInput):
        await do(tariffs.assign, gold.id, Where(target=Target.PLAN, target_id="  "), by=BY)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"texts": {"english please": "x"}},
        {"texts": {"en": "x" * 513}},
    ],
)
async def test_what_cannot_be_a_tariff_is_refused(make, fields):
    with pytest.raises(InvalidInput):
        await make(**fields)


async def test_nothing_applies_where_nothing_is_given(tariffs, clock):
    choice = await tariffs.applying(Situation(station_id="cp", evse=1), clock.now())
    assert choice.applied is None
    assert choice.steps[-1].code is StepCode.NOTHING_APPLIES
