"""Signing in over HTTP: the second step, recovery codes, one's own factors and sessions, invitations, ways back in."""

import base64
import contextlib
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import select

from ingufu.accounts.model import Role, RoleGrant
from ingufu.accounts.sign_in import decide
from ingufu.accounts.sign_in.model import SignInRules
from ingufu.accounts.sign_in.service.links import MOST_OF_ADDRESS
from ingufu.accounts.sign_in.tables import recovery_codes, sign_in_links, totp_factors
from ingufu.accounts.tables import audit, logins
from ingufu.core.errors import TooManyRequests, Unauthenticated
from web.api.conftest import House

LOG_IN = {"email": "keza@example.org", "password": "correct horse battery"}
NEW = "a quiet morning in Kisumu"
ROWS = {"totp": select(totp_factors), "codes": select(recovery_codes), "links": select(sign_in_links)}


def code_of(house: House, secret: bytes, *, steps: int = 0) -> str:
    return decide.totp_code(secret, int(house.clock.now().timestamp()) // 30 + steps)


def secret_in(address: str) -> bytes:
    text = parse_qs(urlsplit(address).query)["secret"][0]
    return base64.b32decode(text + "=" * (-len(text) % 8))


async def enrol(house: House, client: httpx.AsyncClient) -> tuple[bytes, list[str]]:
    """Set up an app for whoever is logged in; return its secret and the recovery codes."""
    made = await client.post("/api/v1/me/factors/totp", json={})
    assert made.status_code == 201, made.text
    secret = secret_in(made.json()["address"])
    done = await client.post("/api/v1/me/factors/totp/confirm", json={"code": code_of(house, secret)})
    assert done.status_code == 200, done.text
    client.headers["X-CSRF-Token"] = done.json()["csrf_token"]
    house.clock.advance(30)
    return secret, done.json()["recovery_codes"]


async def first_step(house: House) -> tuple[httpx.AsyncClient, str]:
    client = house.client()
    answer = await client.post("/api/v1/login", json=LOG_IN)
    assert answer.json()["state"] == "second-factor-needed", answer.text
    assert "set-cookie" not in answer.headers
    return client, answer.json()["step"]


async def second(client: httpx.AsyncClient, step: str, code: str) -> httpx.Response:
    return await client.post("/api/v1/login/second-factor", json={"step": step, "code": code})


async def test_second_step_is_asked_for_and_its_code_is_taken_once(house: House) -> None:
    await house.user(Role.OPERATOR)
    secret, _ = await enrol(house, await house.log_in())
    client, step = await first_step(house)
    code = code_of(house, secret)
    assert (await client.get("/api/v1/me")).status_code == 401, "the first step opens nothing"
    answer = await second(client, step, code)
    assert answer.status_code == 200
    assert answer.json()["state"] == "logged-in"
    assert (await client.get("/api/v1/me")).status_code == 200
    assert (await second(house.client(), step, code)).status_code == 401, "neither step nor code is good again"
    other, step = await first_step(house)
    assert (await second(other, step, code)).status_code == 401, "a code that was seen opens nothing"
    house.clock.advance(30)
    assert (await second(other, step, code_of(house, secret))).status_code == 200


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (1, 200), (2, 401)])
async def test_clock_of_the_telephone_may_be_one_step_off(house: House, steps: int, status: int) -> None:
    await house.user(Role.OPERATOR)
    secret, _ = await enrol(house, await house.log_in())
    house.clock.advance(120)
    client, step = await first_step(house)
    assert (await second(client, step, code_of(house, secret, steps=steps))).status_code == status


async def test_recovery_code_opens_once_and_only_its_hash_is_kept(house: House) -> None:
    await house.user(Role.OPERATOR)
    _, codes = await enrol(house, await house.log_in())
    assert len(set(codes)) == decide.RECOVERY_CODES
    rows = str(await house.database.select(ROWS["codes"]))
    assert not any(code in rows or decide.plain_code(code) in rows for code in codes)
    client, step = await first_step(house)
    typed = codes[3].lower().replace("-", " ")
    assert (await second(client, step, typed)).status_code == 200
    assert (await client.get("/api/v1/me/factors")).json()["recovery_codes"] == decide.RECOVERY_CODES - 1
    other, step = await first_step(house)
    assert (await second(other, step, codes[3])).status_code == 401


async def test_codes_are_guessed_in_vain(house: House) -> None:
    await house.user(Role.OPERATOR)
    secret, codes = await enrol(house, await house.log_in())
    client, step = await first_step(house)
    answers = [await second(client, step, f"00000{n}" if n % 2 else f"WRONG-{n}") for n in range(8)]
    assert [answer.status_code for answer in answers][:5] == [401] * 5
    assert answers[-1].status_code == 429
    for right in (code_of(house, secret), codes[0]):
        assert (await second(client, step, right)).status_code == 429, "the right one must wait, too"
    assert (await house.client().post("/api/v1/login", json=LOG_IN)).status_code == 200, "and the password need not"


@pytest.mark.parametrize("words", ["second step of {}", "Second step of {}", "SECOND STEP OF {}"])
async def test_strangers_do_not_lock_a_second_factor(house: House, words: str) -> None:
    user_id = await house.user(Role.OPERATOR)
    secret, _ = await enrol(house, await house.log_in())
    for number in range(12):
        with contextlib.suppress(Unauthenticated, TooManyRequests):
            await house.services.accounts.login(words.format(user_id), "x", address=f"192.0.2.{number}")
    client, step = await first_step(house)
    assert (await second(client, step, code_of(house, secret))).status_code == 200


async def test_step_is_of_one_user_and_short_lived(house: House) -> None:
    await house.user(Role.OPERATOR)
    secret, _ = await enrol(house, await house.log_in())
    client, step = await first_step(house)
    for wrong in ("x", "v1:00", step[:-2] + ("00" if step[-2:] != "00" else "11"), step.upper(), step + " "):
        assert (await second(client, wrong, code_of(house, secret))).status_code == 401
    house.clock.advance(601)
    assert (await second(client, step, code_of(house, secret))).status_code == 401


async def test_secret_is_sealed_and_shown_only_while_it_is_set_up(house: House) -> None:
    await house.user(Role.OPERATOR)
    client = await house.log_in()
    secret, _ = await enrol(house, client)
    rows = str(await house.database.select(ROWS["totp"]))
    assert secret.hex() not in rows
    assert decide.secret_text(secret) not in rows
    assert (await client.post("/api/v1/me/factors/totp", json={"proof": LOG_IN["password"]})).status_code == 409


async def test_enrolling_ends_other_log_ins_and_renews_this_one(house: House) -> None:
    await house.user(Role.OPERATOR)
    client, other = await house.log_in(), await house.log_in()
    before = client.cookies["ingufu_session"]
    await enrol(house, client)
    assert client.cookies["ingufu_session"] != before
    assert (await client.get("/api/v1/me")).status_code == 200
    assert (await other.get("/api/v1/me")).status_code == 401
    old = house.client()
    old.cookies.set("ingufu_session", before)
    assert (await old.get("/api/v1/me")).status_code == 401


async def test_removing_the_app_needs_the_password_or_a_code(house: House) -> None:
    await house.user(Role.OPERATOR)
    client = await house.log_in()
    secret, _ = await enrol(house, client)
    for proof in ("", "wrong", "000000"):
        answer = await client.post("/api/v1/me/factors/totp/remove", json={"proof": proof})
        assert answer.status_code == 422, proof
        assert answer.json()["code"] == "invalid-input"
    proof = code_of(house, secret)
    assert (await client.post("/api/v1/me/factors/totp/remove", json={"proof": proof})).status_code == 204
    assert await house.database.select(ROWS["codes"]) == []
    assert (await house.client().post("/api/v1/login", json=LOG_IN)).json()["state"] == "logged-in"


async def test_adding_a_factor_needs_the_password_when_the_log_in_is_not_fresh(house: House) -> None:
    await house.user(Role.OPERATOR)
    client = await house.log_in()
    house.clock.advance(3600)
    assert (await client.post("/api/v1/me/factors/totp", json={})).status_code == 422
    proven = await client.post("/api/v1/me/factors/totp", json={"proof": LOG_IN["password"]})
    assert proven.status_code == 201


@pytest.mark.parametrize("signing", [{"rules": SignInRules(second_factor_for=frozenset({"admin"}))}])
async def test_who_needs_a_second_factor_does_nothing_else_before(house: House, signing: Any) -> None:
    await house.user(Role.ADMIN)
    await house.user(Role.VIEWER, email="viewer@example.org")
    viewer, client = await house.log_in("viewer@example.org"), await house.log_in()
    assert (await viewer.get("/api/v1/stations")).status_code == 200
    assert (await client.get("/api/v1/me")).json()["must_enrol"] is True
    for method, path in (("GET", "/stations"), ("GET", "/users"), ("POST", "/stations"), ("PUT", "/me/password")):
        answer = await client.request(method, f"/api/v1{path}", json={"identity": "CP1"} if method != "GET" else None)
        assert answer.status_code == 403, path
        assert answer.json()["code"] == "second-factor-missing"
    page = await client.get("/console")
    assert page.headers["location"] == "/console/account/codes"
    assert (await client.get("/console/account/codes")).status_code == 200
    secret, _ = await enrol(house, client)
    assert (await client.get("/api/v1/stations")).status_code == 200
    kept = await client.post("/api/v1/me/factors/totp/remove", json={"proof": code_of(house, secret)})
    assert kept.status_code == 409, "the last one stays where one is needed"


async def test_key_has_no_account_of_its_own(house: House, admin: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/me/factors"), ("POST", "/me/factors/totp"), ("GET", "/me/passkeys"), ("GET", "/me/sessions"),
        ("POST", "/me/sessions/end-others"),
    ):  # fmt: skip
        answer = await admin.request(method, f"/api/v1{path}", json={} if method == "POST" else None)
        assert answer.status_code == 403, path


async def test_own_log_ins_are_listed_and_ended(house: House) -> None:
    await house.user(Role.VIEWER)
    client, second_one, third = await house.log_in(), await house.log_in(), await house.log_in()
    listed = (await client.get("/api/v1/me/sessions")).json()
    assert len(listed) == 3
    assert [one["is_this"] for one in listed].count(True) == 1
    assert {one["address"] for one in listed} == {"127.0.0.1"}
    assert all(one["device"].startswith("python-httpx") and one["method"] == "password" for one in listed)
    me = (await second_one.get("/api/v1/me/sessions")).json()
    ended = next(one["id"] for one in me if one["is_this"])
    assert (await client.delete(f"/api/v1/me/sessions/{ended}")).status_code == 204
    assert (await second_one.get("/api/v1/me")).status_code == 401
    assert (await client.post("/api/v1/me/sessions/end-others")).status_code == 204
    assert (await third.get("/api/v1/me")).status_code == 401
    assert (await client.get("/api/v1/me")).status_code == 200


async def test_nobody_ends_the_log_in_of_another(house: House) -> None:
    await house.user(Role.VIEWER)
    await house.user(Role.VIEWER, email="other@example.org")
    client, other = await house.log_in(), await house.log_in("other@example.org")
    [foreign] = (await other.get("/api/v1/me/sessions")).json()
    assert (await client.delete(f"/api/v1/me/sessions/{foreign['id']}")).status_code == 404
    assert (await other.get("/api/v1/me")).status_code == 200


async def test_administrator_ends_log_ins_and_resets_second_factors(house: House, admin: httpx.AsyncClient) -> None:
    user_id = await house.user(Role.OPERATOR)
    client = await house.log_in()
    await enrol(house, client)
    found = (await admin.get(f"/api/v1/users/{user_id}/factors")).json()
    assert found == {"has_totp": True, "passkeys": 0, "recovery_codes": 10, "is_needed": False}
    assert len((await admin.get(f"/api/v1/users/{user_id}/sessions")).json()) == 1
    assert (await admin.delete(f"/api/v1/users/{user_id}/sessions")).status_code == 204
    assert (await client.get("/api/v1/me")).status_code == 401
    assert (await admin.delete(f"/api/v1/users/{user_id}/factors")).status_code == 204
    assert (await house.client().post("/api/v1/login", json=LOG_IN)).json()["state"] == "logged-in"
    actions = {row["action"] for row in await house.database.select(select(audit))}
    assert {"user.add_app", "user.reset_factors", "user.end_logins", "login.begin"} <= actions


# Invitations and ways back in, without a mail server: links are handed over


async def invited(house: House, email: str = "new@example.org") -> str:
    async with house.database.work() as work:
        user = await house.services.accounts.create_user(
            work, organisation_id=house.organisation_id, email=email, name="New", grants=[RoleGrant(role=Role.VIEWER)]
        )
    return user.id


def token_in(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


async def test_invited_choose_a_password_once(house: House, admin: httpx.AsyncClient) -> None:
    user_id = await invited(house)
    first = (await admin.post(f"/api/v1/users/{user_id}/invitation")).json()
    made = (await admin.post(f"/api/v1/users/{user_id}/invitation")).json()
    assert (made["is_mailed"], made["hours"]) == (False, 168)
    assert made["link"].startswith(f"{house.url}/console/invitation?token=")
    token = token_in(made["link"])
    assert token not in str(await house.database.select(ROWS["links"]))
    client = house.client()
    old = await client.post("/api/v1/invitation", json={"token": token_in(first["link"]), "password": NEW})
    assert old.status_code == 404, "the later link makes the earlier one void"
    weak = await client.post("/api/v1/invitation", json={"token": token, "password": "password"})
    assert weak.status_code == 422
    answer = await client.post("/api/v1/invitation", json={"token": token, "password": NEW})
    assert answer.status_code == 200
    assert (await client.get("/api/v1/me")).json()["name"] == "New"
    again = await house.client().post("/api/v1/invitation", json={"token": token, "password": NEW})
    assert again.status_code == 404
    assert (await admin.post(f"/api/v1/users/{user_id}/invitation")).status_code == 409


async def test_link_expires_and_is_of_its_kind(house: House, admin: httpx.AsyncClient) -> None:
    user_id = await house.user(Role.VIEWER)
    link = (await admin.post(f"/api/v1/users/{user_id}/password-reset")).json()["link"]
    body = {"token": token_in(link), "password": NEW}
    assert (await house.client().post("/api/v1/invitation", json=body)).status_code == 404
    house.clock.advance(3601)
    assert (await house.client().post("/api/v1/reset", json=body)).status_code == 404


async def test_reset_ends_log_ins_and_keeps_the_second_factor(house: House, admin: httpx.AsyncClient) -> None:
    user_id = await house.user(Role.OPERATOR)
    client = await house.log_in()
    await enrol(house, client)
    links = [(await admin.post(f"/api/v1/users/{user_id}/password-reset")).json()["link"] for _ in range(2)]
    body = {"token": token_in(links[0]), "password": NEW}
    assert (await house.client().post("/api/v1/reset", json=body)).status_code == 204
    assert (await client.get("/api/v1/me")).status_code == 401
    assert (await house.client().post("/api/v1/login", json=LOG_IN)).status_code == 401
    answer = await house.client().post("/api/v1/login", json=LOG_IN | {"password": NEW})
    assert answer.json()["state"] == "second-factor-needed"
    other = {"token": token_in(links[1]), "password": "another fine long phrase"}
    assert (await house.client().post("/api/v1/reset", json=other)).status_code == 404, "all links go with one"


async def test_another_password_makes_links_void_and_the_present_one_is_guessed_in_vain(
    house: House, admin: httpx.AsyncClient
) -> None:
    user_id = await house.user(Role.VIEWER)
    link = (await admin.post(f"/api/v1/users/{user_id}/password-reset")).json()["link"]
    client = await house.log_in()
    right = {"old": LOG_IN["password"], "new": NEW}
    assert (await client.put("/api/v1/me/password", json=right)).status_code == 204
    body = {"token": token_in(link), "password": "another fine long phrase"}
    assert (await house.client().post("/api/v1/reset", json=body)).status_code == 404
    statuses = [
        (await client.put("/api/v1/me/password", json=right | {"old": f"guess {n}"})).status_code for n in range(7)
    ]
    assert statuses[0] == 422
    assert statuses[-1] == 429


async def test_tokens_are_guessed_in_vain(house: House, admin: httpx.AsyncClient) -> None:
    user_id = await house.user(Role.VIEWER)
    link = (await admin.post(f"/api/v1/users/{user_id}/password-reset")).json()["link"]
    client = house.client()
    answers = [await client.post("/api/v1/reset", json={"token": f"guess{n}", "password": NEW}) for n in range(24)]
    assert answers[0].status_code == 404
    assert answers[-1].status_code == 429
    right = {"token": token_in(link), "password": NEW}
    assert (await client.post("/api/v1/reset", json=right)).status_code == 429


async def test_forgotten_password_is_answered_alike_for_everybody(house: House) -> None:
    await house.user(Role.VIEWER)
    answers = [
        await house.client().post("/api/v1/forgot", json={"email": email})
        for email in ("keza@example.org", "nobody@example.org")
    ]
    assert [(one.status_code, one.content) for one in answers] == [(204, b"")] * 2
    pages = [
        await house.client().post("/console/forgot", data={"email": email})
        for email in ("keza@example.org", "nobody@example.org")
    ]
    assert re.sub(r'"now": \d+', "", pages[0].text) == re.sub(r'"now": \d+', "", pages[1].text)
    statuses = [
        (await house.client().post("/api/v1/forgot", json={"email": f"{n}@example.org"})).status_code for n in range(8)
    ]
    assert statuses[-1] == 429


async def test_addresses_of_one_subscriber_ask_for_as_many_ways_back_as_one(house: House) -> None:
    ask = house.services.sign_in.links.ask_reset
    for number in range(MOST_OF_ADDRESS):
        await ask("keza@example.org", f"2001:db8::{number:x}")
    with pytest.raises(TooManyRequests):
        await ask("keza@example.org", "2001:db8::1:1")
    await ask("keza@example.org", "2001:db8:0:1::1")


# Cookies and headers


@pytest.mark.parametrize("settings", [{"public_url": "https://csms.example.org"}])
async def test_by_tls_the_cookie_is_of_this_host_alone(house: House, settings: Any) -> None:
    await house.user(Role.OPERATOR)
    answer = await house.client().post("/api/v1/login", json=LOG_IN)
    cookie = answer.headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert cookie.startswith("__Host-ingufu_session=")
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= parts
    assert not any(part.startswith("domain") for part in parts)
    secret = cookie.partition(";")[0].partition("=")[2]
    by_name = {
        name: (await house.client(Cookie=f"{name}={secret}").get("/api/v1/me")).status_code
        for name in ("__Host-ingufu_session", "ingufu_session")
    }
    assert by_name == {"__Host-ingufu_session": 200, "ingufu_session": 401}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_pages_of_others_log_nobody_in(house: House, headers: dict[str, str]) -> None:
    await house.user(Role.OPERATOR)
    for path, body in (
        ("/login", LOG_IN),
        ("/login/second-factor", {"step": "x", "code": "1"}),
        ("/login/passkey", {"state": "x", "credential": {}}),
        ("/login/passkey-options", {}),
        ("/forgot", {"email": "a@b.c"}),
        ("/reset", {"token": "x", "password": "y"}),
        ("/invitation", {"token": "x", "password": "y"}),
    ):
        answer = await house.client().post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == 403, path
    for path in ("/login", "/login/second-step", "/forgot", "/reset", "/invitation"):
        answer = await house.client().post(f"/console{path}", data=LOG_IN, headers=headers)
        assert answer.status_code == 403, path
    own = {"Origin": house.url, "Sec-Fetch-Site": "same-origin"}
    assert (await house.client().post("/api/v1/login", json=LOG_IN, headers=own)).status_code == 200


async def test_session_of_a_step_before_is_never_carried_on(house: House) -> None:
    await house.user(Role.OPERATOR)
    planted = house.client()
    planted.cookies.set("ingufu_session", "planted")
    answer = await planted.post("/api/v1/login", json=LOG_IN)
    assert "planted" not in answer.headers["set-cookie"]
    assert len(await house.database.select(select(logins))) == 1
