"""The rules of reservations: what fits beside what, whom a start uses, and what a station's word changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingufu.core.errors import Conflict
from ingufu.reservations import decide
from ingufu.reservations.model import Place, Reservation, ReservationStatus, Use, Wanted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, BEFORE = timedelta(hours=1), NOW - timedelta(seconds=5)
CCS, MODE3 = frozenset({"cCCS2"}), frozenset({"cType2"})
PLACES = (Place(evse=1, plugs=CCS), Place(evse=2, plugs=CCS), Place(evse=3, plugs=MODE3))


def held(number: int = 1, **fields: Any) -> Reservation:
    given = {
        "id": number,
        "station_id": "S",
        "token_value": "CARD",
        "token_kind": "ISO14443",
        "status": ReservationStatus.KEPT,
        "expires_at": NOW + timedelta(hours=1),
        "created_at": NOW,
        "kept_at": NOW,
    }
    return Reservation(**(given | fields))


def wanted(**fields: Any) -> Wanted:
    return Wanted(station_id="S", token_value="X", expires_at=NOW + timedelta(hours=1), **fields)


def use(**fields: Any) -> Use:
    given = {"station_id": "S", "evse": 1, "transaction_id": "tx", "at": NOW + timedelta(minutes=5)}
    return Use(**(given | fields))


@pytest.mark.parametrize(
    ("kept", "asked", "fits"),
    [
        ([], {"evse": 1}, True),
        ([held(evse=1)], {"evse": 1}, False),
        ([held(evse=1)], {"evse": 2}, True),
        ([held(evse=1)], {}, True),
        ([held(1, evse=1), held(2, evse=2), held(3, evse=3)], {}, False),
        ([held(1), held(2), held(3)], {}, False),
        ([held(1), held(2), held(3)], {"evse": 1}, False),
        ([held(1, plug="cCCS2"), held(2, plug="cCCS2")], {"plug": "cCCS2"}, False),
        ([held(1, plug="cCCS2"), held(2, plug="cCCS2")], {"plug": "cType2"}, True),
        ([held(1, evse=1), held(2, plug="cCCS2")], {"plug": "cCCS2"}, False),
        ([held(1, evse=3)], {"plug": "cType2"}, False),
    ],
)
def test_what_overlaps_is_refused(kept: list[Reservation], asked: dict[str, Any], fits: bool):
    if fits:
        decide.check_room(wanted(**asked), kept, PLACES)
    else:
        with pytest.raises(Conflict):
            decide.check_room(wanted(**asked), kept, PLACES)


def test_where_nothing_is_known_of_the_places_the_station_decides():
    decide.check_room(wanted(), [held(1), held(2)], ())


@pytest.mark.parametrize(
    ("kept", "start", "used", "overtaken"),
    [
        ([held(7, evse=1)], use(token_key="card"), 7, None),
        ([held(7, evse=1, group_value="FAMILY")], use(token_key="dad", group_value="family"), 7, None),
        ([held(7, evse=1)], use(token_key="other"), None, 7),
        ([held(7, evse=1)], use(), None, None),  # nobody showed a card yet
        ([held(7, evse=2)], use(token_key="other"), None, None),
        ([held(7)], use(token_key="card"), 7, None),
        ([held(7)], use(token_key="other"), None, None),
        ([held(7, evse=1)], use(token_key="card", at=NOW - timedelta(minutes=1)), None, None),  # before it was kept
        ([held(7, evse=1)], use(token_key="card", at=NOW + timedelta(hours=2)), None, None),  # after it was over
        ([held(7, evse=1)], use(token_key="card", at=BEFORE, times=(BEFORE, NOW)), 7, None),  # its clock may be slow
        ([held(7, evse=1)], use(token_key="other", at=BEFORE, times=(BEFORE, NOW)), None, 7),
        ([held(7)], use(token_key="other", at=BEFORE, times=(BEFORE, NOW)), None, None),
        ([held(7, evse=1)], use(token_key="card", at=BEFORE, times=(BEFORE, NOW - HOUR)), None, None),
        ([held(7, evse=1), held(8, evse=2)], use(reservation_id=8, token_key="other"), 8, None),
    ],
)
def test_whom_a_start_uses(kept: list[Reservation], start: Use, used: int | None, overtaken: int | None):
    found = decide.find_use(start, kept)
    assert (found.used and found.used.id, found.overtaken and found.overtaken.id) == (used, overtaken)


@pytest.mark.parametrize("before", list(ReservationStatus))
@pytest.mark.parametrize(
    "told", [ReservationStatus.EXPIRED, ReservationStatus.REMOVED, ReservationStatus.NO_TRANSACTION]
)
def test_what_has_ended_does_not_end_again(before: ReservationStatus, told: ReservationStatus):
    after = decide.end_of(before, told)
    has_ended = before not in (ReservationStatus.ASKED, ReservationStatus.KEPT, ReservationStatus.CANCELLING)
    if has_ended and not (before is ReservationStatus.USED and told is ReservationStatus.NO_TRANSACTION):
        assert after is None
