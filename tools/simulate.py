"""`make simulate`: the server under simulated time, crashes and broken lines, for any number of seeds."""

import sys
from importlib import import_module
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"  # the simulation is part of the tests, which run some seeds of it

if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    sys.exit(import_module("simulation.command").main(sys.argv[1:]))
