"""A meter of our own that signs, for the tests: OCMF and plain records by every curve."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ingufu.billing.evidence import keys, signed
from ingufu.billing.evidence.model import MeterKey, SignedReading
from ingufu.billing.evidence.signed import Place

ZERO = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPELLINGS = {"brainpoolP256r1": "brainpool256r1", "brainpoolP384r1": "brainpool384r1"}


def moment(minutes):
    return ZERO + timedelta(minutes=minutes)


def place(minutes=60, **more):
    return Place(**{"evse": 1, "connector": 1, "started_at": ZERO, "ended_at": moment(minutes), **more})


class Meter:
    """A meter with a key of its own and pages that count up."""

    def __init__(self, curve="secp256r1", serial="M1", page=1):
        self.curve, self.serial, self.page = curve, serial, page
        self.secret = ec.derive_private_key(0x1234567890ABCDEF + len(serial), keys.CURVES[curve]())
        self.key = keys.describe(self.secret.public_key())

    def registered(self, **more):
        return MeterKey(
            **{
                "id": "key",
                "station_id": "station",
                "der_hex": self.key.der_hex,
                "curve": self.curve,
                "fingerprint": self.key.fingerprint,
                "created_at": ZERO,
                **more,
            }
        )

    def payload(self, *readings, **more):
        """Return the payload of the next page: `readings` are (letter, minute, value), or such with fields besides."""
        told = []
        for letter, minute, value, *fields in readings:
            at = moment(minute)
            base = {
                "TM": f"{at:%Y-%m-%dT%H:%M:%S},000+0000 S",
                "TX": letter,
                "RV": value,
                "RI": "1-b:1.8.0",
                "RU": "kWh",
                "EF": "",
                "ST": "G",
            }
            base |= fields[0] if fields else {}
            told.append({name: content for name, content in base.items() if content is not None})
        head = {"FV": "1.0", "MS": self.serial, "PG": f"T{self.page}", "IS": True, "IT": "NONE"} | more
        self.page += 1
        return json.dumps({**head, "RD": told}, separators=(",", ":"))

    def sign(self, payload, *, encoding="hex", is_raw=False, digest="sha256", **more):
        signature = self.secret.sign(payload.encode(), ec.ECDSA(keys.HASHES[digest]()))
        if is_raw:
            size = (self.secret.key_size + 7) // 8
            signature = b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))
        text = base64.b64encode(signature).decode() if encoding == "base64" else signature.hex().upper()
        name = f"ECDSA-{SPELLINGS.get(self.curve, self.curve)}-{digest.upper()}"
        told = {"SA": name, "SD": text} | ({"SE": encoding} if encoding != "hex" else {}) | more
        return f"OCMF|{payload}|{json.dumps(told)}"

    def record(self, *readings, **more):
        return self.sign(self.payload(*readings, **more))

    def session(self, begin="100.0", end="110.0", minutes=60):
        """Return the two records of a session."""
        return [self.record(("B", 0, float(begin))), self.record(("E", minutes, float(end)))]

    def plain(self, value, minute, context=None, *, is_bare=False):
        told = {"value": value, "unit": "Wh", "serial": self.serial}
        told |= {} if is_bare else {"page": str(self.page)}
        told |= {"context": context} if context else {}
        self.page += 1
        body = json.dumps(told)
        signature = self.secret.sign(body.encode(), ec.ECDSA(hashes.SHA256()))
        return f"{body}|{signature.hex()}"


def examine(told, registered, where, **more):
    return signed.examine(signed.distinct(told), registered, where, **more)


def values(texts, *, encoding="OCMF", method=None, public_key=None, minutes=60):
    """Return records as the signed values of a session: the first of its begin, the last of its end."""
    last = len(texts) - 1
    return [
        SignedReading(
            at=moment(minutes * index / max(last, 1)),
            context={0: "Transaction.Begin", last: "Transaction.End"}.get(index, "Sample.Periodic"),
            data=text,
            encoding=encoding,
            method=method,
            public_key=public_key,
        )
        for index, text in enumerate(texts)
    ]


def wh(value):
    return Decimal(str(value))
