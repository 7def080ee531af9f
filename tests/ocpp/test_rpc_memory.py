"""Calls that come again: which get the answer of the first, and which are handled anew."""

import json

import pytest

from ingufu.ocpp.errors import ErrorCode
from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.rpc_frames import V16
from ingufu.ocpp.rpc_memory import ReplyMemory
from ingufu.ocpp.rpc_messages import Call, Repeated

START = b'{"idTag":"A1","meterStart":7}'


def frame(*elements):
    return json.dumps(elements).encode()


def only(peer, data, kind, now=0.0):
    (received,) = peer.receive(data, now)
    assert type(received) is kind
    return received


def call_of(peer, message_id="c1", action="StartTransaction", payload=START, now=0.0):
    return only(peer, b'[2,"%b","%b",%b]' % (message_id.encode(), action.encode(), payload), Call, now)


def test_a_call_repeated_after_its_answer_gets_the_same_bytes():
    peer = Peer(V16)
    reply = peer.result(call_of(peer), b'{"transactionId":4}')
    again = only(peer, b'[2,"c1","StartTransaction",%b]' % START, Repeated, now=60.0)
    assert again.reply == reply


def test_a_call_repeated_while_it_is_worked_on_is_answered_once():
    peer = Peer(V16)
    call = call_of(peer)
    assert only(peer, b'[2,"c1","StartTransaction",%b]' % START, Repeated).reply is None
    peer.result(call, b"{}")
    assert peer.take() is None


def test_a_call_repeated_while_it_waits_is_queued_once():
    peer = Peer(V16)
    first = call_of(peer, "c1")
    peer.receive(frame(2, "c2", "StopTransaction", {}), 0.0)
    assert only(peer, frame(2, "c2", "StopTransaction", {}), Repeated).reply is None
    peer.result(first, b"{}")
    peer.result(peer.take(), b"{}")
    assert peer.take() is None


@pytest.mark.parametrize(("action", "payload"), [("StartTransaction", b'{"idTag":"B2"}'), ("StopTransaction", START)])
def test_the_same_id_with_other_content_is_another_call(action, payload):
    peer = Peer(V16)
    peer.result(call_of(peer), b"{}")
    other = call_of(peer, "c1", action, payload)
    assert (other.action, bytes(other.payload)) == (action, payload)


def test_an_error_is_not_repeated_because_the_next_attempt_may_succeed():
    peer = Peer(V16)
    peer.error(call_of(peer), ErrorCode.INTERNAL)
    assert call_of(peer).message_id == "c1"


@pytest.mark.parametrize("action", ["BootNotification", "Heartbeat", "StatusNotification", "Authorize"])
def test_an_answer_that_ages_is_given_anew(action):
    peer = Peer(V16)
    peer.result(call_of(peer, "1", action, b"{}"), b'{"currentTime":"then"}')
    assert call_of(peer, "1", action, b"{}").action == action


def test_a_repeat_on_the_next_connection_gets_the_answer_of_the_last():
    memory = ReplyMemory()
    old = Peer(V16, memory=memory)
    call = call_of(old)
    old.close()
    reply = old.result(call, b'{"transactionId":4}')  # nobody hears it
    new = Peer(V16, memory=memory)
    assert only(new, b'[2,"c1","StartTransaction",%b]' % START, Repeated).reply == reply


def test_the_oldest_answer_makes_room_for_the_next():
    peer = Peer(V16, memory=ReplyMemory(limit=2))
    for number in range(3):
        peer.result(call_of(peer, f"c{number}"), b"{}")
    assert len(peer.memory) == 2
    only(peer, b'[2,"c1","StartTransaction",%b]' % START, Repeated)
    call_of(peer, "c0")


def test_an_answer_is_forgotten_when_no_station_repeats_any_more():
    peer = Peer(V16, memory=ReplyMemory(keep_s=10.0))
    peer.result(call_of(peer, now=5.0), b"{}")
    only(peer, b'[2,"c1","StartTransaction",%b]' % START, Repeated, now=15.0)
    call_of(peer, now=15.1)


def test_large_answers_push_out_more_and_the_largest_are_not_kept():
    peer = Peer(V16, memory=ReplyMemory(limit_bytes=100))
    for number in range(4):
        peer.result(call_of(peer, f"c{number}"), b"{}")
    assert len(peer.memory) == 4
    peer.result(call_of(peer, "c4"), b'{"x":"%b"}' % (b"x" * 75))
    assert (len(peer.memory), peer.memory.size <= 100) == (1, True)
    peer.result(call_of(peer, "c5"), b'{"x":"%b"}' % (b"x" * 100))
    assert len(peer.memory) == 1
