"""What we ask of stations about admission: their cache, their local list, and the places they keep for somebody."""

from datetime import datetime

import msgspec

from ingufu.core.commands import Command, Outcome


class ClearCache(Command[Outcome], frozen=True, kw_only=True):
    """Ask a station to forget what it was told of id tokens."""


class ListEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One id token as it stands on a station's local list; `status` None takes it off."""

    value: str
    kind: str
    status: str | None = None  # VerdictStatus
    group: str | None = None
    expires_at: datetime | None = None
    priority: int | None = None
    language: str | None = None
    evses: tuple[int, ...] = ()  # valid on these alone; 1.6 cannot say it


class GetLocalListVersion(Command[Outcome], frozen=True, kw_only=True):
    """Ask for the version of the local list. `details["version"]`: 0 is no list, -1 that the station has none."""


class GetListLimits(Command[Outcome], frozen=True, kw_only=True):
    """Ask how long a list and one message of it may be.

    `details`: `items` and `bytes` of one message, `entries` of the whole list, `is_enabled`; what is not known is left
    out.
    """


class SendLocalList(Command[Outcome], frozen=True, kw_only=True):
    """Replace (`is_full`) or amend the local list. A full one without entries empties it."""

    version: int
    is_full: bool
    entries: tuple[ListEntry, ...] = ()


class GetReservationSupport(Command[Outcome], frozen=True, kw_only=True):
    """Ask whether the station keeps places: `details["is_supported"]`, and `details["any_evse"]` without naming one."""


class ReserveNow(Command[Outcome], frozen=True, kw_only=True):
    """Ask a station to keep an EVSE, one with a kind of plug, or any, for a token; the same id replaces."""

    reservation_id: int
    expires_at: datetime
    token: str
    token_kind: str = "ISO14443"  # OCPP 2.x IdTokenEnumType; 1.6 has no kinds
    group: str | None = None
    evse: int | None = None
    plug: str | None = None  # OCPP ConnectorEnumType


class CancelReservation(Command[Outcome], frozen=True, kw_only=True):
    """Ask a station to give up what it keeps under this id."""

    reservation_id: int
