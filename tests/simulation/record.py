"""What a station knows of its own chargings: its side of the truth, against which the database is held."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

REGISTER = "Energy.Active.Import.Register"


@dataclass(eq=False)
class Reading:
    """A value of the register, as the station noted it."""

    at: datetime
    wh: int
    context: str = "Sample.Periodic"


@dataclass(eq=False)
class Charging:
    """One transaction as its station knows it."""

    name: str  # 2.x: what the station calls it; 1.6: a name for us
    connector: int
    token: str
    start: Reading
    end: Reading | None = None
    reason: str = "Local"
    readings: list[Reading] = field(default_factory=list)  # that were told on the way
    numbers: set[int] = field(default_factory=set)  # 1.6: every number that the server gave to the start
    messages: list["Message"] = field(default_factory=list)

    @property
    def drew_nothing(self) -> bool:
        """Whether it is over and the register has not risen."""
        return self.end is not None and self.end.wh == self.start.wh

    @property
    def number(self) -> int:
        return min(self.numbers)


@dataclass(eq=False)
class Message:
    """Something that the station keeps until it is acknowledged."""

    kind: str  # start, reading, stop, idle
    connector: int
    at: datetime
    charging: Charging | None = None
    readings: tuple[Reading, ...] = ()
    seq: int = 0  # 2.x
    trigger: str = ""  # 2.x
    is_offline: bool = False
    message_id: str = ""
    sent: int = 0
    is_acknowledged: bool = False


class Told:
    """What was said of one thing that has one value: the last word that was acknowledged, and all since."""

    def __init__(self) -> None:
        self._words: dict[int, str] = {}
        self._said = 0
        self.is_acknowledged = False

    def say(self, word: str) -> Callable[[], None]:
        """Note a word; what is returned is to be called when it is acknowledged."""
        number = self._said = self._said + 1
        self._words[number] = word

        def acknowledge() -> None:
            self.is_acknowledged = True
            if number in self._words:
                self._words = {one: said for one, said in self._words.items() if one >= number}

        return acknowledge

    def may_be(self, word: object) -> bool:
        """Return whether this may be what is stored."""
        return not self.is_acknowledged or word in self._words.values()

    def __str__(self) -> str:
        return ", ".join(self._words.values())


@dataclass(eq=False)
class Record:
    """All that one station did and was told."""

    chargings: list[Charging] = field(default_factory=list)
    idle: list[Message] = field(default_factory=list)
    late: list["Message"] = field(default_factory=list)  # idle readings told by a connection that was given up
    statuses: dict[int, "Told"] = field(default_factory=dict)  # by connector
    firmware: "Told" = field(default_factory=Told)
    answered: dict[str, str] = field(default_factory=dict)  # by message id: what was answered to requests
    asked: Counter[str] = field(default_factory=Counter)  # by message id: how often it was asked


def action_of(version: str, message: Message) -> str:
    """Return the OCPP action that carries a message."""
    if message.kind == "idle":
        return "MeterValues"
    if version != "ocpp1.6":
        return "TransactionEvent"
    return {"start": "StartTransaction", "reading": "MeterValues", "stop": "StopTransaction"}[message.kind]


def payload_of(version: str, message: Message) -> dict[str, Any]:
    """Return the payload of a message in the words of a version."""
    if version != "ocpp1.6":
        return _payload_2(message)
    return _payload_16(message)


def written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _payload_16(message: Message) -> dict[str, Any]:
    values = [
        {
            "timestamp": written(one.at),
            "sampledValue": [{"value": str(one.wh), "measurand": REGISTER, "unit": "Wh", "context": one.context}],
        }
        for one in message.readings
    ]
    charging = message.charging
    if charging is None:
        return {"connectorId": message.connector, "meterValue": values}
    if message.kind == "start":
        return {
            "connectorId": charging.connector,
            "idTag": charging.token,
            "meterStart": charging.start.wh,
            "timestamp": written(message.at),
        }
    if message.kind == "reading":
        return {"connectorId": charging.connector, "transactionId": charging.number, "meterValue": values}
    assert charging.end is not None
    payload = {
        "transactionId": charging.number,
        "idTag": charging.token,
        "meterStop": charging.end.wh,
        "timestamp": written(message.at),
        "reason": charging.reason,
    }
    return payload | {"transactionData": values} if values else payload


_KINDS = {"start": "Started", "reading": "Updated", "stop": "Ended"}


def _payload_2(message: Message) -> dict[str, Any]:
    values = [
        {
            "timestamp": written(one.at),
            "sampledValue": [
                {"value": one.wh, "measurand": REGISTER, "context": one.context, "unitOfMeasure": {"unit": "Wh"}}
            ],
        }
        for one in message.readings
    ]
    charging = message.charging
    if charging is None:
        return {"evseId": message.connector, "meterValue": values}
    info: dict[str, Any] = {"transactionId": charging.name}
    payload: dict[str, Any] = {
        "eventType": _KINDS[message.kind],
        "timestamp": written(message.at),
        "triggerReason": message.trigger,
        "seqNo": message.seq,
        "offline": message.is_offline,
        "transactionInfo": info,
        "evse": {"id": charging.connector, "connectorId": 1},
    }
    if values:
        payload["meterValue"] = values
    if message.kind == "start":
        payload["idToken"] = {"idToken": charging.token, "type": "ISO14443"}
        info["chargingState"] = "Charging"
    if message.kind == "stop":
        info["stoppedReason"] = charging.reason
    return payload
