"""RFC 6455, frame by frame, over real sockets."""

# ruff: noqa: N801 - classes are named by section of the standard

import pytest
from msgspec.structs import replace

from gateway.websocket.peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NO_RATES,
    PING,
    PONG,
    TEXT,
    Frame,
    Recorder,
    close,
    frame,
)
from ingufu.gateway.websocket import ClosedBy, Closure


def assert_failed(server, station, code: int) -> None:
    """The server has sent this close code and then closed TCP; the handler heard nothing but that."""
    answer = station.frame()
    assert (answer.opcode, answer.close_code) == (CLOSE, code)
    assert station.is_ended()
    station.close()
    closure = server.handler.wait("closed")
    assert (closure.code, closure.is_clean, closure.by) == (code, False, ClosedBy.VIOLATION)
    assert server.attempts.empty()


class TestSection5_1Overview:
    def test_masked_text_is_received_and_answered_unmasked(self, server, station):
        station.send(frame(TEXT, b"hello"))
        assert server.handler.wait("received") == b"hello"
        assert station.frame() == Frame(TEXT, b"hello")

    def test_unmasked_frame_is_refused(self, server, station):
        station.send(frame(TEXT, b"hello", mask=None))
        assert_failed(server, station, 1002)

    @pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x37\xfa\x21\x3d"])
    def test_every_mask_is_undone(self, server, station, mask):
        station.send(frame(TEXT, b"masked text of some length", mask=mask))
        assert server.handler.wait("received") == b"masked text of some length"


class TestSection5_2BaseFraming:
    @pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 300_000])
    def test_text_of_every_length_form_arrives(self, server, station, length):
        text = b"x" * length
        station.send(frame(TEXT, text))
        assert server.handler.wait("received") == text
        assert station.frame() == Frame(TEXT, text)

    @pytest.mark.parametrize("rsv", [1, 2, 3, 4, 5, 6, 7])
    @pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG])
    def test_reserved_bit_without_extension_is_refused(self, server, station, rsv, opcode):
        station.send(frame(opcode, b"x", rsv=rsv))
        assert_failed(server, station, 1002)

    @pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    def test_reserved_opcode_is_refused(self, server, station, opcode):
        station.send(frame(opcode, b"x"))
        assert_failed(server, station, 1002)

    def test_length_not_in_its_shortest_form_is_refused(self, server, station):
        station.send(b"\x81\xfe\x00\x05" + bytes(4) + b"hello")
        assert_failed(server, station, 1002)

    def test_64_bit_length_not_in_its_shortest_form_is_refused(self, server, station):
        station.send(b"\x81\xff" + (5).to_bytes(8, "big") + bytes(4) + b"hello")
        assert_failed(server, station, 1002)

    def test_length_with_highest_bit_is_refused(self, server, station):
        station.send(b"\x81\xff\x80" + bytes(7) + bytes(4))
        assert_failed(server, station, 1002)

    def test_frame_written_byte_by_byte_arrives(self, server, station):
        for byte in frame(TEXT, "grün".encode()):
            station.send(bytes([byte]))
        assert server.handler.wait("received") == "grün".encode()

    def test_frames_that_came_with_the_request_arrive(self, server, connect):
        station = connect()
        frames = b"".join(frame(TEXT, b"%d" % number * 700) for number in range(5))
        station.ask(station.request() + frames)
        server.handler.wait("opened")
        for number in range(5):
            assert server.handler.wait("received") == b"%d" % number * 700

    def test_message_before_a_broken_frame_still_counts(self, server, station):
        station.send(frame(TEXT, b"first") + frame(TEXT, b"second", mask=None))
        assert server.handler.wait("received") == b"first"
        assert_failed(server, station, 1002)


class TestSection5_4Fragmentation:
    def test_two_fragments_are_one_message(self, server, station):
        station.send(frame(TEXT, b"He", fin=False) + frame(CONTINUATION, b"llo"))
        assert server.handler.wait("received") == b"Hello"

    def test_empty_fragments_are_allowed(self, server, station):
        station.send(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) + frame(CONTINUATION))
        assert server.handler.wait("received") == b""

    def test_many_fragments_arrive_in_order(self, server, station):
        parts = [b"%d," % number for number in range(1000)]
        data = frame(TEXT, parts[0], fin=False) + b"".join(frame(CONTINUATION, p, fin=False) for p in parts[1:])
        station.send(data + frame(CONTINUATION))
        assert server.handler.wait("received") == b"".join(parts)

    def test_ping_between_fragments_is_answered_before_the_message(self, server, station):
        station.send(frame(TEXT, b"He", fin=False) + frame(PING, b"alive?"))
        assert station.frame() == Frame(PONG, b"alive?")
        station.send(frame(CONTINUATION, b"llo"))
        assert server.handler.wait("received") == b"Hello"

    def test_close_between_fragments_ends_it_without_the_message(self, server, station):
        station.send(frame(TEXT, b"He", fin=False) + close(1000))
        assert station.frame().close_code == 1000
        assert server.handler.wait("closed").is_clean

    def test_second_message_after_a_fragmented_one_arrives(self, server, station):
        station.send(frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b") + frame(TEXT, b"c"))
        assert server.handler.wait("received") == b"ab"
        assert server.handler.wait("received") == b"c"

    def test_continuation_of_nothing_is_refused(self, server, station):
        station.send(frame(CONTINUATION, b"x"))
        assert_failed(server, station, 1002)

    def test_continuation_after_the_last_fragment_is_refused(self, server, station):
        station.send(frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b") + frame(CONTINUATION, b"c"))
        assert server.handler.wait("received") == b"ab"
        assert station.frame() == Frame(TEXT, b"ab")
        assert_failed(server, station, 1002)

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    @pytest.mark.parametrize("fin", [True, False])
    def test_new_message_within_a_fragmented_one_is_refused(self, server, station, opcode, fin):
        station.send(frame(TEXT, b"a", fin=False) + frame(opcode, b"b", fin=fin))
        assert_failed(server, station, 1002)

    def test_fragment_flood_is_stopped(self, server, connect):
        server.accept["limits"] = replace(NO_RATES, max_fragments=100)
        station = connect()
        station.upgrade()
        server.handler.wait("opened")
        station.send(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 100)
        assert_failed(server, station, 1009)


class TestSection5_5ControlFrames:
    @pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
    def test_control_frame_over_125_bytes_is_refused(self, server, station, opcode):
        station.send(frame(opcode, b"\x03\xe8" + b"x" * 124))
        assert_failed(server, station, 1002)

    @pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
    def test_fragmented_control_frame_is_refused(self, server, station, opcode):
        station.send(frame(opcode, fin=False))
        assert_failed(server, station, 1002)

    def test_control_frame_of_125_bytes_is_answered(self, server, station):
        station.send(frame(PING, b"x" * 125))
        assert station.frame() == Frame(PONG, b"x" * 125)


class TestSection5_5_1Close:
    @pytest.mark.parametrize(
        "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
    )
    def test_close_is_echoed_and_tcp_closed(self, server, station, code):
        station.send(close(code, b"bye"))
        assert station.frame() == Frame(CLOSE, code.to_bytes(2, "big"))
        assert station.is_ended()
        assert server.handler.wait("closed") == Closure(code=code, reason="bye", is_clean=True, by=ClosedBy.STATION)

    def test_close_without_a_code_is_1005(self, server, station):
        station.send(frame(CLOSE))
        assert station.frame() == Frame(CLOSE, b"")
        assert server.handler.wait("closed") == Closure(code=1005, reason="", is_clean=True, by=ClosedBy.STATION)

    def test_close_with_half_a_code_is_refused(self, server, station):
        station.send(frame(CLOSE, b"\x03"))
        assert_failed(server, station, 1002)

    def test_close_reason_that_is_not_utf8_is_refused(self, server, station):
        station.send(close(1000, b"\xff"))
        assert_failed(server, station, 1007)

    def test_nothing_is_received_after_close(self, server, station):
        station.send(close(1000) + frame(TEXT, b"late"))
        assert station.frame().close_code == 1000
        assert server.handler.wait("closed").is_clean

    def test_our_close_waits_for_the_stations(self, server, station):
        server.call(server.handler.socket.close, 1008, "policy")
        assert station.frame() == Frame(CLOSE, b"\x03\xf0policy")
        station.send(frame(TEXT, b"crossed it on the way") + close(1008))
        assert station.is_ended()
        assert server.handler.wait("closed") == Closure(code=1008, reason="policy", is_clean=True, by=ClosedBy.OWNER)

    def test_our_close_unanswered_ends_in_time(self, server, connect):
        server.accept["limits"] = replace(NO_RATES, close_timeout_s=0.05)
        station = connect()
        station.upgrade()
        server.handler.wait("opened")
        server.call(server.handler.socket.close)
        assert station.frame().close_code == 1000
        closure = server.handler.wait("closed")
        assert (closure.code, closure.is_clean) == (1000, False)

    def test_two_closes_that_cross_are_clean(self, server, station):
        server.call(server.handler.socket.close, 1001, "")
        station.send(close(1000))
        assert station.frame().close_code == 1001
        assert server.handler.wait("closed").is_clean

    def test_broken_frame_after_our_close_ends_it(self, server, station):
        server.call(server.handler.socket.close)
        assert station.frame().close_code == 1000
        station.send(frame(TEXT, b"x", mask=None))
        assert station.is_ended()
        station.close()
        assert server.handler.wait("closed").is_clean is False

    def test_long_reason_is_cut_at_a_character(self, server, station):
        server.call(server.handler.socket.close, 1000, "ü" * 100)
        assert station.frame().payload[2:].decode() == "ü" * 61


class TestSection5_5_2Ping:
    def test_pong_carries_the_pings_data(self, server, station):
        station.send(frame(PING, b"\x00\xffdata") + frame(PING))
        assert station.frame() == Frame(PONG, b"\x00\xffdata")
        assert station.frame() == Frame(PONG, b"")

    def test_unasked_pong_is_ignored(self, server, station):
        station.send(frame(PONG, b"?") + frame(TEXT, b"next"))
        assert server.handler.wait("received") == b"next"
        assert server.server.counters.pongs_received == 1


class TestSection5_6DataFrames:
    def test_binary_message_is_ignored_and_counted(self, server, station):
        station.send(frame(BINARY, b"\xff\x00") + frame(BINARY, b"a", fin=False) + frame(CONTINUATION, b"b"))
        station.send(frame(TEXT, b"text"))
        assert server.handler.wait("received") == b"text"
        assert server.server.counters.binary_ignored == 2

    def test_binary_message_is_refused_if_set(self, server, connect):
        server.accept["limits"] = replace(NO_RATES, refuses_binary=True)
        station = connect()
        station.upgrade()
        server.handler.wait("opened")
        station.send(frame(BINARY, b"x"))
        assert_failed(server, station, 1003)


class TestSection7_1ClosingTheConnection:
    def test_tcp_end_without_close_is_1006(self, server, station):
        station.close()
        closure = server.handler.wait("closed")
        assert (closure.code, closure.is_clean, closure.by) == (1006, False, ClosedBy.NETWORK)

    def test_abort_drops_the_connection(self, server, station):
        server.call(server.handler.socket.abort, "replaced")
        closure = server.handler.wait("closed")
        assert closure == Closure(code=1006, reason="replaced", is_clean=False, by=ClosedBy.OWNER)

    def test_nothing_can_be_sent_after_close(self, server, station):
        server.call(server.handler.socket.close)
        assert server.call(server.handler.socket.send, b"x") is False
        assert not server.handler.socket.is_open
        station.send(close(1000))
        server.handler.wait("closed")
        server.call(server.handler.socket.close)
        server.call(server.handler.socket.abort, "again")
        server.call(server.handler.socket.ping)
        assert server.handler.events.empty()


class TestSection7_4StatusCodes:
    @pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
    def test_code_that_must_not_be_sent_is_refused(self, server, station, code):
        station.send(close(code))
        assert_failed(server, station, 1002)


class TestSection8_1Utf8:
    @pytest.mark.parametrize(
        "text", ["κόσμε", "\U0010ffff", "\ufeffbom", "\x00", "\x7f", "\ufffd", "日本語", "a" * 2000 + "é"]
    )
    def test_valid_text_arrives(self, server, station, text):
        station.send(frame(TEXT, text.encode()))
        assert server.handler.wait("received") == text.encode()

    @pytest.mark.parametrize(
        "text",
        [
            b"\xff",
            b"\x80",
            b"\xc0\xaf",  # overlong
            b"\xe0\x80\xaf",
            b"\xed\xa0\x80",  # surrogate
            b"\xf4\x90\x80\x80",  # above U+10FFFF
            b"\xf5\x80\x80\x80",
            b"\xce",  # cut
            b"good then \xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        ],
    )
    def test_invalid_text_is_refused(self, server, station, text):
        station.send(frame(TEXT, text))
        assert_failed(server, station, 1007)

    def test_character_split_across_fragments_is_valid(self, server, station):
        station.send(frame(TEXT, b"\xce", fin=False) + frame(CONTINUATION, b"\xba"))
        assert server.handler.wait("received") == "κ".encode()

    def test_fragments_valid_apart_but_not_together_are_refused(self, server, station):
        station.send(frame(TEXT, b"ok\xce", fin=False) + frame(CONTINUATION, b"ok"))
        assert_failed(server, station, 1007)


class TestSection10_4Limits:
    @pytest.fixture
    def small(self, server, connect):
        server.accept["limits"] = replace(NO_RATES, max_message_bytes=1000)
        station = connect()
        station.upgrade()
        server.handler.wait("opened")
        return station

    def test_message_at_the_limit_arrives(self, server, small):
        small.send(frame(TEXT, b"x" * 1000))
        assert len(server.handler.wait("received")) == 1000

    def test_frame_above_the_limit_is_refused(self, server, small):
        small.send(frame(TEXT, b"x" * 1001))
        assert_failed(server, small, 1009)
        assert server.server.counters.oversized == 1

    def test_frame_above_the_limit_is_refused_by_its_header(self, server, small):
        small.send(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0")
        assert_failed(server, small, 1009)

    def test_fragments_above_the_limit_are_refused_together(self, server, small):
        small.send(frame(TEXT, b"x" * 600, fin=False) + frame(CONTINUATION, b"x" * 401, fin=False))
        assert_failed(server, small, 1009)

    def test_binary_fragments_above_the_limit_are_refused_too(self, server, small):
        small.send(frame(BINARY, b"x" * 600, fin=False) + frame(CONTINUATION, b"x" * 401))
        assert_failed(server, small, 1009)

    def test_what_follows_an_oversized_frame_is_not_kept(self, server, small):
        """The close frame reaches the station although it goes on sending for a while."""
        small.send(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0")
        for _ in range(50):
            small.send(b"x" * 10_000)
        assert_failed(server, small, 1009)


class TestSending:
    def test_large_and_small_messages_of_one_moment_stay_apart(self, server, station):
        texts = [b"a" * 20_000, b"b", b"c" * 9000, b"d" * 8192, b"", b"e" * 70_000]

        def send_all():
            return [server.handler.socket.send(text) for text in texts]

        assert server.call(send_all) == [True] * len(texts)
        assert [station.frame().payload for _ in texts] == texts

    def test_after_large_messages_small_ones_still_arrive(self, server, station):
        """A new parser takes over after each large frame; nothing is lost at the seam."""
        texts = [b"x" * 9000, b"y", b"z" * 100_000, b"w", b"v" * 8192]
        for text in texts:
            station.send(frame(TEXT, text))
            assert server.handler.wait("received") == text
            assert station.frame().payload == text
        station.send(b"".join(frame(TEXT, text) for text in texts))
        assert [server.handler.wait("received") for _ in texts] == texts
        assert [station.frame().payload for _ in texts] == texts
        station.send(close(1000))
        assert server.handler.wait("closed").is_clean


class TestOpening:
    """A handler may do anything in `opened` already."""

    class AtOnce(Recorder):
        def __init__(self, action):
            super().__init__()
            self.action = action

        def opened(self, socket):
            super().opened(socket)
            self.action(socket)

    def open_with(self, server, connect, action):
        server.handler = self.AtOnce(action)
        station = connect()
        station.send(station.request() + frame(TEXT, b"early"))
        return station

    def test_message_sent_at_once_follows_the_answer(self, server, connect):
        station = self.open_with(server, connect, lambda socket: socket.send(b"welcome"))
        assert station.answer().status == 101
        assert station.frame() == Frame(TEXT, b"welcome")
        server.handler.wait("opened")
        assert server.handler.wait("received") == b"early"

    def test_close_at_once_follows_the_answer(self, server, connect):
        station = self.open_with(server, connect, lambda socket: socket.close(1008, "not now"))
        assert station.answer().status == 101
        assert station.frame() == Frame(CLOSE, b"\x03\xf0not now")
        station.send(close(1008))
        assert station.is_ended()
        server.handler.wait("opened")
        assert server.handler.wait("closed").is_clean

    def test_abort_at_once_ends_it(self, server, connect):
        self.open_with(server, connect, lambda socket: socket.abort("no"))
        server.handler.wait("opened")
        assert server.handler.wait("closed").reason == "no"

    def test_failure_at_once_is_1011(self, server, connect):
        def fail(socket):
            raise LookupError

        station = self.open_with(server, connect, fail)
        assert station.answer().status == 101
        assert station.frame().close_code == 1011
        station.close()
        server.handler.wait("opened")
        assert server.handler.wait("closed").by is ClosedBy.FAILURE
        server.failures.clear()


class TestHandlerThatFails:
    def test_station_hears_1011_and_the_others_go_on(self, server, connect):
        def fail(text):
            raise LookupError(text)

        server.handler.received = fail
        station = connect()
        station.upgrade()
        station.send(frame(TEXT, b"x"))
        assert station.frame().close_code == 1011
        assert station.is_ended()
        station.close()
        server.handler.wait("opened")
        assert server.handler.wait("closed").by is ClosedBy.FAILURE
        assert [type(failure) for failure in server.failures] == [LookupError]
        server.failures.clear()
