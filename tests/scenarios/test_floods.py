"""More than is allowed, or more than is read: slowed down, and nothing of it lost."""

import asyncio
import re
import socket
from collections.abc import Callable

import pytest

from ingufu.app.settings import OcppSettings
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from running import Running, running_gateway
from scenarios.line import line
from scenarios.records import (
    only,
    transactions,
)

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


async def test_a_flood_is_read_no_faster_than_allowed_and_nothing_of_it_is_lost(
    database: Database, clock: Clock, ids: IdMaker
):
    ocpp = OcppSettings(drain_s=0.0, messages_per_s=200.0)
    async with running_gateway(database, clock, ids, ocpp=ocpp) as house:
        await house.add_station("CS")
        async with line(house, "CS") as station:
            for number in range(300):
                await station.say([2, f"m{number}", "Heartbeat", {}])
            answered = [(await station.hear())[1] for _ in range(300)]
            assert answered == [f"m{number}" for number in range(300)]
        assert house.gateway.counters is not None
        assert house.gateway.counters.read_pauses > 0


async def test_a_burst_of_transaction_messages_without_waiting_is_answered_in_order(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        for number in range(200):
            event = {
                "eventType": "Updated" if number else "Started", "timestamp": "2026-03-01T12:00:00Z", "seqNo": number,
                "triggerReason": "MeterValuePeriodic", "transactionInfo": {"transactionId": "TX"}, "evse": {"id": 1},
                "meterValue": [{"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"value": 1000 + number}]}],
            }  # fmt: skip
            await station.say([2, f"m{number}", "TransactionEvent", event])
        answered = [(await station.hear())[:3] for _ in range(200)]
        assert answered == [[3, f"m{number}", {}] for number in range(200)]
    transaction = await only(house, transactions, station_id=station_id)
    assert (transaction["seq_count"], transaction["anomaly_count"], transaction["energy_wh"]) == (200, 0, 199)


async def test_a_station_that_does_not_read_is_not_read_either_and_loses_nothing(house: Running):
    station_id = await house.add_station("CS", security_profile=0)
    loop = asyncio.get_running_loop()
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        await loop.sock_connect(slow, house.addresses["plain"])
        await loop.sock_sendall(slow, request("/ocpp/CS"))
        while b"\r\n\r\n" not in await loop.sock_recv(slow, 1000):
            pass
        connection = house.link.get(station_id)
        assert connection is not None
        async with asyncio.timeout(60):
            sending = asyncio.create_task(send_until(lambda: connection._is_clogged, slow))
            while not connection._is_clogged:
                await asyncio.sleep(0.001)
            heard = bytearray()
            while b'"last"' not in heard[-2000:]:
                heard += await loop.sock_recv(slow, 1 << 20)
            sent = await sending
        assert [int(number) for number in re.findall(rb'\[3,"(\d+)x{1000}"', heard)] == list(range(sent))


async def send_until(is_enough: Callable[[], bool], connected: socket.socket) -> int:
    """Send requests whose answers are large, then a last one, and return how many there were before it."""
    loop, sent = asyncio.get_running_loop(), 0
    while not is_enough():  # the kernel takes some megabytes first
        await loop.sock_sendall(connected, text_frame(f'[2,"{sent}{"x" * 1000}","Heartbeat",{{}}]'))
        sent += 1
    await loop.sock_sendall(connected, text_frame('[2,"last","Heartbeat",{}]'))
    return sent


def request(path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: csms.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: ocpp1.6",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def text_frame(text: str) -> bytes:
    """Return a masked frame; the mask is of zeros, so that the text stands in it as it is."""
    raw = text.encode()
    return (
        b"\x81\xfe" + len(raw).to_bytes(2, "big") + bytes(4) + raw
        if len(raw) > 125
        else bytes((0x81, 0x80 | len(raw), 0, 0, 0, 0)) + raw
    )
