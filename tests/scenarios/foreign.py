"""Stations made of the `ocpp` package and the `websockets` library: neither of them ours."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import websockets
from ocpp.routing import on

from ocpp import v16, v21, v201
from running import PASSWORD, Running

SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}


class Station16(v16.ChargePoint):
    """Answers remote requests and keeps them."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @on("RemoteStartTransaction")
    def start_remotely(self, **asked: Any) -> Any:
        self.asked.append(("RemoteStartTransaction", asked))
        return v16.call_result.RemoteStartTransaction(status="Accepted")

    @on("RemoteStopTransaction")
    def stop_remotely(self, **asked: Any) -> Any:
        self.asked.append(("RemoteStopTransaction", asked))
        return v16.call_result.RemoteStopTransaction(status="Accepted")


class _Remote:
    """What stations of 2.0.1 and 2.1 are asked alike."""

    _call_result: Any

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @on("RequestStartTransaction")
    def start_remotely(self, **asked: Any) -> Any:
        self.asked.append(("RequestStartTransaction", asked))
        return self._call_result.RequestStartTransaction(status="Accepted")

    @on("RequestStopTransaction")
    def stop_remotely(self, **asked: Any) -> Any:
        self.asked.append(("RequestStopTransaction", asked))
        return self._call_result.RequestStopTransaction(status="Accepted")


class Station201(_Remote, v201.ChargePoint):
    """Answers remote requests and keeps them."""


class Station21(_Remote, v21.ChargePoint):
    """As the one before, in the words of 2.1."""


CLASSES = {"1.6": Station16, "2.0.1": Station201, "2.1": Station21}


def headers(identity: str, password: str | bytes = PASSWORD) -> dict[str, str]:
    """Return the header of HTTP Basic."""
    secret = password if isinstance(password, bytes) else password.encode()
    return {"Authorization": "Basic " + base64.b64encode(identity.encode() + b":" + secret).decode()}


@asynccontextmanager
async def foreign_station(house: Running, version: str, identity: str) -> AsyncIterator[Any]:
    """Connect a station of the `ocpp` package, which listens while the block runs."""
    async with websockets.connect(
        house.url(identity), subprotocols=[SUBPROTOCOLS[version]], additional_headers=headers(identity)
    ) as socket:
        assert socket.subprotocol == SUBPROTOCOLS[version]
        station = CLASSES[version](identity, socket, 10)
        listening = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await listening
