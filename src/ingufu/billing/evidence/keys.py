"""Public keys of meters in every form in which makers print them, and signatures checked with them. Pure."""

import base64
import binascii
import hashlib
import re
from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from ingufu.charging.signatures import KEY_MAX

SIGNATURE_MAX = 4096  # characters; no signature is longer

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "secp192r1": ec.SECP192R1,
    "secp224r1": ec.SECP224R1,
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
    "secp256k1": ec.SECP256K1,
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
    "brainpoolP512r1": ec.BrainpoolP512R1,
}
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_ALIASES = {
    "prime192v1": "secp192r1",
    "nistp192": "secp192r1",
    "p192": "secp192r1",
    "nistp224": "secp224r1",
    "prime256v1": "secp256r1",
    "nistp256": "secp256r1",
    "p256": "secp256r1",
    "prime384v1": "secp384r1",
    "nistp384": "secp384r1",
    "p384": "secp384r1",
    "nistp521": "secp521r1",
    "p521": "secp521r1",
    "brainpool256r1": "brainpoolP256r1",
    "brainpool384r1": "brainpoolP384r1",
    "brainpool512r1": "brainpoolP512r1",
}
_NAMES = {name.casefold(): name for name in CURVES} | _ALIASES
_BY_POINT = {48: "secp192r1", 56: "secp224r1", 64: "secp256r1", 96: "secp384r1", 132: "secp521r1"}  # bytes of x and y
_BLANKS = re.compile(r"0x|[\s:.,_-]", re.IGNORECASE)
_HEX = re.compile(r"[0-9A-Fa-f]+")
_ARMOUR = re.compile(r"-----[A-Z ]+-----")
_UNCOMPRESSED, _COMPRESSED = 0x04, (0x02, 0x03)
_SEQUENCE, _INTEGER = 0x30, 0x02
_LONG_FORM = 0x80

PublicKey = ec.EllipticCurvePublicKey


class KeyText(msgspec.Struct, frozen=True, kw_only=True):
    """A public key as it is kept."""

    der_hex: str
    curve: str
    fingerprint: str


def curve_of(text: str) -> str | None:
    """Return our name of a curve however it is spelt (`brainpool256r1`, `NIST P-256`), None if it cannot be checked."""
    return _NAMES.get(re.sub(r"[^0-9a-z]", "", text.casefold()))


@lru_cache(256)
def read_key(text: str | None, curve: str | None = None) -> KeyText | None:
    """Return the key in a text, None if it is none of a curve that can be checked.

    It is the OCA note's `oca:…` as it is or in Base64, PEM, or hexadecimal digits or Base64 of either a
    SubjectPublicKeyInfo or a bare point. Blanks and separators are ignored. A bare point of 64 bytes is of secp256r1
    unless `curve` says otherwise.
    """
    if not text or len(text) > KEY_MAX:
        return None
    for raw in _candidates(text):
        key = _load(raw, curve)
        if key is not None:
            return describe(key)
    return None


def describe(key: PublicKey) -> KeyText:
    """Return a key as it is kept."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    curve = curve_of(key.curve.name) or key.curve.name
    return KeyText(der_hex=der.hex(), curve=curve, fingerprint=hashlib.sha256(der).hexdigest())


def load(der_hex: str) -> PublicKey | None:
    """Return the key of a kept form, ready to check with."""
    try:
        return _load(bytes.fromhex(der_hex), None)
    except ValueError:
        return None


def read_signature(text: str, encoding: str = "") -> bytes | None:
    """Return the bytes of a signature in hexadecimal digits or Base64, whichever it is; None if it is neither."""
    if len(text) > SIGNATURE_MAX:
        return None
    plain = re.sub(r"\s", "", text)
    is_hex = _HEX.fullmatch(plain) is not None
    if is_hex and encoding.casefold() != "base64":
        return bytes.fromhex(plain if len(plain) % 2 == 0 else f"0{plain}")
    return _unbase(plain)


def is_signed_by(key: PublicKey, payload: bytes, signature: bytes, digest: str = "sha256") -> bool:
    """Return whether the holder of the key has signed these very bytes. The signature is DER, or r and s as they are.

    Some meters leave out the zero that DER wants before a high bit: both numbers are read as what they mean.
    """
    chosen = HASHES.get(digest)
    numbers = _read_numbers(signature, (key.curve.key_size + 7) // 8)
    if chosen is None or numbers is None:
        return False
    try:
        key.verify(encode_dss_signature(*numbers), payload, ec.ECDSA(chosen()))
    except (InvalidSignature, ValueError):
        return False
    return True


def first_number(signature: bytes) -> bytes:
    """Return the number r of a signature, DER or not: the one that nobody can change but who signs.

    For each s there is another one that is as good (SEC 1, 4.1.6), and DER has several spellings here.
    """
    numbers = _read_der(signature)
    first = int.from_bytes(signature[: len(signature) // 2], "big") if numbers is None else numbers[0]
    return first.to_bytes((first.bit_length() + 7) // 8, "big")


def _candidates(text: str) -> list[bytes]:
    """Return what a text may mean, likeliest first."""
    found: list[bytes] = []
    decoded = _unbase(text.strip())
    if decoded is not None and decoded.startswith(b"oca:"):
        text = decoded.decode("ascii", "replace")
    if text.startswith("oca:"):
        text = text.split(":", 3)[-1]
    text = _ARMOUR.sub("", text)
    digits = _BLANKS.sub("", text)
    if _HEX.fullmatch(digits):
        found.append(bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}"))
    plain = _unbase(re.sub(r"\s", "", text))
    return [*found, plain] if plain else found


def _load(raw: bytes, curve: str | None) -> PublicKey | None:
    if raw[:1] == bytes([_SEQUENCE]):
        try:
            key = load_der_public_key(raw)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if isinstance(key, ec.EllipticCurvePublicKey):
            return key if curve_of(key.curve.name) else None
    return _load_point(raw, curve)


def _load_point(raw: bytes, curve: str | None) -> PublicKey | None:
    is_marked = len(raw) % 2 == 1 and raw[:1] and raw[0] in (_UNCOMPRESSED, *_COMPRESSED)
    point = raw if is_marked else bytes([_UNCOMPRESSED]) + raw
    size = len(point) - 1 if point[0] == _UNCOMPRESSED else 2 * (len(point) - 1)
    name = curve_of(curve) if curve else _BY_POINT.get(size)
    if name is None:
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[name](), point)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _read_numbers(signature: bytes, size: int) -> tuple[int, int] | None:
    if len(signature) == 2 * size and signature[:1] != bytes([_SEQUENCE]):
        return int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    numbers = _read_der(signature)
    if numbers is None and len(signature) == 2 * size:
        return int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    return numbers


def _read_der(signature: bytes) -> tuple[int, int] | None:
    body = _read_part(signature, _SEQUENCE)
    if body is None or body[1]:
        return None
    first = _read_part(body[0], _INTEGER)
    second = _read_part(first[1], _INTEGER) if first is not None else None
    if first is None or second is None or second[1]:
        return None
    return int.from_bytes(first[0], "big"), int.from_bytes(second[0], "big")


def _read_part(data: bytes, tag: int) -> tuple[bytes, bytes] | None:
    """Return the content of the DER element that begins the data, and what follows it."""
    if len(data) < 2 or data[0] != tag:
        return None
    length, start = data[1], 2
    if length == _LONG_FORM | 1 and len(data) > 2:
        length, start = data[2], 3
    elif length & _LONG_FORM:
        return None
    end = start + length
    return (data[start:end], data[end:]) if len(data) >= end else None


def _unbase(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
