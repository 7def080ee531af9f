"""The server under simulated time: crashes that lose what was not durable, broken lines, wrong clocks, failing storage.

Any number more: `make simulate SEEDS=n`; one of them with all that happens in it: `make simulate SEED=n`.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from functools import cache
from pathlib import Path

import msgspec
import pytest

from simulation import command, faults, seeds
from simulation.happenings import HAPPENINGS
from simulation.tally import Outcome

PORTION = 20
PORTIONS = 10
ROOT = Path(__file__).parents[2]
FOUND_WITHIN = 200  # seeds; the rarest shows in every fiftieth


@cache
def outcomes(portion: int) -> list[Outcome]:
    return command.run_portion(range(portion * PORTION, (portion + 1) * PORTION))


@pytest.mark.xdist_group("seeds")
@pytest.mark.parametrize("portion", range(PORTIONS))
def test_all_is_right_after_everything_went_wrong(portion):
    for outcome in outcomes(portion):
        assert not outcome.wrongs, told(outcome)


@pytest.mark.xdist_group("seeds")
@pytest.mark.timeout(900)  # alone and on a busy machine it has to run all of them
def test_everything_that_is_meant_to_happen_happens():
    happened: Counter[str] = Counter()
    for portion in range(PORTIONS):
        for outcome in outcomes(portion):
            happened.update(outcome.counts)
    assert {name for name in HAPPENINGS if not happened[name]} == set()
    assert happened.keys() <= HAPPENINGS


@pytest.mark.parametrize("seed", [3, 11])
def test_one_seed_is_the_same_each_time(seed):
    assert seeds.run(seed, traces=True) == seeds.run(seed, traces=True)


def test_one_seed_is_the_same_in_each_process():
    """The order of sets of texts differs from process to process, and must not matter."""
    code = "from simulation import seeds; print([seeds.run(seed, traces=True).digest for seed in range(3)])"
    here = [seeds.run(seed, traces=True).digest for seed in range(3)]
    assert run_python(code, hash_seed="1").strip() == str(here)


def test_seeds_differ():
    reports = [seeds.run(seed, traces=True) for seed in range(6)]
    assert len({report.digest for report in reports}) == 6
    assert any(report.crashes for report in reports)


@pytest.mark.parametrize("name", faults.PLANTED)
def test_planted_fault_is_found(name):
    for seed in range(FOUND_WITHIN):
        with faults.PLANTED[name]():
            (outcome,) = command.run_portion([seed])
        if outcome.wrongs:
            break
    else:
        pytest.fail(f"{FOUND_WITHIN} seeds did not find it.")
    assert seeds.run(seed).is_right  # without the fault


def test_failing_seed_is_told_and_can_be_replayed(capsys):
    with faults.displaced_connection_heard():
        assert command.main(["--seeds", "10"]) == 1
        seed = capsys.readouterr().out.partition("Replay it with: make simulate SEED=")[2].partition("\n")[0]
        assert command.main(["--seed", seed]) == 1
        first = capsys.readouterr().out
        assert command.main(["--seed", seed]) == 1
        assert capsys.readouterr().out == first
    assert "WRONG" in first


def test_command_runs_seeds(capsys):
    assert command.main(["--seeds", "3", "--first", "5"]) == 0
    assert "All right, from seed 5 on." in capsys.readouterr().out


def test_processes_share_the_seeds_and_the_tally_is_kept(tmp_path, capsys):
    tally = tmp_path / "tally.json"
    assert command.main(["--seeds", "4", "--processes", "2", "--tally", str(tally)]) == 0
    assert "All right, from seed 0 on." in capsys.readouterr().out
    kept = msgspec.json.decode(tally.read_bytes())
    alone = [seeds.run(seed) for seed in range(4)]
    assert (kept["seeds"], kept["failed"], kept["is_over"]) == (4, {}, True)
    assert kept["crashes"] == sum(report.crashes for report in alone)
    assert kept["messages_acknowledged"] == sum(report.messages for report in alone)
    assert kept["happened"]["the server crashed"]["times"] == kept["crashes"]


def test_interrupt_ends_a_run_with_its_sum(tmp_path, capsys):
    tally = tmp_path / "tally.json"
    interrupt = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    interrupt.start()
    assert command.main(["--seeds", "1000000", "--tally", str(tally)]) == 0
    interrupt.join()
    told = capsys.readouterr().out
    kept = msgspec.json.decode(tally.read_bytes())
    assert 0 < kept["seeds"] < 1_000_000
    assert f"{kept['seeds']} seeds in" in told


def run_python(code: str, hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def told(outcome: Outcome) -> str:
    """Return what was wrong with a seed and what happened before, for whoever reads the failure."""
    return "\n".join((f"Seed {outcome.seed}:", *outcome.wrongs, "", *outcome.trace))
