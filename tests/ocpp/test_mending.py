"""Lenient decoding: what stations evidently meant, with a note of every change, and never another meaning."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

import ocpp_schemas
from ingufu.ocpp import messages, wire
from ingufu.ocpp.mending import CUT_MARK, REPAIRS_MAX, WAS_LENGTH_MAX
from ingufu.ocpp.v2 import types as v2
from ingufu.ocpp.v16 import types as v16
from ingufu.ocpp.wire import Kind, RepairKind, WireError

NOON = "2025-03-14T12:00:00Z"
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
STOP = {"transactionId": 7, "meterStop": 100, "timestamp": NOON}
SAMPLE = {"value": "5", "measurand": "Voltage", "unit": "V"}
GOOD = {"value": "1"}


def meter_values(*samples) -> dict:
    return {"connectorId": 1, "meterValue": [{"timestamp": NOON, "sampledValue": list(samples)}]}


def mend(payload_type, payload):
    """The lenient reading, and its notes as (kind, path)."""
    raw = msgspec.json.encode(payload)
    decoded, repairs = wire.decode_lenient(payload_type, raw)
    assert wire.check(payload_type, wire.encode(decoded)) is None
    return decoded, [(str(repair.kind), repair.path) for repair in repairs]


def refuse(payload_type, payload) -> WireError:
    with pytest.raises(WireError) as caught:
        wire.decode_lenient(payload_type, msgspec.json.encode(payload))
    return caught.value


def test_a_payload_in_order_needs_no_repair():
    assert mend(v16.StatusNotificationRequest, STATUS)[1] == []
    assert mend(v16.BootNotificationRequest, BOOT | {"chargePointVendor": ""})[1] == []


def test_an_integer_with_a_point_is_no_repair():
    assert mend(v16.StatusNotificationRequest, STATUS | {"connectorId": 1.0}) == mend(
        v16.StatusNotificationRequest, STATUS
    )


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_placeholders_count_as_absent(empty):
    decoded, notes = mend(v16.StatusNotificationRequest, STATUS | {"timestamp": empty})
    assert decoded.timestamp is msgspec.UNSET
    assert notes == [("placeholder-dropped", "$.timestamp")]


def test_unknown_properties_are_dropped():
    decoded, notes = mend(v16.AuthorizeRequest, {"idTag": "A", "connectorId": 1, "a\nb": {"x": [1.5]}})
    assert decoded == v16.AuthorizeRequest(id_tag="A")
    assert notes == [("property-dropped", "$.connectorId"), ("property-dropped", r"$['a\nb']")]


def test_long_texts_are_cut_visibly_so_that_no_cut_token_equals_a_real_one():
    decoded, notes = mend(v16.BootNotificationRequest, BOOT | {"chargePointModel": "Grizzl-E Ultimate 48A"})
    assert decoded.charge_point_model == "Grizzl-E Ultimate 4" + CUT_MARK
    assert notes == [("shortened", "$.chargePointModel")]
    token = mend(v16.AuthorizeRequest, {"idTag": "12345678901234567890XYZ"})[0].id_tag
    assert len(token) == 20
    assert token != "12345678901234567890"


def test_scalars_of_the_wrong_type_are_turned():
    key = {
        "configurationKey": [{"key": "K", "readonly": "True", "value": 30}, {"key": "L", "readonly": 0, "value": True}]
    }
    decoded, notes = mend(v16.GetConfigurationResponse, key)
    assert [(each.value, each.readonly) for each in decoded.configuration_key] == [("30", True), ("true", False)]
    assert {kind for kind, _ in notes} == {"retyped"}
    stop = mend(v16.StopTransactionRequest, STOP | {"meterStop": " 100 "})
    assert stop[0].meter_stop == 100
    assert mend(v2.SampledValue, {"value": "230.10"})[0].value == Decimal("230.10")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "0x10", "", "1e999", "12 V", True, None])
def test_what_is_no_number_becomes_none(value):
    assert refuse(v2.SampledValue, {"value": value}).path == "$.value"


def test_fractions_of_integers_are_rounded():
    decoded, notes = mend(v16.StopTransactionRequest, STOP | {"meterStop": 1234.5})
    assert decoded.meter_stop == 1234
    assert notes == [("rounded", "$.meterStop")]
    period = mend(v16.ChargingSchedulePeriod, {"startPeriod": 0, "limit": 10.666})
    assert period[0].limit == Decimal("10.7")


def test_integers_of_exact_size_stay_exact():
    raw = b'{"transactionId":7,"meterStop":9007199254740993.0,"timestamp":null,"x":1}'
    with pytest.raises(WireError):
        wire.decode_lenient(v16.StopTransactionRequest, raw)
    decoded, _ = wire.decode_lenient(v16.StopTransactionRequest, raw.replace(b"null", f'"{NOON}"'.encode()))
    assert decoded.meter_stop == 9007199254740993


@pytest.mark.parametrize(
    ("text", "hour", "kind"),
    [
        ("2025-03-14T12:00:00", 12, "zone-assumed"),
        ("2025-03-14 12:00:00.5", 12, "zone-assumed"),
        ("2025-03-14T12:00", 12, "zone-assumed"),
        ("2025-03-14T12:00:00+02", 10, "time-respelt"),
        ("2025-03-14T12:00-0230", 14, "time-respelt"),
        ("2025-03-14T12:00:00 UTC", 12, "time-respelt"),
        ("2025-03-14T12:00:60Z", 12, "time-respelt"),
        ("2025-03-14T12:00:00,25Z", 12, "time-respelt"),
    ],
)
def test_times_in_other_manners_are_understood(text, hour, kind):
    decoded, notes = mend(v16.StopTransactionRequest, STOP | {"timestamp": text})
    assert decoded.timestamp.hour == hour
    assert decoded.timestamp.tzinfo is UTC
    assert notes == [(kind, "$.timestamp")]


def test_a_clock_in_1970_is_taken_as_it_is():
    decoded, notes = mend(v16.StopTransactionRequest, STOP | {"timestamp": "1970-01-01T00:00:09Z"})
    assert decoded.timestamp == datetime(1970, 1, 1, 0, 0, 9, tzinfo=UTC)
    assert notes == []


def test_enum_values_are_recognised_in_any_case():
    decoded, notes = mend(v16.StatusNotificationRequest, STATUS | {"status": " available"})
    assert decoded.status == "Available"
    assert notes == [("respelt", "$.status")]


def test_an_unknown_enum_value_becomes_other_where_there_is_one():
    assert mend(v16.StatusNotificationRequest, STATUS | {"errorCode": "Error"})[0].error_code == "OtherError"
    decoded, notes = mend(v16.StopTransactionRequest, STOP | {"reason": "Bored"})
    assert decoded.reason == "Other"
    assert notes == [("replaced", "$.reason")]
    assert mend(v16.MeterValuesRequest, meter_values(SAMPLE | {"context": "x"}))[1][0][0] == "replaced"


def test_an_unknown_enum_value_is_dropped_where_it_may_be_absent():
    decoded, notes = mend(
        v2.BootNotificationResponse, {"status": "Accepted", "currentTime": NOON, "interval": 5, "statusInfo": 1}
    )
    assert decoded.status_info is msgspec.UNSET
    assert notes == [("value-dropped", "$.statusInfo")]
    assert refuse(v16.StatusNotificationRequest, STATUS | {"status": "Bored"}).kind is Kind.VALUE


@pytest.mark.parametrize(
    "change", [{"measurand": "Current.Inlet"}, {"unit": "MWh"}, {"phase": "L9"}, {"location": "Roof"}, {"format": "x"}]
)
def test_a_sample_that_would_mean_something_else_is_dropped_whole(change):
    decoded, notes = mend(v16.MeterValuesRequest, meter_values(GOOD, SAMPLE | change))
    assert decoded.meter_value[0].sampled_value == (v16.SampledValue(value="1"),)
    assert notes == [("item-dropped", "$.meterValue[0].sampledValue[1]")]
    assert refuse(v16.MeterValuesRequest, meter_values(SAMPLE | change)).kind is Kind.VALUE


def test_a_sample_of_2x_is_dropped_when_its_unit_cannot_be_read():
    bad = {"value": 5, "unitOfMeasure": {"unit": "kWh", "multiplier": "three"}}
    payload = {"evseId": 1, "meterValue": [{"timestamp": NOON, "sampledValue": [{"value": 1}, bad]}]}
    decoded, notes = mend(v2.MeterValuesRequest, payload)
    assert len(decoded.meter_value[0].sampled_value) == 1
    assert notes == [("item-dropped", "$.meterValue[0].sampledValue[1]")]


def test_a_stop_is_kept_when_its_samples_are_beyond_repair():
    decoded, notes = mend(
        v16.StopTransactionRequest, STOP | {"transactionData": [{"timestamp": "noon", "sampledValue": []}]}
    )
    assert decoded.meter_stop == 100
    assert decoded.transaction_data == ()
    assert notes == [("item-dropped", "$.transactionData[0]")]
    decoded, notes = mend(v16.StopTransactionRequest, STOP | {"transactionData": "none"})
    assert decoded.transaction_data == ()
    assert [kind for kind, _ in notes] == ["wrapped", "item-dropped"]


def test_a_null_measurand_is_no_measurand():
    decoded, notes = mend(v16.MeterValuesRequest, meter_values(GOOD | {"measurand": None, "unit": ""}))
    assert decoded.meter_value[0].sampled_value == (v16.SampledValue(value="1"),)
    assert {kind for kind, _ in notes} == {"placeholder-dropped"}


def test_one_thing_in_place_of_a_list_is_wrapped():
    payload = {"connectorId": 1, "meterValue": {"timestamp": NOON, "sampledValue": GOOD}}
    decoded, notes = mend(v16.MeterValuesRequest, payload)
    assert decoded == wire.decode(v16.MeterValuesRequest, msgspec.json.encode(meter_values(GOOD)))
    assert notes == [("wrapped", "$.meterValue"), ("wrapped", "$.meterValue[0].sampledValue")]


def test_a_list_beyond_its_length_is_cut():
    token = {"additionalIdToken": "a", "type": "b"}
    certificate = {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "a",
        "issuerKeyHash": "b",
        "serialNumber": "c",
        "responderURL": "d",
    }
    payload = {
        "idToken": {"idToken": "A", "type": "Central", "additionalInfo": [token]},
        "iso15118CertificateHashData": [certificate] * 6,
    }
    decoded, notes = mend(v2.AuthorizeRequest, payload)
    assert len(decoded.iso15118_certificate_hash_data) == 4
    assert notes == [("items-cut", "$.iso15118CertificateHashData")]


def test_custom_data_without_a_vendor_is_dropped():
    decoded, notes = mend(v2.HeartbeatRequest, {"customData": {"x": 1}})
    assert decoded == v2.HeartbeatRequest()
    assert notes == [("value-dropped", "$.customData")]
    kept = mend(v2.HeartbeatRequest, {"customData": {"vendorId": "v", "x": None}, "y": 1})[0]
    assert dict(kept.custom_data.members) == {"vendorId": "v", "x": None}


@pytest.mark.parametrize("key", ["transactionId", "meterStop", "timestamp"])
def test_what_is_required_cannot_be_made_up(key):
    fault = refuse(v16.StopTransactionRequest, {name: value for name, value in STOP.items() if name != key})
    assert (fault.kind, fault.path) == (Kind.MISSING, f"$.{key}")


def test_a_note_tells_what_came_and_notes_are_bounded():
    payload = {"idTag": "A", "long": "x" * 5000, **{f"k{number}": 1.5 for number in range(1000)}}
    _, repairs = wire.decode_lenient(v16.AuthorizeRequest, msgspec.json.encode(payload))
    assert len(repairs) == REPAIRS_MAX
    assert len(repairs[0].was) == WAS_LENGTH_MAX
    assert repairs[1].was == "1.5"
    assert repairs[0].kind is RepairKind.PROPERTY_DROPPED


@pytest.mark.parametrize("version", ["1.6", "2.1"])
def test_whatever_comes_is_either_refused_or_made_whole(version):
    mended = refused = 0
    encoder = msgspec.json.Encoder(decimal_format="number")
    for each in ocpp_schemas.messages(version):
        payload_type = messages.payload_type(version, each.action, each.direction)
        maker = ocpp_schemas.Maker(each.schema, f"mend {each.action} {each.direction}")
        for _ in range(20):
            try:
                decoded, repairs = wire.decode_lenient(payload_type, encoder.encode(maker.mutated()))
            except WireError:
                refused += 1
            else:
                assert wire.check(payload_type, wire.encode(decoded)) is None
                mended += bool(repairs)
    assert mended > 300
    assert refused > 100
