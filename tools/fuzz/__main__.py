"""Fuzz what reads the bytes of stations: frames, messages, requests for an upgrade and every OCPP payload.

With atheris (`make fuzz`) the inputs are chosen by the lines and branches that they reach; without it they are drawn
from the same seeds by the same mutations. `INPUTS` is one run's number of inputs; a failing input is kept in a file.
"""

import argparse
import faulthandler
import importlib
import random
import sys
import time
from pathlib import Path
from types import ModuleType

FAILURES = Path(".fuzz")
HANG_S = 20


def main() -> None:
    """Run; the exit code says whether an input made something fail."""
    options = _options()
    FAILURES.mkdir(exist_ok=True)
    if options.replay:
        targets = importlib.import_module("targets")
        targets.run(Path(options.replay).read_bytes())
        print("This input does no harm.")
        return
    atheris = None if options.plain else _atheris()
    if atheris is None:
        _run_plain(options.inputs, options.seed)
    else:
        _run_guided(atheris, options.inputs, options.seed, options.corpus)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tools/fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many (1,000,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the random choices (1)")
    parser.add_argument("--plain", action="store_true", help="without guidance, also where atheris is installed")
    parser.add_argument("--corpus", type=Path, default=FAILURES / "corpus", help="where guided runs keep what was new")
    parser.add_argument("--replay", help="run the one input in this file")
    return parser.parse_args()


def _atheris() -> ModuleType | None:
    try:
        return importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed: inputs are not guided. `make fuzz` installs it.")
        return None


def _run_plain(inputs: int, seed: int) -> None:
    targets, mutation, seeds = (importlib.import_module(name) for name in ("targets", "mutation", "seeds"))
    draw = random.Random(seed)
    corpus = seeds.all_seeds()
    began = time.monotonic()
    for number in range(inputs):
        data = corpus[number] if number < len(corpus) else draw.choice(corpus)
        for _ in range(draw.randint(0, 4) if number >= len(corpus) else 0):
            data = mutation.mutate(data, draw)
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        try:
            targets.run(data)
        except BaseException:
            file = FAILURES / f"failed-{seed}-{number}"
            file.write_bytes(data)
            print(f"Input {number} fails; it is kept in {file}. Repeat with: python tools/fuzz --replay {file}")
            raise
    faulthandler.cancel_dump_traceback_later()
    print(f"{inputs} inputs in {time.monotonic() - began:.0f} s, none failed.")


def _run_guided(atheris: ModuleType, inputs: int, seed: int, corpus: Path) -> None:
    with atheris.instrument_imports(include=["ingufu"]):
        targets = importlib.import_module("targets")
    mutation, seeds = importlib.import_module("mutation"), importlib.import_module("seeds")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds.all_seeds()):
        (corpus / f"seed-{number}").write_bytes(data)

    def mutate(data: bytes, max_size: int, its_seed: int) -> bytes:
        draw = random.Random(its_seed)
        mixed: bytes = mutation.mutate(data, draw) if draw.random() < 0.7 else atheris.Mutate(data, max_size)
        return mixed[:max_size]

    flags = [
        f"-runs={inputs}",
        f"-seed={seed}",
        "-max_len=8192",
        "-len_control=0",
        f"-timeout={HANG_S}",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={FAILURES}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], targets.run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
