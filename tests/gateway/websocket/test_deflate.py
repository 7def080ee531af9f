"""RFC 7692: negotiation of permessage-deflate, frames with RSV1, bombs; and an independent peer."""

# ruff: noqa: N801 - classes are named by section of the standard

import zlib
from base64 import b64encode
from hashlib import sha256
from typing import ClassVar

import pytest
import websockets.sync.client
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

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
from ingufu.gateway.websocket import ClosedBy, deflate
from ingufu.gateway.websocket.messages import Violation

RSV1 = 4
RANDOM = b"".join(sha256(bytes([number])).digest() for number in range(64))
NO_TAKEOVER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def deflated(text: bytes, bits: int = -15) -> bytes:
    """Deflate as 7.2.1 says, apart from the code under test."""
    deflater = zlib.compressobj(wbits=bits)
    return (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(payload: bytes, bits: int = -15) -> bytes:
    return zlib.decompressobj(bits).decompress(payload + b"\x00\x00\xff\xff")


@pytest.fixture
def deflating(server, connect):
    """A station that has agreed to permessage-deflate."""
    station = connect()
    answer = station.upgrade(headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"})
    assert answer.headers["Sec-WebSocket-Extensions"] == NO_TAKEOVER
    server.handler.wait("opened")
    return station


class TestSection5_1Offer:
    def test_first_offer_that_can_be_met_is_answered(self):
        offers = (
            "x-webkit-deflate-frame",
            "permessage-deflate; unknown",
            "permessage-deflate; server_max_window_bits=9",
        )
        assert deflate.agree(offers).answer == NO_TAKEOVER + "; server_max_window_bits=9"

    def test_nothing_offered_is_nothing_answered(self, server, connect):
        assert "Sec-WebSocket-Extensions" not in connect().upgrade().headers

    def test_offers_in_several_headers_are_read(self, server, connect):
        station = connect()
        extra = b"Sec-WebSocket-Extensions: a, b; c=1\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
        assert station.ask(station.request(extra=extra)).headers["Sec-WebSocket-Extensions"] == NO_TAKEOVER

    def test_it_can_be_switched_off_per_station(self, server, connect):
        server.accept["may_deflate"] = False
        station = connect()
        answer = station.upgrade(headers={"Sec-WebSocket-Extensions": "permessage-deflate"})
        assert "Sec-WebSocket-Extensions" not in answer.headers
        station.send(frame(TEXT, deflated(b"x"), rsv=RSV1))
        assert station.frame().close_code == 1002


class TestSection7_1Parameters:
    @pytest.mark.parametrize(
        "offer",
        [
            "permessage-deflate",
            "Permessage-Deflate ; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10",
            'permessage-deflate; client_max_window_bits="10"',
        ],
    )
    def test_valid_offer_is_met(self, offer):
        assert deflate.agree((offer,)).answer == NO_TAKEOVER

    @pytest.mark.parametrize(
        ("limit", "answered"), [(8, 8), (9, 9), (10, 10), (11, 11), (12, 12), (13, 13), (14, 13), (15, 13)]
    )
    def test_window_of_the_server_is_within_the_offer(self, limit, answered):
        terms = deflate.agree((f"permessage-deflate; server_max_window_bits={limit}",))
        assert terms.answer == f"{NO_TAKEOVER}; server_max_window_bits={answered}"
        assert terms.window_bits == answered

    @pytest.mark.parametrize(
        "parameters",
        [
            "unknown",
            "server_no_context_takeover=1",
            "client_no_context_takeover=",
            "server_no_context_takeover; server_no_context_takeover",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=1e1",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits=7",
            "client_max_window_bits=",
            "",
        ],
    )
    def test_malformed_offer_is_declined(self, parameters):
        assert deflate.agree((f"permessage-deflate; {parameters}",)) is None


class TestSection6Framing:
    def test_reserved_bit_marks_a_deflated_message(self, server, deflating):
        deflating.send(frame(TEXT, deflated(b"Hello"), rsv=RSV1))
        assert server.handler.wait("received") == b"Hello"

    def test_fragments_carry_the_bit_only_on_the_first(self, server, deflating):
        payload = deflated(b"Hello, Hello, Hello")
        deflating.send(frame(TEXT, payload[:3], fin=False, rsv=RSV1) + frame(CONTINUATION, payload[3:]))
        assert server.handler.wait("received") == b"Hello, Hello, Hello"

    def test_bit_on_a_continuation_is_refused(self, server, deflating):
        deflating.send(frame(TEXT, b"x", fin=False, rsv=RSV1) + frame(CONTINUATION, b"y", rsv=RSV1))
        assert deflating.frame().close_code == 1002

    @pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
    def test_bit_on_a_control_frame_is_refused(self, server, deflating, opcode):
        deflating.send(frame(opcode, rsv=RSV1))
        assert deflating.frame().close_code == 1002

    @pytest.mark.parametrize("rsv", [1, 2, 3, 5, 6, 7])
    def test_other_reserved_bits_stay_refused(self, server, deflating, rsv):
        deflating.send(frame(TEXT, b"x", rsv=rsv))
        assert deflating.frame().close_code == 1002

    def test_message_that_is_not_deflated_is_read_as_it_is(self, server, deflating):
        deflating.send(frame(TEXT, b"plain") + frame(TEXT, deflated(b"packed"), rsv=RSV1))
        assert server.handler.wait("received") == b"plain"
        assert server.handler.wait("received") == b"packed"

    def test_deflated_binary_message_is_ignored(self, server, deflating):
        deflating.send(frame(BINARY, b"\xff\xff", rsv=RSV1) + frame(TEXT, b"next"))
        assert server.handler.wait("received") == b"next"

    def test_ping_within_deflated_fragments_is_answered(self, server, deflating):
        payload = deflated(b"Hello")
        deflating.send(frame(TEXT, payload[:2], fin=False, rsv=RSV1) + frame(PING) + frame(CONTINUATION, payload[2:]))
        assert deflating.frame() == Frame(PONG, b"")
        assert server.handler.wait("received") == b"Hello"


class TestSection7_2_2Inflating:
    @pytest.mark.parametrize(
        ("payload", "text"),
        [
            (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),  # 7.2.3.1: one block
            (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"Hello"),  # 7.2.3.3: without compression
            (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),  # 7.2.3.4: a block with BFINAL
            (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", b"Hello"),  # 7.2.3.5: two blocks
            (b"\x00", b""),  # 7.2.3.6: an empty message
            (b"\x02\x00", b""),
        ],
    )
    def test_examples_of_the_standard(self, server, deflating, payload, text):
        deflating.send(frame(TEXT, payload, rsv=RSV1))
        assert server.handler.wait("received") == text

    def test_history_crosses_a_final_block(self):
        first = zlib.compressobj(wbits=-15)
        start = first.compress(b"a long enough text ") + first.flush(zlib.Z_FINISH)
        second = zlib.compressobj(wbits=-15, zdict=b"a long enough text ")
        rest = second.compress(b"a long enough text again") + second.flush(zlib.Z_SYNC_FLUSH)
        inflated_text = deflate.Codec().inflate(start + rest[:-4], 1000)
        assert inflated_text == b"a long enough text a long enough text again"

    def test_flood_of_final_blocks_is_stopped(self):
        assert deflate.Codec().inflate(b"\x03\x00" * 100_000, 1000) == Violation(1008, "too many final deflate blocks")

    def test_nothing_is_remembered_from_message_to_message(self, server, deflating):
        payload = deflated(b"the same text twice")
        deflating.send(frame(TEXT, payload, rsv=RSV1) * 2)
        assert server.handler.wait("received") == server.handler.wait("received")

    def test_reference_to_an_earlier_message_is_refused(self, server, deflating):
        takes_over = zlib.compressobj(wbits=-15)
        parts = [takes_over.compress(b"the same text") + takes_over.flush(zlib.Z_SYNC_FLUSH) for _ in range(2)]
        for part in parts:
            deflating.send(frame(TEXT, part[:-4], rsv=RSV1))
        assert server.handler.wait("received") == b"the same text"
        assert deflating.frame().payload == b"the same text"
        assert deflating.frame().close_code == 1007

    @pytest.mark.parametrize("payload", [b"\xff\xff\xff\xff", b"\x07"])
    def test_data_that_is_not_deflated_is_refused(self, server, deflating, payload):
        deflating.send(frame(TEXT, payload, rsv=RSV1))
        assert deflating.frame().close_code == 1007

    def test_text_that_is_not_utf8_after_inflating_is_refused(self, server, deflating):
        deflating.send(frame(TEXT, deflated(b"\xff"), rsv=RSV1))
        assert deflating.frame().close_code == 1007


class TestSection8Bombs:
    @pytest.mark.parametrize("size", [1_048_577, 200_000_000])
    def test_bomb_is_stopped_at_the_limit(self, server, deflating, size):
        deflating.send(frame(TEXT, deflated(b"\x00" * size), rsv=RSV1))
        assert deflating.frame().close_code == 1009
        deflating.close()
        assert server.handler.wait_closed().by is ClosedBy.VIOLATION
        assert server.server.counters.oversized == 1

    def test_message_at_the_limit_arrives(self, server, deflating):
        deflating.send(frame(TEXT, deflated(b"x" * 1_048_576), rsv=RSV1))
        assert len(server.handler.wait("received")) == 1_048_576

    @given(text=st.binary(max_size=300), limit=st.integers(0, 300))
    def test_limit_is_exact(self, text, limit):
        outcome = deflate.Codec().inflate(deflated(text), limit)
        assert outcome == text if len(text) <= limit else outcome.code == 1009


class TestSection7_2_1Deflating:
    def test_long_message_is_deflated_and_short_one_is_not(self, server, deflating):
        long = b'{"key":"value"}' * 100
        assert server.call(server.handler.socket.send, long)
        assert server.call(server.handler.socket.send, b"short")
        packed = deflating.frame()
        assert (packed.opcode, packed.rsv, packed.fin) == (TEXT, RSV1, True)
        assert inflated(packed.payload) == long
        assert deflating.frame() == Frame(TEXT, b"short")
        assert server.server.counters.messages_deflated == 1

    def test_message_that_does_not_shrink_is_sent_as_it_is(self, server, deflating):
        sent_as_it_is = b64encode(RANDOM)[:256]
        limit = len(deflate.Codec().deflate(sent_as_it_is, 13) or sent_as_it_is)
        assert server.call(server.handler.socket.send, sent_as_it_is)
        assert len(deflating.frame().payload) == limit

    def test_random_bytes_do_not_shrink(self):
        assert deflate.Codec().deflate(RANDOM, 13) is None

    @given(
        texts=st.lists(st.binary(max_size=2000).map(lambda text: text * 5), max_size=8),
        bits=st.sampled_from([9, 10, 11, 12, 13]),
    )
    def test_shared_state_leaks_nothing_and_keeps_to_the_window(self, texts, bits):
        codec = deflate.Codec()
        for text in texts:
            packed = codec.deflate(text, bits)
            if packed is not None:
                assert inflated(packed, -bits) == text

    def test_window_of_eight_bits_is_agreed_but_nothing_deflated(self, server, connect):
        station = connect()
        station.upgrade(headers={"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=8"})
        server.handler.wait("opened")
        assert server.call(server.handler.socket.send, b"x" * 5000)
        assert station.frame() == Frame(TEXT, b"x" * 5000)


class TestIndependentPeer:
    """The `websockets` client agrees with every word."""

    TEXTS: ClassVar = ["", "short", "grün " * 2000, '{"a":[1,2,3]}' * 500, "x" * 200_000]

    @pytest.mark.parametrize(
        "factory",
        [
            None,
            ClientPerMessageDeflateFactory(),
            ClientPerMessageDeflateFactory(client_max_window_bits=9),
            ClientPerMessageDeflateFactory(server_max_window_bits=10, client_max_window_bits=True),
            ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True),
        ],
    )
    def test_messages_come_back_as_they_went(self, server, factory):
        extensions = None if factory is None else [factory]
        host, port = server.address
        with websockets.sync.client.connect(
            f"ws://{host}:{port}/ocpp/CP1", subprotocols=["ocpp1.6"], extensions=extensions, compression=None
        ) as client:
            assert client.subprotocol == "ocpp1.6"
            for text in self.TEXTS:
                client.send(text)
                assert client.recv(timeout=5) == text
            client.send(["frag", "men", "ted " * 5000])
            assert client.recv(timeout=5) == "fragmented " + "ted " * 4999
            assert client.ping().wait(5)
        assert server.handler.wait_closed().is_clean

    def test_it_sees_our_close_code(self, server):
        host, port = server.address
        with websockets.sync.client.connect(f"ws://{host}:{port}/", subprotocols=["ocpp1.6"]) as client:
            server.handler.wait("opened")
            server.call(server.handler.socket.close, 1008, "no")
            with pytest.raises(websockets.ConnectionClosedError):
                client.recv(timeout=5)
        assert (client.close_code, client.close_reason) == (1008, "no")
        assert server.handler.wait_closed().is_clean

    def test_it_is_told_of_an_oversized_message(self, server):
        server.accept["limits"] = replace(NO_RATES, max_message_bytes=1000)
        host, port = server.address
        url = f"ws://{host}:{port}/"
        with websockets.sync.client.connect(url, subprotocols=["ocpp1.6"], compression=None) as client:
            client.send("x" * 1001)
            with pytest.raises(websockets.ConnectionClosedError):
                client.recv(timeout=5)
        assert client.close_code == 1009


def test_close_ends_a_deflating_socket_cleanly(server, deflating):
    deflating.send(close(1000))
    assert deflating.frame().close_code == 1000
    assert server.handler.wait("closed").is_clean
    assert isinstance(server.handler, Recorder)
