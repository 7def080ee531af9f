"""The bus within one process."""

import asyncio
from collections import defaultdict

from ingufu.core.errors import IngufuError, Unavailable
from ingufu.infra.bus.port import Listener, Responder, Unsubscribe


class MemoryBus:
    """Delivers at once, in the caller's turn."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._responders: dict[str, Responder] = {}

    def publish(self, topic: str, message: bytes) -> None:
        for listener in tuple(self._listeners.get(topic, ())):
            listener(message)

    def subscribe(self, topic: str, listener: Listener) -> Unsubscribe:
        self._listeners[topic].append(listener)
        return lambda: self._listeners[topic].remove(listener)

    async def request(self, subject: str, message: bytes, *, timeout_s: float) -> bytes:
        responder = self._responders.get(subject)
        if responder is None:
            raise Unavailable(f"Nobody answers for {subject} at the moment.")
        try:
            async with asyncio.timeout(timeout_s):
                return await responder(message)
        except TimeoutError as error:
            raise Unavailable(f"{subject} did not answer within {timeout_s:g} s.") from error
        except IngufuError as error:
            raise Unavailable(f"{subject} failed: {error}") from error

    def respond(self, subject: str, responder: Responder) -> None:
        self._responders[subject] = responder

    async def close(self) -> None:
        self._listeners.clear()
        self._responders.clear()
