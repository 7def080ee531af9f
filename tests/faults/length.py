"""How long a fault test runs: short with the other tests, long by `make faults` (which sets FAULTS=long)."""

import os
from typing import TypeVar

T = TypeVar("T")


def by_length(short: T, long: T) -> T:
    return long if os.environ.get("FAULTS") == "long" else short


# The criteria hold on a machine of one's own; beside other tests, which share its cores, only their order does.
SHARED = by_length(6.0, 1.0)
