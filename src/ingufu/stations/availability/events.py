"""What happens to the availability that was asked for."""

from ingufu.core.events import Event


class AvailabilityAsked(Event, frozen=True, kw_only=True):
    """A station, EVSE or connector shall serve from now on, or no longer."""

    evse: int
    connector: int
    is_operative: bool
    actor: str | None = None


class AvailabilityKept(Event, frozen=True, kw_only=True):
    """What was asked of availability is so."""

    evse: int
    connector: int
    is_operative: bool


class AvailabilityRepeated(Event, frozen=True, kw_only=True):
    """A station did otherwise than it was asked, and was told again."""

    evse: int
    connector: int
    is_operative: bool
    status: str | None = None
