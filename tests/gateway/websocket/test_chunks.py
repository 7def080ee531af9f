"""However TCP cuts the bytes and a station the messages, the same messages come out."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.websocket.peer import CONTINUATION, NO_RATES, PING, PONG, TEXT, Recorder, RunningServer, Station, frame
from ingufu.gateway.websocket import SocketLimits

pytestmark = pytest.mark.timeout(180)
MESSAGES = st.lists(st.text(max_size=200) | st.integers(100, 3000).map(lambda size: "grün " * size), max_size=6)


@st.composite
def streams(draw):
    """Draw messages, the frames that carry them with pings in between, and where TCP cuts the bytes."""
    messages = draw(MESSAGES)
    data = b""
    pings = 0
    for message in messages:
        text = message.encode()
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
        bounds = [0, *cuts, len(text)]
        for number in range(len(bounds) - 1):
            opcode = CONTINUATION if number else TEXT
            fragment = text[bounds[number] : bounds[number + 1]]
            mask = draw(st.binary(min_size=4, max_size=4))
            data += frame(opcode, fragment, fin=number == len(bounds) - 2, mask=mask)
            if draw(st.booleans()):
                data += frame(PING, b"%d" % pings)
                pings += 1
    chunks = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    bounds = [0, *chunks, len(data)]
    return messages, pings, [data[bounds[n] : bounds[n + 1]] for n in range(len(bounds) - 1)]


@pytest.mark.parametrize(
    "limits", [NO_RATES, SocketLimits(messages_per_s=2000, message_burst=2)], ids=["free", "slowed"]
)
def test_any_split_yields_the_same_messages(server: RunningServer, limits):
    server.accept["limits"] = limits

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(streams())
    def check(stream):
        messages, pings, chunks = stream
        server.handler = Recorder()
        station = Station(server.address)
        try:
            station.send(station.request() + chunks[0])
            assert station.answer().status == 101
            for chunk in chunks[1:]:
                station.send(chunk)
            server.handler.wait("opened")
            assert [server.handler.wait("received").decode() for _ in messages] == messages
            assert [station.frame()[:2] for _ in range(pings)] == [(PONG, b"%d" % number) for number in range(pings)]
        finally:
            station.close()
        server.handler.wait("closed")

    check()
