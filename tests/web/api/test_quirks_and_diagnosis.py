"""Quirks, diagnosis, attempts by address, and taking in an unknown station: by REST."""

from typing import Any

import msgspec
import pytest

from ingufu.accounts.model import Role
from ingufu.configuration import store
from ingufu.configuration.model import DesiredChange
from ingufu.core.variables import parse
from ingufu.stations.model import Approval, Attempt, AttemptOutcome
from web.api.conftest import House
from web.api.engines import both_engines


async def attempt(house: House, number: int = 0, **fields: Any) -> None:
    now = house.clock.now()
    known: dict[str, Any] = {"listener": "plain", "address": "192.0.2.7", "outcome": AttemptOutcome.WRONG_CREDENTIALS}
    house.services.stations.record_attempt(
        Attempt(
            **{"id": house.services.ids.new(), "at": now, "last_at": now, "detail": f"no {number}"} | known | fields
        )
    )
    house.services.stations.flush_attempts(is_last=True)
    await house.database.writer.flush()


@both_engines
async def test_quirks_are_listed_counted_and_switched(house: House, admin: Any) -> None:
    station_id = await house.station("CP1")
    quirks = house.services.stations.quirks
    for _ in range(3):
        quirks.met(station_id, 33)
    quirks.flush()
    quirks.met(station_id, 33)
    quirks.flush()
    await house.database.writer.flush()

    known = {one["number"]: one for one in (await admin.get("/api/v1/quirks")).json()}
    assert len(known) == 68
    assert (known[33]["stations"], known[33]["count"], known[34]["count"]) == (1, 4, 0)
    (shown,) = (await admin.get("/api/v1/stations/CP1/quirks")).json()
    assert (shown["number"], shown["count"], shown["is_active"], shown["why"]) == (33, 4, True, "met")
    assert shown["last_at"]

    switched = await admin.put("/api/v1/stations/CP1/quirks/8", json={"is_on": True})
    assert switched.status_code == 200, switched.text
    assert {one["number"]: one["switched"] for one in switched.json()} == {8: True, 33: None}
    assert house.link.reloaded == [station_id]
    off = (await admin.put("/api/v1/stations/CP1/quirks/33", json={"is_on": False})).json()
    assert {one["number"]: one["is_active"] for one in off} == {8: True, 33: False}
    back = (await admin.put("/api/v1/stations/CP1/quirks/8", json={"is_on": None})).json()
    assert [one["number"] for one in back] == [33]
    assert (await admin.put("/api/v1/stations/CP1/quirks/999", json={"is_on": True})).status_code == 404
    trail = [entry.action for entry in await house.services.accounts.audit_trail()]
    assert trail.count("station.quirk") == 3


async def test_a_desired_value_that_a_quirk_held_back_is_due_when_the_quirk_is_switched_off(
    house: House, admin: Any
) -> None:
    station_id = await house.station("CP1")
    configuration, name = house.services.configuration, parse("SampledDataCtrlr.TxUpdatedInterval")
    await admin.put("/api/v1/stations/CP1/quirks/27", json={"is_on": True})
    async with house.database.work() as work:
        await configuration.desire(work, station_id, [DesiredChange(name=name, value="30")])
    await configuration.wishes.reassess(station_id)
    (one,) = await configuration.wishes.wanted(station_id)
    async with house.database.work() as work:
        store.save_wanted(work, msgspec.structs.replace(one, status="NotSent", reason="quirk", tries=1))
        store.change_state(work, station_id, due_at=None)
    (refused,) = (await admin.get("/api/v1/stations/CP1/desired")).json()
    assert refused["state"] == "refused"
    assert station_id not in await configuration.care.due()
    await admin.put("/api/v1/stations/CP1/quirks/27", json={"is_on": False})
    (waiting,) = (await admin.get("/api/v1/stations/CP1/desired")).json()
    assert waiting["state"] == "waiting"
    assert station_id in await configuration.care.due()


async def test_a_diagnosis_says_what_is_wrong_and_what_to_do(house: House, admin: Any) -> None:
    station_id = await house.station("CP1")
    first = (await admin.get("/api/v1/stations/CP1/diagnosis")).json()
    assert first["is_online"] is False
    assert first["findings"][-1]["code"] == "never-tried"
    await attempt(house, identity="CP1", station_id=station_id, detail="The password is not the station's.")
    told = (await admin.get("/api/v1/stations/CP1/diagnosis")).json()["findings"][0]
    assert (told["code"], told["level"], told["facts"]["outcome"]) == ("turned-away", "bad", "wrong-credentials")
    assert "The password is not the station's." in told["says"]
    assert told["remedy"]
    assert (await admin.get("/api/v1/stations/NOBODY/diagnosis")).status_code == 404


@both_engines
async def test_attempts_are_grouped_by_address(house: House, admin: Any) -> None:
    for identity, address, outcome in (
        ("A", "192.0.2.7", AttemptOutcome.WRONG_PATH),
        ("B", "192.0.2.7", AttemptOutcome.UNKNOWN_STATION),
        ("C", "192.0.2.8", AttemptOutcome.UNKNOWN_STATION),
        (None, "192.0.2.7", AttemptOutcome.TLS_FAILED),
    ):
        await attempt(house, identity=identity, address=address, outcome=outcome)
    found = {one["address"]: one for one in (await admin.get("/api/v1/connection-attempts/by-address")).json()}
    assert found.keys() == {"192.0.2.7", "192.0.2.8"}
    assert (found["192.0.2.7"]["count"], found["192.0.2.7"]["identities"]) == (3, ["A", "B"])
    assert set(found["192.0.2.7"]["outcomes"]) == {"wrong-path", "unknown-station", "tls-failed"}
    house.clock.advance(3600 * 30)
    assert (await admin.get("/api/v1/connection-attempts/by-address")).json() == []
    assert len((await admin.get("/api/v1/connection-attempts/by-address?hours=72")).json()) == 2


@both_engines
async def test_an_unknown_station_is_taken_in_with_the_password_it_used(house: House, admin: Any) -> None:
    site = await house.site("Depot")
    async with house.database.work() as work:
        called = await house.services.stations.discover(work, "NEW-1", password=b"the-password-it-has")
    body = {"identity": "new-1", "site_id": site, "name": "Gate", "evse_count": 2}
    done = await admin.post("/api/v1/connection-attempts/adopt", json=body)
    assert done.status_code == 201, done.text
    assert done.json()["password"] is None
    station = await house.services.stations.get(called.id)
    assert (station.approval, station.site_id, station.name) == (Approval.APPROVED, site, "Gate")
    assert house.services.stations.password_matches(station, b"the-password-it-has")
    assert [evse["number"] for evse in done.json()["station"]["evses"]] == [1, 2]
    assert (await admin.post("/api/v1/connection-attempts/adopt", json=body)).status_code == 409


async def test_one_that_sent_no_password_or_is_to_have_a_new_one_gets_one_that_is_shown_once(
    house: House, admin: Any
) -> None:
    async with house.database.work() as work:
        await house.services.stations.discover(work, "NEW-1")
        await house.services.stations.discover(work, "NEW-2", password=b"the-password-it-has")
    for body in ({"identity": "NEW-1"}, {"identity": "NEW-2", "keeps_password": False}, {"identity": "NEVER-SEEN"}):
        done = (await admin.post("/api/v1/connection-attempts/adopt", json=body)).json()
        station = await house.services.stations.get(done["station"]["id"])
        assert house.services.stations.password_matches(station, done["password"].encode())
        assert not house.services.stations.password_matches(station, b"the-password-it-has")
    given = {"identity": "NEW-3", "password": "one-that-is-known-already"}
    done = (await admin.post("/api/v1/connection-attempts/adopt", json=given)).json()
    assert done["password"] is None
    station = await house.services.stations.get(done["station"]["id"])
    assert house.services.stations.password_matches(station, b"one-that-is-known-already")


@pytest.mark.parametrize("body", [{"identity": ""}, {"identity": "a:b"}, {"identity": "A", "site_id": "none"}, {}])
async def test_what_no_station_can_be_is_refused(house: House, admin: Any, body: dict[str, Any]) -> None:
    done = await admin.post("/api/v1/connection-attempts/adopt", json=body)
    assert done.status_code in (400, 422), done.text
    assert await house.services.stations.all() == []


async def test_only_who_may_write_switches_and_takes_in(house: House) -> None:
    await house.station("CP1")
    await house.user(Role.VIEWER)
    viewer = await house.log_in()
    assert (await viewer.get("/api/v1/stations/CP1/quirks")).status_code == 200
    assert (await viewer.put("/api/v1/stations/CP1/quirks/8", json={"is_on": True})).status_code == 403
    assert (await viewer.post("/api/v1/connection-attempts/adopt", json={"identity": "X"})).status_code == 403
