"""Each part of the bench runs, on real servers, and what it says is possible."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench import fleets, pages, postgresql, processes, profiling, serving, speed
from bench.plan import Plan
from bench.speed import Row, Size

from postgresql import require_binaries

BENCH = Path(__file__).parents[2] / "tools" / "bench"
SMALL = Size(seconds=0.5, saturating=(3,), rates=(40.0,), plain_rates=(20.0,), at_a_rate=4)


def check(rows: list[Row]) -> None:
    for row in rows:
        result = row.result
        assert result.errors == 0, row
        assert result.connected.failures == 0, row
        assert 0 < result.p50_ms <= result.p99_ms <= result.longest_ms, row
        assert result.due > 0, row
        if not row.rate_per_s:
            assert result.calls > 0, row


def test_the_floor_answers_at_once_and_at_a_rate() -> None:
    saturated, at_rates = speed.measure_floor(SMALL), speed.measure_floor_rates(SMALL)
    check(saturated + at_rates)
    assert [row.rate_per_s for row in saturated + at_rates] == [0.0, 40.0]
    assert at_rates[0].result.due == pytest.approx(20, abs=2), "as many fall due as the rate says, whatever happens"


def test_the_plain_servers_answer_every_mix() -> None:
    saturated, at_rates = speed.measure_plain(SMALL)
    check(saturated + at_rates)
    assert {row.server for row in saturated} == {"plain, ORM", "plain, SQL by hand"}
    assert {row.mix for row in saturated} == set(speed.MIXES)


def test_the_real_server_answers_every_mix_and_is_sampled_meanwhile() -> None:
    with serving.prepared(SMALL.known) as folder:
        orders = Path(folder) / "sampling"
        with serving.serving(folder, samples=str(orders)) as target:
            orders.touch()
            runner = speed.Runner(target, SMALL)
            rows = runner.saturate() + runner.hold(SMALL.rates)
            orders.unlink()
            profile = profiling.summarise(profiling.written(orders.with_suffix(".json")), 1.0)
    check(rows)
    assert {row.mix for row in rows} == set(speed.MIXES)
    assert sum(share for _, share in profile.parts) == pytest.approx(1.0)
    assert "rules of charging" in dict(profile.parts)


def test_the_real_server_on_postgresql_is_measured_with_the_database_apart() -> None:
    with postgresql.postgresql(require_binaries()) as database:
        saturated, at_rates = speed.measure_on_postgresql(SMALL, database)
    check(saturated + at_rates)
    assert sum(row.result.database_cpu_s for row in saturated + at_rates) > 0


def test_idle_stations_take_memory() -> None:
    memory = fleets.measure_memory(40, settle_s=0.2)
    assert memory.stations == 40
    assert memory.start_mb > 20
    assert 0 <= memory.kb_connected <= memory.kb_booted


def test_a_fleet_comes_back_after_the_server_was_killed() -> None:
    (back,) = fleets.measure_returns(20, fleets.CASES[:1])
    assert (back.stations, back.failures) == (20, 0)
    assert back.booted_s is not None
    assert 0 < back.connected_s <= back.booted_s


def test_stations_talk_beside_pages() -> None:
    past = pages.Past(demo_stations=3, days=1, stations=30, transactions=50, bench_stations=10)
    found = pages.measure(0.5, rate=20.0, past=past, people=2, settle_s=1.0)
    assert found.stations >= 30
    assert found.transactions >= 50
    assert [case.people is None for case in found.cases] == [True, False, True, False]
    for case in found.cases:
        assert case.stations.errors == 0, case
        assert case.stations.due > 0, case
        if case.people is not None:
            assert case.people.requests > 0, case
            assert case.people.failures == 0, case


def test_calls_that_are_never_answered_count_with_the_time_they_were_waited_for() -> None:
    with processes.started("floor", "floor.py") as target:
        plan = Plan(
            port=target.port, mix="meter-values", stations=4, seconds=1.0, rate_per_s=40.0, server_pid=target.pid
        )
        load = processes.start_load(plan)
        time.sleep(
            1.0
        )  # the stations come within it, or soon after: either way calls fall due in the time that follows
        with processes.paused(target):
            result = processes.finish_load(load, plan)
    assert result.due == pytest.approx(40, abs=2)
    assert result.longest_ms > 1500


def test_a_part_that_does_not_exist_is_refused() -> None:
    done = subprocess.run([sys.executable, BENCH, "--part", "moon"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "invalid choice" in done.stderr


def test_tables_of_one_part_do_not_replace_all() -> None:
    done = subprocess.run(
        [sys.executable, BENCH, "--part", "speed", "--write"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--write wants all parts" in done.stderr
