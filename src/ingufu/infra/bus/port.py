"""What every bus does, whichever carries it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

Listener = Callable[[bytes], None]
Responder = Callable[[bytes], Awaitable[bytes]]
Unsubscribe = Callable[[], None]


class Bus(Protocol):
    """Carries what may be lost without harm: losing the bus pauses remote control and live pages, never charging."""

    def publish(self, topic: str, message: bytes) -> None:
        """Hand `message` to whoever listens now; nobody may."""
        ...

    def subscribe(self, topic: str, listener: Listener) -> Unsubscribe:
        """Call `listener` with each message of the topic; it must be quick and not raise."""
        ...

    async def request(self, subject: str, message: bytes, *, timeout_s: float) -> bytes:
        """Return what the responder answers.

        Raises Unavailable when there is none, when it fails, or when it does not answer in time.
        """
        ...

    def respond(self, subject: str, responder: Responder) -> None:
        """Answer requests on `subject` from now on. One responder a subject."""
        ...

    async def close(self) -> None: ...
