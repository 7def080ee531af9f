"""Whatever is done to tariffs, at no instant that has been does another price apply than did apply then."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingufu.core.errors import Conflict, IngufuError
from ingufu.tariffs import decide
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Situation, Target, Where
from tariffs.conftest import OPERATOR, energy

HOUR = timedelta(hours=1)
PLACES = (Where(target=Target.EVERYONE), Where(target=Target.SITE, target_id="s"))
HERE = Situation(site_id="s")
BY = "Keza"

hours = st.sampled_from([None, 0, 1, 2, 5])
which = st.integers(0, 1)
things = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 60, 90, 300])),
        st.tuples(st.just("change"), which, hours),
        st.tuples(st.just("withdraw"), which, st.integers(1, 5)),
        st.tuples(st.just("assign"), which, which, hours, hours),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("move"), st.integers(0, 5), hours, hours),
        st.tuples(st.just("retire"), which),
        st.tuples(st.just("restore"), which),
        st.tuples(st.just("describe"), which, st.integers(0, 9)),
    ),
    max_size=25,
)


class World:
    """Two tariffs, and what is done to them; every refusal counts as done."""

    def __init__(self, database, tariffs, clock):
        self.database, self.tariffs, self.clock = database, tariffs, clock
        self.ids, self.assigned, self.price = [], [], 100

    async def begin(self, run):
        for name in ("A", "B"):
            new = NewTariff(organisation_id=OPERATOR, name=f"{name}{run}", terms=energy("100"))
            async with self.database.work() as work:
                tariff, _ = await self.tariffs.create(work, new, by=BY)
            self.ids.append(tariff.id)

    def at(self, ahead):
        return None if ahead is None else self.clock.now() + ahead * HOUR

    async def do(self, thing):
        kind, *rest = thing
        if kind == "wait":
            self.clock.advance(rest[0] * 60)
            return
        try:
            async with self.database.work() as work:
                await getattr(self, kind)(work, *rest)
        except IngufuError:
            pass

    async def change(self, work, index, ahead):
        self.price += 1
        await self.tariffs.change(work, self.ids[index], energy(str(self.price)), by=BY, valid_from=self.at(ahead))

    async def withdraw(self, work, index, number):
        await self.tariffs.withdraw(work, self.ids[index], number, by=BY)

    async def assign(self, work, index, place, since, until):
        made = await self.tariffs.assign(
            work, self.ids[index], PLACES[place], by=BY, valid_from=self.at(since), valid_until=self.at(until)
        )
        self.assigned.append(made.id)

    async def end(self, work, index):
        if index < len(self.assigned):
            await self.tariffs.unassign(work, self.assigned[index], by=BY)

    async def move(self, work, index, since, until):
        if index < len(self.assigned):
            fields = {"valid_until": self.at(until)} | ({"valid_from": self.at(since)} if since is not None else {})
            await self.tariffs.reassign(work, self.assigned[index], by=BY, **fields)

    async def retire(self, work, index):
        await self.tariffs.retire(work, self.ids[index], by=BY)

    async def restore(self, work, index):
        await self.tariffs.restore(work, self.ids[index], by=BY)

    async def describe(self, work, index, number):
        await self.tariffs.describe(work, self.ids[index], by=BY, texts={"en": str(number)})


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(script=things)
@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_what_applied_then_applies_then_whatever_is_done_since(database, tariffs, clock, ids, script):
    world = World(database, tariffs, clock)
    await world.begin(ids.new())
    seen = []
    before = clock.now() - timedelta(microseconds=1)
    for thing in script:
        await world.do(thing)
        seen.append((clock.now(), await price_at(world, clock.now())))
        clock.advance(1)  # at the very instant of a change both may be meant
    for at, found in seen:
        assert await price_at(world, at) == found
    assert await price_at(world, before) is None
    for tariff_id in world.ids:
        standing = [one for one in await tariffs.versions(tariff_id) if one.withdrawn_at is None]
        assert sorted(standing, key=lambda one: one.number) == sorted(
            decide.chained(standing), key=lambda one: one.number
        )
    for assignment_id in list(world.assigned):  # leave the database to the next script
        async with database.work() as work:
            await tariffs.unassign(work, assignment_id, by=BY) if await is_there(tariffs, assignment_id) else None
    clock.advance(60)


async def price_at(world, at):
    applied = (await world.tariffs.applying(HERE, at)).applied
    if applied is None or applied.tariff_id not in world.ids:
        return None
    return applied.tariff_id, applied.version, applied.terms


async def is_there(tariffs, assignment_id):
    try:
        await tariffs.assignment(assignment_id)
    except IngufuError:
        return False
    return True


async def test_many_changes_at_once_are_ordered_and_leave_no_hole(database, tariffs, make, clock):
    made = await make()

    async def change(ahead):
        async with database.work() as work:
            await tariffs.change(
                work, made.id, energy(str(ahead)), by=str(ahead), valid_from=clock.now() + ahead * HOUR
            )

    outcomes = await asyncio.gather(*(change(ahead) for ahead in range(1, 21)), return_exceptions=True)
    assert all(one is None or isinstance(one, Conflict) for one in outcomes)
    won = [one for one in outcomes if one is None]
    assert won
    known = await tariffs.versions(made.id)
    assert len(known) == 1 + len(won)
    assert [one.number for one in known] == list(range(1, len(known) + 1))
    assert list(decide.chained(known)) == known
