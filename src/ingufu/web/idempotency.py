"""Writes that may be repeated: one request with an Idempotency-Key is done, all that repeat it get its answer.

A request that dies with its process leaves its key claimed for two minutes; then a repetition is done anew. What was
committed before the crash stays, so such a repetition may find its own traces (a 409 for a name that exists already).
"""

import hashlib
import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from ingufu.accounts.model import InProgress, Mismatch, New, Principal, Replay
from ingufu.web.declared import SAFE_METHODS, Route, route_of
from ingufu.web.errors import IdempotencyMismatch, MalformedRequest, RequestInProgress, SecretShownOnce
from ingufu.web.exchange import Asked, context_of
from ingufu.web.reading import read_body

HEADER = "idempotency-key"
REPLAYED = b"idempotency-replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = frozenset({"content-type", "location"})
_NOTHING_DONE = frozenset({400, 401, 403, 408, 413, 415, 429, 503})  # answers that are not kept: try again
_SECRET = "shown once"  # what is kept instead of an answer that holds a secret

log = structlog.get_logger(__name__)


class Idempotency:
    """Stands between authentication and the handlers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = route_of(scope)
        principal = scope.get("user")
        if scope["type"] != ScopeType.HTTP or route is None or route.method in SAFE_METHODS or principal is None:
            await self._app(scope, receive, send)
            return
        request: Asked = Asked(scope, receive, send)
        key = request.headers.get(HEADER)
        if key is None:
            await self._app(scope, receive, send)
            return
        if _KEY.fullmatch(key) is None:
            raise MalformedRequest("An idempotency key has 1 to 255 visible ASCII characters.")
        body = await read_body(request)
        await self._once(scope, _replaying(body, receive), send, _Claim(route, principal, key, _hash(scope, body)))

    async def _once(self, scope: Scope, receive: Receive, send: Send, claim: "_Claim") -> None:
        accounts = context_of(scope).services.accounts
        begun = await accounts.begin(claim.principal.id, claim.key, claim.request_hash)
        match begun:
            case InProgress():
                raise RequestInProgress
            case Mismatch():
                raise IdempotencyMismatch
            case Replay():
                await _replay(begun, send)
            case New():
                await self._do(scope, receive, send, claim)

    async def _do(self, scope: Scope, receive: Receive, send: Send, claim: "_Claim") -> None:
        accounts = context_of(scope).services.accounts
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        except BaseException:
            await accounts.abandon(claim.principal.id, claim.key)
            raise
        if not answer.is_whole or answer.status in _NOTHING_DONE:
            await accounts.abandon(claim.principal.id, claim.key)
            return
        is_shown = answer.status < 300 and claim.route.shows_secret
        body = _SECRET if is_shown else answer.body.decode()
        await accounts.finish(claim.principal.id, claim.key, status=answer.status, headers=answer.headers(), body=body)


class _Claim:
    """A request that wants to be done once."""

    def __init__(self, route: Route, principal: Principal, key: str, request_hash: str) -> None:
        self.route = route
        self.principal = principal
        self.key = key
        self.request_hash = request_hash


class _Answer:
    """Listens to an answer on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._headers: list[tuple[bytes, bytes]] = []
        self.status = 0
        self.body = b""
        self.is_whole = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message["body"]
            self.is_whole = not message["more_body"]
        await self._send(message)

    def headers(self) -> dict[str, str]:
        """Return those that are kept."""
        plain = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._headers}
        return {name: value for name, value in plain.items() if name in _KEPT_HEADERS}


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body that was read already, then what the client does next."""
    is_given = False

    async def again() -> HTTPReceiveMessage:
        nonlocal is_given
        if is_given:
            return await receive()  # type: ignore[return-value]  # of HTTP, as was seen before
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _hash(scope: MutableMapping[str, Any] | Scope, body: bytes) -> str:
    parts = (scope["method"].encode(), scope["raw_path"], scope["query_string"], body)  # type: ignore[typeddict-item]  # of HTTP
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


async def _replay(stored: Replay, send: Send) -> None:
    if stored.body == _SECRET:
        raise SecretShownOnce
    body = stored.body.encode()
    headers = [(name.encode(), value.encode("latin-1")) for name, value in stored.headers.items()]
    headers += [(REPLAYED, b"true"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": stored.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
