"""Every broken promise of the house, named by meaning; edges translate them into their own codes once."""

from typing import ClassVar


class IngufuError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self.args[0])


class InvalidInput(IngufuError):
    """What was given cannot be used as it is."""

    code = "invalid-input"

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(IngufuError):
    """There is no such thing, or it is not yours to see."""

    code = "not-found"


class Conflict(IngufuError):
    """Someone else changed it first, or it exists already."""

    code = "conflict"


class Unauthenticated(IngufuError):
    """Say who you are first."""

    code = "unauthenticated"


class Forbidden(IngufuError):
    """You may not do that."""

    code = "forbidden"


class TooManyRequests(IngufuError):
    """Too many attempts; wait a little."""

    code = "too-many-requests"

    def __init__(self, message: str | None = None, *, retry_after_s: int = 60) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StationUnavailable(IngufuError):
    """The station could not be asked."""

    code = "station-unavailable"


class StationOffline(StationUnavailable):
    """The station is not connected."""

    code = "station-offline"


class StationTimeout(StationUnavailable):
    """The station did not answer in time."""

    code = "station-timeout"


class StationUnsupported(StationUnavailable):
    """The station's OCPP version has no such request."""

    code = "station-unsupported"


class StationNotAccepted(StationUnavailable):
    """The station is not accepted yet, and may not be asked this until it is."""

    code = "station-not-accepted"


class PartnerFailed(IngufuError):
    """A partner's system did not do what it promised."""

    code = "partner-failed"

    def __init__(self, message: str | None = None, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class Unavailable(IngufuError):
    """We cannot answer now; nothing was changed."""

    code = "unavailable"


class SettingsError(IngufuError):
    """A setting is wrong; the start was stopped."""

    code = "settings"


class SchemaMismatch(IngufuError):
    """The database is not of the version this program knows."""

    code = "schema-mismatch"
