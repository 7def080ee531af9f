"""Frames put into the message log as the gateway would, each connection's in chunks of their own."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from ingufu.stations.frames import FrameChunk, packed
from ingufu.stations.service import Frames


class Sent(NamedTuple):
    """A frame as it went over the wire."""

    at: datetime
    station_id: str
    text: str = '[2,"h","Heartbeat",{}]'
    connection_id: str = "c"
    is_inbound: bool = True


def chunks(sent: Iterable[Sent]) -> list[FrameChunk]:
    """Return the frames in chunks, in their order."""
    return [
        packed(
            station_id, connection_id, [(one.at, one.is_inbound, len(one.text), one.text.encode()) for one in frames]
        )
        for (station_id, connection_id), frames in groupby(sent, lambda one: (one.station_id, one.connection_id))
    ]


def keep(frames: Frames, sent: Iterable[Sent]) -> None:
    """Let the frames be written soon."""
    frames.append(chunks(sent))
