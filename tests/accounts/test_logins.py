"""Logging in, staying logged in, being thrown out, and guessing in vain."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from ingufu.accounts.model import AccountRules, Role
from ingufu.accounts.tables import login_failures, logins, users
from ingufu.core.errors import InvalidInput, TooManyRequests, Unauthenticated

PASSWORD = "a quiet morning in Kisumu"
NEW_PASSWORD = "a loud evening in Mombasa"
LOGINS = select(logins)
FAILURES = select(login_failures)
USERS = select(users)


async def log_in(accounts, email="amina@example.org", password=PASSWORD, address="192.0.2.1"):
    secret, _ = await accounts.login(email, password, address=address, user_agent="Firefox")
    return secret


async def guess(accounts, email="amina@example.org", address="192.0.2.1", times=1):
    """Guess wrongly and return how often one was heard before having to wait."""
    for count in range(times):
        try:
            await log_in(accounts, email, f"wrong password {count}", address)
        except Unauthenticated:
            continue
        except TooManyRequests:
            return count
    return times


async def test_right_password_makes_a_log_in_that_knows_who_it_is(database, accounts, admin):
    secret, user = await accounts.login("Amina@Example.org", PASSWORD, address="192.0.2.1", user_agent="Firefox")
    assert user == admin
    principal = await accounts.principal_of_login(secret, "192.0.2.9")
    assert (principal.id, principal.name, principal.address) == (admin.id, "Amina", "192.0.2.9")
    [row] = await database.fetch_all(LOGINS)
    assert (row["id"], row["user_agent"]) == (principal.login_id, "Firefox")
    assert secret not in str(row)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("amina@example.org", "wrong"),
        ("amina@example.org", ""),
        ("nobody@example.org", PASSWORD),
        ("amina@example.org", "x" * 100_000),
        ("' OR 1=1 --", PASSWORD),
        ("\x00", PASSWORD),
    ],
)
async def test_whatever_is_wrong_is_told_in_the_same_words(accounts, admin, email, password):
    with pytest.raises(Unauthenticated) as refused:
        await log_in(accounts, email, password)
    assert refused.value.message == "The address or the password is wrong."


async def test_user_without_a_password_and_disabled_user_do_not_log_in(database, accounts, operator, admin):
    async with database.work() as work:
        await accounts.create_user(
            work, organisation_id=operator.id, email="b@example.org", name="B", roles=(Role.VIEWER,)
        )
        third = await accounts.create_user(
            work,
            organisation_id=operator.id,
            email="c@example.org",
            name="C",
            roles=(Role.VIEWER,),
            password=NEW_PASSWORD,
        )
    async with database.work() as work:
        await accounts.update_user(work, third.id, is_disabled=True)
    for email, password in (("b@example.org", ""), ("c@example.org", NEW_PASSWORD)):
        with pytest.raises(Unauthenticated):
            await log_in(accounts, email, password)


@pytest.mark.parametrize("secret", ["", "x", "x" * 1000, "\ud800", "' OR 1=1 --"])
async def test_secret_of_nobody_is_nobody(accounts, admin, secret):
    assert await accounts.principal_of_login(secret) is None


async def test_log_in_lasts_while_it_is_used_and_ends_when_idle(database, accounts, admin, clock):
    secret = await log_in(accounts)
    for _ in range(20):
        clock.advance(11 * 3600)
        assert await accounts.principal_of_login(secret) is not None
        await database.writer.flush()
    clock.advance(12 * 3600 + 1)
    assert await accounts.principal_of_login(secret) is None


async def test_log_in_ends_after_its_longest_time_however_much_it_is_used(database, clock, ids, accounts, admin):
    secret = await log_in(accounts)
    hours = 0
    while await accounts.principal_of_login(secret) is not None:
        await database.writer.flush()
        clock.advance(6 * 3600)
        hours += 6
    assert hours == 30 * 24


async def test_use_is_written_at_most_each_minute(database, accounts, admin, clock):
    secret = await log_in(accounts)
    commits = database.writer.commits
    for _ in range(59):
        await accounts.principal_of_login(secret)
        clock.advance(1)
    await database.writer.flush()
    assert database.writer.commits == commits
    clock.advance(1)
    await accounts.principal_of_login(secret)
    await database.writer.flush()
    [row] = await database.fetch_all(LOGINS)
    assert row["last_used_at"] == clock.now()
    assert row["expires_at"] == clock.now() + timedelta(hours=12)


async def test_logged_out_is_out_at_once(database, accounts, admin):
    first, second = await log_in(accounts), await log_in(accounts)
    principal = await accounts.principal_of_login(first)
    async with database.work() as work:
        await accounts.log_out(work, principal.login_id)
    assert await accounts.principal_of_login(first) is None
    assert await accounts.principal_of_login(second) is not None
    await accounts.logout(second)
    assert await accounts.principal_of_login(second) is None
    await accounts.logout("never issued")


async def test_revoked_user_is_out_everywhere_in_other_processes_within_seconds(
    database, accounts, admin, clock, other_accounts
):
    secret = await log_in(accounts)
    assert await other_accounts.principal_of_login(secret) is not None
    async with database.work() as work:
        await accounts.revoke_logins(work, admin.id)
    assert await accounts.principal_of_login(secret) is None
    clock.advance(5)
    assert await other_accounts.principal_of_login(secret) is None


@pytest.fixture
def other_accounts(database, clock, ids):
    from ingufu.accounts.service import Accounts

    return Accounts(database, clock, ids, AccountRules())


async def test_change_of_role_is_seen_at_once(database, accounts, operator, admin):
    async with database.work() as work:
        made = await accounts.create_user(
            work,
            organisation_id=operator.id,
            email="b@example.org",
            name="B",
            roles=(Role.OPERATOR,),
            password=NEW_PASSWORD,
        )
    secret = await log_in(accounts, "b@example.org", NEW_PASSWORD)
    before = await accounts.principal_of_login(secret)
    from ingufu.accounts.model import RoleGrant

    async with database.work() as work:
        await accounts.update_user(work, made.id, grants=(RoleGrant(role=Role.VIEWER),))
    after = await accounts.principal_of_login(secret)
    assert after.scopes < before.scopes


async def test_new_password_ends_other_log_ins_and_the_old_password(database, accounts, admin):
    here, elsewhere = await log_in(accounts), await log_in(accounts)
    principal = await accounts.principal_of_login(here)
    with pytest.raises(InvalidInput):
        await accounts.change_own_password(database.work(), admin.id, "not the old one", NEW_PASSWORD)
    with pytest.raises(InvalidInput):
        await accounts.change_own_password(database.work(), admin.id, PASSWORD, "password1234")
    async with database.work() as work:
        await accounts.change_own_password(work, admin.id, PASSWORD, NEW_PASSWORD, login_id=principal.login_id)
    assert await accounts.principal_of_login(here) is not None
    assert await accounts.principal_of_login(elsewhere) is None
    with pytest.raises(Unauthenticated):
        await log_in(accounts)
    await log_in(accounts, password=NEW_PASSWORD)


async def test_guessing_one_account_has_to_wait_even_with_the_right_password(accounts, admin, clock):
    assert await guess(accounts, times=10) == 5
    with pytest.raises(TooManyRequests) as refused:
        await log_in(accounts, address="198.51.100.1")
    assert 0 < refused.value.retry_after_s <= 3
    clock.advance(refused.value.retry_after_s)
    await log_in(accounts)


async def test_wait_of_an_account_grows_and_stays_bearable(accounts, admin, clock):
    waits = []
    await guess(accounts, times=5)
    for _ in range(8):
        with pytest.raises(TooManyRequests) as refused:
            await log_in(accounts)
        waits.append(refused.value.retry_after_s)
        clock.advance(refused.value.retry_after_s)
        await guess(accounts)
    assert waits == [3, 5, 9, 17, 33, 61, 61, 61]


async def test_success_forgives_the_account(database, accounts, admin):
    await guess(accounts, times=4)
    await log_in(accounts)
    assert await guess(accounts, times=10) == 5


async def test_guessing_many_accounts_from_one_address_has_to_wait(accounts, admin):
    heard = 0
    for number in range(100):
        heard += await guess(accounts, f"user-{number}@example.org", address="2001:db8::1")
    assert heard == 20
    assert await guess(accounts, "another@example.org", address="2001:db8::ffff") == 0
    await log_in(accounts, address="192.0.2.1")


async def test_guesses_at_once_count_before_any_has_failed(database, accounts, admin):
    results = await asyncio.gather(
        *(log_in(accounts, password=f"wrong {n}") for n in range(40)), return_exceptions=True
    )
    heard = [result for result in results if isinstance(result, Unauthenticated)]
    assert len(heard) <= 5
    assert len(await database.fetch_all(FAILURES)) == len(heard)


async def test_unknown_account_waits_like_a_known_one(accounts, admin):
    assert await guess(accounts, "nobody@example.org", times=10) == 5


async def test_old_hash_is_made_anew_at_the_next_log_in(database, accounts, admin, other_accounts):
    [before] = await database.fetch_all(USERS)
    await log_in(other_accounts)  # with today's parameters
    [after] = await database.fetch_all(USERS)
    assert before["password_hash"] != after["password_hash"]
    await log_in(other_accounts)
    [same] = await database.fetch_all(USERS)
    assert same["password_hash"] == after["password_hash"]


async def test_what_has_had_its_time_is_pruned(database, accounts, admin, clock):
    await log_in(accounts)
    await guess(accounts)
    clock.advance(40 * 86_400)
    await log_in(accounts)
    await guess(accounts)
    await accounts.prune()
    assert len(await database.fetch_all(LOGINS)) == 1
    assert len(await database.fetch_all(FAILURES)) == 1
