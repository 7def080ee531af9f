"""Which desired value counts, and where it stands."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from ingufu.configuration import desired
from ingufu.configuration.decide import Surroundings
from ingufu.configuration.model import (
    Mutability,
    OwnerKind,
    Reach,
    Template,
    Variable,
    Wanted,
    Wish,
    WishState,
)
from ingufu.core.variables import parse
from ingufu.stations.model import Station

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME = parse("SampledDataCtrlr.TxUpdatedInterval")
STATION = Station(
    id="s", identity="CS", created_at=NOW, site_id="site", vendor="ABB", model="Terra AC", firmware_version="1.8.32",
    ocpp_version="2.0.1", last_boot_at=NOW,
)  # fmt: skip
ORDER: tuple[dict[str, Any], ...] = (  # from the one that counts least
    {"reach": Reach.EVERYONE},
    {"version": "2.0.1"},
    {"vendor": "ABB"},
    {"model": "terra*"},
    {"firmware": "1.8.*"},
    {"site_id": "site"},
    {"reach": Reach.CHOSEN},
)


def template(name: str, **fields: Any) -> Template:
    plain: dict[str, Any] = {"reach": Reach.MATCHING, "created_at": NOW, "changed_at": NOW, "id": name, "name": name}
    return Template(**plain | fields)


def wish(owner: str, value: str, kind: OwnerKind = OwnerKind.TEMPLATE) -> Wish:
    return Wish(owner_kind=kind, owner_id=owner, key=NAME.key, name=NAME, value=value, changed_at=NOW)


def counts(templates: list[Template], wishes: list[Wish], chosen: frozenset[str] = frozenset()) -> str | None:
    found = desired.counting(STATION, templates, chosen, wishes)
    return found[NAME.key][0].value if found else None


def test_the_more_particular_wish_counts():
    templates = [template(str(number), **fields) for number, fields in enumerate(ORDER)]
    wishes = [wish(one.id, one.id) for one in templates]
    for low, high in pairwise(range(len(ORDER))):
        pair = [templates[high], templates[low]]
        assert counts(pair, wishes, frozenset({"6"})) == str(high)
    own = wish("s", "own", OwnerKind.STATION)
    assert counts(templates, [*wishes, own], frozenset({"6"})) == "own"
    assert counts(templates, [wish("other", "x", OwnerKind.STATION)]) is None


def test_of_equals_the_higher_priority_counts_and_then_the_newer():
    older = template("a", vendor="ABB", changed_at=NOW - timedelta(days=1))
    newer = template("b", vendor="abb")
    wishes = [wish("a", "a"), wish("b", "b")]
    assert counts([older, newer], wishes) == "b"
    assert counts([msgspec.structs.replace(older, priority=1), newer], wishes) == "a"
    found = desired.counting(STATION, [older, newer], frozenset(), wishes)
    assert found[NAME.key][2] == "A template for its vendor, before 'a' of a."


@pytest.mark.parametrize(
    ("fields", "is_for"),
    [
        ({"vendor": "a*b"}, True),
        ({"vendor": "ABB Inc"}, False),
        ({"vendor": "ABB", "model": "Other"}, False),
        ({"vendor": "*", "firmware": "1.8.32"}, True),
        ({"firmware": "1.8"}, False),
        ({"model": "terra.ac"}, False),  # a point is a point
        ({"version": "1.6"}, False),
        ({"site_id": "elsewhere"}, False),
        ({}, False),  # what names nothing is for nobody
        ({"is_active": False, "vendor": "ABB"}, False),
        ({"reach": Reach.CHOSEN}, False),
    ],
)
def test_a_template_is_for_the_stations_it_names(fields: dict[str, Any], is_for: bool):
    assert desired.applies(template("t", **fields), STATION, is_chosen=False) is is_for


def wanted(value: str = "60", **fields: Any) -> Wanted:
    plain: dict[str, Any] = {
        "station_id": "s", "key": NAME.key, "name": NAME, "value": value, "mark": "m", "source_kind": OwnerKind.STATION,
        "source_id": "s", "source_name": "", "why": "", "changed_at": NOW,
    }  # fmt: skip
    return Wanted(**plain | fields)


def told(value: str | None, **fields: Any) -> Variable:
    return Variable(station_id="s", key=NAME.key, name=NAME, value=value, told_at=NOW, changed_at=NOW, **fields)


@pytest.mark.parametrize(
    ("one", "known", "state"),
    [
        (wanted(), None, WishState.WAITING),
        (wanted(), told("60"), WishState.IN_STEP),
        (wanted(), told("60.0"), WishState.IN_STEP),
        (wanted(), told("30"), WishState.DIFFERENT),
        (wanted(status="Rejected"), told("30"), WishState.REFUSED),
        (wanted(status="Rejected"), told("60"), WishState.IN_STEP),  # somebody else set it
        (wanted(status="UnknownVariable"), None, WishState.NOT_KNOWN),
        (wanted(status="NotSupported"), None, WishState.NOT_KNOWN),
        (wanted(status="RebootRequired", asked_at=NOW + timedelta(1)), told("30"), WishState.NEEDS_REBOOT),
        (wanted(status="RebootRequired", asked_at=NOW - timedelta(1), tries=1), told("30"), WishState.DIFFERENT),
        (wanted(status="Accepted", tries=1), told("30"), WishState.DIFFERENT),
        (wanted(status="Accepted", tries=3), told("30"), WishState.REFUSED),
        (wanted("-1"), told("30"), WishState.NOT_FITTING),
        (wanted(), told("30", mutability=Mutability.READ_ONLY), WishState.NOT_FITTING),
        (wanted(name=parse("ConfigurationKey.X"), value="1"), None, WishState.NOT_FITTING),
        (wanted(is_secret=True, value=None), None, WishState.WAITING),
        (wanted(is_secret=True, value=None, status="Accepted"), None, WishState.IN_STEP),
        (wanted(is_secret=True, value=None, status="Rejected"), None, WishState.REFUSED),
        (wanted(is_secret=True, value=None, status="RebootRequired", asked_at=NOW + timedelta(1)), None, WishState.NEEDS_REBOOT),
        (wanted(is_secret=True, value=None, status="RebootRequired", asked_at=NOW - timedelta(1)), None, WishState.IN_STEP),
    ],
)  # fmt: skip
def test_where_a_wish_stands_follows_from_what_was_told_and_answered(
    one: Wanted, known: Variable | None, state: WishState
):
    assert desired.judge(one, known, STATION, Surroundings()).state is state


def test_a_wish_that_is_met_begins_anew_when_it_is_lost():
    tired = wanted(status="Accepted", tries=2, next_at=NOW + timedelta(days=1))
    met = desired.judge(tired, told("60"), STATION, Surroundings())
    assert (met.state, met.tries, met.next_at) == (WishState.IN_STEP, 0, None)
    lost = desired.judge(met, told("30"), STATION, Surroundings())
    assert lost.state is WishState.DIFFERENT
    assert desired.is_due(lost, NOW)
    assert not desired.is_due(met, NOW)


def test_new_firmware_or_another_value_is_a_new_question():
    same, other = wish("s", "60"), wish("s", "61")
    updated = msgspec.structs.replace(STATION, firmware_version="2.0")
    assert desired.mark(same, STATION) == desired.mark(wish("s", "60"), STATION)
    assert len({desired.mark(same, STATION), desired.mark(other, STATION), desired.mark(same, updated)}) == 3


def test_retries_come_later_each_time_and_never_cease():
    waits = [(desired.retry_at(tries, NOW) - NOW).total_seconds() for tries in range(30)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (60.0, desired.LONGEST_RETRY_S)
