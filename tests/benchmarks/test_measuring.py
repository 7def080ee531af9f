"""Each part of the bench runs, on real servers, and what it says is possible."""

import asyncio
import subprocess
import sys
from pathlib import Path

import picows
import pytest
from bench import fleets, pages, postgresql, processes, profiling, serving, speed
from bench.plan import Plan
from bench.processes import Target
from bench.speed import Row, Size

from postgresql import require_binaries

BENCH = Path(__file__).parents[2] / "tools" / "bench"
ONE_MIX = Size(
    seconds=0.5, mixes=("meter-values",), saturating=(3,), rates=(40.0,), at_a_rate=4, settle_s=0.0, rest_s=0.0
)
SMALL = Size(seconds=0.5, saturating=(3,), rates=(40.0,), plain_rates=(20.0,), at_a_rate=4, settle_s=0.0, rest_s=0.0)


def plan_of(target: Target, stations: int, **figures: float) -> Plan:
    return Plan(port=target.port, mix="meter-values", stations=stations, password=target.password, **figures)


def check(rows: list[Row]) -> None:
    """On a crowded machine, half a second may pass without an answer: only some of all must have come in time."""
    for row in rows:
        result = row.result
        assert result.errors == 0, row
        assert (result.connected.stations, result.connected.failures) == (row.stations, 0), row
        assert 0 <= result.p50_ms <= result.p99_ms <= result.longest_ms, row
        assert result.due > 0 or not row.rate_per_s, row
    assert sum(row.result.calls for row in rows) > 0


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


def test_the_real_server_is_measured_sampled_weighed_and_killed() -> None:
    with serving.prepared(SMALL.known) as folder:
        orders = Path(folder) / "sampling"
        with serving.serving(folder, samples=str(orders)) as target:
            orders.touch()
            runner = speed.Runner(target, SMALL)
            rows = runner.saturate() + runner.hold(SMALL.rates)
            orders.unlink()
            profile = profiling.summarise(profiling.written(orders.with_suffix(".json")), "all")
            memory = fleets.weigh(target, SMALL.known, settle_s=0.2)
            with processes.connected(plan_of(target, SMALL.known)):
                serving.kill(target)
        back = fleets.come_back(folder, SMALL.known, *fleets.CASES[0])
    check(rows)
    assert {row.mix for row in rows} == set(speed.MIXES)
    assert sum(share for _, share in profile.parts) == pytest.approx(1.0)
    assert "rules of charging" in dict(profile.parts)
    assert (memory.stations, memory.kb_booted >= 0) == (SMALL.known, True)
    assert (back.stations, back.failures) == (SMALL.known, 0)
    assert back.booted_s is not None
    assert 0 < back.connected_s <= back.booted_s


def test_the_real_server_on_postgresql_is_measured_with_the_database_apart() -> None:
    with postgresql.postgresql(require_binaries()) as database:
        saturated, at_rates = speed.measure_on_postgresql(ONE_MIX, database)
    check(saturated + at_rates)
    assert sum(row.result.database_cpu_s for row in saturated + at_rates) > 0


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


class Mute(picows.WSListener):
    """Answers what a station says before all else, and nothing after that."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        text = frame.get_payload_as_bytes()
        if b"Notification" in text[:40]:
            transport.send(picows.WSMsgType.TEXT, b"[3," + text[3 : text.index(b",", 3)] + b",{}]")


async def test_calls_that_are_never_answered_count_with_the_time_they_were_waited_for() -> None:
    server = await picows.ws_create_server(lambda request: Mute(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        plan = Plan(port=port, mix="meter-values", stations=4, seconds=1.0, rate_per_s=40.0)
        result = await asyncio.to_thread(processes.measure, plan)
    assert (result.calls, result.connected.stations) == (0, 4)
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
