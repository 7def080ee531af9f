"""A frame as it went over a station's connection, kept for the message log."""

from datetime import datetime

import msgspec


class FrameRow(msgspec.Struct, frozen=True, kw_only=True):
    """One frame, its secrets already taken out."""

    id: int | None = None  # given by storage; rises with time
    at: datetime
    station_id: str
    connection_id: str
    is_inbound: bool
    message_type: int | None = None  # 2 to 6; None: unreadable
    message_id: str | None = None
    action: str | None = None  # of the CALL, also on its answer
    evse: int | None = None
    transaction: str | None = None  # the station's word for it
    text: str
    size: int  # bytes on the wire, before any cut
