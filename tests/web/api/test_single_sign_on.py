"""Single sign-on against a provider over HTTP: who is let in, and every answer that is forged, stale or mixed up."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import select

from ingufu.accounts.model import OrganisationKind, Role
from ingufu.accounts.sign_in.model import Provider, RoleRule, SignInRules
from ingufu.accounts.sign_in.service import SignIn
from ingufu.accounts.sign_in.tables import linked_identities
from ingufu.accounts.tables import users
from web.api.conftest import House, make_services
from web.api.identity_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider, serving_provider

LINKED = select(linked_identities)
USERS = select(users)


@pytest.fixture
async def provider(house: House) -> AsyncIterator[FakeProvider]:
    async with serving_provider(house.clock) as provider:
        yield provider


@pytest.fixture
def trust(house: House, provider: FakeProvider) -> Any:
    """Has the house trust the provider, with these of its settings otherwise."""

    def trust(*, rules: SignInRules | None = None, **changes: Any) -> None:
        base = {"name": "corp", "label": "Log in with Corp", "issuer": provider.url, "client_id": CLIENT_ID}
        named = Provider(**(base | {"client_secret": CLIENT_SECRET} | changes))
        other = Provider(**(base | {"name": "other", "client_secret": CLIENT_SECRET}))
        rules = rules or SignInRules(allows_private_providers=True)
        made = make_services(house.database, house.clock, house.services.ids, rules=rules, providers=(named, other))
        house.services.sign_in.single_sign_on = made.sign_in.single_sign_on
        assert isinstance(made.sign_in, SignIn)

    trust()
    return trust


async def depart(client: httpx.AsyncClient, provider: FakeProvider, *, name: str = "corp") -> dict[str, str]:
    answer = await client.get(f"/console/login/sso/{name}?next=/console/stations")
    assert answer.status_code == 303, answer.text
    return provider.authorize(answer.headers["location"])


async def arrive(client: httpx.AsyncClient, brought: dict[str, str], *, name: str = "corp") -> httpx.Response:
    return await client.get(f"/console/login/sso/{name}/callback", params=brought)


async def come_in(house: House, provider: FakeProvider) -> tuple[httpx.AsyncClient, httpx.Response]:
    client = house.client()
    return client, await arrive(client, await depart(client, provider))


async def test_known_person_is_linked_by_a_verified_address_and_then_by_subject(house, provider, trust) -> None:
    user_id = await house.user(Role.OPERATOR)
    client, answer = await come_in(house, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/stations")
    assert (await client.get("/api/v1/me")).json()["id"] == user_id
    [linked] = await house.database.select(LINKED)
    assert (linked["issuer"], linked["subject"], linked["user_id"]) == (provider.url, "s-1", user_id)
    provider.claims = {"email": "renamed@example.org", "email_verified": False}
    client, _ = await come_in(house, provider)
    assert (await client.get("/api/v1/me")).json()["id"] == user_id
    [login] = [one for one in (await client.get("/api/v1/me/sessions")).json() if one["is_this"]]
    assert login["method"] == "sso"


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": None}, {"email_verified": "no"}])
async def test_address_that_nobody_verified_takes_no_account(house, provider, trust, claims) -> None:
    await house.user(Role.ADMIN)
    provider.claims = claims
    client, answer = await come_in(house, provider)
    assert answer.status_code == 401
    assert (await client.get("/api/v1/me")).status_code == 401
    assert await house.database.select(LINKED) == []


async def test_a_provider_of_a_host_takes_no_account_of_others(house, provider, trust) -> None:
    await house.user(Role.ADMIN)
    async with house.database.work() as work:
        host = await house.services.accounts.create_organisation(work, "Host", OrganisationKind.HOST)
        other = await house.services.accounts.create_organisation(work, "Other", OrganisationKind.HOST)
    async with house.database.work() as work:
        guest = await house.services.accounts.create_user(
            work, organisation_id=host.id, email="guest@example.org", name="Guest", roles=[Role.HOST]
        )
    rules = (RoleRule(role="host", organisation=host.id),)
    trust(admits_unknown=True, asks_second_factor=True, roles=rules)
    assert (await come_in(house, provider))[1].status_code == 401, "the operator's administrator"
    assert await house.database.select(LINKED) == []
    provider.claims = {"email": "guest@example.org", "sub": "s-2"}
    client, _ = await come_in(house, provider)
    assert (await client.get("/api/v1/me")).json()["id"] == guest.id
    trust(roles=(RoleRule(role="host", organisation=other.id),))
    provider.claims = {"email": "guest@example.org", "sub": "s-3"}
    assert (await come_in(house, provider))[1].status_code == 401, "another host's"
    trust(roles=(*rules, RoleRule(role="viewer")))
    provider.claims = {"sub": "s-4"}
    assert (await come_in(house, provider))[1].status_code == 303, "the operator's own provider"


async def test_unknown_people_stay_out_unless_a_role_is_theirs(house, provider, trust) -> None:
    provider.claims = {"email": "new@example.org", "name": "New\nPerson", "groups": ["drivers", "ops"], "sub": "s-2"}
    assert (await come_in(house, provider))[1].status_code == 401
    rules = (RoleRule(value="admins", role="admin"), RoleRule(value="ops", role="operator"))
    trust(admits_unknown=True, roles=rules)
    client, answer = await come_in(house, provider)
    assert answer.status_code == 303
    me = (await client.get("/api/v1/me")).json()
    assert me["name"] == "NewPerson"
    assert "stations:write" in me["scopes"]
    assert "users:write" not in me["scopes"]
    trust(admits_unknown=True, roles=(RoleRule(value="ops", role="viewer"),))
    client, _ = await come_in(house, provider)
    assert "stations:write" not in (await client.get("/api/v1/me")).json()["scopes"], "the provider says the role"
    provider.claims |= {"groups": []}
    assert (await come_in(house, provider))[1].status_code == 401, "and takes it away"
    assert len(await house.database.select(USERS)) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        {"aud": "another"}, {"aud": [CLIENT_ID, "another"]}, {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"iss": "https://evil.example"}, {"exp": 1}, {"exp": None}, {"iat": 1}, {"iat": 99_999_999_999},
        {"nonce": "of another log-in"}, {"nonce": None}, {"sub": None}, {"sub": ""}, {"exp": "soon"},
    ],
    ids=str,
)  # fmt: skip
async def test_token_that_is_not_for_this_log_in_is_refused(house, provider, trust, spoil) -> None:
    await house.user(Role.OPERATOR)
    provider.spoil = spoil
    client, answer = await come_in(house, provider)
    assert answer.status_code == 401
    assert "ingufu_session" not in client.cookies


async def test_forged_signatures_are_refused(house, provider, trust) -> None:
    await house.user(Role.OPERATOR)
    forger = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
    public = {"kty": "oct", "k": provider.key.as_dict(private=False)["n"]}
    for key, header in (
        (forger, {}),
        (OctKey.import_key(public), {"alg": "HS256"}),  # the public key as if it were a secret
        (None, {"alg": "none"}),
    ):
        provider.sign_with, provider.header = key, header
        assert (await come_in(house, provider))[1].status_code == 401, header


async def test_new_keys_are_fetched_when_the_provider_signs_with_one(house, provider, trust) -> None:
    await house.user(Role.OPERATOR)
    assert (await come_in(house, provider))[1].status_code == 303
    assert (await come_in(house, provider))[1].status_code == 303
    assert provider.asked_keys == 1
    provider.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"}, auto_kid=False)
    provider.published = [provider.key]
    house.clock.advance(31)
    assert (await come_in(house, provider))[1].status_code == 303
    assert provider.asked_keys == 2
    provider.sign_with = RSAKey.generate_key(2048)
    provider.header = {"kid": "three"}
    for _ in range(5):
        assert (await come_in(house, provider))[1].status_code == 401
    assert provider.asked_keys == 2, "who signs with keys that are not there makes nobody ask again and again"


async def test_answers_are_good_once_and_in_their_own_browser(house, provider, trust) -> None:
    await house.user(Role.OPERATOR)
    client, stranger = house.client(), house.client()
    kept = await depart(client, provider)
    cookie = dict(client.cookies)
    assert (await arrive(stranger, kept)).status_code == 401, "log-in CSRF: the browser has not asked"
    assert (await arrive(client, kept)).status_code == 303
    again = house.client()
    again.cookies.update(cookie)
    assert (await arrive(again, kept)).status_code == 401, "neither state nor code is good again"


async def test_mixed_up_answers_are_refused(house, provider, trust) -> None:
    await house.user(Role.OPERATOR)
    client = house.client()
    first = await depart(client, provider)
    second = await depart(client, provider)
    assert (await arrive(client, {"code": second["code"], "state": first["state"]})).status_code == 401
    brought = await depart(client, provider)
    assert (await arrive(client, brought, name="other")).status_code == 401, "the other provider's door"
    brought = await depart(client, provider) | {"iss": "https://evil.example"}
    assert (await arrive(client, brought)).status_code == 401
    await depart(client, provider)
    assert (await arrive(client, {"error": "access_denied", "state": "x"})).status_code == 401
    client = house.client()
    brought = await depart(client, provider)
    house.clock.advance(601)
    assert (await arrive(client, brought)).status_code == 401


async def test_own_second_factor_is_asked_for_unless_the_provider_is_trusted_with_it(house, provider, trust) -> None:
    await house.user(Role.ADMIN)
    rules = SignInRules(allows_private_providers=True, second_factor_for=frozenset({"admin"}))
    house.services.sign_in.factors._rules = rules
    trust(rules=rules)
    client, _ = await come_in(house, provider)
    assert (await client.get("/api/v1/me")).json()["must_enrol"] is True
    trust(rules=rules, asks_second_factor=True)
    client, _ = await come_in(house, provider)
    assert (await client.get("/api/v1/me")).json()["must_enrol"] is False


async def test_private_networks_and_absent_providers_are_told_kindly(house, provider, trust) -> None:
    trust(rules=SignInRules())
    page = await house.client().get("/console/login/sso/corp")
    assert page.status_code == 502
    assert "cannot be reached" in page.text
    assert (await house.client().get("/console/login/sso/nobody")).status_code == 404
    assert "Log in with Corp" in (await house.client().get("/console/login")).text
    listed = (await house.client().get("/api/v1/login/providers")).json()
    assert listed[0] == {"name": "corp", "label": "Log in with Corp", "address": "/console/login/sso/corp"}
