"""What every rule about certificates needs: hashes of names and keys, and whether a signature is a key's."""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from ingufu.certificates.model import CertificateId

ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}


def id_of(
    certificate: x509.Certificate, issuer: x509.Certificate, responder_url: str = "", algorithm: str = "SHA256"
) -> CertificateId:
    """Return what names a certificate towards a responder."""
    return CertificateId(
        algorithm=algorithm,
        issuer_name_hash=name_hash(issuer, algorithm).hex(),
        issuer_key_hash=key_hash(issuer, algorithm).hex(),
        serial_number=f"{certificate.serial_number:x}",
        responder_url=responder_url,
    )


def is_issuer(authority: x509.Certificate, id_: CertificateId) -> bool:
    """Return whether this authority is the issuer that the id names."""
    return (
        key_hash(authority, id_.algorithm).hex() == id_.issuer_key_hash.lower()
        and name_hash(authority, id_.algorithm).hex() == id_.issuer_name_hash.lower()
    )


def name_hash(certificate: x509.Certificate, algorithm: str) -> bytes:
    """Return the hash of the certificate's own name."""
    return _digest(certificate.subject.public_bytes(), ALGORITHMS[algorithm]())


def key_hash(certificate: x509.Certificate, algorithm: str) -> bytes:
    """Return the hash of the certificate's public key, without its type (RFC 6960 4.1.1)."""
    return _digest(key_bits(certificate), ALGORITHMS[algorithm]())


def key_bits(certificate: x509.Certificate) -> bytes:
    """Return the bits of the public key. Raises ValueError for a kind of key that signs nothing here."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    raise ValueError("The kind of key is not known.")


def is_signed(
    signer: x509.Certificate, signature: bytes, content: bytes, algorithm: hashes.HashAlgorithm | None
) -> bool:
    """Return whether the signature over the content was made with the signer's key."""
    key = signer.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, content, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, content, ec.ECDSA(algorithm))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, content)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether the issuer's name and key stand behind the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_valid_at(certificate: x509.Certificate, instant: datetime) -> bool:
    """Return whether the certificate's own times include an instant."""
    return certificate.not_valid_before_utc <= instant <= certificate.not_valid_after_utc


def _digest(content: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(content)
    return digest.finalize()
