"""How long stations are told to wait after a boot."""

from datetime import UTC, datetime, timedelta

from ingufu.stations.model import BootAnswer, StationRules
from ingufu.stations.pacing import BootPace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = StationRules(heartbeat_interval_s=300, pending_retry_s=60, interval_jitter=0.1, storm_boots_per_minute=100)


def test_intervals_differ_between_stations_and_not_for_one():
    pace = BootPace(RULES)
    intervals = [pace.interval_s(f"station-{number}", BootAnswer.ACCEPTED, NOW) for number in range(90)]
    assert min(intervals) >= 270
    assert max(intervals) <= 330
    assert len(set(intervals)) > 30
    assert abs(sum(intervals) / len(intervals) - 300) < 10
    again = BootPace(RULES)
    assert again.interval_s("station-7", BootAnswer.ACCEPTED, NOW) == intervals[7]
    assert 54 <= again.interval_s("station-7", BootAnswer.PENDING, NOW) <= 66


def test_intervals_grow_in_a_storm_to_a_bound_and_shrink_after_it():
    pace = BootPace(RULES)
    for number in range(1000):
        pace.interval_s(f"station-{number}", BootAnswer.ACCEPTED, NOW)
    assert pace.stretch == RULES.storm_stretch
    assert 1080 <= pace.interval_s("late", BootAnswer.ACCEPTED, NOW) <= 1320
    assert 216 <= pace.interval_s("late", BootAnswer.REJECTED, NOW) <= 264
    pace.interval_s("calm", BootAnswer.ACCEPTED, NOW + timedelta(seconds=61))
    assert pace.stretch == 1.0


def test_what_is_desired_for_a_station_counts_as_it_is():
    pace = BootPace(RULES)
    assert pace.interval_s("s", BootAnswer.ACCEPTED, NOW, 777) == 777
    assert pace.interval_s("s", BootAnswer.PENDING, NOW, 777) != 777


def test_without_settings_for_it_every_interval_is_the_same():
    pace = BootPace(StationRules())
    assert {pace.interval_s(str(number), BootAnswer.ACCEPTED, NOW) for number in range(5000)} == {300}
