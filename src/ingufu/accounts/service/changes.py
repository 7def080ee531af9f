"""What the audit trail keeps of a change: the fields that differ, without secrets, of bounded size."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from ingufu.infra import secrets
from ingufu.infra.redaction import HIDDEN

State: TypeAlias = msgspec.Struct | Mapping[str, Any]  # a thing, or those of its fields that may have changed

MOST_FIELDS = 100
_VALUE_LONGEST = 2000  # characters of JSON: a longer value is kept in part
_TEXT_LONGEST = 200
_UNTOLD = frozenset({"updated_at"})  # the entry has a time of its own
_TOLD_SECRET = '{"%s":"x"}'


def changes(before: State | None, after: State | None) -> dict[str, Any]:
    """Return by field what it was and what it is, as {"field": {"before": .., "after": ..}}.

    Without a state before, the thing was made; without one after, it is gone. If one of both names fewer fields, the
    others count as unchanged. A secret is kept as the fact that it changed.
    """
    was, now = _fields(before), _fields(after)
    told = [name for name in {**was, **now} if name not in _UNTOLD]
    names = [name for name in told if before is None or after is None or (name in was and name in now)]
    differing = [name for name in names if was.get(name) != now.get(name)]
    kept = {
        _short(name).removesuffix("_hash"): _pair(name, was.get(name), now.get(name))
        for name in differing[:MOST_FIELDS]
    }
    if len(differing) > MOST_FIELDS:
        kept["..."] = {"before": None, "after": f"and {len(differing) - MOST_FIELDS} more fields"}
    return kept


def harmless(value: Any) -> Any:
    """Return the JSON-able value without secrets."""
    return msgspec.json.decode(secrets.redact(msgspec.json.encode(value).decode()))


def _fields(state: State | None) -> dict[str, Any]:
    if state is None:
        return {}
    found = msgspec.structs.asdict(state) if isinstance(state, msgspec.Struct) else dict(state)
    return {str(name): _plain(value) for name, value in found.items() if value is not msgspec.UNSET}


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True, enc_hook=str)


def _pair(name: str, before: Any, after: Any) -> dict[str, Any]:
    if HIDDEN in secrets.redact(_TOLD_SECRET % _short(name).replace('"', "")):
        return {"before": None if before is None else HIDDEN, "after": None if after is None else HIDDEN}
    return {"before": _bounded(name, before), "after": _bounded(name, after)}


def _bounded(name: str, value: Any) -> Any:
    clean = next(iter(harmless({name: value}).values()))  # with its name, as some values are secret by it
    text = msgspec.json.encode(clean).decode()
    return clean if len(text) <= _VALUE_LONGEST else text[:_VALUE_LONGEST] + "..."


def _short(text: str) -> str:
    return text[:_TEXT_LONGEST]
