"""What happens to the configuration of stations."""

from ingufu.core.events import Event


class ReportEnded(Event, frozen=True, kw_only=True):
    """A report of a station's variables or monitors is complete, or will not be."""

    report: str
    of: str
    base: str | None = None
    state: str
    items: int
    missing: int = 0
    detail: str = ""


class VariablesWritten(Event, frozen=True, kw_only=True):
    """Values were sent to a station; what it said of each. Values of secrets are not told."""

    accepted: int
    refused: int
    results: tuple[str, ...] = ()  # variable: status
    actor: str | None = None


class DriftChanged(Event, frozen=True, kw_only=True):
    """The number of a station's values that are not as desired changed."""

    before: int
    after: int


class DesiredChanged(Event, frozen=True, kw_only=True):
    """What is desired for a station, or by a template, changed."""

    owner: str
    changed: tuple[str, ...] = ()
    actor: str | None = None


class NetworkProfileAnswered(Event, frozen=True, kw_only=True):
    """A station answered to a network profile."""

    slot: int
    status: str
    actor: str | None = None


class ResetSettled(Event, frozen=True, kw_only=True):
    """A reset that was asked for happened, was refused, or did not show."""

    reset: str
    evse: int | None = None
    state: str
    detail: str = ""
