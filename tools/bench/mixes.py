"""What stations say: each mix a generator of frames that is sent the server's answers."""

import time
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeAlias

from bench import wire

Messages: TypeAlias = Generator[bytes, bytes, None]

BOOT_16 = b'[2,"boot","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"B1"}]'
BOOT_2 = b'[2,"boot","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"Bench","model":"B1"}}]'
# id, status, timestamp
_STATUS_16 = b'[2,"%b","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"%b","timestamp":"%b"}]'
# id, timestamp
_STATUS_2 = b'[2,"%b","StatusNotification",{"timestamp":"%b","connectorStatus":"Available","evseId":1,"connectorId":1}]'
# id, token, register, timestamp
_START = b'[2,"%08d","StartTransaction",{"connectorId":1,"idTag":"%b","meterStart":%d,"timestamp":"%b"}]'
# id, transaction, register, timestamp, token
_STOP = b'[2,"%08d","StopTransaction",{"transactionId":%b,"meterStop":%d,"timestamp":"%b","idTag":"%b"}]'
_TWO_SAMPLES = (
    b'[2,"%08d","MeterValues",{"connectorId":1,"transactionId":%b,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":"%d","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"7200.0","measurand":"Power.Active.Import","unit":"W"}]}]}]'
)  # id, transaction, timestamp, register
_ONE_SAMPLE = (
    b'[2,"%08d","MeterValues",{"connectorId":1,"transactionId":%b,"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":"%d"}]}]}]'
)
_EVENT = (
    b'[2,"%08d","TransactionEvent",{"eventType":"%b","timestamp":"%b","triggerReason":"%b","seqNo":%d,'
    b'"transactionInfo":{"transactionId":"%b","chargingState":"Charging"},"evse":{"id":1,"connectorId":1},'
    b'"meterValue":[{"timestamp":"%b","sampledValue":['
    b'{"value":%d,"measurand":"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh"}},'
    b'{"value":7200.5,"measurand":"Power.Active.Import","unitOfMeasure":{"unit":"W"}}]}]}]'
)  # id, kind, timestamp, trigger, number, transaction, timestamp, register
_READINGS = 10  # MeterValues of one session

BEGUN = frozenset({"meter-values", "transaction-events"})  # mixes whose first call starts what the others go on with
_CALLS: Mapping[str, int] = MappingProxyType({"session": _READINGS + 5})  # after which a mix begins again


class Wall:
    """The date as stations write it, made anew once in a millisecond for all of them; and what they count."""

    def __init__(self) -> None:
        self.stamp = b""
        self.sessions = 0
        self._millisecond = 0
        self.look()

    def look(self) -> None:
        """Bring the stamp up to date."""
        millisecond = time.time_ns() // 1_000_000
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            at = datetime.fromtimestamp(millisecond / 1000, UTC)
            self.stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def phases(mix: str) -> int:
    """Return in how many phases of the mix stations can be: real ones do not all plug in at the same moment."""
    return _CALLS.get(mix, 1)


def subprotocol(mix: str) -> str:
    return "ocpp2.0.1" if mix == "transaction-events" else "ocpp1.6"


def boot(mix: str) -> bytes:
    """Return the frame by which a station tells what it is."""
    return wire.text(BOOT_2 if mix == "transaction-events" else BOOT_16)


def status(mix: str, wall: Wall) -> bytes:
    """Return the frame by which a station tells that its connector is free."""
    if mix == "transaction-events":
        return wire.text(_STATUS_2 % (b"status", wall.stamp))
    return wire.text(_STATUS_16 % (b"status", b"Available", wall.stamp))


def _meter_values(number: int, wall: Wall) -> Messages:
    """One transaction, and a reading of two samples after the other."""
    tag = wire.token(number).encode()
    transaction = _transaction_of((yield wire.text(_START % (0, tag, 0, wall.stamp))))
    count, register = 0, 1_000_000
    while True:
        count, register = count + 1, register + 10
        yield wire.text(_TWO_SAMPLES % (count, transaction, wall.stamp, register))


def _sessions(number: int, wall: Wall) -> Messages:
    """Whole sessions of fifteen calls: plugged in, authorised, started, ten readings, stopped, free."""
    tag = wire.token(number).encode()
    authorize = b'[2,"%08d","Authorize",{"idTag":"' + tag + b'"}]'
    count, register = 0, 1_000_000
    while True:
        yield wire.text(_STATUS_16 % (b"%08d" % count, b"Preparing", wall.stamp))
        yield wire.text(authorize % (count + 1))
        transaction = _transaction_of((yield wire.text(_START % (count + 2, tag, register, wall.stamp))))
        for reading in range(_READINGS):
            register += 100
            yield wire.text(_ONE_SAMPLE % (count + 3 + reading, transaction, wall.stamp, register))
        count += _READINGS + 3
        yield wire.text(_STOP % (count, transaction, register, wall.stamp, tag))
        yield wire.text(_STATUS_16 % (b"%08d" % (count + 1), b"Available", wall.stamp))
        count += 2
        wall.sessions += 1


def _transaction_events(number: int, wall: Wall) -> Messages:
    """One transaction of 2.0.1, and an update of two samples after the other."""
    reference = b"bench-%d-%d" % (number, time.time_ns())
    kind, trigger = b"Started", b"CablePluggedIn"
    count, register = 0, 1_000_000
    while True:
        stamp = wall.stamp
        yield wire.text(_EVENT % (count, kind, stamp, trigger, count, reference, stamp, register))
        kind, trigger = b"Updated", b"MeterValuePeriodic"
        count, register = count + 1, register + 20


def _heartbeats(number: int, wall: Wall) -> Messages:
    del wall
    count = number
    while True:
        yield wire.text(b'[2,"%08d","Heartbeat",{}]' % count)
        count += 1


def _transaction_of(answer: bytes) -> bytes:
    """Return the number that a StartTransaction was answered with."""
    _, _, rest = answer.partition(b'"transactionId":')
    return rest.lstrip()[: _digits(rest.lstrip())] or b"1"


def _digits(text: bytes) -> int:
    return next((at for at, sign in enumerate(text) if sign not in b"0123456789-"), len(text))


MIXES: Mapping[str, Callable[[int, Wall], Messages]] = MappingProxyType(
    {
        "meter-values": _meter_values,
        "transaction-events": _transaction_events,
        "session": _sessions,
        "heartbeats": _heartbeats,
    }
)
