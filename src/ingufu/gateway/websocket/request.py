"""What a station asked for when it connected: the request before the upgrade, its certificate, its credentials."""

from base64 import b64decode
from binascii import Error as Base64Error
from datetime import datetime
from enum import Enum

import msgspec


class Header(msgspec.Struct, frozen=True):
    """One header line as received, unfolded; the value is bytes, as some stations send what is not ASCII."""

    name: str
    value: bytes


class PeerCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The client certificate whose chain TLS has verified."""

    der: bytes
    common_name: str | None
    organization: str | None
    serial_number: int
    not_after_at: datetime


class TlsInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What TLS has agreed on and shown."""

    version: str  # for example TLSv1.3
    cipher: str  # OpenSSL's name
    certificate: PeerCertificate | None


class UpgradeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed request for a WebSocket, not yet decided."""

    listener: str  # name of the one it came in by
    remote: tuple[str, int]  # address and port
    tls: TlsInfo | None
    raw_path: str  # still percent-encoded, without the query
    segments: tuple[str, ...]  # of the path, percent-decoded one by one, empty ones left out
    query: str  # as received, after the question mark
    headers: tuple[Header, ...]
    subprotocols: tuple[str, ...]  # offered, in the station's order, each once
    extensions: tuple[str, ...]  # offered
    key: str  # Sec-WebSocket-Key
    tolerated: tuple[str, ...]  # flaws of the request that were overlooked, for the operator

    def header(self, name: str) -> bytes | None:
        """Return the first value of a header, whatever its case."""
        return next(iter(self.header_values(name)), None)

    def header_values(self, name: str) -> list[bytes]:
        """Return all values of a header, in order."""
        wanted = name.lower()
        return [header.value for header in self.headers if header.name.lower() == wanted]

    @property
    def authorization(self) -> bytes | None:
        return self.header("Authorization")


class BasicCredentials(msgspec.Struct, frozen=True):
    """User and password as bytes: the password of 1.6 is seldom UTF-8."""

    user: bytes
    password: bytes

    def __repr__(self) -> str:
        return f"BasicCredentials(user={self.user!r}, password=...)"


class NoCredentials(Enum):
    """Why there are none."""

    ABSENT = "absent"
    MALFORMED = "malformed"  # of another scheme, not base64, or without a colon


def basic_credentials(request: UpgradeRequest) -> BasicCredentials | NoCredentials:
    """Return the credentials of HTTP Basic (RFC 7617), split at the first colon, or why there are none."""
    value = request.authorization
    if value is None:
        return NoCredentials.ABSENT
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return NoCredentials.MALFORMED
    encoded = encoded.strip()
    try:
        decoded = b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)  # some stations leave the padding out
    except Base64Error:
        return NoCredentials.MALFORMED
    user, colon, password = decoded.partition(b":")
    return BasicCredentials(user, password) if colon else NoCredentials.MALFORMED
