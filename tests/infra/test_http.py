"""Requests to addresses that others name: never into private networks, bounded in time and size."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from ingufu.core.errors import PartnerFailed
from ingufu.infra.http import FetchRules, fetch

RULES = FetchRules(allows_private=True, timeout_s=15.0, max_bytes=1000)
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def answering(answer: bytes, *, stays: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Give the address of a server that answers so, and what it was asked."""
    asked: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if stays:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a?b=c", asked
    finally:
        over.set()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 5\r\n\r\nhello",
        OK + b"content-length:  5\r\nX: y\r\n\r\nhello and more",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
)
async def test_an_answer_is_read_however_it_is_framed(answer: bytes):
    async with answering(answer) as (url, asked):
        assert await fetch(url, RULES) == b"hello"
    assert asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_a_body_is_posted_with_its_kind():
    async with answering(OK + b"Content-Length: 0\r\n\r\n") as (url, asked):
        assert await fetch(url, RULES, body=b"x", content_type="application/x") == b""
    assert b"POST /a?b=c HTTP/1.1" in asked[0]
    assert b"Content-Type: application/x\r\nContent-Length: 1\r\n" in asked[0]


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001,
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: many\r\n\r\n",
        OK + b"Content-Length: 10\r\n\r\nshort",
        OK + b"\r\n" + b"x" * 2000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"X: " + b"y" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1/\r\n\r\n",
        b"HTTP/1.1 500 Broken\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"",
    ],
)
async def test_what_is_no_answer_or_too_much_is_refused(answer: bytes):
    async with answering(answer) as (url, _):
        with pytest.raises(PartnerFailed):
            await fetch(url, RULES)


async def test_silence_ends_in_time():
    async with answering(OK, stays=True) as (url, _):
        with pytest.raises(PartnerFailed, match=r"within 0\.2 s"):
            await fetch(url, FetchRules(allows_private=True, timeout_s=0.2))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80/", "http://localhost/", "http://10.1.2.3/", "http://192.168.0.1/", "http://172.16.9.9/",
        "http://169.254.169.254/latest/meta-data", "http://0.0.0.0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1]/", "http://[fd00::1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://224.0.0.1/",
        "http://100.64.0.1/", "http://2130706433/", "http://0x7f.1/",
    ],
)  # fmt: skip
async def test_private_networks_are_never_asked(url: str, connections: Callable[[], int]):
    with pytest.raises(PartnerFailed):
        await fetch(url, FetchRules(timeout_s=5.0))
    assert connections() == 0


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many connections were begun."""
    begun: list[object] = []

    async def refuse(*arguments: object, **_: object) -> None:
        begun.append(arguments)
        raise OSError("not in this test")

    monkeypatch.setattr(asyncio, "open_connection", refuse)
    return lambda: len(begun)
