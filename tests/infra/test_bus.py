"""The local bus over real Unix sockets: live events, requests, and everything that happens when a side goes away."""

import asyncio
import contextlib
import os
import signal
import stat
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ingufu.core.errors import InvalidInput, NotFound, Unavailable
from ingufu.infra.bus import hub as hub_module
from ingufu.infra.bus import socket_frames
from ingufu.infra.bus.dialled import DialledBus
from ingufu.infra.bus.hub import HubBus
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.bus.port import Bus
from ingufu.infra.bus.socket_frames import Frame, FrameKind

PATIENCE_S = 10.0
REDIAL_S = 0.02


class Inbox:
    """Collects what a topic carries, and lets a test wait for it."""

    def __init__(self, bus: Bus, topic: str) -> None:
        self.messages: list[bytes] = []
        self._came = asyncio.Event()
        self.unsubscribe = bus.subscribe(topic, self._take)

    def _take(self, message: bytes) -> None:
        self.messages.append(message)
        self._came.set()

    async def count(self, number: int) -> list[bytes]:
        await eventually(lambda: len(self.messages) >= number, self._came)
        return self.messages


async def eventually(holds: Callable[[], bool], stirred: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            stirred.clear()
            await stirred.wait()


async def echo(message: bytes) -> bytes:
    return message[::-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bus.sock"


@pytest.fixture
async def hub(path: Path) -> AsyncIterator[HubBus]:
    hub = HubBus(path)
    await hub.open()
    yield hub
    await hub.close()


async def dial(path: Path) -> DialledBus:
    bus = DialledBus(path, redial_s=REDIAL_S)
    await bus.open(wait_s=PATIENCE_S)
    return bus


@pytest.fixture
async def web(hub: HubBus, path: Path) -> AsyncIterator[DialledBus]:
    bus = await dial(path)
    yield bus
    await bus.close()


async def test_listeners_everywhere_hear_what_anyone_publishes(hub, web, path):
    other = await dial(path)
    inboxes = [Inbox(bus, "events") for bus in (hub, web, other)]
    for bus in (hub, web, other):
        bus.publish("events", f"{type(bus).__name__}".encode())
    for inbox in inboxes:
        assert sorted(await inbox.count(3)) == [b"DialledBus", b"DialledBus", b"HubBus"]
    await other.close()


async def test_messages_of_one_publisher_keep_their_order(hub, web):
    inbox = Inbox(web, "events")
    for number in range(500):
        hub.publish("events", b"%d" % number)
    assert await inbox.count(500) == [b"%d" % number for number in range(500)]


async def test_nobody_hears_other_topics_or_what_came_before_or_after(hub, web):
    inbox = Inbox(web, "events")
    hub.publish("metrics", b"no")
    hub.publish("events", b"one")
    await inbox.count(1)
    inbox.unsubscribe()
    inbox.unsubscribe()
    last = Inbox(web, "events")
    hub.publish("events", b"two")
    await last.count(1)
    assert inbox.messages == [b"one"]


async def test_a_listener_that_fails_harms_neither_others_nor_the_connection(hub, web):
    def fail(message: bytes) -> None:
        raise ValueError(message)

    web.subscribe("events", fail)
    inbox = Inbox(web, "events")
    hub.publish("events", b"one")
    hub.publish("events", b"two")
    assert await inbox.count(2) == [b"one", b"two"]
    hub.respond("echo", echo)
    assert await web.request("echo", b"abc", timeout_s=PATIENCE_S) == b"cba"


async def test_requests_of_many_processes_are_answered_each_with_its_own(hub, web, path):
    async def late(message: bytes) -> bytes:
        await asyncio.sleep(0 if int(message) % 2 else 0.01)
        return message * 2

    hub.respond("twice", late)
    other = await dial(path)
    answers = await asyncio.gather(
        *(bus.request("twice", b"%d" % n, timeout_s=PATIENCE_S) for n in range(50) for bus in (web, other))
    )
    assert answers == [b"%d" % n * 2 for n in range(50) for _ in range(2)]
    await other.close()


async def test_the_hub_asks_itself_without_a_socket(hub):
    hub.respond("echo", echo)
    assert await hub.request("echo", b"ab", timeout_s=1) == b"ba"


@pytest.mark.parametrize("side", ["memory", "hub", "dialled"])
async def test_failures_of_a_responder_are_unavailable_on_every_bus(side, hub, web):
    bus: Bus = {"memory": MemoryBus(), "hub": hub, "dialled": web}[side]
    answering = hub if side == "dialled" else bus

    async def refuse(message: bytes) -> bytes:
        raise NotFound("Nothing there.")

    async def crash(message: bytes) -> bytes:
        raise ZeroDivisionError

    async def hang(message: bytes) -> bytes:
        return await asyncio.get_running_loop().create_future()

    for name, responder in (("refuse", refuse), ("crash", crash), ("hang", hang)):
        answering.respond(name, responder)
    for subject, reason in (
        ("nobody", "Nobody answers for nobody at the moment."),
        ("refuse", "refuse failed: Nothing there."),
        ("crash", "crash failed to answer."),
        ("hang", "hang did not answer within 0.05 s."),
    ):
        with pytest.raises(Unavailable) as caught:
            await bus.request(subject, b"", timeout_s=0.05 if subject == "hang" else PATIENCE_S)
        assert str(caught.value) == reason


async def test_a_late_answer_is_not_taken_for_another(hub, web):
    may_answer = asyncio.Event()

    async def slow(message: bytes) -> bytes:
        if message == b"slow":
            await may_answer.wait()
        return message

    hub.respond("slow", slow)
    with pytest.raises(Unavailable):
        await web.request("slow", b"slow", timeout_s=0.02)
    second = asyncio.create_task(web.request("slow", b"fast", timeout_s=PATIENCE_S))
    may_answer.set()
    assert await second == b"fast"


async def test_a_large_message_passes_and_a_larger_one_is_refused_without_harm(hub, web):
    hub.respond("echo", echo)
    large = os.urandom(5 * 1024 * 1024)
    assert await web.request("echo", large, timeout_s=PATIENCE_S) == large[::-1]
    with pytest.raises(InvalidInput, match="more than the bus carries"):
        await web.request("echo", bytes(socket_frames.MAX_FRAME_BYTES), timeout_s=PATIENCE_S)
    inbox = Inbox(web, "events")
    hub.publish("events", bytes(socket_frames.MAX_FRAME_BYTES))
    web.publish("elsewhere", bytes(socket_frames.MAX_FRAME_BYTES))
    hub.publish("events", b"small")
    assert await inbox.count(1) == [b"small"]


async def test_an_answer_that_is_too_large_is_a_failure_of_that_request_alone(hub, web):
    async def flood(message: bytes) -> bytes:
        return bytes(socket_frames.MAX_FRAME_BYTES)

    hub.respond("flood", flood)
    hub.respond("echo", echo)
    with pytest.raises(Unavailable, match="more than the bus carries"):
        await web.request("flood", b"", timeout_s=PATIENCE_S)
    assert await web.request("echo", b"ab", timeout_s=PATIENCE_S) == b"ba"


@pytest.mark.parametrize(
    "garbage",
    [
        (socket_frames.MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        (3).to_bytes(4, "big") + b"\xc1\xc1\xc1",
        (2).to_bytes(4, "big") + b"\x91\x01",
        (4).to_bytes(4, "big") + b"\x94\x63\x01\xa0",
    ],
    ids=["oversized", "no-msgpack", "too-short", "unknown-kind"],
)
async def test_a_process_that_does_not_speak_the_protocol_is_hung_up_on_and_others_stay(garbage, hub, web, path):
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(garbage)
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    hub.respond("echo", echo)
    assert await web.request("echo", b"ab", timeout_s=PATIENCE_S) == b"ba"


async def test_a_frame_cut_off_by_the_end_of_its_process_is_dropped(hub, web, path):
    _, writer = await asyncio.open_unix_connection(str(path))
    inbox = Inbox(hub, "events")
    writer.write(socket_frames.encode(Frame(FrameKind.PUBLISH, 0, "events", b"x" * 100))[:-1])
    writer.close()
    web.publish("events", b"whole")
    assert await inbox.count(1) == [b"whole"]


async def test_a_process_that_does_not_read_loses_events_and_delays_nobody(hub, web, path, monkeypatch):
    monkeypatch.setattr(hub_module, "WRITE_LIMIT_BYTES", 200_000)
    _, asleep = await asyncio.open_unix_connection(str(path), limit=1024)
    asleep.transport.pause_reading()
    inbox = Inbox(web, "events")
    async with asyncio.timeout(PATIENCE_S):
        while hub.dialled < 2:
            await asyncio.sleep(0)
    for number in range(60):
        hub.publish("events", bytes(20_000))
        await inbox.count(number + 1)
    assert len(inbox.messages) == 60
    assert hub.dropped > 0
    asleep.transport.abort()


async def test_requests_in_flight_fail_at_once_when_the_hub_goes_and_the_next_ones_too(path):
    hub = HubBus(path)
    await hub.open()
    web = await dial(path)
    heard = asyncio.Event()

    async def hang(message: bytes) -> bytes:
        heard.set()
        return await asyncio.get_running_loop().create_future()

    hub.respond("hang", hang)
    asked = asyncio.create_task(web.request("hang", b"", timeout_s=600))
    await heard.wait()
    await hub.close()
    with pytest.raises(Unavailable, match="went away before it answered"):
        await asyncio.wait_for(asked, PATIENCE_S)
    with pytest.raises(Unavailable, match="not reachable at the moment"):
        await web.request("hang", b"", timeout_s=600)
    assert not web.is_connected
    assert not path.exists()
    await web.close()


async def test_a_dialler_finds_the_hub_that_comes_later_and_the_one_that_comes_again(path):
    web = DialledBus(path, redial_s=REDIAL_S)
    await web.open(wait_s=0.01)
    assert not web.is_connected
    inbox = Inbox(web, "events")
    web.publish("events", b"local")
    assert inbox.messages == [b"local"]
    for number in range(2):
        hub = HubBus(path)
        await hub.open()
        await web.connected(timeout_s=PATIENCE_S)
        hub.respond("echo", echo)
        assert await web.request("echo", b"ab", timeout_s=PATIENCE_S) == b"ba"
        hub.publish("events", b"hub %d" % number)
        await inbox.count(number + 2)
        await hub.close()
        with pytest.raises(Unavailable):
            await web.request("echo", b"ab", timeout_s=PATIENCE_S)
    assert inbox.messages == [b"local", b"hub 0", b"hub 1"]
    await web.close()


async def test_what_is_published_in_one_moment_goes_out_in_one_piece(hub, web):
    inbox = Inbox(web, "events")
    sent = []
    spread = hub._spread
    hub._spread = lambda data, *rest: (sent.append(data), spread(data, *rest))
    for number in range(50):
        hub.publish("events", b"%d" % number)
    assert await inbox.count(50) == [b"%d" % number for number in range(50)]
    assert len(sent) == 1
    hub.publish("events", bytes(hub_module.SPREAD_BYTES))
    assert len(sent) == 2, "so much does not wait"


async def test_answer_does_not_overtake_what_was_published_before_it(hub, web):
    heard = []
    web.subscribe("events", heard.append)

    async def answer(message):
        hub.publish("events", b"began")
        return b"done"

    hub.respond("start", answer)
    assert await web.request("start", b"", timeout_s=5.0) == b"done"
    assert heard == [b"began"]


async def test_what_was_published_before_hanging_up_arrives(hub, path):
    inbox = Inbox(hub, "events")
    web = await dial(path)
    large = bytes(3_000_000)
    web.publish("events", large)
    web.publish("events", b"last")
    await web.close()
    assert await inbox.count(2) == [large, b"last"]


async def test_a_responder_goes_on_when_the_asking_process_dies(hub, path):
    web = await dial(path)
    heard, done = asyncio.Event(), asyncio.Event()
    go_on = asyncio.Event()

    async def work(message: bytes) -> bytes:
        heard.set()
        await go_on.wait()
        done.set()
        return b""

    hub.respond("work", work)
    asked = asyncio.create_task(web.request("work", b"", timeout_s=PATIENCE_S))
    await heard.wait()
    await web.close()
    go_on.set()
    await asyncio.wait_for(done.wait(), PATIENCE_S)
    with pytest.raises(Unavailable):
        await asked


async def test_only_its_own_user_may_dial(hub, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


HUB_PROCESS = """
    import asyncio, sys
    from pathlib import Path
    from ingufu.infra.bus.hub import HubBus

    async def main():
        hub = HubBus(Path(sys.argv[1]))
        await hub.open()
        async def hang(message):
            print("heard", flush=True)
            await asyncio.get_running_loop().create_future()
        hub.respond("hang", hang)
        print("open", flush=True)
        await asyncio.get_running_loop().create_future()

    asyncio.run(main())
"""


async def test_a_killed_hub_leaves_a_stale_socket_that_the_next_one_replaces(path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(HUB_PROCESS), str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE_S) == b"open\n"
    web = await dial(path)
    asked = asyncio.create_task(web.request("hang", b"", timeout_s=600))
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE_S) == b"heard\n"
    process.send_signal(signal.SIGKILL)
    with pytest.raises(Unavailable, match="went away"):
        await asyncio.wait_for(asked, PATIENCE_S)
    await process.wait()
    assert path.exists()
    hub = HubBus(path)
    await hub.open()
    hub.respond("echo", echo)
    await web.connected(timeout_s=PATIENCE_S)
    assert await web.request("echo", b"ab", timeout_s=PATIENCE_S) == b"ba"
    await web.close()
    await hub.close()
