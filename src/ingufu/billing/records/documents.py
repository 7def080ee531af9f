"""A charge record as it is kept: deflated JSON, for a session has many stretches that say much the same. Pure."""

import zlib

import msgspec

from ingufu.billing.records.model import ChargeRecord

_LEVEL = 6
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ChargeRecord).decode


def write_document(record: ChargeRecord) -> bytes:
    """Return the record as it is kept."""
    return zlib.compress(_encode(record), _LEVEL)


def read_document(document: bytes) -> ChargeRecord:
    """Return the record that was kept so."""
    return _decode(zlib.decompress(document))
