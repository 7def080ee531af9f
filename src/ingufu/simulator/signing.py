"""Signed meter values of simulated stations: OCMF truly signed, each meter with a key of its own, in both wrappings.

The key follows from the meter's serial number, so that whoever runs a simulation can register it beforehand; the
signatures follow from key and data (RFC 6979), so that a simulation repeats itself to the byte.
"""

import base64
import hashlib
import json
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ENCODING: Final = "OCMF"
METHOD: Final = "ECDSA-secp256r1-SHA256"
_LETTERS: Final = {"Transaction.Begin": "B", "Transaction.End": "E"}
_SECRETS: Final = 2**250  # below the order of the curve

Moment = tuple[str, str]  # when, and the register in Wh


def sign(serial: str, moment: Moment, context: str, begin: Moment | None = None) -> str:
    """Return a register as signed data, in Base64. The record of an end holds its session's begin too, if given."""
    readings = [] if begin is None else [_reading(begin, "B")]
    readings.append(_reading(moment, _LETTERS.get(context, "C")))
    page = "".join(filter(str.isdigit, moment[0]))[:14]  # rises with time
    head = {"FV": "1.0", "GI": "Ingufu", "GS": serial, "PG": f"T{page}", "MV": "Ingufu", "MS": serial}
    payload = _compact({**head, "IS": False, "IT": "NONE", "RD": readings})
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    signature = _key(serial).sign(payload.encode(), algorithm).hex().upper()
    text = f"OCMF|{payload}|{_compact({'SA': METHOD, 'SD': signature})}"
    return base64.b64encode(text.encode()).decode()


def public_key(serial: str) -> str:
    """Return the meter's public key as both versions carry it."""
    return base64.b64encode(f"oca:base16:asn1:{printed_key(serial)}".encode()).decode()


def printed_key(serial: str) -> str:
    """Return the meter's public key as it would be printed on it: hexadecimal digits of its DER form."""
    return _key(serial).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex().upper()


def container(serial: str, data: str) -> str:
    """Return signed data as the value of a 1.6 sample (OCA application note)."""
    return json.dumps(
        {"signedMeterData": data, "signingMethod": METHOD, "encodingMethod": ENCODING, "publicKey": public_key(serial)}
    )


def _reading(moment: Moment, letter: str) -> dict[str, str]:
    at, register_wh = moment
    return {
        "TM": f"{_written(at)} S", "TX": letter, "RV": register_wh, "RI": "1-b:1.8.0", "RU": "Wh", "RT": "AC",
        "EF": "", "ST": "G",
    }  # fmt: skip


def _written(at: str) -> str:
    """Return an instant of OCPP as OCMF writes it: thousandths behind a comma, a zone without colon."""
    clock, _, fraction = at.removesuffix("Z").partition(".")
    return f"{clock},{fraction[:3].ljust(3, '0')}+0000"


@lru_cache(4096)
def _key(serial: str) -> ec.EllipticCurvePrivateKey:
    digest = hashlib.sha512(f"simulated meter {serial}".encode()).digest()
    return ec.derive_private_key(int.from_bytes(digest, "big") % _SECRETS + 1, ec.SECP256R1())


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
