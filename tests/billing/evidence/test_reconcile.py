"""The energy of a session by everything that is known of it: each doubt, its proposal, and what holds for all."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingufu.billing.evidence.doubts import most_of
from ingufu.billing.evidence.facts import Facts, Value, gather
from ingufu.billing.evidence.model import Confidence, EvidenceRules, Finding, Reason, SignatureState, Standing
from ingufu.billing.evidence.reconcile import reconcile
from ingufu.charging.fold import Glance
from ingufu.charging.model import EnergySource, EventFacts, ReportKind, Transaction, TransactionEvent

ZERO = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = EvidenceRules()
REGISTERS, READINGS, DELTAS, NOTHING = (
    EnergySource.REGISTERS, EnergySource.READINGS, EnergySource.DELTAS, EnergySource.NOTHING,
)  # fmt: skip
BILLABLE, REVIEW = Standing.BILLABLE, Standing.REVIEW


def at(minutes):
    return ZERO + timedelta(minutes=minutes)


def wh(value):
    return Decimal(str(value))


def session(start=1000, end=11_000, minutes=60, source=REGISTERS, readings=None, **more):
    """Return a session of 10 kWh in an hour, told by registers and three readings, unless something else is said."""
    told = [(15, 3500), (30, 6000), (45, 8500)] if readings is None else readings
    energy = more.pop("energy", None if start is None or end is None else end - start)
    return Facts(
        started_at=ZERO,
        ended_at=at(minutes),
        start_wh=None if start is None else wh(start),
        end_wh=None if end is None else wh(end),
        energy_wh=wh(energy or 0),
        source=source,
        readings=tuple(Value(at(minute), wh(value)) for minute, value in told),
        **more,
    )


def signed(energy, state=SignatureState.VERIFIED, **more):
    return Finding(state=state, begin_wh=wh(0), end_wh=wh(energy), **more)


def codes(outcome):
    return [reason.code for reason in outcome.reasons if reason.is_doubt]


def test_registers_at_both_ends_and_readings_that_agree_are_sure():
    outcome = reconcile(session(power_wh=wh(10_100)), RULES)
    assert (outcome.standing, outcome.confidence, outcome.energy_wh) == (BILLABLE, Confidence.SURE, wh(10_000))
    assert {reason.code for reason in outcome.reasons} == {"registers-complete", "readings-agree", "power-agrees"}


def test_verified_signed_readings_are_the_energy_and_proven():
    outcome = reconcile(session(signed=signed("10020.5")), RULES)
    assert (outcome.standing, outcome.confidence) == (BILLABLE, Confidence.PROVEN)
    assert outcome.energy_wh == wh("10020.5")
    assert outcome.signature is SignatureState.VERIFIED


@pytest.mark.parametrize(
    ("energy", "standing"), [(10_050, BILLABLE), (10_051, REVIEW), (9_950, BILLABLE), (9_949, REVIEW)]
)
def test_signed_and_unsigned_energy_may_differ_by_the_tolerance(energy, standing):
    outcome = reconcile(session(signed=signed(energy)), RULES)
    assert outcome.standing is standing
    assert outcome.energy_wh == energy  # the proposal is what was signed


def test_the_tolerance_in_percent_counts_where_it_is_more():
    facts = session(end=101_000, readings=[], minutes=120, signed=signed(100_490))
    assert reconcile(facts, RULES).standing is BILLABLE
    facts = session(end=101_000, readings=[], minutes=120, signed=signed(100_510))
    assert codes(reconcile(facts, RULES)) == ["differs-from-signed"]


def test_signed_readings_stand_where_registers_are_in_doubt():
    facts = session(source=DELTAS, end=500, energy=9_990, is_estimated=True, signed=signed(10_000))
    outcome = reconcile(facts, RULES)
    assert (outcome.standing, outcome.confidence) == (BILLABLE, Confidence.PROVEN)
    assert {"register-reset", "lost-end"} <= {reason.code for reason in outcome.reasons}


def test_signed_readings_stand_alone_where_no_register_was_told():
    facts = session(None, None, source=NOTHING, readings=[], signed=signed(10_000))
    assert reconcile(facts, RULES).standing is BILLABLE


@pytest.mark.parametrize(
    ("facts", "code", "proposal"),
    [
        (session(source=DELTAS, end=2000, energy=9_500), "register-reset", 9_500),
        (session(9_999_000, 1_500, energy=900, source=DELTAS, readings=[(30, 9_999_900)]), "register-rollover", 2_500),
        (session(5000, 4000, energy=0, source=READINGS, readings=[(30, 5000)]), "register-negative", 0),
        (session(end=2_001_000, readings=[]), "implausible-power", 600_000),
        (session(end=100_000, readings=[], max_power_w=wh(22_000)), "implausible-power", 26_400),
        (session(is_estimated=True), "lost-end", 10_000),
        (session(source=READINGS, missing_messages=3), "messages-missing", 10_000),
        (session(has_unset_clock=True), "clock-unset", 10_000),
        (session(other_ends=(wh(12_000),)), "second-end", 10_000),
        (session(minutes=0, readings=[]), "no-duration", 0),
        (session(minutes=60 * 49), "very-long", 10_000),
        (session(overlaps=("another",)), "overlap", 10_000),
        (session(None, None, source=NOTHING, readings=[]), "no-register", 0),
        (session(source=READINGS, minutes=120, readings=[(15, 3500), (45, 8500)]), "end-gap", 10_000),
        (session(source=READINGS, minutes=100, readings=[(1, 1000), (99, 11_000)]), "readings-gap", 10_000),
        (session(None, 11_000, source=READINGS, energy=7_500), "register-missing", 7_500),
        (session(readings=[(15, 3500), (45, 18_500)]), "readings-disagree", 10_000),
        (session(source=READINGS, disbelieved_end_wh=wh(99_000_000)), "end-not-believed", 10_000),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_doubt_is_reviewed_with_a_proposal(facts, code, proposal):
    outcome = reconcile(facts, RULES)
    assert outcome.standing is REVIEW
    assert outcome.confidence is Confidence.DOUBTFUL
    assert code in codes(outcome)
    assert outcome.energy_wh == proposal
    assert all(reason.detail for reason in outcome.reasons)


def test_watt_hours_that_are_told_as_kilowatt_hours_are_found_by_the_power():
    outcome = reconcile(session(1_000_000, 11_000_000, readings=[], power_wh=wh(9_900)), RULES)
    assert codes(outcome) == ["unit-confusion"]
    assert outcome.energy_wh == 10_000


def test_kilowatt_hours_that_are_told_as_watt_hours_are_found_but_never_billed_higher():
    outcome = reconcile(session(10, 20, readings=[], power_wh=wh(9_900)), RULES)
    assert codes(outcome) == ["unit-confusion"]
    assert outcome.energy_wh == 10


def test_registers_in_another_unit_than_the_readings_are_found():
    outcome = reconcile(session(1_000_000, 11_000_000, readings=[(1, 1000), (59, 10_900)]), RULES)
    assert "unit-confusion" in codes(outcome)
    assert outcome.energy_wh == 10_000


def test_messages_that_are_missing_are_no_doubt_between_two_registers():
    outcome = reconcile(session(missing_messages=3), RULES)
    assert (outcome.standing, outcome.confidence) == (BILLABLE, Confidence.SURE)


def test_a_second_end_that_says_the_same_is_no_doubt():
    assert reconcile(session(other_ends=(wh(11_000),)), RULES).standing is BILLABLE


def test_one_slip_among_many_readings_is_no_doubt():
    readings = [(minute, 1000 + minute * 160) for minute in range(1, 60)]
    readings[20] = (21, 0)
    outcome = reconcile(session(readings=readings), RULES)
    assert outcome.standing is BILLABLE


def test_readings_alone_are_fair_if_little_is_missing():
    outcome = reconcile(session(source=READINGS, readings=[(15, 3500), (30, 6000), (45, 8500), (59, 11_000)]), RULES)
    assert (outcome.standing, outcome.confidence) == (BILLABLE, Confidence.FAIR)


@pytest.mark.parametrize("readings", [[], [(0, 1000)]])
def test_a_begin_without_anything_after_it_says_nothing_of_the_energy(readings):
    outcome = reconcile(session(end=1000, minutes=10, source=READINGS, readings=readings), RULES)
    assert codes(outcome) == ["register-missing"]


def test_nothing_charged_is_nothing_billed_without_a_doubt():
    outcome = reconcile(session(end=1000, minutes=0, readings=[]), RULES)
    assert (outcome.standing, outcome.energy_wh) == (BILLABLE, 0)


def test_an_unset_clock_may_be_no_matter():
    rules = EvidenceRules(reviews_unset_clocks=False)
    assert reconcile(session(has_unset_clock=True), rules).standing is BILLABLE


@pytest.mark.parametrize(("small", "standing"), [(0, REVIEW), (99, REVIEW), (100, BILLABLE)])
def test_small_sessions_are_billed_in_spite_of_doubts_if_the_operator_says_so(small, standing):
    rules = EvidenceRules(small_wh=wh(small))
    facts = session(end=1100, readings=[], is_estimated=True)
    assert reconcile(facts, rules).standing is standing


def test_a_session_of_which_nothing_is_known_is_never_small():
    rules = EvidenceRules(small_wh=wh(1000))
    assert reconcile(session(None, None, source=NOTHING, readings=[]), rules).standing is REVIEW
    forged = session(end=1100, readings=[], signed=signed(100, SignatureState.INVALID))
    assert reconcile(forged, rules).standing is REVIEW


@pytest.mark.parametrize("state", [state for state in SignatureState if state is not SignatureState.VERIFIED])
def test_where_signatures_are_demanded_only_verified_ones_are_billed(state):
    facts = session(signed=Finding(state=state), demands_signatures=True)
    outcome = reconcile(facts, RULES)
    assert outcome.standing is REVIEW
    assert codes(outcome)[0].startswith("signature-")
    elsewhere = reconcile(msgspec.structs.replace(facts, demands_signatures=False), RULES)
    assert elsewhere.standing is (REVIEW if state is SignatureState.INVALID else BILLABLE)


def test_a_signed_reading_of_another_time_is_reviewed():
    note = Reason(code="signed-time-elsewhere", detail="…")
    assert reconcile(session(signed=signed(10_000, notes=(note,))), RULES).standing is REVIEW


def test_signed_energy_that_no_connector_gives_is_reviewed():
    outcome = reconcile(session(end=201_000, readings=[], max_power_w=wh(22_000), signed=signed(200_000)), RULES)
    assert codes(outcome) == ["implausible-power"]
    assert outcome.energy_wh == 200_000


amounts = st.decimals(0, 200_000, places=3)
anything = st.builds(
    Facts,
    started_at=st.just(ZERO),
    ended_at=st.integers(0, 6000).map(at),
    is_estimated=st.booleans(),
    start_wh=st.none() | amounts,
    end_wh=st.none() | amounts,
    energy_wh=st.decimals(-1000, 200_000, places=3),
    source=st.sampled_from(EnergySource),
    disbelieved_end_wh=st.none() | amounts,
    readings=st.lists(st.builds(Value, st.integers(0, 6000).map(at), amounts), max_size=8).map(tuple),
    power_wh=st.none() | amounts,
    other_ends=st.lists(amounts, max_size=2).map(tuple),
    missing_messages=st.integers(0, 3),
    has_unset_clock=st.booleans(),
    overlaps=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    max_power_w=st.none() | st.decimals(1000, 400_000, places=0),
    signed=st.just(Finding()) | st.builds(signed, amounts, st.sampled_from(SignatureState)),
    demands_signatures=st.booleans(),
)
rules = st.builds(EvidenceRules, small_wh=st.sampled_from([wh(0), wh(500)]), reviews_unset_clocks=st.booleans())


@settings(max_examples=400, deadline=None)
@given(anything, rules)
def test_energy_is_never_negative_and_a_doubt_is_never_billed(facts, given_rules):
    outcome = reconcile(facts, given_rules)
    assert outcome.energy_wh >= 0
    has_doubt = any(reason.is_doubt for reason in outcome.reasons)
    is_small = any(reason.code == "small" for reason in outcome.reasons)
    assert (outcome.standing is REVIEW) == (has_doubt and not is_small)
    assert len({reason.code for reason in outcome.reasons}) == len(outcome.reasons)


@settings(max_examples=400, deadline=None)
@given(anything, rules)
def test_a_proposal_is_within_what_the_registers_allow(facts, given_rules):
    outcome = reconcile(facts, given_rules)
    if outcome.confidence is Confidence.PROVEN:
        assert outcome.energy_wh == facts.signed.energy_wh
        return
    most = most_of(facts)
    is_rolled = any(reason.code == "register-rollover" for reason in outcome.reasons)
    assert is_rolled or outcome.energy_wh <= max(most or Decimal(0), facts.energy_wh, Decimal(0))


@settings(max_examples=200, deadline=None)
@given(anything, rules, st.randoms())
def test_the_order_of_what_is_known_changes_nothing(facts, given_rules, rng):
    readings, ends = list(facts.readings), list(facts.other_ends)
    rng.shuffle(readings)
    rng.shuffle(ends)
    mixed = msgspec.structs.replace(facts, readings=tuple(readings), other_ends=tuple(ends))
    assert reconcile(mixed, given_rules) == reconcile(facts, given_rules)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=2, max_size=8), st.integers(0, 8), st.randoms())
def test_facts_are_the_same_in_whatever_order_messages_came(steps, reset_at, rng):
    """Of the same events and readings, kept in any order of arrival, the same facts are gathered."""
    value, glances, events = 50_000, [], []
    for index, step in enumerate(steps):
        value = step if index == reset_at else value + step
        glances.append(Glance(at=at(index), context="Sample.Periodic", energy_wh=wh(value), power_w=float(step * 60)))
    last = len(steps) - 1
    for seq in range(len(steps)):
        kind = {0: ReportKind.STARTED, last: ReportKind.ENDED}.get(seq, ReportKind.UPDATED)
        events.append(
            TransactionEvent(
                key=str(seq), kind=kind, seq=seq, at=at(seq), received_at=at(rng.randint(0, 100)), facts=EventFacts()
            )
        )
    row = Transaction(
        id="t", station_id="s", reference="r", version="2.1", is_open=False, started_at=ZERO, start_received_at=ZERO,
        ended_at=at(last), start_wh=wh(50_000), end_wh=wh(value), updated_at=ZERO,
    )  # fmt: skip
    first = gather(row, events, glances)
    for _ in range(3):
        random.Random(rng.random()).shuffle(events)
        random.Random(rng.random()).shuffle(glances)
        assert gather(row, events, glances) == first
