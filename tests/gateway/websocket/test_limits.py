"""Rates by pausing the read, signs of life, and stations that do not read: one socket must not harm another."""

import socket as sockets
import time
from contextlib import suppress

import pytest
from msgspec.structs import replace

from gateway.websocket.peer import CLOSE, NO_RATES, PING, PONG, TEXT, Frame, Recorder, close, frame
from ingufu.gateway.websocket import ClosedBy, ServerLimits, SocketLimits


@pytest.fixture
def open_with(server, connect):
    """Open a socket on terms of the test's own."""

    def open_station(**terms):
        server.accept |= terms
        station = connect()
        station.upgrade()
        server.handler.wait("opened")
        return station

    return open_station


class TestMessageRate:
    def test_flood_is_delayed_and_nothing_lost_or_reordered(self, server, open_with):
        station = open_with(limits=SocketLimits(messages_per_s=200, message_burst=10))
        began = time.monotonic()
        station.send(b"".join(frame(TEXT, b"%d" % number) for number in range(60)))
        assert [server.handler.wait("received") for _ in range(60)] == [b"%d" % number for number in range(60)]
        assert time.monotonic() - began >= 50 / 200 * 0.9
        assert server.server.counters.read_pauses > 0

    def test_close_waits_its_turn_behind_the_flood(self, server, open_with):
        station = open_with(limits=SocketLimits(messages_per_s=200, message_burst=5))
        station.send(b"".join(frame(TEXT, b"%d" % number) for number in range(20)) + close(1000))
        assert [server.handler.wait("received") for _ in range(20)] == [b"%d" % number for number in range(20)]
        assert server.handler.wait("closed").is_clean

    def test_message_larger_than_the_read_buffer_survives_a_pause(self, server, open_with):
        station = open_with(limits=SocketLimits(messages_per_s=100, message_burst=1))
        texts = [b"%d" % number * 5000 for number in range(6)]
        station.send(b"".join(frame(TEXT, text) for text in texts))
        assert [server.handler.wait("received") for _ in texts] == texts

    def test_fragments_survive_a_pause(self, server, open_with):
        station = open_with(limits=SocketLimits(messages_per_s=100, message_burst=1))
        data = frame(TEXT, b"0", fin=False) + frame(0, b"1", fin=False) * 50 + frame(0, b"2")
        station.send(data * 3)
        assert [server.handler.wait("received") for _ in range(3)] == [b"0" + b"1" * 50 + b"2"] * 3

    def test_ping_flood_is_slowed_too(self, server, open_with):
        station = open_with(limits=SocketLimits(messages_per_s=200, message_burst=10))
        began = time.monotonic()
        station.send(frame(PING, b"x" * 100) * 100 + frame(TEXT, b"done"))
        server.handler.wait("received")
        assert time.monotonic() - began >= 90 / 200 * 0.8
        assert server.server.counters.read_pauses > 0

    def test_one_flooding_station_does_not_delay_another(self, server, open_with, connect):
        flooder = open_with(limits=SocketLimits(messages_per_s=1, message_burst=1))
        flooder.send(frame(TEXT, b"flood") * 50)
        assert server.handler.wait("received") == b"flood"
        server.handler = Recorder()
        calm = open_with(limits=NO_RATES)
        calm.send(frame(TEXT, b"calm"))
        assert server.handler.wait("received") == b"calm"

    def test_address_shares_one_rate(self, idle_server, connect):
        idle_server.limits = ServerLimits(address_messages_per_s=100, address_message_burst=1, exempt_networks=())
        idle_server.start()
        stations = [connect(), connect()]
        for station in stations:
            station.upgrade()
            idle_server.handler.wait("opened")
        began = time.monotonic()
        for station in stations:
            station.send(frame(TEXT, b"x") * 15)
        for _ in range(30):
            idle_server.handler.wait("received")
        assert time.monotonic() - began >= 29 / 100 * 0.9

    def test_end_during_a_pause_is_reported_once(self, server, open_with):
        station = open_with(limits=SocketLimits(messages_per_s=20, message_burst=1))
        station.send(frame(TEXT, b"x") * 3)
        server.handler.wait("received")
        server.call(server.handler.socket.abort, "enough")
        assert server.handler.wait_closed().reason == "enough"

    def test_our_close_during_a_pause_completes(self, server, open_with):
        station = open_with(limits=SocketLimits(messages_per_s=0.01, message_burst=1))
        station.send(frame(TEXT, b"x") * 3)
        server.handler.wait("received")
        server.call(server.handler.socket.close, 1008, "")
        while station.frame().opcode != CLOSE:
            pass
        station.send(close(1008))
        assert server.handler.wait_closed().is_clean


class TestOwnersPause:
    def test_nothing_is_received_until_resumed(self, server, open_with):
        server.handler = Recorder()
        station = open_with()
        server.call(server.handler.socket.pause_reading)
        station.send(b"".join(frame(TEXT, b"%d" % number * 400) for number in range(100)))
        station.close()
        server.call(lambda: None)
        assert server.handler.events.empty()
        server.call(server.handler.socket.resume_reading)
        for number in range(100):
            assert server.handler.wait("received") == b"%d" % number * 400
        server.handler.wait("closed")

    def test_pause_from_within_received_holds_what_is_in_the_same_read(self, server, open_with):
        class OneAtATime(Recorder):
            def received(self, text):
                self.socket.pause_reading()
                super().received(text)

        server.handler = OneAtATime()
        station = open_with()
        station.send(b"".join(frame(TEXT, b"%d" % number) for number in range(10)))
        for number in range(10):
            assert server.handler.wait("received") == b"%d" % number
            assert server.handler.events.empty()
            server.call(server.handler.socket.resume_reading)

    def test_pause_and_resume_from_within_received(self, server, open_with):
        class Flipping(Recorder):
            def received(self, text):
                self.socket.pause_reading()
                self.socket.resume_reading()
                super().received(text)

        server.handler = Flipping()
        station = open_with()
        station.send(b"".join(frame(TEXT, b"%d" % number) for number in range(500)))
        assert [server.handler.wait("received") for _ in range(500)] == [b"%d" % number for number in range(500)]

    def test_pause_from_within_opened_holds_what_came_with_the_request(self, server, connect):
        class Reluctant(Recorder):
            def opened(self, socket):
                socket.pause_reading()
                super().opened(socket)

        server.handler = Reluctant()
        station = connect()
        station.ask(station.request() + frame(TEXT, b"early"))
        station.send(frame(TEXT, b"later"))
        server.handler.wait("opened")
        server.call(lambda: None)
        assert server.handler.events.empty()
        server.call(server.handler.socket.resume_reading)
        assert server.handler.wait("received") == b"early"
        assert server.handler.wait("received") == b"later"

    def test_ping_in_the_same_read_as_the_pause_is_answered(self, server, open_with):
        class Pausing(Recorder):
            def received(self, text):
                self.socket.pause_reading()

        server.handler = Pausing()
        station = open_with()
        station.send(frame(TEXT, b"x") + frame(PING, b"?"))
        assert station.frame() == Frame(PONG, b"?")

    def test_paused_socket_is_not_taken_for_dead(self, server, open_with):
        station = open_with(ping_interval_s=0.02, limits=replace(NO_RATES, silent_intervals=1))
        server.call(server.handler.socket.pause_reading)
        deadline = time.monotonic() + 0.3
        station.socket.settimeout(0.3)
        while time.monotonic() < deadline:
            server.call(lambda: None)
        assert server.handler.events.empty()
        server.call(server.handler.socket.resume_reading)
        station.send(frame(TEXT, b"alive"))
        assert server.handler.wait("received") == b"alive"


class TestSignsOfLife:
    def test_silent_station_is_pinged_then_given_up(self, server, open_with):
        station = open_with(ping_interval_s=0.05, limits=replace(NO_RATES, silent_intervals=2))
        assert [station.frame(), station.frame()] == [Frame(PING, b""), Frame(PING, b"")]
        closure = server.handler.wait("closed")
        assert (closure.code, closure.by) == (1006, ClosedBy.SILENCE)
        assert closure.reason.startswith("half-open")
        assert server.server.counters.half_open == 1

    @pytest.mark.parametrize("sign", [frame(PONG), frame(PING), frame(TEXT, b"x"), frame(TEXT, b"x", fin=False)[:3]])
    def test_any_byte_is_a_sign_of_life(self, server, open_with, sign):
        """A frame that a slow link brings byte by byte counts too."""
        station = open_with(ping_interval_s=0.2, limits=replace(NO_RATES, silent_intervals=0))
        received_at = server.handler.socket.last_received_at
        for count in range(4):
            part = sign if len(sign) > 3 else sign[count : count + 1]
            if part:
                station.send(part)
                server.wait_until(lambda before=received_at: server.handler.socket.last_received_at > before)
                received_at = server.handler.socket.last_received_at
        assert server.handler.socket.is_open

    def test_station_that_answers_stays(self, server, open_with):
        station = open_with(ping_interval_s=0.1, limits=replace(NO_RATES, silent_intervals=3))
        for _ in range(6):
            assert station.frame().opcode == PING
            station.send(frame(PONG))
        assert server.handler.socket.is_open
        assert server.handler.events.empty()

    def test_talkative_station_is_never_pinged(self, server, open_with):
        station = open_with(ping_interval_s=0.2)
        sent_at, silences_s, pings = time.monotonic(), [], 0
        until = sent_at + 0.6
        while sent_at < until:
            before, sent_at = sent_at, time.monotonic()
            silences_s.append(sent_at - before)
            station.send(frame(TEXT, b"x"))
            while station.frame().opcode == PING:
                pings += 1
        long_ones = sum(silence_s > 0.1 for silence_s in silences_s)  # the machine held this thread up
        assert pings <= long_ones

    def test_ping_can_be_switched_off(self, server, open_with):
        open_with(ping_interval_s=None, limits=replace(NO_RATES, silent_intervals=0))
        assert not any(server.server._wheel._slots.values()), "nothing is planned for an idle socket without pings"

    def test_owner_may_ping(self, server, open_with):
        station = open_with()
        server.call(server.handler.socket.ping)
        assert station.frame() == Frame(PING, b"")

    def test_closed_socket_leaves_no_timer(self, server, open_with):
        station = open_with(ping_interval_s=1000.0)
        station.send(close(1000))
        assert server.handler.wait("closed").is_clean
        assert not any(server.call(lambda: list(server.server._wheel._slots.values())))


class TestStationThatDoesNotRead:
    @pytest.fixture
    def deaf(self, server, connect):
        """A station with the smallest receive window."""
        server.handler = Recorder()

        def wrap(raw):
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            return raw

        def open_deaf(**limits):
            server.accept["limits"] = replace(NO_RATES, **limits)
            station = connect(wrap=wrap)
            station.upgrade()
            server.handler.wait("opened")
            return station

        return open_deaf

    def fill(self, server, size=8000):
        """Send until the handler is told to stop."""

        def send_some():
            while server.handler.socket.is_writable and server.handler.socket.send(b"x" * size):
                pass

        server.call(send_some)

    def test_handler_hears_of_the_pause_and_of_the_end_of_it(self, server, open_with):
        server.handler = Recorder()
        station = open_with(limits=replace(NO_RATES, max_write_buffer_bytes=10_000_000))
        self.fill(server)
        server.handler.wait("write_paused")
        assert not server.handler.socket.is_writable
        with suppress(TimeoutError):  # the last of all has come, and the news is on its way
            while server.handler.events.empty():
                station.frame()
        server.handler.wait("write_resumed")
        assert server.handler.socket.is_writable

    def test_write_buffer_is_capped(self, server, deaf):
        deaf(max_write_buffer_bytes=200_000)

        def send_all():
            while server.handler.socket.send(b"x" * 8000):
                assert server.handler.socket._frames.write_buffer_bytes() <= 200_000

        server.call(send_all)
        assert server.handler.wait_closed().by is ClosedBy.STALL
        assert server.server.counters.stalled == 1

    def test_stalled_write_is_given_up_in_time(self, server, deaf):
        deaf(max_write_buffer_bytes=10_000_000, write_stall_timeout_s=0.05)
        self.fill(server)
        server.handler.wait("write_paused")
        closure = server.handler.wait("closed")
        assert (closure.by, closure.reason) == (ClosedBy.STALL, "the station does not read")

    def test_pings_of_a_deaf_station_are_not_answered_without_end(self, server, deaf):
        station = deaf(max_write_buffer_bytes=10_000_000)
        self.fill(server)
        server.handler.wait("write_paused")
        before = server.call(server.handler.socket._frames.write_buffer_bytes)
        station.send(frame(PING, b"x" * 125) * 100 + frame(TEXT, b"done"))
        assert server.handler.wait("received") == b"done"
        assert server.call(server.handler.socket._frames.write_buffer_bytes) <= before

    def test_close_of_a_deaf_station_ends_in_time(self, server, deaf):
        station = deaf(max_write_buffer_bytes=10_000_000, close_timeout_s=0.05)
        self.fill(server)
        server.handler.wait("write_paused")
        station.send(close(1000))
        server.handler.wait("closed")

    def test_one_message_above_the_cap_is_sent_to_a_station_that_reads(self, server, open_with):
        station = open_with(limits=replace(NO_RATES, max_write_buffer_bytes=1000))
        assert server.call(server.handler.socket.send, b"x" * 5000)
        assert station.frame().payload == b"x" * 5000
