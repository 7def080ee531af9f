"""The audit trail tells who did what, and no secrets."""

from datetime import timedelta

import pytest

from ingufu.accounts.model import ActorKind, Principal

AMINA = Principal(kind=ActorKind.USER, id="u1", name="Amina", address="192.0.2.1")
SCRIPT = Principal(kind=ActorKind.KEY, id="k1", name="reports")


async def note(database, accounts, who=AMINA, action="station.approve", object_id="s1", **more):
    async with database.work() as work:
        accounts.audit(work, who, action, object_kind="station", object_id=object_id, **more)


async def test_entry_is_kept_with_who_what_when_and_from_where(database, accounts, clock):
    await note(database, accounts, details={"name": "before", "fields": ["a"]})
    [entry] = await accounts.audit_trail()
    assert (entry.at, entry.actor_name, entry.address) == (clock.now(), "Amina", "192.0.2.1")
    assert (entry.action, entry.object_kind, entry.object_id) == ("station.approve", "station", "s1")
    assert entry.details == {"name": "before", "fields": ["a"]}
    assert not entry.is_refused


async def test_unit_that_failed_leaves_no_entry(database, accounts):
    accounts.audit(database.work(), AMINA, "station.approve", object_kind="station", object_id="s1")
    assert await accounts.audit_trail() == []


@pytest.mark.parametrize(
    "details",
    [
        {"password": "ZQXJ"},
        {"payload": {"key": "AuthorizationKey", "value": "ZQXJ"}},
        {"location": "ftp://me:ZQXJ@198.51.100.1/x"},
        {"before": {"api_key": "ZQXJ"}, "after": [{"secret": "ZQXJ"}]},
    ],
)
async def test_secrets_among_the_details_are_taken_out(database, accounts, details):
    await note(database, accounts, details=details)
    [entry] = await accounts.audit_trail()
    assert "ZQXJ" not in str(entry)
    assert "***" in str(entry)


async def test_hostile_text_is_cut_and_kept_readable(database, accounts):
    await note(database, accounts, object_id="a\x00" + "x" * 5000, details={"a": "x" * 50_000, "b": "\x00"})
    [entry] = await accounts.audit_trail()
    assert entry.object_id.startswith("a\ufffd")
    assert len(entry.object_id) == 200
    assert len(str(entry.details)) < 11_000


async def test_entries_are_found_by_who_what_which_and_when(database, accounts, clock):
    await note(database, accounts)
    await note(database, accounts, SCRIPT, object_id="s2")
    clock.advance(60)
    await note(database, accounts, SCRIPT, "station.delete", is_refused=True)

    async def ids(**wanted):
        return [(one.actor_id, one.object_id) for one in await accounts.audit_trail(**wanted)]

    assert await ids() == [("k1", "s1"), ("k1", "s2"), ("u1", "s1")]
    assert await ids(actor_kind=ActorKind.USER) == [("u1", "s1")]
    assert await ids(actor_id="k1", object_id="s2") == [("k1", "s2")]
    assert await ids(action="station.delete") == await ids(is_refused=True) == [("k1", "s1")]
    assert await ids(object_kind="token") == []
    assert await ids(since=clock.now()) == [("k1", "s1")]
    assert await ids(until=clock.now(), limit=1) == [("k1", "s2")]
    [last, *_] = await accounts.audit_trail()
    assert await ids(before_id=last.id) == [("k1", "s2"), ("u1", "s1")]


async def test_old_entries_are_pruned(database, accounts, clock):
    await note(database, accounts)
    clock.advance(3600)
    await note(database, accounts, SCRIPT)
    await accounts.prune_audit(clock.now() - timedelta(seconds=1))
    assert len(await accounts.audit_trail()) == 2  # nothing goes before it is in the chain
    await accounts.seal_audit()
    await accounts.prune_audit(clock.now() - timedelta(seconds=1))
    assert [one.actor_id for one in await accounts.audit_trail()] == ["housekeeping", "k1"]
