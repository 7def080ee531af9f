"""What holds for an RPC peer whatever the network and the other side do."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingufu.core.errors import Conflict
from ingufu.ocpp.errors import MEANINGS, ErrorCode
from ingufu.ocpp.rpc import OVERRUN_FACTOR, REMEMBERED_TIMEOUTS, Peer
from ingufu.ocpp.rpc_frames import V16, V21, V201
from ingufu.ocpp.rpc_memory import ReplyMemory
from ingufu.ocpp.rpc_messages import Answer, AnswerError, Call, Late, Malformed, Repeated, ResultError, Send

DIALECTS = st.sampled_from([V16, V201, V21])
QUEUE_LIMIT = 2
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Side:
    """One end with what a test knows of it."""

    def __init__(self, name):
        self.name = name
        self.memory = ReplyMemory(limit=3, limit_bytes=120, keep_s=100.0)
        self.count = 0
        self.over = set()  # ids of own calls that were answered, timed out or cut off
        self.replies = {}  # the last reply to each foreign id
        self.connect()

    def connect(self):
        self.peer = Peer(V21, memory=self.memory, queue_limit=QUEUE_LIMIT)
        self.in_hand = None
        self.open_id = None

    def next_id(self):
        self.count += 1
        return f"{self.name}{self.count}"


class TwoPeers(RuleBasedStateMachine):
    """Two ends over a channel that loses, repeats, reorders, cuts and breaks off."""

    @initialize()
    def begin(self):
        self.now = 0.0
        self.sides = [Side("a"), Side("b")]
        self.channel = []  # (index of the receiver, frame)

    def put(self, sender, frame):
        self.channel.append((1 - sender, frame))

    # What the owners of the two ends do

    @rule(
        who=st.integers(0, 1), action=st.sampled_from(["TransactionEvent", "Heartbeat"]), timeout_s=st.integers(1, 60)
    )
    def call(self, who, action, timeout_s):
        side = self.sides[who]
        message_id = side.next_id()
        payload = json.dumps({"asked": message_id}).encode()
        if side.open_id is not None:
            with pytest.raises(Conflict):
                side.peer.call(message_id, action, payload, self.now, timeout_s)
            return
        self.put(who, side.peer.call(message_id, action, payload, self.now, timeout_s))
        side.open_id = message_id

    @rule(who=st.integers(0, 1))
    def send(self, who):
        message_id = self.sides[who].next_id()
        payload = json.dumps({"asked": message_id}).encode()
        self.put(who, self.sides[who].peer.send(message_id, "NotifyPeriodicEventStream", payload))

    @rule(who=st.integers(0, 1), how=st.sampled_from(["result", "result", "error", "silence"]))
    def finish(self, who, how):
        side = self.sides[who]
        if isinstance(side.in_hand, Call):
            self.answer(who, side, how)
        side.in_hand = side.peer.take()
        if isinstance(side.in_hand, Call):
            assert json.loads(bytes(side.in_hand.payload))["asked"] == side.in_hand.message_id

    def answer(self, who, side, how):
        call = side.in_hand
        if how == "silence":
            side.peer.leave_unanswered(call)
            return
        if how == "result":
            reply = side.peer.result(call, json.dumps({"asked": call.message_id}).encode())
        else:
            reply = side.peer.error(call, ErrorCode.INTERNAL, call.message_id)
        side.replies[call.message_id] = reply
        self.put(who, reply)

    @rule(seconds=st.floats(0.1, 70))
    def wait(self, seconds):
        self.now += seconds
        for side in self.sides:
            due = side.peer.deadline is not None and side.peer.deadline <= self.now
            expired = side.peer.expire(self.now)
            assert [call.message_id for call in expired] == ([side.open_id] if due else [])
            if due:
                self.settled(side, side.open_id)

    # What the network does

    @precondition(lambda self: self.channel)
    @rule(is_repeated=st.booleans())
    def deliver_the_oldest(self, is_repeated):
        who, frame = self.channel.pop(0)
        if is_repeated:  # a copy stays behind and comes again some time
            self.channel.append((who, frame))
        self.receive(who, frame)

    @precondition(lambda self: self.channel)
    @rule(is_repeated=st.booleans())
    def deliver_the_newest(self, is_repeated):
        who, frame = self.channel[-1] if is_repeated else self.channel.pop()
        self.receive(who, frame)

    @precondition(lambda self: self.channel)
    @rule(data=st.data())
    def deliver_any(self, data):
        self.receive(*self.channel.pop(data.draw(st.integers(0, len(self.channel) - 1))))

    @precondition(lambda self: self.channel)
    @rule(data=st.data(), is_lost=st.booleans())
    def damage(self, data, is_lost):
        who, frame = self.channel.pop(data.draw(st.integers(0, len(self.channel) - 1)))
        if not is_lost:
            self.receive(who, frame[: data.draw(st.integers(0, len(frame) - 1))])

    @rule(who=st.integers(0, 1), is_heard=st.booleans())
    def exchange(self, who, is_heard):
        """A whole call in peace, of which the network keeps a copy."""
        side, other = self.sides[who], self.sides[1 - who]
        if side.open_id is not None or other.in_hand is not None or other.peer._queue:
            return
        self.call(who, "TransactionEvent", 30)
        asked = self.channel[-1]
        self.receive(*asked)
        self.finish(1 - who, "result")
        if is_heard:
            self.receive(*self.channel[-1])
            assert side.open_id is None
        else:
            self.receive(*asked)

    @rule(is_answered_late=st.booleans())
    def reconnect(self, is_answered_late):
        del self.channel[: len(self.channel) // 2]  # what a station had queued comes again on its next connection
        for side in self.sides:
            call = side.peer.close()
            assert (call and call.message_id) == side.open_id
            if call is not None:
                self.settled(side, call.message_id)
            if is_answered_late and isinstance(side.in_hand, Call):
                message_id = side.in_hand.message_id
                payload = json.dumps({"asked": message_id}).encode()
                side.replies[message_id] = side.peer.result(side.in_hand, payload)
            side.connect()

    # What must hold

    def settled(self, side, message_id):
        assert message_id == side.open_id, "an end for a call that is not open"
        assert message_id not in side.over, "a second end"
        side.over.add(message_id)
        side.open_id = None

    def receive(self, who, frame):
        side, other = self.sides[who], self.sides[1 - who]
        for received in side.peer.receive(frame, self.now):
            if isinstance(received, Call | Send):
                assert side.in_hand is None, "two requests in hand"
                assert json.loads(bytes(received.payload)) == {"asked": received.message_id}
                assert received.message_id.startswith(other.name)
                side.in_hand = received
            elif isinstance(received, Repeated):
                message_id = received.call.message_id
                if received.reply is not None:
                    assert received.reply == side.replies[message_id]
                    self.put(who, received.reply)
            elif isinstance(received, Answer):
                assert json.loads(bytes(received.payload)) == {"asked": received.call.message_id}, (
                    "the answer of another"
                )
                self.settled(side, received.call.message_id)
            elif isinstance(received, AnswerError):
                description = received.failure.description  # a cut CALL is refused by the peer itself
                assert description in {received.call.message_id, *MEANINGS.values()}, "the error of another"
                self.settled(side, received.call.message_id)
            elif isinstance(received, Late):
                assert received.message_id != side.open_id
                assert received.call is None or received.call.message_id in side.over
            elif isinstance(received, Malformed):
                if received.call is not None:
                    self.settled(side, received.call.message_id)
                if received.reply is not None:
                    assert frame[:2] not in (b"[3", b"[4", b"[5", b"[6") or len(frame) == 2
                    self.put(who, received.reply)
            else:
                pytest.fail(f"unexpected {received!r}")

    @invariant()
    def at_most_one_call_is_open_in_each_direction(self):
        for side in self.sides if hasattr(self, "sides") else []:
            assert (side.peer.open_call and side.peer.open_call.message_id) == side.open_id
            assert side.peer._in_hand is side.in_hand

    @invariant()
    def memory_is_bounded(self):
        for side in self.sides if hasattr(self, "sides") else []:
            assert len(side.peer._queue) <= OVERRUN_FACTOR * QUEUE_LIMIT
            assert side.peer._queued_bytes == sum(size for _, size in side.peer._queue)
            assert side.peer.is_full == (len(side.peer._queue) >= QUEUE_LIMIT)
            assert len(side.peer._timed_out) <= REMEMBERED_TIMEOUTS
            assert len(side.memory) <= 3
            assert side.memory.size <= 120


TwoPeers.TestCase.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
TestTwoPeers = TwoPeers.TestCase


# Frames of any kind

JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3),
    ),
    max_leaves=6,
)
IDS = st.one_of(st.sampled_from(["c1", "m1", "-1"]), JSON)
FRAMES = st.builds(
    lambda kind, message_id, rest: json.dumps([kind, message_id, *rest], ensure_ascii=False).encode(),
    st.one_of(st.integers(2, 6), JSON),
    IDS,
    st.lists(st.one_of(st.sampled_from(["Heartbeat", "GenericError", {}, {"a": [1]}]), JSON), max_size=4),
)
NEVER_ANSWERED = {"1.6": (3, 4), "2.0.1": (3, 4), "2.1": (3, 4, 5, 6)}


@st.composite
def mutated(draw, frames=FRAMES, first=0):
    """A frame with some bytes after `first` replaced, dropped, added or repeated."""
    data = draw(frames)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(min(first, len(data)), len(data)))
        end = draw(st.integers(begin, min(len(data), begin + 8)))
        filling = draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"", b'"', b"[", b"{", b",", b"\\", b"\\ud800", b"\0"]))
        )
        data = data[:begin] + filling + data[begin if draw(st.booleans()) else end :]
    return data[: draw(st.integers(min(first, len(data)), len(data)))] if draw(st.booleans()) else data


def received_by(dialect, data):
    """What two peers make of a frame: one with an open call and a call in hand, and one with neither."""
    for is_busy in (False, True):
        peer = Peer(dialect)
        if is_busy:
            peer.call("m1", "Reset", b"{}", 0.0, 30.0)
            peer.receive(b'[2,"c0","Heartbeat",{}]', 0.0)
        received = peer.receive(data, 1.0)
        assert len(received) <= 1
        yield from received
        while (request := peer.take()) is not None:
            if isinstance(request, Call):
                peer.leave_unanswered(request)


def check(dialect, data):
    for received in received_by(dialect, data):
        assert isinstance(received, Call | Send | Answer | AnswerError | Late | Malformed | ResultError)
        if isinstance(received, Malformed) and received.reply is not None:
            reply = json.loads(received.reply)
            assert reply[0] == 4
            assert reply[2] in dialect.spelling.values()
            assert reply[4] == {}
            read = received.message_id if isinstance(reply[1], str) else json.loads(received.message_id)
            assert reply[1] == read or (reply[1] == "-1" and not read and dialect is not V16)
            try:
                elements = json.loads(data)
            except (ValueError, RecursionError):
                continue
            if isinstance(elements, list) and elements and type(elements[0]) is int:
                assert elements[0] not in NEVER_ANSWERED[dialect.version]


@QUICK
@given(DIALECTS, st.binary(max_size=60))
def test_no_bytes_make_a_peer_raise(dialect, data):
    check(dialect, data)


@QUICK
@given(DIALECTS, FRAMES)
def test_no_array_makes_a_peer_raise_or_answer_an_answer(dialect, data):
    check(dialect, data)


@QUICK
@given(DIALECTS, mutated())
def test_no_mutation_makes_a_peer_raise_or_answer_an_answer(dialect, data):
    check(dialect, data)


SAMPLES = [
    b'[3,"m1",{"status":"Accepted"}]',
    b'[4,"m1","InternalError","",{}]',
    b'[5,"c1","InternalError","",{}]',
    b'[6,"s1","NotifyPeriodicEventStream",{"id":1}]',
]


@QUICK
@given(mutated(st.sampled_from(SAMPLES), first=len("[3,")))
def test_an_answer_or_send_is_not_answered_however_broken_the_rest_of_it_is(data):
    for received in received_by(V21, data):
        assert getattr(received, "reply", None) is None


@QUICK
@given(DIALECTS, st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON, max_size=4), st.booleans())
def test_a_payload_comes_through_unchanged(dialect, payload, is_ascii):
    data = json.dumps([2, "c1", "DataTransfer", payload], ensure_ascii=is_ascii).encode()
    (call,) = Peer(dialect).receive(data, 0.0)
    assert json.loads(bytes(call.payload)) == payload
    assert call.notes == ()


@QUICK
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_with_bare_control_characters_comes_through_unchanged(text):
    bare = text.replace("\\", "\\\\").replace('"', '\\"')
    (call,) = Peer(V16).receive(f'[2,"c1","Authorize",{{"idTag":"{bare}"}}]'.encode(), 0.0)
    assert json.loads(bytes(call.payload)) == {"idTag": text}


@QUICK
@given(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_an_answer_carries_the_id_as_it_came(message_id):
    peer = Peer(V201)
    (call,) = peer.receive(json.dumps([2, message_id, "Heartbeat", {}]).encode(), 0.0)
    answered = json.loads(peer.result(call, b"{}"))[1]
    assert (answered, type(answered)) == (message_id, type(message_id))
