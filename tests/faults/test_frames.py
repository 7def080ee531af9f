"""F13: whatever arrives in frames, nothing fails inside, and the next valid message on the socket is answered.

Pass criterion: no crash, no unhandled exception, the right CALLERROR code or close code, others unaffected.
"""

import asyncio
import json
import random
from collections import Counter

import pytest
from structlog.testing import capture_logs

from faults.fleet import Fleet
from faults.gateways import BOOTS, charging, gateway, judge, wired
from faults.length import PATIENCE_S, by_length, mostly_sqlite
from faults.wire import Lost, Wire, connect
from gateway.websocket.peer import frame
from ingufu.infra.storage.database import Database

pytestmark = pytest.mark.timeout(by_length(300, 3600))

TEXT, BINARY, CONTINUATION, CLOSE, PING = 1, 2, 0, 8, 9
STATIONS = 5
BATCH = 10  # faulty messages before one that is valid
HEARTBEAT = b'[2,"%s","Heartbeat",{}]'

TEXTS: list[tuple[bytes, set[str]]] = [  # and the CALLERROR codes of which one may be heard in 1.6; none: silence will do
    (b"", set()),
    (b"null", set()),
    (b'"text"', set()),
    (b"{}", set()),
    (b"[]", set()),
    (b"[2]", set()),
    (b"[" * 100_000, set()),
    (b"[" * 50_000 + b"]" * 50_000, set()),
    (b'{"a":' * 50_000, set()),
    (b'[2,"a"]', set()),
    (b'[2,"a","Heartbeat"]', {"FormationViolation", "GenericError"}),
    (b'[2,"a","Heartbeat",[]]', {"FormationViolation", "TypeConstraintViolation"}),
    (b'[2,"a","Heartbeat",null]', set()),
    (b'[2,"a","Nonsense",{}]', {"NotImplemented"}),
    (b'[2,"a","Reset",{"type":"Soft"}]', {"NotSupported", "NotImplemented"}),
    (b'[2,"a","__class__",{}]', {"NotImplemented"}),
    (b'[2,"a","%s",{}]' % (b"x" * 100_000), {"NotImplemented", "FormationViolation"}),
    (b'[2,"%s","Heartbeat",{}]' % (b"i" * 100_000), set()),
    (b'[2,1,"Heartbeat",{}]', set()),
    (b'[2,null,"Heartbeat",{}]', set()),
    (b'[2,{},"Heartbeat",{}]', set()),
    (b'["2","a","Heartbeat",{}]', set()),
    (b'[2.0,"a","Heartbeat",{}]', set()),
    (b'[9,"a","Heartbeat",{}]', set()),
    (b'[-1,"a","Heartbeat",{}]', set()),
    (b'[99999999999999999999999999,"a","Heartbeat",{}]', set()),
    (b'[3,"a",{}]', set()),
    (b'[3,"a"]', set()),
    (b'[4,"a","InternalError","",{}]', set()),
    (b'[4,"a"]', set()),
    (b'[2,"a","StatusNotification",{"connectorId":NaN}]', {"FormationViolation", "TypeConstraintViolation"}),
    (b'[2,"a","StatusNotification",{"connectorId":1e400}]', {"PropertyConstraintViolation", "TypeConstraintViolation"}),
    (
        b'[2,"a","StatusNotification",{"connectorId":%s}]' % (b"9" * 5000),
        {"FormationViolation", "TypeConstraintViolation", "PropertyConstraintViolation"},
    ),
    (
        b'[2,"a","StatusNotification",{"connectorId":1,"connectorId":2,"errorCode":"NoError"}]',
        {"OccurenceConstraintViolation", "FormationViolation", "ProtocolError"},
    ),
    (b'[2,"a","BootNotification",{"chargePointVendor":"\\ud800","chargePointModel":"\\u0000"}]', set()),
    (b'[2,"a","DataTransfer",{"vendorId":"%s"}]' % (b"v" * 500_000), set()),
]  # fmt: skip


@mostly_sqlite
async def test_f13_a_malformed_message_is_told_so_and_the_next_one_is_answered(database: Database):
    with capture_logs() as logs:
        async with gateway(database, 1) as house, wired(house.url().rstrip("/")) as wire:
            for text, codes in TEXTS:
                wire.error_codes.clear()
                wire.say(text)
                assert (await wire.call("Heartbeat", {}, timeout_s=PATIENCE_S))[0] == 3, text[:100]
                assert "InternalError" not in wire.error_codes, text[:100]
                assert not codes or set(wire.error_codes) & codes, (text[:100], wire.error_codes)
            assert house.gateway.counters is not None
            assert house.gateway.counters.handler_failures == 0
    assert [entry for entry in logs if entry["log_level"] in {"error", "critical"}] == []


BYTES: dict[str, tuple[bytes, int | None]] = {  # and the close code; None: the connection stays
    "a text without a mask": (frame(TEXT, b"[]", mask=None), 1002),
    "an opcode that is reserved": (frame(3, b""), 1002),
    "a control opcode that is reserved": (frame(11, b""), 1002),
    "a reserved bit": (frame(TEXT, b"[]", rsv=2), 1002),
    "deflated, though that was not agreed": (frame(TEXT, b"[]", rsv=4), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "a text in the middle of another": (frame(TEXT, b"[", fin=False) + frame(TEXT, b"]"), 1002),
    "a ping in fragments": (frame(PING, b"x", fin=False), 1002),
    "a ping too long": (frame(PING, b"x" * 126), 1002),
    "no UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "a character cut in two": (frame(TEXT, b"\xe2\x82"), 1007),
    "too long": (frame(TEXT, b"x" * 1_100_000), 1009),
    "too long in fragments": (b"".join(frame(TEXT if n == 0 else 0, b"x" * 100_000, fin=False) for n in range(12)), 1009),
    "endless empty fragments": (b"".join(frame(TEXT if n == 0 else 0, b"", fin=False) for n in range(5000)), 1009),
    "a close of one byte": (frame(CLOSE, b"x"), 1002),
    "a close with a code that nobody may send": (frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
    "binary": (frame(BINARY, b"[]"), None),
    "empty fragments and pings between": (
        frame(TEXT, b"", fin=False) + frame(PING, b"a") + frame(CONTINUATION, b"[", fin=False) + frame(PING, b"b")
        + frame(CONTINUATION, b"]"), None,
    ),
}  # fmt: skip


@mostly_sqlite
async def test_f13_bytes_that_break_the_protocol_end_the_connection_with_the_right_code(database: Database):
    async with gateway(database, 1) as house:
        for what, (sent, code) in BYTES.items():
            async with wired(house.url().rstrip("/")) as wire:
                assert wire._transport is not None
                wire._transport.underlying_transport.write(sent)
                if code is None:
                    assert (await wire.call("Heartbeat", {}, timeout_s=PATIENCE_S))[0] == 3, what
                    continue
                async with asyncio.timeout(PATIENCE_S):
                    await wire.ended
                assert wire.close_code == code, what
        async with wired(house.url().rstrip("/")) as wire:
            assert (await wire.call("Heartbeat", {}, timeout_s=PATIENCE_S))[0] == 3


def mutated(text: bytes, chance: random.Random) -> bytes:
    """Return a message with a few things wrong."""
    data = bytearray(text)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randrange(1, 20)]
            case 2:
                data[at:at] = data[: chance.randrange(1, 50)]
            case 3:
                data[at:at] = chance.choice((b"[", b"]", b"{", b"}", b'"', b",", b"\\", b"\\ud83d", b"\x00", b"1e999"))
            case 4:
                data[at:at] = str(chance.choice((0, -1, 2**31, 2**63, 10**40, 1e308))).encode()
            case _:
                data = data[:at] or bytearray(b"[")
    return bytes(data)


def corpus(version: str) -> list[bytes]:
    """Return a valid message of many kinds."""
    at = "2026-03-01T12:00:00Z"
    sample = [{"timestamp": at, "sampledValue": [{"value": "12.5", "unit": "kWh", "context": "Sample.Periodic"}]}]
    number = [{"timestamp": at, "sampledValue": [{"value": 12.5, "unitOfMeasure": {"unit": "kWh", "multiplier": 1}}]}]
    event = {"eventType": "Updated", "timestamp": at, "triggerReason": "Trigger", "seqNo": 3, "meterValue": number}
    event |= {
        "transactionInfo": {"transactionId": "X"},
        "evse": {"id": 1},
        "idToken": {"idToken": "T1", "type": "eMAID"},
    }
    payloads = {
        "1.6": {
            "Authorize": {"idTag": "T1"},
            "StartTransaction": {"connectorId": 1, "idTag": "T1", "meterStart": 1, "timestamp": at},
            "StopTransaction": {"transactionId": 7, "meterStop": 9, "timestamp": at, "transactionData": sample},
            "MeterValues": {"connectorId": 1, "transactionId": 7, "meterValue": sample},
            "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": at},
            "DataTransfer": {"vendorId": "v", "messageId": "m", "data": "{}"},
        },
        "2.0.1": {
            "Authorize": {"idToken": {"idToken": "T1", "type": "ISO14443"}},
            "TransactionEvent": event,
            "MeterValues": {"evseId": 1, "meterValue": number},
            "StatusNotification": {"timestamp": at, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1},
            "NotifyReport": {"requestId": 1, "generatedAt": at, "seqNo": 0},
        },
    }[version]
    calls = [[2, "a", action, payload] for action, payload in payloads.items()]
    calls += [[2, "a", "BootNotification", BOOTS[version]], [3, "a", {}], [4, "a", "GenericError", "", {}]]
    return [json.dumps(call).encode() for call in calls]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@mostly_sqlite
async def test_f13_messages_with_random_faults_break_nothing(database: Database, version: str):
    chance, texts = random.Random(51), corpus(version)
    closes: Counter[int | None] = Counter()
    errors: Counter[str] = Counter()
    with capture_logs() as logs:
        async with gateway(database, STATIONS + 1) as house:
            fleet = Fleet(house.url().rstrip("/"), STATIONS, seed=51)
            async with charging(fleet):
                wire = await connected(house.url().rstrip("/"), version)
                for _ in range(by_length(60, 25_000)):
                    try:
                        for _ in range(BATCH):
                            wire.say(mutated(chance.choice(texts), chance))
                        await wire.call("Heartbeat", {}, timeout_s=PATIENCE_S)
                    except Lost as lost:
                        closes[lost.code] += 1
                        errors += wire.error_codes
                        wire = await connected(house.url().rstrip("/"), version)
                errors += wire.error_codes
                wire.cut()
            await judge(house, fleet)
            assert house.gateway.counters is not None
            assert house.gateway.counters.handler_failures == 0
    assert set(closes) <= {1007}  # what was no UTF-8 any more
    assert len(errors) > 2
    assert "InternalError" not in errors
    assert [entry for entry in logs if entry["log_level"] in {"error", "critical"}] == []


async def connected(url: str, version: str) -> Wire:
    wire = await connect(f"{url}/FS{STATIONS:05d}", version)
    await wire.call("BootNotification", BOOTS[version], timeout_s=PATIENCE_S)
    return wire
