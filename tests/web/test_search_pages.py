"""Search by keyboard alone, saved views as a person keeps them, and both pages whole and accessible."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from web.browser import OpenPage, accessibility_violations, overflows, take_picture
from web.console_server import Console, running_console

LIGHT, DARK, PHONE = ("light", 1440), ("dark", 1440), ("light", 390)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with running_console(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture(scope="module")
def state(console: Console) -> dict[str, Any]:
    return console.log_in()


def test_everything_is_found_by_keyboard_alone(console: Console, state: dict[str, Any], open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/console", storage_state=state)
    palette, field = page.get_by_role("dialog", name="Search everything"), page.get_by_role("combobox")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    expect(palette.get_by_role("option", name="Review queue")).to_be_visible()  # pages, as nothing was opened yet
    page.keyboard.type("nya-0")
    options = palette.get_by_role("group", name="Stations").get_by_role("option")
    expect(options).to_have_count(3)
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", options.nth(1).get_attribute("id") or "")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("NYA-02")
    page.keyboard.press("Control+k")
    expect(palette.get_by_role("group", name="Opened last").get_by_role("option")).to_have_count(1)
    page.keyboard.type("add a stat")
    expect(palette.get_by_role("option", selected=True)).to_have_text("Add a station")
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    page.keyboard.press("Control+k")
    page.keyboard.type("zzzzz")
    expect(palette).to_contain_text("Nothing found")
    page.keyboard.press("Control+a")
    page.keyboard.type("review q")
    expect(palette.get_by_role("option", selected=True)).to_have_text("Review queue")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/console/review-queue$"))


def test_what_was_stepped_to_stays_chosen_when_the_list_comes_late(
    console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    """Whoever types and steps faster than the server answers opens what they stepped to."""
    page = open_page(f"{console.url}/console", storage_state=state)
    palette = page.get_by_role("dialog", name="Search everything")
    page.keyboard.press("/")
    page.keyboard.type("nya-")
    options = palette.get_by_role("group", name="Stations").get_by_role("option")
    expect(options).to_have_count(3)
    held: list[Route] = []
    page.route(re.compile(r"/search/hits\?q=nya-0$"), lambda route: held.append(route))  # noqa: PLW0108 - it wants a function
    with page.expect_request(re.compile(r"/search/hits\?q=nya-0$")):
        page.keyboard.type("0")
        page.keyboard.press("ArrowDown")
        expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(palette).to_have_attribute("data-state", "")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("NYA-02")


def test_filters_are_saved_opened_by_themselves_and_given_up(
    console: Console, state: dict[str, Any], open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/console/stations", storage_state=state)
    views = page.get_by_role("navigation", name="Saved views")
    expect(views).to_be_hidden()
    page.get_by_label("Vendor", exact=True).select_option("ABB")
    page.get_by_role("link", name="Save this view").click()
    page.get_by_label("Name").fill("All of ABB")
    page.get_by_label("Open the page with it").check()
    page.get_by_role("button", name="Save").click()
    expect(views.get_by_role("link", name="All of ABB")).to_have_attribute("aria-current", "page")
    expect(page).to_have_url(re.compile("vendor=ABB"))
    page.get_by_role("navigation", name="Pages of the console").get_by_role("link", name="Stations").click()
    expect(page).to_have_url(re.compile("vendor=ABB"))
    views.get_by_role("link", name="All", exact=True).click()
    expect(page.locator("#station-list tbody tr")).to_have_count(13)
    page.get_by_role("link", name="Arrange").click()
    page.get_by_label("Name: All of ABB").fill("ABB")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".toast")).to_contain_text("The view is renamed")
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete: ABB").click()
    expect(page.get_by_text("No view is saved yet")).to_be_visible()


def _seen(page: Page, name: str, scheme: str, width: int) -> None:
    take_picture(page, f"{name}-{'phone' if width < 500 else scheme}", full=False)
    assert accessibility_violations(page) == []
    assert not overflows(page)


@pytest.mark.parametrize(("scheme", "width"), [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
def test_search_and_saved_views_are_accessible_and_whole(
    console: Console, state: dict[str, Any], open_page: OpenPage, scheme: str, width: int
) -> None:
    page = open_page(
        f"{console.url}/console/search?q=kigali", scheme=scheme, width=width, height=844, storage_state=state
    )
    expect(page.get_by_role("link", name="Kigali Heights Kigali")).to_be_visible()
    _seen(page, "search", scheme, width)
    page.keyboard.press("Control+k")
    page.keyboard.type("kig")
    expect(page.get_by_role("option", name="KIG-01")).to_be_visible()
    _seen(page, "palette", scheme, width)
    page.goto(f"{console.url}/console/saved-views/new?address=/console/stations?q=kig")
    page.get_by_label("Name").fill(f"Kigali, {scheme} {width}")
    _seen(page, "saved-view-new", scheme, width)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("navigation", name="Saved views")).to_be_visible()
    _seen(page, "saved-view-tabs", scheme, width)
    page.goto(f"{console.url}/console/saved-views")
    _seen(page, "saved-views", scheme, width)
