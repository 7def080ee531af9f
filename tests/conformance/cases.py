"""What a conformance case is: the id of the alliance's test case, what it is about in our words, and its versions."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

FOLDER = Path(__file__).parent
VERSIONS = ("1.6", "2.0.1", "2.1")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A test case and the versions in which it is held here."""

    number: str
    title: str
    versions: tuple[str, ...]
    block: str  # what the module's docstring calls it


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A test case of these blocks that is not fulfilled, and why."""

    number: str
    versions: tuple[str, ...]
    reason: str


def case(number: str, title: str, *versions: str) -> Callable[[FunctionT], FunctionT]:
    """Make a test the scenario of a case: it is named by it, and runs once per version, with one that it is held in."""

    def mark(function: FunctionT) -> FunctionT:
        if not function.__name__.startswith(f"test_{number.lower()}_"):
            raise ValueError(f"{function.__name__} is not named by {number}.")
        unknown = set(versions) - set(VERSIONS)
        if unknown or not versions:
            raise ValueError(f"{number} names no version of ours.")
        block = (function.__globals__["__doc__"] or "").split(":")[0]
        function.case = Case(number=number, title=title, versions=versions, block=block)  # type: ignore[attr-defined]
        marked: FunctionT = pytest.mark.parametrize("version", versions)(function)
        return marked

    return mark


def all_cases() -> list[Case]:
    """Return the cases that there are tests for, without running any."""
    found: list[Case] = []
    for path in sorted(FOLDER.glob("test_*.py")):
        module = importlib.import_module(f"conformance.{path.stem}")
        found += [one.case for one in vars(module).values() if hasattr(one, "case")]
    return found
