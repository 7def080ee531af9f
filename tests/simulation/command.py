"""`make simulate`: runs any number of seeds, or one of them with all that happens in it."""

import argparse
import gc
import sys
import time
from collections.abc import Sequence

from simulation import seeds
from simulation.seeds import Report

COLLECT_EVERY = 200  # seeds: garbage is mostly one seed's own, and looking for it costs more than to run the seed
TELL_EVERY_S = 20.0
SHOWN_LINES = 60
YEAR_S = 365 * 86_400.0


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 if a seed failed."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one and tell everything that happens")
    parser.add_argument("--seeds", type=int, default=1000, help="how many to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _replay(options.seed)
    return _run(options.first, options.seeds, options.seconds)


def _replay(seed: int) -> int:
    report = seeds.run(seed, traces=True)
    _say("\n".join(report.trace))
    _say(f"Seed {seed}, trace {report.digest}: {_verdict(report)}")
    return 0 if report.is_right else 1


def _run(first: int, count: int, seconds: float) -> int:
    began_s = told_s = time.monotonic()
    failed: list[int] = []
    totals = _Totals()
    for seed in range(first, first + count):
        report = _run_one(seed, collects=seed % COLLECT_EVERY == 0)
        totals.add(report)
        if not report.is_right:
            failed.append(seed)
            _tell_failure(report, is_first=len(failed) == 1)
        now_s = time.monotonic()
        if now_s - told_s > TELL_EVERY_S:
            told_s = now_s
            _say(totals.text(now_s - began_s))
        if now_s - began_s > seconds:
            break
    _say(totals.text(time.monotonic() - began_s))
    _say(f"{len(failed)} failed: {failed[:20]}" if failed else f"All right, from seed {first} on.")
    return 1 if failed else 0


def _run_one(seed: int, *, collects: bool) -> Report:
    """Run a seed without looking for garbage, unless it is its turn."""
    gc.disable()
    try:
        return seeds.run(seed)
    finally:
        gc.enable()
        if collects:
            gc.collect()


class _Totals:
    """What was run so far."""

    def __init__(self) -> None:
        self.seeds = self.crashes = self.messages = 0
        self.lasted_s = 0.0

    def add(self, report: Report) -> None:
        self.seeds += 1
        self.crashes += report.crashes
        self.messages += report.messages
        self.lasted_s += report.lasted_s * report.stations

    def text(self, seconds: float) -> str:
        return (
            f"{self.seeds} seeds in {seconds:.0f} s ({self.seeds / seconds:.0f}/s): {self.crashes} crashes, "
            f"{self.messages} messages acknowledged, {self.lasted_s / YEAR_S:.1f} years of station time."
        )


def _tell_failure(report: Report, *, is_first: bool) -> None:
    if is_first:
        _say("\n".join(("...", *report.trace[-SHOWN_LINES:])))
    _say(f"Seed {report.seed}: {_verdict(report)} Replay it with: make simulate SEED={report.seed}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _verdict(report: Report) -> str:
    return "all right." if report.is_right else " | ".join(report.wrongs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
