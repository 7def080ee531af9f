"""Revocation asked for and answered: OCSP (RFC 6960) and revocation lists (RFC 5280). Pure: bytes in, values out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ingufu.certificates import chain, keys
from ingufu.certificates.model import CertificateId, Revocation, RevocationAnswer

REQUEST_TYPE = "application/ocsp-request"
RESPONSE_TYPE = "application/ocsp-response"
_STATUSES = {
    ocsp.OCSPCertStatus.GOOD: Revocation.GOOD,
    ocsp.OCSPCertStatus.REVOKED: Revocation.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: Revocation.UNKNOWN,
}


class Fault(StrEnum):
    """What is wrong with an answer."""

    GARBAGE = "garbage"  # no answer that can be read
    REFUSED = "refused"  # the responder has no answer
    ANOTHER = "another"  # about another certificate
    STALE = "stale"  # of a time that is over, or not yet come
    WRONG_SIGNER = "wrong-signer"  # not signed by whoever may


class BadAnswer(Exception):
    """An answer about revocation that cannot be relied on."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


def request(id_: CertificateId) -> bytes:
    """Return the question about a certificate. Raises ValueError if its id is none."""
    algorithm = keys.ALGORITHMS[id_.algorithm]()
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        bytes.fromhex(id_.issuer_name_hash), bytes.fromhex(id_.issuer_key_hash), int(id_.serial_number, 16), algorithm
    )
    return builder.build().public_bytes(serialization.Encoding.DER)


def read(  # what an answer is judged by
    der: bytes,
    id_: CertificateId,
    now: datetime,
    known: Sequence[x509.Certificate],
    *,
    skew_s: float = 300.0,
    must_be_signed: bool = True,
) -> RevocationAnswer:
    """Return what a responder says of a certificate, verified: it is about it, of now, and signed by whoever may.

    `known` are authorities; what the answer itself brings along is used too. Without `must_be_signed` a signer whose
    issuer is not known is let pass, for those who verify it themselves. Raises BadAnswer.
    """
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise BadAnswer(Fault.REFUSED, f"The responder answered {response.response_status.name}.")
        single = next((one for one in response.responses if _is_about(one, id_)), None)
        if single is None:
            raise BadAnswer(Fault.ANOTHER, "The answer is about another certificate.")
        _check_time(single.this_update_utc, single.next_update_utc, now, skew_s)
        _check_signer(response, id_, known, now, must_be_signed=must_be_signed)
        return RevocationAnswer(
            status=_STATUSES[single.certificate_status],
            this_update=single.this_update_utc,
            next_update=single.next_update_utc,
            der=der,
        )
    except (ValueError, TypeError, KeyError, x509.UnsupportedGeneralNameType) as error:
        raise BadAnswer(Fault.GARBAGE, "The answer cannot be read.") from error


def read_list(
    raw: bytes, id_: CertificateId, now: datetime, known: Sequence[x509.Certificate], *, skew_s: float = 300.0
) -> RevocationAnswer:
    """Return what a revocation list says of a certificate, verified by its issuer's key. Raises BadAnswer."""
    try:
        is_pem = raw.lstrip().startswith(b"-----BEGIN")
        found = x509.load_pem_x509_crl(raw) if is_pem else x509.load_der_x509_crl(raw)
        issuer = next((one for one in known if keys.is_issuer(one, id_)), None)
        if issuer is None or found.issuer != issuer.subject:
            raise BadAnswer(Fault.WRONG_SIGNER, "The issuer of the list is not known here.")
        if not found.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]  # other keys raise TypeError
            raise BadAnswer(Fault.WRONG_SIGNER, "The list is not signed by the issuer.")
        _check_time(found.last_update_utc, found.next_update_utc, now, skew_s)
        entry = found.get_revoked_certificate_by_serial_number(int(id_.serial_number, 16))
        return RevocationAnswer(
            status=Revocation.GOOD if entry is None else Revocation.REVOKED,
            this_update=found.last_update_utc,
            next_update=found.next_update_utc,
        )
    except (ValueError, TypeError) as error:
        raise BadAnswer(Fault.GARBAGE, "The list cannot be read.") from error


def responder_of(certificate: x509.Certificate) -> str:
    """Return the address of the responder that a certificate names itself; empty if it names none."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    for one in access:
        is_uri = isinstance(one.access_location, x509.UniformResourceIdentifier)
        if one.access_method == AuthorityInformationAccessOID.OCSP and is_uri:
            return str(one.access_location.value)
    return ""


def _is_about(single: ocsp.OCSPSingleResponse, id_: CertificateId) -> bool:
    return (
        single.serial_number == int(id_.serial_number, 16)
        and single.hash_algorithm.name == keys.ALGORITHMS[id_.algorithm]().name
        and single.issuer_name_hash.hex() == id_.issuer_name_hash.lower()
        and single.issuer_key_hash.hex() == id_.issuer_key_hash.lower()
    )


def _check_time(this_update: datetime, next_update: datetime | None, now: datetime, skew_s: float) -> None:
    skew = timedelta(seconds=skew_s)
    if this_update > now + skew:
        raise BadAnswer(Fault.STALE, f"The answer is of {this_update:%Y-%m-%d %H:%M}, which is yet to come.")
    if next_update is not None and next_update < now - skew:
        raise BadAnswer(Fault.STALE, f"The answer was valid until {next_update:%Y-%m-%d %H:%M}.")


def _check_signer(
    response: ocsp.OCSPResponse,
    id_: CertificateId,
    known: Sequence[x509.Certificate],
    now: datetime,
    *,
    must_be_signed: bool,
) -> None:
    brought = list(response.certificates)
    signers = [one for one in (*known, *brought) if _is_responder(one, response) and _has_signed(one, response)]
    if not signers:
        if brought or must_be_signed:
            raise BadAnswer(Fault.WRONG_SIGNER, "Nobody who may has signed the answer.")
        return
    issuers = [one for one in known if keys.is_issuer(one, id_)]
    issuers += [one for one in brought if keys.is_issuer(one, id_) and _is_below(one, brought, known, now)]
    for signer in signers:
        if signer in issuers or any(_is_delegate(signer, issuer, now) for issuer in issuers):
            return
    if issuers or must_be_signed:
        raise BadAnswer(Fault.WRONG_SIGNER, "The signer of the answer may not answer for the certificate's issuer.")


def _is_below(
    issuer: x509.Certificate, brought: Sequence[x509.Certificate], known: Sequence[x509.Certificate], now: datetime
) -> bool:
    """Return whether an issuer that the answer brings along stands below one that is known."""
    return isinstance(chain.find_path(issuer, brought, known, now), chain.Path)


def _is_responder(certificate: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    if response.responder_name is not None:
        return certificate.subject == response.responder_name
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - a name only, by RFC 6960; the key itself is verified
    digest.update(keys.key_bits(certificate))
    return digest.finalize() == response.responder_key_hash


def _has_signed(certificate: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    algorithm = response.signature_hash_algorithm
    return keys.is_signed(certificate, response.signature, response.tbs_response_bytes, algorithm)


def _is_delegate(signer: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Return whether the issuer lets the signer answer for it (RFC 6960 4.2.2.2)."""
    try:
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    may_answer = ExtendedKeyUsageOID.OCSP_SIGNING in purposes
    return may_answer and keys.is_valid_at(signer, now) and keys.is_issued_by(signer, issuer)
