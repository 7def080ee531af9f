"""The connection doctor in a browser: why a station is not online, taking one in, and switching a quirk."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from ingufu.stations.model import Attempt, AttemptOutcome
from web.browser import OpenPage, accessibility_violations, take_picture
from web.console_server import Console, running_console


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


async def call(console: Console, identity: str, password: bytes | None = None) -> None:
    """Have an unknown station call, as the gateway keeps it."""
    services = console.services
    now = console.clock.now()
    async with services.database.work() as work:
        station = await services.stations.discover(work, identity, password=password)
    services.stations.record_attempt(
        Attempt(
            id=services.ids.new(), at=now, last_at=now, listener="plain", address="10.20.9.9", path=f"/ocpp/{identity}",
            identity=identity, station_id=station.id, outcome=AttemptOutcome.WAITING_FOR_APPROVAL, http_status=404,
        )
    )  # fmt: skip
    services.stations.flush_attempts(is_last=True)
    await services.database.writer.flush()


async def show_quirk(console: Console, station_id: str) -> None:
    console.services.stations.quirks.met(station_id, 64)
    console.services.stations.quirks.flush()
    await console.services.database.writer.flush()


def test_unknown_station_is_taken_in_from_the_attempts_with_the_password_it_used(
    console: Console, open_page: OpenPage
) -> None:
    console.run(call(console, "DOC-01", b"the-password-it-has"))
    page = open_page(f"{console.url}/console/attempts", storage_state=console.log_in("keza@example.org"))
    entry = page.locator("li.refusal", has_text="DOC-01")
    expect(page.locator("#by-address")).to_contain_text("10.20.9.9")
    entry.get_by_role("link", name="Take in…").click()
    expect(page.get_by_role("heading", name="Take in DOC-01")).to_be_visible()
    expect(page.get_by_label("The one with which it called")).to_be_checked()
    page.get_by_label("Site").select_option(label="Kigali Heights")
    page.get_by_label("EVSEs").fill("2")
    page.get_by_role("button", name="Take it in").click()
    expect(page.locator("#toasts .toast").last).to_contain_text("The station is taken in")
    expect(page.get_by_role("heading", name="DOC-01", exact=True)).to_be_visible()
    expect(page.locator("#cards")).to_contain_text("EVSE 2")


def test_new_password_of_one_that_is_taken_in_is_shown_once(console: Console, open_page: OpenPage) -> None:
    console.run(call(console, "DOC-02"))
    page = open_page(
        f"{console.url}/console/attempts/adopt?identity=DOC-02", storage_state=console.log_in("keza@example.org")
    )
    assert accessibility_violations(page) == []
    page.get_by_role("button", name="Take it in").click()
    expect(page.get_by_text("The password is shown only now")).to_be_visible()


def test_station_says_why_it_is_not_online_and_a_quirk_is_switched(console: Console, open_page: OpenPage) -> None:
    station_id = console.net.stations["MUS-03"]
    console.run(show_quirk(console, station_id))
    page = open_page(
        f"{console.url}/console/stations/{station_id}/attempts", storage_state=console.log_in("keza@example.org")
    )
    expect(page.locator("#diagnosis .refusal").first).to_be_visible()
    quirks = page.locator("#quirks")
    expect(quirks).to_contain_text("Texts that say null")
    expect(quirks).to_contain_text("met 1 time")
    assert accessibility_violations(page) == []
    take_picture(page, "station-doctor")
    page.get_by_label("Another quirk").select_option("8")
    quirks.get_by_role("button", name="Switch on", exact=True).last.click()
    expect(page.locator("#toasts .toast").last).to_contain_text("Quirk 8 is set")
    expect(page.locator("#quirks")).to_contain_text("switched on for this station")
    page.get_by_role("button", name="As its make: quirk 8").click()
    expect(page.locator("#quirks")).not_to_contain_text("switched on for this station")


def test_doctor_fits_a_phone(console: Console, open_page: OpenPage) -> None:
    station_id = console.net.stations["MUS-03"]
    page = open_page(
        f"{console.url}/console/stations/{station_id}/attempts",
        storage_state=console.log_in("keza@example.org"),
        width=390,
    )
    expect(page.locator("#quirks")).to_be_visible()
    take_picture(page, "station-doctor-390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
