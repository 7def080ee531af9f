"""Passkeys against a server that believes nothing: challenges, origins, counters, owners."""

from typing import Any

import httpx
import pytest

from ingufu.accounts.model import Role
from web.api.authenticator import PRESENT, VERIFIED, Authenticator
from web.api.conftest import House

URL = "https://csms.example.org"
pytestmark = pytest.mark.parametrize("settings", [{"public_url": URL}], ids=[""])
COOKIE = "__Host-ingufu_session"


async def log_in(house: House, email: str = "keza@example.org") -> httpx.AsyncClient:
    """Return a client with the cookie of a log-in by TLS, as a proxy before us would have it."""
    answer = await house.client().post("/api/v1/login", json={"email": email, "password": "correct horse battery"})
    assert answer.json()["state"] == "logged-in", answer.text
    secret = answer.headers["set-cookie"].partition(";")[0]
    return house.client(**{"Cookie": secret, "X-CSRF-Token": answer.json()["csrf_token"]})


async def add(client: httpx.AsyncClient, key: Authenticator) -> httpx.Response:
    asked = (await client.post("/api/v1/me/passkeys/options", json={})).json()
    body = {"state": asked["state"], "credential": key.make(asked["options"]), "name": "Telephone"}
    return await client.post("/api/v1/me/passkeys", json=body)


async def ask(house: House, step: str | None = None) -> dict[str, Any]:
    answer = await house.client().post("/api/v1/login/passkey-options", json={"step": step})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def use(house: House, asked: dict[str, Any], credential: Any, step: str | None = None) -> httpx.Response:
    body = {"state": asked["state"], "credential": credential, "step": step}
    return await house.client().post("/api/v1/login/passkey", json=body)


@pytest.fixture
async def key(house: House) -> Authenticator:
    """The passkey of a user."""
    await house.user(Role.OPERATOR)
    made = Authenticator(URL)
    added = await add(await log_in(house), made)
    assert added.status_code == 201, added.text
    return made


async def test_passkey_signs_in_and_its_challenge_is_good_once(house: House, key: Authenticator) -> None:
    asked = await ask(house)
    assert asked["options"]["rpId"] == "csms.example.org"
    assert asked["options"]["userVerification"] == "required"
    assert asked["options"].get("allowCredentials", []) == [], "nobody learns who has which"
    credential = key.sign(asked["options"])
    assert (await use(house, asked, credential)).status_code == 200
    assert (await use(house, asked, credential)).status_code == 401
    assert (await use(house, await ask(house), credential)).status_code == 401, "an old answer to a new question"
    failed = await ask(house)
    assert (await use(house, failed, {"id": "x"})).status_code == 401
    assert (await use(house, failed, key.sign(failed["options"]))).status_code == 401, "wrong answers use it up, too"


async def test_challenge_is_short_lived(house: House, key: Authenticator) -> None:
    asked = await ask(house)
    house.clock.advance(301)
    assert (await use(house, asked, key.sign(asked["options"]))).status_code == 401


@pytest.mark.parametrize(
    "lie",
    [
        {"origin": "https://csms.example.org.evil.example"},
        {"origin": "http://csms.example.org"},
        {"flags": PRESENT},  # the person was not verified
        {"flags": VERIFIED},  # nobody was there
        {"step": 0},  # the counter stands still: a copy
        {"count": -1},  # or goes back
        {"credential_id": b"somebody else's!"},
    ],
    ids=str,
)
async def test_passkey_that_is_not_what_it_says_is_refused(house: House, key: Authenticator, lie: dict) -> None:
    asked = await ask(house)
    assert (await use(house, asked, key.sign(asked["options"]))).status_code == 200
    for name, value in lie.items():
        setattr(key, name, value)
    asked = await ask(house)
    assert (await use(house, asked, key.sign(asked["options"]))).status_code == 401


async def test_key_of_a_forger_is_refused(house: House, key: Authenticator) -> None:
    forger = Authenticator(URL, credential_id=key.credential_id, user_handle=key.user_handle, count=50)
    asked = await ask(house)
    assert (await use(house, asked, forger.sign(asked["options"]))).status_code == 401
    asked = await ask(house)
    spoilt = key.sign(asked["options"], handle="c29tZWJvZHk")
    assert (await use(house, asked, spoilt)).status_code == 401
    changed = dict(asked["options"], rpId="evil.example")
    asked = await ask(house)
    assert (await use(house, asked, key.sign(changed))).status_code == 401


async def test_passkey_is_the_second_step_of_its_owner_alone(house: House, key: Authenticator) -> None:
    await house.user(Role.ADMIN, email="other@example.org")
    other = Authenticator(URL, credential_id=b"credential-other")
    assert (await add(await log_in(house, "other@example.org"), other)).status_code == 201
    body = {"email": "keza@example.org", "password": "correct horse battery"}
    first = (await house.client().post("/api/v1/login", json=body)).json()
    assert first["factors"] == ["passkey"]
    step = first["step"]
    asked = await ask(house, step)
    assert [one["id"] for one in asked["options"]["allowCredentials"]] == [key.sign(asked["options"])["id"]]
    assert (await use(house, asked, other.sign(asked["options"]), step)).status_code == 401
    without = await ask(house)
    assert (await use(house, without, key.sign(without["options"]), step)).status_code == 401, "asked for otherwise"
    asked = await ask(house, step)
    assert (await use(house, asked, key.sign(asked["options"]))).status_code == 401, "needs its first step"
    key.flags = PRESENT  # the password has shown who it is
    asked = await ask(house, step)
    assert (await use(house, asked, key.sign(asked["options"]), step)).status_code == 200


async def test_passkeys_are_named_removed_and_of_their_owner(house: House, key: Authenticator) -> None:
    asked = await ask(house)
    answer = await use(house, asked, key.sign(asked["options"]))
    secret = answer.headers["set-cookie"].partition(";")[0]
    client = house.client(**{"Cookie": secret, "X-CSRF-Token": answer.json()["csrf_token"]})
    [listed] = (await client.get("/api/v1/me/passkeys")).json()
    assert listed["name"] == "Telephone"
    path = f"/api/v1/me/passkeys/{listed['id']}"
    assert (await client.patch(path, json={"name": "Old telephone"})).status_code == 204
    await house.user(Role.ADMIN, email="other@example.org")
    other = await log_in(house, "other@example.org")
    assert (await other.patch(path, json={"name": "Mine"})).status_code == 404
    proof = {"proof": "correct horse battery"}
    assert (await other.post(f"{path}/remove", json=proof)).status_code == 404
    assert (await client.post(f"{path}/remove", json={})).status_code == 422
    assert (await client.post(f"{path}/remove", json=proof)).status_code == 204
    asked = await ask(house)
    assert (await use(house, asked, key.sign(asked["options"]))).status_code == 401


async def test_new_passkey_is_checked_as_strictly(house: House, key: Authenticator) -> None:
    client = await log_in_with(house, key)
    assert (await add(client, key)).status_code == 409, "known already"
    for lie in ({"origin": "https://evil.example"}, {"flags": PRESENT}):
        assert (
            await add(client, Authenticator(**({"origin": URL, "credential_id": b"x" * 16} | lie)))
        ).status_code == 422
    asked = (await client.post("/api/v1/me/passkeys/options", json={})).json()
    fresh = Authenticator(URL, credential_id=b"credential-0002!")
    body = {"state": asked["state"], "credential": fresh.make(asked["options"])}
    await house.user(Role.ADMIN, email="other@example.org")
    other = await log_in(house, "other@example.org")
    assert (await other.post("/api/v1/me/passkeys", json=body)).status_code == 401, "asked by somebody else"
    assert (await client.post("/api/v1/me/passkeys", json=body)).status_code == 401, "and used up by that"


async def log_in_with(house: House, key: Authenticator) -> httpx.AsyncClient:
    asked = await ask(house)
    answer = await use(house, asked, key.sign(asked["options"]))
    secret = answer.headers["set-cookie"].partition(";")[0]
    return house.client(**{"Cookie": secret, "X-CSRF-Token": answer.json()["csrf_token"]})


async def test_rubbish_for_answers_breaks_nothing(house: House, key: Authenticator) -> None:
    for rubbish in (
        {}, {"id": 7}, {"id": "x", "response": "no"}, {"id": None, "response": {"clientDataJSON": []}},
        {**key.sign((await ask(house))["options"]), "response": {"clientDataJSON": "e30", "authenticatorData": "AA"}},
        {**key.sign((await ask(house))["options"]), "rawId": "!!", "type": 5},
    ):  # fmt: skip
        assert (await use(house, await ask(house), rubbish)).status_code in {401, 429}
