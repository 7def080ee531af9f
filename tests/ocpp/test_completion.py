"""Messages that carry money are completed where something is missing, and only where a stand-in says "not known"."""

from datetime import UTC, datetime

import pytest

from ingufu.ocpp import completion, wire
from ingufu.ocpp.completion import NO_REGISTER, Reading
from ingufu.ocpp.v2.charging import NO_SEQUENCE
from ingufu.ocpp.versions import VERSIONS
from ingufu.ocpp.wire import WireError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def complete(version: str, action: str, raw: bytes) -> Reading:
    row = VERSIONS[version].inbound[action]
    with pytest.raises(WireError) as fault:
        wire.decode_lenient(row.request, raw)
    return completion.complete(row, raw, fault.value, NOW)


def test_an_empty_start_becomes_one_of_which_nothing_is_known():
    request, repairs, gaps = complete("1.6", "StartTransaction", b"{}")
    assert (request.connector_id, request.id_tag, request.meter_start, request.timestamp) == (0, "", NO_REGISTER, NOW)
    assert repairs == ()
    assert sorted(gaps) == ["connectorId: missing", "idTag: missing", "meterStart: missing", "timestamp: missing"]


def test_what_was_there_is_told_shortened():
    long = b"x" * 500
    raw = b'{"connectorId":1,"idTag":"A","meterStart":"%b","timestamp":"2026-03-01T11:00:00Z"}' % long
    request, _, gaps = complete("1.6", "StartTransaction", raw)
    assert request.meter_start == NO_REGISTER
    assert gaps[0].startswith('meterStart: "xxx')
    assert len(gaps[0]) < 120


def test_the_rest_of_a_completed_message_stays_exact():
    raw = (
        b'{"eventType":"Updated","timestamp":"2026-03-01T11:00:00Z","triggerReason":"New","transactionInfo":'
        b'{"transactionId":"T"},"meterValue":[{"timestamp":"2026-03-01T11:00:00Z","sampledValue":'
        b'[{"value":12345678901234567890.123456789}]}]}'
    )
    request, _, gaps = complete("2.0.1", "TransactionEvent", raw)
    assert (request.trigger_reason, request.seq_no) == ("AbnormalCondition", NO_SEQUENCE)
    assert str(request.meter_value[0].sampled_value[0].value) == "12345678901234567890.123456789"
    assert sorted(gaps) == ["seqNo: missing", 'triggerReason: "New"']


@pytest.mark.parametrize(
    ("version", "action", "raw", "path"),
    [
        ("2.0.1", "TransactionEvent", b"{}", "$.transactionInfo"),
        ("2.1", "TransactionEvent", b'{"transactionInfo":7}', "$.transactionInfo"),
        ("1.6", "Authorize", b"{}", "$.idTag"),
        ("1.6", "StartTransaction", b"[]", "$"),
        ("1.6", "StartTransaction", b"{", "$"),
        ("1.6", "MeterValues", b'{"connectorId":1}', "$.meterValue"),
    ],
)
def test_what_has_no_stand_in_stays_a_fault(version: str, action: str, raw: bytes, path: str):
    with pytest.raises(WireError) as fault:
        complete(version, action, raw)
    assert fault.value.path == path
