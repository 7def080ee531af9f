"""One request to a server whose address somebody else named: bounded in time and size, kept away from private networks.

Redirects are not followed, nothing is remembered between requests, and the address that was checked is the one that is
dialled.
"""

import asyncio
import functools
import ipaddress
import socket
import ssl
from urllib.parse import SplitResult, urlsplit

import msgspec

from ingufu.core.errors import PartnerFailed

HEAD_MAX_BYTES = 16_384
URL_MAX = 2000  # OCPP 2.1 responderURL
_PORTS = {"http": 80, "https": 443}
_BRIDGES = tuple(  # IPv6 that leads to IPv4, private ones among it: NAT64, 6to4, Teredo
    ipaddress.ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)

_tls = functools.cache(ssl.create_default_context)  # reads the trusted roots of the machine, which takes a while


class FetchRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may take, and whom it may reach."""

    timeout_s: float = 5.0
    max_bytes: int = 65_536
    allows_private: bool = False


async def fetch(
    url: str,
    rules: FetchRules,
    *,
    body: bytes | None = None,
    content_type: str = "",
    accept: str = "*/*",
    authorization: str = "",
) -> bytes:
    """Return the body of the answer to a GET, or with `body` to a POST. Raises PartnerFailed for anything but a 200."""
    target = _target(url)
    try:
        async with asyncio.timeout(rules.timeout_s):
            return await _exchange(target, rules, _request(target, body, content_type, accept, authorization))
    except TimeoutError as error:
        raise PartnerFailed(
            f"{target.hostname} did not answer within {rules.timeout_s:g} s.", retryable=True
        ) from error
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise PartnerFailed(f"{target.hostname} cannot be asked: {str(error)[:200]}", retryable=True) from error


def _target(url: str) -> SplitResult:
    text = url.strip()
    if len(text) > URL_MAX or not text.isascii() or any(sign.isspace() or not sign.isprintable() for sign in text):
        raise PartnerFailed("That is no address.")
    try:
        target = urlsplit(text)
        port = target.port
    except ValueError as error:
        raise PartnerFailed("That is no address.") from error
    if target.scheme not in _PORTS or not target.hostname or target.username is not None or port == 0:
        raise PartnerFailed("Only plain http and https addresses are asked.")
    return target


def _request(target: SplitResult, body: bytes | None, content_type: str, accept: str, authorization: str) -> bytes:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    host = target.netloc
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {host}", f"Accept: {accept}"]
    lines += ["Connection: close", "User-Agent: ingufu"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    if body is not None:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


async def _exchange(target: SplitResult, rules: FetchRules, request: bytes) -> bytes:
    is_tls = target.scheme == "https"
    port = target.port or _PORTS[target.scheme]
    address = await _resolve(target.hostname or "", port, rules)
    reader, writer = await asyncio.open_connection(
        address,
        port,
        limit=HEAD_MAX_BYTES,
        ssl=await asyncio.to_thread(_tls) if is_tls else None,
        server_hostname=target.hostname if is_tls else None,
    )
    try:
        writer.write(request)
        await writer.drain()
        return await _answer(reader, rules.max_bytes)
    finally:
        writer.transport.abort()


async def _resolve(host: str, port: int, rules: FetchRules) -> str:
    """Return an address of the host that may be dialled. Raises PartnerFailed if there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    allowed = [one for one in addresses if rules.allows_private or _is_public(one)]
    if not allowed:
        raise PartnerFailed(f"{host} is an address of a private network, which is not asked.")
    return allowed[0]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast and not any(found in network for network in _BRIDGES)


async def _answer(reader: asyncio.StreamReader, max_bytes: int) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = head[0].split(" ", 2)
    if len(status) < 2 or not status[0].startswith("HTTP/1.") or status[1] != "200":
        raise PartnerFailed(f"The answer was {' '.join(status[1:])[:80] or 'no HTTP'}.", retryable=True)
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    if "chunked" in fields.get("transfer-encoding", "").lower():
        return await _chunks(reader, max_bytes)
    length = fields.get("content-length")
    if length is not None:
        size = int(length)
        if not 0 <= size <= max_bytes:
            raise PartnerFailed(f"The answer is larger than {max_bytes} bytes.")
        return await reader.readexactly(size)
    return await _rest(reader, max_bytes)


async def _chunks(reader: asyncio.StreamReader, max_bytes: int) -> bytes:
    body = bytearray()
    while True:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0].strip() or b"x", 16)
        if size == 0:
            return bytes(body)
        if size < 0 or len(body) + size > max_bytes:
            raise PartnerFailed(f"The answer is larger than {max_bytes} bytes.")
        body += await reader.readexactly(size)
        await reader.readexactly(2)


async def _rest(reader: asyncio.StreamReader, max_bytes: int) -> bytes:
    body = bytearray()
    while part := await reader.read(8192):
        body += part
        if len(body) > max_bytes:
            raise PartnerFailed(f"The answer is larger than {max_bytes} bytes.")
    return bytes(body)
