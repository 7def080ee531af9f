"""Reservations, local lists and rules in a real browser: done as people do them, accessible, whole on a phone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from certificates.pki import hierarchy
from ingufu.authorization.model import AdmissionRule, ListMode, RuleScope
from ingufu.certificates.model import Purpose
from ingufu.core.commands import Outcome
from ingufu.reservations.model import Wanted
from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        console.link.outcomes["GetLocalListVersion"] = Outcome(
            status="Accepted", is_accepted=True, details={"version": 0}
        )
        console.run(fill(console))
        yield console


async def fill(console: Console) -> None:
    services, stations = console.services, console.net.stations
    for identity, minutes in (("NYA-02", 45), ("UNI-01", 600)):
        wanted = Wanted(
            station_id=stations[identity],
            token_value="04A1B2C3D4",
            expires_at=console.clock.now() + timedelta(minutes=minutes),
        )
        await services.reservations.reserve(console.link, wanted, by="Keza")
    async with services.database.work() as work:
        await services.authorities.add(work, hierarchy().chain_of_authorities, Purpose.CONTRACT, note="Test roots")
        await services.admitting.set_rule(work, AdmissionRule(scope=RuleScope.NETWORK, list_mode=ListMode.ALL))
    await services.local_lists.send(console.link, stations["NYA-02"])


async def first_card(console: Console) -> str:
    token = await console.services.authorization.find_token(console.net.tokens[0])
    assert token is not None
    return token.id


@pytest.fixture(scope="module")
def state(console: Console) -> dict[str, Any]:
    return console.log_in()


def pages(console: Console) -> dict[str, str]:
    station = f"/console/stations/{console.net.stations['NYA-02']}"
    return {
        "reservations": "/console/reservations",
        "admission": "/console/admission",
        "station-admission": f"{station}/admission",
        "reserve": f"{station}/reserve?evse=1",
        "cards": "/console/tokens",
        "card": f"/console/tokens/{console.run(first_card(console))}",
    }


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", ["reservations", "admission", "station-admission", "reserve", "cards", "card"])
def test_page_is_accessible_and_whole(
    console: Console, state: dict[str, Any], open_page: OpenPage, name: str, scheme: str, width: int
) -> None:
    page = open_page(
        console.url + pages(console)[name], scheme=scheme, width=width, height=844, storage_state=state, only_looks=True
    )
    take_picture(page, f"{name}-{'phone' if width < 500 else scheme}")
    assert accessibility_violations(page) == []
    assert not overflows(page)


def test_page_in_french_is_whole_on_a_phone(console: Console, state: dict[str, Any], open_page: OpenPage) -> None:
    page = open_page(
        console.url + pages(console)["station-admission"], width=390, height=844, storage_state=state, locale="fr-FR"
    )
    take_picture(page, "station-admission-french")
    assert not overflows(page)


def toast(page: Page) -> Any:
    return page.locator("#toasts .toast").last


def test_a_place_is_reserved_at_an_evse_and_given_up(
    console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    station = console.net.stations["NYA-01"]
    page = open_page(f"{console.url}/console/stations/{station}", storage_state=state)
    page.locator("#cards").get_by_role("link", name="Reserve…").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Reserve at")).to_be_visible()
    dialog.get_by_label("Card").fill("KEPT-1")
    dialog.get_by_label("For").fill("25")
    dialog.get_by_role("button", name="Reserve").click()
    expect(toast(page)).to_contain_text("The place is kept")
    expect(page.locator("#cards")).to_contain_text("Kept for KEPT-1.")
    page.locator("#cards").get_by_role("link", name="Reservation").click()
    row = page.get_by_role("row").filter(has_text="KEPT-1")
    expect(row).to_contain_text("Kept")
    row.get_by_role("button", name="Give up").click()
    expect(page.get_by_role("row").filter(has_text="KEPT-1")).to_contain_text("Given up")


def test_a_local_list_is_sent_now(console: Console, state: dict[str, Any], open_page: OpenPage) -> None:
    page = open_page(console.url + pages(console)["station-admission"], storage_state=state)
    page.get_by_role("button", name="Send all of it").click()
    expect(toast(page)).to_contain_text("In step")
    expect(page.get_by_text("In step").first).to_be_visible()
