"""OCMF read: the text `OCMF|<payload>|<signature>`, its payload kept byte for byte, since that is what is signed. Pure.

Spec: SAFE "Open Charge Metering Format" 1.0 to 1.4. Whatever is read is hostile: its size and depth are bounded.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ingufu.billing.evidence import keys

TEXT_MAX = 65_536  # characters; records of a whole session have some thousands
READINGS_MAX = 500
WORD_MAX = 80
REGISTER_MAX_WH = Decimal(9_000_000_000_000)  # what can be kept; no meter gets there
HEADER = "OCMF|"
DEFAULT_ALGORITHM = "ECDSA-secp256r1-SHA256"
DEFAULT_DIGEST = "sha256"
ENDS = frozenset("ELRAP")  # of a transaction, by whatever cause
INHERITED = ("TM", "TX", "RI", "RU", "RT", "EF", "ST")  # what a reading leaves out is as in the one before

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,9})?", re.ASCII)
_PAGE = re.compile(r"([TF])(\d{1,15})", re.ASCII)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[,.](\d{1,6}))?\s*(Z|[+-]\d\d:?\d\d)\s*([A-Za-z])?", re.ASCII
)
_OBIS = re.compile(r"(?:[0-9a-f]+-[0-9a-z]+:)?([0-9a-f]{1,2})\.([0-9a-f]{1,2})\.([0-9a-f]{1,2})", re.IGNORECASE)
_UNITS = {"kwh": Decimal(1000), "wh": Decimal(1)}
# Which import register is billed, first: that of the vehicle's side, of the session; then the classic one. Last what
# is measured before the cable.
_RANK = {"B3": 0, "B1": 1, "1": 2, "B2": 3, "B0": 4}


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of an import register in a signed record."""

    reason: str  # TX: B, C, X, E, L, R, A, P, S, T; empty: none told
    wh: Decimal
    name: str = ""  # OBIS, as it is written
    rank: int = 9
    at: datetime | None = None
    clock: str = ""  # U unknown, I informative, S synchronised, R relative
    flaw: str = ""  # what the meter itself says is wrong

    @property
    def is_begin(self) -> bool:
        return self.reason == "B"

    @property
    def is_end(self) -> bool:
        return self.reason in ENDS


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A signed record as it is read, whoever signed it."""

    format: str = "OCMF"
    algorithm: str = DEFAULT_ALGORITHM
    curve: str | None = None  # None: none that can be checked
    digest: str | None = DEFAULT_DIGEST
    payload: bytes = b""
    signature: bytes = b""
    serials: tuple[str, ...] = ()  # of the meter, then of the gateway
    page: tuple[str, int] | None = None
    is_once: bool = True  # the payload tells its page or time: no two readings have the same
    registers: tuple[Register, ...] = ()
    fault: str = ""  # why it cannot be read at all


def is_ocmf(text: str) -> bool:
    """Return whether a text begins as OCMF does."""
    return text[:32].lstrip().startswith(HEADER)


def read(text: str) -> Record:
    """Return the record in a text. One that is too large, or no such text, says so as its `fault`."""
    text = text.strip()
    if len(text) > TEXT_MAX:
        return Record(fault="It is too large.")
    body, bar, tail = text.removeprefix(HEADER).rpartition("|")
    if not bar or not text.startswith(HEADER):
        return Record(fault="It has no payload and signature between bars.")
    payload, signature = parse_object(body), parse_object(tail)
    if payload is None:
        return Record(fault="Its payload is no JSON object.")
    if signature is None:
        return Record(fault="Its signature is no JSON object.")
    return _record(body, payload, signature)


def parse_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a text, numbers as their text: None for anything else, or for a name that comes twice.

    What two readers could understand differently is no proof of anything.
    """
    try:
        found = json.loads(
            text, parse_float=_Digits, parse_int=_Digits, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def number_of(value: Any) -> Decimal | None:  # any JSON value
    """Return an exact number, also where it comes as a padded text; None for what no register shows."""
    if isinstance(value, bool) or not isinstance(value, str):
        return None
    text = value.strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def factor_of(unit: Any) -> Decimal | None:  # any JSON value
    """Return how many Wh a unit of energy is, None for units of other things."""
    return _UNITS.get(unit.strip().casefold()) if isinstance(unit, str) else None


def word_of(value: Any) -> str:  # any JSON value
    """Return a short text as it is, everything else as nothing."""
    return value.strip()[:WORD_MAX] if isinstance(value, str) else ""


def time_of(value: Any) -> tuple[datetime | None, str]:  # any JSON value
    """Return the instant and the state of the clock in OCMF's form of time."""
    found = _TIME.fullmatch(word_of(value))
    if found is None:
        return None, ""
    year, month, day, hour, minute, second, fraction, zone, clock = found.groups()
    offset = timedelta()
    if zone != "Z":
        digits = zone[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
    try:
        at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC) - offset
        return at + timedelta(microseconds=int((fraction or "0").ljust(6, "0"))), (clock or "").upper()
    except (ValueError, OverflowError):
        return None, ""


def algorithm_of(text: str) -> tuple[str | None, str | None]:
    """Return curve and hash of a method such as `ECDSA-brainpool256r1-SHA256`; None for what cannot be checked."""
    parts = re.split(r"[-_/ ]+", text.strip())
    if len(parts) < 2 or parts[0].casefold() != "ecdsa":
        return None, None
    digest = parts[-1].casefold()
    if digest not in keys.HASHES:
        return keys.curve_of("-".join(parts[1:])), DEFAULT_DIGEST
    return keys.curve_of("-".join(parts[1:-1])), digest


class _Digits(str):
    """A number of JSON by its digits."""

    __slots__ = ()


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("A name comes twice.")
    return found


def _record(body: str, payload: Mapping[str, Any], signature: Mapping[str, Any]) -> Record:
    algorithm = word_of(signature.get("SA")) or DEFAULT_ALGORITHM
    curve, digest = algorithm_of(algorithm)
    data = signature.get("SD")
    raw = keys.read_signature(data, word_of(signature.get("SE"))) if isinstance(data, str) else None
    page = _PAGE.fullmatch(word_of(payload.get("PG")))
    serials = [word_of(payload.get(name)) for name in ("MS", "GS")]
    readings = payload.get("RD")
    fault = ""
    if raw is None:
        fault = "Its signature is no text of hexadecimal digits or Base64."
    elif not isinstance(readings, list) or not readings:
        fault = "It has no readings."
    elif len(readings) > READINGS_MAX:
        fault = "It has too many readings."
    return Record(
        algorithm=algorithm,
        curve=curve,
        digest=digest,
        payload=body.encode("utf-8", "surrogatepass"),
        signature=raw or b"",
        serials=tuple(dict.fromkeys(serial for serial in serials if serial)),
        page=(page[1], int(page[2])) if page is not None else None,
        registers=() if fault else tuple(_registers(readings)),
        fault=fault,
    )


def _registers(readings: Any) -> Iterator[Register]:  # a list of JSON values
    """Yield the readings that are of an import register, with what each inherits from the one before it."""
    known: dict[str, Any] = {}
    for reading in readings:
        if not isinstance(reading, dict):
            continue
        known = {name: reading.get(name, known.get(name)) for name in INHERITED}
        value, factor, rank = number_of(reading.get("RV")), factor_of(known["RU"]), _rank(known["RI"])
        reason = word_of(known["TX"]).upper()
        if "RV" not in reading and reason == "X":  # an error alone: it has no value
            yield Register(reason="X", wh=Decimal(0), flaw="exception")
        if value is None or factor is None or rank is None or abs(value * factor) > REGISTER_MAX_WH:
            continue
        at, clock = time_of(known["TM"])
        yield Register(
            reason=reason,
            wh=value * factor,
            name=word_of(known["RI"]),
            rank=rank,
            at=at,
            clock="U" if "t" in word_of(known["EF"]) else clock,
            flaw=_flaw(known),
        )


def _rank(name: Any) -> int | None:  # any JSON value
    """Return how well a register says what is billed; None for those of other things: export, power, time."""
    if name is None or name == "":
        return _RANK["1"]
    found = _OBIS.match(name.strip()) if isinstance(name, str) else None
    if found is None:
        return None
    quantity, kind = found[1].upper().lstrip("0"), found[2].lstrip("0")
    if quantity == "98" and kind == "8":  # an import of the transaction, as some meters name it
        return _RANK["1"]
    return _RANK.get(quantity) if kind == "8" else None


def _flaw(known: Mapping[str, Any]) -> str:
    """Return what the meter itself says against a reading: its status, and the quantities that are not usable."""
    status, errors = word_of(known["ST"]).upper(), word_of(known["EF"])
    if status != "G":
        return f"status {status}".rstrip()
    if word_of(known["TX"]).upper() == "X":
        return "exception"
    return f"error {errors}" if "E" in errors else ""
