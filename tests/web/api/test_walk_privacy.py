"""Who charged is not a host's affair: no answer and no page of theirs tells a driver's name or a whole card number."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx

from ingufu.accounts.model import OrganisationKind, Role, Scope
from web.api.conftest import House
from web.api.test_walk_pages import QUERIES as PAGE_QUERIES
from web.api.test_walk_pages import browser_of, pages, streams, target_of
from web.api.test_walk_roles import world
from web.api.walking import ENDLESS, FILLINGS, Operation, Standing, operations
from web.api.world import Side, World, key_of

HOST = Standing(Role.HOST, OrganisationKind.HOST)
EXPORTS = ("csv", "parquet")
__all__ = ["world"]


async def test_no_answer_tells_a_host_who_charged(world: World) -> None:
    client, found, told = await _host(world), [], 0
    for operation, asked in readings_of(world.one):
        answer = await client.get(**asked)
        found += _tells(operation.id, answer, world.one)
        told += answer.status_code == 200
    assert not found, "\n".join(found)
    assert told > 60


async def test_no_page_tells_a_host_who_charged(world: World) -> None:
    browser, found, told = await browser_of(world, HOST), [], 0
    for route in pages("GET"):
        target = None if streams(route) else target_of(route, world.one)
        if target is not None:
            answer = await browser.get(target, params=PAGE_QUERIES.get(route.name))
            found += _tells(route.name, answer, world.one)
            told += answer.status_code == 200
    assert not found, "\n".join(found)
    assert told > 20


async def _host(world: World, *more: Scope) -> httpx.AsyncClient:
    key = await key_of(world, Role.HOST, kind=OrganisationKind.HOST, side=world.one, more=more)
    return world.house.client(key)


def readings_of(side: Side) -> Iterator[tuple[Operation, dict[str, Any]]]:
    """Yield every reading that a host may ask for of the side's objects."""
    for operation in operations():
        known = all(name in FILLINGS or name in side.ids for name in operation.parameters)
        if operation.method == "get" and known and HOST.may(operation) and operation.id not in ENDLESS:
            asked = operation.request(side)
            asked.pop("method")
            yield operation, asked


def _tells(name: str, answer: httpx.Response, side: Side) -> list[str]:
    text = answer.content.decode(errors="replace") if answer.status_code == 200 else ""  # others echo the address
    return [
        f"{name} tells {mark}: {text[max(0, text.find(mark) - 90) :][:190]!r}" for mark in side.personal if mark in text
    ]


async def test_a_host_is_told_the_end_of_a_card(world: World) -> None:
    client = await _host(world)
    [session, _] = (await client.get("/api/v1/transactions", params={"sort": "started_at"})).json()["items"]
    assert (session["token_value"], session["token_kind"]) == ("…lpha", "ISO14443")
    assert session["driver_name"] is session["driver_id"] is session["token_id"] is None


async def test_a_host_is_told_the_end_of_a_card_for_which_a_start_was_asked(world: World) -> None:
    client, ids = await _host(world), world.one.ids
    starts = (await client.get(f"/api/v1/stations/{ids['station']}/starts")).json()["items"]
    assert [(one["state"], one["token_value"]) for one in starts] == [("asked", "…lpha"), ("started", "…lpha")]
    control = (await client.get(f"/api/v1/transactions/{ids['transaction_id']}/control")).json()
    assert control["start"]["token_value"] == "…lpha"
    page = await (await browser_of(world, HOST)).get(f"/console/stations/{ids['station']}")
    assert "…lpha" in page.text


async def test_no_host_finds_out_who_charged_by_looking_for_names(world: World) -> None:
    browser = await browser_of(world, HOST)
    for word in ("CARD-Al", "Driver Al", "Customer Al"):
        for page in ("sessions", "invoices", "charge-records"):
            found = await browser.get(f"/console/{page}", params={"q": word})
            assert found.status_code == 200
            assert world.one.ids["transaction_id"] not in found.text, f"{page} finds {word}"
            assert world.one.ids["document_id"] not in found.text, f"{page} finds {word}"
        hits = (await browser.get("/api/v1/search", params={"q": word})).json()
        assert world.one.ids["transaction_id"] not in str(hits)
        documents = (await browser.get("/api/v1/invoices", params={"q": word})).json()["items"]
        assert documents == []


async def test_a_paper_says_to_a_host_for_whom_it_is_only_where_that_is_allowed(world: World) -> None:
    path = f"/api/v1/invoices/{world.one.ids['document_id']}/html"
    assert "Customer Alpha" not in (await (await _host(world)).get(path)).text
    assert "Customer Alpha" in (await (await _host(world, Scope.DRIVERS_READ)).get(path)).text


async def test_the_operator_can_let_a_host_see_who_charged(world: World) -> None:
    client = await _host(world, Scope.DRIVERS_READ)
    rows = (await client.get("/api/v1/transactions")).json()["items"]
    assert {(row["token_value"], row["driver_name"]) for row in rows} == {("CARD-Alpha", "Driver Alpha")}
    record = (await client.get(f"/api/v1/charge-records/{world.one.ids['record_id']}")).json()["record"]
    assert record["snapshot"]["driver_name"] == "Driver Alpha"
    assert [mark for mark in world.two.marks if mark in str(rows)] == []


async def test_live_events_tell_a_host_nothing_of_who_charged(house: House, world: World) -> None:
    seen: dict[str, str] = {}
    for name, more in (("host", ()), ("allowed", (Scope.DRIVERS_READ,))):
        client = await _host(world, *more)
        async with client.stream("GET", "/api/v1/live", params={"last_event_id": 0}) as stream:
            told = ""
            async with asyncio.timeout(20):
                async for line in stream.aiter_lines():
                    told += line
                    if "ChargeRecordIssued" in told and '"details"' in line and "ChargeRecord" in line:
                        break
        seen[name] = told
    driver_id = world.one.ids["driver_id"]
    assert driver_id in seen["allowed"]
    assert driver_id not in seen["host"]
