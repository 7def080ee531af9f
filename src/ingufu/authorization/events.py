"""What happens to drivers, groups and id tokens."""

from ingufu.core.events import Event


class TokenCreated(Event, frozen=True, kw_only=True):
    """An id token was entered."""

    token_id: str


class TokenChanged(Event, frozen=True, kw_only=True):
    """What is known of an id token changed."""

    token_id: str


class TokenBlocked(Event, frozen=True, kw_only=True):
    """An id token was blocked: it is refused from now on."""

    token_id: str
    reason: str


class TokenUnblocked(Event, frozen=True, kw_only=True):
    """A blocked id token may be used again."""

    token_id: str


class TokenDeleted(Event, frozen=True, kw_only=True):
    """An id token was deleted."""

    token_id: str


class GroupChanged(Event, frozen=True, kw_only=True):
    """A group was made, changed or deleted: what stations hear of its tokens may differ from now on."""

    group_id: str


class DriverCreated(Event, frozen=True, kw_only=True):
    """A driver was entered."""

    driver_id: str


class DriverChanged(Event, frozen=True, kw_only=True):
    """What is known of a driver changed."""

    driver_id: str


class DriverBlocked(Event, frozen=True, kw_only=True):
    """A driver was blocked: all the driver's tokens are refused from now on."""

    driver_id: str


class DriverUnblocked(Event, frozen=True, kw_only=True):
    """A blocked driver may charge again."""

    driver_id: str


class DriverDeleted(Event, frozen=True, kw_only=True):
    """A driver was deleted."""

    driver_id: str


class AdmissionChanged(Event, frozen=True, kw_only=True):
    """A rule changed of what is accepted without a token, or of which tokens stand on local lists."""

    scope: str
    scope_id: str = ""


class LocalListAsked(Event, frozen=True, kw_only=True):
    """Somebody wants a station's local list to be sent now."""


class LocalListSent(Event, frozen=True, kw_only=True):
    """A station took its local list."""

    version: int
    entry_count: int
    is_full: bool
    messages: int


class LocalListFailed(Event, frozen=True, kw_only=True):
    """A station did not take its local list."""

    state: str
    reason: str
