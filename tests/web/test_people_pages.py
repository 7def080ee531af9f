"""Drivers, cards, groups and imports in a real browser: done as people do them, accessible, whole on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ingufu.authorization.model import DriverDetails, GroupDetails, TokenDetails
from ingufu.importing.sheets import open_sheet
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)
NAMES = (
    "drivers", "driver", "driver-form", "driver-delete", "groups", "group", "cards", "card", "decisions", "import",
)  # fmt: skip
FILE = (
    "Nom;Courriel;Téléphone;Langue\r\n"
    "Zoé Uwase;zoe@example.org;+250 788 000 001;fr\r\n"
    "=1+1 <b>;formula@example.org;;\r\n"
    ";nobody@example.org;;\r\n"
    "Yves;no address;;\r\n"
).encode("cp1252")


class People:
    """Who was entered into the console's network."""

    driver = group = card = upload = ""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture(scope="module")
def people(console: Console) -> People:
    found = People()
    console.run(fill(console, found))
    return found


async def fill(console: Console, people: People) -> None:
    services, organisation = console.services, console.net.organisation_id
    async with services.database.work() as work:
        group = await services.authorization.create_group(
            work, GroupDetails(value="TAXIS", name="Harbour taxis"), organisation_id=organisation
        )
        driver = await services.authorization.create_driver(
            work,
            DriverDetails(name="Amina Uwase", email="amina@example.org", phone="+250 788 000 000", note="Van 12"),
            organisation_id=organisation,
        )
    people.driver, people.group = driver.id, group.id
    for number in range(3):
        details = TokenDetails(value=f"TAXI-{number}", group_id=group.id, driver_id=driver.id, note="Van")
        async with services.database.work() as work:
            card = await services.authorization.create_token(work, details, organisation_id=organisation)
        people.card = card.id


@pytest.fixture(scope="module")
def state(console: Console) -> dict[str, Any]:
    return console.log_in()


def address(people: People, name: str) -> str:
    return "/console/" + {
        "drivers": "drivers",
        "driver": f"drivers/{people.driver}",
        "driver-form": f"drivers/{people.driver}/edit",
        "driver-delete": f"drivers/{people.driver}/delete",
        "groups": "groups",
        "group": f"groups/{people.group}",
        "decisions": "decisions?result=all",
        "cards": "tokens",
        "card": f"tokens/{people.card}",
        "import": "imports/new?kind=drivers",
    }.get(name, name)


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", NAMES)
def test_page_is_accessible_and_whole(
    console: Console, people: People, state: dict[str, Any], open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + address(people, name),
        scheme=scheme,
        width=width,
        height=844,
        storage_state=state,
        only_looks=True,
    )
    take_picture(page, f"people-{name}-{'phone' if width < 500 else scheme}")
    assert accessibility_violations(page) == []
    assert not overflows(page)


def test_drivers_come_from_a_file_as_a_person_brings_it(
    console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    assert open_sheet(FILE).encoding == "cp1252"
    page = open_page(console.url + "/console/drivers", storage_state=state)
    page.get_by_role("link", name="Import…").click()
    page.get_by_label("CSV file").set_input_files({"name": "chauffeurs.csv", "mimeType": "text/csv", "buffer": FILE})
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_label("Encoding")).to_have_value("cp1252")
    expect(page.get_by_label("Between cells")).to_have_value(";")
    expect(page.get_by_label("Courriel is read as")).to_have_value("email")
    take_picture(page, "people-columns-light")
    assert accessibility_violations(page) == []
    page.get_by_label("Langue is read as").select_option("")
    page.get_by_role("button", name="Judge every row").click()
    expect(page.get_by_text("Nothing is written yet.")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("row").filter(has_text="name: is missing")).to_be_visible()
    take_picture(page, "people-judged-light")
    assert accessibility_violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert not overflows(page)
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_text("If the server is stopped in between")).to_be_visible()
    expect(page.get_by_role("link", name="Results as CSV")).to_be_visible(timeout=15_000)
    page.locator("#run").get_by_role("link", name="Drivers").click()
    expect(page.get_by_role("link", name="=1+1 <b>")).to_be_visible()
    expect(page.get_by_role("link", name="Zoé Uwase")).to_be_visible()


def test_driver_is_found_blocked_and_let_charge_again(
    console: Console, people: People, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(console.url + "/console/drivers", storage_state=state)
    page.get_by_role("searchbox", name="Name, e-mail or telephone").fill("amina")
    expect(page).to_have_url(f"{console.url}/console/drivers?q=amina")
    page.get_by_role("link", name="Amina Uwase").click()
    expect(page.locator("#cards").get_by_role("row")).to_have_count(4)
    page.get_by_label("Why").fill("has left")
    page.get_by_role("button", name="Block").click()
    expect(toast(page)).to_contain_text("None of the driver's cards is accepted")
    expect(page.get_by_text("has left")).to_be_visible()
    expect(page.locator("#cards").get_by_text("driver blocked").first).to_be_visible()
    page.get_by_role("button", name="Lift the block").click()
    expect(toast(page)).to_contain_text("may charge again")


def test_chosen_cards_are_blocked_with_a_result_for_each(
    console: Console, people: People, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(console.url + "/console/tokens?q=TAXI-", storage_state=state)
    page.get_by_label("Choose TAXI-0").check()
    page.get_by_label("Choose TAXI-1").check()
    take_picture(page, "people-chosen-light")
    page.get_by_role("button", name="Block…", exact=True).click()
    expect(page.get_by_role("heading", name="Block 2 cards?")).to_be_visible()
    assert accessibility_violations(page) == []
    page.get_by_label("Why").fill("sold")
    page.get_by_role("button", name="Block 2 cards").click()
    expect(page.get_by_text("2 of 2 done")).to_be_visible(timeout=15_000)
    expect(page.locator("#run").get_by_text("Done", exact=True)).to_have_count(2)
    take_picture(page, "people-run-light")
    assert accessibility_violations(page) == []
    page.get_by_role("link", name="TAXI-1").click()
    expect(page.get_by_text("sold")).to_be_visible()


def toast(page: Page) -> Any:
    return page.locator("#toasts .toast").last
