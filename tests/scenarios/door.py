"""A knock at the gateway's door: one request for a WebSocket, written by hand, and what is answered."""

import asyncio
import base64
from typing import NamedTuple

from running import PASSWORD, Running


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


def basic(user: str | bytes, password: str | bytes = PASSWORD) -> str:
    """Return the value of an Authorization header."""
    pair = (user.encode() if isinstance(user, str) else user) + b":"
    pair += password.encode() if isinstance(password, str) else password
    return "Basic " + base64.b64encode(pair).decode()


async def knock(
    house: Running, path: str, *, authorization: str | None = None, subprotocols: str | None = "ocpp1.6"
) -> Answer:
    """Ask for an upgrade, return the answer and hang up."""
    reader, writer = await asyncio.open_connection(*house.addresses["plain"])
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: csms.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "User-Agent: Door/1",
    ]
    if subprotocols is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocols}")
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    try:
        async with asyncio.timeout(10):
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            pairs = (line.partition(": ") for line in head[1:] if line)
            fields = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
    finally:
        writer.transport.abort()
    return Answer(int(head[0].split()[1]), fields, body.decode())
