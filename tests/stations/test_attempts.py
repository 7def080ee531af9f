"""Refusals are counted in bounded memory."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingufu.stations.attempts import MANY, MAX_ROWS, MAX_ROWS_PER_ADDRESS, Refusals
from ingufu.stations.model import Attempt, AttemptOutcome

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def refusal(number=0, *, after_s=0.0, address="192.0.2.1", identity="A"):
    at = NOW + timedelta(seconds=after_s)
    return Attempt(
        id=f"a{number}",
        at=at,
        last_at=at,
        listener="plain",
        address=address,
        identity=identity,
        outcome=AttemptOutcome.WRONG_CREDENTIALS,
    )


def test_first_refusal_is_written_at_once_and_repeats_are_counted_on_it():
    refusals = Refusals(60)
    assert refusals.note(refusal(1)) == (True, [refusal(1)])
    assert refusals.note(refusal(2, after_s=1)) == (False, [])
    [grown] = refusals.due(NOW + timedelta(seconds=10))
    assert (grown.id, grown.count, grown.last_at) == ("a1", 2, NOW + timedelta(seconds=1))
    assert refusals.due(NOW + timedelta(seconds=20)) == []


def test_after_the_window_a_new_row_begins_and_the_old_count_is_written():
    refusals = Refusals(60)
    refusals.note(refusal(1))
    refusals.note(refusal(2, after_s=59))
    is_first, due = refusals.note(refusal(3, after_s=61))
    assert is_first
    assert [(row.id, row.count) for row in due] == [("a1", 2), ("a3", 1)]


def test_other_cause_address_or_identity_has_a_row_of_its_own():
    refusals = Refusals(60)
    firsts = [refusals.note(one)[0] for one in (refusal(1), refusal(2, identity="B"), refusal(3, address="192.0.2.2"))]
    assert firsts == [True, True, True]


def test_many_addresses_of_one_ipv6_network_share_a_row():
    refusals = Refusals(60)
    rows = [refusals.note(refusal(n, address=f"2001:db8:0:1::{n:x}"))[1] for n in range(1000)]
    assert sum(len(due) for due in rows) == MAX_ROWS_PER_ADDRESS + 1
    [shared] = refusals.due(NOW, is_last=True)
    assert (shared.address, shared.count) == ("2001:db8:0:1::/64", 1000 - MAX_ROWS_PER_ADDRESS)
    assert refusals.note(refusal(2000, address="2001:db8:0:2::1"))[1][0].identity == "A"
    refusals.note(refusal(2001, after_s=100))
    assert len(refusals.note(refusal(2002, after_s=100, address="2001:db8:0:1::1"))[1]) == 1


def test_many_identities_from_one_address_share_a_row():
    refusals = Refusals(60)
    rows = [refusals.note(refusal(n, identity=f"guess-{n}"))[1] for n in range(1000)]
    written = [row for due in rows for row in due]
    assert len(written) == MAX_ROWS_PER_ADDRESS + 1
    assert written[-1].identity is None
    [shared] = refusals.due(NOW, is_last=True)
    assert shared.count == 1000 - MAX_ROWS_PER_ADDRESS


def test_flood_from_everywhere_takes_bounded_memory_and_loses_no_count():
    refusals = Refusals(60)
    latest = {}
    for n in range(MAX_ROWS + 500):
        for row in refusals.note(refusal(n, address=f"addr-{n}"))[1]:
            latest[row.id] = row
    for row in refusals.due(NOW, is_last=True):
        latest[row.id] = row
    assert len(latest) == MAX_ROWS + 1
    assert sum(row.count for row in latest.values()) == MAX_ROWS + 500
    assert max(latest.values(), key=lambda row: row.count).address == MANY


def test_clock_set_back_opens_a_new_window():
    refusals = Refusals(60)
    refusals.note(refusal(1, after_s=3600))
    assert refusals.note(refusal(2))[0]


@given(st.lists(st.tuples(st.floats(0, 300), st.sampled_from("AB"), st.sampled_from(["x", "y"]))))
def test_no_refusal_goes_uncounted(events):
    refusals = Refusals(60)
    latest = {}
    for number, (after_s, identity, address) in enumerate(sorted(events)):
        for row in refusals.note(refusal(number, after_s=after_s, identity=identity, address=address))[1]:
            latest[row.id] = row
    for row in refusals.due(NOW + timedelta(seconds=301), is_last=True):
        latest[row.id] = row
    assert sum(row.count for row in latest.values()) == len(events)
