"""What a run of many seeds amounts to so far, in words and in a file."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from simulation.happenings import HAPPENINGS
from simulation.seeds import Report

YEAR_S = 365 * 86_400.0
ROOT = Path(__file__).parents[2]
SHOWN_LINES = 60  # of the first failure


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Of one seed, what is counted; the end of its trace if it failed."""

    seed: int
    wrongs: tuple[str, ...]
    crashes: int
    messages: int
    station_s: float
    counts: dict[str, int]
    trace: tuple[str, ...] = ()

    @classmethod
    def of(cls, report: Report) -> "Outcome":
        return cls(
            seed=report.seed,
            wrongs=report.wrongs,
            crashes=report.crashes,
            messages=report.messages,
            station_s=report.lasted_s * report.stations,
            counts=report.counts,
            trace=report.trace[-SHOWN_LINES:],
        )


class Tally:
    """Sums up outcomes; `path` is where to keep the sum while it grows."""

    def __init__(self, first: int, wanted: int, path: Path | None = None) -> None:
        self.failed: dict[int, tuple[str, ...]] = {}
        self.seeds = 0
        self._first = first
        self._wanted = wanted
        self._path = path
        self._crashes = self._messages = 0
        self._station_s = 0.0
        self._in_seeds: Counter[str] = Counter()
        self._times: Counter[str] = Counter()
        self._commit = _commit() if path is not None else ""

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count outcomes of seeds."""
        for outcome in outcomes:
            self.seeds += 1
            self._crashes += outcome.crashes
            self._messages += outcome.messages
            self._station_s += outcome.station_s
            self._times.update(outcome.counts)
            self._in_seeds.update(what for what, times in outcome.counts.items() if times)
            if outcome.wrongs:
                self.failed[outcome.seed] = outcome.wrongs

    def text(self, seconds: float) -> str:
        """Return the sum in one line."""
        return (
            f"{self.seeds} seeds in {seconds:.0f} s ({self.seeds / max(seconds, 0.001):.0f}/s): {self._crashes} crashes, "
            f"{self._messages} messages acknowledged, {self._station_s / YEAR_S:.1f} years of station time."
        )

    def happened(self) -> str:
        """Return a table of all that happened, and of what should have."""
        names = sorted(HAPPENINGS | self._times.keys())
        return "\n".join(f"{self._times[name]:>10} times in {self._in_seeds[name]:>7} seeds: {name}" for name in names)

    def keep(self, seconds: float, *, is_over: bool) -> None:
        """Write the sum to its file, whole or not at all."""
        if self._path is None:
            return
        content = {
            "commit": self._commit,
            "first_seed": self._first,
            "seeds_wanted": self._wanted,
            "seeds": self.seeds,
            "is_over": is_over,
            "seconds": round(seconds),
            "crashes": self._crashes,
            "messages_acknowledged": self._messages,
            "station_years": round(self._station_s / YEAR_S, 2),
            "failed": {str(seed): wrongs for seed, wrongs in self.failed.items()},
            "happened": {
                what: {"times": times, "seeds": self._in_seeds[what]} for what, times in sorted(self._times.items())
            },
        }
        beside = self._path.with_suffix(".new")
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(content)))
        beside.replace(self._path)


def _commit() -> str:
    """Return which code is run, with a plus if it is not as it was committed."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
