"""Reservations, local lists, rules and authorities by the API: done at the station, kept, audited, and tied to sites."""

from datetime import timedelta
from typing import Any

import pytest

from certificates.pki import hierarchy
from ingufu.accounts.model import Role
from ingufu.core.admission import CancelReservation, ClearCache, GetLocalListVersion, ReserveNow, SendLocalList
from ingufu.core.commands import Outcome
from ingufu.core.errors import StationTimeout
from web.api.conftest import House
from web.api.engines import both_engines

YES = Outcome(status="Accepted", is_accepted=True)


def in_minutes(house: House, minutes: int) -> str:
    return (house.clock.now() + timedelta(minutes=minutes)).isoformat()


async def reserve(house: House, client: Any, station: str, **given: Any) -> Any:
    body = {"token": "CARD", "expires_at": in_minutes(house, 30), "evse": 1} | given
    return await client.post(f"/api/v1/stations/{station}/reservations", json=body)


async def audited(house: House) -> list[str]:
    return [entry.action for entry in await house.services.accounts.audit_trail()]


@both_engines
async def test_a_place_is_reserved_changed_and_given_up(house: House, admin: Any) -> None:
    station = await house.station("CP1", is_online=True)
    made = await reserve(house, admin, "CP1")
    assert made.status_code == 201, made.text
    kept = made.json()
    assert (kept["status"], kept["evse"], kept["token_value"], kept["station_identity"]) == ("kept", 1, "CARD", "CP1")
    later = in_minutes(house, 90)
    changed = await admin.patch(f"/api/v1/reservations/{kept['id']}", json={"expires_at": later})
    assert changed.status_code == 200, changed.text
    asked = [command for _, command in house.link.commands if isinstance(command, ReserveNow)]
    assert [one.reservation_id for one in asked] == [kept["id"], kept["id"]]
    again = await reserve(house, admin, station)
    assert (again.status_code, "reserved already" in again.json()["detail"]) == (409, True)
    found = (await admin.get("/api/v1/reservations", params={"station": "CP1", "is_pending": "true"})).json()
    assert [one["id"] for one in found["items"]] == [kept["id"]]
    ended = await admin.post(f"/api/v1/reservations/{kept['id']}/cancel", json={"reason": "The driver called."})
    assert (ended.json()["status"], ended.json()["detail"]) == ("cancelled", "The driver called.")
    assert isinstance(house.link.commands[-1][1], CancelReservation)
    assert (await admin.post(f"/api/v1/reservations/{kept['id']}/cancel", json={})).status_code == 409
    assert (await admin.get("/api/v1/reservations", params={"is_pending": "true"})).json()["items"] == []
    assert {"reservation.create", "reservation.update", "reservation.cancel"} <= set(await audited(house))


async def test_what_the_station_refuses_is_told_with_its_reason(house: House, admin: Any) -> None:
    await house.station("CP1", is_online=True)
    house.link.outcomes["ReserveNow"] = Outcome(
        status="Occupied", is_accepted=False, details={"reason": "InUse", "info": "a van stands there"}
    )
    made = (await reserve(house, admin, "CP1")).json()
    assert (made["status"], made["detail"]) == ("refused", "The station answered Occupied InUse a van stands there.")
    house.link.outcomes["ReserveNow"] = StationTimeout()
    assert (await reserve(house, admin, "CP1")).status_code == 504
    found = (await admin.get("/api/v1/reservations", params={"status": "cancelling"})).json()["items"]
    assert len(found) == 1


async def test_a_station_that_is_away_keeps_nothing(house: House, admin: Any) -> None:
    await house.station("CP1")
    assert (await reserve(house, admin, "CP1")).status_code == 409
    assert (await admin.get("/api/v1/reservations")).json()["items"] == []


async def test_a_code_is_never_shown(house: House, admin: Any) -> None:
    await house.station("CP1", is_online=True)
    made = (await reserve(house, admin, "CP1", token="123456", token_kind="KeyCode")).json()
    assert made["token_value"] == "******"


@pytest.mark.parametrize("name", ["0", "-1", "x", "99999999999", "2147483648"])
async def test_a_number_that_is_none_is_not_found(house: House, admin: Any, name: str) -> None:
    assert (await admin.get(f"/api/v1/reservations/{name}")).status_code == 404


@both_engines
async def test_reservations_of_other_sites_do_not_exist(house: House, admin: Any) -> None:
    mine, theirs = await house.site("Mine"), await house.site("Theirs")
    await house.station("MINE", site_id=mine, is_online=True)
    await house.station("THEIRS", site_id=theirs, is_online=True)
    other = (await reserve(house, admin, "THEIRS")).json()
    await house.user(Role.OPERATOR, mine)
    client = await house.log_in()
    assert (await client.get("/api/v1/reservations")).json()["items"] == []
    assert (await client.get(f"/api/v1/reservations/{other['id']}")).status_code == 404
    assert (await client.post(f"/api/v1/reservations/{other['id']}/cancel", json={})).status_code == 404
    assert (await reserve(house, client, "THEIRS")).status_code == 404
    assert (await reserve(house, client, "MINE")).status_code == 201
    for path in ("stations/THEIRS/local-list", "stations/THEIRS/admission-rule", f"sites/{theirs}/admission-rule"):
        assert (await client.get(f"/api/v1/{path}")).status_code == 404
    assert (await client.get(f"/api/v1/sites/{mine}/admission-rule")).status_code == 200
    assert (await client.get("/api/v1/admission-rule")).status_code == 403
    assert (await client.get("/api/v1/authorities")).status_code == 403


@both_engines
async def test_a_list_follows_its_rule_and_is_sent_on_demand(house: House, admin: Any) -> None:
    await house.station("CP1", is_online=True)
    await admin.post("/api/v1/tokens", json={"value": "AAA"})
    stands = (await admin.get("/api/v1/stations/CP1/local-list")).json()
    assert (stands["state"], stands["mode"], stands["wanted_count"]) == ("unused", "none", 0)
    rule = {"list_mode": "all", "allows_free": False}
    assert (await admin.put("/api/v1/admission-rule", json=rule)).status_code == 200
    assert (await admin.get("/api/v1/admission-rule")).json() == rule | {"list_groups": []}
    stands = (await admin.get("/api/v1/stations/CP1/local-list")).json()
    assert (stands["state"], stands["wanted_count"], stands["entry_count"]) == ("waiting", 1, 0)
    house.link.outcomes["GetLocalListVersion"] = Outcome(status="Accepted", is_accepted=True, details={"version": 0})
    sent = await admin.post("/api/v1/stations/CP1/local-list/send", json={})
    assert sent.status_code == 200, sent.text
    assert (sent.json()["state"], sent.json()["version"], sent.json()["entry_count"]) == ("in-step", 1, 1)
    command = next(command for _, command in house.link.commands if isinstance(command, SendLocalList))
    assert (command.is_full, [one.value for one in command.entries]) == (True, ["AAA"])
    assert any(isinstance(command, GetLocalListVersion) for _, command in house.link.commands)
    assert (await admin.put("/api/v1/stations/CP1/admission-rule", json={"list_mode": "none"})).status_code == 200
    assert (await admin.get("/api/v1/stations/CP1/local-list")).json()["mode"] == "none"
    assert {"admission-rule.set", "station.send-list"} <= set(await audited(house))


async def test_a_rule_with_a_group_that_is_none_is_refused(house: House, admin: Any) -> None:
    refused = await admin.put("/api/v1/admission-rule", json={"list_mode": "groups", "list_groups": ["nothing"]})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "list_groups")


async def test_a_cache_is_cleared(house: House, admin: Any) -> None:
    await house.station("CP1", is_online=True)
    assert (await admin.post("/api/v1/stations/CP1/clear-cache")).json()["status"] == "Accepted"
    assert house.link.commands[-1][1] == ClearCache()


@both_engines
async def test_limits_of_a_token_are_kept_as_entered(house: House, admin: Any) -> None:
    site = await house.site("Kigali")
    limits = {"sites": [site], "plugs": ["cCCS2"], "hours": [{"days": [1, 2], "start": "08:00:00", "end": "18:00:00"}]}
    body = {
        "value": "CARD",
        "limits": limits,
        "charging_priority": 3,
        "message": "Hello",
        "second_language": "rw",
        "has_credit": False,
    }
    made = (await admin.post("/api/v1/tokens", json=body)).json()
    assert {name: made[name] for name in body} == body
    changed = (await admin.patch(f"/api/v1/tokens/{made['id']}", json={"limits": None, "note": "free"})).json()
    assert (changed["limits"], changed["message"]) == (None, "Hello")
    odd = {"limits": {"hours": [{"start": "08:00:00Z", "end": "18:00:00"}]}}
    assert (await admin.patch(f"/api/v1/tokens/{made['id']}", json=odd)).status_code == 422


@both_engines
async def test_authorities_are_entered_shown_and_removed(house: House, admin: Any) -> None:
    tree = hierarchy()
    made = await admin.post("/api/v1/authorities", json={"pem": tree.root.pem + tree.first.pem, "note": "test"})
    assert made.status_code == 201, made.text
    root, below = made.json()
    assert (root["is_root"], below["is_root"], root["purpose"]) == (True, False, "contract")
    assert len((await admin.get("/api/v1/authorities")).json()) == 2
    assert (await admin.get(f"/api/v1/authorities/{root['id']}")).json()["pem"] == tree.root.pem
    refused = await admin.post("/api/v1/authorities", json={"pem": tree.contract.pem})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "pem")
    assert (await admin.delete(f"/api/v1/authorities/{root['id']}")).status_code == 204
    assert (await admin.delete(f"/api/v1/authorities/{root['id']}")).status_code == 404
    assert {"authority.add", "authority.remove"} <= set(await audited(house))
