"""Charging profiles as a simulated station follows them."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingufu.simulator.limits import Charging, ProfileStore, parsed

NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
DC = Charging(evse=1, is_dc=True, phases=0, max_power_w=50_000, transaction="T", started_at=NOON)


def profile(
    number, *periods, purpose="TxDefaultProfile", stack=0, kind="Absolute", evse=1, start="2025-06-01T12:00:00Z", **more
):
    schedule = {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": at, "limit": limit} for at, limit in periods],
        **{name: more.pop(name) for name in ("duration",) if name in more},
    }
    if start is not None:
        schedule["startSchedule"] = start
    wire = {
        "id": number, "stackLevel": stack, "chargingProfilePurpose": purpose, "chargingProfileKind": kind,
        "chargingSchedule": [schedule], **more,
    }  # fmt: skip
    found = parsed(wire, evse, NOON)
    assert found is not None
    return found


def store(*profiles):
    kept = ProfileStore()
    for one in profiles:
        kept.install(one)
    return kept


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def test_nothing_installed_leaves_the_full_power():
    assert store().limit_w(DC, NOON) == 50_000


def test_the_higher_level_wins_within_a_purpose_and_the_lower_limit_across():
    kept = store(profile(1, (0, 30_000)), profile(2, (0, 40_000), stack=3))
    assert kept.limit_w(DC, NOON) == 40_000
    kept.install(profile(3, (0, 20_000), purpose="ChargingStationMaxProfile", evse=0))
    assert kept.limit_w(DC, NOON) == 20_000


def test_a_tx_profile_overrides_the_default_even_upwards():
    kept = store(profile(1, (0, 10_000)), profile(2, (0, 25_000), purpose="TxProfile", transactionId="T"))
    assert kept.limit_w(DC, NOON) == 25_000
    kept.transaction_ended("T", 1)
    assert kept.limit_w(DC, NOON) == 10_000


def test_relative_counts_from_the_start_and_duration_ends_it():
    kept = store(profile(1, (0, 30_000), (600, 15_000), kind="Relative", start=None, duration=900))
    assert [kept.limit_w(DC, at(s)) for s in (0, 599, 600, 899, 900)] == [30_000, 30_000, 15_000, 15_000, 50_000]


def test_recurring_comes_again_every_day():
    kept = store(profile(1, (0, 30_000), (3600, 5_000), kind="Recurring", recurrencyKind="Daily", duration=7200))
    for day in (0, 86_400, 5 * 86_400):
        assert [kept.limit_w(DC, at(day + s)) for s in (0, 3600, 7200)] == [30_000, 5_000, 50_000]
    assert kept.limit_w(DC, at(-1)) == 50_000


def test_validity_bounds_the_whole_profile():
    kept = store(profile(1, (0, 1_000), validFrom="2025-06-01T13:00:00Z", validTo="2025-06-01T14:00:00Z"))
    assert [kept.limit_w(DC, at(s)) for s in (0, 3600, 7199, 7200)] == [50_000, 1_000, 1_000, 50_000]


def test_what_cannot_be_followed_is_refused():
    wire = profile(1, (0, 1)).wire
    schedule = wire["chargingSchedule"][0]
    later = wire | {"chargingSchedule": [schedule | {"chargingSchedulePeriod": [{"startPeriod": 60, "limit": 1}]}]}
    assert parsed(later, 1, NOON) is None
    assert parsed(wire | {"chargingSchedule": []}, 1, NOON) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 40_000), st.integers(1, 4000), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 7000),
)
@settings(max_examples=80, deadline=None)
def test_a_composite_schedule_says_what_holds_at_each_second(rows, second):
    kept = store(
        *(
            profile(
                number, (0, limit), (length, limit // 2), stack=stack, duration=length * 2,
                purpose="ChargingStationMaxProfile" if is_max else "TxDefaultProfile", evse=0 if is_max else 1,
            )
            for number, (stack, limit, length, is_max) in enumerate(rows)
        )
    )  # fmt: skip
    periods = kept.composite(DC, NOON, 7200, "W")
    assert periods[0].start_s == 0
    said = [period for period in periods if period.start_s <= second][-1]
    assert said.limit == kept.limit_w(DC, at(second))


def test_the_stations_own_limit_is_shared():
    kept = store(profile(1, (0, 30_000), purpose="ChargingStationMaxProfile", evse=0))
    shared = Charging(evse=1, is_dc=True, phases=0, max_power_w=50_000, sharing=2)
    assert kept.limit_w(shared, NOON) == 15_000
