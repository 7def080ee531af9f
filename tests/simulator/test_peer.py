"""The station's half of the conversation, without sockets: order, pairing, repeats, malformed frames."""

import json
from datetime import UTC, datetime

from ingufu.simulator.peer import MAX_KEPT, Lane, Peer, Request, Retry, Spelling
from ingufu.simulator.timeline import VirtualTimeline


class Wire:
    def __init__(self, spelling=("FormatViolation", "-1")):
        self.timeline = VirtualTimeline(datetime(2025, 6, 1, tzinfo=UTC))
        self.sent = []
        self.asked = []
        self.numbers = 0
        self.peer = Peer(
            self.timeline,
            new_id=self._id,
            answer=lambda *call: self.asked.append(call),
            spelling=Spelling(*spelling),
        )
        self.peer.is_accepted = True
        self.peer.retry = lambda: Retry(3, 60.0)

    def _id(self):
        self.numbers += 1
        return str(self.numbers)

    def connect(self):
        self.peer.connected(lambda frame: self.sent.append(json.loads(frame)))

    def say(self, *frame):
        self.peer.receive(json.dumps(frame).encode())

    def ask(self, action, lane=Lane.ORDINARY, **handlers):
        self.peer.request(Request(action, {}, lane, **handlers))

    def run(self, seconds):
        until_s = self.timeline.monotonic() + seconds
        while self.timeline.run_next(until_s):
            pass


def test_one_call_is_open_at_a_time_and_ordinary_ones_overtake_transactions():
    wire = Wire()
    wire.connect()
    for action, lane in (("A", Lane.TRANSACTION), ("B", Lane.TRANSACTION), ("C", Lane.ORDINARY), ("D", Lane.URGENT)):
        wire.ask(action, lane)
    for expected in ("A", "D", "C", "B"):
        assert wire.sent[-1][2] == expected
        wire.say(3, wire.sent[-1][1], {})
    assert len(wire.sent) == 4
    assert wire.peer.is_quiet


def test_before_acceptance_only_urgent_calls_leave():
    wire = Wire()
    wire.peer.is_accepted = False
    wire.connect()
    wire.ask("StatusNotification")
    wire.ask("BootNotification", Lane.URGENT)
    assert [frame[2] for frame in wire.sent] == ["BootNotification"]
    wire.say(3, "1", {})
    assert wire.peer.is_quiet
    wire.peer.is_accepted = True
    wire.peer.pump()
    assert wire.sent[-1][2] == "StatusNotification"


def test_disconnection_keeps_transaction_messages_and_fails_the_rest():
    wire = Wire()
    wire.connect()
    failures = []
    wire.ask("Start", Lane.TRANSACTION)
    wire.ask("Heartbeat", failed=lambda failure: failures.append(failure.code))
    wire.peer.disconnected()
    wire.ask("Authorize", failed=lambda failure: failures.append(failure.code))
    wire.ask("Stop", Lane.TRANSACTION)
    assert failures == ["Offline", "Offline"]
    assert wire.peer.queued_transaction_messages == 2
    wire.connect()
    assert wire.sent[-1] == wire.sent[0]  # the same message under the same id
    wire.say(3, "1", {})
    assert wire.sent[-1][2] == "Stop"


def test_silence_times_out_and_transaction_messages_are_repeated_with_growing_waits_then_given_up():
    wire = Wire()
    wire.connect()
    given_up = []
    wire.ask("Stop", Lane.TRANSACTION, failed=lambda failure: given_up.append(failure.code))
    wire.run(30 + 59)
    assert len(wire.sent) == 1
    wire.run(2)
    assert len(wire.sent) == 2
    wire.run(30 + 120)
    assert len(wire.sent) == 3
    wire.run(31)
    assert given_up == ["Timeout"]
    assert wire.peer.lost == 1


def test_an_error_is_a_failed_attempt_too():
    wire = Wire()
    wire.connect()
    codes = []
    wire.ask("Authorize", failed=lambda failure: codes.append(failure.code))
    wire.say(4, "1", "InternalError", "", {})
    wire.ask("Stop", Lane.TRANSACTION)
    wire.say(4, "2", "InternalError")
    wire.run(61)
    assert codes == ["InternalError"]
    assert [frame[2] for frame in wire.sent] == ["Authorize", "Stop", "Stop"]


def test_late_unmatched_and_unanswerable_frames_are_ignored():
    wire = Wire()
    wire.connect()
    wire.ask("Heartbeat")
    wire.say(3, "other", {})
    wire.say(4, "other", "InternalError", "", {})
    wire.say(5, "1", "FormatViolation", "", {})
    wire.say(6, "x", "NotifyPeriodicEventStream", {})
    assert len(wire.sent) == 1
    assert not wire.peer.is_quiet


def test_malformed_frames_get_the_error_of_their_version():
    wire = Wire()
    wire.connect()
    wire.peer.receive(b"\xff{")
    assert wire.sent[-1][:3] == [4, "-1", "RpcFrameworkError"]
    wire.say(2, "x", "Reset")
    assert wire.sent[-1][:3] == [4, "x", "FormatViolation"]
    old = Wire(("FormationViolation", None))
    old.connect()
    old.peer.receive(b"nonsense")
    assert old.sent == []
    old.say(2, "x", "Reset", [])
    assert old.sent[-1][:3] == [4, "x", "FormationViolation"]


def test_calls_of_the_csms_are_handed_over_while_one_of_ours_is_open():
    wire = Wire()
    wire.connect()
    wire.ask("Heartbeat")
    wire.say(2, "c1", "Reset", {"type": "Soft"})
    assert wire.asked == [("c1", "Reset", {"type": "Soft"})]
    wire.peer.reply("c1", {"status": "Accepted"})
    assert wire.sent[-1] == [3, "c1", {"status": "Accepted"}]
    wire.peer.send_unconfirmed("NotifyPeriodicEventStream", {"id": 1})
    assert wire.sent[-1][0] == 6


def test_a_full_memory_loses_samples_before_starts_and_stops():
    wire = Wire()
    wire.ask("Start", Lane.TRANSACTION)
    for _ in range(MAX_KEPT):
        wire.ask("MeterValues", Lane.TRANSACTION, is_minor=True)
    wire.ask("Stop", Lane.TRANSACTION)
    assert wire.peer.queued_transaction_messages == MAX_KEPT
    assert wire.peer.lost == 0
    wire.connect()
    while wire.sent[-1][2] != "Stop":
        wire.say(3, wire.sent[-1][1], {})
    assert [frame[2] for frame in wire.sent if frame[2] != "MeterValues"] == ["Start", "Stop"]
