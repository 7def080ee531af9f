"""The authorization service on both engines: verdicts with their trace, and the register."""

from datetime import timedelta

import pytest

from ingufu.authorization.model import (
    DriverDetails,
    GroupDetails,
    Occasion,
    PresentedToken,
    StartedBy,
    TokenDetails,
    VerdictReason,
    VerdictStatus,
)
from ingufu.authorization.tables import decisions, tokens
from ingufu.core.errors import Conflict, InvalidInput, NotFound


async def check(database, authorization, clock, value, *, kind=None, occasion=Occasion.START, **more):
    async with database.work() as work:
        return await authorization.check(
            work,
            None if value is None else PresentedToken(value=value, kind=kind),
            station_id="station",
            evse=1,
            at=more.pop("at", clock.now()),
            occasion=occasion,
            **more,
        )


async def kept_decisions(database):
    return await database.select(decisions.select().order_by(decisions.c.id))


async def test_registered_token_is_accepted_and_the_decision_kept(database, authorization, clock, register):
    token = await register("CAFE01")
    verdict = await check(database, authorization, clock, "cafe01")
    assert verdict.is_accepted
    assert verdict.token_id == token.id
    (row,) = await kept_decisions(database)
    assert (row["status"], row["reason"], row["token_id"], row["occasion"], row["evse"]) == (
        "Accepted",
        "known-token",
        token.id,
        "start",
        1,
    )


async def test_unknown_token_is_unknown_and_the_decision_kept(database, authorization, clock):
    verdict = await check(database, authorization, clock, "CAFE01", kind="ISO14443")
    assert (verdict.status, verdict.reason) == (VerdictStatus.UNKNOWN, VerdictReason.UNKNOWN_TOKEN)
    (row,) = await kept_decisions(database)
    assert (row["token_value"], row["token_id"]) == ("CAFE01", None)


async def test_unknown_key_code_is_invalid_and_never_kept(database, authorization, clock):
    verdict = await check(database, authorization, clock, "4711", kind="KeyCode")
    assert verdict.status is VerdictStatus.INVALID
    (row,) = await kept_decisions(database)
    assert "4711" not in str(row)


async def test_known_key_code_presented_without_its_kind_is_never_kept(database, authorization, clock, register):
    await register("4711", kind="KeyCode")
    assert (await check(database, authorization, clock, "4711")).is_accepted
    (row,) = await kept_decisions(database)
    assert "4711" not in str(row)


async def test_kind_matters_where_the_version_has_kinds(database, authorization, clock, register):
    await register("CAFE01", kind="ISO14443")
    assert (await check(database, authorization, clock, "CAFE01", kind="iso14443")).is_accepted
    assert not (await check(database, authorization, clock, "CAFE01", kind="ISO15693")).is_accepted


async def test_card_is_preferred_where_a_version_knows_no_kinds(database, authorization, clock, register):
    await register("CAFE01", kind="Local")
    card = await register("CAFE01", kind="ISO14443")
    assert (await check(database, authorization, clock, "CAFE01")).token_id == card.id


async def test_blocked_token_is_refused_and_accepted_again_when_unblocked(database, authorization, clock, register):
    token = await register("CAFE01")
    async with database.work() as work:
        await authorization.block_token(work, token.id, reason="lost")
    assert (await check(database, authorization, clock, "CAFE01")).status is VerdictStatus.BLOCKED
    assert (await authorization.get_token(token.id)).block_reason == "lost"
    async with database.work() as work:
        await authorization.unblock_token(work, token.id)
    assert (await check(database, authorization, clock, "CAFE01")).is_accepted


async def test_block_of_driver_refuses_all_their_tokens(database, authorization, clock, register):
    async with database.work() as work:
        driver = await authorization.create_driver(work, DriverDetails(name="Ada"), organisation_id="org")
    await register("CAFE01", driver_id=driver.id)
    async with database.work() as work:
        await authorization.block_driver(work, driver.id)
    assert (await check(database, authorization, clock, "CAFE01")).reason is VerdictReason.DRIVER_BLOCKED
    async with database.work() as work:
        await authorization.unblock_driver(work, driver.id)
    assert (await check(database, authorization, clock, "CAFE01")).is_accepted


async def test_expiry_is_judged_at_the_time_of_the_event(database, authorization, clock, register):
    await register("CAFE01", expires_at=clock.now() - timedelta(hours=1))
    assert (await check(database, authorization, clock, "CAFE01")).status is VerdictStatus.EXPIRED
    before = clock.now() - timedelta(hours=2)
    assert (await check(database, authorization, clock, "CAFE01", at=before)).is_accepted


async def test_group_is_told_with_the_verdict(database, authorization, clock, register):
    async with database.work() as work:
        group = await authorization.create_group(work, GroupDetails(value="FLEET"), organisation_id="org")
    await register("CAFE01", group_id=group.id)
    verdict = await check(database, authorization, clock, "CAFE01", occasion=Occasion.AUTHORIZE)
    assert (verdict.group_id, verdict.group_value) == (group.id, "FLEET")


async def test_second_use_at_once_is_concurrent_but_not_with_the_start_itself(
    database, authorization, clock, register, running
):
    token = await register("CAFE01")
    running.by_token[token.id] = [("transaction", clock.now())]
    assert (await check(database, authorization, clock, "CAFE01")).status is VerdictStatus.CONCURRENT_TX
    assert (await check(database, authorization, clock, "CAFE01", excluding="transaction")).is_accepted
    assert (await check(database, authorization, clock, "CAFE01", occasion=Occasion.AUTHORIZE)).is_accepted


async def test_ghost_does_not_lock_a_token_out(database, authorization, clock, register, running):
    token = await register("CAFE01")
    running.by_token[token.id] = [("ghost", clock.now() - timedelta(days=3))]
    assert (await check(database, authorization, clock, "CAFE01")).is_accepted


async def test_offline_start_reported_late_is_not_measured_against_what_runs_now(
    database, authorization, clock, register, running
):
    token = await register("CAFE01")
    running.by_token[token.id] = [("running", clock.now())]
    yesterday = clock.now() - timedelta(days=1)
    assert (await check(database, authorization, clock, "CAFE01", at=yesterday)).is_accepted


async def test_stop_by_another_of_the_group_is_accepted_and_by_a_stranger_is_not(
    database, authorization, clock, register
):
    async with database.work() as work:
        group = await authorization.create_group(work, GroupDetails(value="FLEET"), organisation_id="org")
    starter = await register("CAFE01", group_id=group.id)
    await register("CAFE02", group_id=group.id)
    await register("CAFE03")
    by = StartedBy(token_id=starter.id, token_key="cafe01", group_id=group.id)
    colleague = await check(database, authorization, clock, "CAFE02", occasion=Occasion.STOP, transaction=by)
    assert colleague.reason is VerdictReason.SAME_GROUP_STOPS
    stranger = await check(database, authorization, clock, "CAFE03", occasion=Occasion.STOP, transaction=by)
    assert stranger.reason is VerdictReason.NOT_THE_ONE_WHO_STARTED


async def test_hostile_token_values_are_answered(database, authorization, clock):
    for value in ("\x00", "a\x00b", "x" * 100_000, "\ud800", "'; drop table id_tokens; --", "   ", ""):
        verdict = await check(database, authorization, clock, value, kind="\x00" * 99)
        assert not verdict.is_accepted
    rows = await kept_decisions(database)
    assert len(rows) == 7
    assert max(len(row["token_value"]) for row in rows) <= 255


async def test_last_use_is_noted(database, authorization, clock, register):
    token = await register("CAFE01")
    await check(database, authorization, clock, "CAFE01")
    await database.writer.flush()
    used = await authorization.get_token(token.id)
    assert (used.last_used_at, used.last_station_id) == (clock.now(), "station")


async def test_token_registers_once_whatever_the_case(register):
    await register("CAFE01")
    with pytest.raises(InvalidInput) as caught:
        await register("cafe01")
    assert caught.value.field == "value"


async def test_two_registering_one_token_at_the_same_time_leaves_one(database, authorization):
    first, second = database.work(), database.work()
    details = TokenDetails(value="CAFE01")
    await authorization.create_token(first, details, organisation_id="org")
    await authorization.create_token(second, details, organisation_id="org")
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert len(await database.select(tokens.select())) == 1


async def test_put_makes_then_changes_and_then_leaves_alone(database, authorization):
    async with database.work() as work:
        first = await authorization.put_token(work, TokenDetails(value="CAFE01"), organisation_id="org")
    async with database.work() as work:
        second = await authorization.put_token(work, TokenDetails(value="cafe01", note="spare"), organisation_id="org")
    async with database.work() as work:
        group = await authorization.put_group(work, GroupDetails(value="FLEET"), organisation_id="org")
        driver = await authorization.put_driver(work, DriverDetails(name="Ada", email="a@b.c"), organisation_id="org")
    async with database.work() as work:
        again = await authorization.put_group(work, GroupDetails(value="fleet"), organisation_id="org")
        same = await authorization.put_driver(work, DriverDetails(name="Ada L", email="A@B.C"), organisation_id="org")
    assert first.id == second.id
    assert group.id == again.id
    assert driver.id == same.id
    assert (await authorization.get_token(first.id)).note == "spare"
    assert (await authorization.get_driver(driver.id)).name == "Ada L"


async def test_update_changes_what_is_known_and_keeps_the_block(database, authorization, register, clock):
    token = await register("CAFE01")
    async with database.work() as work:
        await authorization.block_token(work, token.id)
    async with database.work() as work:
        await authorization.update_token(work, token.id, TokenDetails(value="CAFE02", kind="local"))
    changed = await authorization.get_token(token.id)
    assert (changed.value, changed.kind, changed.blocked_at) == ("CAFE02", "Local", clock.now())
    assert (await authorization.find_token("cafe02")).id == token.id


async def test_only_an_unused_token_can_be_deleted(database, authorization, clock, register):
    unused, used = await register("CAFE01"), await register("CAFE02")
    await check(database, authorization, clock, "CAFE02")
    await database.writer.flush()
    async with database.work() as work:
        await authorization.delete_token(work, unused.id)
        with pytest.raises(Conflict):
            await authorization.delete_token(work, used.id)
    with pytest.raises(NotFound):
        await authorization.get_token(unused.id)
    assert (await authorization.get_token(used.id)).value == "CAFE02"


async def test_group_and_driver_with_tokens_cannot_be_deleted(database, authorization, register):
    async with database.work() as work:
        group = await authorization.create_group(work, GroupDetails(value="FLEET"), organisation_id="org")
        driver = await authorization.create_driver(work, DriverDetails(name="Ada"), organisation_id="org")
    token = await register("CAFE01", group_id=group.id, driver_id=driver.id)
    async with database.work() as work:
        with pytest.raises(Conflict):
            await authorization.delete_group(work, group.id)
        with pytest.raises(Conflict):
            await authorization.delete_driver(work, driver.id)
        await authorization.delete_token(work, token.id)
    async with database.work() as work:
        await authorization.delete_group(work, group.id)
        await authorization.delete_driver(work, driver.id)
    with pytest.raises(NotFound):
        await authorization.get_group(group.id)


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (TokenDetails(value=" "), "value"),
        (TokenDetails(value="x" * 256), "value"),
        (TokenDetails(value="a\x00"), "value"),
        (TokenDetails(value="A", kind=""), "kind"),
        (TokenDetails(value="A", concurrent_limit=-1), "concurrent_limit"),
        (TokenDetails(value="A", language="no such language"), "language"),
        (TokenDetails(value="A", group_id="nobody"), "group_id"),
        (TokenDetails(value="A", driver_id="nobody"), "driver_id"),
    ],
)
@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_used_is_refused_with_its_field(database, authorization, details, field):
    with pytest.raises(InvalidInput) as caught:
        await authorization.create_token(database.work(), details, organisation_id="org")
    assert caught.value.field == field
