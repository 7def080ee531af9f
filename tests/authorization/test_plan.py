"""Messages of a local list: whatever is wanted, sending them one after the other makes the list so."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingufu.authorization import plan
from ingufu.authorization.model import Admission, ListMode, Token, TokenFacts
from ingufu.authorization.plan import Known, Limits
from ingufu.core.admission import ListEntry, SendLocalList
from ingufu.ocpp import wire
from ingufu.ocpp.v2 import lists

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRIES = st.dictionaries(
    st.text('ABC\u00e9"', min_size=1, max_size=12),
    st.tuples(
        st.sampled_from(["Accepted", "Blocked"]), st.none() | st.just(NOW), st.none() | st.text("g", max_size=20)
    ),
    max_size=14,
)
LIMITS = st.builds(Limits, items=st.none() | st.integers(1, 6), bytes=st.none() | st.integers(100, 3000))


def entries(drawn: Mapping[str, tuple[str, datetime | None, str | None]]) -> dict[str, ListEntry]:
    made = [
        ListEntry(value=value, kind="ISO14443", status=status, expires_at=expires_at, group=group or None)
        for value, (status, expires_at, group) in drawn.items()
    ]
    return {plan.entry_key(one): one for one in made}


def apply(held: dict[str, str], message: SendLocalList) -> dict[str, str]:
    """Do as a station does."""
    after = {} if message.is_full else dict(held)
    for entry in message.entries:
        if entry.status is None:
            after.pop(plan.entry_key(entry), None)
        else:
            after[plan.entry_key(entry)] = plan.fingerprint(entry)
    return after


@given(before=ENTRIES, wanted=ENTRIES, limits=LIMITS, version=st.integers(0, 50), is_full=st.booleans())
def test_the_list_becomes_what_is_wanted(before, wanted, limits, version, is_full):
    target = entries(wanted)
    known = Known(version=version, entries={key: plan.fingerprint(one) for key, one in entries(before).items()})
    messages = plan.messages(target, known, limits, above=version, is_full=is_full)
    held = dict(known.entries)
    for message in messages:
        held = apply(held, message)
        known = plan.after(known, message)
        assert dict(known.entries) == held
    assert held == {key: plan.fingerprint(one) for key, one in target.items()}
    versions = [message.version for message in messages]
    assert versions == list(range(version + 1, version + 1 + len(messages)))
    assert all(len(message.entries) <= (limits.items or plan.ITEMS_UNKNOWN) for message in messages)
    assert not any(message.is_full for message in messages[1:])
    assert all(entry.status is not None for message in messages if message.is_full for entry in message.entries)


@given(drawn=ENTRIES)
def test_no_entry_is_longer_on_the_wire_than_was_reckoned(drawn):
    for entry in entries(drawn).values():
        sent = lists.send_list(SendLocalList(version=1, is_full=True, entries=(entry,)))
        assert len(wire.encode(sent)) <= plan.size(entry) + plan.ENVELOPE_BYTES


def test_versions_begin_anew_when_numbers_are_used_up():
    wanted = entries({"A": ("Accepted", None, None)})
    (message,) = plan.messages(wanted, Known(version=0, entries={}), Limits(), above=2**31 - 1, is_full=True)
    assert message.version == 1


def test_of_too_many_those_used_last_are_kept():
    found = [
        TokenFacts(
            token=Token(
                id=str(n), organisation_id="o", value=f"C{n}", kind="ISO14443", created_at=NOW,
                last_used_at=NOW.replace(hour=n),
            )
        )
        for n in range(5)
    ]  # fmt: skip
    listed = plan.listing(found, Admission(list_mode=ListMode.ALL), None, "1.6", NOW, limit=2)
    assert (sorted(one.value for one in listed.entries.values()), listed.left_out) == (["C3", "C4"], 3)
    assert msgspec.structs.asdict(listed)["left_out"] == 3
