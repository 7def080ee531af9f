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
    st.tuples(st.text('ABab\u00e9"', min_size=1, max_size=12), st.sampled_from(["ISO14443", "ISO15693"])),
    st.tuples(
        st.sampled_from(["Accepted", "Blocked"]), st.none() | st.just(NOW), st.none() | st.text("g", max_size=20)
    ),
    max_size=14,
)
VERSIONS = st.sampled_from(["1.6", "2.0.1", "2.1"])
LIMITS = st.builds(Limits, items=st.none() | st.integers(1, 6), bytes=st.none() | st.integers(100, 3000))


def name(entry: ListEntry, ocpp: str) -> tuple[str, str]:
    """Return what an entry is to a station: cards without regard to case, and in 1.6 to kind."""
    return ("" if ocpp == "1.6" else entry.kind, entry.value.casefold())


def entries(
    drawn: Mapping[tuple[str, str], tuple[str, datetime | None, str | None]], ocpp: str = "2.1"
) -> dict[str, ListEntry]:
    made = [
        ListEntry(value=value, kind=kind, status=status, expires_at=expires_at, group=group or None)
        for (value, kind), (status, expires_at, group) in drawn.items()
    ]
    return {plan.identity(plan.entry_key(one), ocpp): one for one in made}


def apply(held: dict[tuple[str, str], str], message: SendLocalList, ocpp: str) -> dict[tuple[str, str], str]:
    """Do as a station does, one entry after the other."""
    after = {} if message.is_full else dict(held)
    for entry in message.entries:
        if entry.status is None:
            after.pop(name(entry, ocpp), None)
        else:
            after[name(entry, ocpp)] = plan.fingerprint(entry)
    return after


@given(before=ENTRIES, wanted=ENTRIES, limits=LIMITS, version=st.integers(0, 50), is_full=st.booleans(), ocpp=VERSIONS)
def test_the_list_becomes_what_is_wanted(before, wanted, limits, version, is_full, ocpp):
    target, old = entries(wanted, ocpp), entries(before, ocpp).values()
    known = Known(
        ocpp_version=ocpp, version=version, entries={plan.entry_key(one): plan.fingerprint(one) for one in old}
    )
    messages = plan.messages(target, known, limits, above=version, is_full=is_full)
    held = {name(one, ocpp): plan.fingerprint(one) for one in old}
    for message in messages:
        held = apply(held, message, ocpp)
        known = plan.after(known, message)
        assert sorted(known.entries.values()) == sorted(held.values())
        assert len({name(one, ocpp) for one in message.entries}) == len(message.entries)
    assert held == {name(one, ocpp): plan.fingerprint(one) for one in target.values()}
    assert known.entries == {plan.entry_key(one): plan.fingerprint(one) for one in target.values()}
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
    wanted = entries({("A", "ISO14443"): ("Accepted", None, None)})
    known = Known(ocpp_version="2.1", version=0, entries={})
    (message,) = plan.messages(wanted, known, Limits(), above=2**31 - 1, is_full=True)
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
