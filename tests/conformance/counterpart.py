"""A raw station: says what a scenario wants, answers what it is asked, and judges every frame it hears."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

import websockets

from conformance.judging import CALL, ERROR, RESULT, SEND, Judge, parse

PATIENCE_S = 15.0
Payload = dict[str, Any]


class Refusal(NamedTuple):
    """An answer by CALLERROR."""

    code: str


Answer = Payload | Refusal | Callable[[Payload], "Payload | Refusal"]


PROFILES = "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
TRUTHS = {"Available", "Enabled", "NonEvseSpecific", "AuthorizeRemoteStart", "LocalPreAuthorize"}
USUAL_KEYS = {"SupportedFeatureProfiles": PROFILES, "ReserveConnectorZeroSupported": "true"}


def _values(asked: Payload) -> Payload:
    """Return 1000 for every variable that is not true or false."""
    found = [
        {
            **_place(one),
            "attributeStatus": "Accepted",
            "attributeValue": "true" if one["variable"]["name"] in TRUTHS else "1000",
        }
        for one in asked["getVariableData"]
    ]
    return {"getVariableResult": found}


def _settings(asked: Payload) -> Payload:
    return {"setVariableResult": [{**_place(one), "attributeStatus": "Accepted"} for one in asked["setVariableData"]]}


def _place(asked: Payload) -> Payload:
    return {name: asked[name] for name in ("component", "variable", "attributeType") if name in asked}


def _keys(asked: Payload) -> Payload:
    keys = [{"key": key, "readonly": False, "value": USUAL_KEYS.get(key, "1")} for key in asked.get("key", ())]
    return {"configurationKey": keys}


USUAL: dict[str, Answer] = {
    "GetConfiguration": _keys,
    "GetVariables": _values,
    "SetVariables": _settings,
    "UnlockConnector": {"status": "Unlocked"},
    "GetTransactionStatus": {"messagesInQueue": False},
}


class Counterpart:
    """One connection of a station. What is not told otherwise is accepted."""

    def __init__(self, socket: websockets.ClientConnection, version: str, judge: Judge, now: Any) -> None:
        self.socket = socket
        self.version = version
        self.judge = judge
        self.asked: list[tuple[str, Payload]] = []  # every CALL of the CSMS, in order
        self._now: Callable[[], datetime] = now
        self._answers: dict[str, Answer] = {}
        self._open: dict[str, tuple[str, asyncio.Future[Any]]] = {}
        self._numbers = count(1)
        self._stirred = asyncio.Event()

    @property
    def time(self) -> str:
        """The date, as stations write it."""
        return self._now().isoformat().replace("+00:00", "Z")

    async def listen(self) -> None:
        """Hear, judge and answer until the connection ends."""
        async for text in self.socket:
            await self._hear(parse(text))
            self._stirred.set()

    def answer(self, action: str, said: Answer) -> None:
        """Answer CALLs of that action so from now on."""
        self._answers[action] = said

    async def ask(self, action: str, payload: Payload) -> Any:
        """Send a CALL and return the frame that answers it."""
        self.judge.say(self.version, action, "request", payload)
        message_id = f"cs-{next(self._numbers)}"
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open[message_id] = (action, reply)
        await self.socket.send(json.dumps([CALL, message_id, action, payload]))
        async with asyncio.timeout(PATIENCE_S):
            return await reply

    async def get(self, action: str, payload: Payload | None = None) -> Payload:
        """Send a CALL and return the payload of its result; an error is none."""
        frame = await self.ask(action, payload or {})
        assert frame[0] == RESULT, frame
        answered: Payload = frame[2]
        return answered

    async def refused(self, action: str, payload: Payload | None = None) -> str:
        """Send a CALL and return the code of the error that answers it."""
        frame = await self.ask(action, payload or {})
        assert frame[0] == ERROR, frame
        return str(frame[2])

    async def send(self, action: str, payload: Payload) -> None:
        """Send what is not answered (2.1)."""
        self.judge.say(self.version, action, "request", payload)
        await self.socket.send(json.dumps([SEND, f"cs-{next(self._numbers)}", action, payload]))

    def payloads(self, action: str) -> list[Payload]:
        """Return what the CSMS has asked by that action so far."""
        return [payload for name, payload in self.asked if name == action]

    async def until_asked(self, action: str, times: int = 1) -> Payload:
        """Wait until the CSMS has asked that so often, and return the last of these."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.payloads(action)) < times:
                self._stirred.clear()
                await self._stirred.wait()
        return self.payloads(action)[times - 1]

    async def boot(self, **says: Any) -> Payload:
        """Send the BootNotification of this version."""
        if self.version == "1.6":
            return await self.get("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"} | says)
        station = {"model": "M", "vendorName": "V"}
        return await self.get("BootNotification", {"reason": "PowerUp", "chargingStation": station} | says)

    async def report(self, status: str, evse: int = 1, connector: int = 1, **says: Any) -> None:
        """Tell the status of a connector; in 1.6 `evse` is the connector's number, 0 the whole station."""
        said: Payload = {"connectorStatus": status, "timestamp": self.time, "evseId": evse, "connectorId": connector}
        if self.version == "1.6":
            said = {"connectorId": evse, "errorCode": "NoError", "status": status, "timestamp": self.time}
        assert await self.get("StatusNotification", said | says) == {}

    async def authorize(self, token: str, kind: str = "ISO14443") -> Payload:
        """Hold a card before the reader, and return what the CSMS says of it."""
        if self.version == "1.6":
            told: Payload = (await self.get("Authorize", {"idTag": token}))["idTagInfo"]
        else:
            told = (await self.get("Authorize", {"idToken": {"idToken": token, "type": kind}}))["idTokenInfo"]
        return told

    async def _hear(self, frame: Any) -> None:
        match frame:
            case [2, str(message_id), str(action), dict(payload)]:
                self.judge.hear(self.version, frame, action)
                self.asked.append((action, payload))
                await self._reply(message_id, action, payload)
            case [3 | 4, str(message_id), *_] if message_id in self._open:
                action, reply = self._open.pop(message_id)
                self.judge.hear(self.version, frame, action)
                reply.set_result(frame)
            case _:
                self.judge.hear(self.version, frame, "")
                self.judge.faults.append(f"The CSMS sent what nobody had asked for: {frame}")

    async def _reply(self, message_id: str, action: str, payload: Payload) -> None:
        said = self._answers.get(action, USUAL.get(action, {"status": "Accepted"}))
        said = said if isinstance(said, dict | Refusal) else said(payload)
        if isinstance(said, Refusal):
            await self.socket.send(json.dumps([ERROR, message_id, said.code, "", {}]))
            return
        self.judge.say(self.version, action, "response", said)
        await self.socket.send(json.dumps([RESULT, message_id, said]))
