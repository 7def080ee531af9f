"""An authenticator in a few lines, as WebAuthn level 3 describes one: for what a browser's would never do."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class Authenticator:
    """Holds one key; `origin`, `flags` and `count` may lie."""

    origin: str
    flags: int = PRESENT | VERIFIED
    count: int = 0
    step: int = 1
    credential_id: bytes = b"credential-0001!"
    user_handle: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        self.user_handle = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        size = len(self.credential_id).to_bytes(2, "big")
        data = self._data(options["rp"]["id"], ATTESTED) + bytes(16) + size + self.credential_id + cbor2.dumps(cose)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {"attestationObject": text(attestation), "clientDataJSON": self._client("webauthn.create", options)}
        return self._credential(response | {"transports": ["internal"]})

    def sign(self, options: dict[str, Any], *, handle: str | None = None) -> dict[str, Any]:
        self.count += self.step
        data, client = self._data(options["rpId"]), self._client("webauthn.get", options)
        raw = urlsafe_b64decode(client + "=" * (-len(client) % 4))
        signature = self.key.sign(data + hashlib.sha256(raw).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(
            {
                "authenticatorData": text(data),
                "clientDataJSON": client,
                "signature": text(signature),
                "userHandle": self.user_handle if handle is None else handle,
            }
        )

    def _data(self, rp_id: str, more: int = 0) -> bytes:
        digest = hashlib.sha256(rp_id.encode()).digest()
        return digest + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any]) -> str:
        told = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return text(json.dumps(told).encode())

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        told = text(self.credential_id)
        return {"id": told, "rawId": told, "type": "public-key", "clientExtensionResults": {}, "response": response}
