"""What happens to drivers, groups and id tokens."""

from ingufu.core.events import Event


class TokenCreated(Event, frozen=True, kw_only=True):
    token_id: str


class TokenChanged(Event, frozen=True, kw_only=True):
    token_id: str


class TokenBlocked(Event, frozen=True, kw_only=True):
    token_id: str
    reason: str


class TokenUnblocked(Event, frozen=True, kw_only=True):
    token_id: str


class TokenDeleted(Event, frozen=True, kw_only=True):
    token_id: str


class GroupChanged(Event, frozen=True, kw_only=True):
    """A group was made, changed or deleted: what stations hear of its tokens may differ from now on."""

    group_id: str


class DriverCreated(Event, frozen=True, kw_only=True):
    driver_id: str


class DriverChanged(Event, frozen=True, kw_only=True):
    driver_id: str


class DriverBlocked(Event, frozen=True, kw_only=True):
    driver_id: str


class DriverUnblocked(Event, frozen=True, kw_only=True):
    driver_id: str


class DriverDeleted(Event, frozen=True, kw_only=True):
    driver_id: str
