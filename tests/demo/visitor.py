"""A station of the tests' own that calls the demo over OCPP 1.6, and says what a test has it say."""

import base64
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

ANSWER_S = 30.0


class Visitor:
    """A connected station."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def call(self, action: str, payload: dict[str, Any]) -> Any:
        """Return what the server answers; what it asks meanwhile is answered as not known."""
        message_id = f"v{next(self._numbers)}"
        self._socket.send(json.dumps([2, message_id, action, payload]))
        until = time.monotonic() + ANSWER_S
        while True:
            frame = json.loads(self._socket.recv(timeout=max(0.0, until - time.monotonic())))
            if frame[0] == 2:
                self._socket.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))
            elif frame[1] == message_id:
                assert frame[0] == 3, frame
                return frame[2]

    def boot(self) -> Any:
        return self.call("BootNotification", {"chargePointVendor": "Visitor", "chargePointModel": "One"})


@contextmanager
def visiting(url: str, identity: str, password: str) -> Iterator[Visitor]:
    """Connect as that station."""
    with connect(
        f"{url}/{identity}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers=credentials(identity, password),
        open_timeout=ANSWER_S,
    ) as socket:
        yield Visitor(socket)


def knock(url: str, identity: str, password: str) -> int:
    """Try to connect as that station, and return the HTTP status by which it is turned away."""
    try:
        with visiting(url, identity, password):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


def credentials(identity: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{identity}:{password}".encode()).decode()}
