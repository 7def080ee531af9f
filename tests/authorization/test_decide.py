"""The rule of authorization, case by case and by its properties."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.authorization.decide import MASK, Question, decide, masked, pick
from ingufu.authorization.model import (
    Occasion,
    PresentedToken,
    StartedBy,
    Token,
    TokenFacts,
    VerdictReason,
    VerdictStatus,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTER = StartedBy(token_id="other", token_key="other", group_id="g1")


def token(**changes):
    return msgspec.structs.replace(
        Token(id="t", organisation_id="org", value="CAFE01", kind="ISO14443", created_at=NOW), **changes
    )


def facts(*, is_master_pass=False, is_driver_blocked=False, **changes):
    return TokenFacts(
        token=token(**changes), group_value="FLEET", is_master_pass=is_master_pass, is_driver_blocked=is_driver_blocked
    )


def ask(occasion=Occasion.START, *, at=NOW, value="CAFE01", kind=None, started_by=None):
    return Question(token=PresentedToken(value=value, kind=kind), occasion=occasion, at=at, started_by=started_by)


instants = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
starters = st.none() | st.builds(
    StartedBy,
    token_id=st.sampled_from([None, "t", "other"]),
    token_key=st.sampled_from([None, "cafe01", "x"]),
    group_id=st.sampled_from([None, "g1", "g2"]),
)
questions = st.builds(
    Question,
    token=st.builds(PresentedToken, value=st.just("CAFE01"), kind=st.sampled_from([None, "ISO14443"])),
    occasion=st.sampled_from(Occasion),
    at=instants,
    started_by=starters,
)
known = st.builds(
    TokenFacts,
    token=st.builds(
        Token,
        id=st.just("t"),
        organisation_id=st.just("org"),
        value=st.just("CAFE01"),
        kind=st.just("ISO14443"),
        group_id=st.sampled_from([None, "g1", "g2"]),
        blocked_at=st.none() | instants,
        valid_from=st.none() | instants,
        expires_at=st.none() | instants,
        concurrent_limit=st.none() | st.integers(0, 3),
        created_at=st.just(NOW),
    ),
    is_master_pass=st.booleans(),
    is_driver_blocked=st.booleans(),
)
counts = st.integers(0, 5)


@given(questions, known, counts)
def test_blocked_token_is_never_accepted_whatever_else(question, facts, count):
    blocked = msgspec.structs.replace(facts, token=msgspec.structs.replace(facts.token, blocked_at=NOW))
    assert decide(question, blocked, open_count=count).status is VerdictStatus.BLOCKED


@given(questions, known, counts)
def test_token_of_a_blocked_driver_is_never_accepted(question, facts, count):
    blocked = msgspec.structs.replace(facts, is_driver_blocked=True)
    assert decide(question, blocked, open_count=count).status is VerdictStatus.BLOCKED


@given(questions, counts)
def test_unregistered_token_is_never_accepted(question, count):
    assert not decide(question, None, open_count=count).is_accepted


@given(questions, known, counts, st.timedeltas(timedelta(0), timedelta(days=5000)))
def test_once_expired_a_token_stays_expired(question, facts, count, later):
    verdict = decide(question, facts, open_count=count)
    after = decide(msgspec.structs.replace(question, at=question.at + later), facts, open_count=count)
    if verdict.status is VerdictStatus.EXPIRED:
        assert after.status is VerdictStatus.EXPIRED


@given(questions, known, counts)
def test_more_transactions_at_once_never_help(question, facts, count):
    if decide(question, facts, open_count=count + 1).is_accepted:
        assert decide(question, facts, open_count=count).is_accepted


@given(questions, known, counts)
def test_master_pass_never_starts(question, facts, count):
    master = msgspec.structs.replace(facts, is_master_pass=True)
    if question.is_start:
        assert not decide(question, master, open_count=count).is_accepted


@given(questions, known, counts)
def test_the_same_question_has_the_same_answer(question, facts, count):
    assert decide(question, facts, open_count=count) == decide(question, facts, open_count=count)


@pytest.mark.parametrize("occasion", [Occasion.STOP, Occasion.UPDATE])
def test_master_pass_stops_what_others_started(occasion):
    verdict = decide(ask(occasion, started_by=STARTER), facts(is_master_pass=True))
    assert verdict.reason is VerdictReason.MASTER_PASS_STOPS


def test_master_pass_is_accepted_with_its_group_when_only_presented():
    verdict = decide(ask(Occasion.AUTHORIZE), facts(is_master_pass=True, group_id="g1"))
    assert verdict.is_accepted
    assert verdict.group_value == "FLEET"


def test_expired_master_pass_stops_nothing():
    verdict = decide(ask(Occasion.STOP, started_by=STARTER), facts(is_master_pass=True, expires_at=NOW))
    assert verdict.status is VerdictStatus.EXPIRED


@pytest.mark.parametrize("occasion", Occasion)
def test_no_authorization_is_accepted_without_a_value(occasion):
    verdict = decide(ask(occasion, value="", kind="NoAuthorization"), None)
    assert (verdict.status, verdict.reason) == (VerdictStatus.ACCEPTED, VerdictReason.NO_AUTHORIZATION_NEEDED)


@pytest.mark.parametrize("value", ["", "   "])
def test_empty_token_is_invalid(value):
    assert decide(ask(value=value), None).reason is VerdictReason.EMPTY_TOKEN
    assert decide(Question(token=None, occasion=Occasion.START, at=NOW), None).reason is VerdictReason.EMPTY_TOKEN


def test_token_that_expired_meanwhile_still_stops_its_own_transaction():
    own = StartedBy(token_id="t", token_key="cafe01")
    assert decide(ask(Occasion.STOP, started_by=own), facts(expires_at=NOW)).reason is VerdictReason.SAME_TOKEN_STOPS


def test_token_without_group_does_not_share_the_group_of_nobody():
    started_by = StartedBy(token_id="other", group_id=None)
    verdict = decide(ask(Occasion.STOP, started_by=started_by), facts(group_id=None))
    assert verdict.reason is VerdictReason.NOT_THE_ONE_WHO_STARTED


def test_any_good_token_stops_what_nobody_started():
    assert decide(ask(Occasion.STOP, started_by=StartedBy()), facts()).is_accepted


def test_token_presented_for_the_first_time_in_an_update_counts_as_a_start():
    assert decide(ask(Occasion.UPDATE), facts(), open_count=1).status is VerdictStatus.CONCURRENT_TX


def test_token_is_not_valid_before_its_time():
    verdict = decide(ask(), facts(valid_from=NOW + timedelta(seconds=1)))
    assert verdict.reason is VerdictReason.TOKEN_NOT_YET_VALID


def test_limit_none_allows_any_number_at_once():
    assert decide(ask(), facts(concurrent_limit=None), open_count=99).is_accepted


def test_kind_is_compared_without_case_and_exactly():
    card, app = facts(), facts(kind="Central")
    assert pick(PresentedToken(value="x", kind="central"), [card, app]) is app
    assert pick(PresentedToken(value="x", kind="Local"), [card, app]) is None


def test_secret_values_are_masked_by_presented_and_by_registered_kind():
    assert masked(PresentedToken(value="4711", kind="keycode")) == MASK
    assert masked(PresentedToken(value="4711"), facts(kind="KeyCode")) == MASK
    assert masked(PresentedToken(value="CAFE01")) == "CAFE01"
