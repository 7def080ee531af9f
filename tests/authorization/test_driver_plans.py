"""What drivers have subscribed to: with its history, of which one entry goes on at most."""

import pytest

from ingufu.authorization.model import DriverDetails
from ingufu.authorization.tables import driver_plans
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.views.driver_plans import list_plans, names_in_use


async def entered(database, authorization, plan=None):
    async with database.work() as work:
        details = DriverDetails(name="Ada", plan=plan)
        return await authorization.create_driver(work, details, organisation_id="org")


async def change(database, authorization, driver, **details):
    async with database.work() as work:
        return await authorization.update_driver(work, driver.id, DriverDetails(**{"name": "Ada", **details}))


async def test_each_plan_ends_where_the_next_begins(database, authorization, clock):
    driver = await entered(database, authorization, plan=" Gold 50 ")
    assert driver.plan == "Gold 50"
    began = clock.now()
    clock.advance(60)
    assert (await change(database, authorization, driver, plan="Gold 50")) == driver
    assert (await change(database, authorization, driver, note="x")).plan == "Gold 50", "what is not named stays"
    assert len(await list_plans(database, driver.id)) == 1
    await change(database, authorization, driver, plan="Silver")
    turned = clock.now()
    clock.advance(60)
    assert (await change(database, authorization, driver, plan="  ")).plan is None
    assert (await authorization.get_driver(driver.id)).plan is None
    assert [(one.plan, one.valid_from, one.valid_until) for one in await list_plans(database, driver.id)] == [
        ("Silver", turned, clock.now()),
        ("Gold 50", began, turned),
    ]
    found = [await authorization.plan_at(driver.id, at) for at in (began, turned, clock.now())]
    assert found == ["Gold 50", "Silver", None]
    assert await names_in_use(database, most=10) == []


async def test_name_of_a_plan_can_be_assigned_to(database, authorization):
    for plan in ("x" * 101, "Go\tld"):
        with pytest.raises(InvalidInput):
            await entered(database, authorization, plan=plan)
    assert (await entered(database, authorization, plan="x" * 100)).plan == "x" * 100


@pytest.mark.parametrize("had", [None, "Bronze"])
async def test_two_who_change_a_plan_at_once_leave_one(database, authorization, clock, had):
    driver = await entered(database, authorization, plan=had)
    clock.advance(60)
    first, second = database.work(), database.work()
    await authorization.update_driver(first, driver.id, DriverDetails(name="Ada", plan="Gold"))
    await authorization.update_driver(second, driver.id, DriverDetails(name="Ada", plan="Silver"))
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert (await authorization.get_driver(driver.id)).plan == "Gold"
    assert [one.plan for one in await list_plans(database, driver.id) if one.valid_until is None] == ["Gold"]


async def test_who_ends_a_plan_does_not_end_the_one_that_came_meanwhile(database, authorization):
    driver = await entered(database, authorization, plan="Gold")
    late = database.work()
    await authorization.update_driver(late, driver.id, DriverDetails(name="Ada", plan=None))
    await change(database, authorization, driver, plan="Silver")
    with pytest.raises(Conflict):
        await late.commit()
    assert (await authorization.get_driver(driver.id)).plan == "Silver"


async def test_plans_of_a_driver_who_is_deleted_are_gone(database, authorization):
    driver = await entered(database, authorization, plan="Gold")
    await change(database, authorization, driver, plan="Silver")
    async with database.work() as work:
        await authorization.delete_driver(work, driver.id)
    assert await database.select(driver_plans.select()) == []
