"""Drivers, groups and cards on pages, many at once, and from a file: as a browser without script would do it."""

import asyncio
import re

from ingufu.accounts.model import OrganisationKind, Role, RoleGrant
from ingufu.authorization.model import DriverDetails
from web.console.conftest import PASSWORD, House, Person, words
from web.console.network import Network

HOSTILE = "=cmd|' /C calc'!A1 <script>alert(1)</script>"


async def done(person: Person, path: str) -> str:
    """Return the page of a run once it is over."""
    async with asyncio.timeout(15):
        while True:
            page = (await person.client.get(path)).text
            if "every 1s" not in page:
                return page
            await asyncio.sleep(0.01)


async def given(person: Person, content: bytes, **fields: str) -> str:
    """Give a file, and return the address where it is looked at."""
    answer = await person.client.post(
        "/console/imports/new", data={"csrf_token": person.token, **fields}, files={"file": ("people.csv", content)}
    )
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def registered(operator: Person, **fields: str) -> str:
    answer = await operator.send("/console/drivers/new", **{"name": "Ada", "language": "rw"} | fields)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def test_driver_is_registered_changed_blocked_and_deleted(operator: Person, house: House, net: Network) -> None:
    path = await registered(operator, name=HOSTILE, email="ada@example.org", phone="+250 788")
    driver_id = path.rpartition("/")[2]
    page = await operator.page(path)
    assert "<script>alert" not in page
    assert "No card yet" in words(page)
    again = await operator.send("/console/drivers/new", name="Other", email="ADA@example.org", language="en")
    assert again.status_code == 422
    assert "Another driver has this e-mail address." in words(again.text)
    await operator.send(f"{path}/edit", name="Ada Lovelace", email="ada@example.org", phone="", language="en", note="n")
    card = await operator.send("/console/tokens/new", value="ADA-1", kind="ISO14443", driver_id=driver_id)
    assert card.status_code == 303
    await operator.send(f"{path}/block", reason="moved away")
    shown = words(await operator.page(path))
    assert "Ada Lovelace" in shown
    assert "moved away" in shown
    assert "driver blocked" in shown
    assert "moved away" in await operator.page("/console/drivers?state=blocked&q=lovelace")
    await operator.send(f"{path}/block", lift="yes")
    asked = words(await operator.page(f"{path}/delete"))
    assert "charge records and invoices" in asked
    assert "What becomes of 1 card?" in asked
    refused = await operator.send(f"{path}/delete", tokens="refuse")
    assert refused.status_code == 409
    gone = await operator.send(f"{path}/delete", tokens="block")
    assert gone.headers["location"] == "/console/drivers"
    token = await house.services.authorization.find_token("ADA-1")
    assert token is not None
    assert token.driver_id is None
    assert token.blocked_at is not None
    assert (await operator.client.get(path)).status_code == 404


async def test_plan_is_typed_suggested_and_shown_with_what_was_before(
    operator: Person, house: House, net: Network
) -> None:
    path = await registered(operator, plan=" Gold 50 ")
    form = await operator.page(f"{path}/edit")
    assert 'value="Gold 50"' in form
    assert '<option value="Gold 50"></option>' in await operator.page("/console/drivers/new")
    await operator.send(f"{path}/edit", name="Ada", language="rw", plan="Silver")
    await operator.send(f"{path}/edit", name="Ada B", language="rw")  # a form without the field
    shown = words(await operator.page(path))
    assert re.search(r"Plan Silver From \S.* Gold 50 From \S.* until ", shown)
    await operator.send(f"{path}/edit", name="Ada", language="rw", plan="")
    assert (await house.services.authorization.get_driver(path.rpartition("/")[2])).plan is None
    assert "<option" not in (await operator.page(f"{path}/edit")).partition('id="known-plans"')[2].partition("<")[0]
    long = await operator.send(f"{path}/edit", name="Ada", language="rw", plan="Go\x07ld")
    assert (long.status_code, "characters that cannot be shown" in long.text) == (422, True)


async def test_form_of_a_fleet_has_no_plan_and_saving_it_takes_none(house: House, net: Network) -> None:
    accounts, people = house.services.accounts, house.services.authorization
    async with house.services.database.work() as work:
        fleet = await accounts.create_organisation(work, "Taxis", OrganisationKind.FLEET)
    async with house.services.database.work() as work:
        await accounts.create_user(
            work, organisation_id=fleet.id, email="fleet@example.org", name="Moses", password=PASSWORD,
            grants=[RoleGrant(role=Role.FLEET_MANAGER)],
        )  # fmt: skip
        ada = await people.create_driver(work, DriverDetails(name="Ada", plan="Gold"), organisation_id=fleet.id)
    client = await house.log_in("fleet@example.org")
    manager = Person(client, client.headers.pop("x-csrf-token"))
    path = f"/console/drivers/{ada.id}"
    assert "Plan Gold From" in words(await manager.page(path))
    assert 'name="plan"' not in await manager.page(f"{path}/edit")
    assert (await manager.send(f"{path}/edit", name="Ada B", language="en")).status_code == 303
    assert (await manager.send(f"{path}/edit", name="Ada", language="en", plan="Platinum")).status_code == 403
    kept = await people.get_driver(ada.id)
    assert (kept.name, kept.plan) == ("Ada B", "Gold")


async def test_group_is_made_filled_and_only_deleted_empty(operator: Person, house: House, net: Network) -> None:
    made = await operator.send("/console/groups/new", value="TAXIS", name="", is_master_pass="true")
    path = made.headers["location"]
    assert "master cards" in words(await operator.page("/console/groups?q=tax"))
    await operator.send(path, value="TAXIS", name="Harbour taxis")
    assert "Harbour taxis" in await operator.page(path)
    await operator.send("/console/tokens/new", value="T-1", kind="ISO14443", group_id=path.rpartition("/")[2])
    assert "T-1" in words(await operator.page(path))
    assert (await operator.send(f"{path}/delete")).status_code == 422
    token = await house.services.authorization.find_token("T-1")
    assert token is not None
    await operator.send(f"/console/tokens/{token.id}/delete")
    assert (await operator.send(f"{path}/delete")).headers["location"] == "/console/groups"


async def test_all_that_fit_are_changed_as_they_were_asked_about(operator: Person, house: House, net: Network) -> None:
    for number in range(4):
        await operator.send("/console/tokens/new", value=f"BULK-{number}", kind="ISO14443", note="van")
    chosen = {"action": "block", "all": "yes", "filter.q": "BULK-", "filter.state": "valid"}
    asked = await operator.send("/console/tokens/bulk", **chosen)
    assert "Block 4 cards?" in words(asked.text)
    assert 'name="expected" value="4"' in asked.text
    started = await operator.send("/console/tokens/runs", **chosen, expected="4", reason="sold")
    page = await done(operator, started.headers["location"])
    assert "4 of 4 done" in words(page)
    token = await house.services.authorization.find_token("BULK-2")
    assert token is not None
    assert token.block_reason == "sold"
    again = await operator.send("/console/tokens/runs", **chosen, expected="4")
    assert again.status_code == 409
    sheet = await operator.client.get(started.headers["location"].replace("?", "/results.csv?"))
    assert sheet.text.count("accepted") == 4


async def test_chosen_cards_are_deleted_as_far_as_they_can_be(operator: Person, house: House, net: Network) -> None:
    await operator.send("/console/tokens/new", value="FRESH-1", kind="ISO14443")
    fresh = await house.services.authorization.find_token("FRESH-1")
    used = await house.services.authorization.find_token(net.tokens[0])
    assert fresh is not None
    assert used is not None
    async with house.services.database.work() as work:
        await house.services.authorization.block_token(work, fresh.id)
    started = await operator.send("/console/tokens/runs", action="delete", chosen=[fresh.id, "nobody"])
    page = words(await done(operator, started.headers["location"]))
    assert "1 of 1 done" in page
    assert await house.services.authorization.find_token("FRESH-1") is None
    assert (await operator.send("/console/tokens/bulk", action="delete")).headers["location"] == "/console/tokens"


async def test_file_is_looked_at_judged_and_then_written(operator: Person, house: House, net: Network) -> None:
    raw = (
        f'Nom;Courriel;Téléphone\r\nZoé;zoe@example.org;1\r\n"{HOSTILE}";h@example.org;\r\n;x@example.org;\r\n'.encode(
            "cp1252"
        )
    )
    path = await given(operator, raw)
    page = words(await operator.page(path))
    assert "Windows-1252" in page
    trial = await operator.send(
        path, kind="drivers", encoding="cp1252", delimiter=";", **_columns(await operator.page(path)), do="judge"
    )
    judged = await done(operator, trial.headers["location"])
    assert "Nothing is written yet." in words(judged)
    assert "New: 2" in words(judged)
    assert "Wrong: 1" in words(judged)
    assert "<script>alert" not in judged
    assert await house.services.authorization.find_drivers(["zoe@example.org"]) == {}
    started = await operator.send(f"{path}/run")
    written = await done(operator, started.headers["location"])
    assert "New: 2" in words(written)
    sheet = (await operator.client.get(started.headers["location"].replace("?", "/results.csv?"))).text
    assert "'=cmd" in sheet
    assert "name: is missing" in sheet
    assert "zoe@example.org" in await house.services.authorization.find_drivers(["zoe@example.org"])
    again = await operator.send(f"{path}/run")
    assert "As it was: 2" in words(await done(operator, again.headers["location"]))


async def test_what_is_no_table_is_refused_with_a_word(operator: Person, viewer: Person, net: Network) -> None:
    for content in (b"", b"\xff\xfea", b" \n"):
        answer = await operator.client.post(
            "/console/imports/new", data={"csrf_token": operator.token}, files={"file": ("x.csv", content)}
        )
        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("text/html")
    path = await given(operator, b"colour\nred\n", kind="tokens")
    assert "A column is missing" in words(await operator.page(path))
    assert (await operator.send(path, kind="tokens", do="judge")).status_code == 422
    assert (await viewer.client.get("/console/imports/new")).status_code == 403
    assert (await operator.client.get("/console/imports/nothing")).status_code == 404
    forged = await operator.client.post(
        "/console/imports/new", data={"csrf_token": "x"}, files={"file": ("x.csv", b"a")}
    )
    assert forged.status_code == 403


async def test_viewer_reads_and_is_offered_nothing_that_changes(viewer: Person, operator: Person, net: Network) -> None:
    path = await registered(operator, email="read@example.org")
    for page in ("/console/drivers", "/console/groups", "/console/tokens", path):
        text = await viewer.page(page)
        assert "bulk" not in re.findall(r'id="(\w+)"', text)
        assert "Block them" not in text
    assert (await viewer.send("/console/drivers/bulk", action="delete", all="yes")).status_code == 403
    assert (await viewer.send(f"{path}/delete", tokens="release")).status_code == 403


def _columns(page: str) -> dict[str, str]:
    """Return what stands in the choices of the columns."""
    found: dict[str, str] = {}
    for name, options in re.findall(
        r'<select class="form-select" name="(column-\d+)".*?>(.*?)</select>', page, re.DOTALL
    ):
        chosen = re.search(r'value="(\w*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found
