"""Drivers, many at once and files by the API: runs that are polled, results for each, and fleets among themselves."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ingufu.accounts.model import OrganisationKind, Scope
from ingufu.core.errors import Unavailable
from ingufu.infra.storage.database import Work
from ingufu.views.paging import MAX_LIMIT
from ingufu.views.tokens import TokenQuery, count_tokens
from ingufu.web.api.bulk import IDS_OF_AN_ENTRY
from ingufu.web.runs import AT_ONCE, MAX_RUNNING
from web.api.conftest import House
from web.api.engines import both_engines

CSV = {"Content-Type": "text/csv"}


async def over(client: httpx.AsyncClient, run: dict[str, Any]) -> dict[str, Any]:
    """Poll the run until it is over."""
    async with asyncio.timeout(30):
        while True:
            found = (await client.get(f"/api/v1/runs/{run['id']}")).json()
            if found["ended_at"]:
                return dict(found)
            await asyncio.sleep(0.02)


async def sent(client: httpx.AsyncClient, content: str, status: int = 202, **how: object) -> dict[str, Any]:
    answer = await client.post("/api/v1/imports", params=how, content=content.encode(), headers=CSV)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def driver(client: httpx.AsyncClient, name: str, **fields: object) -> str:
    answer = await client.post("/api/v1/drivers", json={"name": name, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def card(client: httpx.AsyncClient, value: str, **fields: object) -> str:
    answer = await client.post("/api/v1/tokens", json={"value": value, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@both_engines
async def test_file_is_previewed_tried_imported_and_repeated(house: House, admin: httpx.AsyncClient) -> None:
    content = "Karte;Gruppe;Inhaber\nA-1;FLEET;ada@example.org\nA-2;FLEET;\n;x;\nA-1;;\n"
    preview = (await admin.post("/api/v1/imports/preview", content=content.encode(), headers=CSV)).json()
    assert (preview["kind"], preview["delimiter"], preview["encoding"]) == ("tokens", ";", "utf-8")
    assert preview["columns"] == ["value", "group", "driver"]
    trial = await over(admin, await sent(admin, content, is_trial=True, makes_missing=True))
    assert trial["counts"] == {"new": 2, "failed": 2}
    assert await count_tokens(house.database, TokenQuery()) == 0
    done = await over(admin, await sent(admin, content, makes_missing=True))
    assert (done["subject"], done["action"], done["counts"]) == ("import", "import-tokens", {"new": 2, "failed": 2})
    wrong = (await admin.get(f"/api/v1/runs/{done['id']}/results?state=failed&limit=1")).json()
    assert (wrong["items"][0]["id"], wrong["items"][0]["detail"]) == ("4", "value: is missing")
    rest = (await admin.get(f"/api/v1/runs/{done['id']}/results?state=failed&limit=1&cursor={wrong['next']}")).json()
    assert rest["items"][0]["detail"] == "value: is the same as in line 2 of file.csv"
    sheet = (await admin.get(f"/api/v1/runs/{done['id']}/results.csv")).text.splitlines()
    assert sheet[0].endswith("line,name,result,detail")
    assert sheet[1:3] == ["2,A-1,new,", "3,A-2,new,"]
    again = await over(admin, await sent(admin, content, makes_missing=True))
    assert again["counts"] == {"same": 2, "failed": 2}
    template = (await admin.get("/api/v1/imports/template.csv?kind=drivers")).text
    assert (await over(admin, await sent(admin, template, kind="drivers")))["counts"] == {"new": 1}


async def test_lists_that_were_exported_are_imported_again_without_a_change(
    house: House, admin: httpx.AsyncClient
) -> None:
    people = {
        "+ Ada": {"phone": "+250 788 000 000", "note": "-"},
        "=Bob": {"phone": "+250 788 000 001", "note": "'=1+1"},
        "O'Neil": {"phone": "'", "note": "''-x"},
    }
    ids = {name: await driver(admin, name, **fields) for name, fields in people.items()}
    cards = [await card(admin, value, driver_id=ids["=Bob"]) for value in ("-A1", "@A2", "'+A3", "A'4")]
    for _ in range(2):
        for kind, count in (("drivers", len(ids)), ("tokens", len(cards))):
            exported = (await admin.get(f"/api/v1/{kind}/export.csv")).text
            run = await over(admin, await sent(admin, exported, kind=kind))
            assert run["counts"] == {"same": count}, kind
    renamed = (await admin.get("/api/v1/drivers/export.csv")).text.replace("O'Neil", "Neil")
    assert (await over(admin, await sent(admin, renamed, kind="drivers")))["counts"] == {"same": 2, "new": 1}
    shown = (await admin.get("/api/v1/drivers")).json()["items"]
    assert {one["name"]: one["phone"] for one in shown} == {
        **{name: fields["phone"] for name, fields in people.items()}, "Neil": "'"
    }  # fmt: skip
    template = (await admin.get("/api/v1/imports/template.csv?kind=drivers")).text
    await over(admin, await sent(admin, template, kind="drivers"))
    (amina,) = (await admin.get("/api/v1/drivers?q=amina")).json()["items"]
    assert amina["phone"] == "+250 788 000 000"


@both_engines
async def test_plan_of_a_driver_is_set_kept_and_carried_along(house: House, admin: httpx.AsyncClient) -> None:
    ids = {name: await driver(admin, name, **fields) for name, fields in (("Ada", {"plan": " Gold "}), ("Bob", {}))}
    path = f"/api/v1/drivers/{ids['Ada']}"
    assert (await admin.get(path)).json()["plan"] == "Gold"
    assert (await admin.patch(path, json={"note": "x"})).json()["plan"] == "Gold"
    exported = (await admin.get("/api/v1/drivers/export.csv")).text
    assert (await over(admin, await sent(admin, exported, kind="drivers")))["counts"] == {"same": 2}
    assert [one["plan"] for one in (await admin.get(f"{path}/plans")).json()] == ["Gold"]
    assert (await over(admin, await sent(admin, "name,phone\nAda,1\n", kind="drivers")))["counts"] == {"changed": 1}
    assert (await admin.get(path)).json()["plan"] == "Gold"
    content = "Name;Abonnement\nAda;Silver\nBob;Gold\n"
    assert (await over(admin, await sent(admin, content, kind="drivers")))["counts"] == {"changed": 2}
    assert (await admin.get(f"/api/v1/drivers/{ids['Bob']}")).json()["plan"] == "Gold"
    bulk = {"action": "block", "filter": {}}
    await over(admin, (await admin.post("/api/v1/drivers/bulk", json=bulk)).json())
    assert {one["name"]: one["plan"] for one in (await admin.get("/api/v1/drivers")).json()["items"]} == {
        "Ada": "Silver", "Bob": "Gold"
    }  # fmt: skip
    assert (await admin.patch(path, json={"plan": None})).json()["plan"] is None
    plans = (await admin.get(f"{path}/plans")).json()
    assert [(one["plan"], one["valid_until"] is None) for one in plans] == [("Silver", False), ("Gold", False)]
    assert (await admin.patch(path, json={"plan": "x" * 101})).status_code == 422
    assert (await admin.get("/api/v1/drivers/nobody/plans")).status_code == 404


async def test_what_cannot_be_imported_is_refused_at_once(house: House, admin: httpx.AsyncClient) -> None:
    assert (await sent(admin, "", 422))["detail"] == "The file is empty."
    assert "value" in (await sent(admin, "colour\nred\n", 422, kind="tokens"))["detail"]
    assert (await sent(admin, "value\n1\n", 422, columns=["nothing"]))["code"] == "invalid-input"
    large = await admin.post("/api/v1/imports", content=b"value\n" + b"x" * (33 * 2**20), headers=CSV)
    assert (large.status_code, large.json()["code"]) == (413, "body-too-large")
    viewer = house.client(await house.key(Scope.TOKENS_READ))
    assert (await viewer.post("/api/v1/imports", content=b"value\n1\n", headers=CSV)).status_code == 403


async def test_many_cards_are_changed_by_name_or_by_filter(house: House, admin: httpx.AsyncClient) -> None:
    ids = [await card(admin, f"C-{number}") for number in range(3)]
    group = (await admin.post("/api/v1/groups", json={"value": "G"})).json()["id"]
    run = (
        await admin.post("/api/v1/tokens/bulk", json={"action": "set-group", "ids": ids[:2], "group_id": group})
    ).json()
    assert (await over(admin, run))["counts"] == {"accepted": 2}
    body = {"action": "block", "filter": {"group_id": group}, "reason": "sold", "expected": 2}
    assert (await over(admin, (await admin.post("/api/v1/tokens/bulk", json=body)).json()))["counts"] == {"accepted": 2}
    blocked = (await admin.get("/api/v1/tokens?is_blocked=true")).json()["items"]
    assert {one["block_reason"] for one in blocked} == {"sold"}
    until = {"action": "set-expiry", "ids": ids, "expires_at": "2026-03-01T12:00:00Z"}
    await over(admin, (await admin.post("/api/v1/tokens/bulk", json=until)).json())
    assert len((await admin.get("/api/v1/tokens?is_expired=true")).json()["items"]) == 3
    gone = (await admin.post("/api/v1/tokens/bulk", json={"action": "delete", "filter": {"q": "c-"}})).json()
    assert (await over(admin, gone))["counts"] == {"accepted": 3}
    assert (await admin.post("/api/v1/tokens/bulk", json=body)).status_code == 409
    for wrong in ({}, {"ids": ids, "filter": {}}, {"ids": ids, "group_id": "nobody"}):
        answer = await admin.post("/api/v1/tokens/bulk", json={"action": "set-group", **wrong})
        assert answer.status_code == 422, wrong


async def test_drivers_are_blocked_with_their_cards_and_deleted_as_told(house: House, admin: httpx.AsyncClient) -> None:
    ada, bob = await driver(admin, "Ada", email="ada@example.org"), await driver(admin, "Bob")
    token = await card(admin, "A-1", driver_id=ada)
    run = (await admin.post("/api/v1/drivers/bulk", json={"action": "block", "filter": {}, "reason": "left"})).json()
    assert (await over(admin, run))["counts"] == {"accepted": 2}
    shown = (await admin.get(f"/api/v1/tokens/{token}")).json()
    assert shown["is_driver_blocked"] is True
    assert (await admin.get(f"/api/v1/drivers/{ada}")).json()["block_reason"] == "left"
    run = (await admin.post("/api/v1/drivers/bulk", json={"action": "delete", "ids": [ada, bob]})).json()
    assert (await over(admin, run))["counts"] == {"accepted": 1, "answered": 1}
    assert (await admin.delete(f"/api/v1/drivers/{ada}")).status_code == 409
    assert (await admin.delete(f"/api/v1/drivers/{ada}?tokens=release")).status_code == 204
    freed = (await admin.get(f"/api/v1/tokens/{token}")).json()
    assert (freed["driver_id"], freed["blocked_at"]) == (None, None)
    (told,) = await house.services.accounts.audit_trail(action="token.update")
    assert (told.object_id, told.changes) == (token, {"driver_id": {"before": ada, "after": None}})


@both_engines
async def test_driver_with_more_cards_than_a_page_is_changed_and_deleted_with_all_of_them(
    house: House, admin: httpx.AsyncClient
) -> None:
    ada = await driver(admin, "Ada")
    many = MAX_LIMIT + 5
    held = "".join(f"A-{number},Ada\n" for number in range(many))
    assert (await over(admin, await sent(admin, f"value,driver\n{held}")))["counts"] == {"new": many}
    bulk = {"action": "set-expiry", "ids": [ada], "expires_at": "2099-01-01T00:00:00Z"}
    run = await over(admin, (await admin.post("/api/v1/drivers/bulk", json=bulk)).json())
    results = (await admin.get(f"/api/v1/runs/{run['id']}/results")).json()["items"]
    assert (run["counts"], results[0]["detail"]) == ({"accepted": 1}, str(many))
    expiring = (await admin.get("/api/v1/tokens/export.csv")).text
    assert expiring.count("2099-01-01T00:00:00Z") == many
    assert (await admin.delete(f"/api/v1/drivers/{ada}?tokens=block")).status_code == 204
    assert await count_tokens(house.database, TokenQuery(is_blocked=True)) == many
    assert await count_tokens(house.database, TokenQuery(driver_id=ada)) == 0
    trail = house.services.accounts
    told = await trail.audit_trail(action="token.block", limit=1000)
    assert len({one.object_id for one in told}) == many
    (gone,) = await trail.audit_trail(action="driver.delete")
    assert (gone.details["tokens"], gone.details["fate"]) == (many, "block")


@both_engines
async def test_deletion_that_somebody_overtakes_leaves_driver_and_cards_as_they_were(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = await driver(admin, "Ada"), await driver(admin, "Bob")
    first, second = await card(admin, "A-1", driver_id=ada), await card(admin, "A-2", driver_id=bob)
    authorization = house.services.authorization
    delete_driver = authorization.delete_driver

    async def overtaken(work: Work, driver_id: str, **how: Any) -> Any:
        """Have another card become the driver's once theirs were looked up."""
        found = await delete_driver(work, driver_id, **how)
        given = await admin.patch(f"/api/v1/tokens/{second}", json={"driver_id": ada})
        assert given.status_code == 200
        return found

    with monkeypatch.context() as patched:
        patched.setattr(authorization, "delete_driver", overtaken)
        for fate in ("block", "release"):
            assert (await admin.delete(f"/api/v1/drivers/{ada}?tokens={fate}")).status_code == 409
            await admin.patch(f"/api/v1/tokens/{second}", json={"driver_id": bob})
            shown = (await admin.get(f"/api/v1/tokens/{first}")).json()
            assert (shown["driver_id"], shown["blocked_at"]) == (ada, None)
    assert (await admin.delete(f"/api/v1/drivers/{ada}?tokens=block")).status_code == 204
    assert (await admin.get(f"/api/v1/tokens/{first}")).json()["blocked_at"] is not None
    assert (await admin.get(f"/api/v1/tokens/{second}")).json()["blocked_at"] is None


async def test_figures_count_what_began_within_thirty_days(
    house: House, admin: httpx.AsyncClient, transaction: Any
) -> None:
    ada, station = await driver(admin, "Ada"), await house.station("CP1")
    await transaction(station, reference="old", driver_id=ada, energy_wh=Decimal(9000))
    house.clock.advance(40 * 86_400)
    last = await transaction(station, reference="new", driver_id=ada, energy_wh=Decimal("1234.5"))
    await transaction(station, reference="other", energy_wh=Decimal(5))
    found = (await admin.get(f"/api/v1/drivers/{ada}/figures")).json()
    assert (found["sessions"], Decimal(found["energy_wh"]), found["last_session_id"]) == (1, Decimal("1234.5"), last)
    assert (await admin.get("/api/v1/drivers/nobody/figures")).status_code == 404


async def test_stations_are_asked_by_filter_each_with_its_result(house: House, admin: httpx.AsyncClient) -> None:
    for number in range(3):
        await house.station(f"KGL-{number}", is_online=number < 2)
    for action in ("reset", "unlock", "inoperative", "operative", "trigger", "clear-cache", "local-list", "apply"):
        answer = await admin.post("/api/v1/stations/bulk", json={"action": action, "filter": {"q": "KGL"}})
        assert answer.status_code == 202, answer.text
        run = await over(admin, answer.json())
        assert run["done"] == run["total"] == 3, action
    results = (await admin.get(f"/api/v1/runs/{run['id']}/results")).json()["items"]
    assert [one["name"] for one in results] == ["KGL-0", "KGL-1", "KGL-2"]
    command = house.client(await house.key(Scope.STATIONS_COMMAND))
    template = {"action": "template", "template": "x", "filter": {}}
    assert (await command.post("/api/v1/stations/bulk", json=template)).status_code == 403
    assert (await admin.post("/api/v1/stations/bulk", json=template)).status_code == 404


async def test_runs_are_their_owners(house: House, admin: httpx.AsyncClient) -> None:
    run = await sent(admin, "value\n1\n")
    other = house.client(await house.key())
    for path in ("", "/results", "/results.csv"):
        assert (await other.get(f"/api/v1/runs/{run['id']}{path}")).status_code == 404


@pytest.fixture
async def fleet(house: House) -> httpx.AsyncClient:
    """A client with a key of a fleet."""
    accounts = house.services.accounts
    async with house.database.work() as work:
        made = await accounts.create_organisation(work, "Taxis", OrganisationKind.FLEET)
    async with house.database.work() as work:
        _, secret = await accounts.create_key(
            work, organisation_id=made.id, name="fleet", scopes=(Scope.TOKENS_READ, Scope.TOKENS_WRITE)
        )
    return house.client(secret)


async def test_fleet_sees_and_changes_its_own_people_alone(
    house: House, admin: httpx.AsyncClient, fleet: httpx.AsyncClient
) -> None:
    foreign = {"drivers": await driver(admin, "Ada"), "tokens": await card(admin, "X-1")}
    foreign["groups"] = (await admin.post("/api/v1/groups", json={"value": "G"})).json()["id"]
    own = await driver(fleet, "Taxi driver")
    mine = await card(fleet, "T-1", driver_id=own)
    for noun, object_id in foreign.items():
        assert (await fleet.get(f"/api/v1/{noun}/{object_id}")).status_code == 404
        assert (await fleet.patch(f"/api/v1/{noun}/{object_id}", json={"note": "x"})).status_code in {404, 422}
        assert (await fleet.delete(f"/api/v1/{noun}/{object_id}")).status_code == 404
        shown = (await fleet.get(f"/api/v1/{noun}")).json()["items"]
        assert object_id not in {one["id"] for one in shown}
    for field in ("driver_id", "group_id"):
        answer = await fleet.patch(f"/api/v1/tokens/{mine}", json={field: foreign[f"{field[:-3]}s"]})
        assert answer.status_code == 422
    bulk = {"action": "block", "ids": [foreign["tokens"], mine]}
    run = await over(fleet, (await fleet.post("/api/v1/tokens/bulk", json=bulk)).json())
    assert (run["total"], run["counts"]) == (1, {"accepted": 1})
    run = await over(fleet, await sent(fleet, "value,driver\nX-1,\nT-2,Taxi driver\nT-3,Ada\n"))
    assert run["counts"] == {"failed": 2, "new": 1}
    assert (await fleet.get("/api/v1/authorization-decisions")).status_code == 200


async def test_card_of_a_fleet_keeps_the_group_that_the_operator_gave_it(
    house: House, admin: httpx.AsyncClient, fleet: httpx.AsyncClient
) -> None:
    given, other = [
        (await admin.post("/api/v1/groups", json={"value": value})).json()["id"] for value in ("GIVEN", "OTHER")
    ]
    own = (await fleet.post("/api/v1/groups", json={"value": "OWN"})).json()["id"]
    path = f"/api/v1/tokens/{await card(fleet, 'T-1')}"
    assert (await admin.patch(path, json={"group_id": given})).status_code == 200
    for fields in ({"note": "van"}, {"note": "bus", "group_id": given}):
        answer = await fleet.patch(path, json=fields)
        assert (answer.status_code, answer.json()["group_id"]) == (200, given), answer.text
    assert (await fleet.patch(path, json={"group_id": other})).status_code == 422
    assert (await fleet.patch(path, json={"group_id": own})).json()["group_id"] == own
    assert (await fleet.patch(path, json={"group_id": given})).status_code == 422


@both_engines
async def test_cards_that_were_exported_are_imported_again_with_their_groups_and_hidden_values(
    house: House, admin: httpx.AsyncClient, fleet: httpx.AsyncClient
) -> None:
    group = (await admin.post("/api/v1/groups", json={"value": "TAXIS", "name": "Harbour taxis"})).json()["id"]
    namesakes = [await driver(admin, "Ada") for _ in range(2)]
    await card(admin, "A-1", group_id=group, driver_id=namesakes[1])
    pins = [await card(admin, pin, kind="KeyCode", group_id=group, note="gate") for pin in ("123456", "654321")]
    taxi = await card(fleet, "T-1")
    await admin.patch(f"/api/v1/tokens/{taxi}", json={"group_id": group, "driver_id": namesakes[0]})
    before = (await admin.get("/api/v1/tokens")).json()
    exported = (await admin.get("/api/v1/tokens/export.csv")).text
    assert "123456" not in exported
    preview = (await admin.post("/api/v1/imports/preview", content=exported.encode(), headers=CSV)).json()
    found = dict(zip(preview["headings"], preview["columns"], strict=True))
    assert (preview["kind"], found["group"], found["group_id"], found["id"]) == ("tokens", "group", None, "id")
    for makes_missing in (True, False):
        run = await over(admin, await sent(admin, exported, makes_missing=makes_missing))
        assert run["counts"] == {"same": 4}
    its_own = (await fleet.get("/api/v1/tokens/export.csv")).text
    assert (await over(fleet, await sent(fleet, its_own, makes_missing=True)))["counts"] == {"same": 1}
    assert (await admin.get("/api/v1/tokens")).json() == before
    assert len((await admin.get("/api/v1/groups")).json()["items"]) == 1
    noted = exported.replace("gate", "garage")
    assert (await over(admin, await sent(admin, noted)))["counts"] == {"same": 2, "changed": 2}
    for pin, id_ in zip(("123456", "654321"), pins, strict=True):
        token = await house.services.authorization.get_token(id_)
        assert (token.value, token.kind, token.note, token.group_id) == (pin, "KeyCode", "garage", group)
    groups = (await admin.get("/api/v1/groups/export.csv")).text
    again = (await admin.post("/api/v1/imports/preview", content=groups.encode(), headers=CSV)).json()
    assert again["kind"] == "groups"


@both_engines
async def test_blocks_go_with_an_export_and_no_file_lifts_one_unless_it_says_so(
    house: House, admin: httpx.AsyncClient
) -> None:
    async def state(kind: str) -> list[tuple[bool, str]]:
        rows = (await admin.get(f"/api/v1/{kind}")).json()["items"]
        return [(row["blocked_at"] is not None, row["block_reason"]) for row in rows]

    paths = {"drivers": "/api/v1/drivers/" + await driver(admin, "Ada"), "tokens": "/api/v1/tokens/"}
    paths["tokens"] += await card(admin, "A-1")
    for kind, path in paths.items():
        free = (await admin.get(f"/api/v1/{kind}/export.csv")).text
        assert (await admin.post(f"{path}/block", json={"reason": "stolen"})).status_code == 200
        assert (await over(admin, await sent(admin, free, kind=kind)))["counts"] == {"same": 1}
        blocked = (await admin.get(f"/api/v1/{kind}/export.csv")).text
        assert (await admin.delete(path)).status_code == 204
        assert (await over(admin, await sent(admin, blocked, kind=kind)))["counts"] == {"new": 1}  # somewhere else
        assert await state(kind) == [(True, "stolen")], kind
        assert (await over(admin, await sent(admin, blocked, kind=kind)))["counts"] == {"same": 1}
        without = "name,note\nAda,x\n" if kind == "drivers" else "value,note\nA-1,x\n"
        assert (await over(admin, await sent(admin, without, kind=kind)))["counts"] == {"changed": 1}
        assert await state(kind) == [(True, "stolen")], kind
        lifted = without.replace("note", "is_blocked").replace("x", "no")
        assert (await over(admin, await sent(admin, lifted, kind=kind)))["counts"] == {"changed": 1}
        assert await state(kind) == [(False, "")], kind
        done = [entry["action"] for entry in (await admin.get("/api/v1/audit?limit=200")).json()["items"]]
        noun = kind.removesuffix("s")
        assert (done.count(f"{noun}.block"), done.count(f"{noun}.unblock")) == (2, 1)


async def test_hidden_value_makes_no_card_and_names_none_but_its_own(
    house: House, admin: httpx.AsyncClient, fleet: httpx.AsyncClient
) -> None:
    pin, plain = await card(admin, "123456", kind="KeyCode"), await card(admin, "A-1")
    rows = (
        "******,KeyCode,", "******,ISO14443,", " ****** ,,", "******,KeyCode,nobody", f"******,KeyCode,{plain}",
        f"******,ISO14443,{pin}",
    )  # fmt: skip
    content = "value,kind,id\n" + "\n".join(rows) + "\n"
    run = await over(admin, await sent(admin, content, kind="tokens"))
    assert run["counts"] == {"failed": len(rows)}
    wrong = (await admin.get(f"/api/v1/runs/{run['id']}/results?state=failed")).json()["items"]
    told = "value: the value is hidden: give it, or the id with which the card was exported"
    assert {one["detail"] for one in wrong} == {told}
    foreign = f"value,kind,id,note\n******,KeyCode,{pin},mine\n"
    assert (await over(fleet, await sent(fleet, foreign, kind="tokens")))["counts"] == {"failed": 1}
    shown = (await admin.get("/api/v1/tokens")).json()["items"]
    assert {one["id"] for one in shown} == {pin, plain}
    assert (await house.services.authorization.get_token(pin)).value == "123456"


@both_engines
async def test_what_is_done_to_many_is_in_the_audit_trail_with_every_id(house: House, admin: httpx.AsyncClient) -> None:
    ids = [await card(admin, f"C-{number:03}") for number in range(IDS_OF_AN_ENTRY + 5)]
    few = {"action": "block", "ids": ids[:2], "reason": "sold"}
    run = await over(admin, (await admin.post("/api/v1/tokens/bulk", json=few)).json())
    (told,) = await house.services.accounts.audit_trail(action="token.bulk")
    assert (told.object_id, told.request_id) == (run["id"], run["request_id"])
    assert told.details == {"action": "block", "reason": "sold", "number": 2, "ids": ids[:2]}
    done = await house.services.accounts.audit_trail(action="token.block")
    assert all(told.id < one.id for one in done)
    run = await over(admin, (await admin.post("/api/v1/tokens/bulk", json={"action": "unblock", "filter": {}})).json())
    trail = await house.services.accounts.audit_trail(action="token.bulk", limit=1000)
    parts = sorted((one.details for one in trail if one.object_id == run["id"]), key=lambda details: details["part"])
    assert [part["parts"] for part in parts] == [2, 2]
    assert parts[0]["number"] == len(ids)
    assert [one for part in parts for one in part["ids"]] == ids


async def test_nothing_is_asked_before_it_stands_in_the_audit_trail(
    house: House, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = await house.station("KGL-1", is_online=True)
    reset = {"action": "reset", "ids": [station]}

    def refuse(*_: Any, **__: Any) -> None:
        raise Unavailable("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(house.services.accounts, "audit", refuse)
        for _ in range(MAX_RUNNING + 1):
            assert (await admin.post("/api/v1/stations/bulk", json=reset)).status_code == 503
        assert (await admin.post("/api/v1/imports", content=b"value\n1\n", headers=CSV)).status_code == 503
    assert house.link.commands == []
    assert await count_tokens(house.database, TokenQuery()) == 0
    run = await over(admin, (await admin.post("/api/v1/stations/bulk", json=reset)).json())
    assert run["counts"] == {"accepted": 1}
    told = await house.services.accounts.audit_trail()
    assert [one.action for one in told[:2]] == ["station.command", "station.bulk"]
    assert (told[1].details["ids"], told[0].request_id) == ([station], told[1].request_id)


@both_engines
async def test_run_that_a_stop_breaks_off_says_in_the_audit_trail_who_was_not_asked(
    house: House, admin: httpx.AsyncClient
) -> None:
    stations = [await house.station(f"KGL-{number:02}", is_online=True) for number in range(AT_ONCE + 3)]
    house.link.gate = asyncio.Event()
    reset = {"action": "reset", "filter": {"q": "KGL"}}
    run = (await admin.post("/api/v1/stations/bulk", json=reset)).json()
    async with asyncio.timeout(10):
        while len(house.link.commands) < AT_ONCE:
            await asyncio.sleep(0.01)
    await house.app.state["pages"].close()
    (told,) = await house.services.accounts.audit_trail(action="station.bulk-ended")
    assert (told.object_id, told.request_id) == (run["id"], run["request_id"])
    assert told.details == {
        "action": "reset", "counts": {"waiting": 3, "asking": AT_ONCE}, "unanswered": stations[:AT_ONCE],
        "not_asked": stations[AT_ONCE:],
    }  # fmt: skip
    assert len(house.link.commands) == AT_ONCE
    assert (await admin.post("/api/v1/stations/bulk", json=reset)).status_code == 503
    assert (await sent(admin, "value\n1\n", 503))["code"] == "unavailable"


async def test_stop_waits_a_moment_for_those_that_are_asked(house: House, admin: httpx.AsyncClient) -> None:
    stations = [await house.station(f"KGL-{number:02}", is_online=True) for number in range(AT_ONCE + 3)]
    house.link.gate = asyncio.Event()
    few, all_ = {"action": "reset", "ids": stations[:2]}, {"action": "reset", "ids": stations}
    for body in (few, all_):
        await admin.post("/api/v1/stations/bulk", json=body)
    async with asyncio.timeout(10):
        while len(house.link.commands) < AT_ONCE + 2:
            await asyncio.sleep(0.01)
    closing = asyncio.create_task(house.app.state["pages"].close())
    await asyncio.sleep(0)
    house.link.gate.set()
    await closing
    (told,) = await house.services.accounts.audit_trail(action="station.bulk-ended")
    assert told.details["counts"] == {"waiting": 3, "accepted": AT_ONCE}
    assert (told.details["unanswered"], told.details["not_asked"]) == ([], stations[AT_ONCE:])
    assert len(await house.services.accounts.audit_trail(action="station.command")) == AT_ONCE + 2
