"""A fleet that comes back all at once after a crash: what nobody waits for waits until it is in."""

from collections.abc import Awaitable, Callable

from ingufu.gateway.frame_log import FrameLog
from ingufu.gateway.link import Connections
from ingufu.services import Services

SHARE, LONGEST_S = 0.9, 10.0  # so many stations are back, or so much time has passed: the rush is over
PAUSE_S, LOOK_S = 3.0, 0.1  # or for so long none has come
FEW = 50  # and fewer are written from look to look, or are in hand
CAUGHT_UP, CATCH_UP_S = 100, 0.01  # attempts handed on at once when it is over, and the time between

Pause = Callable[[float], Awaitable[bool]]  # seconds; whether everything ends before they have passed


class Rush:
    """Knows when it is over, and has what is not urgent wait for that."""

    def __init__(self, services: Services, connections: Connections, frames: FrameLog) -> None:
        self._clock = services.clock
        self._writer = services.database.writer
        self._stations = services.stations
        self._connections = connections
        self._frames = frames

    async def last(self, expected: int, in_hand: Callable[[], int], stops_within: Pause) -> bool:
        """Return True when of the expected stations most are back, or no more come, and they have told their news.

        `in_hand` says how many handshakes and messages are. False if everything ends before.
        """
        self._set(is_on=True)
        try:
            return await self._await_calm(expected, in_hand, stops_within)
        finally:
            self._set(is_on=False)

    async def catch_up(self, stops_within: Pause) -> None:
        """Hand on what it has kept, a little at a time, so that nobody waits for that."""
        while self._stations.write_fresh(CAUGHT_UP) and not await stops_within(CATCH_UP_S):
            pass

    async def _await_calm(self, expected: int, in_hand: Callable[[], int], stops_within: Pause) -> bool:
        clock, writer = self._clock, self._writer
        began = came_at = clock.monotonic()
        count, units, is_calm = 0, writer.units, False
        while clock.monotonic() - began < LONGEST_S:
            is_back = count >= SHARE * expected or clock.monotonic() - came_at >= PAUSE_S
            if is_back and is_calm:
                break
            if await stops_within(LOOK_S):
                return False
            is_calm = max(writer.units - units, in_hand()) < FEW
            units = writer.units
            if len(self._connections) > count:
                count, came_at = len(self._connections), clock.monotonic()
        return True

    def _set(self, *, is_on: bool) -> None:
        self._writer.rush(is_on=is_on)
        self._frames.rush(is_on=is_on)
        self._stations.rush(is_on=is_on)
