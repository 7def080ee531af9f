"""One attempt to connect, whatever phase it is in: how it is counted, timed and, if it fails, reported."""

from collections.abc import Callable

from ingufu.gateway.websocket.decisions import Cause, FailedAttempt
from ingufu.gateway.websocket.entrance import Attempt, Entrance
from ingufu.gateway.websocket.timers import Timer
from ingufu.gateway.websocket.upgrade import Origin


class Visit:
    """Passed on from the TLS handshake to the HTTP one."""

    __slots__ = ("_address", "_timer", "entrance", "is_over", "origin")

    def __init__(self, entrance: Entrance, remote: tuple[str, int]) -> None:
        self.entrance = entrance
        self.origin = Origin(listener=entrance.name, remote=remote)
        self.is_over = False
        self._address = entrance.house.keys.of(remote[0])
        self._timer: Timer | None = None

    def begin(self, attempt: Attempt) -> bool:
        """Count it; False if the house is full or closing, and it was turned away at once."""
        house = self.entrance.house
        house.surroundings.counters.accepted += 1
        house.surroundings.counters.handshakes_open += 1
        house.attempts[self] = attempt
        if self._address is not None:
            house.attempts_of[self._address] += 1
        refusal = self.entrance.refusal(self._address)
        if refusal is not None:
            attempt.turn_away(refusal, "no further handshake is begun")
        return refusal is None

    def pass_to(self, attempt: Attempt) -> None:
        """Let the next phase answer for it."""
        self.entrance.house.attempts[self] = attempt

    def end(self) -> None:
        """No timer and no count of it is left."""
        self.is_over = True
        house = self.entrance.house
        house.surroundings.wheel.cancel(self._timer)
        self._timer = None
        house.surroundings.counters.handshakes_open -= 1
        del house.attempts[self]
        if self._address is not None:
            house.attempts_of[self._address] -= 1
            if not house.attempts_of[self._address]:
                del house.attempts_of[self._address]

    def fail(self, cause: Cause, detail: str, status: int | None = None, raw_path: str | None = None) -> None:
        """End it, and let the operator see why."""
        self.end()
        house = self.entrance.house
        house.surroundings.counters.failed[cause.value] += 1
        attempt = FailedAttempt(
            listener=self.origin.listener,
            remote=self.origin.remote,
            cause=cause,
            detail=detail,
            status=status,
            raw_path=raw_path,
            tls=self.origin.tls,
        )
        try:
            house.attempt_failed(attempt)
        except Exception as failure:  # noqa: BLE001 - a bug in keeping the attempt must not keep the connection
            context = {"message": "An attempt was not kept.", "exception": failure}
            house.surroundings.loop.call_exception_handler(context)

    def limit_time(self, expired: Callable[[], None]) -> None:
        """Call `expired` if the phase that begins now takes too long; the phase before has no limit any more."""
        house = self.entrance.house
        house.surroundings.wheel.cancel(self._timer)
        self._timer = house.surroundings.wheel.schedule(house.limits.handshake_timeout_s, expired)

    def wait_for_turn(self, attempt: Attempt, go_on: Callable[[], None]) -> None:
        """Go on when the rate limits allow it, or turn the attempt away if that would be too late."""
        house = self.entrance.house
        wait_s = self.entrance.take_turn(self._address)
        house.surroundings.wheel.cancel(self._timer)
        if wait_s > house.limits.max_wait_s:
            attempt.turn_away(Cause.RATE_LIMITED, f"its turn would have come in {wait_s:.0f} s", wait_s)
        elif wait_s > 0:
            house.surroundings.counters.handshakes_delayed += 1
            self._timer = house.surroundings.wheel.schedule(wait_s, go_on)
        else:
            go_on()

    @property
    def message_bucket_address(self) -> str | None:
        """The key under which this address's messages are limited."""
        return self._address
