"""A site changes hands: each host has what it earned, and sees that alone."""

import asyncio
import csv
import io
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ingufu.accounts.model import OrganisationKind, Role
from ingufu.ledger.model import Earned
from ingufu.ledger.service import retried
from web.api.conftest import House
from web.api.engines import both_engines
from web.api.test_access import enter, key_for
from web.api.test_walk_pages import QUERIES as PAGE_QUERIES
from web.api.test_walk_pages import browser_of, pages, streams, target_of
from web.api.test_walk_privacy import HOST, readings_of
from web.api.test_walk_roles import world
from web.api.world import World, key_of

SPAN = {"currency": "RWF", "since": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}
__all__ = ["world"]


@pytest.fixture
async def hosts(admin: httpx.AsyncClient) -> list[Any]:
    return [await enter(admin, "organisations", name=name, kind="host") for name in ("Old", "New")]


async def own(admin: httpx.AsyncClient, host: Any, *sites: str) -> Any:
    answer = await admin.put(f"/api/v1/organisations/{host['id']}/sites", json={"site_ids": sites})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def agree(house: House, admin: httpx.AsyncClient, site: str, name: str, status: int = 201, **more: Any) -> Any:
    terms = {"site_id": site, "host_name": f"{name} Ltd", "bank_account": f"BANK-{name}", "currency": "RWF"}
    terms |= {"percent": "10", "valid_from": house.clock.now().isoformat()}
    return await enter(admin, "ledger/agreements", status, **terms | more)


async def share(house: House, site: str, record: str, net: int) -> None:
    now = house.clock.now()
    earned = Earned(
        organisation_id=house.organisation_id, record_id=record, site_id=site, at=now, started_at=now,
        currency="RWF", energy_net=Decimal(net), net=Decimal(net), gross=Decimal(net), energy_wh=Decimal(4000),
    )  # fmt: skip
    await retried(house.database, lambda work: house.services.hosts.share(work, earned))


async def items(client: httpx.AsyncClient, what: str) -> list[Any]:
    answer = await client.get(f"/api/v1/ledger/{what}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return list(found["items"] if isinstance(found, dict) else found)


@both_engines
async def test_each_host_sees_and_is_paid_what_it_earned_itself(house: House, admin, hosts) -> None:
    old, new = hosts
    site = await house.site("Mall")
    clients = [await key_for(house, admin, host, Role.HOST) for host in hosts]
    await own(admin, old, site)
    limited = await key_for(house, admin, old, Role.HOST, site_ids=[site])
    former = await agree(house, admin, site, "Old")
    assert former["host_id"] == old["id"], "the site's"
    await share(house, site, "r1", 1000)
    first = await enter(admin, "ledger/payouts", site_id=site, currency="RWF", amount="40")
    assert (first["host_id"], first["bank_account"]) == (old["id"], "BANK-Old")

    house.clock.advance(60)
    assert (await own(admin, old))["ended_agreement_ids"] == [former["id"]]
    assert (await own(admin, new, site))["ended_agreement_ids"] == []
    assert [await items(clients[1], what) for what in ("agreements", "payables", "shares", "payouts")] == [[]] * 4
    later = await agree(house, admin, site, "New")
    await share(house, site, "r2", 3000)
    second = await enter(admin, "ledger/payouts", site_id=site, currency="RWF", amount="100")
    assert (second["host_id"], second["bank_account"]) == (new["id"], "BANK-New")
    third = await enter(admin, "ledger/payouts", site_id=site, currency="RWF", host_id=old["id"])
    assert (third["amount"], third["bank_account"]) == ("60", "BANK-Old")
    await enter(admin, "ledger/payouts", 404, site_id=site, currency="RWF", host_id=None)

    mine = {"old": (former, [third, first], "100", "0"), "new": (later, [second], "300", "200")}
    for client, name in zip((clients[0], limited, clients[1]), ("old", "old", "new"), strict=True):
        agreement, payouts, shared, due = mine[name]
        assert [one["id"] for one in await items(client, "agreements")] == [agreement["id"]]
        assert [one["id"] for one in await items(client, "payouts")] == [one["id"] for one in payouts]
        assert [one["amount"] for one in await items(client, "shares")] == [shared]
        assert [(one["site_name"], one["due"]) for one in await items(client, "payables")] == [("Mall", due)]
        for payout in (first, second, third):
            found = await client.get(f"/api/v1/ledger/payouts/{payout['id']}")
            assert found.status_code == (200 if payout in payouts else 404)
        told = (await client.get("/api/v1/ledger/payouts/export.csv")).content.decode("utf-8-sig")
        assert [row["id"] for row in csv.DictReader(io.StringIO(told))] == [one["id"] for one in payouts]
        statement = (await client.get(f"/api/v1/ledger/sites/{site}/statement", params=SPAN)).json()
        assert (statement["shared"], statement["due"], statement["records"]) == (shared, due, 1)
        assert statement["paid"] == str(sum(int(one["amount"]) for one in payouts))
    other = {**SPAN, "host_id": old["id"]}
    assert (await clients[1].get(f"/api/v1/ledger/sites/{site}/statement", params=other)).status_code == 404
    assert (await admin.get(f"/api/v1/ledger/sites/{site}/statement", params=other)).json()["shared"] == "100"
    assert (await admin.get(f"/api/v1/ledger/sites/{site}/statement", params=SPAN)).json()["shared"] == "400"
    dues = [(one["host_name"], one["due"]) for one in await items(admin, "payables")]
    assert sorted(dues) == [("New Ltd", "200"), ("Old Ltd", "0")]
    accounts = (await admin.get("/api/v1/ledger/accounts?kind=payable")).json()["items"]
    assert {one["owner_name"] for one in accounts} == {"Mall · Old", "Mall · New"}
    ended = [one for one in (await admin.get("/api/v1/audit")).json()["items"] if one["action"] == "agreement.end"]
    assert [one["object_id"] for one in ended] == [former["id"]]


@both_engines
async def test_hosts_known_by_name_alone_have_a_due_and_a_statement_each(house: House, admin) -> None:
    site = await house.site("Mall")
    for number, name in enumerate(("Old", "New"), 1):
        await agree(house, admin, site, name)
        await share(house, site, f"r{number}", 1000 * number)
        house.clock.advance(60)
    dues = {(one["host_name"], one["due"]) for one in await items(admin, "payables")}
    assert dues == {("Old Ltd", "100"), ("New Ltd", "200")}
    accounts = (await admin.get("/api/v1/ledger/accounts?kind=payable")).json()["items"]
    assert {one["owner_name"] for one in accounts} == {"Mall · Old Ltd", "Mall · New Ltd"}
    asked = {"site_id": site, "currency": "RWF"}
    await enter(admin, "ledger/payouts", 409, **asked, amount="201")
    await enter(admin, "ledger/payouts", 422, **asked, host_id="some", host_name="Old Ltd")
    paid = await enter(admin, "ledger/payouts", **asked, host_name="Old Ltd")
    assert (paid["amount"], paid["bank_account"]) == ("100", "BANK-Old")
    for name, told in (("Old Ltd", ("100", "100", "0")), ("New Ltd", ("200", "0", "200"))):
        statement = await admin.get(f"/api/v1/ledger/sites/{site}/statement", params={**SPAN, "host_name": name})
        assert tuple(statement.json()[key] for key in ("shared", "paid", "due")) == told


async def test_agreement_is_with_who_owns_the_site(house: House, admin, hosts) -> None:
    old, new = hosts
    site = await house.site("Mall")
    await agree(house, admin, site, "Old", 422, host_id="nobody")
    await own(admin, old, site)
    await agree(house, admin, site, "New", 422, host_id=new["id"])
    assert (await agree(house, admin, site, "Old", host_id=old["id"]))["host_id"] == old["id"]


async def test_agreement_made_before_the_host_gets_the_site_goes_on(house: House, admin, hosts) -> None:
    site, street = await house.site("Mall"), await house.site("Street")
    kept = await agree(house, admin, site, "Old", host_id=hosts[0]["id"])
    named = await agree(house, admin, street, "Somebody")
    assert (await own(admin, hosts[0], site, street))["ended_agreement_ids"] == [named["id"]]
    client = await key_for(house, admin, hosts[0], Role.HOST)
    assert [one["id"] for one in await items(client, "agreements")] == [kept["id"]]


@both_engines
async def test_agreement_and_change_of_hands_at_once_leave_none_with_the_former_host(
    house: House, admin, hosts
) -> None:
    old = hosts[0]
    for number in range(4):
        site = await house.site(f"Mall {number}")
        await own(admin, old, site)
        await asyncio.gather(
            own(admin, old), *(agree(house, admin, site, "Old", currency=one) for one in ("RWF", "KES", "EUR"))
        )
        known = [one for one in await items(admin, "agreements") if one["site_id"] == site]
        assert all(one["host_id"] is None or one["valid_until"] is not None for one in known)
        assert len(known) == 3


@both_engines
async def test_two_hosts_that_are_given_a_site_at_once_do_not_both_get_it(house: House, admin, hosts) -> None:
    site = await house.site("Mall")
    paths = [f"/api/v1/organisations/{host['id']}/sites" for host in hosts]
    answers = await asyncio.gather(*(admin.put(path, json={"site_ids": [site]}) for path in paths))
    assert sorted(one.status_code for one in answers) == [200, 409]


async def hand_over(world: World) -> None:
    """Let the site of one host become the other's."""
    one, two = world.one, world.two
    world.house.clock.advance(60)
    await own(world.admin, {"id": one.host_id})
    await own(world.admin, {"id": two.host_id}, one.ids["site_id"], two.ids["site_id"])
    world.house.clock.advance(60)


async def test_no_answer_and_no_page_tells_the_new_host_what_was_charged_before(world: World) -> None:
    one, two = world.one, world.two
    await hand_over(world)
    client = world.house.client(await key_of(world, Role.HOST, kind=OrganisationKind.HOST, side=two))
    names = ("transaction_id", "item", "record_id", "document_id")
    secrets, told, found = {one.ids[name] for name in names}, 0, []
    for operation, asked in readings_of(one):
        answer = await client.get(**asked)
        text = answer.content.decode(errors="replace") if answer.status_code == 200 else ""
        found += [(operation.id, secret) for secret in secrets if secret in text]
        told += answer.status_code == 200
    assert told > 30
    world.one, world.two = two, one
    browser = await browser_of(world, HOST)
    for route in pages("GET"):
        target = None if streams(route) else target_of(route, one)
        if target is not None:
            answer = await browser.get(target, params=PAGE_QUERIES.get(route.name))
            text = answer.text if answer.status_code == 200 else ""
            found += [(route.name, secret) for secret in secrets if secret in text]
            told += answer.status_code == 200
    assert not found, "\n".join(map(str, found))
    assert told > 50


async def test_the_former_host_keeps_what_was_earned_in_its_time_and_nothing_else(world: World) -> None:
    one = world.one
    client = world.house.client(await key_of(world, Role.HOST, kind=OrganisationKind.HOST, side=one))
    before = await money_of(client)
    assert before["charge-records"] == [one.ids["record_id"]]
    assert before["sums"]
    await hand_over(world)
    assert await money_of(client) == before
    for path in ("charge-records/{record_id}", "invoices/{document_id}"):
        assert (await client.get(f"/api/v1/{path.format(**one.ids)}")).status_code == 200
    for path in ("transactions/{transaction_id}", "stations/{station}", "sites/{site}"):
        assert (await client.get(f"/api/v1/{path.format(**one.ids)}")).status_code == 404
    for path in ("transactions", "stations", "sites", "reservations", "events"):
        assert (await client.get(f"/api/v1/{path}")).json()["items"] == [], path
    browser = await browser_of(world, HOST)
    for page in ("charge-records/{record_id}", "invoices/{document_id}", "ledger/hosts", "reports", ""):
        assert (await browser.get(f"/console/{page.format(**one.ids)}")).status_code == 200, page
    ending = await client.post("/api/v1/transactions/{transaction_id}/end".format(**one.ids), json={"reason": "over"})
    assert ending.status_code == 404
    new = world.house.client(await key_of(world, Role.HOST, kind=OrganisationKind.HOST, side=world.two))
    assert one.ids["record_id"] not in (await money_of(new))["charge-records"]

    await own(world.admin, {"id": world.two.host_id}, world.two.ids["site_id"])
    await own(world.admin, {"id": one.host_id}, one.ids["site_id"])
    assert await money_of(client) == before
    assert (await client.get(f"/api/v1/transactions/{one.ids['transaction_id']}")).status_code == 200
    sessions = [it["id"] for it in (await client.get("/api/v1/transactions")).json()["items"]]
    assert sorted(sessions) == sorted([one.ids["transaction_id"], one.ids["item"]]), "its own earlier time comes back"


async def money_of(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return the records and documents that one sees, and what they come to."""
    found: dict[str, Any] = {}
    for path in ("charge-records", "invoices"):
        found[path] = [one["id"] for one in (await client.get(f"/api/v1/{path}")).json()["items"]]
    found["sums"] = (await client.get("/api/v1/charge-records/sums")).json()
    return found


async def test_no_answer_tells_the_new_host_of_the_former_hosts_money(world: World) -> None:
    one, two = world.one, world.two
    await hand_over(world)
    client = world.house.client(await key_of(world, Role.HOST, kind=OrganisationKind.HOST, side=two))
    secrets, told = {one.ids["payout_id"], one.ids["agreement_id"], one.host_id, "Host Alpha"}, 0
    for operation, asked in readings_of(one):
        answer = await client.get(**asked)
        text = answer.content.decode(errors="replace") if answer.status_code == 200 else ""
        assert not [secret for secret in secrets if secret in text], operation.id
        told += answer.status_code == 200
    assert told > 50
