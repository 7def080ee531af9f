"""API keys: shown once, good until they end or are revoked."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ingufu.accounts.model import ActorKind, Scope
from ingufu.accounts.service import Accounts
from ingufu.accounts.tables import api_keys
from ingufu.core.errors import InvalidInput, NotFound

ROWS = select(api_keys)


async def make(database, accounts, operator, **facts):
    facts = {"name": "reports", "scopes": [Scope.TRANSACTIONS_READ, Scope.STATIONS_READ], **facts}
    async with database.work() as work:
        return await accounts.create_key(work, organisation_id=operator.id, **facts)


async def test_key_is_shown_once_and_stored_as_a_hash(database, accounts, operator):
    key, text = await make(database, accounts, operator)
    assert text.startswith(f"ingufu_{key.prefix}_")
    assert len(text) > 50
    assert await accounts.keys() == [key]
    assert await accounts.key(key.id) == key
    [row] = await database.fetch_all(ROWS)
    assert text.rpartition("_")[2] not in str(row)


async def test_bearer_of_a_key_may_what_its_scopes_say(database, accounts, operator):
    key, text = await make(database, accounts, operator)
    principal = await accounts.principal_of_key(text, "192.0.2.1")
    assert (principal.kind, principal.id, principal.name) == (ActorKind.KEY, key.id, "reports")
    assert principal.scopes == {Scope.TRANSACTIONS_READ, Scope.STATIONS_READ}
    assert (principal.address, principal.site_ids) == ("192.0.2.1", None)


async def test_changed_or_invented_key_is_nobodys(database, accounts, operator):
    _, text = await make(database, accounts, operator)
    for wrong in (text[:-1], text + "x", text.upper(), text.replace("ingufu", "ingufa"), "", "x" * 10_000, "\ud800"):
        assert await accounts.principal_of_key(wrong) is None
    changed = text[:-1] + ("a" if text[-1] != "a" else "b")
    assert await accounts.principal_of_key(changed) is None


async def test_revoked_key_is_good_no_longer_elsewhere_within_seconds(database, accounts, operator, clock, ids):
    key, text = await make(database, accounts, operator)
    elsewhere = Accounts(database, clock, ids)
    assert await elsewhere.principal_of_key(text) is not None
    assert await accounts.principal_of_key(text) is not None
    async with database.work() as work:
        await accounts.revoke_key(work, key.id)
    assert await accounts.principal_of_key(text) is None
    clock.advance(5)
    assert await elsewhere.principal_of_key(text) is None
    assert (await accounts.key(key.id)).revoked_at is not None


async def test_key_ends_at_its_end_even_if_it_was_just_used(database, accounts, operator, clock):
    _, text = await make(database, accounts, operator, expires_at=clock.now() + timedelta(seconds=2))
    assert await accounts.principal_of_key(text) is not None
    clock.advance(2)
    assert await accounts.principal_of_key(text) is None


async def test_last_use_is_kept(database, accounts, operator, clock):
    key, text = await make(database, accounts, operator)
    await accounts.principal_of_key(text)
    await database.writer.flush()
    assert (await accounts.key(key.id)).last_used_at == clock.now()


@pytest.mark.parametrize("facts", [{"name": ""}, {"name": "x" * 101}, {"scopes": []}, {"expires_at": None}])
async def test_what_no_key_can_be_is_refused(database, accounts, operator, clock, facts):
    if "expires_at" in facts:
        facts = {"expires_at": clock.now()}
    with pytest.raises(InvalidInput):
        await make(database, accounts, operator, **facts)


async def test_key_of_nobody_is_not_found(database, accounts):
    with pytest.raises(NotFound):
        await accounts.create_key(database.work(), organisation_id="none", name="x", scopes=[Scope.ADMIN])
    with pytest.raises(NotFound):
        await accounts.revoke_key(database.work(), "none")
