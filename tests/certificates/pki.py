"""A hierarchy of authorities with contracts below it, and a responder on a loopback port that says what a test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from ingufu.certificates import keys
from ingufu.certificates.model import CertificateId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
DAY = timedelta(days=1)


@dataclass
class Holder:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuer: "Holder | None" = None

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def id(self, url: str = "", algorithm: str = "SHA256") -> CertificateId:
        assert self.issuer is not None
        return keys.id_of(self.certificate, self.issuer.certificate, url, algorithm)

    def hash_data(self, url: str = "", algorithm: str = "SHA256") -> dict[str, str]:
        """Return what stations send of it (OCSPRequestDataType)."""
        id_ = self.id(url, algorithm)
        return {
            "hashAlgorithm": id_.algorithm,
            "issuerNameHash": id_.issuer_name_hash,
            "issuerKeyHash": id_.issuer_key_hash,
            "serialNumber": id_.serial_number,
            "responderURL": id_.responder_url,
        }


def issue(  # what a certificate is made of
    name: str,
    issuer: Holder | None = None,
    *,
    is_authority: bool = False,
    responder: str = "",
    signs_ocsp: bool = False,
    begins: datetime = NOW - YEAR,
    ends: datetime = NOW + YEAR,
    path_length: int | None = None,
    signer: Holder | None = None,
) -> Holder:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    above = subject if issuer is None else issuer.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
    )
    if responder:
        location = x509.UniformResourceIdentifier(responder)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    if signs_ocsp:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
    with_key = signer or issuer
    return Holder(builder.sign(key if with_key is None else with_key.key, hashes.SHA256()), key, issuer)


@dataclass
class Hierarchy:
    """Root, two authorities below it, and a contract."""

    root: Holder
    first: Holder
    second: Holder
    contract: Holder

    @property
    def chain(self) -> str:
        return self.contract.pem + self.second.pem + self.first.pem

    @property
    def chain_of_authorities(self) -> str:
        return self.root.pem + self.first.pem + self.second.pem

    @property
    def below_root(self) -> tuple[Holder, ...]:
        return (self.contract, self.second, self.first)


def hierarchy(contract: str = "DEABCC12345678", *, responder: str = "", **leaf: Any) -> Hierarchy:
    root = issue("MO Root", is_authority=True)
    first = issue("MO Sub 1", root, is_authority=True, responder=responder)
    second = issue("MO Sub 2", first, is_authority=True, responder=responder)
    return Hierarchy(root, first, second, issue(contract, second, responder=responder, **leaf))


@dataclass
class Responder:
    """What a responder does; the tests change it while it runs."""

    holders: tuple[Holder, ...] = ()
    revoked: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    this_update: datetime = NOW - DAY
    next_update: datetime | None = NOW + DAY
    signer: Callable[[Holder], tuple[Holder, tuple[Holder, ...]]] | None = (
        None  # None: the issuer itself, brought along
    )
    raw: bytes | None = None  # answered instead of anything that is right
    status: str = "200 OK"
    is_chunked: bool = False
    crl: bytes | None = None
    hangs: asyncio.Event | None = None
    asked: list[int] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            body = await reader.readexactly(length)
            if self.hangs is not None:
                await self.hangs.wait()
            answer = self.crl if head.startswith(b"GET") and self.crl is not None else self._answer(body)
            writer.write(self._framed(answer))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _framed(self, answer: bytes) -> bytes:
        head = f"HTTP/1.1 {self.status}\r\nContent-Type: application/ocsp-response\r\n"
        if not self.is_chunked:
            return f"{head}Content-Length: {len(answer)}\r\n\r\n".encode() + answer
        parts = [answer[start : start + 100] for start in range(0, len(answer), 100)]
        chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
        return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"

    def _answer(self, body: bytes) -> bytes:
        if self.raw is not None:
            return self.raw
        request = ocsp.load_der_ocsp_request(body)
        self.asked.append(request.serial_number)
        holder = next(one for one in self.holders if one.certificate.serial_number == request.serial_number)
        issuer = holder.issuer
        assert issuer is not None
        signer, brought = (issuer, (issuer,)) if self.signer is None else self.signer(holder)
        is_revoked = request.serial_number in self.revoked
        status = ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD
        if request.serial_number in self.unknown:
            status = ocsp.OCSPCertStatus.UNKNOWN
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            request.issuer_name_hash,
            request.issuer_key_hash,
            request.serial_number,
            request.hash_algorithm,
            status,
            self.this_update,
            self.next_update,
            NOW - DAY if is_revoked else None,
            None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        if brought:
            builder = builder.certificates([one.certificate for one in brought])
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@asynccontextmanager
async def responding() -> AsyncIterator[Responder]:
    """Run a responder while the block does."""
    responder = Responder()
    server = await asyncio.start_server(responder.serve, "127.0.0.1", 0)
    responder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocsp"
    try:
        yield responder
    finally:
        if responder.hangs is not None:
            responder.hangs.set()
        server.close()
        await server.wait_closed()
