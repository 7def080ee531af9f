"""Which measurands are worth asking for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.charging.sampling import decide
from ingufu.charging.sampling.model import Occasion, SamplingState
from ingufu.core.errors import InvalidInput

NAMES = st.lists(st.sampled_from(["A", "B", "C", "D", "E"]), unique=True)


@given(NAMES, NAMES, st.none() | NAMES, NAMES)
def test_a_plan_leaves_nothing_out_and_tries_nothing_hopeless(
    wanted: list[str], current: list[str], allowed: list[str] | None, refused: list[str]
):
    made = decide.plan(wanted, current, allowed, refused)
    assert set(made.candidates) | set(made.refused) == set(wanted)
    assert not set(made.candidates) & set(refused)
    assert set(made.known) == set(made.candidates) & set(current)
    assert list(made.candidates) == [name for name in wanted if name in made.candidates]
    assert allowed is None or set(made.candidates) <= set(allowed)


def test_names_are_compared_without_case():
    made = decide.plan(["soc", "Voltage"], ["SoC"], ["SOC", "voltage"], [])
    assert (made.candidates, made.known) == (("soc", "Voltage"), ("soc",))


def test_lists_are_read_as_stations_write_them():
    assert decide.split(" A, B,,C ") == ("A", "B", "C")
    assert decide.split(None) == decide.split("") == ()


@pytest.mark.parametrize(
    ("wanted", "taken", "state"),
    [
        (["A", "B"], ["A", "B"], SamplingState.TAKEN),
        (["A", "B"], ["B"], SamplingState.PARTLY),
        (["A"], [], SamplingState.REFUSED),
    ],
)
def test_how_much_was_taken_is_one_word(wanted: list[str], taken: list[str], state: SamplingState):
    assert decide.state_of(wanted, taken) is state


@pytest.mark.parametrize(
    ("occasion", "measurands", "interval_s"),
    [
        (Occasion.UPDATED, [], None),
        (Occasion.UPDATED, ["A", "A"], None),
        (Occasion.UPDATED, ["A,B"], None),
        (Occasion.UPDATED, ["x" * 65], None),
        (Occasion.STARTED, None, 60),
        (Occasion.UPDATED, None, -1),
        (Occasion.UPDATED, None, 604_801),
    ],
)
def test_what_no_station_could_be_asked_is_refused(
    occasion: Occasion, measurands: list[str] | None, interval_s: int | None
):
    with pytest.raises(InvalidInput):
        decide.check(occasion, measurands, interval_s)
