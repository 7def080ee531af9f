"""Where and when a limited token may start, and what its station may remember of it."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from ingufu.authorization import decide, restrictions
from ingufu.authorization.model import (
    EvseRef,
    Hours,
    Occasion,
    Place,
    PresentedToken,
    StartedBy,
    Token,
    TokenFacts,
    TokenLimits,
    VerdictReason,
    VerdictStatus,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
HERE = Place(
    station_id="S",
    site_id="SITE",
    zone="Africa/Kigali",
    evses=((1, frozenset({"cCCS2"})), (2, frozenset({"cType2"})), (3, frozenset())),
)
OK = VerdictReason.KNOWN_TOKEN


def token(**details: Any) -> Token:
    limits = {name: details.pop(name) for name in TokenLimits.__struct_fields__ if name in details}
    given = TokenLimits(**limits) if limits else None
    return Token(id="t", organisation_id="o", value="CARD", kind="ISO14443", limits=given, created_at=NOON, **details)


@pytest.mark.parametrize(
    ("limits", "evse", "expected"),
    [
        ({}, None, (OK, ())),
        ({"sites": ("SITE",)}, None, (OK, ())),
        ({"sites": ("OTHER",)}, None, (VerdictReason.NOT_AT_THIS_PLACE, ())),
        ({"stations": ("S",)}, 2, (OK, ())),
        ({"stations": ("OTHER",), "sites": ("SITE",)}, 2, (OK, ())),
        ({"evses": (EvseRef(station_id="S", evse=2),)}, None, (OK, (2,))),
        ({"evses": (EvseRef(station_id="S", evse=2),)}, 2, (OK, (2,))),
        ({"evses": (EvseRef(station_id="S", evse=2),)}, 1, (VerdictReason.NOT_AT_THIS_EVSE, (2,))),
        ({"evses": (EvseRef(station_id="X", evse=2),)}, None, (VerdictReason.NOT_AT_THIS_PLACE, ())),
        ({"plugs": ("cCCS2",)}, None, (OK, (1, 3))),  # of EVSE 3 no plug is known
        ({"plugs": ("cCCS2",)}, 2, (VerdictReason.WRONG_PLUG, ())),
        ({"plugs": ("cCCS2", "cType2")}, None, (OK, ())),
        ({"plugs": ("cCCS2",), "evses": (EvseRef(station_id="S", evse=2),)}, None, (VerdictReason.WRONG_PLUG, ())),
        ({"plugs": ("cCCS2",), "evses": (EvseRef(station_id="S", evse=1),)}, None, (OK, (1,))),
    ],
)
def test_places_and_plugs(limits: dict[str, Any], evse: int | None, expected: Any):
    assert restrictions.judge(token(**limits), HERE, evse, NOON) == expected


def test_a_token_with_places_is_refused_where_nothing_is_known_of_the_place():
    reason, _ = restrictions.judge(token(sites=("SITE",)), None, None, NOON)
    assert reason is VerdictReason.NOT_AT_THIS_PLACE


def test_a_plug_that_no_evse_has_is_refused():
    place = Place(station_id="S", evses=((1, frozenset({"cCCS2"})),))
    assert restrictions.judge(token(plugs=("cG105",)), place, None, NOON)[0] is VerdictReason.WRONG_PLUG


@pytest.mark.parametrize(
    ("hours", "at", "end"),
    [
        (Hours(start=time(8), end=time(18)), NOON, datetime(2026, 3, 2, 16, tzinfo=UTC)),  # Kigali is two hours ahead
        (Hours(start=time(8), end=time(13)), NOON, None),
        (Hours(start=time(14), end=time(14)), NOON, datetime(2026, 3, 3, 12, tzinfo=UTC)),  # a whole day
        (Hours(days=(7,), start=time(22), end=time(15)), NOON, datetime(2026, 3, 2, 13, tzinfo=UTC)),  # since Sunday
        (Hours(days=(1,), start=time(22), end=time(15)), NOON, None),
        (Hours(days=(2,), start=time(8), end=time(18)), NOON, None),
    ],
)
def test_hours_are_in_the_time_of_the_site(hours: Hours, at: datetime, end: datetime | None):
    limited = token(hours=(hours,))
    assert restrictions.hours_end(limited, HERE, at) == end
    reason, _ = restrictions.judge(limited, HERE, None, at)
    assert reason is (OK if end else VerdictReason.OUTSIDE_HOURS)


def test_hours_of_a_night_with_a_change_of_clocks_end_as_the_clock_on_the_wall_says():
    berlin = Place(station_id="S", zone="Europe/Berlin")
    limited = token(hours=(Hours(start=time(22), end=time(6)),))
    before = datetime(2026, 3, 28, 22, tzinfo=UTC)  # 23:00, the night in which an hour is left out
    assert restrictions.hours_end(limited, berlin, before) == datetime(2026, 3, 29, 4, tzinfo=UTC)


def verdict(known: Token, *, evse: int | None = None, occasion: Occasion = Occasion.AUTHORIZE, **more: Any) -> Any:
    question = decide.Question(
        token=PresentedToken(value="CARD"), occasion=occasion, at=NOON, place=HERE, evse=evse, **more
    )
    return decide.decide(question, TokenFacts(token=known))


def test_statuses_are_those_of_the_standard_and_not_to_be_remembered():
    for known, status in (
        (token(sites=("OTHER",)), VerdictStatus.NOT_AT_THIS_LOCATION),
        (token(plugs=("cG105",), evses=(EvseRef(station_id="S", evse=1),)), VerdictStatus.NOT_ALLOWED_TYPE_EVSE),
        (token(hours=(Hours(start=time(1), end=time(2)),)), VerdictStatus.NOT_AT_THIS_TIME),
        (token(has_credit=False), VerdictStatus.NO_CREDIT),
    ):
        told = verdict(known)
        assert (told.status, told.expires_at) == (status, NOON)


def test_who_has_started_stops_wherever_and_whenever():
    told = verdict(
        token(sites=("OTHER",), hours=(Hours(start=time(1), end=time(2)),)),
        occasion=Occasion.STOP,
        started_by=StartedBy(token_id="t"),
    )
    assert told.is_accepted


def test_an_acceptance_is_remembered_no_longer_than_everything_holds():
    soon, later = NOON + timedelta(hours=1), NOON + timedelta(hours=9)
    hours = (Hours(start=time(8), end=time(18)),)
    for known, cache, end in (
        (token(), None, None),
        (token(expires_at=later), None, later),
        (token(expires_at=later), soon, soon),
        (token(expires_at=later, hours=hours), None, datetime(2026, 3, 2, 16, tzinfo=UTC)),
        (token(expires_at=soon, hours=hours), later, soon),
    ):
        assert verdict(known, cache_until=cache).expires_at == end


def test_what_the_station_is_told_beside_the_status():
    told = verdict(
        token(charging_priority=5, language="fr", second_language="rw", message="Bonjour"), evse=1, allows_free=False
    )
    assert (told.priority, told.language, told.second_language, told.message) == (5, "fr", "rw", "Bonjour")


@pytest.mark.parametrize("allows", [True, False])
def test_charging_without_a_token_is_accepted_where_it_is_allowed(allows: bool):
    question = decide.Question(
        token=PresentedToken(value="", kind="noauthorization"), occasion=Occasion.START, at=NOON, allows_free=allows
    )
    told = decide.decide(question, None)
    assert told.is_accepted is allows
    if not allows:
        assert told.reason is VerdictReason.FREE_CHARGING_NOT_ALLOWED
