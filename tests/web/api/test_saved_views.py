"""Saved views: a list's address under a name, for oneself or for the organisation, in one's own order."""

import asyncio
from typing import Any

import httpx
import pytest

from ingufu.accounts.model import Role
from web.api.conftest import House
from web.api.engines import both_engines

STATIONS = "/console/stations"
FAULTED = f"{STATIONS}?status=faulted"


async def saved(client: httpx.AsyncClient, name: str, address: str = FAULTED, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/saved-views", json={"name": name, "address": address, **more})
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def names(client: httpx.AsyncClient, page: str = STATIONS) -> list[str]:
    return [view["name"] for view in (await client.get("/api/v1/saved-views", params={"page": page})).json()]


async def person(house: House, role: Role, email: str) -> httpx.AsyncClient:
    await house.user(role, email=email)
    return await house.log_in(email)


@both_engines
async def test_view_is_saved_renamed_made_the_default_and_deleted(house: House) -> None:
    client = await person(house, Role.OPERATOR, "keza@example.org")
    view = await saved(client, "  Broken   ones ", f"{STATIONS}?cursor=abc&status=faulted&q=&site=x&view=1")
    assert (view["name"], view["address"], view["is_default"]) == ("Broken ones", f"{FAULTED}&site=x", False)
    path = f"/api/v1/saved-views/{view['id']}"
    changed = await client.patch(path, json={"name": "Faulted", "address": FAULTED, "is_default": True})
    assert {name: changed.json()[name] for name in ("name", "address", "is_default")} == {
        "name": "Faulted", "address": FAULTED, "is_default": True,
    }  # fmt: skip
    assert (await client.get(path)).json() == changed.json()
    assert (await client.patch(path, json={"is_default": False})).json()["is_default"] is False
    assert (await client.delete(path)).status_code == 204
    assert (await client.delete(path)).status_code == 404
    assert await names(client) == []


@both_engines
async def test_same_name_twice_is_told_to_the_second_also_when_both_come_at_once(house: House) -> None:
    client = await person(house, Role.OPERATOR, "keza@example.org")
    asked = [
        client.post("/api/v1/saved-views", json={"name": name, "address": FAULTED}) for name in ("Faulted", "FAULTED")
    ]
    first, second = sorted([answer.status_code for answer in await asyncio.gather(*asked)])
    assert (first, second) == (201, 409)
    again = await client.post("/api/v1/saved-views", json={"name": "faulted", "address": STATIONS})
    assert again.status_code == 409
    assert "already" in again.json()["detail"]
    other = await saved(client, "Other")
    taken = await client.patch(f"/api/v1/saved-views/{other['id']}", json={"name": "faulted"})
    assert taken.status_code == 409
    await saved(client, "Faulted", "/console/sessions?odd=yes")  # on another page
    assert len(await names(client)) == 2


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/console/stations", "//evil.example/console/stations", "/console/stations/../login",
        "/console/stations/new", "/console/login?next=x", "/api/v1/stations", "/console/stations?nonsense=1",
        "/console/stations?status=banana", "/console/stations?q=a&q=b", "javascript:alert(1)", "/console\\stations",
        "/console/stations?q=" + "a" * 3000, "/console/sessions.csv", "/console/live/stations", "stations",
        "/console/stations\n?q=1", "/console/ledger/entries\x00",
    ],
)  # fmt: skip
async def test_only_addresses_of_list_pages_are_saved(house: House, address: str) -> None:
    client = await person(house, Role.OPERATOR, "keza@example.org")
    answer = await client.post("/api/v1/saved-views", json={"name": "x", "address": address})
    assert answer.status_code in {400, 422}, answer.text
    assert await names(client) == []


async def test_view_of_the_organisation_is_shown_to_all_and_changed_by_few(house: House) -> None:
    keza = await person(house, Role.OPERATOR, "keza@example.org")
    jean = await person(house, Role.VIEWER, "jean@example.org")
    mine = await saved(keza, "Mine")
    ours = await saved(keza, "Ours", is_shared=True, is_default=True)
    assert await names(keza) == ["Mine", "Ours"]
    (seen,) = (await jean.get("/api/v1/saved-views")).json()
    assert (seen["name"], seen["is_mine"], seen["is_default"]) == ("Ours", False, False)  # the default is one's own
    for view, status in ((mine, 404), (ours, 403)):
        path = f"/api/v1/saved-views/{view['id']}"
        assert (await jean.patch(path, json={"name": "x"})).status_code == status
        assert (await jean.delete(path)).status_code == status
    assert (await jean.get(f"/api/v1/saved-views/{mine['id']}")).status_code == 404
    await saved(jean, "Ours")  # among one's own
    refused = await jean.post("/api/v1/saved-views", json={"name": "All", "address": FAULTED, "is_shared": True})
    assert refused.status_code == 403
    assert (await jean.patch(f"/api/v1/saved-views/{ours['id']}", json={"is_default": True})).json()["is_default"]


async def test_everybody_has_their_own_order(house: House) -> None:
    keza = await person(house, Role.OPERATOR, "keza@example.org")
    jean = await person(house, Role.OPERATOR, "jean@example.org")
    views = [await saved(keza, name, is_shared=True) for name in ("A", "B", "C")]
    order = [views[index]["id"] for index in (2, 0)]
    answer = await keza.post("/api/v1/saved-views/order", json={"page": STATIONS, "order": order})
    assert [view["name"] for view in answer.json()] == ["C", "A", "B"]
    assert await names(jean) == ["A", "B", "C"]
    for wrong in ([*order, order[0]], [*order, "nothing"]):
        again = await keza.post("/api/v1/saved-views/order", json={"page": STATIONS, "order": wrong})
        assert again.status_code in {400, 422}
    await keza.delete(f"/api/v1/saved-views/{order[0]}")
    assert await names(keza) == ["A", "B"]


async def test_page_that_one_may_not_open_has_no_views(house: House) -> None:
    site = await house.site("Kigali")
    await house.user(Role.OPERATOR, site)
    client = await house.log_in()
    answer = await client.post("/api/v1/saved-views", json={"name": "Cards", "address": "/console/tokens?q=x"})
    assert answer.status_code in {400, 422}


async def test_there_is_an_end_to_views(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingufu.desk.service.MOST", 2)
    client = await person(house, Role.OPERATOR, "keza@example.org")
    for name in ("A", "B"):
        await saved(client, name)
    answer = await client.post("/api/v1/saved-views", json={"name": "C", "address": FAULTED})
    assert answer.status_code == 409
    assert "delete one" in answer.json()["detail"]
