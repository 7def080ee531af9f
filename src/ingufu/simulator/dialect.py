"""What a version of OCPP does for a simulated station: puts what happens into messages, and answers the CSMS."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from ingufu.simulator.access import Token, Verdict
from ingufu.simulator.evse import Change, Context, Evse, Reservation
from ingufu.simulator.meter import Reading
from ingufu.simulator.peer import Payload, Retry


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a station says to a CALL: a result or an error, and what it does once that is sent."""

    payload: Payload | None = None
    error: str | None = None
    description: str = ""
    after: Callable[[], None] | None = None
    is_silent: bool = False  # says nothing at all, as a hung station does


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the station's configuration says, in no version's words."""

    heartbeat_s: float = 300.0
    sample_s: float = 60.0
    aligned_s: float = 0.0
    connection_timeout_s: float = 60.0
    stops_on_invalid: bool = True
    stops_on_unplug: bool = True
    authorizes_remote: bool = False
    authorizes_offline: bool = True
    allows_unknown_offline: bool = False
    retry: Retry = Retry()
    ping_s: float = 0.0
    measurands: tuple[str, ...] = ()
    aligned_measurands: tuple[str, ...] = ()
    ended_measurands: tuple[str, ...] = ()
    start_points: frozenset[str] = frozenset()  # 2.x: TxStartPoint
    stop_points: frozenset[str] = frozenset()
    signs_readings: bool = False  # the registers at begin and end of a transaction


class BootVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How the CSMS answered a boot."""

    status: str
    interval_s: float


class Dialect(Protocol):
    """One version, for one station."""

    def settings(self) -> Settings:
        """Return the configuration as it is now."""
        ...

    def boot(self, reason: str) -> tuple[str, Payload]:
        """Return action and payload of a BootNotification; `reason` in the words of 2.x."""
        ...

    def accepted(self, heartbeat_s: float) -> None:
        """Note the interval and report every status, now that the CSMS wants to hear it."""
        ...

    def resumed(self) -> None:
        """Report what changed while there was no connection."""
        ...

    def authorize(self, token: Token, then: Callable[[Verdict | None], None]) -> None:
        """Ask about the token; `then` hears None when no answer came."""
        ...

    def changed(self, evse: Evse, change: Change) -> None:
        """Tell what happened: start, update or end the transaction, report the status."""
        ...

    def sampled(self, evse: Evse, reading: Reading, context: Context) -> None:
        """Send, or keep for the end, a reading."""
        ...

    def report_status(self, evse: Evse, *, is_asked: bool = False) -> None:
        """Send the status if it is not what was reported last, or in any case when asked for it."""
        ...

    def reservation_expired(self, evse: Evse, reservation: Reservation) -> None:
        """Tell, where the version can, that nobody came."""
        ...

    def security_event(self, kind: str, info: str) -> None:
        """Tell of something that a security officer wants to know."""
        ...

    def answer(self, action: str, payload: Payload) -> Answer:
        """Answer a CALL of the CSMS."""
        ...
