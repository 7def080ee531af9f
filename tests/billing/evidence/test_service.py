"""Verdicts kept: once for the same facts, anew for others, decided by people, and never changed afterwards."""

import asyncio
import base64
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.evidence.network import Network
from billing.evidence.signing import Meter
from charging.stations import reading
from ingufu.billing.evidence.decide import UNSIGNED
from ingufu.billing.evidence.jobs import keep_judging
from ingufu.billing.evidence.model import Choice, Confidence, Decision, EvidenceRules, SignatureState, Standing
from ingufu.billing.evidence.tables import checks, items, records, verdicts
from ingufu.core.errors import Conflict, IngufuError, InvalidInput, NotFound

REVIEW, BILLABLE, DECIDED = Standing.REVIEW, Standing.BILLABLE, Standing.DECIDED


def wh(value):
    return Decimal(str(value))


def bill(number=1, **more):
    return Decision(**{"choice": Choice.BILL_PROPOSED, "number": number, **more})


def other(value, number=1, note="Measured on site."):
    return Decision(choice=Choice.BILL_OTHER, number=number, energy_wh=wh(value), note=note)


def nothing(number=1, note="The vehicle never charged."):
    return Decision(choice=Choice.DO_NOT_BILL, number=number, note=note)


async def rows(network, table):
    return await network.database.select(table.select())


async def doubtful(network, **more):
    """Return a session that waits: the register began anew."""
    at = more.pop("at", 0)
    return await network.session("1000", None, at=at, minutes=60, **more)


async def test_a_plain_session_is_billable_and_judged_once(network):
    session = await network.session()
    first = await network.evidence.judge(session)
    assert (first.standing, first.energy_wh, first.number) == (BILLABLE, wh(10_000), 1)
    assert first.confidence is Confidence.SURE
    network.clock.advance(3600)
    assert await network.evidence.judge(session) == first
    assert await network.evidence.verdict_of(session) == first
    assert [row["kind"] for row in await network.told()] == ["EnergyJudged"]


async def test_a_running_session_is_not_judged(network):
    await network.station.start(reference="T", seq=0)
    running = await network.station.row("T")
    with pytest.raises(Conflict, match="still running"):
        await network.evidence.judge(running.id)
    with pytest.raises(NotFound):
        await network.evidence.judge("nothing")
    assert await network.evidence.verdict_of(running.id) is None


async def test_signed_readings_are_verified_kept_and_the_energy(network):
    await network.register()
    texts = network.meter.session("1.0", "11.02")
    session = await network.session(signed=texts)
    verdict = await network.evidence.judge(session)
    assert (verdict.confidence, verdict.signature) == (Confidence.PROVEN, SignatureState.VERIFIED)
    assert (verdict.standing, verdict.energy_wh) == (BILLABLE, wh(10_020))
    made = await network.evidence.checks_of(session)
    assert [check.state for check in made] == [SignatureState.VERIFIED] * 2
    assert {check.key_fingerprint for check in made} == {network.meter.key.fingerprint}
    assert made[0].software.startswith("ingufu ")
    assert {row["data"] for row in await rows(network, records)} == set(texts)


async def test_a_forged_session_waits_for_a_person(network):
    await network.register()
    begin, end = network.meter.session("1.0", "11.0")
    session = await network.session(signed=[begin, end.replace("11.0", "12.0")])
    verdict = await network.evidence.judge(session)
    assert (verdict.standing, verdict.signature) == (REVIEW, SignatureState.INVALID)
    assert verdict.energy_wh == 10_000


async def test_a_session_with_a_bad_signature_is_not_billed_where_the_site_demands_signatures(network):
    await network.demand()
    await network.register()
    begin, end = network.meter.session("1.0", "11.0")
    forged = await network.session(signed=[begin, end.replace("11.0", "12.0")])
    unsigned = await network.session(at=120)
    for session in (forged, unsigned):
        assert (await network.evidence.judge(session)).standing is REVIEW
        for decision in (bill(), other(1000)):
            with pytest.raises(Conflict, match=UNSIGNED):
                await network.decide(session, decision)
        assert (await network.evidence.verdict_of(session)).standing is REVIEW
        assert (await network.decide(session, nothing())).standing is Standing.NOT_BILLABLE


async def test_where_signatures_are_demanded_no_more_is_billed_than_was_signed(network):
    await network.demand()
    await network.register()
    session = await network.session(end="12000", signed=network.meter.session("1.0", "11.0"))
    verdict = await network.evidence.judge(session)
    assert (verdict.standing, verdict.energy_wh) == (REVIEW, 10_000)
    with pytest.raises(Conflict, match="no more is billed"):
        await network.decide(session, other(10_001))
    assert (await network.decide(session, other(9_000))).energy_wh == 9_000
    with pytest.raises(Conflict, match="no more is billed"):
        await network.decide(session, other(10_001, number=2))
    assert (await network.decide(session, other(10_000, number=2))).number == 3


async def test_a_demand_holds_for_sessions_that_begin_after_it(network):
    session = await network.session()
    network.clock.advance(60)
    await network.demand()
    assert (await network.evidence.judge(session)).standing is BILLABLE
    await network.demand(demands=False)
    assert (await network.evidence.site(network.site.id)).since is None


async def test_a_key_that_is_registered_later_proves_what_waits(network):
    await network.demand()
    session = await network.session(signed=network.meter.session("1.0", "11.0"))
    assert (await network.evidence.judge(session)).signature is SignatureState.NO_KEY
    await network.register()
    assert await network.evidence.judge_waiting(network.known.id) == 1
    verdict = await network.evidence.verdict_of(session)
    assert (verdict.number, verdict.standing, verdict.confidence) == (2, BILLABLE, Confidence.PROVEN)
    assert [row["closed_at"] is not None for row in await rows(network, items)] == [True]
    assert await network.evidence.judge_waiting(network.known.id) == 0


async def test_a_record_of_an_earlier_session_is_refused(network):
    await network.register()
    texts = network.meter.session("1.0", "11.0")
    first = await network.session(signed=texts)
    assert (await network.evidence.judge(first)).signature is SignatureState.VERIFIED
    for at, told in ((120, texts), (240, [base64.b64encode(text.encode()).decode() for text in texts])):
        again = await network.session(signed=told, at=at)
        assert (await network.evidence.judge(again)).signature is SignatureState.INVALID
    assert (await network.evidence.judge(first)).signature is SignatureState.VERIFIED


async def test_of_two_sessions_that_bring_a_record_in_the_same_moment_one_is_proven(network):
    await network.register()
    texts = network.meter.session("1.0", "11.0")
    wrapped = [base64.b64encode(text.encode()).decode() for text in texts]
    sessions = [await network.session(signed=texts), await network.session(signed=wrapped, at=120)]
    judges = (network.evidence, network.another_process())
    made = await asyncio.gather(*(judge.judge(one) for judge, one in zip(judges, sessions, strict=True)))
    assert sorted(verdict.signature for verdict in made) == [SignatureState.INVALID, SignatureState.VERIFIED]


async def test_late_data_is_judged_anew_and_never_edits(network):
    session = await network.session()
    first = await network.evidence.judge(session)
    late = network.readings(30, "90000", "Sample.Periodic", ())
    await network.station.read(*late, reference="T1")
    second = await network.evidence.judge(session)
    assert (second.number, second.standing) == (2, REVIEW)
    assert (await network.evidence.verdicts_of(session))[0] == first
    assert [row["kind"] for row in await network.told()] == ["EnergyJudged", "EnergyJudged", "ReviewOpened"]


async def test_an_open_item_follows_late_data(network):
    session = await doubtful(network)
    assert (await network.evidence.judge(session)).standing is REVIEW
    (before,) = await rows(network, items)
    await network.station.read(reading(network.station.at(5), 1500, context="Sample.Periodic"), reference="T1")
    network.clock.advance(60)
    verdict = await network.evidence.judge(session)
    (after,) = await rows(network, items)
    assert (after["number"], after["proposed_wh"]) == (2, verdict.energy_wh)
    assert verdict.energy_wh == 500
    assert after["opened_at"] == before["opened_at"]
    assert after["closed_at"] is None


async def test_a_person_decides_what_is_proposed(network):
    session = await doubtful(network)
    await network.evidence.judge(session)
    verdict = await network.decide(session, bill())
    assert (verdict.number, verdict.standing, verdict.decided_by) == (2, DECIDED, "Ada")
    (item,) = await rows(network, items)
    assert (item["closed_by"], item["number"]) == ("Ada", 1)
    assert (await network.told())[-1]["kind"] == "ReviewDecided"
    assert await network.evidence.judge(session) == verdict  # the same facts: the decision stands


async def test_late_data_after_a_decision_waits_again(network):
    session = await doubtful(network)
    await network.evidence.judge(session)
    await network.decide(session, bill())
    await network.station.read(reading(network.station.at(5), 1500, context="Sample.Periodic"), reference="T1")
    verdict = await network.evidence.judge(session)
    assert (verdict.number, verdict.standing, verdict.decided_by) == (3, REVIEW, None)
    assert [row["closed_at"] for row in await rows(network, items)] == [None]


async def test_a_decision_on_what_was_not_looked_at_is_a_conflict(network):
    session = await doubtful(network)
    await network.evidence.judge(session)
    with pytest.raises(Conflict, match="changed meanwhile"):
        await network.decide(session, bill(number=2))
    with pytest.raises(NotFound):
        await network.decide(await network.session(at=500), bill())


async def test_of_two_decisions_at_once_one_holds(network):
    session = await doubtful(network)
    await network.evidence.judge(session)
    outcomes = await asyncio.gather(
        network.decide(session, bill(), by="Ada"), network.decide(session, nothing(), by="Bob"), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "EnergyVerdict"]
    assert len(await network.evidence.verdicts_of(session)) == 2


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        (other("1", note=""), InvalidInput),
        (other("-1"), InvalidInput),
        (other("NaN"), InvalidInput),
        (other("1e30"), InvalidInput),
        (Decision(choice=Choice.BILL_OTHER, number=1, note="x"), InvalidInput),
        (nothing(note="  "), InvalidInput),
    ],
)
async def test_a_decision_needs_its_reason_and_a_possible_energy(network, decision, error):
    session = await doubtful(network)
    await network.evidence.judge(session)
    with pytest.raises(error):
        await network.decide(session, decision)
    assert len(await network.evidence.verdicts_of(session)) == 1


async def test_a_decision_may_be_taken_back_with_a_reason(network):
    session = await network.session()
    await network.evidence.judge(session)
    with pytest.raises(Conflict, match="does not wait"):
        await network.decide(session, bill(note="Why not."))
    assert (await network.decide(session, nothing(note="Goodwill."))).standing is Standing.NOT_BILLABLE
    back = await network.decide(session, bill(number=2, note="A mistake."))
    assert (back.number, back.standing, back.energy_wh) == (3, DECIDED, 10_000)


async def test_many_processes_that_judge_at_once_make_one_verdict(network):
    session = await doubtful(network)
    made = await asyncio.gather(*(network.another_process().judge(session) for _ in range(8)))
    assert {(one.number, one.standing, one.energy_wh) for one in made} == {(1, REVIEW, wh(0))}
    assert len(await rows(network, verdicts)) == 1
    assert len(await network.told("ReviewOpened")) == 1


@pytest.mark.parametrize("table", [verdicts, records, checks], ids=lambda table: table.name)
@pytest.mark.parametrize("verb", ["update", "delete"])
async def test_the_database_itself_forbids_changes(network, table, verb):
    await network.register()
    session = await network.session(signed=network.meter.session("1.0", "11.0"))
    await network.evidence.judge(session)
    before = await rows(network, table)
    assert before
    work = network.database.work()
    if verb == "delete":
        work.execute_once(table.delete())
    else:
        work.execute_once(table.update().values(transaction_id="another"))
    with pytest.raises(IngufuError):
        await work.commit()
    assert await rows(network, table) == before


async def test_overlapping_sessions_wait(network):
    await network.session(minutes=60, reference="A")
    session = await network.session(minutes=60, at=30, reference="B")
    verdict = await network.evidence.judge(session)
    assert "overlap" in [reason.code for reason in verdict.reasons]
    assert verdict.standing is REVIEW


async def test_sessions_that_follow_each_other_do_not_overlap(network):
    first = await network.session(minutes=60, reference="A")
    second = await network.session("11000", "21000", minutes=60, at=60, reference="B")
    for session in (first, second):
        assert (await network.evidence.judge(session)).standing is BILLABLE


async def test_what_is_entered_of_a_connector_bounds_the_power(database, clock, ids):
    network = await Network(database, clock, ids, EvidenceRules(max_power_w=wh(22_000))).build()
    session = await network.session(end="101000")
    verdict = await network.evidence.judge(session)
    assert "implausible-power" in [reason.code for reason in verdict.reasons]
    assert verdict.energy_wh == 26_400


async def test_readings_that_were_pruned_do_not_make_a_worse_verdict(network):
    await network.register()
    session = await network.session(signed=network.meter.session("1.0", "11.0"))
    verdict = await network.evidence.judge(session)
    async with network.database.work() as work:
        from ingufu.charging.tables import readings

        work.execute_once(readings.delete())
    assert await network.evidence.judge(session) == verdict


async def test_keys_are_registered_once_and_retired(network):
    key = await network.register()
    with pytest.raises(Conflict):
        await network.register()
    with pytest.raises(InvalidInput):
        await network.register(public_key="no key")
    assert await network.evidence.keys_of(network.known.id) == [key]
    until = network.station.at(30)
    async with network.database.work() as work:
        await network.evidence.retire_key(work, key.id, until)
    assert (await network.evidence.get_key(key.id)).valid_until == until
    early = await network.session(signed=network.meter.session("1.0", "11.0"))
    late = await network.session(at=120, signed=network.meter.session("11.0", "21.0"))
    assert (await network.evidence.judge(early)).signature is SignatureState.VERIFIED
    assert (await network.evidence.judge(late)).signature is SignatureState.NO_KEY
    with pytest.raises(NotFound):
        await network.evidence.get_key("nothing")


async def test_a_meter_that_was_exchanged_has_a_key_of_its_own(network):
    await network.register()
    new = Meter("secp384r1", serial="M2000")
    session = await network.session(signed=new.session("1.0", "11.0"))
    assert (await network.evidence.judge(session)).signature is SignatureState.NO_KEY
    await network.register(public_key=new.key.der_hex, meter_serial="M2000", valid_from=network.station.at(-1))
    assert (await network.evidence.judge(session)).signature is SignatureState.VERIFIED


async def test_the_order_in_which_messages_arrive_changes_no_verdict(network):
    """The same session told in order, and with its start last and its readings mixed."""
    outcomes = []
    for reference, order in (("A", (0, 1, 2, 3)), ("B", (3, 1, 2, 0)), ("C", (2, 3, 0, 1))):
        at = 1000 * len(outcomes)
        for seq in order:
            value = 1000 + seq * 2500
            context = {0: "Transaction.Begin", 3: "Transaction.End"}.get(seq, "Sample.Periodic")
            taken = network.readings(at + seq * 15, str(value), context, ())
            report = {0: network.station.start, 3: network.station.end}.get(seq, network.station.update)
            more = {"evse": 1, "connector": 1} if seq else {}
            received = network.station.at(at + 60)
            await report(
                reference=reference, seq=seq, minute=at + seq * 15, readings=taken, received_at=received, **more
            )
        row = await network.station.row(reference)
        verdict = await network.evidence.judge(row.id)
        outcomes.append(
            (verdict.standing, verdict.energy_wh, verdict.confidence, {one.code for one in verdict.reasons})
        )
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0][:2] == (BILLABLE, wh(7500))


async def test_a_lost_end_is_judged_and_its_real_end_judged_anew(network):
    await network.station.start(
        reference="L", seq=0, minute=0, readings=network.readings(0, "1000", "Transaction.Begin", ())
    )
    row = await network.station.row("L")
    await network.station.read(reading(network.station.at(30), 4000, context="Sample.Periodic"), reference="L")
    network.clock.advance(timedelta(hours=2).total_seconds())
    async with network.database.work() as work:
        await network.charging.end_by_estimate(work, row.id)
    first = await network.evidence.judge(row.id)
    assert "lost-end" in [reason.code for reason in first.reasons]
    assert (first.standing, first.energy_wh) == (REVIEW, 3000)
    await network.station.end(
        reference="L", seq=1, minute=60, readings=network.readings(60, "7000", "Transaction.End", ())
    )
    second = await network.evidence.judge(row.id)
    assert (second.number, second.standing, second.energy_wh) == (2, BILLABLE, 6000)


async def test_signed_readings_that_come_after_the_end_are_found_by_themselves(network):
    """They change neither register nor times, so that nothing tells of them."""
    await network.demand()
    await network.register()
    begin, end = network.meter.session("1.0", "11.0")
    session = await network.session(signed=[begin])
    assert (await network.evidence.judge(session)).signature is SignatureState.INCOMPLETE
    late = network.readings(60, None, "Transaction.End", [end])
    await network.station.read(*late, reference="T1")
    keeping = asyncio.create_task(keep_judging(network.evidence))
    async with asyncio.timeout(20):
        while (await network.evidence.verdict_of(session)).number == 1:
            await asyncio.sleep(0.01)
    keeping.cancel()
    verdict = await network.evidence.verdict_of(session)
    assert (verdict.standing, verdict.confidence) == (BILLABLE, Confidence.PROVEN)
    assert await network.told("TransactionCorrected") == []


async def test_a_session_with_many_signed_pages_is_verified_whole(network):
    await network.register()
    texts = [network.meter.record(("B", 0, 1.0))]
    texts += [network.meter.record(("C", minute, 1.0 + minute / 6)) for minute in range(1, 60)]
    texts += [network.meter.record(("E", 60, 11.0))]
    session = await network.session(signed=texts)  # all but the first come with the end
    verdict = await network.evidence.judge(session)
    assert (verdict.confidence, verdict.energy_wh) == (Confidence.PROVEN, 10_000)
    assert len(await network.evidence.checks_of(session)) == 61
