"""The server under simulated time: crashes that lose what was not durable, broken lines, wrong clocks, failing storage.

Any number more: `make simulate SEEDS=n`; one of them with all that happens in it: `make simulate SEED=n`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation import command, faults, seeds

PORTION = 20
PORTIONS = 12
ROOT = Path(__file__).parents[2]
FOUND_WITHIN = 60  # seeds

# Of each planted fault: from which seed on it is looked for, and a part of what is then found wrong.
PLANTED = {
    "reply_before_commit": (0, "seq_count"),
    "half_of_a_unit": (0, "was announced"),
    "readings_counted_twice": (0, "2 times the readings"),
    "starts_counted_twice": (0, "never had the transaction"),
    "queued_frame_lost": (20, "had no answer"),
    "waiting_unit_lost": (0, ""),
    "acknowledged_although_not_written": (40, ""),
    "late_goodbye_counts": (0, "connections are known"),
    "late_goodbye_is_stored": (0, ""),
    "sleepless_task": (20, ""),
}


@pytest.mark.parametrize("portion", range(PORTIONS))
def test_all_is_right_after_everything_went_wrong(portion):
    for seed in range(portion * PORTION, (portion + 1) * PORTION):
        report = seeds.run(seed)
        assert not report.wrongs, told(report)


@pytest.mark.parametrize("seed", [3, 11])
def test_one_seed_is_the_same_each_time(seed):
    assert seeds.run(seed, traces=True) == seeds.run(seed, traces=True)


def test_one_seed_is_the_same_in_each_process():
    """The order of sets of texts differs from process to process, and must not matter."""
    code = "from simulation import seeds; print([seeds.run(seed, traces=True).digest for seed in range(4)])"
    digests = {run_python(code, hash_seed) for hash_seed in ("1", "2")}
    assert len(digests) == 1


def test_seeds_differ():
    reports = [seeds.run(seed, traces=True) for seed in range(6)]
    assert len({report.digest for report in reports}) == 6
    assert any(report.crashes for report in reports)


@pytest.mark.parametrize("name", faults.PLANTED)
def test_planted_fault_is_found(name):
    first, words = PLANTED[name]
    with faults.PLANTED[name]():
        for seed in range(first, first + FOUND_WITHIN):
            if any(words in wrong for wrong in seeds.run(seed).wrongs):
                break
        else:
            pytest.fail(f"{FOUND_WITHIN} seeds did not find it.")
    assert seeds.run(seed).is_right  # without the fault


def test_failing_seed_is_told_and_can_be_replayed(capsys):
    with faults.late_goodbye_counts():
        assert command.main(["--seeds", "1"]) == 1
        assert "Replay it with: make simulate SEED=0" in capsys.readouterr().out
        assert command.main(["--seed", "0"]) == 1
        first = capsys.readouterr().out
        assert command.main(["--seed", "0"]) == 1
        assert capsys.readouterr().out == first
    assert "WRONG" in first


def test_command_runs_seeds(capsys):
    assert command.main(["--seeds", "3", "--first", "5"]) == 0
    assert "All right, from seed 5 on." in capsys.readouterr().out


def run_python(code: str, hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def told(report: seeds.Report) -> str:
    """Return what was wrong with a seed and what happened before, for whoever reads the failure."""
    return "\n".join((f"Seed {report.seed}:", *report.wrongs, "", *report.trace[-80:]))
