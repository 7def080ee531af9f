"""Roles of one's own, what may be given, and what organisations bound."""

import pytest

from ingufu.accounts.model import ROLE_SCOPES, ActorKind, OrganisationKind, Principal, Role, RoleGrant, Scope
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, NotFound

READER = frozenset({Scope.STATIONS_READ, Scope.USERS_READ, Scope.USERS_WRITE})


def holder(*scopes, id_="x"):
    return Principal(kind=ActorKind.USER, id=id_, name="X", scopes=frozenset(scopes) or READER)


async def define(database, accounts, name="Night shift", scopes=(Scope.STATIONS_READ,), **more):
    async with database.work() as work:
        return await accounts.create_role(work, name=name, scopes=scopes, **more)


async def enter(database, accounts, organisation, role, email="b@example.org", **more):
    async with database.work() as work:
        return await accounts.create_user(
            work, organisation_id=organisation.id, email=email, name="B", roles=(role,), **more
        )


async def test_role_is_defined_changed_and_found_beside_those_built_in(database, accounts, operator):
    made = await define(database, accounts, description="Watches.")
    assert [one.id for one in await accounts.roles()] == [*(role.value for role in Role), made.id]
    async with database.work() as work:
        changed = await accounts.update_role(work, made.id, name="Late shift", scopes=[Scope.MONEY_READ])
    assert await accounts.role(made.id) == changed
    assert (changed.name, changed.description, changed.scopes) == ("Late shift", "Watches.", (Scope.MONEY_READ,))
    assert await accounts.find_role("LATE SHIFT") == changed
    assert (await accounts.find_role("fleet-manager")).is_built_in


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": " "}, InvalidInput),
        ({"name": "a\x1bb"}, InvalidInput),
        ({"scopes": ()}, InvalidInput),
        ({"scopes": (Scope.ADMIN,)}, InvalidInput),
        ({"description": "x" * 1001}, InvalidInput),
        ({"name": "Site HOST"}, Conflict),
        ({"name": "finance"}, Conflict),
        ({"name": "night SHIFT "}, Conflict),
    ],
)
async def test_what_no_role_can_be_is_refused(database, accounts, operator, fields, error):
    await define(database, accounts)
    with pytest.raises(error):
        await define(database, accounts, **{"name": "Other"} | fields)


async def test_what_is_built_in_stays(database, accounts, operator):
    for role in Role:
        with pytest.raises(Conflict):
            await accounts.update_role(database.work(), role, name="Mine")
        with pytest.raises(Conflict):
            await accounts.delete_role(database.work(), role)
    with pytest.raises(NotFound):
        await accounts.role("nobody")


async def test_change_of_a_role_is_one_of_what_its_holders_may(database, accounts, operator, clock):
    made = await define(database, accounts)
    user = await enter(database, accounts, operator, made.id, password="a quiet morning in Kisumu")
    secret, _ = await accounts.login(user.email, "a quiet morning in Kisumu", address="192.0.2.1")
    assert (await accounts.principal_of_login(secret)).scopes == {Scope.STATIONS_READ}
    async with database.work() as work:
        await accounts.update_role(work, made.id, scopes=[Scope.MONEY_READ])
    assert (await accounts.principal_of_login(secret)).scopes == {Scope.MONEY_READ}


async def test_role_that_is_held_is_deleted_only_with_another_in_its_place(database, accounts, operator):
    made = await define(database, accounts)
    user = await enter(database, accounts, operator, made.id)
    with pytest.raises(Conflict, match="1 users"):
        await accounts.delete_role(database.work(), made.id)
    for wrong in (made.id, Role.ADMIN, "nobody"):
        with pytest.raises(InvalidInput):
            await accounts.delete_role(database.work(), made.id, replace_with=wrong)
    async with database.work() as work:
        await accounts.delete_role(work, made.id, replace_with=Role.VIEWER)
    assert (await accounts.user(user.id)).grants == (RoleGrant(role=Role.VIEWER),)
    assert made.id not in {one.id for one in await accounts.roles()}


async def test_role_given_while_it_is_deleted_is_not_deleted(database, accounts, operator):
    made = await define(database, accounts)
    late = database.work()
    await accounts.delete_role(late, made.id)
    await enter(database, accounts, operator, made.id)
    with pytest.raises(Conflict):
        await late.commit()
    assert await accounts.role(made.id) == made


async def test_nobody_gives_more_than_they_hold(database, accounts, operator, admin):
    by = holder()
    work = database.work()
    for role in (Role.ADMIN, Role.OPERATOR, Role.VIEWER):
        with pytest.raises(Forbidden):
            await accounts.create_user(
                work, organisation_id=operator.id, email="c@example.org", name="C", roles=(role,), by=by
            )
    with pytest.raises(Forbidden):
        await accounts.create_role(work, name="More", scopes=[Scope.MONEY_READ], by=by)
    with pytest.raises(Forbidden):
        await accounts.create_key(work, organisation_id=operator.id, name="k", scopes=[Scope.MONEY_READ], by=by)
    mine = await define(database, accounts, "Mine", by=by)
    user = await enter(database, accounts, operator, mine.id, by=by)
    with pytest.raises(Forbidden):
        await accounts.update_user(work, user.id, grants=[RoleGrant(role=Role.OPERATOR)], by=by)
    with pytest.raises(Forbidden):
        await accounts.update_role(work, mine.id, scopes=[Scope.MONEY_READ], by=by)


async def test_who_may_more_than_oneself_is_not_to_be_changed(database, accounts, operator, admin):
    by, work = holder(), database.work()
    for change in (
        accounts.update_user(work, admin.id, name="Mallory", by=by),
        accounts.update_user(work, admin.id, is_disabled=True, by=by),
        accounts.set_user_password(work, admin.id, "a loud evening in Mombasa", by=by),
        accounts.delete_user(work, admin.id, by=by),
    ):
        with pytest.raises(Forbidden):
            await change
    assert await accounts.user(admin.id) == admin


async def test_of_two_administrators_who_remove_each_other_one_stays(database, accounts, operator, admin):
    other = await enter(database, accounts, operator, Role.ADMIN)
    first, second = database.work(), database.work()
    await accounts.delete_user(first, admin.id)
    await accounts.update_user(second, other.id, grants=[RoleGrant(role=Role.VIEWER)])
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert (await accounts.user(other.id)).grants == (RoleGrant(role=Role.ADMIN),)


@pytest.mark.parametrize("kind", [OrganisationKind.HOST, OrganisationKind.FLEET])
async def test_people_of_hosts_and_fleets_are_no_administrators(database, accounts, operator, admin, kind):
    async with database.work() as work:
        organisation = await accounts.create_organisation(work, "Mall", kind)
    with pytest.raises(InvalidInput):
        await enter(database, accounts, organisation, Role.ADMIN)
    with pytest.raises(InvalidInput, match="cannot have"):
        await accounts.create_key(
            database.work(), organisation_id=organisation.id, name="k", scopes=[Scope.STATIONS_READ, Scope.ADMIN]
        )
    with pytest.raises(InvalidInput):
        await accounts.create_user(
            database.work(), organisation_id=organisation.id, email="c@example.org", name="C",
            grants=[RoleGrant(role=Role.HOST, site_id="another's")],
        )  # fmt: skip
    with pytest.raises(Conflict):
        await accounts.delete_user(database.work(), admin.id)


async def test_organisation_is_deleted_once_nobody_belongs_to_it(database, accounts, operator):
    async with database.work() as work:
        fleet = await accounts.create_organisation(work, "Taxis", OrganisationKind.FLEET)
    user = await enter(database, accounts, fleet, Role.FLEET_MANAGER)
    async with database.work() as work:
        scopes = ROLE_SCOPES[Role.FLEET_MANAGER]
        key, _ = await accounts.create_key(work, organisation_id=fleet.id, name="k", scopes=scopes)
    with pytest.raises(Conflict, match="users"):
        await accounts.delete_organisation(database.work(), fleet.id)
    async with database.work() as work:
        await accounts.delete_user(work, user.id)
    with pytest.raises(Conflict, match="keys"):
        await accounts.delete_organisation(database.work(), fleet.id)
    async with database.work() as work:
        await accounts.revoke_key(work, key.id)
    async with database.work() as work:
        await accounts.delete_organisation(work, fleet.id)
    assert await accounts.organisations() == [operator]
    with pytest.raises(Conflict):
        await accounts.delete_organisation(database.work(), operator.id)
