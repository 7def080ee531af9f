"""How long a fault test runs: short with the other tests, long by `make faults` (which sets FAULTS=long).

The short forms judge what happened and in which order; how long it took is judged by the long ones alone, which have
the machine to themselves.
"""

import os
from typing import TypeVar

import pytest

T = TypeVar("T")

IS_LONG = os.environ.get("FAULTS") == "long"
PATIENCE_S = 120.0  # with what must happen at some time; a bound, not a criterion


def by_length(short: T, long: T) -> T:
    return long if IS_LONG else short


# Only by `make faults`.
long = pytest.mark.long

# Which storage a test runs on: on PostgreSQL by `make faults` alone, where storage has little to do with it.
ENGINES = ["sqlite", pytest.param("postgresql", marks=long)]
mostly_sqlite = pytest.mark.parametrize("storage_url", ENGINES, indirect=True)

# One at a time, as each keeps several processes busy.
alone = pytest.mark.xdist_group("faults")


def within(took_s: float, criterion_s: float) -> bool:
    """Return whether it took no longer than the criterion says, where that is judged."""
    return took_s <= criterion_s or not IS_LONG
