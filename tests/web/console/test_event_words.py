"""Every event there is can stand on a timeline, as it is stored, with or without what its details may leave out."""

import inspect
import pkgutil
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from importlib import import_module
from types import NoneType, UnionType
from typing import Any

import msgspec
import pytest
from jinja2 import Environment

import ingufu
from ingufu.core.clock import FrozenClock
from ingufu.core.events import Event
from ingufu.views.timeline import EventRow
from ingufu.web.assets import load_assets
from ingufu.web.console import present
from ingufu.web.console.rendering import make_environment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRY = '{% from "parts/event.html" import event_entry with context %}{{ event_entry(event, none, true) }}'
COMMON = {field.name for field in msgspec.structs.fields(Event)}


def kinds() -> Iterator[type[Event]]:
    for module in pkgutil.walk_packages(ingufu.__path__, "ingufu."):
        if module.name.endswith("events") and ".migrations" not in module.name:
            for _, one in inspect.getmembers(import_module(module.name), inspect.isclass):
                if issubclass(one, Event) and one is not Event and one.__module__ == module.name:
                    yield one


KINDS = sorted(set(kinds()), key=lambda kind: kind.__name__)


def sample(kind: Any, name: str) -> Any:
    """Return a value of a type, as hostile as it may be."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, UnionType}:
        return sample(next(one for one in inner if one is not NoneType), name)
    if origin is tuple:
        return (sample(inner[0], name),)
    if origin in {dict, list, frozenset, set}:
        return origin()
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return next(iter(kind))
    if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
        return filled(kind)
    plain = {bool: True, int: 3, float: 1.5, Decimal: Decimal("12.5"), datetime: NOW, str: "<script>x</script>"}
    return "RWF" if name == "currency" else plain.get(kind, "x")


def filled(kind: Any, *, only_required: bool = False) -> Any:
    hints = typing.get_type_hints(kind)
    fields = [one for one in msgspec.structs.fields(kind) if one.required or not only_required]
    return kind(**{one.name: sample(hints[one.name], one.name) for one in fields})


@pytest.fixture(scope="module")
def environment() -> Environment:
    return make_environment(assets=load_assets(), clock=FrozenClock(NOW))


def test_all_events_are_found() -> None:
    assert len(KINDS) > 40


@pytest.mark.parametrize("only_required", [False, True], ids=["full", "bare"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_event_is_told_in_words(environment: Environment, kind: type[Event], only_required: bool) -> None:
    event = filled(kind, only_required=only_required)
    stored = msgspec.json.decode(msgspec.json.encode(dict(event.details())))
    row = EventRow(id=1, kind=type(event).__name__, occurred_at=NOW, station_identity="<b>", details=stored)
    page = environment.from_string(ENTRY).render(event=present.events([row])[0])
    assert "<script>" not in page
    assert "<b>" not in page
