"""Who gets in, and with what: keys, log-ins, cookies, and what protects them."""

import pytest
from sqlalchemy import select

from ingufu.accounts.model import ROLE_SCOPES, Role, Scope
from ingufu.accounts.tables import api_keys, audit, logins
from web.api.conftest import House

LOG_IN = {"email": "keza@example.org", "password": "correct horse battery"}


async def test_nobody_gets_in_without_a_credential(house: House) -> None:
    answer = await house.client().get("/api/v1/stations")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="ingufu"'
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("header", ["Bearer ingufu_nothing", "Bearer", "Basic Zm9vOmJhcg==", "ingufu_x", "Bearer \xff"])
async def test_a_credential_that_is_none_is_refused(house: House, header: str) -> None:
    answer = await house.client().get("/api/v1/stations", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


async def test_key_opens_what_its_scopes_name_and_nothing_else(house: House) -> None:
    client = house.client(await house.key(Scope.STATIONS_READ))
    assert (await client.get("/api/v1/stations")).status_code == 200
    assert (await client.get("/api/v1/transactions")).status_code == 403
    refused = await client.post("/api/v1/stations", json={"identity": "CP1"})
    assert refused.status_code == 403
    assert "stations:write" in refused.json()["detail"]


async def test_revoked_key_is_refused_at_once(house: House, admin) -> None:
    made = (await admin.post("/api/v1/api-keys", json={"name": "meter", "scopes": ["stations:read"]})).json()
    client = house.client(made["secret"])
    assert (await client.get("/api/v1/stations")).status_code == 200
    assert (await admin.delete(f"/api/v1/api-keys/{made['id']}")).status_code == 204
    assert (await client.get("/api/v1/stations")).status_code == 401


async def test_key_is_shown_once_and_stored_only_as_a_hash(house: House, admin) -> None:
    made = (await admin.post("/api/v1/api-keys", json={"name": "meter", "scopes": ["stations:read"]})).json()
    assert made["secret"].startswith("ingufu_")
    listed = (await admin.get("/api/v1/api-keys")).text
    assert made["secret"] not in listed
    rows = await house.database.select(select(api_keys))
    assert made["secret"] not in str(rows)


async def test_expired_key_is_refused(house: House, admin) -> None:
    body = {"name": "soon over", "scopes": ["stations:read"], "expires_at": "2026-03-01T13:00:00Z"}
    client = house.client((await admin.post("/api/v1/api-keys", json=body)).json()["secret"])
    assert (await client.get("/api/v1/stations")).status_code == 200
    house.clock.advance(3601)
    assert (await client.get("/api/v1/stations")).status_code == 401


async def test_log_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(house: House) -> None:
    await house.user(Role.OPERATOR)
    answer = await house.client().post("/api/v1/login", json=LOG_IN)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("ingufu_session=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    assert answer.json()["scopes"] == sorted(ROLE_SCOPES[Role.OPERATOR])


@pytest.mark.parametrize("settings", [{"public_url": "https://csms.example.org"}])
async def test_cookie_is_secure_and_hsts_is_sent_where_browsers_come_by_tls(house: House, settings) -> None:
    await house.user(Role.OPERATOR)
    answer = await house.client().post("/api/v1/login", json=LOG_IN)
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_cookie_is_stored_only_as_a_hash(house: House) -> None:
    await house.user(Role.OPERATOR)
    client = await house.log_in()
    rows = await house.database.select(select(logins))
    assert client.cookies["ingufu_session"] not in str(rows)


async def test_changes_with_a_cookie_need_the_token_of_our_own_pages(house: House) -> None:
    await house.user(Role.OPERATOR)
    client = await house.log_in()
    token = client.headers.pop("X-CSRF-Token")
    assert (await client.get("/api/v1/stations")).status_code == 200
    assert (await client.post("/api/v1/stations", json={"identity": "CP1"})).status_code == 403
    wrong = {"X-CSRF-Token": "0" * len(token)}
    assert (await client.post("/api/v1/stations", json={"identity": "CP1"}, headers=wrong)).status_code == 403
    right = {"X-CSRF-Token": token}
    assert (await client.post("/api/v1/stations", json={"identity": "CP1"}, headers=right)).status_code == 201
    assert (await client.get("/api/v1/me")).json()["csrf_token"] == token


async def test_page_of_another_site_cannot_log_its_visitor_in(house: House) -> None:
    await house.user(Role.OPERATOR)
    answer = await house.client().post("/api/v1/login", json=LOG_IN, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    form = await house.client().post(
        "/api/v1/login", content=b'{"email":"a","password":"b"}', headers={"Content-Type": "text/plain"}
    )
    assert form.status_code == 415


async def test_wrong_password_and_wrong_address_are_answered_alike(house: House) -> None:
    await house.user(Role.OPERATOR)
    answers = [
        await house.client().post("/api/v1/login", json={"email": email, "password": "wrong"})
        for email in ("keza@example.org", "nobody@example.org")
    ]
    bodies = [{key: value for key, value in answer.json().items() if key != "request_id"} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert bodies[0] == bodies[1]
    assert not any("set-cookie" in answer.headers for answer in answers)


async def test_guessing_is_slowed_down(house: House) -> None:
    await house.user(Role.OPERATOR)
    client = house.client()
    statuses = [
        (
            await client.post("/api/v1/login", json={"email": "keza@example.org", "password": f"guess {number}"})
        ).status_code
        for number in range(7)
    ]
    assert statuses[:5] == [401] * 5
    assert statuses[-1] == 429
    waiting = await client.post("/api/v1/login", json=LOG_IN)
    assert waiting.status_code == 429, "the right password must wait, too"
    assert 0 < int(waiting.headers["retry-after"]) <= 60
    assert waiting.json()["retry_after_s"] == int(waiting.headers["retry-after"])


async def test_log_out_ends_the_log_in(house: House) -> None:
    await house.user(Role.OPERATOR)
    client = await house.log_in()
    secret = client.cookies["ingufu_session"]
    assert (await client.post("/api/v1/logout")).status_code == 204
    again = house.client()
    again.cookies.set("ingufu_session", secret)
    assert (await again.get("/api/v1/me")).status_code == 401


async def test_log_in_ends_when_it_is_not_used(house: House) -> None:
    await house.user(Role.OPERATOR)
    client = await house.log_in()
    house.clock.advance(13 * 3600)
    assert (await client.get("/api/v1/me")).status_code == 401


async def test_changing_the_password_needs_the_old_one_and_ends_other_log_ins(house: House) -> None:
    await house.user(Role.VIEWER)
    client, other = await house.log_in(), await house.log_in()
    wrong = await client.put("/api/v1/me/password", json={"old": "no idea", "new": "another horse battery"})
    assert wrong.status_code == 422
    right = await client.put("/api/v1/me/password", json={"old": LOG_IN["password"], "new": "another horse battery"})
    assert right.status_code == 204
    assert (await client.get("/api/v1/me")).status_code == 200
    assert (await other.get("/api/v1/me")).status_code == 401


async def test_refused_changes_are_in_the_audit_trail(house: House) -> None:
    client = house.client(await house.key(Scope.STATIONS_READ))
    await client.delete("/api/v1/stations/CP1")
    rows = await house.database.select(select(audit).where(audit.c.is_refused.is_(True)))
    assert [(row["action"], row["object_kind"], row["object_id"]) for row in rows] == [
        ("delete /stations/{station:str}", "stations", "CP1")
    ]


async def test_address_is_believed_only_of_trusted_proxies(house: House, admin) -> None:
    await admin.post("/api/v1/sites", json={"name": "Kigali"}, headers={"X-Forwarded-For": "203.0.113.9"})
    rows = await house.database.select(select(audit))
    assert {row["address"] for row in rows} == {"127.0.0.1"}


@pytest.mark.parametrize("settings", [{"trusted_proxies": frozenset({"127.0.0.1", "10.0.0.1"})}])
async def test_address_behind_trusted_proxies_is_the_first_that_is_not_ours(house: House, admin, settings) -> None:
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9, 10.0.0.1"}
    await admin.post("/api/v1/sites", json={"name": "Kigali"}, headers=forwarded)
    rows = await house.database.select(select(audit))
    assert {row["address"] for row in rows} == {"203.0.113.9"}
