"""What an event is: a fact in the past tense, about a station or a transaction, at an instant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """A fact that happened. Subclasses are named in the past tense; their class name is the `kind`."""

    occurred_at: datetime
    station_id: str | None = None
    transaction_id: str | None = None

    @property
    def kind(self) -> str:
        return type(self).__name__

    def details(self) -> Mapping[str, Any]:
        """Return what is particular to this kind, as plain JSON-able values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        for common in ("kind", "occurred_at", "station_id", "transaction_id"):
            plain.pop(common, None)
        return plain
