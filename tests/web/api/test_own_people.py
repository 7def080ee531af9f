"""Hosts and fleets look after their own people and keys, and after nobody else's."""

from typing import Any

import httpx
import pytest

from ingufu.accounts.model import CEILINGS, OrganisationKind, Role, RoleGrant
from web.api.conftest import House

KINDS = (OrganisationKind.HOST, OrganisationKind.FLEET)
OWN_ROLES = {OrganisationKind.HOST: "host", OrganisationKind.FLEET: "fleet-manager"}
PASSWORD = "correct horse battery"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> OrganisationKind:
    found: OrganisationKind = request.param
    return found


async def organisation(house: House, kind: OrganisationKind, name: str) -> str:
    """Have an organisation with an administrator; return its id."""
    async with house.database.work() as work:
        made = await house.services.accounts.create_organisation(work, name, kind)
    async with house.database.work() as work:
        await house.services.accounts.create_user(
            work, organisation_id=made.id, email=f"{name}@example.org", name=name, password=PASSWORD,
            grants=[RoleGrant(role=Role.ORGANISATION_ADMIN)],
        )  # fmt: skip
    return made.id


def newcomer(**more: Any) -> dict[str, Any]:
    return {"email": "amina@example.org", "name": "Amina", "grants": [{"role": "organisation-admin"}], **more}


async def test_they_enter_invite_and_disable_their_own(house: House, kind: OrganisationKind) -> None:
    own = await organisation(house, kind, "mall")
    admin = await house.log_in("mall@example.org")
    made = await admin.post("/api/v1/users", json=newcomer(grants=[{"role": OWN_ROLES[kind]}]))
    assert made.status_code == 201, made.text
    assert made.json()["organisation_id"] == own
    path = f"/api/v1/users/{made.json()['id']}"
    link = (await admin.post(f"{path}/invitation")).json()
    assert "/console/" in link["link"]
    assert (await admin.patch(path, json={"is_disabled": True})).json()["disabled_at"]
    assert {one["email"] for one in (await admin.get("/api/v1/users")).json()} == {
        "mall@example.org", "amina@example.org",
    }  # fmt: skip
    assert (await admin.delete(path)).status_code == 204


async def test_others_people_keys_and_organisations_do_not_exist_for_them(house: House, kind: OrganisationKind) -> None:
    await organisation(house, kind, "mall")
    other = await organisation(house, kind, "market")
    admin, theirs = await house.log_in("mall@example.org"), await house.log_in("market@example.org")
    [user] = (await theirs.get("/api/v1/users")).json()
    key = (await theirs.post("/api/v1/api-keys", json={"name": "till", "scopes": ["transactions:read"]})).json()
    assert key["organisation_id"] == other
    people, keys = f"/api/v1/users/{user['id']}", f"/api/v1/api-keys/{key['id']}"
    for method, path, body in (
        ("GET", people, None), ("PATCH", people, {"name": "Mine"}), ("DELETE", people, None),
        ("PUT", f"{people}/password", {"password": "a password of mine"}), ("POST", f"{people}/invitation", {}),
        ("POST", f"{people}/password-reset", {}), ("GET", f"{people}/factors", None),
        ("DELETE", f"{people}/factors", None), ("GET", f"{people}/sessions", None),
        ("DELETE", f"{people}/sessions", None), ("GET", keys, None), ("DELETE", keys, None),
        ("GET", f"/api/v1/organisations/{other}", None),
    ):  # fmt: skip
        answer = await admin.request(method, path, json=body)
        assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
    for path in ("users", "api-keys", "organisations"):
        told = (await admin.get(f"/api/v1/{path}")).text
        assert other not in told, path
        assert house.organisation_id not in told, path
    for path, body in (
        ("users", newcomer(organisation_id=other)),
        ("users", newcomer(organisation_id=house.organisation_id)),
        ("api-keys", {"name": "x", "scopes": ["transactions:read"], "organisation_id": other}),
    ):
        assert (await admin.post(f"/api/v1/{path}", json=body)).status_code == 422, path
    assert (await theirs.get("/api/v1/me")).status_code == 200


async def test_nothing_they_give_is_above_what_their_organisation_can_have(
    house: House, kind: OrganisationKind
) -> None:
    await organisation(house, kind, "mall")
    admin = await house.log_in("mall@example.org")
    refused = await admin.post("/api/v1/users", json=newcomer(grants=[{"role": "admin"}]))
    assert refused.status_code == 422
    made = await admin.post("/api/v1/users", json=newcomer(grants=[{"role": "operator"}]))
    assert made.status_code in {201, 403}, "what is above the ceiling of it counts for nothing"
    for scope in ("admin", "audit:read", "money:write", "frames:read", "drivers:read"):
        answer = await admin.post("/api/v1/api-keys", json={"name": "x", "scopes": [scope]})
        assert answer.status_code in {403, 422}, f"{scope}: {answer.text}"
    roles = (await admin.get("/api/v1/roles")).json()
    assert {role["id"] for role in roles} == {OWN_ROLES[kind], "organisation-admin"}
    new_role = {"name": "Mine", "scopes": ["transactions:read"]}
    assert (await admin.post("/api/v1/roles", json=new_role)).status_code == 403
    me = (await admin.get("/api/v1/me")).json()
    assert set(me["scopes"]) <= {scope.value for scope in CEILINGS[kind]}


async def test_who_is_of_an_organisation_without_managing_people_sees_none(house: House) -> None:
    own = await organisation(house, OrganisationKind.HOST, "mall")
    async with house.database.work() as work:
        await house.services.accounts.create_user(
            work, organisation_id=own, email="eric@example.org", name="Eric", password=PASSWORD, roles=["host"]
        )
    eric = await house.log_in("eric@example.org")
    for path in ("users", "api-keys", "organisations", "roles"):
        assert (await eric.get(f"/api/v1/{path}")).status_code == 403, path


async def test_pages_show_them_their_own_people(house: House, kind: OrganisationKind) -> None:
    await organisation(house, kind, "mall")
    await organisation(house, kind, "market")
    admin: httpx.AsyncClient = await house.log_in("mall@example.org")
    for page in ("users", "api-keys"):
        shown = await admin.get(f"/console/{page}")
        assert shown.status_code == 200
        assert "market" not in shown.text
    form = (await admin.get("/console/users/new")).text
    assert 'value="organisation-admin"' in form
    assert 'value="technician"' not in form
    assert "market" not in form
    token = admin.headers["X-CSRF-Token"]
    fields = {"email": "amina@example.org", "name": "Amina", "role": OWN_ROLES[kind], "language": "en", "where": ""}
    added = await admin.post("/console/users/new", data={"csrf_token": token, **fields})
    assert added.status_code == 303, added.text[-500:]
    assert "Amina" in (await admin.get(added.headers["location"])).text
