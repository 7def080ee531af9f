"""The inputs that fuzzing begins with: a small and a full example of every OCPP message, and real talk of sockets."""

import json
from typing import Any

import targets

from ingufu.ocpp import shapes
from ingufu.ocpp.versions import VERSIONS

_KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
_HEADS = (
    b"GET /ocpp/KGL-01 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n" + _KEY + b"Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    b"Authorization: Basic S0dMLTAxOnNlY3JldA==\r\n\r\n",
    b"GET http://h/ocpp/a%20b?x HTTP/1.1\nUpgrade: websocket\n folded\nSec-WebSocket-Version: 13\n" + _KEY + b"\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"POST / HTTP/1.0\r\n\r\n",
)
_FRAMES = (
    targets.frame(0x1, b'[2,"1","Heartbeat",{}]'),
    targets.frame(0x1, b'[2,"1","Heart', fin=False) + targets.frame(0x0, b'beat",{}]'),
    targets.frame(0x9, b"ping") + targets.frame(0xA, b"") + targets.frame(0x2, b"\x00"),
    targets.frame(0x8, b"\x03\xe8bye"),
    targets.frame(0x1, bytes.fromhex("aa5608ce48cd49d64108"), rsv=4),
    targets.frame(0x1, b"[" * 200) + targets.frame(0x1, b"x" * 300, rsv=1),
)
_TALK = (
    b'[3,"open",{"status":"Accepted"}]',
    b'[4,"open","GenericError","",{}]',
    b'[4,"open","FormationViolation",{}]',
    b'[5,"open","FormatViolation","x",{}]',
    b'[6,"s1","NotifyPeriodicEventStream",{"id":1,"pending":0,"basetime":"2026-01-01T00:00:00Z","data":[]}]',
    b'[3,"open",{"configurationKey":[{"key":"A","readonly":false,"value":"1"},{"key":"B","rea',
    b'\xef\xbb\xbf[2,"1","Heartbeat",{}]\x00',
    b'[2,1,"Heartbeat",null]',
    b'[2,"1","Heartbeat",{},NaN]',
    b'[9,"1",{}]',
)

_ODD = (
    b'[2,"1","StartTransaction",{"connectorId":1,"idTag":"0123456789ABCDEFxx","meterStart":5000000,"timestamp":"2026-03-01T14:00:00"}]',
    b'[2,"1","StatusNotification",{"connectorId":1,"status":"Finishing","errorCode":"Error","timestamp":"2026-03-01T14:00:00"}]',
    (
        b'[2,"1","MeterValues",{"connectorId":1,"transactionId":9,"meterValue":[{"timestamp":"2026-03-01T14:00:00","sampledValue":['
        b'{"value":"1","measurand":"Current.Import.Inlet.L1"},{"value":"2","measurand":"Current.Export"},'
        b'{"value":"50","measurand":"SoC","unit":"V"},{"value":"5000","context":"Transaction.Begin"}]}]}]'
    ),
    b'[2,"1","StopTransaction",{"transactionId":9,"idTag":"04A1B2C3-12345678","meterStop":6000000,"timestamp":"2026-03-01T14:00:00"}]',
)


def all_seeds() -> list[bytes]:
    """Return them all, in an order that does not change."""
    found = [bytes([targets.HEAD]) + head for head in _HEADS]
    found += [bytes([targets.SOCKET, flags]) + frame for frame in _FRAMES for flags in (0, 1)]
    found += [bytes([targets.RPC, version + 3 * 64]) + text for text in _TALK for version in range(3)]
    found += [bytes([targets.RPC, 3 * 64]) + text for text in _ODD]
    for number, kind in enumerate(targets.TYPES):
        shape = shapes.shape_of(kind)
        place = number.to_bytes(2, "big")
        for is_full in (False, True):
            found.append(bytes([targets.PAYLOAD]) + place + _json(example(shape, is_full=is_full)))
    for index, version in enumerate(VERSIONS.values()):
        for action, (request, _) in version.messages.items():
            call = [2, "7", action, example(shapes.shape_of(request), is_full=True)]
            found.append(bytes([targets.RPC, index]) + _json(call))
    return found


def example(shape: shapes.Shape, *, is_full: bool) -> Any:
    """Return a value that fits the shape, with all that is optional if it is to be full."""
    match shape:
        case shapes.Record(slots=slots):
            return {
                name: example(slot.shape, is_full=is_full) for name, slot in slots.items() if is_full or slot.required
            }
        case shapes.Listing(item=item, min_items=least):
            return [example(item, is_full=is_full) for _ in range(max(least, 1 if is_full else 0))]
        case shapes.Text(values=values, max_length=longest):
            return values[0] if values else "text"[:longest]
        case shapes.Number(minimum=minimum, maximum=maximum):
            return minimum or min(1, maximum if maximum is not None else 1)
        case shapes.Truth():
            return True
        case shapes.Moment():
            return "2026-03-01T12:00:00.123Z"
    return {}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
