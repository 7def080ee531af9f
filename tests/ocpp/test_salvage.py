"""Samples that mending had to leave out are put back as the station meant them, where they can be read."""

from datetime import UTC, datetime
from decimal import Decimal

from ingufu.charging.model import AnomalyKind, MeterReading, Sample
from ingufu.ocpp import wire
from ingufu.ocpp.mending import Repair, RepairKind
from ingufu.ocpp.salvage import salvage
from ingufu.ocpp.v16 import charging, types

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def reading(*values: str, minute: int = 0) -> MeterReading:
    samples = tuple(Sample(raw_value=value, value=Decimal(value)) for value in values)
    return MeterReading(at=AT.replace(minute=minute), samples=samples)


def dropped(path: str, was: str) -> Repair:
    return Repair(kind=RepairKind.ITEM_DROPPED, path=path, was=was)


def read(plain: dict) -> Sample:
    return Sample(raw_value=plain["value"], value=Decimal(plain["value"]), measurand=plain.get("measurand", "none"))


def test_without_repairs_nothing_is_touched():
    readings = (reading("1"),)
    assert salvage(readings, (), read) == (readings, ())


def test_a_sample_goes_back_into_its_reading():
    readings, odd = salvage(
        (reading("1"), reading("2", minute=1)),
        (dropped("$.meterValue[1].sampledValue[0]", '{"value":"7","measurand":"Fan"}'),),
        read,
    )
    assert odd == ()
    assert [sample.raw_value for sample in readings[1].samples] == ["2", "7"]
    assert [sample.raw_value for sample in readings[0].samples] == ["1"]


def test_places_count_the_readings_that_were_dropped_before():
    readings, odd = salvage(
        (reading("2", minute=1),),
        (
            dropped("$.meterValue[0]", '{"timestamp":"2026-03-01T12:05:00Z","sampledValue":[{"value":"5"}]}'),
            dropped("$.meterValue[1].sampledValue[3]", '{"value":"8"}'),
        ),
        read,
    )
    assert odd == ()
    assert [sample.raw_value for sample in readings[0].samples] == ["2", "8"]
    assert readings[1].at == AT.replace(minute=5)
    assert readings[1].at_station == "2026-03-01T12:05:00Z"


def test_what_even_so_cannot_be_read_is_noted_with_its_place():
    for path, was in (
        ("$.meterValue[0].sampledValue[0]", '{"value":"x"}'),
        ("$.meterValue[0].sampledValue[0]", '{"measurand":"x"}'),
        ("$.meterValue[0].sampledValue[0]", '{"value":'),
        ("$.meterValue[0].sampledValue[0]", "[]"),
        ("$.meterValue[0]", '{"timestamp":"2026-03-01T12:05:00","sampledValue":[]}'),
        ("$.meterValue[0]", '{"timestamp":"never","sampledValue":[]}'),
        ("$.meterValue[0]", '{"sampledValue":[]}'),
    ):
        _, odd = salvage((reading("1"), reading("2")), (dropped(path, was),), read)
        assert odd == ((AnomalyKind.UNREADABLE_VALUE, f"{path}: {was}"),)


def test_repairs_of_other_kinds_and_places_are_none_of_its_business():
    readings = (reading("1"),)
    repairs = (
        Repair(kind=RepairKind.RETYPED, path="$.meterValue[0].sampledValue[0].value", was="1"),
        dropped("$.somethingElse[0]", "{}"),
    )
    assert salvage(readings, repairs, read) == (readings, ())


def test_a_vendors_measurand_survives_the_whole_way_from_the_wire():
    raw = (
        b'{"connectorId":1,"meterValue":[{"timestamp":"2026-03-01T12:00:00Z","sampledValue":['
        b'{"value":"7.5","measurand":"Vendor.Fan","unit":"rpm"},{"value":"1"}]}]}'
    )
    request, repairs = wire.decode_lenient(types.MeterValuesRequest, raw)
    assert len(request.meter_value[0].sampled_value) == 1
    kept, odd = salvage((reading("1"),), repairs, charging._plain_sample)
    assert odd == ()
    sample = kept[0].samples[1]
    assert (sample.measurand, sample.raw_value, sample.raw_unit) == ("Vendor.Fan", "7.5", "rpm")
