"""The bus within one process."""

import asyncio
from collections import defaultdict

import structlog

from ingufu.core.errors import IngufuError, Unavailable
from ingufu.infra.bus.port import Listener, Responder, Unsubscribe

log = structlog.get_logger(__name__)


class MemoryBus:
    """Delivers at once, in the caller's turn."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._responders: dict[str, Responder] = {}

    def publish(self, topic: str, message: bytes) -> None:
        for listener in tuple(self._listeners.get(topic, ())):
            try:
                listener(message)
            except Exception:  # whoever publishes has nothing to do with who listens
                log.exception("bus.listener_failed", topic=topic)

    def subscribe(self, topic: str, listener: Listener) -> Unsubscribe:
        listeners = self._listeners[topic]
        listeners.append(listener)

        def unsubscribe() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return unsubscribe

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
            raise Unavailable(f"{subject} failed: {error.message}") from error
        except Exception as error:
            log.exception("bus.responder_failed", subject=subject)
            raise Unavailable(f"{subject} failed to answer.") from error

    def respond(self, subject: str, responder: Responder) -> None:
        self._responders[subject] = responder

    async def close(self) -> None:
        self._listeners.clear()
        self._responders.clear()
