"""RFC 6455 section 4: the opening handshake, what it tolerates of stations in the field, and the owner's decision."""

# ruff: noqa: N801 - classes are named by section of the standard

import asyncio
from base64 import b64encode

import pytest
from msgspec.structs import replace

from gateway.websocket.peer import KEY, TEXT, frame
from ingufu.gateway.websocket import (
    Accept,
    BasicCredentials,
    Cause,
    NoCredentials,
    Refuse,
    ServerLimits,
    basic_credentials,
)


def assert_refused(server, connect, request: bytes, status: int, cause: Cause) -> dict[str, str]:
    station = connect()
    answer = station.ask(request)
    assert answer.status == status
    assert station.is_ended()
    station.close()
    attempt = server.next_attempt()
    assert (attempt.cause, attempt.status) == (cause, status), attempt
    assert attempt.remote[0] == "127.0.0.1"
    assert server.server.counters.refused == {status: 1}
    assert server.requests.empty(), "the owner was not asked"
    return answer.headers


@pytest.fixture
def request_with(server, connect):
    """Build the usual request with some headers changed; send nothing."""
    return lambda path="/ocpp/CP1", headers=None, extra=b"": connect().request(path, headers, extra)


class TestSection1_3OpeningHandshake:
    def test_the_answer_of_the_standard_is_given(self, server, connect):
        answer = connect().upgrade()
        assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert answer.headers["Upgrade"] == "websocket"
        assert answer.headers["Connection"] == "Upgrade"


class TestSection4_2_1Reading:
    def test_owner_sees_the_whole_request(self, server, connect):
        station = connect()
        station.upgrade("/base/ocpp/CP%201%2F%C3%BC/?a=%20b", {"X-Thing": "1", "x-thing": "2"})
        request = server.requests.get()
        assert request.listener == "plain"
        assert request.remote == station.socket.getsockname()
        assert request.tls is None
        assert request.raw_path == "/base/ocpp/CP%201%2F%C3%BC/"
        assert request.segments == ("base", "ocpp", "CP 1/ü")
        assert request.query == "a=%20b"
        assert request.header_values("X-THING") == [b"1", b"2"]
        assert request.header("x-thing") == b"1"
        assert request.header("absent") is None
        assert request.subprotocols == ("ocpp1.6",)
        assert request.tolerated == ()

    def test_absolute_target_is_read(self, server, connect):
        connect().upgrade("http://csms.example/ocpp/CP1?x=1")
        request = server.requests.get()
        assert (request.raw_path, request.query) == ("/ocpp/CP1", "x=1")

    def test_subprotocols_keep_the_stations_order(self, server, connect):
        station = connect()
        extra = b"Sec-WebSocket-Protocol: ocpp1.6 ,ocpp2.0.1\r\n"
        server.accept["subprotocol"] = "ocpp2.0.1"
        answer = station.ask(station.request(headers={"Sec-WebSocket-Protocol": "ocpp2.1, ocpp2.0.1"}, extra=extra))
        assert server.requests.get().subprotocols == ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")
        assert answer.headers["Sec-WebSocket-Protocol"] == "ocpp2.0.1"

    def test_no_subprotocol_offered_and_none_answered(self, server, connect):
        server.accept["subprotocol"] = None
        answer = connect().upgrade(headers={"Sec-WebSocket-Protocol": None})
        assert server.requests.get().subprotocols == ()
        assert "Sec-WebSocket-Protocol" not in answer.headers

    @pytest.mark.parametrize(
        ("headers", "tolerated"),
        [
            ({"Connection": "keep-alive, Upgrade"}, ()),
            ({"Connection": "UPGRADE"}, ()),
            ({"Upgrade": "WebSocket"}, ()),
            ({"Upgrade": "h2c, websocket"}, ()),
            ({"Connection": None}, ("connection-header",)),
            ({"Connection": "keep-alive"}, ("connection-header",)),
            ({"Host": None}, ("host-header",)),
            ({"X-Folded": "one\r\n  two\r\n\tthree"}, ("folded-header",)),
            ({"Content-Length": "0"}, ()),
        ],
    )
    def test_known_ways_of_stations_are_tolerated(self, server, connect, headers, tolerated):
        connect().upgrade(headers=headers)
        assert server.requests.get().tolerated == tolerated

    def test_folded_header_is_joined(self, server, connect):
        connect().upgrade(headers={"X-Folded": "one\r\n  two\r\n\tthree"})
        assert server.requests.get().header("x-folded") == b"one two three"

    def test_lines_ended_by_a_bare_newline_are_read(self, server, connect):
        station = connect()
        assert station.ask(station.request().replace(b"\r\n", b"\n")).status == 101

    def test_request_written_byte_by_byte_is_read(self, server, connect):
        station = connect()
        for byte in station.request():
            station.send(bytes([byte]))
        assert station.answer().status == 101

    @pytest.mark.parametrize(
        ("headers", "status", "cause"),
        [
            ({"Upgrade": None}, 426, Cause.NOT_WEBSOCKET),
            ({"Upgrade": "h2c"}, 426, Cause.NOT_WEBSOCKET),
            ({"Sec-WebSocket-Version": "8"}, 426, Cause.WEBSOCKET_VERSION),
            ({"Sec-WebSocket-Version": None}, 426, Cause.WEBSOCKET_VERSION),
            ({"Sec-WebSocket-Key": None}, 400, Cause.MALFORMED),
            ({"Sec-WebSocket-Key": "short"}, 400, Cause.MALFORMED),
            ({"Sec-WebSocket-Key": "AAAA"}, 400, Cause.MALFORMED),
            ({"Content-Length": "5"}, 400, Cause.MALFORMED),
            ({"Transfer-Encoding": "chunked"}, 400, Cause.MALFORMED),
            ({"Bad Name": "x"}, 400, Cause.MALFORMED),
            ({"X-Control": "a\x00b"}, 400, Cause.MALFORMED),
        ],
    )
    def test_request_with_a_wrong_header_is_refused(self, server, connect, request_with, headers, status, cause):
        answer_headers = assert_refused(server, connect, request_with(headers=headers), status, cause)
        assert answer_headers["Connection"].endswith("close")
        if status == 426:
            assert answer_headers["Sec-WebSocket-Version"] == "13"
            assert answer_headers["Upgrade"] == "websocket"

    @pytest.mark.parametrize(
        ("line", "status", "cause"),
        [
            (b"POST /ocpp/CP1 HTTP/1.1", 405, Cause.METHOD),
            (b"GET /ocpp/CP1 HTTP/1.0", 505, Cause.VERSION),
            (b"PRI * HTTP/2.0", 505, Cause.VERSION),
            (b"GET /ocpp/CP1", 400, Cause.MALFORMED),
            (b"GET  /ocpp/CP1 HTTP/1.1", 400, Cause.MALFORMED),
            (b"GET ocpp/CP1 HTTP/1.1", 400, Cause.MALFORMED),
            (b"GET ftp://host/x HTTP/1.1", 400, Cause.MALFORMED),
            (b"GET http://[/x HTTP/1.1", 400, Cause.MALFORMED),
            (b"GET /ocpp/%zz HTTP/1.1", 400, Cause.MALFORMED),
            (b"GET /ocpp/%ff HTTP/1.1", 400, Cause.MALFORMED),
            (b"GET /ocpp/\xff HTTP/1.1", 400, Cause.MALFORMED),
            (b"hello", 400, Cause.MALFORMED),
        ],
    )
    def test_wrong_request_line_is_refused(self, server, connect, request_with, line, status, cause):
        request = line + b"\r\n" + request_with().split(b"\r\n", 1)[1]
        assert_refused(server, connect, request, status, cause)

    def test_first_header_folded_is_refused(self, server, connect):
        assert_refused(server, connect, b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400, Cause.MALFORMED)

    def test_key_given_twice_is_refused(self, server, connect, request_with):
        extra = f"Sec-WebSocket-Key: {KEY}\r\n".encode()
        assert_refused(server, connect, request_with(extra=extra), 400, Cause.MALFORMED)

    def test_refused_path_is_told_to_the_operator(self, server, connect):
        station = connect()
        station.ask(station.request("/ocpp/CP9", {"Upgrade": None}))
        assert server.next_attempt().raw_path == "/ocpp/CP9"

    def test_bytes_that_are_no_http_are_refused_at_once(self, server, connect):
        assert_refused(server, connect, b"\x00\x01\x02", 400, Cause.MALFORMED)

    def test_tls_on_a_plain_port_is_recognised(self, server, connect):
        station = connect()
        station.send(b"\x16\x03\x01\x00\xf4\x01\x00")
        assert server.next_attempt().cause is Cause.TLS_ON_PLAIN_PORT
        assert not station.received

    def test_hanging_up_within_the_request_is_reported(self, server, connect):
        station = connect()
        station.send(b"GET /ocpp")
        station.close()
        attempt = server.next_attempt()
        assert (attempt.cause, attempt.detail) == (Cause.CLOSED_EARLY, "closed after 9 bytes")


class TestSection4_2_2Answering:
    def test_refusal_carries_status_headers_and_body(self, server, connect):
        server.decide = lambda _: Refuse(status=404, reason="no such station", headers=(("X-Why", "unknown"),))
        station = connect()
        answer = station.ask(station.request())
        assert (answer.status, answer.body, answer.headers["X-Why"]) == (404, b"no such station", "unknown")
        assert station.is_ended()
        assert server.attempts.empty(), "the owner knows what it refused itself"

    def test_401_asks_for_basic_credentials(self, server, connect):
        server.decide = lambda _: Refuse(status=401, reason="")
        station = connect()
        assert station.ask(station.request()).headers["WWW-Authenticate"].startswith("Basic ")

    def test_401_may_ask_in_its_own_words(self, server, connect):
        server.decide = lambda _: Refuse(status=401, reason="", headers=(("WWW-Authenticate", 'Basic realm="x"'),))
        station = connect()
        assert station.ask(station.request()).headers["WWW-Authenticate"] == 'Basic realm="x"'

    @pytest.mark.parametrize(("uniform", "seconds"), [(0.0, "20"), (1.0, "30")])
    def test_503_says_when_to_come_back_spread_by_chance(self, server, connect, uniform, seconds):
        server.uniform = uniform
        server.decide = lambda _: Refuse(status=503, reason="")
        station = connect()
        assert station.ask(station.request()).headers["Retry-After"] == seconds

    def test_unnamed_status_is_sent_all_the_same(self, server, connect):
        server.decide = lambda _: Refuse(status=499, reason="")
        station = connect()
        assert station.ask(station.request()).status == 499

    def test_decision_may_take_its_time(self, server, connect):
        go_on = asyncio.Event()

        async def decide(request):
            await go_on.wait()
            return Accept(handler=server.handler, subprotocol="ocpp1.6")

        server.decide = decide
        station = connect()
        station.send(station.request() + frame(TEXT, b"impatient"))
        server.requests.get(timeout=5)
        assert server.server.counters.upgrades == 0
        server.call(go_on.set)
        assert station.answer().status == 101
        server.handler.wait("opened")
        assert server.handler.wait("received") == b"impatient"

    def test_slow_decision_does_not_delay_others(self, server, connect):
        async def decide(request):
            await asyncio.Event().wait()

        accept = server.decide
        server.decide = decide
        slow = connect()
        slow.send(slow.request())
        server.requests.get(timeout=5)
        server.decide = accept
        connect().upgrade()

    def test_refusal_may_take_its_time_too(self, server, connect):
        async def decide(request):
            await asyncio.sleep(0)
            return Refuse(status=404, reason="")

        server.decide = decide
        station = connect()
        assert station.ask(station.request()).status == 404

    @pytest.mark.parametrize("is_async", [True, False])
    def test_failing_decision_is_a_500_and_reported(self, server, connect, is_async):
        def decide(request):
            raise LookupError

        async def decide_later(request):
            raise LookupError

        server.decide = decide_later if is_async else decide
        station = connect()
        assert station.ask(station.request()).status == 500
        assert server.next_attempt().cause is Cause.DECISION_FAILED
        assert [type(failure) for failure in server.failures] == [LookupError]
        server.failures.clear()

    def test_decision_that_never_comes_is_a_503(self, idle_server, connect):
        async def decide(request):
            await asyncio.Event().wait()

        idle_server.limits = ServerLimits(handshake_timeout_s=0.05)
        idle_server.decide = decide
        idle_server.start()
        station = connect()
        assert station.ask(station.request()).status == 503
        attempt = idle_server.next_attempt()
        assert (attempt.cause, attempt.raw_path) == (Cause.DECISION_TIMEOUT, "/ocpp/CP1")

    def test_extra_headers_of_the_owner_are_sent(self, server, connect):
        server.accept["headers"] = (("X-Region", "north"),)
        assert connect().upgrade().headers["X-Region"] == "north"


class TestRfc7617Credentials:
    def credentials(self, server, connect, value: str):
        station = connect()
        station.upgrade(headers={"Authorization": value})
        return basic_credentials(server.requests.get())

    @pytest.mark.parametrize(
        ("user", "password"),
        [
            (b"CP1", b"secret"),
            (b"CP1", b"a:b"),
            (b"CP1", b""),
            (b"CP1", bytes(range(256))),
            ("ü".encode(), b"\xff\xfe"),
        ],
    )
    def test_credentials_are_split_as_bytes_at_the_first_colon(self, server, connect, user, password):
        encoded = b64encode(user + b":" + password).decode()
        assert self.credentials(server, connect, f"Basic {encoded}") == BasicCredentials(user, password)

    def test_scheme_has_no_case_and_padding_may_lack(self, server, connect):
        assert self.credentials(server, connect, "bAsIc Q1AxOng") == BasicCredentials(b"CP1", b"x")

    @pytest.mark.parametrize("value", ["Bearer abc", "Basic", "Basic !!!", "Basic Q1Ax", "Basic Q", ""])
    def test_malformed_credentials_are_told_apart(self, server, connect, value):
        assert self.credentials(server, connect, value) is NoCredentials.MALFORMED

    def test_absent_credentials_are_told_apart(self, server, connect):
        connect().upgrade()
        assert basic_credentials(server.requests.get()) is NoCredentials.ABSENT

    def test_password_is_not_shown(self):
        assert "secret" not in repr(BasicCredentials(b"CP1", b"secret"))


class TestHandshakeLimits:
    def test_slow_request_is_given_up(self, idle_server, connect):
        idle_server.limits = ServerLimits(handshake_timeout_s=0.05)
        idle_server.start()
        station = connect()
        station.send(b"GET /ocpp")
        assert station.answer().status == 408
        attempt = idle_server.next_attempt()
        assert (attempt.cause, attempt.detail) == (Cause.TIMEOUT, "no complete request after 9 bytes")

    def test_five_hundred_half_open_handshakes_do_not_keep_a_station_out(self, server, connect):
        for _ in range(500):
            connect().send(b"GET /")
        connect().upgrade()
        assert server.server.counters.handshakes_open == 500

    @pytest.mark.parametrize(
        "headers", [{"X": "y" * 20_000}, {f"X-{number}": "y" for number in range(200)}, {"X": "y" * 1_000_000}]
    )
    def test_large_head_is_refused(self, server, connect, request_with, headers):
        assert_refused(server, connect, request_with(headers=headers), 431, Cause.TOO_LARGE)

    def test_endless_head_is_refused(self, server, connect):
        assert_refused(server, connect, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3000, 431, Cause.TOO_LARGE)

    def test_handshakes_over_the_rate_wait_and_none_is_lost(self, idle_server, connect):
        idle_server.limits = ServerLimits(handshakes_per_s=10, handshake_burst=5)  # a busy machine is slow to knock
        idle_server.start()
        stations = [connect() for _ in range(15)]
        for station in stations:
            station.send(station.request())
        assert [station.answer().status for station in stations] == [101] * 15
        assert idle_server.server.counters.handshakes_delayed == 10

    def test_handshake_that_would_wait_too_long_hears_when_to_come_back(self, idle_server, connect):
        idle_server.limits = ServerLimits(handshakes_per_s=0.01, handshake_burst=1)
        idle_server.start()
        connect().upgrade()
        station = connect()
        answer = station.ask(station.request())
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) == 100
        assert idle_server.next_attempt().cause is Cause.RATE_LIMITED

    def test_handshake_rate_per_address_is_limited(self, idle_server, connect):
        limits = ServerLimits(address_handshakes_per_s=0.01, address_handshake_burst=1)
        idle_server.limits = replace(limits, exempt_networks=("192.0.2.0/24",))
        idle_server.start()
        connect().upgrade()
        station = connect()
        assert station.ask(station.request()).status == 503
        assert idle_server.next_attempt().cause is Cause.RATE_LIMITED

    def test_exempt_address_has_no_rate(self, idle_server, connect):
        idle_server.limits = ServerLimits(address_handshakes_per_s=0.01, address_handshake_burst=1)
        idle_server.start()
        for _ in range(5):
            connect().upgrade()

    def test_open_handshakes_per_address_are_limited(self, idle_server, connect):
        idle_server.limits = ServerLimits(max_handshakes_per_address=3, exempt_networks=())
        idle_server.start()
        waiting = [connect() for _ in range(3)]
        idle_server.wait_until(lambda: idle_server.server.counters.handshakes_open == 3)
        station = connect()
        assert station.ask(station.request()).status == 503
        assert idle_server.next_attempt().cause is Cause.RATE_LIMITED
        waiting[0].upgrade()
        connect().upgrade()

    def test_connections_are_limited(self, idle_server, connect):
        idle_server.limits = ServerLimits(max_connections=2)
        idle_server.start()
        first = connect()
        first.upgrade()
        connect().upgrade()
        station = connect()
        assert station.answer().status == 503
        assert idle_server.next_attempt().cause is Cause.OVERLOADED
        first.close()
        idle_server.wait_until(lambda: idle_server.server.counters.sockets_open == 1)
        connect().upgrade()

    def test_failing_report_of_an_attempt_harms_nobody(self, server, connect):
        def fail(attempt):
            raise LookupError

        server.server._house.attempt_failed = fail
        station = connect()
        assert station.ask(b"POST / HTTP/1.1\r\n\r\n").status == 405
        connect().upgrade()
        assert [type(failure) for failure in server.failures] == [LookupError]
        server.failures.clear()
