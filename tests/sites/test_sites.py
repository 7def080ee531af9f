"""Sites are entered, found by name, changed, and refused if no place can be so."""

import pytest

from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.sites.service import Sites

NAIROBI = {
    "name": "Westlands",
    "address": "Mpaka Road 1",
    "city": "Nairobi",
    "country": "ke",
    "latitude": -1.2676,
    "longitude": 36.8108,
    "time_zone": "Africa/Nairobi",
}


@pytest.fixture
def sites(database, clock, ids):
    return Sites(database, clock, ids)


async def put(database, sites, **fields):
    async with database.work() as work:
        return await sites.put(work, organisation_id="operator", **fields)


async def test_site_is_kept_as_entered_and_found_in_any_case(database, sites, clock):
    async with database.work() as work:
        made = await sites.create(work, organisation_id="operator", **NAIROBI)
    assert await sites.get(made.id) == made
    assert await sites.find_by_name(" westLANDS ") == made
    assert await sites.all() == [made]
    assert (made.country, made.created_at) == ("KE", clock.now())


async def test_second_site_of_a_name_is_a_conflict(database, sites):
    await put(database, sites, **NAIROBI)
    with pytest.raises(Conflict):
        await sites.create(database.work(), organisation_id="operator", name="WESTLANDS")


async def test_two_creations_at_once_make_one_site(database, sites):
    first, second = database.work(), database.work()
    await sites.create(first, organisation_id="operator", name="A")
    await sites.create(second, organisation_id="operator", name="a")
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()


async def test_import_repeated_changes_nothing_and_keeps_what_it_does_not_name(database, sites):
    first = await put(database, sites, **NAIROBI)
    assert await put(database, sites, **NAIROBI) == first
    changed = await put(database, sites, name="westlands", city="Nairobi West")
    assert changed.id == first.id
    assert (await sites.get(first.id)).city == "Nairobi West"
    assert (await sites.get(first.id)).time_zone == "Africa/Nairobi"


async def test_site_can_take_another_name_but_not_one_that_is_taken(database, sites):
    first = await put(database, sites, **NAIROBI)
    await put(database, sites, name="Karen")
    async with database.work() as work:
        await sites.update(work, first.id, name="Parklands")
    assert (await sites.find_by_name("parklands")).id == first.id
    assert await sites.find_by_name("Westlands") is None
    with pytest.raises(Conflict):
        await sites.update(database.work(), first.id, name="KAREN")


async def test_site_can_be_deleted(database, sites):
    site = await put(database, sites, **NAIROBI)
    async with database.work() as work:
        await sites.delete(work, site.id)
    with pytest.raises(NotFound):
        await sites.get(site.id)


async def test_time_in_which_a_site_was_whose_is_kept_when_it_changes_hands_and_back(database, sites, clock):
    async with database.work() as work:
        mall = (await sites.create(work, organisation_id="operator", name="Mall", time_zone="Africa/Kigali")).id
    changes = [("operator", "a"), ("a", "operator"), ("operator", "b"), ("b", "a")]
    times = []
    for former, organisation in changes:
        clock.advance(3600)
        times.append(clock.now())
        async with database.work() as work:
            sites.hand_over(work, mall, former_id=former, organisation_id=organisation)
    first, second, third, fourth = times
    kigali = "Africa/Kigali"
    assert await sites.tenures_of("a") == ((mall, first, second, kigali), (mall, fourth, None, kigali))
    assert await sites.tenures_of("b") == ((mall, third, fourth, kigali),)
    assert await sites.tenures_of("operator") == ((mall, None, first, kigali), (mall, second, third, kigali))
    late = database.work()
    sites.hand_over(late, mall, former_id="b", organisation_id="operator")
    with pytest.raises(Conflict):
        await late.commit()
    assert len(await sites.tenures_of("operator")) == 2
    clock.advance(60)
    async with database.work() as work:
        await sites.delete(work, mall)
    assert (await sites.tenures_of("a"))[-1] == (mall, fourth, clock.now(), "UTC")


@pytest.mark.parametrize("work", ["get", "update", "delete"])
async def test_unknown_site_is_not_found(database, sites, work):
    asked = {"get": sites.get, "update": lambda id_: sites.update(database.work(), id_, name="x")}
    asked["delete"] = lambda id_: sites.delete(database.work(), id_)
    with pytest.raises(NotFound):
        await asked[work]("nowhere")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 101),
        ("name", "a\x00b"),
        ("country", "Kenya"),
        ("country", "ZZ"),
        ("latitude", 90.1),
        ("latitude", float("nan")),
        ("longitude", -181.0),
        ("longitude", float("inf")),
        ("latitude", None),
        ("time_zone", "Nairobi"),
        ("time_zone", "Africa"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", "/etc/localtime"),
        ("time_zone", ""),
        ("id", "smuggled"),
    ],
)
async def test_what_no_place_can_be_is_refused(database, sites, field, value):
    with pytest.raises(InvalidInput) as refused:
        await put(database, sites, **(NAIROBI | {field: value}))
    assert refused.value.field == field


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT+3", "America/Argentina/Buenos_Aires", "Africa/Nairobi"])
async def test_zones_of_the_world_are_taken(database, sites, zone):
    assert (await put(database, sites, name="x", time_zone=zone)).time_zone == zone
