"""`make faults`: the long forms of the fault tests, and as many kills of a real server as asked for.

Each campaign is a process of its own with a server, its database and stations that keep their own record. What it finds
is added to build/faults.jsonl, and the tally of the run is written to build/faults.json. A campaign is repeated by its
seed.
"""

import argparse
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "build" / "faults.jsonl"
TALLY = ROOT / "build" / "faults.json"
ENGINES = ("sqlite", "postgresql")
STARTS_AT = 1000  # seeds of the short tests are lower
SECONDS_PER_KILL = 60  # far more than any takes
START_S = 300
NICE = 10


class Finding(msgspec.Struct):
    """What differed between the stations' record and the database."""

    kind: str  # lost, double or wrong
    text: str


class Outcome(msgspec.Struct, kw_only=True):
    """What one campaign printed."""

    seed: int
    engine: str
    kills: dict[str, int]
    acknowledged: int
    repeated: int
    transactions: int
    unflushed: int
    took_s: float
    ready_s: float
    first_boot_s: float
    back_s: tuple[float, float]
    resumed_s: float
    findings: list[Finding]
    source: str = ""  # the state of the code it ran on


class Tally(msgspec.Struct, kw_only=True):
    """What several campaigns on one engine add up to."""

    engine: str
    campaigns: int
    kills: int
    ways: dict[str, int]
    acknowledged: int  # messages, each looked for in the database
    transactions: int
    sent_again: int
    lost: int
    double: int
    wrong: int
    took_s: float
    longest_start_s: float
    longest_first_boot_s: float
    seeds: list[int]
    sources: list[str]


def main() -> None:
    arguments = _arguments()
    os.nice(NICE)
    for number in (signal.SIGTERM, signal.SIGINT):  # in the background, the latter would be ignored
        signal.signal(number, signal.default_int_handler)
    if arguments.sum:
        _tell([msgspec.json.decode(line, type=Outcome) for line in RECORD.read_bytes().splitlines()])
        return
    failed = 0 if arguments.only_kills else _tests()
    outcomes = []
    for outcome in _campaigns(arguments):
        outcomes.append(outcome)
        _keep(outcome)
        print(f"{outcome.engine} seed {outcome.seed}: {outcome.kills}, {len(outcome.findings)} findings", flush=True)
        print("".join(f"  {one.kind}: {one.text}\n" for one in outcome.findings[:20]), end="", flush=True)
    _tell(outcomes)
    sys.exit(failed or any(outcome.findings for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="in all")
    parser.add_argument("--per-campaign", type=int, default=25, help="kills before the records are compared")
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--seed", type=int, default=STARTS_AT, help="of the first campaign; the others follow")
    parser.add_argument("--at-once", type=int, default=2, help="campaigns beside each other")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no campaign after so many; 0: no limit")
    parser.add_argument("--only-kills", action="store_true", help="leave out the long forms of the tests")
    parser.add_argument("--sum", action="store_true", help="only add up what is on record")
    return parser.parse_args()


def _tests() -> int:
    """Run the long forms of all fault tests; return the exit code."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/faults",
        "tests/ledger/test_storm.py",
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, "FAULTS": "long"}).returncode


def _campaigns(arguments: argparse.Namespace) -> Iterator[Outcome]:
    until = time.monotonic() + arguments.minutes * 60 if arguments.minutes else float("inf")

    def run(plan: tuple[str, int, int]) -> Outcome | None:
        return _campaign(*plan) if time.monotonic() < until else None

    with ThreadPoolExecutor(arguments.at_once) as pool:
        yield from filter(None, pool.map(run, list(_plans(arguments))))


def _plans(arguments: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    """Yield engine, seed and kills of each campaign."""
    engines = itertools.cycle(ENGINES if arguments.engine == "both" else [arguments.engine])
    for number, start in enumerate(range(0, arguments.kills, arguments.per_campaign)):
        yield next(engines), arguments.seed + number, min(arguments.per_campaign, arguments.kills - start)


def _campaign(engine: str, seed: int, kills: int) -> Outcome:
    plan = msgspec.json.encode({"engine": engine, "seed": seed, "kills": kills}).decode()
    command = [sys.executable, "-m", "faults.campaign", plan]
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as campaign:
        try:
            said, complained = campaign.communicate(timeout=kills * SECONDS_PER_KILL + START_S)
        except BaseException:
            campaign.terminate()  # it ends the servers that it started
            raise
    if campaign.returncode:
        return _broken(engine, seed, complained.decode(errors="replace")[-2000:])
    outcome = msgspec.json.decode(said, type=Outcome)
    outcome.source = _source()
    return outcome


def _broken(engine: str, seed: int, said: str) -> Outcome:
    """Return the outcome of a campaign that did not come to its end: its kills do not count."""
    return Outcome(
        seed=seed,
        engine=engine,
        kills={},
        acknowledged=0,
        repeated=0,
        transactions=0,
        unflushed=0,
        took_s=0.0,
        ready_s=0.0,
        first_boot_s=0.0,
        back_s=(0.0, 0.0),
        resumed_s=0.0,
        findings=[Finding("wrong", f"it did not come to its end: {said}")],
        source=_source(),
    )


def _source() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], check=False, cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip()


def _keep(outcome: Outcome) -> None:
    RECORD.parent.mkdir(exist_ok=True)
    with RECORD.open("ab") as file:
        file.write(msgspec.json.encode(outcome) + b"\n")


def _tell(outcomes: list[Outcome]) -> None:
    """Print the tally as a table, and write it to a file."""
    tallies = [_tally(engine, [one for one in outcomes if one.engine == engine]) for engine in ENGINES]
    TALLY.parent.mkdir(exist_ok=True)
    TALLY.write_bytes(msgspec.json.format(msgspec.json.encode(tallies)) + b"\n")
    print(
        "\n| Engine | Campaigns | Kills | of which | Acknowledged | Transactions | Sent again | Lost | Double | Wrong |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for tally in tallies:
        ways = ", ".join(f"{count} {way}" for way, count in tally.ways.items())
        figures = [tally.engine, tally.campaigns, tally.kills, ways, tally.acknowledged, tally.transactions]
        figures += [tally.sent_again, tally.lost, tally.double, tally.wrong]
        print(f"| {' | '.join(map(str, figures))} |")


def _tally(engine: str, outcomes: list[Outcome]) -> Tally:
    kills = sum((Counter(one.kills) for one in outcomes), Counter[str]())
    kinds = Counter(finding.kind for one in outcomes for finding in one.findings)
    return Tally(
        engine=engine,
        campaigns=len(outcomes),
        kills=kills.total(),
        ways=dict(sorted(kills.items())),
        acknowledged=sum(one.acknowledged for one in outcomes),
        transactions=sum(one.transactions for one in outcomes),
        sent_again=sum(one.repeated for one in outcomes),
        lost=kinds["lost"],
        double=kinds["double"],
        wrong=kinds["wrong"],
        took_s=round(sum(one.took_s for one in outcomes), 1),
        longest_start_s=_longest(one.ready_s for one in outcomes),
        longest_first_boot_s=_longest(one.first_boot_s for one in outcomes),
        seeds=[one.seed for one in outcomes],
        sources=sorted({one.source for one in outcomes}),
    )


def _longest(times_s: Iterable[float]) -> float:
    return max(times_s, default=0.0)


if __name__ == "__main__":
    main()
