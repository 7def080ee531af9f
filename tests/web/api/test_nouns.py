"""Every noun through its life: entered, found, changed, refused, deleted; hostile text comes back as it went."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ingufu.accounts.tables import audit
from web.api.conftest import House
from web.api.engines import both_engines

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' OR '1'='1'; DROP TABLE stations; --",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "{{7*7}}${7*7}%{7*7}",
    "%s%n%x",
    "Ingufu \U0001f50c é \u202e rtl",
    "a%_\\b",
]


@both_engines
async def test_station_through_its_life(house: House, admin) -> None:
    site = await house.site("Kigali")
    made = await admin.post("/api/v1/stations", json={"identity": "CP 1", "name": "Gate", "site_id": site})
    assert made.status_code == 201
    station = made.json()
    assert (station["condition"], station["site_name"], station["has_password"]) == ("offline", "Kigali", False)
    assert (await admin.post("/api/v1/stations", json={"identity": "cp 1"})).status_code == 409
    by_identity = await admin.get("/api/v1/stations/cp%201")
    assert by_identity.json() == station
    change = {"note": "by the gate", "is_silent": True, "ping_interval_s": None, "site_id": None}
    changed = (await admin.patch(f"/api/v1/stations/{station['id']}", json=change)).json()
    assert {name: changed[name] for name in change} == change
    assert changed["name"] == "Gate", "what is not given stays"
    assert house.link.reloaded == [station["id"]]
    assert (
        await admin.put(f"/api/v1/stations/{station['id']}/password", json={"password": "0123456789abcdef"})
    ).status_code == 204
    refused = (await admin.post(f"/api/v1/stations/{station['id']}/refuse")).json()
    assert refused["condition"] == "refused"
    assert house.link.disconnected == [station["id"]]
    assert (await admin.delete(f"/api/v1/stations/{station['id']}")).json() == {"is_gone": True}
    assert (await admin.get(f"/api/v1/stations/{station['id']}")).status_code == 404
    rows = await house.database.select(
        select(audit.c.action).where(audit.c.object_kind == "station").order_by(audit.c.id)
    )
    assert [row["action"] for row in rows] == [
        "station.create", "station.update", "station.password", "station.refuse", "station.delete",
    ]  # fmt: skip


async def test_secrets_of_stations_are_never_shown(house: House, admin) -> None:
    secret = "a-very-secret-password"
    await admin.post("/api/v1/stations", json={"identity": "CP1", "password": secret})
    for path in ("stations", "stations/CP1", "events", "audit"):
        text = (await admin.get(f"/api/v1/{path}")).text
        assert secret not in text
        assert "password_hash" not in text
        assert "b2$" not in text


async def test_station_that_has_charged_is_only_retired(house: House, admin, transaction) -> None:
    station = await house.station("CP1")
    await transaction(station, reference="tx", is_open=False)
    assert (await admin.delete("/api/v1/stations/CP1")).json() == {"is_gone": False}
    assert (await admin.get("/api/v1/stations/CP1")).json()["approval"] == "refused"


async def test_connected_station_cannot_be_deleted(house: House, admin) -> None:
    await house.station("CP1", is_online=True)
    assert (await admin.delete("/api/v1/stations/CP1")).status_code == 409


async def test_waiting_station_is_approved_with_or_without_its_password(house: House, admin) -> None:
    for identity, keeps in (("CP1", True), ("CP2", False)):
        async with house.database.work() as work:
            await house.services.stations.discover(work, identity, password=b"0123456789abcdef")
        waiting = (await admin.get("/api/v1/stations?approval=waiting")).json()["items"]
        assert [one["identity"] for one in waiting] == [identity]
        assert waiting[0]["condition"] == "waiting"
        approved = await admin.post(f"/api/v1/stations/{identity}/approve", json={"keeps_password": keeps})
        assert (approved.json()["approval"], approved.json()["has_password"]) == ("approved", keeps)


async def test_connection_can_be_closed(house: House, admin) -> None:
    station = await house.station("CP1", is_online=True)
    await house.station("CP2")
    assert (await admin.post("/api/v1/stations/CP1/disconnect")).status_code == 200
    assert house.link.disconnected == [station]
    assert (await admin.post("/api/v1/stations/CP2/disconnect")).json()["code"] == "station-offline"


@both_engines
async def test_connectors_are_entered_and_shown_with_what_charges(house: House, admin, transaction) -> None:
    station = await house.station("CP1", is_online=True)
    path = "/api/v1/stations/CP1/evses/1/connectors/2"
    evse = (await admin.put(path, json={"kind": "cCCS2", "max_power_w": 150_000})).json()
    assert (evse["number"], evse["connectors"][0]["number"], evse["connectors"][0]["kind"]) == (1, 2, "cCCS2")
    await transaction(station, reference="tx", energy_wh=1234, power_w=50_000.0, soc_percent=40.0)
    [shown] = (await admin.get("/api/v1/stations/CP1/evses")).json()
    assert (shown["transaction"]["energy_wh"], shown["transaction"]["power_w"]) == ("1234", 50_000.0)
    assert (await admin.get("/api/v1/stations/CP1/evses/1")).json() == shown
    assert (await admin.get("/api/v1/stations/CP1")).json()["condition"] == "charging"
    assert (await admin.get("/api/v1/stations/CP1/evses/2")).status_code == 404
    assert (await admin.put("/api/v1/stations/CP1/evses/0/connectors/1", json={})).status_code == 422


@both_engines
async def test_site_through_its_life(house: House, admin) -> None:
    body = {
        "name": "Kigali",
        "city": "Kigali",
        "country": "rw",
        "latitude": -1.95,
        "longitude": 30.06,
        "time_zone": "Africa/Kigali",
    }
    site = (await admin.post("/api/v1/sites", json=body)).json()
    assert (site["country"], site["station_count"], site["online_count"]) == ("RW", 0, 0)
    await house.station("CP1", site_id=site["id"], is_online=True)
    await house.station("CP2", site_id=site["id"])
    shown = (await admin.get(f"/api/v1/sites/{site['id']}")).json()
    assert (shown["station_count"], shown["online_count"]) == (2, 1)
    assert (await admin.patch(f"/api/v1/sites/{site['id']}", json={"address": "KN 3"})).json()["city"] == "Kigali"
    assert (await admin.post("/api/v1/sites", json={"name": "kigali"})).status_code == 409
    assert (await admin.delete(f"/api/v1/sites/{site['id']}")).status_code == 409
    empty = (await admin.post("/api/v1/sites", json={"name": "Empty"})).json()
    assert (await admin.delete(f"/api/v1/sites/{empty['id']}")).status_code == 204
    assert [one["name"] for one in (await admin.get("/api/v1/sites")).json()["items"]] == ["Kigali"]


@both_engines
async def test_drivers_groups_and_tokens_through_their_lives(house: House, admin) -> None:
    driver = (await admin.post("/api/v1/drivers", json={"name": "Keza", "email": "k@example.org"})).json()
    group = (await admin.post("/api/v1/groups", json={"value": "FLEET"})).json()
    body = {
        "value": "04AABBCC",
        "driver_id": driver["id"],
        "group_id": group["id"],
        "expires_at": "2027-01-01T00:00:00+02:00",
    }
    token = (await admin.post("/api/v1/tokens", json=body)).json()
    assert (token["driver_name"], token["group_name"], token["kind"]) == ("Keza", "FLEET", "ISO14443")
    assert token["expires_at"] == "2026-12-31T22:00:00Z"
    assert (await admin.post("/api/v1/tokens", json=body)).status_code == 422
    changed = (await admin.patch(f"/api/v1/tokens/{token['id']}", json={"note": "spare"})).json()
    assert changed == {**token, "note": "spare"}
    blocked = (await admin.post(f"/api/v1/tokens/{token['id']}/block", json={"reason": "lost"})).json()
    assert (blocked["block_reason"], blocked["blocked_at"] is None) == ("lost", False)
    assert [one["id"] for one in (await admin.get("/api/v1/tokens?is_blocked=true")).json()["items"]] == [token["id"]]
    assert (await admin.post(f"/api/v1/tokens/{token['id']}/unblock")).json()["blocked_at"] is None
    assert (await admin.get(f"/api/v1/drivers/{driver['id']}")).json()["token_count"] == 1
    assert (await admin.get(f"/api/v1/groups/{group['id']}")).json()["token_count"] == 1
    assert (await admin.delete(f"/api/v1/drivers/{driver['id']}")).status_code == 409
    assert (await admin.delete(f"/api/v1/groups/{group['id']}")).status_code == 409
    assert (await admin.post(f"/api/v1/drivers/{driver['id']}/block", json={"reason": "moved"})).json()["blocked_at"]
    assert (await admin.post(f"/api/v1/drivers/{driver['id']}/unblock")).json()["blocked_at"] is None
    assert (await admin.patch(f"/api/v1/groups/{group['id']}", json={"name": "Vans"})).json()["name"] == "Vans"
    assert (await admin.patch(f"/api/v1/drivers/{driver['id']}", json={"phone": None})).status_code == 200
    for path in (f"tokens/{token['id']}", f"drivers/{driver['id']}", f"groups/{group['id']}"):
        assert (await admin.delete(f"/api/v1/{path}")).status_code == 204
        assert (await admin.get(f"/api/v1/{path}")).status_code == 404


async def test_code_that_is_a_secret_is_masked_and_cannot_be_searched_for(house: House, admin) -> None:
    made = (await admin.post("/api/v1/tokens", json={"value": "48151623", "kind": "KeyCode"})).json()
    assert made["value"] == "******"
    assert "48151623" not in (await admin.get("/api/v1/tokens")).text
    assert (await admin.get("/api/v1/tokens?q=48151")).json()["items"] == []
    assert "48151623" not in (await admin.get("/api/v1/audit")).text


async def test_users_and_organisations_through_their_lives(house: House, admin) -> None:
    host = (await admin.post("/api/v1/organisations", json={"name": "Hotel", "kind": "host"})).json()
    renamed = await admin.patch(f"/api/v1/organisations/{host['id']}", json={"name": "Inn"})
    assert renamed.json()["name"] == "Inn"
    body = {
        "email": "a@example.org",
        "name": "Amina",
        "password": "correct horse battery",
        "grants": [{"role": "admin"}],
    }
    user = (await admin.post("/api/v1/users", json=body)).json()
    assert user["has_password"] is True
    assert "correct horse" not in (await admin.get("/api/v1/users")).text
    assert "argon2" not in (await admin.get("/api/v1/users")).text
    assert (await admin.delete(f"/api/v1/users/{user['id']}")).status_code == 409, "the last administrator stays"
    viewer = (
        await admin.post("/api/v1/users", json={**body, "email": "b@example.org", "grants": [{"role": "viewer"}]})
    ).json()
    client = await house.log_in("b@example.org")
    assert (await admin.patch(f"/api/v1/users/{viewer['id']}", json={"is_disabled": True})).json()["disabled_at"]
    assert (await client.get("/api/v1/me")).status_code == 401
    assert (await admin.put(f"/api/v1/users/{viewer['id']}/password", json={"password": "short"})).status_code == 422
    assert (await admin.delete(f"/api/v1/users/{viewer['id']}")).status_code == 204
    nowhere = {**body, "email": "c@example.org", "grants": [{"role": "viewer", "site_id": "nowhere"}]}
    assert (await admin.post("/api/v1/users", json=nowhere)).status_code == 422


async def test_audit_trail_is_paged_and_filtered(house: House, admin) -> None:
    for number in range(5):
        await admin.post("/api/v1/sites", json={"name": f"Site {number}"})
    await admin.post("/api/v1/stations", json={"identity": "CP1"})
    first = (await admin.get("/api/v1/audit?action=site.create&limit=3")).json()
    second = (await admin.get(f"/api/v1/audit?action=site.create&limit=3&cursor={first['next']}")).json()
    assert [entry["changes"]["name"]["after"] for entry in first["items"] + second["items"]] == [
        f"Site {n}" for n in (4, 3, 2, 1, 0)
    ]
    assert second["next"] is None
    house.clock.advance(60)
    since = (house.clock.now() - timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    assert (await admin.get("/api/v1/audit", params={"since": since})).json()["items"] == []


@both_engines
@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_comes_back_as_it_went(house: House, admin, text: str) -> None:
    shown = text.replace("\u202e", "")  # what cannot be shown is refused in names
    site = await admin.post("/api/v1/sites", json={"name": shown})
    assert site.status_code == 201
    station = await admin.post(
        "/api/v1/stations", json={"identity": "CP1", "name": text, "note": text, "site_id": site.json()["id"]}
    )
    assert (station.json()["name"], station.json()["note"], station.json()["site_name"]) == (text, text, shown)
    token = (await admin.post("/api/v1/tokens", json={"value": shown, "note": text})).json()
    assert (token["value"], token["note"]) == (shown, text)
    found = (await admin.get("/api/v1/stations", params={"q": text})).json()["items"]
    assert [one["name"] for one in found] == [text]
    assert [one["value"] for one in (await admin.get("/api/v1/tokens", params={"q": shown})).json()["items"]] == [shown]
    assert (await admin.get("/api/v1/stations", params={"q": text + "x"})).json()["items"] == []
