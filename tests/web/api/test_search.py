"""Search finds everything by name and number, for those who may see it, and nothing else."""

from typing import Any

import httpx
import pytest

from ingufu.accounts.model import Role, Scope
from web.api.conftest import House
from web.api.engines import both_engines
from web.console.network import Network, seed


@pytest.fixture
async def net(house: House) -> Network:
    return await seed(house.services, house.organisation_id, house.clock.now(), hostile=True)


async def found(client: httpx.AsyncClient, text: str, **more: Any) -> list[tuple[str, str, str]]:
    answer = await client.get("/api/v1/search", params={"q": text, **more})
    assert answer.status_code == 200, answer.text
    return [(hit["kind"], hit["title"], hit["fit"]) for hit in answer.json()["items"]]


@both_engines
async def test_things_are_found_by_name_and_number_the_best_first(house: House, net: Network) -> None:
    client = house.client(await house.key())
    assert await found(client, "nya-01") == [("station", "NYA-01", "exact")]
    assert await found(client, " NYA-0 ") == [("station", f"NYA-0{number}", "begins") for number in (1, 2, 3)]
    assert ("site", "Kigali Heights", "begins") in await found(client, "kigali")
    heights = await found(client, "kigali heights")
    assert heights[0] == ("site", "Kigali Heights", "exact")  # exact before what only stands there
    assert ("station", "KIG-01", "inside") in heights
    assert await found(client, "uwase", kind="driver") == [("driver", "Diane Uwase", "word")]
    assert await found(client, "diane u") == [("driver", "Diane Uwase", "begins")]
    card = net.tokens[0]
    assert (await found(client, card.lower()))[0] == ("card", card, "exact")
    session = net.sessions["NYA-02-1-5"]
    hits = (await client.get("/api/v1/search", params={"q": session})).json()["items"]
    assert [(hit["kind"], hit["id"]) for hit in hits] == [("session", session)]
    assert "NYA-02" in hits[0]["detail"]
    reference = hits[0]["title"]
    assert session in {
        hit["id"] for hit in (await client.get("/api/v1/search", params={"q": reference})).json()["items"]
    }
    assert await found(client, "no such thing") == await found(client, "   ") == []


@pytest.mark.parametrize("text", ["%", "_", "\\", "'; --", "😀", "a" * 100, "\x00", "9" * 40, "<script>"])
async def test_odd_texts_are_only_texts(house: House, net: Network, text: str) -> None:
    client = house.client(await house.key())
    assert all(kind in {"station", "driver", "card", "session"} for kind, _, _ in await found(client, text))


async def test_too_long_a_text_is_refused(house: House) -> None:
    answer = await house.client(await house.key()).get("/api/v1/search", params={"q": "a" * 101})
    assert answer.status_code in {400, 422}


async def test_of_each_kind_so_many_are_told(house: House, net: Network) -> None:
    for number in range(30):
        await house.station(f"BIG-{number:02}")
    client = house.client(await house.key())
    assert len(await found(client, "big-")) == 6
    assert len(await found(client, "big-", limit=20)) == 20
    assert await found(client, "big-07") == [("station", "BIG-07", "exact")]


async def test_who_sees_one_site_finds_what_is_there_alone(house: House, net: Network) -> None:
    await house.user(Role.OPERATOR, net.sites["Kigali Heights"])
    client = await house.log_in()
    assert {title for _, title, _ in await found(client, "kig-0")} == {"KIG-01", "KIG-02", "KIG-03"}
    for text in ("nya-01", "nyarutarama", "musanze", "uwase", net.tokens[0], net.sessions["NYA-02-1-5"]):
        assert await found(client, text) == [], text


async def test_each_kind_is_found_by_who_may_list_it(house: House, net: Network) -> None:
    client = house.client(await house.key(Scope.STATIONS_READ))
    assert {kind for kind, _, _ in await found(client, "kig")} <= {"station", "site"}
    assert await found(client, "uwase") == []
    assert await found(client, net.sessions["NYA-02-1-5"]) == []
    people = house.client(await house.key(Scope.USERS_READ))
    await house.user(Role.VIEWER, email="jean@example.org")
    assert await found(people, "jean@") == [("user", "Keza", "begins")]
    assert await found(client, "jean@") == []


async def test_secret_of_a_key_code_is_not_found(house: House, net: Network) -> None:
    admin = house.client(await house.key())
    made = await admin.post("/api/v1/tokens", json={"value": "4711-secret", "kind": "KeyCode"})
    assert made.status_code == 201, made.text
    assert await found(admin, "4711-secret") == []
    assert [hit for hit in await found(admin, made.json()["id"]) if "4711" in hit[1]] == []
