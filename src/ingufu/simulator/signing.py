"""Signed meter values of simulated stations: OCMF with a made-up signature, in the wrapping of each OCPP version."""

import base64
import hashlib
import json
from typing import Final

PUBLIC_KEY: Final = "oca:base16:asn1:3059301306072A8648CE3D020106082A8648CE3D03010703420004" + "5A" * 64
ENCODING: Final = "OCMF"
METHOD: Final = "ECDSA-secp256r1-SHA256"
_LETTERS: Final = {"Transaction.Begin": "B", "Transaction.End": "E"}


def sign(serial: str, at: str, register_wh: str, context: str) -> str:
    """Return a register value as signed data, in Base64. The signature is a digest: nothing verifies it."""
    reading = {
        "TM": f"{at} S", "TX": _LETTERS.get(context, "C"), "RV": register_wh, "RI": "1-b:1.8.0", "RU": "Wh", "ST": "G",
    }  # fmt: skip
    payload = json.dumps(
        {"FV": "1.0", "GI": "Ingufu", "MS": serial, "PG": "T1", "RD": [reading]}, separators=(",", ":")
    )
    signature = json.dumps({"SD": hashlib.sha256(payload.encode()).hexdigest()}, separators=(",", ":"))
    return base64.b64encode(f"OCMF|{payload}|{signature}".encode()).decode()


def public_key() -> str:
    """Return the station's public key as both versions carry it."""
    return base64.b64encode(PUBLIC_KEY.encode()).decode()


def container(data: str) -> str:
    """Return signed data as the value of a 1.6 sample (OCA application note)."""
    return json.dumps(
        {"signedMeterData": data, "signingMethod": METHOD, "encodingMethod": ENCODING, "publicKey": public_key()}
    )


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
