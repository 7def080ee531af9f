"""What happens to reservations."""

from ingufu.core.events import Event


class PlaceReserved(Event, frozen=True, kw_only=True):
    """A station keeps a place for somebody."""

    reservation: int
    evse: int | None = None


class ReservationRefused(Event, frozen=True, kw_only=True):
    """A station did not keep a place, or could not be asked to."""

    reservation: int
    evse: int | None = None
    reason: str


class ReservationUsed(Event, frozen=True, kw_only=True):
    """Whom a place was kept for has come and started."""

    reservation: int
    evse: int | None = None


class ReservationEnded(Event, frozen=True, kw_only=True):
    """A place is kept no longer, and was not used: it expired, or somebody gave it up."""

    reservation: int
    evse: int | None = None
    status: str
    reason: str = ""


class ReservationOvertaken(Event, frozen=True, kw_only=True):
    """Somebody else started where a place was kept."""

    reservation: int
    evse: int | None = None
