"""Signed meter values as they are handed to transparency software: untouched, with what is needed to check them. Pure.

Spec: OCA application note "Signed meter values in OCPP"; for public keys `oca:<base16|base64>:asn1:<printed key>`.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from html import escape

import msgspec

from ingufu.charging.model import SignedValue

_HEX = re.compile(r"[0-9A-Fa-f]+")
_SEPARATORS = re.compile(r"0x|[\s:.,_-]", re.IGNORECASE)
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")  # which XML 1.0 cannot carry, or changes
_DER_SEQUENCE = 0x30
KEY_MAX = 10_000  # characters; no key is longer


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key, as DER in hexadecimal digits."""

    der_hex: str


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A signed value in its place."""

    transaction: str
    context: str
    value: SignedValue


def read_public_key(text: str | None) -> PublicKey | None:
    """Return the key in a text of one of the forms in use, None if it is none of them.

    It is the note's `oca:…` as it is or in Base64, or DER in hexadecimal digits or in Base64, separators ignored.
    """
    if not text or len(text) > KEY_MAX:
        return None
    decoded = _unbase(text)
    if decoded is not None and decoded.startswith(b"oca:"):
        text = decoded.decode("ascii", "replace")
    if text.startswith("oca:"):
        return _printed(*_parts(text))
    return _printed("base16", text) or _printed("base64", text)


def to_xml(values: Iterable[Signed]) -> str:
    """Return the container that transparency software reads, with the values as the station sent them."""
    lines = ['<?xml version="1.0" encoding="UTF-8" standalone="yes"?>', "<values>"]
    for one in values:
        data, encoding = _carried(one.value.data)
        form = _attribute(one.value.encoding or "")
        lines += [
            f'  <value transactionId="{_attribute(one.transaction)}" context="{_attribute(one.context)}">',
            f'    <signedData format="{form}" encoding="{encoding}">{data}</signedData>',
        ]
        key = read_public_key(one.value.public_key)
        if key is not None:
            lines.append(f'    <publicKey encoding="hex">{key.der_hex}</publicKey>')
        lines.append("  </value>")
    return "\n".join([*lines, "</values>", ""])


def _parts(text: str) -> tuple[str, str]:
    """Return how the key is printed, and the print."""
    pieces = text.split(":", 3)
    return (pieces[1], pieces[3]) if len(pieces) == 4 else ("", "")


def _printed(form: str, text: str) -> PublicKey | None:
    if form == "base64":
        raw = _unbase(text)
        return PublicKey(der_hex=raw.hex()) if raw and raw[0] == _DER_SEQUENCE else None
    if form != "base16":
        return None
    digits = _SEPARATORS.sub("", text)
    is_key = _HEX.fullmatch(digits) is not None and len(digits) % 2 == 0 and digits.startswith("30")
    return PublicKey(der_hex=digits.lower()) if is_key else None


def _unbase(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _carried(data: str) -> tuple[str, str]:
    """Return data as they stand in XML, and how they are encoded: what XML cannot carry goes as Base64 of itself."""
    if _UNFIT.search(data):
        return base64.b64encode(data.encode("utf-8", "surrogatepass")).decode(), "base64"
    is_base = _unbase(data) is not None
    return escape(data, quote=False), "base64" if is_base else "plain"


def _attribute(text: str) -> str:
    return escape(_UNFIT.sub("\ufffd", text))
