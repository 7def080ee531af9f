"""Cards on pages: registered, limited, blocked; what was entered stands there again, and secrets never do."""

from datetime import time

import pytest

from ingufu.authorization.model import EvseRef, Hours
from ingufu.core.errors import InvalidInput
from ingufu.web.console.token_limits import read_evses, read_hours, write_hours
from web.console.conftest import House, Person, words
from web.console.network import Network

WEEK = (1, 2, 3, 4, 5, 6, 7)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("", ()),
        ("18:00-07:00", (Hours(days=WEEK, start=time(18), end=time(7)),)),
        ("Mon-Fri 8:00 - 18:30", (Hours(days=(1, 2, 3, 4, 5), start=time(8), end=time(18, 30)),)),
        ("saturday, SUN 00:00-23:59", (Hours(days=(6, 7), start=time(0), end=time(23, 59)),)),
        ("Sat-Mon 10:00-11:00", (Hours(days=(1, 6, 7), start=time(10), end=time(11)),)),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, hours: tuple[Hours, ...]) -> None:
    assert read_hours(text) == hours
    assert read_hours(write_hours(hours)) == hours


@pytest.mark.parametrize(
    "text", ["never", "Mon 8-9", "Mond-Fry 08:00-09:00", "25:00-26:00", "x" * 5000, " - 1:00-2:00"]
)
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_hours(text)
    assert refusal.value.field == "hours"


def test_evses_are_named_after_their_station() -> None:
    ids = {"KGL:1": "a", "X": "b"}
    assert read_evses("KGL:1:2, X:1", ids) == (EvseRef(station_id="a", evse=2), EvseRef(station_id="b", evse=1))
    for text in ("X", "X:0", "Y:1", "X:x"):
        with pytest.raises(InvalidInput):
            read_evses(text, ids)


async def test_a_card_is_registered_limited_and_blocked(operator: Person, house: House, net: Network) -> None:
    site = net.sites["Kigali Heights"]
    entered = {
        "value": "NEW-1",
        "kind": "ISO14443",
        "concurrent_limit": "2",
        "expires_at": "2027-01-31T18:00",
        "sites": site,
        "stations": "NYA-01",
        "evses": "NYA-02:1",
        "plugs": "cCCS2",
        "hours": "Mon-Fri 18:00-07:00",
        "charging_priority": "-2",
        "message": "Hello",
        "has_credit": "true",
    }
    answer = await operator.send("/console/tokens/new", **entered)
    assert answer.status_code == 303
    where = answer.headers["location"]
    token = await house.services.authorization.find_token("NEW-1")
    assert token is not None
    limits = token.limits
    assert limits is not None
    assert (limits.sites, limits.stations) == ((site,), (net.stations["NYA-01"],))
    assert limits.evses == (EvseRef(station_id=net.stations["NYA-02"], evse=1),)
    assert limits.hours == (Hours(days=(1, 2, 3, 4, 5), start=time(18), end=time(7)),)
    assert (token.concurrent_limit, token.charging_priority, token.has_credit) == (2, -2, True)
    page = await operator.page(where)
    for text in ("NYA-02:1", "Mon-Fri 18:00-07:00", 'value="2027-01-31T18:00"'):
        assert text in page
    listed = words(await operator.page("/console/tokens?q=NEW"))
    assert "NEW-1" in listed
    assert "limited" in listed
    assert (
        await operator.send(where, **(entered | {"sites": "", "stations": "", "evses": "", "plugs": "", "hours": ""}))
    ).status_code == 303
    changed = await house.services.authorization.get_token(token.id)
    assert changed.limits is None
    assert (await operator.send(f"{where}/block", reason="lost")).status_code == 303
    assert "It is refused everywhere, since" in words(await operator.page(where))
    assert "NEW-1" in words(await operator.page("/console/tokens?blocked=yes"))
    assert (await operator.send(f"{where}/block", lift="yes")).status_code == 303
    assert (await house.services.authorization.get_token(token.id)).blocked_at is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"value": ""}, "must not be empty"),
        ({"stations": "NOBODY"}, "no station 'NOBODY'"),
        ({"evses": "NYA-01"}, "Write EVSEs as"),
        ({"hours": "always"}, "Write hours as"),
        ({"expires_at": "soon"}, "no date and time"),
        ({"charging_priority": "12"}, "A whole number from -9 to 9"),
    ],
)
async def test_what_cannot_be_entered_is_said_at_the_field(
    operator: Person, net: Network, fields: dict[str, str], said: str
) -> None:
    answer = await operator.send("/console/tokens/new", **({"value": "NEW-2", "kind": "ISO14443"} | fields))
    assert answer.status_code == 422
    assert said in words(answer.text)


async def test_a_code_is_neither_shown_nor_changed_by_saving(operator: Person, house: House) -> None:
    answer = await operator.send("/console/tokens/new", value="918273", kind="KeyCode", has_credit="true")
    where = answer.headers["location"]
    assert "918273" not in await operator.page(where)
    assert "918273" not in await operator.page("/console/tokens")
    assert (
        await operator.send(where, value="******", kind="KeyCode", note="door", has_credit="true")
    ).status_code == 303
    token = await house.services.authorization.find_token("918273", "KeyCode")
    assert token is not None
    assert token.note == "door"


async def test_a_viewer_sees_cards_and_changes_none(viewer: Person, house: House, net: Network) -> None:
    page = words(await viewer.page("/console/tokens"))
    assert "Cards" in page
    assert "Register a card" not in page
    token = await house.services.authorization.find_token(net.tokens[0])
    assert token is not None
    assert "Block it" not in words(await viewer.page(f"/console/tokens/{token.id}"))
    assert (await viewer.send(f"/console/tokens/{token.id}", value="X")).status_code == 403
