"""Certificates of contracts and of those who issue them, as Plug & Charge shows them (ISO 15118; OCPP 2.x M, C07)."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Purpose(StrEnum):
    """What an authority is trusted for."""

    CONTRACT = "contract"  # mobility operators: contract certificates (MO root)
    V2G = "v2g"  # certificates of stations and vehicles (V2G root)


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """An authority that the operator entered: a trust anchor, or one on the way to an anchor."""

    id: str
    purpose: Purpose
    is_root: bool
    name: str
    issuer: str
    serial_number: str
    fingerprint: str  # SHA-256, hexadecimal
    valid_from: datetime
    expires_at: datetime
    pem: str
    note: str = ""
    created_at: datetime


def contract_key(value: str) -> str:
    """Return an eMAID without what may be written or not: case, hyphens, and the check digit (ISO 15118-2 annex H)."""
    plain = value.strip().replace("-", "").replace("*", "").casefold()
    has_check_digit = len(plain) == 15 and plain[5] == "c"
    return plain[:14] if has_check_digit else plain


class CertificateId(msgspec.Struct, frozen=True, kw_only=True):
    """What names a certificate towards an OCSP responder (RFC 6960 4.1.1), hashes and number in hexadecimal."""

    algorithm: str  # SHA256, SHA384 or SHA512
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The same for every way to write it."""
        number = self.serial_number.strip().lower().lstrip("0") or "0"
        return (self.algorithm, self.issuer_name_hash.lower(), self.issuer_key_hash.lower(), number)


class ContractStatus(StrEnum):
    """The answer a station gets about a contract's certificate (OCPP AuthorizeCertificateStatusEnumType)."""

    ACCEPTED = "Accepted"
    SIGNATURE_ERROR = "SignatureError"
    EXPIRED = "CertificateExpired"
    REVOKED = "CertificateRevoked"
    NO_CERTIFICATE = "NoCertificateAvailable"
    CHAIN_ERROR = "CertChainError"
    CANCELLED = "ContractCancelled"


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What a station shows of a contract's certificate."""

    contract: str  # the eMAID it is presented with
    pem: str | None = None  # the chain, if the station leaves its validation to us
    ids: tuple[CertificateId, ...] = ()  # what the station asks us to look up


class ContractVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a contract's certificate holds, and why not."""

    status: ContractStatus
    detail: str = ""

    @property
    def is_accepted(self) -> bool:
        return self.status is ContractStatus.ACCEPTED


class Revocation(StrEnum):
    """What a responder says of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class RevocationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A responder's answer that was verified, with its bytes."""

    status: Revocation
    this_update: datetime
    next_update: datetime | None = None
    der: bytes = b""


class CertificateRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about asking for revocation."""

    timeout_s: float = 5.0  # of one question to a responder
    patience_s: float = 10.0  # of all that belongs to one message of a station
    at_once: int = 32  # questions at a time
    max_bytes: int = 65_536  # of one answer
    allows_private: bool = False
    accepts_unchecked: bool = False  # a certificate whose revocation cannot be looked up is accepted all the same
    clock_skew_s: float = 300.0  # how far a responder's clock may be ahead of ours
    cache_s: float = 3600.0  # how long an answer holds that says nothing about it
    cache_entries: int = 5000
