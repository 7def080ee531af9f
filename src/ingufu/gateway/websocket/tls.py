"""TLS as OCPP's security profiles 2 and 3 ask for it, and what went wrong in words for the operator."""

import ssl
from asyncio import BaseTransport
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from ingufu.core.errors import SettingsError
from ingufu.gateway.websocket.decisions import Cause
from ingufu.gateway.websocket.request import PeerCertificate, TlsInfo

# OCPP 2.1 part 2, A00.FR.318: these four must be offered, so one ECDSA and one RSA certificate. OpenSSL leaves
# the static RSA suites out by default. The ECDHE_RSA pair is ours: forward secrecy for stations that can.
CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
    "AES256-GCM-SHA384:AES128-GCM-SHA256"
)
ENDED_WITHIN = "the connection ended within the TLS handshake"
_PLAIN_HTTP_REASONS = {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST"}
_CAUSE_OF_REASON = {
    "UNSUPPORTED_PROTOCOL": Cause.TLS_VERSION,
    "VERSION_TOO_LOW": Cause.TLS_VERSION,
    "NO_SHARED_CIPHER": Cause.TLS_CIPHER,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": Cause.TLS_CIPHER,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Cause.TLS_NO_CERTIFICATE,
} | dict.fromkeys(_PLAIN_HTTP_REASONS, Cause.TLS_PLAIN_HTTP)
_CAUSE_OF_VERIFY_CODE = {  # X509_V_ERR_ of OpenSSL
    2: Cause.TLS_UNKNOWN_CA,  # unable to get issuer certificate
    10: Cause.TLS_EXPIRED,
    18: Cause.TLS_UNKNOWN_CA,  # self-signed
    19: Cause.TLS_UNKNOWN_CA,  # self-signed in chain
    20: Cause.TLS_UNKNOWN_CA,  # unable to get local issuer certificate
    21: Cause.TLS_UNKNOWN_CA,  # unable to verify the first certificate
    23: Cause.TLS_REVOKED,
}


class CertificateFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate with its chain, and its private key, as PEM."""

    certificate: Path
    key: Path


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One listener's TLS."""

    certificates: tuple[CertificateFiles, ...]  # of different key types: one ECDSA, one RSA
    client_authorities: Path | None = None  # PEM bundle; given, every station must show a certificate of one of them
    revocation_lists: Path | None = None  # PEM; given, every client authority must have one in it


class ServerTls:
    """The current context of a listener, exchanged as a whole when certificates are renewed."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self.context = server_context(settings)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the context is made of."""
        pairs = [path for pair in self._settings.certificates for path in (pair.certificate, pair.key)]
        lists = (self._settings.client_authorities, self._settings.revocation_lists)
        return (*pairs, *(path for path in lists if path is not None))

    def reload(self) -> None:
        """Use the files as they are now for new connections; if they are unusable, raise and go on as before.

        Raises SettingsError.
        """
        self.context = server_context(self._settings)


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and 1.3 with OCPP's cipher suites.

    Raises SettingsError that names the file which cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if not settings.certificates:
        raise SettingsError("A TLS listener needs at least one certificate.")
    for files in settings.certificates:
        try:
            context.load_cert_chain(files.certificate, files.key, password=_no_password)
        except (OSError, ValueError) as failure:  # ssl.SSLError is an OSError
            raise SettingsError(
                f"The certificate {files.certificate} with the key {files.key} cannot be used: {failure}"
            ) from failure
    if settings.client_authorities is not None:
        _trust(context, settings.client_authorities)
        context.verify_mode = ssl.CERT_REQUIRED
    if settings.revocation_lists is not None:
        _trust(context, settings.revocation_lists)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def _no_password() -> bytes:
    """OpenSSL would ask for it on the terminal, and the start would hang."""
    raise ValueError("the key is encrypted")


def _trust(context: ssl.SSLContext, bundle: Path) -> None:
    try:
        context.load_verify_locations(bundle)
    except OSError as failure:
        raise SettingsError(f"The file {bundle} cannot be used: {failure}") from failure


def describe(transport: BaseTransport) -> TlsInfo:
    """Return what a TLS connection has agreed on, and the certificate that the station has shown."""
    connection: ssl.SSLObject = transport.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True)
    cipher = connection.cipher()
    return TlsInfo(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        certificate=None if der is None else read_certificate(der),
    )


def read_certificate(der: bytes) -> PeerCertificate:
    """Return the parts of a certificate by which a station is known (A00.FR.402 and following)."""
    certificate = x509.load_der_x509_certificate(der)
    return PeerCertificate(
        der=der,
        common_name=_attribute(certificate, NameOID.COMMON_NAME),
        organization=_attribute(certificate, NameOID.ORGANIZATION_NAME),
        serial_number=certificate.serial_number,
        not_after_at=certificate.not_valid_after_utc,
    )


def _attribute(certificate: x509.Certificate, oid: ObjectIdentifier) -> str | None:
    attributes = certificate.subject.get_attributes_for_oid(oid)
    if not attributes:
        return None
    value = attributes[0].value
    return value if isinstance(value, str) else value.decode(errors="replace")


def cause_of(failure: Exception) -> tuple[Cause, str]:
    """Return why a TLS handshake failed, and a sentence for the operator."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        cause = _CAUSE_OF_VERIFY_CODE.get(failure.verify_code, Cause.TLS_BAD_CERTIFICATE)
        return cause, f"the station's certificate: {failure.verify_message}"
    if isinstance(failure, ssl.SSLError):
        reason = failure.reason or ""
        if "_ALERT_" in reason:  # OpenSSL's name for what the other side has said
            return Cause.TLS_REJECTED, f"the station ended TLS: {_words(reason.partition('_ALERT_')[2])}"
        return _CAUSE_OF_REASON.get(reason, Cause.TLS_BROKEN), _words(reason) or str(failure)
    return Cause.TLS_BROKEN, ENDED_WITHIN


def _words(reason: str) -> str:
    return reason.lower().replace("_", " ")
