"""What the signed readings of a session prove: each verified with the registered key, then all held together. Pure."""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from ingufu.billing.evidence import keys, ocmf, plain
from ingufu.billing.evidence.model import Check, DeliveredKey, Finding, MeterKey, Reason, SignatureState, SignedReading
from ingufu.billing.evidence.ocmf import Record, Register

RECORDS_MAX = 2000  # of one session that are looked at: one a minute for more than a day
CLOCK_SLACK_S = 900.0  # a synchronised meter's time may lie so far outside of the session
_ENCODING_TAG = re.compile(r"<encodingMethod>\s*([^<]{1,40})|format=\"([^\"]{1,40})\"")
_HEX = re.compile(r"[0-9A-Fa-f\s]+")
_ALIEN = {"AP;": "Alfen", "<?xml": "XML"}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when a session was, to find the keys of its meter."""

    evse: int | None = None
    connector: int | None = None
    started_at: datetime
    ended_at: datetime


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """A signed value that was looked at."""

    check: Check
    record: Record


def digest_of(value: SignedReading) -> str:
    """Return the name of a signed value: the SHA-256 of what is signed, so that no other wrapping makes another of it.

    Where the payload of two readings may be the same, the number of the signature that is new each time counts too.
    What is no record that can be read is named by its text.
    """
    text = unwrap(value.data)
    record = _read(text, value)
    if record is None or record.fault:
        signed = text.strip().encode("utf-8", "surrogatepass")
    elif record.is_once:
        signed = record.payload
    else:
        signed = record.payload + b"|" + keys.first_number(record.signature)
    return hashlib.sha256(signed).hexdigest()


def distinct(values: Iterable[SignedReading]) -> dict[str, SignedReading]:
    """Return the signed values of a session by their names: of one that came several times, the first by its time."""
    return {digest_of(value): value for value in sorted(values, key=_order_of, reverse=True)}


def examine(
    values: Mapping[str, SignedReading],
    registered: Sequence[MeterKey],
    place: Place,
    *,
    used_elsewhere: Collection[str] = (),
) -> Finding:
    """Return what the `distinct` signed values of a session prove.

    `used_elsewhere` are names of those that another session has brought already: a record that is told again is no
    proof of anything new.
    """
    ordered = sorted(values.items(), key=lambda item: (_order_of(item[1]), item[0]))
    if not ordered:
        return Finding()
    usable = [key for key in registered if _is_of(key, place)]
    examined = [_examine(value, sha, usable, used_elsewhere) for sha, value in _chosen(ordered)]
    return _hold_together(examined, place)


def unwrap(data: str) -> str:
    """Return the text of signed data that may be Base64 or hexadecimal digits of it."""
    if ocmf.is_ocmf(data) or data.lstrip().startswith(("{", "<", "AP;")):
        return data
    if len(data) > 2 * ocmf.TEXT_MAX:
        return data
    for decoded in (_unbase(data), _unhex(data)):
        if decoded is not None:
            try:
                text = decoded.decode("utf-8")
            except UnicodeDecodeError:
                continue
            if text.isprintable() or ocmf.is_ocmf(text) or "\n" in text:
                return text
    return data


def _order_of(value: SignedReading) -> tuple[datetime, str, str]:
    return value.at, value.context, value.data


def _chosen(ordered: list[tuple[str, SignedReading]]) -> list[tuple[str, SignedReading]]:
    """Return what is looked at of very many: the first and the last."""
    if len(ordered) <= RECORDS_MAX:
        return ordered
    half = RECORDS_MAX // 2
    return [*ordered[:half], *ordered[-half:]]


def _is_of(key: MeterKey, place: Place) -> bool:
    is_there = key.evse in (None, place.evse) and key.connector in (None, place.connector)
    is_before = key.valid_from is None or key.valid_from <= place.ended_at
    return is_there and is_before and (key.valid_until is None or key.valid_until > place.started_at)


def _examine(value: SignedReading, sha: str, usable: list[MeterKey], elsewhere: Collection[str]) -> Examined:
    text = unwrap(value.data)
    record = _read(text, value)
    blank = Check(sha256=sha, at=value.at, context=value.context, format=_name(text, value), state=SignatureState.NONE)
    if record is None:
        state, detail = SignatureState.UNSUPPORTED, f"{blank.format} cannot be checked here."
        return Examined(check=msgspec.structs.replace(blank, state=state, detail=detail), record=Record())
    delivered = keys.read_key(value.public_key, record.curve)
    state, detail, used = _judge(record, usable, is_repeat=sha in elsewhere)
    begins = [one.wh for one in record.registers if one.is_begin]
    ends = [one.wh for one in record.registers if one.is_end]
    relation = _relate(value.public_key, delivered, used, usable)
    if state is SignatureState.NO_KEY:
        detail = f"{detail} {_tell_delivered(record, delivered)}".strip()
    check = msgspec.structs.replace(
        blank,
        format=record.format,
        algorithm=record.algorithm,
        state=state,
        detail=detail,
        meter_serial=record.serials[0] if record.serials else None,
        page=f"{record.page[0]}{record.page[1]}" if record.page else None,
        begin_wh=begins[0] if begins else None,
        end_wh=ends[-1] if ends else None,
        key_fingerprint=used.fingerprint if used is not None else None,
        delivered=relation,
        delivered_fingerprint=delivered.fingerprint if delivered is not None else None,
    )
    return Examined(check=check, record=record)


def _read(text: str, value: SignedReading) -> Record | None:
    if ocmf.is_ocmf(text):
        return ocmf.read(text)
    if plain.is_plain(text, value.encoding):
        return plain.read(text, value.method, value.context)
    if (value.encoding or "").strip().upper() == "OCMF":
        return Record(fault="It is called OCMF, and is none.")
    return None


def _name(text: str, value: SignedReading) -> str:
    """Return how a format that is not known here calls itself."""
    tag = _ENCODING_TAG.search(text[:4000])
    if value.encoding:
        return value.encoding[:40]
    if tag is not None:
        return (tag[1] or tag[2]).strip()
    return next((name for start, name in _ALIEN.items() if text.lstrip().startswith(start)), "An unknown format")


def _judge(record: Record, usable: list[MeterKey], *, is_repeat: bool) -> tuple[SignatureState, str, MeterKey | None]:
    if record.fault:
        return SignatureState.INVALID, record.fault, None
    if record.curve is None or record.digest is None:
        return (
            SignatureState.UNSUPPORTED,
            f"The method {record.algorithm or '(none told)'} cannot be checked here.",
            None,
        )
    named = [key for key in usable if key.meter_serial is None or key.meter_serial in record.serials]
    if not named:
        whose = f"the meter {record.serials[0]}" if record.serials else "this meter"
        return SignatureState.NO_KEY, f"No key is registered for {whose}.", None
    for key in named:
        loaded = keys.load(key.der_hex)
        if loaded is not None and keys.is_signed_by(loaded, record.payload, record.signature, record.digest):
            if is_repeat:
                return SignatureState.INVALID, "It was told in another session already.", key
            return SignatureState.VERIFIED, "", key
    return SignatureState.INVALID, "It was not signed, as it is, by the key that is registered.", None


def _relate(
    text: str | None, delivered: keys.KeyText | None, used: MeterKey | None, usable: list[MeterKey]
) -> DeliveredKey:
    if not text:
        return DeliveredKey.NONE
    if delivered is None:
        return DeliveredKey.UNREADABLE
    known = [used] if used is not None else usable
    return DeliveredKey.SAME if any(key.fingerprint == delivered.fingerprint for key in known) else DeliveredKey.OTHER


def _tell_delivered(record: Record, delivered: keys.KeyText | None) -> str:
    """Return what the key that came with it says: enough to know which one to ask the maker for, no proof."""
    key = keys.load(delivered.der_hex) if delivered is not None else None
    if delivered is None or key is None:
        return ""
    fits = keys.is_signed_by(key, record.payload, record.signature, record.digest or "")
    word = "fits" if fits else "does not fit"
    return f"The key that came with it ({delivered.fingerprint[:16]}) {word}; that proves nothing."


def _hold_together(examined: list[Examined], place: Place) -> Finding:
    checks = tuple(one.check for one in examined)
    states = {check.state for check in checks}
    if SignatureState.INVALID in states:
        detail = next(check.detail for check in checks if check.state is SignatureState.INVALID)
        return Finding(state=SignatureState.INVALID, detail=detail, checks=checks)
    good = [one for one in examined if one.check.state is SignatureState.VERIFIED]
    good.sort(key=lambda one: (one.record.page or ("", 0), one.check.at))
    if not good:
        for state in (SignatureState.NO_KEY, SignatureState.UNSUPPORTED):
            found = [check for check in checks if check.state is state]
            if found:
                return Finding(state=state, detail=found[0].detail, checks=checks)
    of_session = [one.record for one in good if one.record.page is None or one.record.page[0] == "T"]
    return _conclude(of_session, checks, place)


def _conclude(records: list[Record], checks: tuple[Check, ...], place: Place) -> Finding:
    registers = _best(records)
    begins = [one for one in registers if one.is_begin]
    ends = [one for one in registers if one.is_end]
    fault = _find_fault(records, registers, begins, ends)
    finding = Finding(
        state=SignatureState.INCOMPLETE if fault else SignatureState.VERIFIED,
        detail=fault,
        begin_wh=begins[0].wh if begins else None,
        end_wh=ends[-1].wh if ends else None,
        checks=checks,
        notes=_note_clock(begins, ends, place),
    )
    energy = finding.energy_wh
    if energy is not None and energy < 0:
        return msgspec.structs.replace(finding, state=SignatureState.INCOMPLETE, end_wh=None)
    return finding


def _best(records: list[Record]) -> list[Register]:
    """Return the readings of the one register that is billed: the best that is told at begin and end."""
    every = [register for record in records for register in record.registers]
    names = {(one.rank, one.name) for one in every}
    for name in sorted(names):
        chosen = [one for one in every if (one.rank, one.name) == name or one.flaw == "exception"]
        if any(one.is_begin for one in chosen) and any(one.is_end for one in chosen):
            return chosen
    first = min(names, default=None)
    return [one for one in every if (one.rank, one.name) == first]


def _find_fault(records: list[Record], registers: list[Register], begins: list[Register], ends: list[Register]) -> str:
    """Return why true records do not prove the energy, in the words of the checks that OCMF asks for."""
    flawed = next((one for one in registers if one.flaw), None)
    if flawed is not None:
        return f"The meter says that a reading is not good: {flawed.flaw}."
    serials = {record.serials[0] if record.serials else None for record in records}
    if len(serials) > 1:
        return f"They are of several meters: {', '.join(sorted(serial or '?' for serial in serials))}."
    if not begins or not ends:
        return f"No signed reading of the {'end' if begins else 'begin'} came."
    if len({one.wh for one in begins}) > 1:
        return "The begin is told with several values."
    if not registers[0].is_begin or not registers[-1].is_end:
        return "The first reading is not the begin, or the last one not the end."
    if any(later.wh < earlier.wh for earlier, later in pairwise(_unrepeated(registers))):
        return "The register falls."
    return _find_gap(records)


def _unrepeated(registers: list[Register]) -> list[Register]:
    """Return the readings without the begin where a record of the whole session tells it once more."""
    return [registers[0], *(one for one in registers[1:] if not one.is_begin)]


def _find_gap(records: list[Record]) -> str:
    pages = [record.page for record in records if record.page is not None]
    if any(later == earlier for earlier, later in pairwise(pages)):
        return f"Two records have the page {pages[0][0]}{pages[0][1]}."
    is_whole = any(_is_whole(record) for record in records)
    if is_whole or not pages:
        return ""  # a record that holds begin and end needs no other one
    for earlier, later in pairwise(pages):
        if later[0] != earlier[0] or later[1] != earlier[1] + 1:
            return f"Between the pages {earlier[0]}{earlier[1]} and {later[0]}{later[1]} something is missing."
    return ""


def _is_whole(record: Record) -> bool:
    return any(one.is_begin for one in record.registers) and any(one.is_end for one in record.registers)


def _note_clock(begins: list[Register], ends: list[Register], place: Place) -> tuple[Reason, ...]:
    """Return what the meter's clock says: a synchronised one that is elsewhere tells of another session."""
    times = [one for one in (*begins[:1], *ends[-1:]) if one.at is not None]
    for one in times:
        early = (place.started_at - one.at).total_seconds()  # type: ignore[operator]  # not None, see above
        late = (one.at - place.ended_at).total_seconds()  # type: ignore[operator]
        if max(early, late) > CLOCK_SLACK_S:
            is_sure = one.clock == "S"
            detail = f"A signed reading is of {one.at:%Y-%m-%d %H:%M:%S} UTC, outside of the session."
            return (Reason(code="signed-time-elsewhere", is_doubt=is_sure, detail=detail),)
    clocks = "".join(dict.fromkeys(one.clock or "U" for one in times))
    if times and clocks.strip("SR"):
        return (Reason(code="signed-clock-not-synchronised", is_doubt=False, detail=f"Clock state {clocks}."),)
    return ()


def _unbase(data: str) -> bytes | None:
    try:
        return base64.b64decode(re.sub(r"\s", "", data), validate=True)
    except (binascii.Error, ValueError):
        return None


def _unhex(data: str) -> bytes | None:
    if not _HEX.fullmatch(data):
        return None
    try:
        return bytes.fromhex(data)
    except ValueError:
        return None
