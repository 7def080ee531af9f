"""The history of a tariff: what was changed, when and by whom, and what differs before and after."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

_ABSENT = object()


class ChangeKind(StrEnum):
    """What was done to a tariff."""

    CREATED = "created"
    TERMS = "terms"  # a new version
    WITHDRAWN = "withdrawn"  # a version, before it began
    DESCRIBED = "described"  # its name or its texts
    RETIRED = "retired"
    RESTORED = "restored"
    ASSIGNED = "assigned"
    REASSIGNED = "reassigned"  # from or until when it applies somewhere
    UNASSIGNED = "unassigned"


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place in which something was changed; what it was, and what it is. None: it was or is not there."""

    path: str  # as "elements[0].components[1].price"
    before: str | None = None
    after: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a tariff's history."""

    id: int = 0
    tariff_id: str
    at: datetime
    by: str
    kind: ChangeKind
    version: int | None = None
    differences: tuple[Difference, ...] = ()


def differences(before: Any, after: Any) -> tuple[Difference, ...]:  # structs, or plain values
    """Return in what two values differ, place by place, in the order of the first and then of the second."""
    old, new = dict(_places("", msgspec.to_builtins(before))), dict(_places("", msgspec.to_builtins(after)))
    found = []
    for path in [*old, *(path for path in new if path not in old)]:
        was, now = old.get(path, _ABSENT), new.get(path, _ABSENT)
        if was != now:
            found.append(Difference(path=path, before=_said(was), after=_said(now)))
    return tuple(found)


def _places(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _places(f"{path}.{name}" if path else str(name), part)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _places(f"{path}[{index}]", part)
    elif value is not None:
        yield path, value


def _said(value: Any) -> str | None:
    if value is _ABSENT:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
