"""What happens to stations."""

from ingufu.core.events import Event


class StationDiscovered(Event, frozen=True, kw_only=True):
    """An unknown station called and waits for approval."""

    identity: str


class StationChanged(Event, frozen=True, kw_only=True):
    """An operator changed what we allow the station."""

    changed: tuple[str, ...]


class StationConnected(Event, frozen=True, kw_only=True):
    """A station opened its connection."""

    version: str
    address: str
    connection_id: str


class StationDisconnected(Event, frozen=True, kw_only=True):
    """A station's connection ended."""

    connection_id: str
    code: int | None = None
    reason: str = ""


class StationBooted(Event, frozen=True, kw_only=True):
    """A station booted and was told whether it is accepted."""

    vendor: str
    model: str
    firmware_version: str | None = None
    reason: str | None = None
    answer: str
    is_triggered: bool = False  # it did not start: it told about itself because it was asked


class FirmwareChanged(Event, frozen=True, kw_only=True):
    """A station booted with another firmware than before."""

    before: str | None
    after: str | None


class StatusChanged(Event, frozen=True, kw_only=True):
    """The status of a connector, or of a whole station, changed."""

    evse: int
    connector: int
    before: str | None
    after: str
    raw_status: str
    error_code: str | None = None
    info: str | None = None


class ConnectionRefused(Event, frozen=True, kw_only=True):
    """An attempt to connect failed."""

    outcome: str
    address: str
    identity: str | None = None


class CommandAnswered(Event, frozen=True, kw_only=True):
    """A request of ours came back, or did not."""

    action: str
    result: str
    status: str | None = None
    actor: str | None = None


class SecurityEventReported(Event, frozen=True, kw_only=True):
    """The station reports something about its own security."""

    name: str
    info: str | None = None


class NoticeReceived(Event, frozen=True, kw_only=True):
    """A message of progress or state that asks nothing of us beyond being kept."""

    action: str
    content: str
