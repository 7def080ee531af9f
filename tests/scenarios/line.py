"""A bare WebSocket to the gateway, on which a test says exactly what it wants and hears everything."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import websockets

from running import Running
from scenarios.foreign import SUBPROTOCOLS, headers

PATIENCE_S = 10.0

BOOTS: dict[str, dict[str, Any]] = {
    "1.6": {"chargePointVendor": "V", "chargePointModel": "M"},
    "2.0.1": {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}},
}
BOOTS["2.1"] = BOOTS["2.0.1"]


class Line:
    """One end of a WebSocket."""

    def __init__(self, socket: websockets.ClientConnection, version: str) -> None:
        self.socket = socket
        self.version = version
        self._numbers = count(1)

    async def say(self, frame: Any) -> None:
        """Send a frame: text as it is, anything else as JSON."""
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def hear(self) -> Any:
        return json.loads(await self.hear_text())

    async def hear_text(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            heard = await self.socket.recv()
        assert isinstance(heard, str)
        return heard

    async def ask(self, action: str, payload: Any, *, message_id: str | None = None) -> Any:
        """Send a CALL and return the frame that answers it."""
        message_id = message_id or f"m{next(self._numbers)}"
        await self.say([2, message_id, action, payload])
        answer = await self.hear()
        assert answer[1] == message_id, answer
        return answer

    async def get(self, action: str, payload: Any) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT."""
        answer = await self.ask(action, payload)
        assert answer[0] == 3, answer
        return answer[2]

    async def boot(self) -> dict[str, Any]:
        return await self.get("BootNotification", BOOTS[self.version])

    async def hear_end(self) -> tuple[int, str]:
        """Wait for the gateway to close, and return code and reason."""
        async with asyncio.timeout(PATIENCE_S):
            await self.socket.wait_closed()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def line(house: Running, identity: str, version: str = "1.6", **options: Any) -> AsyncIterator[Line]:
    """Connect with the tests' password."""
    options = {"subprotocols": [SUBPROTOCOLS[version]], "additional_headers": headers(identity)} | options
    async with websockets.connect(house.url(identity), **options) as socket:
        yield Line(socket, version)
