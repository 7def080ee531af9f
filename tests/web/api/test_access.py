"""Organisations, roles and keys over the API; what hosts and fleets get of them, and when."""

from typing import Any

import httpx
import pytest

from ingufu.accounts.model import ROLE_SCOPES, Role, Scope
from ingufu.billing.records.service.making import Making
from web.api.conftest import House
from web.api.engines import both_engines
from web.api.test_people import over, sent


async def enter(admin: httpx.AsyncClient, noun: str, status: int = 201, **body: Any) -> Any:
    answer = await admin.post(f"/api/v1/{noun}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def key_for(house: House, admin: httpx.AsyncClient, organisation: Any, role: Role, **more: Any) -> Any:
    scopes = sorted(ROLE_SCOPES[role])
    made = await enter(admin, "api-keys", name="k", scopes=scopes, organisation_id=organisation["id"], **more)
    return house.client(made["secret"])


@pytest.fixture
async def host(admin: httpx.AsyncClient) -> Any:
    return await enter(admin, "organisations", name="Mall", kind="host")


@pytest.fixture
async def fleet(admin: httpx.AsyncClient) -> Any:
    return await enter(admin, "organisations", name="Taxis", kind="fleet")


async def sites_of(client: httpx.AsyncClient) -> list[str]:
    return [one["name"] for one in (await client.get("/api/v1/sites")).json()["items"]]


@both_engines
async def test_host_sees_the_sites_that_it_owns_from_when_to_when_it_owns_them(house: House, admin, host) -> None:
    mall, street = await house.site("Mall"), await house.site("Street")
    client = await key_for(house, admin, host, Role.HOST)
    assert await sites_of(client) == []
    path = f"/api/v1/organisations/{host['id']}/sites"
    owned = await admin.put(path, json={"site_ids": [mall]})
    assert owned.json()["sites"] == [{"id": mall, "name": "Mall"}]
    assert await sites_of(client) == ["Mall"], "at once"
    other = await enter(admin, "organisations", name="Station Road", kind="host")
    taken = await admin.put(f"/api/v1/organisations/{other['id']}/sites", json={"site_ids": [street, mall]})
    assert taken.status_code == 409, "a host's site is not another's for the asking"
    assert await sites_of(client) == ["Mall"]
    assert (await admin.put(path, json={"site_ids": [street, "nowhere"]})).status_code == 422
    await admin.put(path, json={"site_ids": [street]})
    assert await sites_of(client) == ["Street"]
    await admin.put(path, json={"site_ids": []})
    assert await sites_of(client) == []
    assert (await admin.delete(f"/api/v1/organisations/{other['id']}")).status_code == 204
    assert (await admin.delete(f"/api/v1/organisations/{host['id']}")).status_code == 409, "it has a key"


async def test_key_sees_some_of_the_sites_of_its_host(house: House, admin, host) -> None:
    sites = [await house.site(name) for name in ("Gate", "Roof", "Elsewhere")]
    await admin.put(f"/api/v1/organisations/{host['id']}/sites", json={"site_ids": sites[:2]})
    client = await key_for(house, admin, host, Role.HOST, site_ids=[sites[1]])
    assert await sites_of(client) == ["Roof"]
    body = {"name": "k", "scopes": ["stations:read"], "organisation_id": host["id"], "site_ids": [sites[2]]}
    assert (await admin.post("/api/v1/api-keys", json=body)).status_code == 422
    assert (await admin.post("/api/v1/api-keys", json=body | {"site_ids": []})).status_code == 422
    limited = await enter(admin, "api-keys", name="s", scopes=["stations:read"], site_ids=[sites[2]])
    assert await sites_of(house.client(limited["secret"])) == ["Elsewhere"]
    assert limited["site_ids"] == [sites[2]]


async def test_key_of_a_host_reaches_no_higher_than_its_organisation(house: House, admin, host, fleet) -> None:
    for organisation in (host, fleet):
        for scope in ("admin", "money:write", "audit:read", "frames:read", "tariffs:write"):
            body = {"name": "k", "scopes": [scope], "organisation_id": organisation["id"]}
            assert (await admin.post("/api/v1/api-keys", json=body)).status_code == 422, scope


@both_engines
async def test_role_of_ones_own_through_its_life(house: House, admin) -> None:
    made = await enter(admin, "roles", name="Night shift", scopes=["stations:read"], description="Watches")
    assert (made["is_built_in"], made["user_count"]) == (False, 0)
    body = {
        "email": "n@example.org",
        "name": "N",
        "password": "correct horse battery",
        "grants": [{"role": made["id"]}],
    }
    user = await enter(admin, "users", **body)
    client = await house.log_in("n@example.org")
    assert (await client.get("/api/v1/me")).json()["scopes"] == ["stations:read"]
    assert (await client.get("/api/v1/transactions")).status_code == 403
    path = f"/api/v1/roles/{made['id']}"
    changed = (await admin.patch(path, json={"scopes": ["stations:read", "transactions:read"]})).json()
    assert (changed["user_count"], changed["name"]) == (1, "Night shift")
    assert (await client.get("/api/v1/transactions")).status_code == 200
    refused = await admin.post(f"{path}/delete", json={})
    assert (refused.status_code, "1 users" in refused.json()["detail"]) == (409, True)
    assert (await admin.post(f"{path}/delete", json={"replace_with": "viewer"})).status_code == 204
    assert (await admin.get(f"/api/v1/users/{user['id']}")).json()["grants"] == [{"role": "viewer", "site_id": None}]
    assert (await admin.get(path)).status_code == 404
    listed = (await admin.get("/api/v1/roles")).json()
    assert {one["id"]: one["user_count"] for one in listed}["viewer"] == 1
    known = {one["scope"]: one["kinds"] for one in (await admin.get("/api/v1/permissions")).json()}
    assert known["money:read"] == ["operator", "host", "fleet"]
    assert known["admin"] == ["operator"]
    assert set(known) == {scope.value for scope in Scope}


async def test_who_manages_people_makes_nobody_mightier_than_themselves(house: House, admin) -> None:
    desk = house.client(await house.key(Scope.USERS_READ, Scope.USERS_WRITE, Scope.STATIONS_READ))
    boss = await house.user(Role.ADMIN)
    person = {"email": "p@example.org", "name": "P", "grants": [{"role": "operator"}]}
    for noun, body in (
        ("users", person),
        ("users", person | {"grants": [{"role": "admin"}]}),
        ("roles", {"name": "All", "scopes": ["money:read"]}),
        ("api-keys", {"name": "k", "scopes": ["money:read"]}),
    ):
        assert (await desk.post(f"/api/v1/{noun}", json=body)).status_code == 403, body
    assert (await desk.patch(f"/api/v1/users/{boss}", json={"name": "Mine"})).status_code == 403
    password = {"password": "another horse battery"}
    assert (await desk.put(f"/api/v1/users/{boss}/password", json=password)).status_code == 403
    assert (await desk.delete(f"/api/v1/users/{boss}")).status_code == 403
    made = await enter(desk, "roles", name="Watch", scopes=["stations:read"])
    await enter(desk, "users", **person | {"grants": [{"role": made["id"]}]})
    await admin.patch(f"/api/v1/roles/{made['id']}", json={"scopes": ["money:read"]})
    assert (await desk.patch(f"/api/v1/roles/{made['id']}", json={"name": "Mine"})).status_code == 403


async def test_fleet_has_its_drivers_cards_and_groups_and_no_others(house: House, admin, fleet) -> None:
    theirs = await enter(admin, "drivers", name="Theirs")
    group = await enter(admin, "groups", value="G", name="Theirs")
    given = await enter(admin, "drivers", name="Given", organisation_id=fleet["id"])
    client = await key_for(house, admin, fleet, Role.FLEET_MANAGER)
    assert [one["name"] for one in (await client.get("/api/v1/drivers")).json()["items"]] == ["Given"]
    own = await enter(client, "drivers", name="Own")
    assert own["organisation_id"] == fleet["id"]
    card = await enter(client, "tokens", value="C1", driver_id=own["id"])
    for foreign in ({"driver_id": theirs["id"]}, {"group_id": group["id"]}, {"organisation_id": house.organisation_id}):
        assert (await client.post("/api/v1/tokens", json={"value": "C2"} | foreign)).status_code == 422
        if "organisation_id" not in foreign:
            assert (await client.patch(f"/api/v1/tokens/{card['id']}", json=foreign)).status_code == 422
    assert (await client.get(f"/api/v1/drivers/{theirs['id']}")).status_code == 404
    assert given["organisation_id"] == fleet["id"]
    assert (await admin.delete(f"/api/v1/organisations/{fleet['id']}")).status_code == 409


async def test_fleet_gives_itself_no_master_pass_credit_or_priority(house: House, admin, fleet) -> None:
    client = await key_for(house, admin, fleet, Role.FLEET_MANAGER)
    assert (await client.post("/api/v1/groups", json={"value": "M", "is_master_pass": True})).status_code == 403
    group = await enter(client, "groups", value="G", is_master_pass=False)
    path = f"/api/v1/groups/{group['id']}"
    assert (await client.patch(path, json={"is_master_pass": True})).status_code == 403
    assert (await client.post("/api/v1/tokens", json={"value": "P", "charging_priority": 9})).status_code == 403
    card = await enter(client, "tokens", value="C")
    await admin.patch(f"/api/v1/tokens/{card['id']}", json={"has_credit": False})
    assert (await client.patch(f"/api/v1/tokens/{card['id']}", json={"has_credit": True})).status_code == 403
    assert (await client.patch(f"/api/v1/tokens/{card['id']}", json={"note": "lost?"})).status_code == 200


async def test_fleet_gives_its_drivers_no_plan_and_takes_none(house: House, admin, fleet) -> None:
    client = await key_for(house, admin, fleet, Role.FLEET_MANAGER)
    refused = await client.post("/api/v1/drivers", json={"name": "Ada", "plan": "Gold"})
    assert (refused.status_code, refused.json()["detail"]) == (403, "Only the operator sets plan.")
    path = f"/api/v1/drivers/{(await enter(client, 'drivers', name='Ada', plan=None))['id']}"
    assert (await client.patch(path, json={"plan": "Gold"})).status_code == 403
    assert (await admin.patch(path, json={"plan": "Gold"})).json()["plan"] == "Gold"
    for given, status in (({"note": "x"}, 200), ({"plan": "Gold", "note": "y"}, 200), ({"plan": None}, 403)):
        assert (await client.patch(path, json=given)).status_code == status
    assert (await client.get(path)).json()["plan"] == "Gold"
    assert [one["plan"] for one in (await client.get(f"{path}/plans")).json()] == ["Gold"]
    theirs = await enter(admin, "drivers", name="Theirs", plan="Gold")
    assert (await client.get(f"/api/v1/drivers/{theirs['id']}/plans")).status_code == 404


async def test_fleet_imports_its_list_with_the_plans_as_they_are(house: House, admin, fleet) -> None:
    client = await key_for(house, admin, fleet, Role.FLEET_MANAGER)
    await enter(admin, "drivers", name="Ada", plan="Gold", organisation_id=fleet["id"])
    exported = (await client.get("/api/v1/drivers/export.csv")).text
    better = exported.replace("Gold", "Platinum")
    for content, counts in ((exported, {"same": 1}), (better, {"failed": 1}), ("name,plan\nEve,Gold\n", {"failed": 1})):
        run = await over(client, await sent(client, content, kind="drivers"))
        assert run["counts"] == counts
    (result,) = (await client.get(f"/api/v1/runs/{run['id']}/results")).json()["items"]
    assert result["detail"] == "plan: only the operator sets the plan"
    assert [one["plan"] for one in (await admin.get("/api/v1/drivers")).json()["items"]] == ["Gold"]


async def test_revenue_of_a_hosts_site_is_the_operators(house: House, admin, host) -> None:
    site = await house.site("Mall")
    await admin.put(f"/api/v1/organisations/{host['id']}/sites", json={"site_ids": [site]})
    station = await house.station("CP1", site_id=site)
    making = Making(house.database, house.services.charging, house.services.tariffs)
    assert (await making.place(station)).organisation_id == house.organisation_id
