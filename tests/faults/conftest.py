"""Faults judge by seconds, so they run by themselves: `make faults`, or FAULTS=short for their short form."""

import os

collect_ignore_glob = [] if os.environ.get("FAULTS") else ["test_*.py"]
