"""The end of a server: nobody new, everybody told, everybody waited for, within a deadline."""

import asyncio
import gc
import socket as sockets
import time
import warnings
from select import select

import pytest

from gateway.websocket.peer import CLOSE, DEADLINE_S, TEXT, close, frame
from ingufu.gateway.websocket import Cause, ClosedBy, Refuse


@pytest.fixture
def stations(server, connect):
    opened = [connect() for _ in range(10)]
    for station in opened:
        station.upgrade()
        server.handler.wait("opened")
    return opened


def stop(server, **options):
    return asyncio.run_coroutine_threadsafe(server.server.stop(**options), server.loop)


def test_every_station_hears_1001_and_every_handler_the_end(server, stations):
    stopped = stop(server, spread_s=0.1, deadline_s=5)
    for station in stations:
        answer = station.frame()
        assert (answer.opcode, answer.close_code, answer.payload[2:]) == (CLOSE, 1001, b"going away")
        station.send(close(1001))
    stopped.result(DEADLINE_S)
    for _ in stations:
        closure = server.handler.wait("closed")
        assert (closure.code, closure.is_clean, closure.by) == (1001, True, ClosedBy.SHUTDOWN)
    assert server.server.counters.sockets_open == 0


def test_stations_are_told_one_after_the_other(server, stations):
    stop(server, spread_s=0.5, deadline_s=5)
    told_at = []
    for _ in stations:  # in whatever order they are told
        ready, _, _ = select([station.socket for station in stations], [], [], DEADLINE_S)
        told_at.append(time.monotonic())
        stations = [station for station in stations if station.socket not in ready]
        if not stations:
            break
    assert told_at[-1] - told_at[0] > 0.3
    assert len(told_at) > 5


def test_station_not_yet_told_is_still_served(server, stations):
    stop(server, spread_s=5, deadline_s=0.5)
    ready, _, _ = select([station.socket for station in stations], [], [], DEADLINE_S)
    waiting = next(station for station in stations if station.socket not in ready)
    waiting.send(frame(TEXT, b"still served"))
    assert server.handler.wait("received") == b"still served"


def test_station_that_does_not_answer_is_dropped_at_the_deadline(server, stations):
    for station in stations[1:]:
        station.send(close(1000))
        station.frame()
        server.handler.wait("closed")
    stop(server, spread_s=0, deadline_s=0.1).result(DEADLINE_S)
    closure = server.handler.wait("closed")
    assert (closure.code, closure.is_clean, closure.by) == (1001, False, ClosedBy.SHUTDOWN)


def test_new_connections_are_refused_by_tcp(server, stations):
    stop(server, spread_s=5, deadline_s=0.5)
    select([station.socket for station in stations], [], [], DEADLINE_S)
    with pytest.raises(ConnectionRefusedError):
        sockets.create_connection(server.address, timeout=1)


def test_unfinished_handshake_hears_when_to_come_back(server, connect):
    station = connect()
    station.send(b"GET /ocpp")
    server.wait_until(lambda: server.server.counters.handshakes_open == 1)
    stop(server, spread_s=0, deadline_s=1)
    answer = station.answer()
    assert answer.status == 503
    assert "Retry-After" in answer.headers
    assert server.next_attempt().cause is Cause.STOPPING


def test_stop_without_stations_returns_at_once(server):
    stop(server, spread_s=5, deadline_s=5).result(1)


def test_refused_station_that_lingers_is_let_go(server, connect):
    server.decide = lambda _: Refuse(status=404, reason="")
    station = connect()
    assert station.ask(station.request()).status == 404
    stop(server, spread_s=0, deadline_s=1).result(DEADLINE_S)
    assert station.is_ended()
    server.wait_until(lambda: not server.server._house.leaving)


def test_attempt_that_is_over_before_its_decision_begins_leaves_nothing_unawaited(server, connect):
    async def take_time():
        return Refuse(status=404, reason="never said")

    def decide(request):
        del request
        server.loop.call_soon(server.server._stop_accepting)  # before the first step of the task that will wait
        return take_time()

    server.decide = decide
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        station = connect()
        assert station.ask(station.request()).status == 503
        assert server.next_attempt().cause is Cause.STOPPING
        server.call(gc.collect)
    assert [str(warning.message) for warning in warned] == []
