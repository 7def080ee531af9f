"""The codec: kinds of faults, exactness, times, and the guard before a station of an older version."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import jsonschema
import msgspec
import pytest

import ocpp_schemas
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.ocpp import errors, messages, wire
from ingufu.ocpp.payload import CustomData
from ingufu.ocpp.v2 import types as v2
from ingufu.ocpp.v16 import types as v16
from ingufu.ocpp.wire import Kind, WireError

START = {"connectorId": 1, "idTag": "ABC", "meterStart": 5, "timestamp": "2025-03-14T09:26:53Z"}
AUTHORIZE_2 = {"idToken": {"idToken": "A", "type": "Central"}}
EVENT = {
    "eventType": "Updated",
    "timestamp": "2025-03-14T09:26:53Z",
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 1,
    "transactionInfo": {"transactionId": "t"},
}


def json_of(payload) -> bytes:
    return msgspec.json.encode(payload)


def fault_of(payload_type, raw) -> WireError:
    raw = raw if isinstance(raw, bytes) else json_of(raw)
    with pytest.raises(WireError) as caught:
        wire.decode(payload_type, raw)
    checked = wire.check(payload_type, raw)
    assert (checked.kind, checked.path) == (caught.value.kind, caught.value.path)
    return caught.value


@pytest.mark.parametrize(
    ("payload_type", "raw", "kind", "path"),
    [
        (v16.StartTransactionRequest, b"{", Kind.SYNTAX, "$"),
        (v16.StartTransactionRequest, b"", Kind.SYNTAX, "$"),
        (v16.StartTransactionRequest, b'{"idTag":"\xff"}', Kind.SYNTAX, "$"),
        (v16.StartTransactionRequest, b"{} {}", Kind.SYNTAX, "$"),
        (v16.StartTransactionRequest, [], Kind.NOT_AN_OBJECT, "$"),
        (v16.StartTransactionRequest, None, Kind.NOT_AN_OBJECT, "$"),
        (v16.StartTransactionRequest, {}, Kind.MISSING, "$.connectorId"),
        (v16.StartTransactionRequest, START | {"meterStart": "5"}, Kind.TYPE, "$.meterStart"),
        (v16.StartTransactionRequest, START | {"meterStart": 5.5}, Kind.TYPE, "$.meterStart"),
        (v16.StartTransactionRequest, START | {"meterStart": True}, Kind.TYPE, "$.meterStart"),
        (v16.StartTransactionRequest, START | {"reservationId": None}, Kind.TYPE, "$.reservationId"),
        (v16.StartTransactionRequest, START | {"idTag": "x" * 21}, Kind.VALUE, "$.idTag"),
        (v16.StartTransactionRequest, START | {"timestamp": "2025-03-14T09:26:53"}, Kind.VALUE, "$.timestamp"),
        (v16.StartTransactionRequest, START | {"idtag": "x"}, Kind.EXTRA, "$.idtag"),
        (v16.StartTransactionRequest, START | {"a b\n": "x"}, Kind.EXTRA, r"$['a b\n']"),
        (v16.ResetRequest, {"type": "Warm"}, Kind.VALUE, "$.type"),
        (v16.MeterValuesRequest, {"connectorId": 1, "meterValue": []}, Kind.MISSING, "$.meterValue"),
        (v2.AuthorizeRequest, AUTHORIZE_2 | {"customData": {}}, Kind.MISSING, "$.customData.vendorId"),
        (v2.AuthorizeRequest, AUTHORIZE_2 | {"customData": []}, Kind.TYPE, "$.customData"),
        (
            v2.AuthorizeRequest,
            AUTHORIZE_2 | {"customData": {"vendorId": "x" * 256}},
            Kind.VALUE,
            "$.customData.vendorId",
        ),
        (
            v2.AuthorizeRequest,
            AUTHORIZE_2
            | {
                "iso15118CertificateHashData": [
                    {
                        "hashAlgorithm": "SHA256",
                        "issuerNameHash": "a",
                        "issuerKeyHash": "b",
                        "serialNumber": "c",
                        "responderURL": "d",
                    }
                ]
                * 5
            },
            Kind.TOO_MANY_ITEMS,
            "$.iso15118CertificateHashData",
        ),
        (v2.SampledValue, {"value": "1.5"}, Kind.TYPE, "$.value"),
        (v2.SampledValue, {"value": "NaN"}, Kind.TYPE, "$.value"),
    ],
)
def test_a_fault_has_its_kind_and_place(payload_type, raw, kind, path):
    fault = fault_of(payload_type, raw)
    assert (fault.kind, fault.path) == (kind, path)
    assert isinstance(fault, InvalidInput)
    assert fault.message.startswith(path)


def test_every_kind_has_an_error_code():
    assert {errors.of_wire_kind(kind.name) for kind in Kind}


def test_a_message_repeats_no_text_of_the_station_but_the_start_of_an_unknown_value():
    assert "secret" not in fault_of(v16.AuthorizeRequest, {"idTag": "secret" * 9}).message
    fault = fault_of(v16.ResetRequest, {"type": "x\n" * 500})
    assert len(fault.message) < 150
    assert "\n" not in fault.message


def test_absent_fields_stay_absent():
    payload = wire.decode(v16.StartTransactionRequest, json_of(START))
    assert payload.reservation_id is msgspec.UNSET
    assert json.loads(wire.encode(payload)).keys() == START.keys()
    assert wire.encode(v2.DataTransferRequest(vendor_id="a", data=None)) == b'{"data":null,"vendorId":"a"}'


def test_payloads_are_frozen_and_hashable():
    payload = wire.decode(v2.TransactionEventRequest, json_of(EVENT))
    with pytest.raises(AttributeError):
        payload.seq_no = 2
    assert hash(payload) == hash(wire.decode(v2.TransactionEventRequest, json_of(EVENT)))


def test_raw_of_an_envelope_decodes_too():
    assert wire.decode(v16.AuthorizeRequest, msgspec.Raw(b'{"idTag":"A"}')).id_tag == "A"


@pytest.mark.parametrize("text", ["0.1", "1E+2", "1.50", "12345678901234567890.12345678901234567890", "-7", "0"])
def test_numbers_are_exact_both_ways(text):
    payload = wire.decode(v2.SampledValue, f'{{"value":{text}}}'.encode())
    assert isinstance(payload.value, Decimal)
    assert str(payload.value) == text
    assert wire.encode(payload) == f'{{"value":{text}}}'.encode()
    assert wire.encode(v2.SampledValue(value=Decimal(text))) == wire.encode(payload)


@pytest.mark.parametrize(("text", "fits"), [("21.4", True), ("1E+1", True), ("16.00", True), ("21.45", False)])
def test_limits_of_16_have_one_digit_after_the_point(text, fits):
    raw = f'{{"startPeriod":0,"limit":{text}}}'.encode()
    assert (wire.check(v16.ChargingSchedulePeriod, raw) is None) is fits
    if fits:
        assert wire.decode(v16.ChargingSchedulePeriod, raw).limit == Decimal(text)
    else:
        assert fault_of(v16.ChargingSchedulePeriod, raw).kind is Kind.VALUE


def test_custom_data_keeps_every_member_exactly():
    data = '{"vendorId":"org.example","at":"2025-03-14T09:26:53.123456Z","x":[0.10000000000000000000001,{"y":null}]}'
    raw = f'{{"idToken":{{"idToken":"A","type":"Central","customData":{data}}}}}'.encode()
    payload = wire.decode(v2.AuthorizeRequest, raw)
    assert payload.id_token.custom_data.vendor_id == "org.example"
    assert wire.encode(payload) == raw
    assert payload.id_token.custom_data == CustomData(dict(payload.id_token.custom_data.members))
    with pytest.raises(ValueError, match="vendorId"):
        CustomData({"vendorId": 1})


def test_a_time_keeps_its_instant_in_utc():
    payload = wire.decode(v16.HeartbeatResponse, b'{"currentTime":"2025-03-14T09:26:53.589793+02:00"}')
    assert payload.current_time == datetime(2025, 3, 14, 7, 26, 53, 589793, UTC)
    assert payload.current_time.tzinfo is UTC
    assert wire.encode(payload) == b'{"currentTime":"2025-03-14T07:26:53.589Z"}'


def test_a_time_of_ours_needs_a_zone():
    zoned = v16.HeartbeatResponse(current_time=datetime(2025, 3, 14, 9, tzinfo=timezone(timedelta(hours=2))))
    assert wire.encode(zoned) == b'{"currentTime":"2025-03-14T07:00:00.000Z"}'
    with pytest.raises(ValueError, match="zone"):
        v16.HeartbeatResponse(current_time=datetime(2025, 3, 14))  # noqa: DTZ001 - the point of the test


def test_nested_times_are_written_alike_and_texts_that_look_like_times_are_left_alone():
    raw = b'{"connectorId":0,"meterValue":[{"timestamp":"2025-03-14T09:26:53Z","sampledValue":[{"value":"1"}]}]}'
    again = wire.encode(wire.decode(v16.MeterValuesRequest, raw))
    assert again == raw.replace(b"53Z", b"53.000Z")
    text = b'{"vendorId":"v","data":"2025-03-14T09:26:53.123456Z"}'
    assert wire.encode(wire.decode(v16.DataTransferRequest, text)) == text


def test_an_integer_with_a_point_is_an_integer_and_text_is_not():
    assert wire.decode(v16.StartTransactionRequest, json_of(START).replace(b":5,", b":5.0,")).meter_start == 5
    exact = json_of(START).replace(b":5,", b":9007199254740993.0,")
    assert wire.decode(v16.StartTransactionRequest, exact).meter_start == 9007199254740993
    assert fault_of(v16.StartTransactionRequest, START | {"meterStart": "5"}).kind is Kind.TYPE


class TestDeliberateDifferences:
    """Where our verdict is not that of the validator, each with what both say (see the docstring of `wire`)."""

    def validator_accepts(self, version, action, payload, direction="request") -> bool:
        return ocpp_schemas.oracle(ocpp_schemas.message(version, action, direction), payload) is None

    @pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**300, Decimal("1E+300")])
    def test_integers_beyond_64_bits_are_refused(self, number):
        assert self.validator_accepts("1.6", "StartTransaction", START | {"meterStart": number})
        fault = fault_of(v16.StartTransactionRequest, json_of(START).replace(b":5,", f":{number},".encode()))
        assert fault.kind is Kind.VALUE

    @pytest.mark.parametrize("text", ["1e400", "1e-400", "1e999999999", "1e99999999999999999999"])
    def test_numbers_beyond_a_double_are_refused(self, text):
        assert math.isinf(json.loads(text)) or json.loads(text) == 0
        assert fault_of(v2.SampledValue, f'{{"value":{text}}}'.encode()).kind is Kind.VALUE

    def test_an_integer_literal_of_thousands_of_digits_is_refused(self):
        assert fault_of(v2.SampledValue, b'{"value":' + b"9" * 5000 + b"}").kind is Kind.VALUE

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01"])
    def test_times_beyond_the_years_1_to_9999_in_utc_are_refused(self, text):
        assert self.validator_accepts("1.6", "StartTransaction", START | {"timestamp": text})
        assert fault_of(v16.StartTransactionRequest, START | {"timestamp": text}).kind is Kind.VALUE

    @pytest.mark.parametrize(
        ("action", "payload", "key"),
        [("StartTransaction", START, "timestamp"), ("GetDiagnostics", {"location": "ftp://a/"}, "location")],
    )
    def test_a_line_feed_at_the_end_is_refused(self, action, payload, key):
        payload = payload | {key: payload[key] + "\n"}
        assert self.validator_accepts("1.6", action, payload)
        assert messages.check("1.6", action, "request", json_of(payload)).kind is Kind.VALUE

    def test_an_integer_with_a_point_is_one_in_draft_4_too(self):
        schema = ocpp_schemas.message("1.6", "StartTransaction").schema
        assert not jsonschema.Draft4Validator(schema).is_valid(START | {"meterStart": 5.0})
        assert messages.check("1.6", "StartTransaction", "request", json_of(START | {"meterStart": 5.0})) is None

    @pytest.mark.parametrize("raw", [b'{"idTag":"\\ud800"}', b'{"idTag":NaN}'])
    def test_what_python_reads_beyond_json_is_no_json(self, raw):
        assert json.loads(raw)
        assert fault_of(v16.AuthorizeRequest, raw).kind is Kind.SYNTAX

    def test_bottomless_nesting_is_no_json(self):
        deep = b"[" * 100_000 + b"]" * 100_000
        assert fault_of(v2.DataTransferRequest, b'{"vendorId":"a","data":' + deep + b"}").kind is Kind.SYNTAX
        assert fault_of(v16.AuthorizeRequest, deep).kind is Kind.SYNTAX

    @pytest.mark.parametrize("text", ["2025-03-14 09:26:53Z", "2025-03-14T10:26:53+0100"])
    def test_decode_takes_two_more_forms_of_time_and_check_does_not(self, text):
        payload = START | {"timestamp": text}
        assert not self.validator_accepts("1.6", "StartTransaction", payload)
        assert wire.check(v16.StartTransactionRequest, json_of(payload)).path == "$.timestamp"
        decoded = wire.decode(v16.StartTransactionRequest, json_of(payload))
        assert decoded.timestamp == datetime(2025, 3, 14, 9, 26, 53, tzinfo=UTC)

    def test_decode_takes_what_either_version_of_the_family_allows(self):
        newer = AUTHORIZE_2 | {"idToken": {"idToken": "x" * 255, "type": "VIN"}}
        older = EVENT | {"seqNo": -1}
        assert wire.decode(v2.AuthorizeRequest, json_of(newer)).id_token.type == "VIN"
        assert wire.decode(v2.TransactionEventRequest, json_of(older)).seq_no == -1
        assert messages.check("2.0.1", "Authorize", "request", json_of(newer)).path == "$.idToken.idToken"
        assert messages.check("2.1", "TransactionEvent", "request", json_of(older)).path == "$.seqNo"
        assert messages.check("2.0.1", "TransactionEvent", "request", json_of(older)) is None


class TestGuard:
    @pytest.mark.parametrize(
        ("change", "kind", "path"),
        [
            ({"tariff": v2.Tariff(tariff_id="t", currency="EUR")}, Kind.EXTRA, "$.tariff"),
            (
                {
                    "id_token_info": v2.IdTokenInfo(
                        status="Accepted", group_id_token=v2.IdToken(id_token="a", type="VIN")
                    )
                },
                Kind.VALUE,
                "$.idTokenInfo.groupIdToken.type",
            ),
            (
                {
                    "id_token_info": v2.IdTokenInfo(
                        status="Accepted", personal_message=v2.MessageContent(format="UTF8", content="x" * 513)
                    )
                },
                Kind.VALUE,
                "$.idTokenInfo.personalMessage.content",
            ),
            (
                {
                    "id_token_info": v2.IdTokenInfo(
                        status="Accepted", personal_message=v2.MessageContent(format="QRCODE", content="x")
                    )
                },
                Kind.VALUE,
                "$.idTokenInfo.personalMessage.format",
            ),
        ],
    )
    def test_what_is_newer_is_not_sent_to_a_201_station(self, change, kind, path):
        plain = v2.AuthorizeResponse(id_token_info=v2.IdTokenInfo(status="Accepted"))
        wire.outbound_guard(plain, "2.0.1")
        newer = msgspec.structs.replace(plain, **change)
        wire.outbound_guard(newer, "2.1")
        with pytest.raises(WireError) as caught:
            wire.outbound_guard(newer, "2.0.1")
        assert (caught.value.kind, caught.value.path) == (kind, path)

    @pytest.mark.parametrize("version", ["2.0.1", "2.1"])
    def test_what_is_wrong_in_itself_is_sent_to_nobody(self, version):
        with pytest.raises(WireError, match=r"\$\.idToken\.idToken"):
            wire.outbound_guard(v2.AuthorizeRequest(id_token=v2.IdToken(id_token="x" * 256, type="Central")), version)

    def test_what_201_alone_requires_must_be_there(self):
        signed = v2.SignedMeterValue(signed_meter_data="a", encoding_method="b")
        sample = v2.MeterValue(
            timestamp=datetime(2025, 1, 1, tzinfo=UTC),
            sampled_value=(v2.SampledValue(value=Decimal(1), signed_meter_value=signed),),
        )
        wire.outbound_guard(v2.MeterValuesRequest(evse_id=1, meter_value=(sample,)), "2.1")
        with pytest.raises(WireError) as caught:
            wire.outbound_guard(v2.MeterValuesRequest(evse_id=1, meter_value=(sample,)), "2.0.1")
        assert caught.value.kind is Kind.MISSING

    def test_the_guard_agrees_with_the_201_schemas_on_21_payloads(self):
        let_through = held_back = 0
        encoder = msgspec.json.Encoder(decimal_format="number")
        for each in ocpp_schemas.messages("2.0.1"):
            payload_type = messages.payload_type("2.1", each.action, each.direction)
            maker = ocpp_schemas.Maker(ocpp_schemas.message("2.1", each.action, each.direction).schema, each.action)
            for _ in range(20):
                payload = wire.decode(payload_type, encoder.encode(maker.valid()))
                try:
                    wire.outbound_guard(payload, "2.0.1")
                except WireError:
                    passed = False
                    held_back += 1
                else:
                    passed = True
                    let_through += 1
                plain = json.loads(wire.encode(payload), parse_float=Decimal)
                assert passed is (ocpp_schemas.oracle(each, plain) is None), plain
        assert let_through > 1000
        assert held_back > 300


class TestTables:
    def test_every_schema_has_its_type(self):
        for version, table in messages.MESSAGES.items():
            pairs = {(each.action, each.direction) for each in ocpp_schemas.messages(version)}
            ours = {(action, "request") for action in table}
            ours |= {(action, "response") for action, (_, response) in table.items() if response}
            assert ours == pairs

    def test_only_the_periodic_event_stream_has_no_response(self):
        silent = {
            (version, a) for version, table in messages.MESSAGES.items() for a, (_, r) in table.items() if r is None
        }
        assert silent == {("2.1", "NotifyPeriodicEventStream")}
        with pytest.raises(NotFound):
            messages.payload_type("2.1", "NotifyPeriodicEventStream", "response")

    def test_actions_are_known_by_version(self):
        assert len(v16.ACTIONS) == 39
        assert len(v16.ACTIONS_SECURITY) == 11
        assert len(v2.ACTIONS_201) == 64
        assert len(v2.ACTIONS_21) == 91
        assert v2.ACTIONS_201 < v2.ACTIONS_21
        assert v2.MESSAGES.keys() == v2.ACTIONS_21

    @pytest.mark.parametrize(
        ("version", "action"), [("2.0.1", "BatterySwap"), ("1.6", "TransactionEvent"), ("2.1", "")]
    )
    def test_an_action_of_another_version_is_not_found(self, version, action):
        with pytest.raises(NotFound, match=version):
            messages.check(version, action, "request", b"{}")
