"""EVSE time of days and sites, as if each EVSE were counted by itself."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingufu.reports.days import bounds
from ingufu.views.report_capacity import Capacity

FIRST = date(2026, 10, 20)  # summer time ends in Berlin on the 25th
NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)
ZONES = {"a": "Africa/Kigali", "b": "Europe/Berlin", "": "UTC"}
DAYS = st.integers(0, 20).map(lambda number: FIRST + timedelta(days=number))


@given(
    known=st.dictionaries(st.tuples(st.sampled_from(sorted(ZONES)), DAYS), st.integers(1, 9), max_size=12),
    ends=st.tuples(DAYS, DAYS).map(sorted),
    site=st.sampled_from([None, *ZONES, "elsewhere"]),
)
def test_time_is_that_of_each_evse_since_it_counts_until_now(
    known: dict[tuple[str, date], int], ends: list[date], site: str | None
) -> None:
    first, last = ends
    capacity = Capacity(
        [
            {"site_id": place, "time_zone": ZONES[place], "since": since.isoformat(), "number": number}
            for (place, since), number in known.items()
        ],
        NOW,
    )
    counted = 0.0
    for (place, since), number in known.items():
        if site in (None, place) and since <= last:
            begins_at, ends_at = bounds(max(first, since), ZONES[place])[0], min(bounds(last, ZONES[place])[1], NOW)
            counted += number * max(0.0, (ends_at - begins_at).total_seconds())
    assert capacity.seconds(first, last, site) == round(counted)
    if site is not None:
        assert capacity.evses(site, last) == sum(
            n for (place, since), n in known.items() if place == site and since <= last
        )


def test_day_on_which_the_clock_is_set_back_has_25_hours() -> None:
    row = {"site_id": "b", "time_zone": "Europe/Berlin", "since": "2026-01-01", "number": 2}
    day = date(2026, 10, 25)
    assert Capacity([row], NOW).seconds(day, day) == 2 * 25 * 3600
