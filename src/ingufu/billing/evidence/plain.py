"""Plain signed readings: a JSON object and the ECDSA signature of its bytes, `<object>|<signature>`. Pure.

For meters that sign but speak no OCMF. The method says curve and hash (`ECDSA-secp256r1-SHA256`), the encoding is
`plain`. The object has `value`, `unit`, and may have `serial`, `timestamp`, `context` and `page`, in OCPP's words.
"""

import re
from typing import Any

from ingufu.billing.evidence import keys
from ingufu.billing.evidence.ocmf import (
    REGISTER_MAX_WH,
    TEXT_MAX,
    Record,
    Register,
    algorithm_of,
    factor_of,
    number_of,
    parse_object,
    time_of,
    word_of,
)

FORMAT = "plain"
_ENCODINGS = frozenset({"plain", "json", "text"})
_REASONS = {"Transaction.Begin": "B", "Transaction.End": "E"}
_PAGE = re.compile(r"\d{1,15}", re.ASCII)


def is_plain(text: str, encoding: str | None) -> bool:
    """Return whether a text is of this form by what is said of it."""
    return (encoding or "").strip().casefold() in _ENCODINGS and text.lstrip().startswith("{")


def read(text: str, method: str | None, context: str) -> Record:
    """Return the record in a text. What its object does not say of its place, the OCPP `context` says."""
    algorithm = word_of(method)
    if len(text) > TEXT_MAX:
        return Record(format=FORMAT, algorithm=algorithm, fault="It is too large.")
    body, bar, tail = text.strip().rpartition("|")
    payload = parse_object(body) if bar else None
    signature = keys.read_signature(tail)
    if payload is None or signature is None:
        return Record(format=FORMAT, algorithm=algorithm, fault="It is no object with a signature behind a bar.")
    curve, digest = algorithm_of(algorithm)
    serial, page = word_of(payload.get("serial")), word_of(payload.get("page"))
    register = _register(payload, context)
    is_once = bool(_PAGE.fullmatch(page)) or (register is not None and register.at is not None)
    return Record(
        format=FORMAT,
        algorithm=algorithm,
        curve=curve,
        digest=digest,
        payload=body.encode("utf-8", "surrogatepass"),
        signature=signature,
        serials=(serial,) if serial else (),
        page=("T", int(page)) if _PAGE.fullmatch(page) else None,
        is_once=is_once,
        registers=(register,) if register is not None else (),
    )


def _register(payload: dict[str, Any], context: str) -> Register | None:
    value, factor = number_of(payload.get("value")), factor_of(payload.get("unit"))
    if value is None or factor is None or abs(value * factor) > REGISTER_MAX_WH:
        return None
    at, _ = time_of(payload.get("timestamp"))
    told = word_of(payload.get("context")) or context
    return Register(reason=_REASONS.get(told, "C"), wh=value * factor, rank=2, at=at)
