"""An identity provider for tests: OpenID Connect as documented, over real HTTP, with keys of its own."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from ingufu.core.clock import FrozenClock

CLIENT_ID, CLIENT_SECRET = "ingufu console", "s3cr:t/ä"


@dataclass
class FakeProvider:
    """Lets everybody in as the test says; `spoil` changes what it signs."""

    clock: FrozenClock
    url: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, auto_kid=False))
    published: list[RSAKey] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    spoil: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked_keys: int = 0
    sign_with: Any = None

    def __post_init__(self) -> None:
        self.published.append(self.key)

    def authorize(self, address: str) -> dict[str, str]:
        """Do what a person does at the provider's page; return what the browser brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(self, method: str, path: str, headers: dict[str, str], body: str) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys",
            }  # fmt: skip
        if path == "/keys":
            self.asked_keys += 1
            return 200, {"keys": [key.as_dict(private=False) for key in self.published]}
        if (method, path) == ("POST", "/token"):
            return self._token(headers, {name: values[0] for name, values in parse_qs(body).items()})
        return 404, {}

    def _token(self, headers: dict[str, str], given: dict[str, str]) -> tuple[int, Any]:
        pair = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode().split(":")
        assert [unquote(one) for one in pair] == [CLIENT_ID, CLIENT_SECRET]
        asked = self.codes.pop(given["code"], None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
        assert given["redirect_uri"] == asked["redirect_uri"]
        now = int(self.clock.now().timestamp())
        payload = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "s-1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        }
        payload |= {"email": "keza@example.org", "email_verified": True, "name": "Keza", **self.claims, **self.spoil}
        payload = {name: value for name, value in payload.items() if value is not None}
        header = {"alg": "RS256", "kid": self.key.kid, **self.header}
        if header["alg"] == "none":
            parts = (
                base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, payload)
            )
            return 200, {"id_token": ".".join(parts) + "."}
        token = jwt.encode(header, payload, self.sign_with or self.key, algorithms=["RS256", "HS256"])
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": token}


@asynccontextmanager
async def serving_provider(clock: FrozenClock) -> AsyncIterator[FakeProvider]:
    provider = FakeProvider(clock)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        status, told = provider.answer(method, path, headers, body)
        raw = json.dumps(told).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode()
            + raw
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield provider
