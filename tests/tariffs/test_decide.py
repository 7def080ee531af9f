"""Which tariff applies: the order is total, stable and explained."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.tariffs import decide
from ingufu.tariffs.model import Tariff, TariffKind, TariffVersion
from ingufu.tariffs.situations import Assignment, Offer, Situation, StepCode, Target, Where, kind_of_session
from tariffs.conftest import energy

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TERMS = energy("250")
HERE = Situation(station_id="cp", evse=1, site_id="site", driver_id="keza", group_id="fleet", plan="gold")
PLACES = {target: HERE.at(target) for target in Target}
ELSEWHERE = Where(target=Target.SITE, target_id="other")


def offer(
    target, name="Day", *, kind=None, since=T0 - HOUR, until=None, where=None, id_=None, version_from=T0 - 9 * HOUR
):
    place = where or PLACES[target]
    assignment = Assignment(
        id=id_ or f"a-{name}-{target}", tariff_id=name, valid_from=since, valid_until=until, created_at=T0,
        target=place.target, target_id=place.target_id, evse=place.evse,
    )  # fmt: skip
    tariff = Tariff(id=name, organisation_id="o", name=name, kind=kind, created_at=T0, updated_at=T0)
    version = TariffVersion(tariff_id=name, number=1, valid_from=version_from, terms=TERMS, created_at=T0)
    return Offer(assignment=assignment, tariff=tariff, versions=(version,))


def codes(choice):
    return {step.tariff: step.code for step in choice.steps if step.tariff}


@pytest.mark.parametrize(("stronger", "weaker"), list(pairwise(Target)))
def test_each_target_goes_before_the_next_of_the_order(stronger, weaker):
    choice = decide.choose(HERE, [offer(weaker, "Weak"), offer(stronger, "Strong")], T0)
    assert choice.applied.name == "Strong"
    assert codes(choice) == {"Strong": StepCode.WINS, "Weak": StepCode.LESS_SPECIFIC}


def test_the_order_is_the_one_that_is_promised():
    assert [one.value for one in Target] == ["driver", "group", "plan", "evse", "station", "site", "everyone"]


def test_a_stronger_one_that_does_not_hold_leaves_it_to_the_next():
    offers = [
        offer(Target.DRIVER, "Later", since=T0 + HOUR),
        offer(Target.GROUP, "Over", until=T0),
        offer(Target.PLAN, "Other", kind=TariffKind.AD_HOC_PAYMENT),
        offer(Target.EVSE, "Empty", version_from=T0 + HOUR),
        offer(Target.STATION, "Elsewhere", where=ELSEWHERE),
        offer(Target.SITE, "Site"),
    ]
    choice = decide.choose(HERE, offers, T0)
    assert choice.applied.name == "Site"
    assert codes(choice) == {
        "Later": StepCode.NOT_YET,
        "Over": StepCode.OVER,
        "Other": StepCode.OTHER_KIND,
        "Empty": StepCode.NO_VERSION,
        "Site": StepCode.WINS,
    }
    other = next(step for step in choice.steps if step.code is StepCode.OTHER_KIND)
    assert other.details == {"tariff_kind": "AD_HOC_PAYMENT", "session_kind": "REGULAR"}


def test_a_start_is_inclusive_and_an_end_is_not():
    choices = [decide.choose(HERE, [offer(Target.SITE, since=T0, until=T0 + HOUR)], at) for at in (T0, T0 + HOUR)]
    assert [choice.applied is not None for choice in choices] == [True, False]


def test_of_two_for_a_target_the_one_for_this_kind_of_session_wins():
    offers = [
        offer(Target.SITE, "Every", since=T0),
        offer(Target.SITE, "Regular", kind=TariffKind.REGULAR, since=T0 - HOUR),
    ]
    choice = decide.choose(HERE, offers, T0)
    assert codes(choice) == {"Regular": StepCode.WINS, "Every": StepCode.ANY_KIND}
    passing = msgspec.structs.replace(HERE, kind=TariffKind.AD_HOC_PAYMENT)
    assert decide.choose(passing, offers, T0).applied.name == "Every"


def test_of_two_for_a_target_the_one_that_began_later_wins():
    offers = [offer(Target.SITE, "Usual"), offer(Target.SITE, "Festival", since=T0, until=T0 + HOUR)]
    choice = decide.choose(HERE, offers, T0)
    assert codes(choice) == {"Festival": StepCode.WINS, "Usual": StepCode.EARLIER}
    assert decide.choose(HERE, offers, T0 + HOUR).applied.name == "Usual"


def test_what_is_not_known_is_said_and_does_not_match():
    choice = decide.choose(Situation(station_id="cp"), [offer(Target.EVSE), offer(Target.DRIVER)], T0)
    assert choice.applied is None
    assert [(one.target, one.code) for one in choice.steps] == [
        (Target.DRIVER, StepCode.UNKNOWN_TARGET),
        (Target.GROUP, StepCode.UNKNOWN_TARGET),
        (Target.PLAN, StepCode.UNKNOWN_TARGET),
        (Target.EVSE, StepCode.UNKNOWN_TARGET),
        (Target.STATION, StepCode.NOTHING_ASSIGNED),
        (Target.SITE, StepCode.UNKNOWN_TARGET),
        (Target.EVERYONE, StepCode.NOTHING_ASSIGNED),
        (None, StepCode.NOTHING_APPLIES),
    ]


def test_another_evse_of_the_same_station_is_not_meant():
    other = Where(target=Target.EVSE, target_id="cp", evse=2)
    assert decide.choose(HERE, [offer(Target.EVSE, where=other)], T0).applied is None


@pytest.mark.parametrize(
    ("token_kind", "is_known", "kind"),
    [
        ("ISO14443", True, TariffKind.REGULAR),
        ("DirectPayment", True, TariffKind.AD_HOC_PAYMENT),
        ("ISO14443", False, TariffKind.AD_HOC_PAYMENT),
        (None, False, TariffKind.AD_HOC_PAYMENT),
    ],
)
def test_who_is_not_known_or_pays_on_the_spot_is_ad_hoc(token_kind, is_known, kind):
    assert kind_of_session(token_kind, is_known=is_known) is kind


hours = st.integers(min_value=-3, max_value=3)


@st.composite
def offers(draw):
    found = []
    for index in range(draw(st.integers(min_value=0, max_value=8))):
        since = draw(hours)
        length = draw(st.none() | st.integers(min_value=1, max_value=4))
        found.append(
            offer(
                draw(st.sampled_from(Target)),
                f"t{draw(st.integers(min_value=0, max_value=3))}",
                kind=draw(st.none() | st.sampled_from([TariffKind.REGULAR, TariffKind.AD_HOC_PAYMENT])),
                since=T0 + since * HOUR,
                until=None if length is None else T0 + (since + length) * HOUR,
                version_from=T0 + draw(hours) * HOUR,
                id_=f"a{index}",
            )
        )
    return found


@given(given_offers=offers(), chance=st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_of_the_offers(given_offers, chance):
    shuffled = list(given_offers)
    chance.shuffle(shuffled)
    assert decide.choose(HERE, given_offers, T0) == decide.choose(HERE, shuffled, T0)


@given(given_offers=offers())
def test_exactly_one_wins_or_nothing_applies_and_every_offer_is_explained(given_offers):
    choice = decide.choose(HERE, given_offers, T0)
    winners = [step for step in choice.steps if step.code is StepCode.WINS]
    assert len(winners) == (choice.applied is not None)
    assert {step.assignment_id for step in choice.steps if step.assignment_id} == {
        one.assignment.id for one in given_offers
    }
    assert (choice.steps[-1].code is StepCode.NOTHING_APPLIES) is (choice.applied is None)


@given(given_offers=offers())
def test_taking_a_loser_away_leaves_the_winner(given_offers):
    choice = decide.choose(HERE, given_offers, T0)
    winner = next((step.assignment_id for step in choice.steps if step.code is StepCode.WINS), None)
    for loser in given_offers:
        if loser.assignment.id != winner:
            rest = [one for one in given_offers if one is not loser]
            assert decide.choose(HERE, rest, T0).applied == choice.applied


@given(st.lists(hours, min_size=1, max_size=6), st.sets(st.integers(min_value=0, max_value=5)))
def test_chained_versions_leave_neither_gap_nor_overlap(starts, withdrawn):
    known = [
        TariffVersion(
            tariff_id="t", number=number, valid_from=T0 + start * HOUR, terms=TERMS, created_at=T0,
            withdrawn_at=T0 - 9 * HOUR if number in withdrawn else None,
        )
        for number, start in enumerate(starts)
    ]  # fmt: skip
    chained = decide.chained(known)
    standing = [one for one in chained if one.withdrawn_at is None]
    for half in range(-8, 9):
        at = T0 + half * HOUR / 2
        valid = [one for one in standing if one.valid_from <= at and (one.valid_until is None or at < one.valid_until)]
        assert len(valid) == (1 if any(one.valid_from <= at for one in standing) else 0)
        assert decide.version_at(chained, at) == (valid[0] if valid else None)
