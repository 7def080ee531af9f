"""Reads the HTTP request of an upgrade and writes the answers, without any I/O.

RFC 9112 is followed strictly where two readings could differ, and leniently where stations are
known to err: folded headers, a missing `Connection: Upgrade`, lines ended by a bare newline, no Host.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from functools import lru_cache
from hashlib import sha1
from http import HTTPStatus
from itertools import starmap
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from ingufu.gateway.websocket.decisions import Cause, Refuse
from ingufu.gateway.websocket.request import Header, TlsInfo, UpgradeRequest

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")  # a tab may be within a value
_TLS_RECORD = b"\x16\x03"  # how a TLS ClientHello begins
_KEY_BYTES = 16
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DEMANDED_HEADERS = {
    401: ("WWW-Authenticate", 'Basic realm="OCPP"'),
    405: ("Allow", "GET"),
    426: ("Sec-WebSocket-Version", "13"),
}


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a connection came from and in by."""

    listener: str
    remote: tuple[str, int]
    tls: TlsInfo | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is not one for a WebSocket."""

    cause: Cause
    status: int | None  # None: not HTTP, there is nothing to answer
    detail: str
    raw_path: str | None = None


class _Fault(Exception):
    """Unwinds the parser; becomes `Rejected`."""

    def __init__(self, cause: Cause, status: int | None, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.status = status
        self.detail = detail


def find_head_end(received: bytes | bytearray, start: int = 0) -> int | None:
    """Return where the request's head ends, its empty line included, None while it is not complete."""
    found = _HEAD_END.search(received, start)
    return None if found is None else found.end()


def sniff(received: bytes | bytearray) -> Rejected | None:
    """Recognise by the first bytes what will never become a request."""
    first = bytes(received[: len(_TLS_RECORD)])
    if first == _TLS_RECORD:
        return Rejected(cause=Cause.TLS_ON_PLAIN_PORT, status=None, detail="TLS on a plain port")
    if first == _TLS_RECORD[:1] or first[:1].isalpha() or first[:1] in {b"\r", b"\n"}:
        return None
    return Rejected(cause=Cause.MALFORMED, status=400, detail="not an HTTP request")


def parse(head: bytes, origin: Origin, max_lines: int) -> UpgradeRequest | Rejected:
    """Return the request, or why it is none.

    Spec: RFC 6455 section 4.2.1; RFC 9112 sections 2 to 6.
    """
    raw_path: str | None = None
    try:
        lines = _lines(head, max_lines)
        raw_path, query = _request_line(lines[0])
        headers, tolerated = _headers(lines[1:])
        return _request(origin, (raw_path, query), headers, tolerated)
    except _Fault as fault:
        return Rejected(cause=fault.cause, status=fault.status, detail=fault.detail, raw_path=raw_path)


def _lines(head: bytes, max_lines: int) -> list[bytes]:
    if _CONTROL.search(head):
        raise _Fault(Cause.MALFORMED, 400, "control character in the request")
    lines = [line.removesuffix(b"\r") for line in head.lstrip(b"\r\n").rstrip(b"\r\n").split(b"\n")]
    if len(lines) > max_lines:
        raise _Fault(Cause.TOO_LARGE, 431, "too many header lines")
    return lines


def _request_line(line: bytes) -> tuple[str, str]:
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/"):
        raise _Fault(Cause.MALFORMED, 400, "malformed request line")
    method, target, version = parts
    if version != b"HTTP/1.1":
        raise _Fault(Cause.VERSION, 505, "HTTP version is not 1.1")
    if method != b"GET":
        raise _Fault(Cause.METHOD, 405, "method is not GET")
    if not target.isascii():
        raise _Fault(Cause.MALFORMED, 400, "invalid characters in the request target")
    text = target.decode("ascii")
    if not text.startswith("/"):
        text = _path_of_absolute(text)
    path, _, query = text.partition("?")
    return path, query


def _path_of_absolute(target: str) -> str:
    """RFC 9112 section 3.2.2: a server accepts the absolute form too."""
    try:
        url = urlsplit(target)
    except ValueError:
        raise _Fault(Cause.MALFORMED, 400, "malformed request target") from None
    if url.scheme.lower() not in {"http", "https", "ws", "wss"} or not url.netloc:
        raise _Fault(Cause.MALFORMED, 400, "malformed request target")
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _headers(lines: list[bytes]) -> tuple[tuple[Header, ...], list[str]]:
    pairs: list[tuple[str, bytes]] = []
    tolerated: list[str] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"}:
            if not pairs:
                raise _Fault(Cause.MALFORMED, 400, "first header is folded")
            name, value = pairs.pop()
            pairs.append((name, value + b" " + line.strip()))  # RFC 9112 section 5.2 allows to read it as a space
            tolerated.append("folded-header")
            continue
        raw_name, colon, value = line.partition(b":")
        if not colon or (known := _header_name(raw_name)) is None:
            raise _Fault(Cause.MALFORMED, 400, "malformed header")
        pairs.append((known, value.strip(b" \t")))
    return tuple(starmap(Header, pairs)), tolerated


@lru_cache(256)  # of 4 MB together at most: the limit of a head bounds each
def _header_name(raw: bytes) -> str | None:
    """Return the name of a header, None if it is none; stations have the same few."""
    return raw.decode("ascii") if _TOKEN.fullmatch(raw) else None


def _request(
    origin: Origin, target: tuple[str, str], headers: tuple[Header, ...], tolerated: list[str]
) -> UpgradeRequest:
    by_name: dict[str, list[bytes]] = {}
    for header in headers:
        by_name.setdefault(header.name.lower(), []).append(header.value)
    if b"websocket" not in _elements(by_name, "upgrade", lower=True):
        raise _Fault(Cause.NOT_WEBSOCKET, 426, "not a request for a WebSocket")
    if b"upgrade" not in _elements(by_name, "connection", lower=True):
        tolerated.append("connection-header")  # known of stations in the field; the key below proves the intent
    if "host" not in by_name:
        tolerated.append("host-header")
    _check_no_body(by_name)
    if by_name.get("sec-websocket-version") != [b"13"]:
        raise _Fault(Cause.WEBSOCKET_VERSION, 426, "WebSocket version is not 13")
    return UpgradeRequest(
        listener=origin.listener,
        remote=origin.remote,
        tls=origin.tls,
        raw_path=target[0],
        segments=_segments(target[0]),
        query=target[1],
        headers=headers,
        subprotocols=_texts(_elements(by_name, "sec-websocket-protocol")),
        extensions=_texts(_elements(by_name, "sec-websocket-extensions")),
        key=_key(by_name),
        tolerated=tuple(dict.fromkeys(tolerated)),
    )


def _elements(by_name: dict[str, list[bytes]], name: str, *, lower: bool = False) -> list[bytes]:
    """Return the elements of a list header, whether in one line or in several (RFC 9110 section 5.6.1)."""
    values = by_name.get(name)
    if values is None:
        return []
    elements = [element.strip(b" \t") for element in b",".join(values).split(b",")]
    return [element.lower() if lower else element for element in elements if element]


def _texts(elements: list[bytes]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(element.decode("latin-1") for element in elements))


def _check_no_body(by_name: dict[str, list[bytes]]) -> None:
    if "transfer-encoding" in by_name or any(value.strip(b"0") for value in by_name.get("content-length", ())):
        raise _Fault(Cause.MALFORMED, 400, "request has a body")


def _key(by_name: dict[str, list[bytes]]) -> str:
    values = by_name.get("sec-websocket-key", [])
    try:
        is_valid = len(values) == 1 and len(b64decode(values[0], validate=True)) == _KEY_BYTES
    except Base64Error:
        is_valid = False
    if not is_valid:
        raise _Fault(Cause.MALFORMED, 400, "invalid Sec-WebSocket-Key")
    return values[0].decode("ascii")


def _segments(path: str) -> tuple[str, ...]:
    if _BROKEN_ESCAPE.search(path):
        raise _Fault(Cause.MALFORMED, 400, "malformed percent-encoding in the path")
    try:
        return tuple(unquote_to_bytes(segment).decode() for segment in path.split("/") if segment)
    except UnicodeDecodeError:
        raise _Fault(Cause.MALFORMED, 400, "the path is not UTF-8") from None


def accept_key(key: str) -> str:
    """Return the value of Sec-WebSocket-Accept (RFC 6455 section 4.2.2)."""
    return b64encode(sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()).decode("ascii")


def switching_protocols(
    key: str, subprotocol: str | None, extensions: str | None, headers: tuple[tuple[str, str], ...]
) -> bytes:
    """Return the 101 answer."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(key)}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    if extensions is not None:
        lines.append(f"Sec-WebSocket-Extensions: {extensions}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def refusal(refuse: Refuse, retry_after_s: int) -> bytes:
    """Return an error answer; the connection ends with it."""
    body = refuse.reason.encode()
    headers = dict(refuse.headers)
    if refuse.status in _DEMANDED_HEADERS:
        headers.setdefault(*_DEMANDED_HEADERS[refuse.status])
    if refuse.status == HTTPStatus.UPGRADE_REQUIRED:
        headers.setdefault("Upgrade", "websocket")
    if refuse.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(retry_after_s))
    lines = [
        f"HTTP/1.1 {refuse.status} {_phrase(refuse.status)}",
        "Connection: " + ("Upgrade, close" if "Upgrade" in headers else "close"),
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
