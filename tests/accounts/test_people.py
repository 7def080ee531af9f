"""Organisations and users: made once, changed, disabled, deleted; never without an administrator."""

import pytest

from ingufu.accounts.model import OrganisationKind, Role, RoleGrant
from ingufu.core.errors import Conflict, InvalidInput, NotFound

OTHER_PASSWORD = "a loud evening in Mombasa"
AT_SITE = (RoleGrant(role=Role.OPERATOR, site_id="s1"), RoleGrant(role=Role.OPERATOR, site_id="s2"))


async def test_operator_is_made_once_and_keeps_its_name(database, accounts, operator):
    async with database.work() as work:
        assert await accounts.ensure_operator(work, "Another name") == operator
        with pytest.raises(Conflict):
            await accounts.create_organisation(work, "Second", OrganisationKind.OPERATOR)
    assert await accounts.organisations() == [operator]
    async with database.work() as work:
        await accounts.rename_organisation(work, operator.id, "Ingufu Kenya")
    assert (await accounts.organisation(operator.id)).name == "Ingufu Kenya"


async def test_host_and_fleet_stand_beside_the_operator(database, accounts, operator):
    async with database.work() as work:
        await accounts.create_organisation(work, "Mall", OrganisationKind.HOST)
    assert [one.kind for one in await accounts.organisations()] == [OrganisationKind.OPERATOR, OrganisationKind.HOST]


async def test_user_is_kept_with_grants_and_found_in_any_case(database, accounts, operator, admin):
    assert await accounts.has_users()
    assert await accounts.user(admin.id) == admin
    assert await accounts.find_user("AMINA@EXAMPLE.ORG ") == admin
    assert await accounts.users() == [admin]
    assert admin.grants == (RoleGrant(role=Role.ADMIN),)
    assert admin.password_hash.startswith("$argon2id$")


async def test_nobody_can_log_in_at_first(accounts, operator):
    assert not await accounts.has_users()


async def test_second_user_of_an_address_is_a_conflict(database, accounts, operator, admin):
    facts = {"organisation_id": operator.id, "name": "B", "roles": (Role.VIEWER,)}
    with pytest.raises(Conflict):
        await accounts.create_user(database.work(), email="amina@EXAMPLE.org", **facts)
    first, second = database.work(), database.work()
    await accounts.create_user(first, email="b@example.org", **facts)
    await accounts.create_user(second, email="B@example.org", **facts)
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no-address"),
        ("name", ""),
        ("name", "x" * 101),
        ("name", "a\x1bb"),
        ("language", "a-language-of-its-own"),
        ("password", "password1234"),
        ("grants", ()),
        ("grants", (RoleGrant(role=Role.ADMIN, site_id="s"),)),
    ],
)
async def test_what_no_user_can_be_is_refused(database, accounts, operator, field, value):
    facts = {"email": "b@example.org", "name": "B", "grants": AT_SITE} | {field: value}
    with pytest.raises(InvalidInput) as refused:
        await accounts.create_user(database.work(), organisation_id=operator.id, **facts)
    assert refused.value.field == field


async def test_user_of_nobody_is_not_found(database, accounts):
    with pytest.raises(NotFound):
        await accounts.create_user(
            database.work(), organisation_id="none", email="b@example.org", name="B", roles=(Role.VIEWER,)
        )
    for ask in (accounts.user, accounts.organisation):
        with pytest.raises(NotFound):
            await ask("none")


async def test_import_repeated_changes_nothing(database, accounts, operator):
    async def put(**fields):
        async with database.work() as work:
            return await accounts.put_user(work, "b@example.org", organisation_id=operator.id, **fields)

    fields = {"name": "B", "grants": AT_SITE, "password": OTHER_PASSWORD}
    made = await put(**fields)
    assert await put(**fields) == made
    changed = await put(name="Bakari")
    assert (changed.id, changed.name, changed.grants) == (made.id, "Bakari", AT_SITE)
    renewed = await put(password="another evening in Mombasa")
    assert renewed.password_hash != made.password_hash
    assert await accounts.users() == [renewed]


async def test_grants_are_replaced_as_a_whole(database, accounts, operator):
    async with database.work() as work:
        made = await accounts.create_user(
            work, organisation_id=operator.id, email="b@example.org", name="B", grants=AT_SITE
        )
    async with database.work() as work:
        await accounts.update_user(work, made.id, grants=[RoleGrant(role=Role.VIEWER)])
    assert (await accounts.user(made.id)).grants == (RoleGrant(role=Role.VIEWER),)


@pytest.mark.parametrize("change", [{"is_disabled": True}, {"grants": (RoleGrant(role=Role.VIEWER),)}])
async def test_last_administrator_stays_one(database, accounts, operator, admin, change):
    with pytest.raises(Conflict):
        await accounts.update_user(database.work(), admin.id, **change)
    with pytest.raises(Conflict):
        await accounts.delete_user(database.work(), admin.id)
    async with database.work() as work:
        await accounts.create_user(
            work, organisation_id=operator.id, email="b@example.org", name="B", roles=(Role.ADMIN,)
        )
    async with database.work() as work:
        await accounts.update_user(work, admin.id, **change)


async def test_user_is_disabled_and_enabled_again(database, accounts, operator, clock):
    async with database.work() as work:
        made = await accounts.create_user(
            work, organisation_id=operator.id, email="b@example.org", name="B", grants=AT_SITE
        )
    async with database.work() as work:
        disabled = await accounts.update_user(work, made.id, is_disabled=True)
    assert disabled.disabled_at == clock.now()
    async with database.work() as work:
        await accounts.update_user(work, made.id, is_disabled=False)
    assert (await accounts.user(made.id)).disabled_at is None


async def test_deleted_user_is_gone_with_grants_and_log_ins(database, accounts, operator, admin):
    async with database.work() as work:
        made = await accounts.create_user(
            work,
            organisation_id=operator.id,
            email="b@example.org",
            name="B",
            grants=AT_SITE,
            password=OTHER_PASSWORD,
        )
    secret, _ = await accounts.login("b@example.org", OTHER_PASSWORD, address="192.0.2.1")
    async with database.work() as work:
        await accounts.delete_user(work, made.id)
    assert await accounts.principal_of_login(secret) is None
    assert await accounts.users() == [admin]
