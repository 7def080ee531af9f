"""Samples that a message's type has no word for (vendor measurands, unknown units), kept all the same."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from ingufu.charging.model import AnomalyKind, MeterReading, Sample
from ingufu.ocpp.mending import RepairKind
from ingufu.ocpp.table import CallContext
from ingufu.ocpp.wire import Repair

Oddities: TypeAlias = tuple[tuple[AnomalyKind, str], ...]
ReadSample: TypeAlias = Callable[[Mapping[str, Any]], Sample]

DETAIL_LIMIT = 300

_SAMPLE = re.compile(r"\$\.(?:meterValue|transactionData)\[(\d+)\]\.sampledValue\[\d+\]")
_READING = re.compile(r"\$\.(?:meterValue|transactionData)\[(\d+)\]")


def find_gaps(context: CallContext) -> Oddities:
    """Return what the message lacked, for the record of its transaction."""
    return tuple((AnomalyKind.UNREADABLE_VALUE, gap) for gap in context.gaps)


def salvage(
    readings: tuple[MeterReading, ...], repairs: tuple[Repair, ...], read_sample: ReadSample
) -> tuple[tuple[MeterReading, ...], Oddities]:
    """Return the readings with the samples that mending had to leave out, and what even so could not be read.

    `read_sample` understands one sample of the version as plain JSON values.
    """
    if not repairs:
        return readings, ()
    left_out = [repair for repair in repairs if repair.kind is RepairKind.ITEM_DROPPED]
    gone = sorted(int(match[1]) for repair in left_out if (match := _READING.fullmatch(repair.path)))
    kept, oddities = list(readings), []
    for repair in left_out:
        try:
            _put_back(kept, repair, gone, read_sample)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, ArithmeticError):
            oddities.append((AnomalyKind.UNREADABLE_VALUE, f"{repair.path}: {repair.was[:DETAIL_LIMIT]}"))
    return tuple(kept), tuple(oddities)


def _put_back(kept: list[MeterReading], repair: Repair, gone: list[int], read_sample: ReadSample) -> None:
    plain = msgspec.json.decode(repair.was)
    sample = _SAMPLE.fullmatch(repair.path)
    if sample is not None:
        number = int(sample[1])
        position = number - sum(1 for index in gone if index < number)
        if number not in gone:
            kept[position] = replace(kept[position], samples=(*kept[position].samples, read_sample(plain)))
        return
    if _READING.fullmatch(repair.path):
        at = msgspec.convert(plain["timestamp"], datetime)
        if at.tzinfo is None:
            raise ValueError("a time needs a zone")
        samples = tuple(read_sample(one) for one in plain["sampledValue"])
        kept.append(MeterReading(at=at, at_station=str(plain["timestamp"]), samples=samples))
