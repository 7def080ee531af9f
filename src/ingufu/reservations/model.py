"""A place at a station kept for somebody, until they come or until a certain time."""

from datetime import datetime
from enum import StrEnum

import msgspec


class ReservationStatus(StrEnum):
    """How far it is. The first three may still hold a place at the station."""

    ASKED = "asked"  # the station has not answered yet
    KEPT = "kept"
    CANCELLING = "cancelling"  # to be given up as soon as the station can be told
    USED = "used"
    EXPIRED = "expired"  # nobody came
    CANCELLED = "cancelled"
    REMOVED = "removed"  # the station gave it up: a fault, out of service, a restart
    NO_TRANSACTION = "no-transaction"  # used, but no transaction followed (OCPP 2.1)
    REFUSED = "refused"  # the station said no
    FAILED = "failed"  # the station could not be asked


LIVE = (ReservationStatus.ASKED, ReservationStatus.KEPT)
PENDING = (*LIVE, ReservationStatus.CANCELLING)


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """One reservation. Its `id` is what stations know it by: a positive number of 32 bits, never given twice."""

    id: int
    station_id: str
    evse: int | None = None
    plug: str | None = None  # OCPP ConnectorEnumType; None with `evse` None: any place
    token_value: str
    token_kind: str
    token_id: str | None = None
    group_value: str | None = None
    status: ReservationStatus = ReservationStatus.ASKED
    detail: str = ""  # why it is as it is, for people
    expires_at: datetime
    created_at: datetime
    created_by: str = ""
    kept_at: datetime | None = None
    ended_at: datetime | None = None
    transaction_id: str | None = None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def token_key(self) -> str:
        return self.token_value.strip().casefold()


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants kept."""

    station_id: str
    token_value: str
    token_kind: str = "ISO14443"
    expires_at: datetime
    evse: int | None = None
    plug: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An EVSE of the station, as much of it as a reservation needs."""

    evse: int
    plugs: frozenset[str] = frozenset()


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A start, as much of it as tells whether it uses a reservation."""

    station_id: str
    evse: int | None
    transaction_id: str
    at: datetime
    times: tuple[datetime, ...] = ()  # when it may have been, where the station's clock may be wrong; empty: `at`
    reservation_id: int | None = None
    token_key: str | None = None
    group_value: str | None = None
