"""What a peer makes of frames that are odd but clear, and of frames that are no messages."""

import json

import pytest

from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.rpc_frames import V16, V21, V201, Cause, Note
from ingufu.ocpp.rpc_messages import Call, Malformed

ALL = pytest.mark.parametrize("dialect", [V16, V201, V21], ids=lambda dialect: dialect.version)


def only(peer, data, kind):
    (received,) = peer.receive(data, 0.0)
    assert type(received) is kind
    return received


# Requests that are odd but clear


def test_a_number_as_id_is_answered_as_a_number():
    peer = Peer(V16)
    call = only(peer, b'[2,1234567890123456789012,"Heartbeat",{}]', Call)
    assert call.notes == (Note.NUMBER_AS_ID,)
    assert peer.result(call, b"{}") == b"[3,1234567890123456789012,{}]"


@pytest.mark.parametrize(
    ("message_id", "note"), [("offline-" + "7" * 200, Note.LONG_ID), ("", Note.EMPTY_ID), ("é" * 37, Note.LONG_ID)]
)
def test_an_odd_id_is_accepted_with_a_note(message_id, note):
    peer = Peer(V201)
    call = only(peer, json.dumps([2, message_id, "Heartbeat", {}]).encode(), Call)
    assert (call.message_id, call.notes) == (message_id, (note,))
    assert json.loads(peer.result(call, b"{}")) == [3, message_id, {}]


def test_an_escaped_id_is_read_and_repeated_as_it_was_written():
    peer = Peer(V201)
    call = only(peer, b'[2,"a\\u0022\\/b","Heartbeat",{}]', Call)
    assert call.message_id == 'a"/b'
    assert peer.result(call, b"{}") == b'[3,"a\\u0022\\/b",{}]'


@ALL
@pytest.mark.parametrize(
    ("data", "payload", "notes"),
    [
        (b'[2,"c1","Heartbeat",null]', b"{}", (Note.NULL_PAYLOAD,)),
        (b'[2,"c1","Heartbeat",{},null,3]', b"{}", (Note.EXTRA_ELEMENTS,)),
        (b'\xef\xbb\xbf[2,"c1","Heartbeat",{}]', b"{}", (Note.BYTE_ORDER_MARK,)),
        (b'[2,"c1","Heartbeat",{}]\n\0\0', b"{}", (Note.TRAILING_NUL,)),
        (b' [ 2 , "c1" , "Heartbeat" , {"a":1,"a":2} ] ', b'{"a":1,"a":2}', ()),
        (b'[2,"c1","Heartbeat",{"idTag":"A\x01\n"}]', b'{"idTag":"A\\u0001\\n"}', (Note.REPAIRED_JSON,)),
        (b'[2,"c1","Heartbeat",{"v":NaN,"w":1.50,"x":-0}]', b'{"v":null,"w":1.50,"x":-0}', (Note.REPAIRED_JSON,)),
        (
            b'[2,"c1","Heartbeat",{"a":"\\ud83d","b":"\\ud83d\\ude00","c":"\\\\ud83d"}]',
            '{"a":"\ufffd","b":"\U0001f600","c":"\\\\ud83d"}'.encode(),
            (Note.REPAIRED_JSON,),
        ),
    ],
    ids=["null", "extra", "bom", "nul", "keys", "control", "nan", "surrogate"],
)
def test_a_fault_that_leaves_no_doubt_is_noted_not_refused(dialect, data, payload, notes):
    call = only(Peer(dialect), data, Call)
    assert (call.message_id, call.action, bytes(call.payload), call.notes) == ("c1", "Heartbeat", payload, notes)


# Frames that are no messages

DEEP = b"[" * 30_000 + b"]" * 30_000


@pytest.mark.parametrize(
    ("data", "cause", "in_16", "in_2"),
    [
        (b"", Cause.NOT_JSON, None, ["-1", "RpcFrameworkError"]),
        (b"hello", Cause.NOT_JSON, None, ["-1", "RpcFrameworkError"]),
        (b"\xff\xfe[", Cause.NOT_UTF8, None, ["-1", "RpcFrameworkError"]),
        (b'{"a":1}', Cause.NOT_AN_ARRAY, None, ["-1", "RpcFrameworkError"]),
        (DEEP, Cause.TOO_DEEP, None, ["-1", "RpcFrameworkError"]),
        (b"[]", Cause.NO_MESSAGE_TYPE, None, ["-1", "RpcFrameworkError"]),
        (b'["2","c1","Heartbeat",{}]', Cause.NO_MESSAGE_TYPE, None, ["-1", "RpcFrameworkError"]),
        (b'[2,null,"Heartbeat",{}]', Cause.UNREADABLE_ID, None, ["-1", "RpcFrameworkError"]),
        (b'[2,"%b","Heartbeat",{}]' % (b"x" * 2000), Cause.UNREADABLE_ID, None, ["-1", "RpcFrameworkError"]),
        (b'[2,"c1"]', Cause.UNREADABLE_ACTION, ["c1", "FormationViolation"], ["c1", "RpcFrameworkError"]),
        (b'[2,"c1",7,{}]', Cause.UNREADABLE_ACTION, ["c1", "FormationViolation"], ["c1", "RpcFrameworkError"]),
        (b'[2,"c1","",{}]', Cause.UNREADABLE_ACTION, ["c1", "FormationViolation"], ["c1", "RpcFrameworkError"]),
        (b'[2,"c1","Boot"]', Cause.PAYLOAD_MISSING, ["c1", "FormationViolation"], ["c1", "RpcFrameworkError"]),
        (b'[2,"c1","Boot",[]]', Cause.PAYLOAD_NOT_AN_OBJECT, ["c1", "FormationViolation"], ["c1", "FormatViolation"]),
        (b'[2,"c1","Boot","{}"]', Cause.PAYLOAD_NOT_AN_OBJECT, ["c1", "FormationViolation"], ["c1", "FormatViolation"]),
        (b'[2,"c1","Boot",{"a":', Cause.NOT_JSON, ["c1", "FormationViolation"], ["c1", "FormatViolation"]),
        (b'[2,"c1","Boot",{"a":"\xff"}]', Cause.NOT_UTF8, ["c1", "FormationViolation"], ["c1", "FormatViolation"]),
        (b'[2,"c1","Boot",' + DEEP + b"]", Cause.TOO_DEEP, ["c1", "FormationViolation"], ["c1", "FormatViolation"]),
        (b'[2, 17 ,"Boot",{"a":', Cause.NOT_JSON, [17, "FormationViolation"], [17, "FormatViolation"]),
        (
            b'[2,"c1","Boot",{"a":NaN,"b":' + DEEP,
            Cause.NOT_JSON,
            ["c1", "FormationViolation"],
            ["c1", "FormatViolation"],
        ),
        (b"[2,1", Cause.NOT_JSON, None, ["-1", "RpcFrameworkError"]),
        (b'[2,"c1","Bo', Cause.NOT_JSON, ["c1", "FormationViolation"], ["c1", "RpcFrameworkError"]),
        (b'[2,"c\xff","Boot",{}]', Cause.NOT_UTF8, None, ["-1", "RpcFrameworkError"]),
        (b'[2,"c1', Cause.NOT_JSON, None, ["-1", "RpcFrameworkError"]),
        (b'[7,"c1","Boot",{}]', Cause.UNKNOWN_MESSAGE_TYPE, None, ["c1", "MessageTypeNotSupported"]),
        (b"[-7]", Cause.UNKNOWN_MESSAGE_TYPE, None, ["-1", "MessageTypeNotSupported"]),
        (b'[7,"c1",{', Cause.UNKNOWN_MESSAGE_TYPE, None, ["c1", "MessageTypeNotSupported"]),
    ],
    ids=range(27),
)
def test_a_malformed_frame_gets_what_its_version_wants_said(data, cause, in_16, in_2):
    for dialect, expected in ((V16, in_16), (V201, in_2), (V21, in_2)):
        malformed = only(Peer(dialect), data, Malformed)
        assert malformed.cause is cause
        reply = json.loads(malformed.reply) if malformed.reply else None
        assert (reply and reply[1:3]) == expected
        assert reply is None or (reply[0], reply[4]) == (4, {})


def test_the_message_after_a_malformed_frame_is_served():
    peer = Peer(V201)
    only(peer, b'[2,"c1","Boot",{"a":', Malformed)
    assert only(peer, b'[2,"c2","Heartbeat",{}]', Call).message_id == "c2"


def test_a_malformed_frame_does_not_disturb_the_call_in_hand():
    peer = Peer(V201)
    call = only(peer, b'[2,"c1","Heartbeat",{}]', Call)
    only(peer, b"[2", Malformed)
    assert peer.result(call, b"{}") == b'[3,"c1",{}]'
