"""By what a quirk that is coped with for everybody shows itself: the repairs, gaps and notes of a message."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ingufu.ocpp.mending import Repair, RepairKind
from ingufu.ocpp.rpc_frames import Note


class Sign(msgspec.Struct, frozen=True):
    """A repair that gives a quirk away."""

    number: int
    kinds: frozenset[RepairKind]
    actions: frozenset[str]
    path: re.Pattern[str]
    was: re.Pattern[str] = re.compile("")


def _sign(number: int, kinds: Iterable[RepairKind], actions: Iterable[str], path: str, was: str = "") -> Sign:
    return Sign(number, frozenset(kinds), frozenset(actions), re.compile(path), re.compile(was))


_K = RepairKind
_READINGS = ("MeterValues", "StopTransaction", "TransactionEvent")
_TIMED = (*_READINGS, "StatusNotification", "StartTransaction", "SecurityEventNotification", "NotifyEvent")

SIGNS: Final = (
    _sign(16, (_K.SHORTENED,), ("BootNotification",), r"\$\.(charge|chargingStation)"),
    _sign(41, (_K.REPLACED,), _READINGS, r"\.context$"),
    _sign(48, (_K.PROPERTY_DROPPED,), ("Authorize",), ""),
    _sign(51, (_K.WRAPPED,), _READINGS, r"\.(meterValue|transactionData)$"),
    _sign(53, (_K.ITEM_DROPPED,), _READINGS, r"\.sampledValue\[\d+\]$", r'"unit"'),
    _sign(59, (_K.ITEM_DROPPED,), _READINGS, r"\.sampledValue\[\d+\]$", r'"phase"'),
    _sign(62, (_K.TIME_RESPELT,), _TIMED, "", r"[+-]\d{1,2}\"$"),
    _sign(61, (_K.ZONE_ASSUMED,), _TIMED, ""),
    _sign(63, (_K.REPLACED,), ("StatusNotification",), r"\.errorCode$"),
)
_GAPS: Final = {"TransactionEvent": 49, "StatusNotification": 49, "StartTransaction": 44}
_NOTES: Final = {Note.LONG_ID: 10, Note.SHORT_ERROR: 15}


def find_signs(
    action: str, repairs: tuple[Repair, ...], gaps: tuple[str, ...], notes: tuple[Note, ...]
) -> frozenset[int]:
    """Return the numbers of the quirks that a message shows."""
    found = {_NOTES[note] for note in notes if note in _NOTES}
    if gaps and action in _GAPS and (action != "StartTransaction" or any(gap.startswith("idTag") for gap in gaps)):
        found.add(_GAPS[action])
    for repair in repairs:
        for sign in SIGNS:
            if (
                repair.kind in sign.kinds
                and action in sign.actions
                and sign.path.search(repair.path)
                and sign.was.search(repair.was)
            ):
                found.add(sign.number)
    return frozenset(found)
