"""Where a server listens, and that what has closed is forgotten."""

import gc
import socket as sockets
import time

import pytest
from msgspec.structs import replace

from gateway.websocket.peer import LOOPS, TEXT, RunningServer, close, frame, running
from ingufu.gateway.websocket import Endpoint
from ingufu.gateway.websocket.handshake import Handshake
from ingufu.gateway.websocket.socket import Socket

PLAIN = Endpoint(name="plain", host="127.0.0.1", port=0)


def test_two_servers_may_share_a_port(idle_server, connect):
    [(host, port)] = idle_server.start(replace(PLAIN, shares_port=True))
    with running(RunningServer(idle_server.loop_name)) as second:
        assert second.start(replace(PLAIN, port=port, shares_port=True)) == [(host, port)]
        for _ in range(20):
            connect().upgrade()
        until = time.monotonic() + 10  # a client may hear its 101 before the server has counted it
        while idle_server.server.counters.upgrades + second.server.counters.upgrades < 20:
            assert time.monotonic() < until


def test_port_in_use_is_an_error_and_leaves_nothing_open(server):
    _, port = server.address
    with pytest.raises(OSError, match="in use"):
        server.do(server.server.listen(replace(PLAIN, port=port)))


@pytest.mark.skipif(not sockets.has_ipv6, reason="this machine has no IPv6")
def test_station_by_ipv6_is_known_by_its_address(idle_server, connect):
    idle_server.start(replace(PLAIN, host="::1"))
    connect().upgrade()
    assert idle_server.requests.get().remote[0] == "::1"


def test_host_name_with_several_addresses_is_bound_to_all(idle_server, connect):
    [(_, port)] = idle_server.start(replace(PLAIN, host="localhost"))
    connect(("localhost", port)).upgrade()


@pytest.mark.parametrize("loop_name", list(LOOPS))
def test_closed_sockets_are_forgotten(loop_name):
    """Ten thousand reconnects must leave no more behind than one."""
    gc.collect()
    with running(RunningServer(loop_name)) as server:
        server.start()
        for _ in range(20):
            with sockets.create_connection(server.address, timeout=5) as raw:
                raw.sendall(_REQUEST + frame(TEXT, b"x" * 20_000) + close(1000))
                while raw.recv(65536):
                    pass
        server.wait_until(lambda: server.server.counters.sockets_open == 0)
        server.handler.socket = None
        gc.collect()  # here, for all that other tests left behind may take a while, and the server's thread has its deadlines
        assert not [thing for thing in gc.get_objects() if isinstance(thing, Socket | Handshake)]
        assert not server.server._house.attempts
        assert not server.server._sockets


_REQUEST = (
    b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
