"""The certificates of a simulated station: roots installed by the CSMS, its own key, signing requests and chains."""

import random
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

MAX_ROOTS = 8
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class CertificateStore:
    """What is installed, by type, with the hash data by which a CSMS names it (RFC 6960)."""

    def __init__(self) -> None:
        self._roots: list[tuple[str, dict[str, str]]] = []
        self.key: ec.EllipticCurvePrivateKey | None = None
        self.chain: str | None = None

    def install(self, kind: str, pem: str) -> str:
        """Install a root; return Accepted, or Rejected if it is none or there is no room."""
        data = hash_data(pem)
        if data is None or len(self._roots) >= MAX_ROOTS:
            return "Rejected"
        if (kind, data) not in self._roots:
            self._roots.append((kind, data))
        return "Accepted"

    def installed(self, kinds: list[str] | None) -> list[tuple[str, dict[str, str]]]:
        return [(kind, data) for kind, data in self._roots if kinds is None or kind in kinds]

    def delete(self, wanted: dict[str, Any]) -> str:
        """Remove the root with that hash data; return Accepted or NotFound."""
        names = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
        kept = [
            (kind, data)
            for kind, data in self._roots
            if any(str(wanted.get(name, "")).lower() != data[name].lower() for name in names)
        ]
        if len(kept) == len(self._roots):
            return "NotFound"
        self._roots = kept
        return "Accepted"

    def signing_request(self, rng: random.Random, *, organisation: str, serial: str) -> str:
        """Make a new key from the seed and return the request for its certificate, as PEM."""
        self.key = ec.derive_private_key(rng.randrange(1, _P256_ORDER), ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, serial),
            ]
        )
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        signed = request.sign(self.key, hashes.SHA256(), ecdsa_deterministic=True)
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def accept_chain(self, pem: str) -> bool:
        """Take the chain if its leaf is for our key; return whether it was."""
        try:
            leaf = x509.load_pem_x509_certificates(pem.encode())[0]
        except (ValueError, IndexError):
            return False
        if self.key is None or leaf.public_key() != self.key.public_key():
            return False
        self.chain = pem
        return True


def hash_data(pem: str) -> dict[str, str] | None:
    """Return the certificate's hash data with SHA-256, or None if it cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": _sha256(certificate.issuer.public_bytes()),
        "issuerKeyHash": _sha256(_key_bits(certificate.public_key())),  # of a root, which issued itself
        "serialNumber": f"{certificate.serial_number:x}",
    }


def _key_bits(key: CertificatePublicKeyTypes) -> bytes:
    """Return what the key's BIT STRING holds, without tag and length."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _sha256(data: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize().hex()
