"""`make simulate`: runs any number of seeds, or one of them with all that happens in it."""

import argparse
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from simulation import seeds
from simulation.tally import Outcome, Tally

COLLECT_EVERY = 200  # seeds: garbage is mostly one seed's own, and looking for it costs more than to run the seed
TELL_EVERY_S = 20.0
PORTION = 25  # seeds that a process is given at once


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 if a seed failed."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one and tell everything that happens")
    parser.add_argument("--seeds", type=int, default=1000, help="how many to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--processes", type=int, default=1, help="how many to run side by side")
    parser.add_argument("--tally", type=Path, help="a file that holds the sum while it grows")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _replay(options.seed)
    return _run(options)


def run_portion(numbers: Sequence[int]) -> list[Outcome]:
    """Return what comes of these seeds."""
    return [Outcome.of(_run_one(seed)) for seed in numbers]


def _replay(seed: int) -> int:
    report = seeds.run(seed, traces=True)
    _say("\n".join(report.trace))
    _say(f"Seed {seed}, trace {report.digest}: {_verdict(report.wrongs)}")
    return 0 if report.is_right else 1


def _run(options: argparse.Namespace) -> int:
    began_s = told_s = time.monotonic()
    tally = Tally(options.first, options.seeds, options.tally)
    numbers = range(options.first, options.first + options.seeds)
    with _interruptible() as is_interrupted:

        def is_over() -> bool:
            return is_interrupted() or time.monotonic() - began_s > options.seconds

        for outcomes in _alone(numbers, is_over) if options.processes == 1 else _together(numbers, options, is_over):
            for outcome in outcomes:
                if outcome.wrongs:
                    _tell_failure(outcome, is_first=not tally.failed)
            tally.add(outcomes)
            now_s = time.monotonic()
            if now_s - told_s > TELL_EVERY_S:
                told_s = now_s
                _say(tally.text(now_s - began_s))
                tally.keep(now_s - began_s, is_over=False)
    seconds = time.monotonic() - began_s
    tally.keep(seconds, is_over=True)
    _say(tally.happened())
    _say(tally.text(seconds))
    failed = list(tally.failed)[:20]
    _say(f"{len(tally.failed)} failed: {failed}" if failed else f"All right, from seed {options.first} on.")
    return 1 if failed else 0


def _alone(numbers: Sequence[int], is_over: Callable[[], bool]) -> Iterator[list[Outcome]]:
    for seed in numbers:
        yield run_portion([seed])
        if is_over():
            return


def _together(
    numbers: Sequence[int], options: argparse.Namespace, is_over: Callable[[], bool]
) -> Iterator[list[Outcome]]:
    """Run seeds in several processes; when it is over, wait for what they have in hand."""
    portions = [numbers[at : at + PORTION] for at in range(0, len(numbers), PORTION)]
    portions.reverse()
    running: set[Future[list[Outcome]]] = set()
    context = get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=context, initializer=_ignore_interrupts) as pool:
        while running or (portions and not is_over()):
            while portions and len(running) < 2 * options.processes and not is_over():
                running.add(pool.submit(run_portion, portions.pop()))
            done, running = wait(running, timeout=TELL_EVERY_S, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _run_one(seed: int) -> seeds.Report:
    """Run a seed without looking for garbage, unless it is its turn."""
    gc.disable()
    try:
        return seeds.run(seed)
    finally:
        gc.enable()
        if seed % COLLECT_EVERY == 0:
            gc.collect()


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Let an interrupt end the run after the seeds that are in hand."""
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, before)


def _ignore_interrupts() -> None:
    """Leave it to the first process when to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _tell_failure(outcome: Outcome, *, is_first: bool) -> None:
    if is_first:
        _say("\n".join(("...", *outcome.trace)))
    _say(f"Seed {outcome.seed}: {_verdict(outcome.wrongs)} Replay it with: make simulate SEED={outcome.seed}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _verdict(wrongs: Sequence[str]) -> str:
    return " | ".join(wrongs) if wrongs else "all right."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
