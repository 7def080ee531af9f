"""What happens to remote starts, limits and priorities."""

from ingufu.core.events import Event


class RemoteStartAsked(Event, frozen=True, kw_only=True):
    """A station was asked to start charging."""

    evse: int | None
    actor: str | None = None


class RemoteStartSucceeded(Event, frozen=True, kw_only=True):
    """The transaction that was asked for began."""

    evse: int | None


class RemoteStartExpired(Event, frozen=True, kw_only=True):
    """Nothing began of a start that was asked for: nobody plugged in, or the station forgot."""

    evse: int | None
    was_accepted: bool


class LimitChanged(Event, frozen=True, kw_only=True):
    """How far a transaction may go was set, raised or lowered."""

    max_cost: str | None = None
    max_energy_wh: str | None = None
    max_time_s: int | None = None
    max_soc_percent: int | None = None
    actor: str | None = None


class LimitReached(Event, frozen=True, kw_only=True):
    """A transaction came to its limit."""

    limit: str
    by_station: bool


class PriorityChanged(Event, frozen=True, kw_only=True):
    """A transaction charges with priority from now on, or no longer."""

    is_active: bool
    actor: str | None = None
