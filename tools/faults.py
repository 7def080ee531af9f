"""`make faults`: the long forms of the fault tests, and as many kills of a real server as asked for.

Each campaign is a process of its own with a server, its database and stations that keep their own record; what it finds
is written to build/faults.jsonl, so that counts of several runs can be added up. A campaign is repeated by its seed.
"""

import argparse
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "build" / "faults.jsonl"
ENGINES = ("sqlite", "postgresql")
STARTS_AT = 1000  # seeds of the short tests are lower
SECONDS_PER_KILL = 60  # far more than any takes
START_S = 300
NICE = 10


class Outcome(msgspec.Struct, kw_only=True):
    """What one campaign printed."""

    seed: int
    engine: str
    kills: dict[str, int]
    acknowledged: int
    repeated: int
    transactions: int
    unflushed: int
    ready_s: float
    back_s: tuple[float, float]
    resumed_s: float
    findings: list[str]
    source: str = ""  # the state of the code it ran on


def main() -> None:
    arguments = _arguments()
    os.nice(NICE)
    for number in (signal.SIGTERM, signal.SIGINT):  # in the background, the latter would be ignored
        signal.signal(number, signal.default_int_handler)
    if arguments.sum:
        _print([msgspec.json.decode(line, type=Outcome) for line in RECORD.read_bytes().splitlines()])
        return
    failed = 0 if arguments.only_kills else _tests()
    outcomes = []
    for outcome in _campaigns(arguments):
        outcomes.append(outcome)
        _keep(outcome)
        print(f"{outcome.engine} seed {outcome.seed}: {outcome.kills}, {len(outcome.findings)} findings", flush=True)
        print("".join(f"  {finding}\n" for finding in outcome.findings[:20]), end="", flush=True)
    _print(outcomes)
    sys.exit(failed or any(outcome.findings for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="in all")
    parser.add_argument("--per-campaign", type=int, default=20, help="kills before the records are compared")
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--seed", type=int, default=STARTS_AT, help="of the first campaign; the others follow")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no campaign after so many; 0: no limit")
    parser.add_argument("--only-kills", action="store_true", help="leave out the long forms of the tests")
    parser.add_argument("--sum", action="store_true", help="only add up what is on record")
    return parser.parse_args()


def _tests() -> int:
    """Run the long forms of all fault tests; return the exit code."""
    command = [sys.executable, "-m", "pytest", "tests/faults", "-q", "-s", "-p", "no:cacheprovider"]
    return subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, "FAULTS": "long"}).returncode


def _campaigns(arguments: argparse.Namespace) -> Iterator[Outcome]:
    engines = itertools.cycle(ENGINES if arguments.engine == "both" else [arguments.engine])
    until = time.monotonic() + arguments.minutes * 60 if arguments.minutes else float("inf")
    left = arguments.kills
    for seed in itertools.count(arguments.seed):
        if left <= 0 or time.monotonic() > until:
            return
        kills = min(left, arguments.per_campaign)
        left -= kills
        yield _campaign(next(engines), seed, kills)


def _campaign(engine: str, seed: int, kills: int) -> Outcome:
    plan = msgspec.json.encode({"engine": engine, "seed": seed, "kills": kills}).decode()
    command = [sys.executable, "-m", "faults.campaign", plan]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
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
        ready_s=0.0,
        back_s=(0.0, 0.0),
        resumed_s=0.0,
        findings=[f"it did not come to its end: {said}"],
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


def _print(outcomes: list[Outcome]) -> None:
    print("\n| Engine | Campaigns | Kills | of which | Acknowledged | Transactions | Sent again | Findings |")
    print("|---|---|---|---|---|---|---|---|")
    for engine in ENGINES:
        of_engine = [outcome for outcome in outcomes if outcome.engine == engine]
        kills = sum((Counter(outcome.kills) for outcome in of_engine), Counter[str]())
        ways = ", ".join(f"{count} {way}" for way, count in sorted(kills.items()))
        sums = [sum(getattr(one, name) for one in of_engine) for name in ("acknowledged", "transactions", "repeated")]
        found = sum(len(outcome.findings) for outcome in of_engine)
        figures = [len(of_engine), kills.total(), ways, *sums, found]
        print(f"| {engine} | {' | '.join(map(str, figures))} |")


if __name__ == "__main__":
    main()
