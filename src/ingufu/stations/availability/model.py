"""What was asked of the availability of a station, an EVSE or a connector."""

from datetime import datetime
from enum import StrEnum

import msgspec


class WishState(StrEnum):
    """How far a wish has come."""

    WANTED = "wanted"  # the station was not told yet
    SCHEDULED = "scheduled"  # it will follow when what charges has ended
    ACCEPTED = "accepted"  # it says that it follows
    REFUSED = "refused"
    KEPT = "kept"  # its status shows it


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked. EVSE 0 is the whole station, connector 0 the whole EVSE."""

    station_id: str
    evse: int = 0
    connector: int = 0
    is_operative: bool
    state: WishState = WishState.WANTED
    answer: str | None = None  # the station's word, or why it could not be asked
    asked_at: datetime
    asked_by: str | None = None
    told_at: datetime | None = None
    kept_at: datetime | None = None
    attempts: int = 0
