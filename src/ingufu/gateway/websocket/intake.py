"""When frames are taken: at once, or later and in order while reading is held by a rate limit or the owner."""

from collections import deque
from collections.abc import Callable

from ingufu.gateway.websocket.frames import Frames
from ingufu.gateway.websocket.rates import Bucket
from ingufu.gateway.websocket.timers import Timer, Wheel

HELD_BY_RATE = 1
HELD_BY_OWNER = 2

Take = Callable[[int, int, bytes], None]


def _take_nothing(opcode: int, flags: int, payload: bytes) -> None:
    del opcode, flags, payload


class Intake:
    """Holds reading and gives it free; what came in the same read as the frame that held it is queued.

    As nothing is read while held, the queue is bounded by what one read can bring.
    """

    __slots__ = (
        "_buckets",
        "_frames",
        "_is_closed",
        "_is_draining",
        "_monotonic",
        "_queue",
        "_resume",
        "_take",
        "_wheel",
        "held",
    )

    def __init__(
        self,
        frames: Frames,
        buckets: tuple[Bucket, ...],
        wheel: Wheel,
        monotonic: Callable[[], float],
        take: Take,
    ) -> None:
        self._frames = frames
        self._buckets = buckets
        self._wheel = wheel
        self._monotonic = monotonic
        self._take = take
        self._queue: deque[tuple[int, int, bytes]] | None = None
        self._resume: Timer | None = None
        self._is_draining = False
        self._is_closed = False
        self.held = 0

    def charge(self, tokens: float) -> bool:
        """Pay for a frame that was taken; True if reading is now held until the debt is paid."""
        if not self._buckets:
            return False
        wait_s = self._debt_s(tokens)
        if not wait_s or self._is_closed:
            return False
        self.hold(HELD_BY_RATE)
        if self._resume is None:
            self._resume = self._wheel.schedule(wait_s, self._resume_after_wait)
        return True

    def hold(self, why: int) -> None:
        """Read nothing more until this and every other reason is released."""
        if not self.held and not self._is_closed:
            self._frames.pause_reading()
        self.held |= why

    def release(self, why: int) -> None:
        """Take up again, first what is queued."""
        was_held = self.held
        self.held &= ~why
        if was_held and not self.held and not self._is_draining and not self._is_closed:
            self._drain()

    def enqueue(self, opcode: int, flags: int, payload: bytes) -> None:
        """Keep a frame for later."""
        if self._queue is None:
            self._queue = deque()
        self._queue.append((opcode, flags, payload))

    def close(self) -> None:
        """Forget what is queued; nothing more is held or taken."""
        self._is_closed = True
        self._queue = None
        self._take = _take_nothing  # whose method it was is to end with its last user, not when rubbish is collected
        self.held = 0
        self._wheel.cancel(self._resume)

    def _debt_s(self, tokens: float) -> float:
        now = self._monotonic()
        longest_s = 0.0
        for bucket in self._buckets:
            wait_s = bucket.take(now, tokens)
            if wait_s > longest_s:  # noqa: PLR1730 - for each message: `max` costs as much as the rest
                longest_s = wait_s
        return longest_s

    def _resume_after_wait(self) -> None:
        wait_s = self._debt_s(0.0)  # pings are taken while held, and an address has other sockets
        if wait_s:
            self._resume = self._wheel.schedule(wait_s, self._resume_after_wait)
        else:
            self._resume = None
            self.release(HELD_BY_RATE)

    def _drain(self) -> None:
        self._is_draining = True
        while self._queue and not self.held:
            self._take(*self._queue.popleft())
        self._is_draining = False
        if not self.held and not self._is_closed:
            self._queue = None
            self._frames.resume_reading()
