"""One end of an RPC connection, rule by rule: requests, repeats, answers, time."""

import json

import pytest

from ingufu.core.errors import Conflict, InvalidInput, StationUnsupported
from ingufu.ocpp.errors import ErrorCode
from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.rpc_frames import V16, V21, V201, Cause, Note
from ingufu.ocpp.rpc_messages import Answer, AnswerError, Call, Late, Malformed, ResultError, Send

ALL = pytest.mark.parametrize("dialect", [V16, V201, V21], ids=lambda dialect: dialect.version)
START = b'{"idTag":"A1","meterStart":7}'


def frame(*elements):
    return json.dumps(elements).encode()


def only(peer, data, kind, now=0.0):
    (received,) = peer.receive(data, now)
    assert type(received) is kind
    return received


def call_of(peer, message_id="c1", action="StartTransaction", payload=START, now=0.0):
    return only(peer, b'[2,"%b","%b",%b]' % (message_id.encode(), action.encode(), payload), Call, now)


# Requests of the station


@ALL
def test_a_call_comes_with_its_payload_unread_and_is_answered_under_its_id(dialect):
    peer = Peer(dialect)
    call = call_of(peer, "19223201", now=12.5)
    assert (call.message_id, call.action, call.received_at, call.notes) == ("19223201", "StartTransaction", 12.5, ())
    assert bytes(call.payload) == START
    assert peer.result(call, b'{"transactionId":4}') == b'[3,"19223201",{"transactionId":4}]'


def test_an_error_is_spelt_as_the_version_spells_it():
    spelt = {}
    for dialect in (V16, V201, V21):
        peer = Peer(dialect)
        spelt[dialect.version] = json.loads(peer.error(call_of(peer), ErrorCode.WRONG_OCCURRENCE, "no idTag"))
    assert spelt == {
        "1.6": [4, "c1", "OccurenceConstraintViolation", "no idTag", {}],
        "2.0.1": [4, "c1", "OccurrenceConstraintViolation", "no idTag", {}],
        "2.1": [4, "c1", "OccurrenceConstraintViolation", "no idTag", {}],
    }


def test_an_error_without_description_says_what_its_code_means():
    peer = Peer(V21)
    assert json.loads(peer.error(call_of(peer), ErrorCode.UNKNOWN_ACTION))[3] == "This action is not known here."


def test_the_description_of_an_error_is_cut_to_255_characters():
    peer = Peer(V21)
    reply = json.loads(peer.error(call_of(peer), ErrorCode.OTHER, "é" * 300, b'{"field":"x"}'))
    assert (reply[3], reply[4]) == ("é" * 255, {"field": "x"})


def test_text_that_cannot_be_encoded_does_not_break_an_error():
    peer = Peer(V21)
    assert json.loads(peer.error(call_of(peer), ErrorCode.OTHER, 'say "hi"\n\ud800'))[3] == 'say "hi"\n?'


def test_the_second_call_waits_until_the_first_is_answered():
    peer = Peer(V16)
    first = call_of(peer, "c1")
    assert peer.receive(frame(2, "c2", "Heartbeat", {}), 1.0) == []
    assert peer.receive(frame(2, "c3", "MeterValues", {}), 2.0) == []
    assert peer.take() is None
    peer.result(first, b"{}")
    second = peer.take()
    assert (second.message_id, second.received_at) == ("c2", 1.0)
    peer.error(second, ErrorCode.INTERNAL)
    assert peer.take().message_id == "c3"


def test_a_call_that_comes_before_the_waiting_ones_are_taken_does_not_overtake_them():
    peer = Peer(V16)
    first = call_of(peer, "c1")
    peer.receive(frame(2, "c2", "Heartbeat", {}), 0.0)
    peer.result(first, b"{}")
    assert peer.receive(frame(2, "c3", "Heartbeat", {}), 0.0) == []
    assert peer.take().message_id == "c2"


def test_a_call_is_answered_once():
    peer = Peer(V16)
    call = call_of(peer)
    peer.result(call, b"{}")
    with pytest.raises(Conflict):
        peer.result(call, b"{}")
    with pytest.raises(Conflict):
        peer.error(call, ErrorCode.OTHER)


def test_a_call_left_unanswered_is_new_when_it_comes_again():
    peer = Peer(V16)
    peer.leave_unanswered(call_of(peer))
    assert call_of(peer).message_id == "c1"


def test_a_full_queue_asks_the_reader_to_pause_and_keeps_what_was_on_its_way():
    peer = Peer(V16, queue_limit=2)
    call = call_of(peer, "c0")
    for number in range(1, 5):
        assert peer.is_full is (number > 2)
        assert peer.receive(frame(2, f"c{number}", "MeterValues", {}), 0.0) == []
    dropped = only(peer, frame(2, "c5", "MeterValues", {}), Malformed)
    assert (dropped.cause, dropped.message_id, dropped.reply) == (Cause.QUEUE_OVERRUN, "c5", None)
    peer.result(call, b"{}")
    taken = []
    while (request := peer.take()) is not None:
        taken.append(request.message_id)
        peer.result(request, b"{}")
    assert taken == ["c1", "c2", "c3", "c4"]
    assert not peer.is_full


def test_a_few_large_frames_fill_the_queue_too():
    peer = Peer(V16, queue_limit_bytes=1000)
    call_of(peer, "c0")
    large = {"data": "x" * 700}
    peer.receive(frame(2, "c1", "DataTransfer", large), 0.0)
    assert not peer.is_full
    peer.receive(frame(2, "c2", "DataTransfer", large), 0.0)
    assert peer.is_full
    assert only(peer, frame(2, "c3", "DataTransfer", large), Malformed).cause is Cause.QUEUE_OVERRUN


# SEND


def test_a_send_is_taken_in_its_order_and_ends_with_the_next_take():
    peer = Peer(V21)
    stream = only(peer, frame(6, "s1", "NotifyPeriodicEventStream", {"id": 1}), Send)
    assert (stream.action, bytes(stream.payload)) == ("NotifyPeriodicEventStream", b'{"id": 1}')
    assert peer.receive(frame(2, "c1", "Heartbeat", {}), 0.0) == []
    assert peer.receive(frame(6, "s2", "NotifyPeriodicEventStream", {}), 0.0) == []
    call = peer.take()
    peer.result(call, b"{}")
    assert peer.take().message_id == "s2"
    assert peer.take() is None


@pytest.mark.parametrize(
    "data", [b'[6,"s1","Stream",[]]', b'[6,"s1",1,{}]', b"[6,{}]", b"[6]", b'[6,"s1","Stream",{', b'[6,"s1"']
)
def test_a_send_is_never_answered_not_even_with_an_error(data):
    assert only(Peer(V21), data, Malformed).reply is None


def test_send_and_result_error_are_unknown_before_2_1():
    for number in (5, 6):
        data = frame(number, "x1", "Stream", {}, {})
        assert only(Peer(V16), data, Malformed).reply is None
        reply = json.loads(only(Peer(V201), data, Malformed).reply)
        assert reply[:3] == [4, "x1", "MessageTypeNotSupported"]
    with pytest.raises(StationUnsupported):
        Peer(V201).send("s1", "Stream", b"{}")


def test_we_may_send_while_our_call_is_open():
    peer = Peer(V21)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    assert peer.send("s1", "Stream", b'{"id":1}') == b'[6,"s1","Stream",{"id":1}]'


# Our calls


@ALL
def test_our_call_is_answered_by_the_result_with_its_id(dialect):
    peer = Peer(dialect)
    assert peer.call("m1", "Reset", b'{"type":"Soft"}', 5.0, 30.0) == b'[2,"m1","Reset",{"type":"Soft"}]'
    assert (peer.open_call.sent_at, peer.deadline) == (5.0, 35.0)
    answer = only(peer, frame(3, "m1", {"status": "Accepted"}), Answer)
    assert (answer.call.action, bytes(answer.payload)) == ("Reset", b'{"status": "Accepted"}')
    assert (peer.open_call, peer.deadline) == (None, None)


def test_one_call_of_ours_is_open_at_a_time():
    peer = Peer(V16)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    with pytest.raises(Conflict):
        peer.call("m2", "Reset", b"{}", 1.0, 30.0)
    only(peer, frame(3, "m1", {}), Answer)
    peer.call("m2", "Reset", b"{}", 1.0, 30.0)


def test_the_stations_call_is_served_while_ours_is_open():
    peer = Peer(V16)
    peer.call("c1", "Reset", b"{}", 0.0, 30.0)
    call = call_of(peer, "c1")
    peer.result(call, b"{}")
    assert peer.open_call.message_id == "c1"


@pytest.mark.parametrize("message_id", ["", "x" * 37])
def test_our_ids_keep_to_the_standard(message_id):
    with pytest.raises(InvalidInput):
        Peer(V16).call(message_id, "Reset", b"{}", 0.0, 30.0)


@pytest.mark.parametrize("payload", [b"", b"{}]", b'{}],[2,"x"', b"{", b'"\xff"', b"[" * 30_000 + b"]" * 30_000])
def test_a_payload_that_is_not_json_cannot_break_our_frame(payload):
    peer = Peer(V16)
    with pytest.raises(InvalidInput):
        peer.call("m1", "Reset", payload, 0.0, 30.0)
    assert peer.open_call is None


def test_any_json_goes_out_exactly_as_given():
    assert Peer(V16).call("m1", "Reset", b' [1.0, {"b":1, "a" :1}]', 0.0, 30.0) == (
        b'[2,"m1","Reset", [1.0, {"b":1, "a" :1}]]'
    )


@pytest.mark.parametrize(
    ("data", "payload", "notes"),
    [
        (b'[3,"m1",null]', b"{}", (Note.NULL_PAYLOAD,)),
        (b'[3,"m1"]', b"{}", (Note.MISSING_PAYLOAD,)),
        (b'[3,"m1",{},{}]', b"{}", (Note.EXTRA_ELEMENTS,)),
        (b'[3,"m1",[1]]', b"[1]", ()),
    ],
)
def test_an_odd_result_still_ends_our_call(data, payload, notes):
    peer = Peer(V16)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    answer = only(peer, data, Answer)
    assert (bytes(answer.payload), answer.notes) == (payload, notes)


def test_a_number_that_reads_like_our_id_is_our_id():
    peer = Peer(V16)
    peer.call("17", "Reset", b"{}", 0.0, 30.0)
    assert only(peer, b"[3,17,{}]", Answer).call.message_id == "17"


@pytest.mark.parametrize(
    ("data", "code", "spelling", "description", "details", "notes"),
    [
        (
            b'[4,"m1","NotSupported","no","x"]',
            ErrorCode.UNSUPPORTED_ACTION,
            "NotSupported",
            "no",
            b"{}",
            (Note.ODD_ERROR_FIELD,),
        ),
        (
            b'[4,"m1","FormationViolation","",{"a":1}]',
            ErrorCode.MALFORMED_PAYLOAD,
            "FormationViolation",
            "",
            b'{"a":1}',
            (),
        ),
        (b'[4,"m1","X","",null]', ErrorCode.OTHER, "X", "", b"{}", (Note.ODD_ERROR_FIELD,)),
        (b'[4,"m1","X",null,{}]', ErrorCode.OTHER, "X", "", b"{}", (Note.ODD_ERROR_FIELD,)),
        (b'[4,"m1","InternalError","d"]', ErrorCode.INTERNAL, "InternalError", "d", b"{}", (Note.SHORT_ERROR,)),
        (b'[4,"m1","X",{"a":1}]', ErrorCode.OTHER, "X", "", b'{"a":1}', (Note.SHORT_ERROR,)),
        (b'[4,"m1","X"]', ErrorCode.OTHER, "X", "", b"{}", (Note.SHORT_ERROR,)),
        (b'[4,"m1"]', ErrorCode.OTHER, "", "", b"{}", (Note.SHORT_ERROR, Note.ODD_ERROR_FIELD)),
        (b'[4,"m1","X","d",{},1]', ErrorCode.OTHER, "X", "d", b"{}", (Note.EXTRA_ELEMENTS,)),
    ],
)
def test_an_error_ends_our_call_however_short_it_is(data, code, spelling, description, details, notes):
    peer = Peer(V16)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    error = only(peer, data, AnswerError)
    failure = error.failure
    assert (failure.code, failure.spelling, failure.description) == (code, spelling, description)
    assert (bytes(failure.details), error.notes, error.call.message_id) == (details, notes, "m1")
    assert peer.open_call is None


def test_a_long_description_of_a_station_is_cut():
    peer = Peer(V16)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    failure = only(peer, frame(4, "m1", "c" * 999, "d" * 999, {}), AnswerError).failure
    assert (len(failure.spelling), len(failure.description)) == (255, 255)


def test_an_answer_that_is_not_json_ends_our_call_and_is_not_answered():
    peer = Peer(V201)
    peer.call("m1", "GetConfiguration", b"{}", 0.0, 30.0)
    malformed = only(peer, b'[3,"m1",{"configurationKey":[{"key":"A', Malformed)
    assert (malformed.call.action, malformed.reply, malformed.cause) == ("GetConfiguration", None, Cause.NOT_JSON)
    assert peer.open_call is None


@pytest.mark.parametrize("data", [b'[3,"other",{', b"[3,", b"[3]", b"[3,null,{}]", b'[4,["m1"],"X","",{}]', b'[4,"-1"'])
def test_an_answer_without_our_id_ends_no_call_and_is_not_answered(data):
    peer = Peer(V201)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    malformed = only(peer, data, Malformed)
    assert (malformed.call, malformed.reply) == (None, None)
    assert peer.open_call is not None


@pytest.mark.parametrize("data", [b'[3,"m2",{}]', b'[4,"-1","RpcFrameworkError","",{}]', b'[3,"M1",{}]'])
def test_an_answer_to_nothing_is_late_and_ends_no_call(data):
    peer = Peer(V201)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    assert only(peer, data, Late).call is None
    assert peer.open_call.message_id == "m1"


def test_an_answer_is_given_once():
    peer = Peer(V16)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    only(peer, frame(3, "m1", {}), Answer)
    late = only(peer, frame(3, "m1", {"status": "Accepted"}), Late)
    assert (late.call, bytes(late.payload), late.failure) == (None, b'{"status": "Accepted"}', None)


def test_a_call_times_out_at_its_deadline_and_the_next_may_be_sent():
    peer = Peer(V16)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    assert peer.expire(29.9) == []
    assert [call.message_id for call in peer.expire(30.0)] == ["m1"]
    assert peer.expire(31.0) == []
    peer.call("m2", "Reset", b"{}", 31.0, 30.0)


def test_the_answer_to_a_call_that_timed_out_is_late_and_knows_its_call():
    peer = Peer(V16)
    for number in range(20):
        peer.call(f"m{number}", "Reset", b"{}", 0.0, 1.0)
        peer.expire(1.0)
    peer.call("next", "GetConfiguration", b"{}", 2.0, 30.0)
    late = only(peer, frame(4, "m19", "InternalError", "", {}), Late, now=9.0)
    assert (late.call.message_id, late.failure.code, late.payload) == ("m19", ErrorCode.INTERNAL, None)
    assert only(peer, frame(3, "m19", {}), Late).call is None
    assert only(peer, frame(3, "m0", {}), Late).call is None
    assert peer.open_call.message_id == "next"


def test_closing_hands_back_the_open_call_and_ends_receiving():
    peer = Peer(V16)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    assert peer.close().message_id == "m1"
    assert peer.close() is None
    assert peer.receive(frame(3, "m1", {}), 1.0) == []
    with pytest.raises(Conflict):
        peer.call("m2", "Reset", b"{}", 1.0, 30.0)


def test_what_a_station_said_before_it_was_cut_off_is_still_taken():
    peer = Peer(V16)
    call = call_of(peer)
    peer.receive(frame(2, "c2", "StatusNotification", {}), 0.0)
    peer.close()
    peer.result(call, b"{}")
    assert peer.take().action == "StatusNotification"


# CALLRESULTERROR


def test_a_station_may_say_that_our_result_was_wrong_and_is_not_answered():
    peer = Peer(V21)
    peer.result(call_of(peer, "c1", "BootNotification"), b"{}")
    data = frame(5, "c1", "TypeConstraintViolation", "interval", {})
    wrong = only(peer, data, ResultError)
    assert (wrong.message_id, wrong.action, wrong.failure.code) == ("c1", "BootNotification", ErrorCode.WRONG_TYPE)
    assert only(peer, frame(5, "c9", "X", "", {}), ResultError).action is None


def test_a_result_error_does_not_touch_our_open_call():
    peer = Peer(V21)
    peer.call("m1", "Reset", b"{}", 0.0, 30.0)
    only(peer, frame(5, "m1", "X", "", {}), ResultError)
    assert peer.open_call is not None
    assert only(peer, b'[5,"m1",{', Malformed).reply is None
    assert peer.open_call is not None


def test_we_may_say_that_a_result_was_wrong():
    peer = Peer(V21)
    peer.call("m1", "GetVariables", b"{}", 0.0, 30.0)
    answer = only(peer, frame(3, "m1", []), Answer)
    said = json.loads(peer.result_error(answer.call, ErrorCode.MALFORMED_PAYLOAD, "not an object"))
    assert said == [5, "m1", "FormatViolation", "not an object", {}]
    with pytest.raises(StationUnsupported):
        Peer(V201).result_error(answer.call, ErrorCode.MALFORMED_PAYLOAD)
