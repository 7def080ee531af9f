"""What we ask of a station: version-neutral commands with typed outcomes, and the link that carries them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, get_args

import msgspec

CALL_TIMEOUT_S = 30.0  # slower than any modem wake-up seen; OCPP leaves it open, 30 s is customary


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the station answered. `status` is the station's own word."""

    status: str
    is_accepted: bool
    details: dict[str, Any] = {}


OutcomeT = TypeVar("OutcomeT", bound=Outcome)


class Command(msgspec.Struct, Generic[OutcomeT], frozen=True, kw_only=True):
    """Something asked of a station, in no version's words. The type parameter is what comes back."""


def outcome_type(kind: type[Command[Any]]) -> type[Outcome]:
    """Return what comes back of a kind of command."""
    found: type[Outcome] = get_args(kind.__orig_bases__[0])[0]  # type: ignore[attr-defined]  # of every generic's child
    return found


class Availability(StrEnum):
    OPERATIVE = "operative"
    INOPERATIVE = "inoperative"


class StartCharging(Command[Outcome], frozen=True, kw_only=True):
    """Ask a station to start charging on an EVSE (or any free one) for a token."""

    token: str
    token_kind: str = "Central"  # OCPP 2.x IdTokenEnumType; 1.6 has no kinds
    group: str | None = None  # who else may stop it (2.x groupIdToken); 1.6 cannot say so
    evse: int | None = None
    remote_start_id: int


class StopCharging(Command[Outcome], frozen=True, kw_only=True):
    """Ask a station to end a transaction, named as the station names it."""

    reference: str


class ResetKind(StrEnum):
    """How firmly: 1.6 says Hard and Soft, 2.x Immediate and OnIdle."""

    IMMEDIATE = "immediate"
    ON_IDLE = "on-idle"
    RESUME = "immediate-and-resume"  # OCPP 2.1: what charges goes on afterwards


class ResetStation(Command[Outcome], frozen=True, kw_only=True):
    kind: ResetKind
    evse: int | None = None


class UnlockConnector(Command[Outcome], frozen=True, kw_only=True):
    evse: int
    connector: int = 1


class ChangeAvailability(Command[Outcome], frozen=True, kw_only=True):
    """Take into or out of service: the whole station, an EVSE or a connector."""

    availability: Availability
    evse: int | None = None
    connector: int | None = None


class Trigger(StrEnum):
    BOOT = "boot"
    HEARTBEAT = "heartbeat"
    STATUS = "status"
    METER_VALUES = "meter-values"
    FIRMWARE_STATUS = "firmware-status"
    LOG_STATUS = "log-status"
    TRANSACTION = "transaction"
    DIAGNOSTICS_STATUS = "diagnostics-status"
    PUBLISH_FIRMWARE_STATUS = "publish-firmware-status"
    SIGN_STATION_CERTIFICATE = "sign-station-certificate"
    SIGN_V2G_CERTIFICATE = "sign-v2g-certificate"
    SIGN_V2G20_CERTIFICATE = "sign-v2g20-certificate"
    SIGN_COMBINED_CERTIFICATE = "sign-combined-certificate"
    CUSTOM = "custom"


class TriggerMessage(Command[Outcome], frozen=True, kw_only=True):
    """Ask the station to send a message now."""

    trigger: Trigger
    evse: int | None = None
    connector: int | None = None
    custom: str | None = None  # what is asked for with CUSTOM (2.1)


class ReplyKind(StrEnum):
    RESULT = "result"
    ERROR = "error"
    TIMEOUT = "timeout"
    OFFLINE = "offline"


class RawReply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a CALL that was sent as given: the answer, the error, silence, or no connection."""

    kind: ReplyKind
    message_id: str | None = None
    payload: msgspec.Raw | None = None  # RESULT: the payload exactly as the station wrote it
    error_code: str | None = None
    error_description: str | None = None
    error_details: msgspec.Raw | None = None
    duration_s: float | None = None


class StationLink(Protocol):
    """The way to a station, whichever process holds its socket."""

    async def call(self, station_id: str, command: Command[OutcomeT], *, timeout_s: float = CALL_TIMEOUT_S) -> OutcomeT:
        """Return the station's answer.

        Raises StationOffline, StationTimeout, StationUnsupported; StationNotAccepted if its registration forbids it.
        """
        ...

    async def call_raw(
        self,
        station_id: str,
        action: str,
        payload: bytes,
        *,
        validate: bool = True,
        timeout_s: float = CALL_TIMEOUT_S,
        message_id: str | None = None,
    ) -> RawReply:
        """Send `payload` as it is and return whatever comes of it; never raises for what the station does.

        Raises, if `validate`, InvalidInput if the payload has not the shape of the action in the station's version, and
        StationNotAccepted if the station's registration forbids to ask it this.
        """
        ...

    async def disconnect(self, station_id: str, reason: str) -> bool:
        """Close the station's connection; False if there was none."""
        ...

    async def reload(self, station_id: str) -> None:
        """Let the holder of the socket read the station's settings anew."""
        ...


Details = Mapping[str, Any]


class FieldForm(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a request, as much of it as a form needs."""

    name: str
    kind: str  # text, integer, number, boolean, instant, choice, object, list, any
    is_required: bool = False
    choices: tuple[str, ...] = ()
    min_length: int | None = None
    max_length: int | None = None  # of a text: characters; of a list: items
    minimum: float | None = None
    maximum: float | None = None
    fields: tuple["FieldForm", ...] = ()  # of an object, and of each item of a list of objects
    item: "FieldForm | None" = None  # of a list


class ActionForm(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may be asked of a station, with what its payload is made of."""

    action: str
    fields: tuple[FieldForm, ...] = ()


class CommandCatalogue(Protocol):
    """Knows what may be asked of stations of each version."""

    def actions(self, version: str) -> tuple[ActionForm, ...]:
        """Return the requests of an OCPP version ("1.6", "2.0.1", "2.1") by name; none if it is not known."""
        ...
