"""A station's end of a WebSocket, as thin as it can be: many thousands of them run in one process."""

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import picows

SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}
CONNECT_TIMEOUT_S = 30.0


class Lost(Exception):
    """The connection could not be made, or ended; `code` is what the server closed it with, None if it did not."""

    def __init__(self, reason: str, code: int | None = None, *, was_refused: bool = False) -> None:
        super().__init__(f"{reason} ({code})")
        self.code = code
        self.was_refused = was_refused  # by an HTTP status instead of the upgrade


def refuse(action: str, payload: Any) -> Any:
    """Answer whatever the server asks as a station does that cannot do it."""
    del action, payload
    return {"status": "Rejected"}


class Wire(picows.WSListener):
    """One connection: says frames, and gives each answer to the call that it belongs to."""

    def __init__(self, answer: Callable[[str, Any], Any | None] = refuse) -> None:
        self._answer = answer
        self._transport: picows.WSTransport | None = None
        self._open: dict[str, asyncio.Future[list[Any]]] = {}
        self._numbers = itertools.count(1)
        self.asked: list[tuple[str, Any]] = []  # what the server asked of the station
        self.strays = 0  # answers that nobody waited for
        self.error_codes: Counter[str] = Counter()
        self.close_code: int | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self.ended.done()

    async def call(self, action: str, payload: Any, *, message_id: str | None = None, timeout_s: float) -> list[Any]:
        """Return the frame that answers a CALL. Raises Lost, TimeoutError."""
        message_id = message_id or f"m{next(self._numbers)}"
        if not self.is_open:
            raise Lost("it had ended", self.close_code)
        waiting = self._open[message_id] = asyncio.get_running_loop().create_future()
        self.say(json.dumps([2, message_id, action, payload], separators=(",", ":")).encode())
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        finally:
            self._open.pop(message_id, None)

    def say(self, frame: bytes, kind: picows.WSMsgType = picows.WSMsgType.TEXT) -> None:
        """Send a frame as it is."""
        if self._transport is not None and not self.ended.done():
            self._transport.send(kind, frame)

    async def close(self) -> None:
        """Say goodbye, and return when the connection is gone."""
        if self._transport is not None and not self.ended.done():
            self._transport.send_close(picows.WSCloseCode.OK)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5.0):
                    await asyncio.shield(self.ended)
        self.cut()

    def cut(self) -> None:
        """End the connection without a word."""
        if self._transport is not None and not self.ended.done():
            self._transport.disconnect(graceful=False)

    # picows calls these.

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            self._heard(json.loads(frame.get_payload_as_bytes()))
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            self.close_code = int(frame.get_close_code())
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        del transport
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(Lost("it ended", self.close_code))
        if not self.ended.done():
            self.ended.set_result(None)

    def _heard(self, frame: list[Any]) -> None:
        if frame[0] == 2:
            self.asked.append((frame[2], frame[3]))
            payload = self._answer(frame[2], frame[3])
            if payload is not None:
                self.say(json.dumps([3, frame[1], payload]).encode())
            return
        if frame[0] == 4:
            self.error_codes[frame[2]] += 1
        waiting = self._open.get(frame[1])
        if waiting is None or waiting.done():
            self.strays += 1
        else:
            waiting.set_result(frame)


async def connect(
    url: str, version: str, answer: Callable[[str, Any], Any | None] = refuse, *, timeout_s: float = CONNECT_TIMEOUT_S
) -> Wire:
    """Return an open connection to `url`, which ends with the station's identity. Raises Lost."""
    try:
        _, wire = await picows.ws_connect(
            lambda: Wire(answer),
            url,
            extra_headers={"Sec-WebSocket-Protocol": SUBPROTOCOLS[version]},
            websocket_handshake_timeout=timeout_s,
            read_buffer_init_size=2048,
        )
    except (OSError, picows.WSError, TimeoutError) as error:
        was_refused = isinstance(error, picows.WSInvalidStatusError)
        raise Lost(f"{type(error).__name__}: {error}", was_refused=was_refused) from error
    if not isinstance(wire, Wire):  # the other end died before anything could be said
        raise Lost("it ended at once")
    return wire
